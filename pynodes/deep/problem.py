"""Problem: what is asked of a graph. Its numbers, what is given, and what is to be found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module, choice
from pynodes._typing import Array
from pynodes.deep.energy import beside, node_energies, predicted_means, total_energy
from pynodes.deep.forward import predict_forward
from pynodes.deep.layout import LEAF, PARTLY, Layout
from pynodes.deep.numbers import Numbers, Weights, insert_weights, select_weights

Variables: TypeAlias = dict[int, Array]
"""Values of the blocks that a scheme moves, or slopes along them."""


class PointProblem(Module):
    """A batch of samples of which some nodes are given and the others are to be found.

    Attributes
    ----------
    layout
        The graph by structure, and what every node is in this question.
    numbers
        Its parameters.
    given
        Data by block, a safe number where an element is missing.
    masks
        Which elements are given, for blocks of which some are.
    weighs
        By what the energy of blocks is multiplied.
    count
        Number of samples.
    begun
        Where variables begin, by block and position, if not at the forward pass.
    """

    layout: Layout = choice()
    count: int = choice()
    numbers: Numbers
    given: dict[int, Array]
    masks: dict[int, Array]
    weighs: dict[int, Array]
    begun: dict[int, tuple[Any, ...]] | None = None

    def start(self) -> Variables:
        """The forward pass: variables at what their parents predict, given values taken where they are."""
        values = self.predict()
        return {index: self.begin(index, values[index]) for index in self.layout.variables}

    def begin(self, index: int, value: Array) -> Array:
        """Where a block begins: where the user says, or where it is predicted."""
        own = None if self.begun is None else self.begun.get(index)
        if own is None:
            return value
        if self.layout.blocks[index].size == 1:
            return own[0]
        parts = [value[place] if part is None else part for place, part in enumerate(own)]
        return jnp.stack(parts)

    def predict(self, errors: Variables | None = None) -> dict[int, Array]:
        """Values of all blocks, parents first, so much beside their predictions."""
        return self.forward(errors or {})[0]

    def forward(
        self, errors: Variables
    ) -> tuple[dict[int, Array], dict[int, Array], dict[int, Any]]:
        """The same with the energy of every node, sample by sample, and what came in at it."""
        return predict_forward(
            self.layout,
            self.numbers,
            self.given,
            self.masks,
            self.count,
            errors,
            self.all_weighs(),
        )

    def complete(self, variables: Variables) -> dict[int, Array]:
        """Values of all blocks whose energy counts."""
        return self.given | {index: self.hold(index, value) for index, value in variables.items()}

    def hold(self, index: int, value: Array) -> Array:
        """The value of a block, its given elements where they are."""
        if index not in self.masks:
            return value
        return jnp.where(beside(self.masks[index], value), self.given[index], value)

    def still(self, slopes: Variables) -> Variables:
        """Slopes along elements that may move; zero along the others."""
        return {
            index: slope
            if index not in self.masks
            else jnp.where(beside(self.masks[index], slope), 0.0, slope)
            for index, slope in slopes.items()
        }

    def prediction_of(self, variables: Variables) -> Variables:
        """What their parents predict of variables, at values."""
        values = self.complete(variables)
        return {i: predicted_means(self.layout, self.numbers, values, i) for i in variables}

    def energies(
        self, variables: Variables, terms: Sequence[int] | None = None
    ) -> dict[int, Array]:
        """Energy of every node, sample by sample."""
        values = self.complete(variables)
        return node_energies(self.layout, self.numbers, values, self.all_weighs(), terms)

    def all_weighs(self) -> dict[int, Array]:
        """By what energies are multiplied: leaves of which some elements are given weigh those alone."""
        return self.weigh_masked(LEAF)

    def data_weighs(self) -> dict[int, Array]:
        """The same where all nodes of which some elements are given weigh those alone."""
        return self.weigh_masked(LEAF, PARTLY)

    def weigh_masked(self, *roles: str) -> dict[int, Array]:
        """By what energies are multiplied, in some roles their given elements alone."""
        found = dict(self.weighs)
        for index, mask in self.masks.items():
            if self.layout.blocks[index].role in roles:
                share = mask.astype(jnp.result_type(float))
                found[index] = share * self.weighs[index] if index in self.weighs else share
        return found

    def slopes(self, variables: Variables) -> tuple[Variables, dict[int, Array]]:
        """Slope of every sample's energy along its variables, and the energies."""

        def total(variables: Variables) -> tuple[Array, dict[int, Array]]:
            terms = self.energies(variables)
            return total_energy(terms), terms

        slopes, terms = jax.grad(total, has_aux=True)(variables)
        return self.still(slopes), terms

    def slopes_of(self, moving: Sequence[int], variables: Variables) -> Variables:
        """Slopes along some blocks alone, from the energies that they enter."""
        terms = sorted({*moving, *self.layout.children(moving)})
        others = {index: value for index, value in variables.items() if index not in moving}

        def total(own: Variables) -> Array:
            return total_energy(self.energies(others | own, terms))

        return self.still(jax.grad(total)({index: variables[index] for index in moving}))

    def weight_slopes(self, variables: Variables) -> Weights:
        """Slope of the mean energy along the weights; those of an edge see only its two ends."""

        def mean(weights: Weights) -> Array:
            moved = dataclasses.replace(self, numbers=insert_weights(self.numbers, weights))
            return total_energy(moved.energies(variables)) / self.count

        return jax.grad(mean)(select_weights(self.numbers))

    def finish(self, variables: Variables) -> dict[int, Array]:
        """Values of all blocks, those that nothing depends on as they are predicted."""
        known = self.given | {index: self.hold(index, value) for index, value in variables.items()}
        leaves = {
            index: mask
            for index, mask in self.masks.items()
            if self.layout.blocks[index].role != PARTLY
        }
        return predict_forward(self.layout, self.numbers, known, leaves, self.count, {}, {})[0]


