"""Errors: the errors of free nodes as variables; by gradient steps, or by Gauss-Newton ones.

A free node's value is its prediction plus its error, in the order of levels; a node that is given has no
error of its own. In these coordinates a slope crosses the whole network at once, so that depth costs no
steps. The curvature is I + JᵀCJ, with J from errors to what comes in at given nodes: it grows with depth.
What is fed back to a free node is one more such term, by how far its value is from that prediction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.beliefs import ROUNDINGS
from pynodes._core.modules import parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array
from pynodes.deep.energy import apply_rule, beside, total_energy
from pynodes.deep.layout import FREE, PARTLY, Layout
from pynodes.deep.messages import Forces
from pynodes.deep.problem import (
    PointProblem,
    PointResult,
    Record,
    Variables,
    root_mean_squares,
    sample_means,
)
from pynodes.deep.scheme import AbstractPointScheme

TURNS = 4
"""Turns of power iteration by which the largest curvature is estimated."""

HALVINGS = 12
"""How often a Gauss-Newton step is halved at most."""


class Errors(AbstractPointScheme):
    """Errors of free nodes go down the slope of the energy, through the network.

    Parameters
    ----------
    steps
        Number of steps.
    step
        Step size; ``"auto"`` takes, for every sample, one over the largest curvature at the forward
        pass, by four turns of power iteration, and halves it where a step raised the sample's energy. A
        fixed one beyond twice that diverges; its status says so.

    Raises
    ------
    ParameterError
        Steps or a step size that are not positive.

    Source: Goemaere et al. (2025), arXiv 2505.20137.
    """

    steps: Any = parameter(20, whole=True, positive=True)
    step: Any = parameter(None, positive=True)

    def __post_init__(self) -> None:
        if isinstance(self.step, str):
            if self.step != "auto":
                raise ParameterError(f"Errors: step must be 'auto' or a number, not {self.step!r}.")
            object.__setattr__(self, "step", None)
        super().__post_init__()

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        del key
        slopes_at = slopes_of_errors(problem)
        errors = no_errors(problem)
        layout, fixed = problem.layout, self.step is not None
        step = (
            jnp.asarray(self.step) if fixed else 1 / largest_curvature(problem, slopes_at, errors)
        )

        def tick(held: Any) -> tuple[Any, Variables, dict[int, Array]]:
            errors, step, before = held
            slopes, terms = slopes_at(errors)
            now = before
            if not fixed:  # the curvature may be larger on the way than where it was measured
                now = per_sample(layout, terms)
                slack = ROUNDINGS * jnp.finfo(now.dtype).eps * jnp.abs(now)
                step = jnp.where(now > before + slack, step / 2, step)
            return (add_scaled(layout, errors, -step, slopes), step, now), slopes, terms

        unknown = jnp.full(problem.count, jnp.inf)
        return follow_errors(problem, tick, (errors, step, unknown), self.steps, record)


class GaussNewton(AbstractPointScheme):
    """Errors of free nodes by Gauss-Newton steps, each by conjugate gradients, sample by sample.

    JᵀCJ has at most as high a rank as there are given outputs, so that few turns suffice at any depth. A
    step that does not lower the energy of a sample is halved for it.

    Parameters
    ----------
    outer
        Number of steps.
    inner
        Turns of conjugate gradients in each.

    Raises
    ------
    ParameterError
        Numbers that are not positive.

    Source: Nocedal and Wright (2006), doi 10.1007/978-0-387-40065-5, chapters 7.1 and 10.3; for the energy of
    predictive coding derived in docs/theory/deep.md.
    """

    outer: Any = parameter(3, whole=True, positive=True)
    inner: Any = parameter(3, whole=True, positive=True)

    @property
    def steps(self) -> Any:
        """Number of steps, for those who record them."""
        return self.outer

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        del key
        slopes_at = slopes_of_errors(problem)

        def tick(held: Any) -> tuple[Any, Variables, dict[int, Array]]:
            (errors,) = held
            slopes, terms = slopes_at(errors)
            apply = curvature_at(problem, errors)
            direction = conjugate_gradients(problem.layout, apply, slopes, self.inner)
            moved = shorten_steps(problem, errors, direction, per_sample(problem.layout, terms))
            return (moved,), slopes, terms

        found = follow_errors(problem, tick, (no_errors(problem),), self.outer, record)
        # Few steps that go far: how steep it was before the last one says little.
        last = root_mean_squares(problem.layout, problem.slopes(found.variables)[0])
        return dataclasses.replace(found, last=last)


def follow_errors(
    problem: PointProblem,
    tick: Callable[[Any], tuple[Any, Variables, dict[int, Array]]],
    held: Any,
    steps: Any,
    record: Record | None,
) -> PointResult:
    """So many steps along errors, which what is held begins with, and the values at their end."""
    layout = problem.layout
    if record:

        def recorded(held: Any, _: Any) -> Any:
            errors = held[0]
            held, slopes, terms = tick(held)
            path = problem.predict(errors) if record.values else {}
            kept = {i: path[i] for i in errors} if record.values else None
            return held, (root_mean_squares(layout, slopes), sample_means(terms), kept)

        (errors, *_), (sizes, trace, path) = lax.scan(recorded, held, length=record.steps)
        values, terms, _ = problem.forward(errors)
        end = sample_means(terms)
        trace = {i: jnp.concatenate([trace[i], end[i][None]]) for i in trace}
        if path is not None:
            path = {i: jnp.concatenate([path[i], values[i][None]]) for i in path}
        first, last = ({i: s[at] for i, s in sizes.items()} for at in (0, -1))
        variables = {i: values[i] for i in layout.variables}
        return PointResult(variables=variables, first=first, last=last, trace=trace, path=path)

    def body(number: Array, carry: Any) -> Any:
        held, first, _ = carry
        held, slopes, _ = tick(held)
        last = root_mean_squares(layout, slopes)
        return held, {i: jnp.where(number == 0, last[i], first[i]) for i in first}, last

    zero = root_mean_squares(layout, held[0])
    (errors, *_), first, last = lax.fori_loop(0, steps, body, (held, zero, zero))
    values = problem.predict(errors)
    return PointResult(variables={i: values[i] for i in layout.variables}, first=first, last=last)


def no_errors(problem: PointProblem) -> Variables:
    """Errors of the forward pass, or of where the user wants to begin."""
    start = problem.start()
    if problem.begun is None:
        return jax.tree.map(jnp.zeros_like, start)
    means = problem.prediction_of(start)
    return {index: start[index] - means[index] for index in start}


def slopes_of_errors(
    problem: PointProblem,
) -> Callable[[Variables], tuple[Variables, dict[int, Array]]]:
    """Slopes of the energy along errors, through the network, and the energies."""

    def total(errors: Variables) -> tuple[Array, dict[int, Array]]:
        terms = problem.forward(errors)[1]
        return total_energy(terms), terms

    def slopes_at(errors: Variables) -> tuple[Variables, dict[int, Array]]:
        slopes, terms = jax.grad(total, has_aux=True)(errors)
        return problem.still(slopes), terms

    return slopes_at


def largest_curvature(
    problem: PointProblem,
    slopes_at: Callable[[Variables], tuple[Variables, Any]],
    errors: Variables,
) -> Array:
    """The largest eigenvalue of the energy's curvature along errors, for every sample."""
    layout = problem.layout
    apply = curvature_at(problem, errors)
    begin = slopes_at(errors)[0]

    def turn(_: Any, held: tuple[Variables, Array]) -> tuple[Variables, Array]:
        vector, _ = held
        size = jnp.sqrt(inner_product(layout, vector, vector))
        image = apply(scale_errors(layout, 1 / jnp.where(size > 0, size, 1.0), vector))
        return image, jnp.sqrt(inner_product(layout, image, image))

    # Where there is no slope there is nothing to do, and a curvature of one does no harm.
    _, largest = lax.fori_loop(0, TURNS, turn, (begin, jnp.ones(problem.count)))
    return jnp.where(largest > 0, largest, 1.0)


