"""Nudged: leaves that pull a little, and what changes with how much they do."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.deep.layout import BARREN, FREE, GIVEN, LEAF, PARTLY
from pynodes.deep.numbers import Weights
from pynodes.deep.problem import PointProblem, PointResult, Record
from pynodes.deep.scheme import AbstractPointScheme, check_inner
from pynodes.deep.settle import Settle

SIDES = ("positive", "negative", "centred")
"""Which way leaves are nudged: towards their data, away from them, or both."""


class NudgingWarning(UserWarning):
    """Leaves that are pushed away from data without a bound."""


class Nudged(AbstractPointScheme):
    """Values are found with the energy of given children weighed by a small number, positive or negative.

    Slopes of the weights are divided by it, or by the distance of both sides. With the number they go to
    those of backpropagation: as it does with one side, as its square with both.

    Parameters
    ----------
    scheme
        How values are found on each side; 20 steps of :class:`Settle` by default.
    beta
        By what the energy of given children is weighed, above 0 and at most 1.
    side
        ``"positive"``, ``"negative"`` or ``"centred"``. Nudged away from its data, a leaf of
        outcomes has no bound below, and training collapses in the end: take a Gaussian one, or both sides.

    Raises
    ------
    ParameterError
        A number outside its range, or an unknown side.

    Source: Scellier and Bengio (2017), doi 10.3389/fncom.2017.00024; Pinchetti et al. (2024),
    arXiv 2407.01163.
    """

    scheme: Any = None
    beta: Scalar = parameter(0.1, positive=True, bounds=(0.0, 1.0))
    side: str = choice("centred")

    def __post_init__(self) -> None:
        if self.scheme is None:
            object.__setattr__(self, "scheme", Settle())
        check_inner(self, self.scheme)
        super().__post_init__()
        if self.side not in SIDES:
            raise ParameterError(
                f"Nudged: side must be one of {', '.join(SIDES)}, not {self.side!r}."
            )

    @property
    def steps(self) -> Any:
        """Number of steps of the scheme on each side."""
        return getattr(self.scheme, "steps", 0)

    def take_turns(self, labels: Labels, roles: dict[str, str]) -> dict[str, int] | None:
        given = (GIVEN, PARTLY, LEAF)
        nudged = [n for n, role in roles.items() if role in given and labels.graph.parents(n)]
        unbounded = [name for name in nudged if labels.graph.nodes[name].discrete]
        if self.side == "negative" and unbounded:
            warnings.warn(
                f"{', '.join(unbounded)} is pushed away from its data, and its energy has no bound below. "
                "Use side='centred', or a Layer as leaf.",
                NudgingWarning,
                stacklevel=6,
            )
        return self.scheme.take_turns(labels, roles)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        if self.side == "negative":
            return self.scheme.find(weigh_leaves(problem, -self.beta), key, record)
        found = self.scheme.find(weigh_leaves(problem, self.beta), key, record)
        if self.side == "positive":
            return found
        other = self.scheme.find(weigh_leaves(problem, -self.beta), key)
        return dataclasses.replace(found, opposite=other.variables)

    def gradients(self, problem: PointProblem, found: PointResult) -> Weights:
        sign = -1.0 if self.side == "negative" else 1.0
        slopes = weigh_leaves(problem, sign * self.beta).weight_slopes(found.variables)
        if found.opposite is None:
            # Without leaves the energy is least at the forward pass, where no weight has a slope.
            return jax.tree.map(lambda slope: sign * slope / self.beta, slopes)
        others = weigh_leaves(problem, -self.beta).weight_slopes(found.opposite)
        return jax.tree.map(lambda a, b: (a - b) / (2 * self.beta), slopes, others)


def weigh_leaves(problem: PointProblem, beta: Any) -> PointProblem:
    """The same problem with the energy of given children weighed."""
    blocks = problem.layout.blocks
    weighs = dict(problem.weighs)
    for index, block in enumerate(blocks):
        if block.role in (FREE, BARREN) or not block.slots:
            continue
        share = jnp.asarray(beta)
        if block.role == PARTLY:  # what is free of it is no data
            share = jnp.where(problem.masks[index], share, 1.0)
        weighs[index] = share * weighs.get(index, jnp.ones(()))
    return dataclasses.replace(problem, weighs=weighs)