@dataclasses.dataclass(frozen=True)
class Record:
    """What is kept of the steps of a scheme.

    Attributes
    ----------
    steps
        How many steps there are.
    values
        Whether values are kept, besides energies.
    """

    steps: int
    values: bool = False


class PointResult(Module):
    """What a scheme found.

    Attributes
    ----------
    variables
        Values of the blocks that were to be found.
    first, last
        Root mean square slope along every variable node, at the start and at the end.
    opposite
        The variables on the other side, of a scheme that looks at two.
    trace
        Energy of every node before each step and after the last, as a mean over samples; None unless
        asked for.
    path
        The variables before each step; None unless asked for.
    """

    variables: Variables
    first: dict[int, Array]
    last: dict[int, Array]
    trace: dict[int, Array] | None = None
    path: Variables | None = None
    opposite: Variables | None = None


def measure_status(problem: PointProblem, found: PointResult) -> dict[int, Array]:
    """How steep the energy is at what was found, node by node, relative to the steepest at the start."""
    if not found.variables:
        return {}
    layout = problem.layout
    first = root_mean_squares(layout, problem.slopes(problem.start())[0])
    last = root_mean_squares(layout, problem.slopes(found.variables)[0])
    steepest = jnp.stack([jnp.max(size) for size in first.values()]).max()
    # Where it was flat from the start there was nothing to do.
    share = jnp.where(steepest > 0, 1 / jnp.where(steepest > 0, steepest, 1.0), 0.0)
    return {index: size * share for index, size in last.items()}


def root_mean_squares(layout: Layout, slopes: Variables) -> dict[int, Array]:
    """Root mean square of slopes, node by node."""
    found = {}
    for index, slope in slopes.items():
        axes = tuple(range(int(layout.blocks[index].size > 1), jnp.ndim(slope)))
        found[index] = jnp.sqrt(jnp.mean(slope**2, axis=axes))
    return found


def sample_means(terms: dict[int, Array]) -> dict[int, Array]:
    """Means of energies over the samples, node by node."""
    return {index: jnp.mean(term, axis=-1) for index, term in terms.items()}