def curvature_at(problem: PointProblem, errors: Variables) -> Callable[[Variables], Variables]:
    """The Gauss-Newton curvature along errors, as a linear map.

    It keeps the second derivatives of single terms, by errors and by what comes in at given nodes, and
    leaves out how the network bends between them.
    """
    layout, values, weighs = problem.layout, problem.given, problem.data_weighs()
    outputs, rest = given_outputs(layout), problem.all_weighs() | free_shares(problem)
    twice = [index for index in layout.variables if layout.blocks[index].bidirectional]

    def reach(errors: Variables) -> tuple[tuple[dict[int, Forces], Variables], dict[int, Any]]:
        found, _, inlets = problem.forward(errors)
        gaps = {
            index: feedback_errors(problem, found[index], inlets[index], index) for index in twice
        }
        return ({index: inlets[index] for index in outputs}, gaps), inlets

    came, push, inlets = jax.linearize(reach, errors, has_aux=True)
    pull = jax.linear_transpose(push, errors)

    def forces(
        came: tuple[dict[int, Forces], Variables],
    ) -> tuple[dict[int, Forces], Variables]:
        inlets, gaps = came
        return (
            {i: force_of(problem, values[i], inlets[i], weighs.get(i), i) for i in outputs},
            {i: feedback_forces(problem, gaps[i], rest.get(i), i) for i in twice},
        )

    own = {i: own_curvature(problem, error, inlets.get(i, {}), i) for i, error in errors.items()}

    def apply(vector: Variables) -> Variables:
        _, sent = jax.jvp(forces, (came,), (push(vector),))
        back = pull(sent)[0]
        return problem.still({i: back[i] + own[i] * v for i, v in vector.items()})

    return apply


