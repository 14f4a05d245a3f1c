"""Incremental: states and weights move at every tick, both from one snapshot."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import parameter
from pynodes._typing import Array, Scalar
from pynodes.deep.energy import total_energy
from pynodes.deep.numbers import Weights, insert_weights
from pynodes.deep.problem import (
    PointProblem,
    PointResult,
    Record,
    Variables,
    root_mean_squares,
    sample_means,
)
from pynodes.deep.scheme import AbstractPointScheme, Update
from pynodes.deep.settle import Settle, add


class Incremental(AbstractPointScheme):
    """Predictive coding without phases: at every tick values and weights go down their slopes together.

    Weights move as often as there are ticks, so that a rate that suits other schemes is too large by as
    much. Outside of training it settles as :class:`Settle` does.

    Parameters
    ----------
    steps
        Number of ticks.
    step
        Step size of the values.

    Raises
    ------
    ParameterError
        Steps or a step size that are not positive.

    Source: Salvatori et al. (2022), arXiv 2212.00720.
    """

    steps: Any = parameter(20, whole=True, positive=True)
    step: Scalar = parameter(0.1, positive=True)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        return Settle(steps=self.steps, step=self.step).find(problem, key, record)

    def learn(
        self,
        problem: PointProblem,
        key: Array,
        record: Record | None,
        update: Update,
        weights: Weights,
        state: Any,
        times: int = 1,
    ) -> tuple[PointResult, Weights, Any]:
        del key
        layout = problem.layout

        def mean(variables: Variables, weights: Weights) -> tuple[Array, dict[int, Array]]:
            moved = dataclasses.replace(problem, numbers=insert_weights(problem.numbers, weights))
            terms = moved.energies(variables)
            return total_energy(terms), terms

        def tick(held: Any) -> tuple[Any, dict[int, Array], dict[int, Array]]:
            variables, weights, state = held
            (along, down), terms = jax.grad(mean, argnums=(0, 1), has_aux=True)(variables, weights)
            along = problem.still(along)
            moves = {index: -self.step * slope for index, slope in along.items()}
            down = jax.tree.map(lambda slope: slope / problem.count, down)
            for _ in range(times):
                weights, state = update(down, state, weights)
            return (add(variables, moves), weights, state), root_mean_squares(layout, along), terms

        begin = (problem.start(), weights, state)
        if record:

            def recorded(held: Any, _: Any) -> Any:
                now, sizes, terms = tick(held)
                return now, (sizes, sample_means(terms))

            (variables, weights, state), (sizes, trace) = lax.scan(
                recorded, begin, length=record.steps
            )
            first, last = ({i: s[at] for i, s in sizes.items()} for at in (0, -1))
            return (
                PointResult(variables=variables, first=first, last=last, trace=trace),
                weights,
                state,
            )

        def body(number: Array, held: Any) -> Any:
            now, first, _ = held
            now, last, _ = tick(now)
            return now, {i: jnp.where(number == 0, last[i], first[i]) for i in first}, last

        zero = root_mean_squares(layout, begin[0])
        held, first, last = lax.fori_loop(0, self.steps, body, (begin, zero, zero))
        variables, weights, state = held
        return PointResult(variables=variables, first=first, last=last), weights, state
