"""Settle: states that go down the slope of the energy, all at once or in turns."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.labels import Labels
from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.deep.layout import VARIABLE, sort_nodes
from pynodes.deep.learning import Learner
from pynodes.deep.problem import (
    PointProblem,
    PointResult,
    Record,
    Variables,
    root_mean_squares,
    sample_means,
)
from pynodes.deep.scheme import AbstractPointScheme, check_numbers

ORDERS = ("simultaneous", "colours", "upward")
"""In which order nodes move."""


@dataclasses.dataclass(frozen=True)
class Langevin:
    """A rule that draws from the posterior: a gradient step, and noise of variance 2 step temperature.

    Parameters
    ----------
    temperature
        Of the distribution exp(-F / temperature) that is drawn from, as steps become small.

    Source: Oliviers, Bogacz and Meulemans (2024), doi 10.1371/journal.pcbi.1012532.
    """

    temperature: float = parameter(1.0, positive=True)

    def __post_init__(self) -> None:
        check_numbers(self)


class Settle(AbstractPointScheme):
    """Predictive coding: values descend the energy of their own sample, step by step.

    Parameters
    ----------
    steps
        Number of steps; in each, every node moves once.
    step
        Step size. A rule of optax has its own.
    order
        ``"simultaneous"``: all nodes from one snapshot. ``"colours"``: nodes that share no factor together,
        leaves first. ``"upward"``: one node after the other, leaves first.
    rule
        How a slope becomes a move: None for a gradient step, any gradient transformation of optax,
        whose state is kept for every node, or :class:`Langevin`, which draws.

    Raises
    ------
    ParameterError
        An unknown order, or steps and step sizes that are not positive.

    Source: Rao and Ballard (1999), doi 10.1038/4580; Whittington and Bogacz (2017),
    doi 10.1162/NECO_a_00949; Kerjan et al. (2026), arXiv 2606.03584, for colours.
    """

    steps: Any = parameter(20, whole=True, positive=True)
    step: Scalar = parameter(0.1, positive=True)
    order: str = choice("simultaneous")
    rule: Any = choice(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in ORDERS:
            raise ParameterError(
                f"Settle: order must be one of {', '.join(ORDERS)}, not {self.order!r}."
            )
        made = isinstance(self.rule, Learner)
        if not made and hasattr(self.rule, "init") and hasattr(self.rule, "update"):
            object.__setattr__(self, "rule", Learner(self.rule))
        if not isinstance(self.rule, Learner | Langevin | None):
            raise ParameterError(
                "Settle: rule moves states and must be a gradient transformation such as optax.sgd(0.1), or "
                f"Langevin(), not {self.rule!r}."
            )

    @property
    def draws(self) -> bool:
        """Whether what it finds are draws."""
        return isinstance(self.rule, Langevin)

    def take_turns(self, labels: Labels, roles: dict[str, str]) -> dict[str, int] | None:
        if self.order == "simultaneous":
            return None
        variables = [name for name in reversed(sort_nodes(labels)) if roles[name] in VARIABLE]
        if self.order == "upward":
            return {name: turn for turn, name in enumerate(variables)}
        return color_nodes(labels, variables)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        variables = problem.start()
        turns = split_turns(problem)

        def tick(
            carry: tuple[Variables, Any], _: Any = None
        ) -> tuple[tuple[Variables, Any], tuple[Variables, Any]]:
            variables, state = carry
            kept = None
            if len(turns) == 1:
                slopes, terms = problem.slopes(variables)
                moves, state = self.move(slopes, state, variables)
                moved = add(variables, moves)
            else:
                terms = problem.energies(variables) if record else {}
                moved, slopes, states = variables, {}, []
                for turn, own in zip(turns, state, strict=True):
                    along = problem.slopes_of(turn, moved)
                    part = {index: moved[index] for index in turn}
                    moves, own = self.move(along, own, part)
                    moved, slopes = moved | add(part, moves), slopes | along
                    states.append(own)
                state = tuple(states)
            if record:
                kept = (sample_means(terms), variables if record.values else None)
            return (moved, state), (slopes, kept)

        parts = [{index: variables[index] for index in turn} for turn in turns]
        keys = jax.random.split(key, len(turns))
        states = tuple(self.begin(part, own) for part, own in zip(parts, keys, strict=True))
        state = states[0] if len(turns) == 1 else states
        return run_steps(problem, tick, (variables, state), self.steps, record)

    def begin(self, variables: Variables, key: Array) -> Any:
        """The rule's state before the first step."""
        if isinstance(self.rule, Langevin):
            return key
        return None if self.rule is None else self.rule.init(variables)

    def move(self, slopes: Variables, state: Any, variables: Variables) -> tuple[Variables, Any]:
        """By how much variables move."""
        if isinstance(self.rule, Learner):
            with jax.numpy_dtype_promotion("standard"):
                return self.rule.optimiser.update(slopes, state, variables)
        moves = {index: -self.step * slope for index, slope in slopes.items()}
        if self.rule is None:
            return moves, state
        after, *keys = jax.random.split(state, 1 + len(moves))
        spread = jnp.sqrt(2 * self.step * self.rule.temperature)
        for own, (index, slope) in zip(keys, slopes.items(), strict=True):
            noise = jax.random.normal(own, slope.shape, slope.dtype)
            moves[index] = moves[index] + spread * noise
        return moves, after