def given_outputs(layout: Layout) -> list[int]:
    """Blocks that are given, whole or in part, and have parents."""
    return [i for i in layout.terms if layout.blocks[i].role != FREE and layout.blocks[i].slots]


def free_shares(problem: PointProblem) -> dict[int, Array]:
    """Which elements of variables are free, where some are given; these count among the given ones."""
    return {
        index: jnp.logical_not(mask).astype(jnp.result_type(float))
        for index, mask in problem.masks.items()
        if problem.layout.blocks[index].role == PARTLY
    }


def force_of(problem: PointProblem, value: Array, came: Forces, weigh: Any, index: int) -> Forces:
    """Slope of a given block's energy along what comes in."""
    node = problem.numbers.nodes[index]
    unfed = {name: 0.0 for name in node.inlets if name not in came}

    def along(node: Any, value: Array, came: Forces, weigh: Any) -> Forces:
        def term(came: Forces) -> Array:
            own = node.energy(value, unfed | came)
            return jnp.sum(own if weigh is None else own * weigh)

        return jax.grad(term)(came)

    return apply_rule(along, problem.layout.blocks[index].size)(node, value, came, weigh)


def feedback_errors(problem: PointProblem, value: Array, inlet: Forces, index: int) -> Array:
    """How far a block's values are from what is fed back to it."""

    def gap(node: Any, value: Array, sent: Array) -> Array:
        return node.feedback_error(value, {"feedback": sent})

    rule = apply_rule(gap, problem.layout.blocks[index].size)
    return rule(problem.numbers.nodes[index], value, inlet["feedback"])


def feedback_forces(problem: PointProblem, gap: Array, weigh: Any, index: int) -> Array:
    """Slope along these errors of the energy that feedback makes."""

    def along(node: Any, gap: Array, weigh: Any) -> Array:
        def term(gap: Array) -> Array:
            own = node.feedback_energy(gap)
            return jnp.sum(own if weigh is None else own * weigh)

        return jax.grad(term)(gap)

    rule = apply_rule(along, problem.layout.blocks[index].size)
    return rule(problem.numbers.nodes[index], gap, weigh)


def own_curvature(problem: PointProblem, error: Array, inlet: Forces, index: int) -> Array:
    """Curvature of a variable's own energy along its error, element by element: its precision."""
    node = problem.numbers.nodes[index]
    if problem.layout.blocks[index].bidirectional:
        node = dataclasses.replace(node, bidirectional=False)
    unfed = {name: 0.0 for name in node.inlets if name not in inlet}

    def bend(node: Any, error: Array, inlet: Forces) -> Array:
        inlets = unfed | inlet
        mean = lax.stop_gradient(node.predict(node.init(), inlets, jnp.ones(())).predicted_mean)

        def slope(error: Array) -> Array:
            return jax.grad(lambda e: jnp.sum(node.energy(mean + e, inlets)))(error)

        return jax.jvp(slope, (error,), (jnp.ones_like(error),))[1]

    return apply_rule(bend, problem.layout.blocks[index].size)(node, error, inlet)


