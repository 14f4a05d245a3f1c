"""Weight beliefs: a Gaussian for every weight, whose variance is the size of its steps.

A batch says of a weight what it says of a parent: a slope, and a curvature without the bend of the network.
Precisions add up, and a weight that many samples have pinned moves little from then on. Beliefs of different
weights are kept apart: of their joint curvature the diagonal counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._core.modules import Module, choice, parameter
from pynodes._errors import ParameterError, quote
from pynodes._runtime.network import Network
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.couplings import AbstractArrayCoupling
from pynodes.deep.energy import apply_rule, gather_slot, sum_block_inlets
from pynodes.deep.errors import force_of, given_outputs
from pynodes.deep.layout import VARIABLE, Layout
from pynodes.deep.numbers import Weights, insert_weights, select_weights, weight_fields
from pynodes.deep.problem import PointProblem
from pynodes.deep.scheme import AbstractPointScheme, check_numbers


class Learning(Module):
    """How weights learn.

    Parameters
    ----------
    weigh
        Whether one sweep in closed form weighs the errors that weights learn from by their precisions.
    beliefs
        Whether every weight has a Gaussian belief. Its mean is the weight; its variance is the size of its
        steps, so that no optimiser is needed, and falls with all that was learned.
    prior_mean, prior_precision
        The belief about every weight that nothing was learned about. Weights begin where they were drawn,
        with this precision.
    window
        Batches that are remembered: with each, a belief goes back towards its prior by one part in so many.
        As many as an epoch has let every sample count about once, however many epochs there are. None
        for ever.

    Raises
    ------
    ParameterError
        A number outside its range, or a choice that is no truth value.

    Source: derived in docs/theory/deep.md; the window as in Bonnet et al. (2025), arXiv 2504.13569.
    """

    weigh: bool = choice(True)
    beliefs: bool = choice(False)
    prior_mean: Scalar = parameter(0.0)
    prior_precision: Scalar = parameter(1.0, positive=True)
    window: Any = parameter(None, bounds=(1.0, float("inf")))

    def __post_init__(self) -> None:
        for name in ("weigh", "beliefs"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ParameterError(f"Learning: {name} must be True or False, not {value!r}.")
        check_numbers(self)


@dataclasses.dataclass(frozen=True)
class WeightBelief:
    """What is believed of the numbers of one array.

    Attributes
    ----------
    mean
        Their means: the weights of the network.
    sd
        Their standard deviations.
    """

    mean: AnyArray
    sd: AnyArray


def begin_precisions(learning: Learning, weights: Any) -> Any:
    """Precisions of all weights before anything was learned."""
    return jax.tree.map(lambda w: jnp.full_like(w, learning.prior_precision), weights)


def update_beliefs(
    learning: Learning,
    weights: Any,
    precisions: Any,
    slopes: Any,
    curvatures: Any,
    rate: Scalar,
    bend_along: Callable[[Any], Array],
) -> tuple[Any, Any]:
    """Means and precisions after a batch.

    A share of the belief goes back to the prior, the batch adds its curvature to the precision, and the mean
    goes down its slope: for one weight alone, Bayes' rule. All weights move at once, and may together go
    too far; so the step ends where the energy along it is least.

    Parameters
    ----------
    learning
        Prior and window.
    weights, precisions
        The beliefs before.
    slopes, curvatures
        Of the energy along every weight, summed over the samples of the batch, at the means.
    rate
        By what the move is multiplied.
    bend_along
        Curvature of that energy along a move of all weights together.
    """
    lost = 0.0 if learning.window is None else 1 / jnp.asarray(learning.window)
    prior = jnp.asarray(learning.prior_precision)
    kept = jax.tree.map(lambda precision: precision - lost * (precision - prior), precisions)
    after = jax.tree.map(jnp.add, kept, curvatures)

    def move(weight: Array, precision: Array, slope: Array) -> Array:
        return (lost * prior * (learning.prior_mean - weight) - slope) / precision

    moves = jax.tree.map(move, weights, after, slopes)
    whole, held = weigh_squares(after, moves), weigh_squares(kept, moves) + bend_along(moves)
    share = jnp.where(held > whole, whole / jnp.where(held > whole, held, 1.0), 1.0)

    def moved(weight: Array, by: Array) -> Array:
        return weight + (rate * share * by).astype(weight.dtype)

    return jax.tree.map(moved, weights, moves), after


def weigh_squares(precisions: Any, moves: Any) -> Array:
    """Squares of moves, weighed by precisions and summed."""
    parts = jax.tree.map(lambda precision, by: jnp.sum(precision * by**2), precisions, moves)
    return sum(jax.tree.leaves(parts), start=jnp.zeros(()))


def bend_weights(problem: PointProblem, values: Mapping[int, Array], moves: Weights) -> Array:
    """Curvature along a move of all weights, from what it does to what comes in at given nodes.

    Free values keep their errors, so that a move goes through the whole network; summed over samples.
    """
    variables = {index: values[index] for index in problem.layout.variables}
    means = problem.prediction_of(variables)
    errors = {index: value - means[index] for index, value in variables.items()}
    outputs = given_outputs(problem.layout)
    weighs = problem.all_weighs()

    def reach(weights: Weights) -> dict[int, Any]:
        moved = dataclasses.replace(problem, numbers=insert_weights(problem.numbers, weights))
        inlets = moved.forward(errors)[2]
        return {index: inlets[index] for index in outputs}

    def forces(came: dict[int, Any]) -> dict[int, Any]:
        return {i: force_of(problem, problem.given[i], came[i], weighs.get(i), i) for i in outputs}

    came, sent = jax.jvp(reach, (select_weights(problem.numbers),), (moves,))
    _, back = jax.jvp(forces, (came,), (sent,))
    parts = jax.tree.map(lambda one, other: jnp.sum(one * other), sent, back)
    return sum(jax.tree.leaves(parts), start=jnp.zeros(()))


def report_beliefs(
    names: Mapping[str, Any], precisions: Mapping[str, Any]
) -> dict[str, WeightBelief]:
    """Beliefs by the names of parameters."""
    return {
        name: WeightBelief(np.asarray(mean), 1 / np.sqrt(np.asarray(precisions[name])))
        for name, mean in names.items()
    }


def weight_curvatures(problem: PointProblem, values: Mapping[int, Array]) -> Weights:
    """Curvature of the energy along every weight, summed over samples, free values integrated out.

    Without the bend of the network, at values of all nodes that count.
    """
    layout, numbers = problem.layout, problem.numbers
    heard = pull_evidence(problem, values)
    found = []
    for index, block in enumerate(layout.blocks):
        slots: list[dict[str, Any]] = []
        for slot, coupling in zip(block.slots, numbers.couplings[index], strict=True):
            names = weight_fields(coupling)
            if not names or index not in heard:
                slots.append({n: jnp.zeros_like(jnp.asarray(getattr(coupling, n))) for n in names})
                continue
            rule = pull_to_weights if block.size == 1 else jax.vmap(pull_to_weights)
            slots.append(rule(coupling, gather_slot(layout, values, slot), heard[index]))
        found.append(tuple(slots))
    return tuple(found)


def pull_to_weights(coupling: Any, parent: Array, curvature: Array) -> dict[str, Array]:
    """What curvatures at the end of one edge, sample by sample, say of its weights."""
    nothing = {n: jnp.zeros_like(jnp.asarray(getattr(coupling, n))) for n in coupling.learnable}

    def spread(variances: dict[str, Array]) -> Array:
        return jax.vmap(lambda x: coupling.weight_spread(x, variances))(parent)

    return jax.vjp(spread, nothing)[1](curvature)[0]


def pull_evidence(problem: PointProblem, values: Mapping[int, Array]) -> dict[int, Array]:
    """What every block says of a shift of what comes in: curvatures, its own free values integrated out.

    A free unit that hears the curvature c from its children and strays from its prediction by the variance
    v says c / (1 + v c) of it. Children first: as many rounds as there are free nodes in a row.
    """
    layout = problem.layout
    indices = [index for index in layout.terms if layout.blocks[index].slots]
    views = {index: look_at_inlet(problem, values, index) for index in indices}

    def say(own: dict[int, Array]) -> dict[int, Array]:
        return {index: views[index].say(own.get(index)) for index in indices}

    def once(_: Any, own: dict[int, Array]) -> dict[int, Array]:
        said = say(own)
        fresh = {index: jnp.zeros_like(curvature) for index, curvature in own.items()}
        for index in indices:
            for number, slot in enumerate(layout.blocks[index].slots):
                if any(parent in fresh for parent, _ in slot.parents):
                    sent = send_curvature(problem, values, said[index], index, number)
                    add_to_parents(layout, fresh, slot.parents, sent, layout.blocks[index].size)
        return fresh

    nothing = {index: jnp.zeros_like(values[index]) for index in layout.variables}
    return say(lax.fori_loop(0, count_free_levels(layout), once, nothing))


@dataclasses.dataclass(frozen=True)
class InletView:
    """What of a block decides what it says of a shift of what comes in.

    Attributes
    ----------
    through
        Square of the slope of its prediction along what comes in.
    variance
        How far its values stray from that.
    known
        Curvature where it is given.
    mask
        Which elements are given: True and False for all.
    """

    through: Array
    variance: Array
    known: Array
    mask: Any

    def say(self, heard: Array | None) -> Array:
        """The curvature along what comes in, from what it hears from its children."""
        if heard is None or self.mask is True:
            return self.known
        free = self.through * heard / (1 + self.variance * heard)
        return free if self.mask is False else jnp.where(self.mask, self.known, free)


def look_at_inlet(problem: PointProblem, values: Mapping[int, Array], index: int) -> InletView:
    """How a block takes what comes in."""
    block, node = problem.layout.blocks[index], problem.numbers.nodes[index]
    inlet = sum_block_inlets(problem.layout, problem.numbers, values, index)
    fed = {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}
    unfed = {name: sent for name, sent in inlet.items() if not jnp.ndim(sent)}

    def look(node: Any, value: Array, fed: dict[str, Array]) -> tuple[Array, Array]:
        belief = node.predict(node.init(), unfed | fed, jnp.ones(()))
        variance = jnp.broadcast_to(belief.predicted_variance, jnp.shape(value))
        steepness = getattr(belief, "steepness", jnp.ones_like(value))
        return jnp.broadcast_to(steepness**2, jnp.shape(value)), variance

    through, variance = apply_rule(look, block.size)(node, values[index], fed)
    known = variance if "logit" in fed else through / variance
    weigh = problem.all_weighs().get(index)
    if weigh is not None:
        known = known * (weigh if jnp.ndim(weigh) in (0, jnp.ndim(known)) else weigh[..., None])
    mask: Any = block.role not in VARIABLE
    if index in problem.masks and not mask:
        mask = problem.masks[index]
    return InletView(through=through, variance=variance, known=known, mask=mask)


def send_curvature(
    problem: PointProblem, values: Mapping[int, Array], curvature: Array, index: int, number: int
) -> Array:
    """What curvatures at a block say along one of its slots: curvatures along the parents."""
    block = problem.layout.blocks[index]

    def back(coupling: Any, x: Array, curvature: Array) -> Array:
        return jax.vjp(lambda v: coupling.spread(x, v), jnp.zeros_like(x))[1](curvature)[0]

    parents = gather_slot(problem.layout, values, block.slots[number])
    return apply_rule(back, block.size)(
        problem.numbers.couplings[index][number], parents, curvature
    )


def add_to_parents(
    layout: Layout, totals: dict[int, Array], parents: Any, sent: Array, size: int
) -> None:
    """Add what the children of a slot send to the totals of those of its parents that have one."""
    for row, (index, position) in enumerate(parents):
        if index not in totals:
            continue
        own = sent if size == 1 else sent[row]
        if layout.blocks[index].size == 1:
            totals[index] = totals[index] + own
        else:
            totals[index] = totals[index].at[position].add(own)


def count_free_levels(layout: Layout) -> int:
    """The largest number of free nodes in a row, parent to child."""
    length: dict[tuple[int, int], int] = {}
    for index, position in layout.order:
        block = layout.blocks[index]
        above = max((length[slot.parents[position]] for slot in block.slots), default=0)
        length[index, position] = above + 1 if block.role in VARIABLE else 0
    return max(length.values(), default=0)


def check_point_beliefs(network: Network, layout: Layout, scheme: AbstractPointScheme) -> None:
    """A network and a scheme whose weights can have beliefs.

    Raises
    ------
    ParameterError
        A scheme that moves weights by itself; a free node with children by couplings that define no
        variances.
    GraphError
        Edges that are fed back.
    """
    network.labels.refuse_feedback("Learning(beliefs=True)", "Learn such weights by an optimiser.")
    if type(scheme).learn is not AbstractPointScheme.learn:
        raise ParameterError(
            f"Learning(beliefs=True) moves weights once a batch, and {scheme!r} moves them itself. Take "
            "another scheme, or an optimiser."
        )
    wanting = [
        name
        for index in layout.terms
        for slot in layout.blocks[index].slots
        for edge, name, (parent, _) in zip(slot.edges, slot.names, slot.parents, strict=True)
        if layout.blocks[parent].role in VARIABLE and not spreads(network, edge)
    ]
    if wanting:
        raise ParameterError(
            f"Learning(beliefs=True) asks what variances of free values become along edges, and couplings of "
            f"{quote(wanting)} define none (spread). Learn the weights of this network by an optimiser."
        )


def spreads(network: Network, edge: tuple[str, str, str]) -> bool:
    """Whether a coupling says what variances of its parent become."""
    coupling = network.labels.graph._edges[edge]
    return isinstance(coupling, AbstractArrayCoupling) and coupling.spreads