def run_steps(
    problem: PointProblem, tick: Any, carry: Any, steps: Any, record: Record | None
) -> PointResult:
    """So many steps of a scheme; what is recorded must be of a known number."""
    shapes = jax.eval_shape(lambda c: tick(c)[1][0], carry)
    nothing = {index: jnp.zeros(s.shape, s.dtype) for index, s in shapes.items()}
    layout = problem.layout
    zero = root_mean_squares(layout, nothing)
    if not record:

        def body(number: Array, held: Any) -> Any:
            carry, first, last = held
            carry, (slopes, _) = tick(carry)
            last = root_mean_squares(layout, slopes)
            first = {i: jnp.where(number == 0, last[i], first[i]) for i in first}
            return carry, first, last

        carry, first, last = lax.fori_loop(0, steps, body, (carry, zero, zero))
        return PointResult(variables=carry[0], first=first, last=last)

    def recorded(carry: Any, _: Any) -> Any:
        carry, (slopes, kept) = tick(carry)
        return carry, (root_mean_squares(layout, slopes), kept)

    carry, (sizes, (trace, path)) = lax.scan(recorded, carry, length=record.steps)
    end = sample_means(problem.energies(carry[0]))
    trace = {index: jnp.concatenate([trace[index], end[index][None]]) for index in trace}
    if path is not None:
        path = {i: jnp.concatenate([path[i], carry[0][i][None]]) for i in path}
    first = {index: size[0] for index, size in sizes.items()}
    last = {index: size[-1] for index, size in sizes.items()}
    return PointResult(variables=carry[0], first=first, last=last, trace=trace, path=path)


def add(variables: Variables, moves: Variables) -> Variables:
    """Variables once they have moved."""
    return {i: value + moves[i].astype(value.dtype) for i, value in variables.items()}


def split_turns(problem: PointProblem) -> list[tuple[int, ...]]:
    """The blocks that move together, in the order in which they do."""
    blocks = problem.layout.blocks
    turns = sorted({blocks[index].turn for index in problem.layout.variables})
    return [tuple(i for i in problem.layout.variables if blocks[i].turn == turn) for turn in turns]


def color_nodes(labels: Labels, variables: list[str]) -> dict[str, int]:
    """Greedy colours of variables in their order, so that no two of a colour share a factor.

    Two share one if they are parent and child, or two parents of one child.
    """
    graph = labels.graph
    colors: dict[str, int] = {}
    for name in variables:
        near = {*graph.parents(name), *graph.children(name)}
        for child in graph.children(name):
            near |= {*graph.parents(child)}
        taken = {colors[other] for other in near if other in colors and other != name}
        colors[name] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colors