def conjugate_gradients(
    layout: Layout, apply: Callable[[Variables], Variables], slopes: Variables, turns: Any
) -> Variables:
    """Minus the slopes divided by a curvature, by so many turns, sample by sample.

    A sample whose curvature is not positive along a direction, as it may be where a given layer's own
    function bends, ends there with what it has: in the first turn, with minus its slopes. So every
    direction goes down.
    """
    residual = jax.tree.map(jnp.negative, slopes)
    size = inner_product(layout, residual, residual)

    def turn(number: Any, held: Any) -> Any:
        found, residual, direction, size = held
        image = apply(direction)
        along = inner_product(layout, direction, image)
        down = along > 0
        reach = jnp.where(down, size / jnp.where(down, along, 1.0), 0.0)
        reach = jnp.where(~down & (number == 0), 1.0, reach)
        found = add_scaled(layout, found, reach, direction)
        residual = add_scaled(layout, residual, -reach, image)
        left = jnp.where(down, inner_product(layout, residual, residual), 0.0)
        share = jnp.where(size > 0, left / jnp.where(size > 0, size, 1.0), 0.0)
        goes_on = down.astype(left.dtype)
        residual = scale_errors(layout, goes_on, residual)
        direction = add_scaled(layout, residual, share * goes_on, direction)
        return found, residual, scale_errors(layout, goes_on, direction), left

    nothing = jax.tree.map(jnp.zeros_like, slopes)
    return lax.fori_loop(0, turns, turn, (nothing, residual, residual, size))[0]


def shorten_steps(
    problem: PointProblem, errors: Variables, direction: Variables, now: Array
) -> Variables:
    """Errors after a step that lowers every sample's energy: halved for those for which it does not."""

    def reached(share: Array) -> tuple[Variables, Array]:
        moved = add_scaled(problem.layout, errors, share, direction)
        return moved, per_sample(problem.layout, problem.forward(moved)[1])

    def goes_on(held: Any) -> Array:
        number, _, bad = held
        return (number < HALVINGS) & bad.any()

    def halve(held: Any) -> Any:
        number, share, bad = held
        share = jnp.where(bad, share / 2, share)
        return number + 1, share, ~(reached(share)[1] <= now)

    whole = jnp.ones(problem.count)
    begin = (jnp.zeros((), jnp.int32), whole, ~(reached(whole)[1] <= now))
    _, share, bad = lax.while_loop(goes_on, halve, begin)
    return reached(jnp.where(bad, 0.0, share))[0]


def scale_errors(layout: Layout, factor: Any, variables: Variables) -> Variables:
    """Variables times a number, or one of every sample's."""
    if not jnp.ndim(factor):
        return {index: factor * value for index, value in variables.items()}
    return {
        index: beside(factor, value) * value
        if layout.blocks[index].size == 1
        else beside(factor, value[0])[None] * value
        for index, value in variables.items()
    }


def add_scaled(layout: Layout, one: Variables, factor: Any, other: Variables) -> Variables:
    """Variables plus others times a number."""
    moves = scale_errors(layout, factor, other)
    return {index: value + moves[index] for index, value in one.items()}


def per_sample(layout: Layout, terms: dict[int, Array]) -> Array:
    """Energy of every sample, summed over nodes."""
    parts = [term if layout.blocks[i].size == 1 else jnp.sum(term, 0) for i, term in terms.items()]
    return sum(parts[1:], start=parts[0])


def inner_product(layout: Layout, one: Variables, other: Variables) -> Array:
    """Sum of products, sample by sample."""
    total: Any = 0.0
    for index, left in one.items():
        several = layout.blocks[index].size > 1
        axes = tuple(axis for axis in range(left.ndim) if axis != several)
        total = total + jnp.sum(left * other[index], axis=axes)
    return total
