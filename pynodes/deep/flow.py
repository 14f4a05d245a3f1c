"""Flow: values follow the slope of the energy as a differential equation, with controlled errors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from pynodes._core.modules import parameter
from pynodes._errors import InputError
from pynodes._typing import Array, Scalar
from pynodes.deep.errors import add_scaled, inner_product, scale_errors
from pynodes.deep.problem import PointProblem, PointResult, Record, Variables, root_mean_squares
from pynodes.deep.scheme import AbstractPointScheme

SAFETY, LEAST, MOST = 0.9, 0.2, 5.0
"""How a step follows from the error of the last one."""


class Flow(AbstractPointScheme):
    """Values flow down the slope, dz/dt = -dF/dz, by Heun's method with a step of every sample's own.

    A sample stops where the root mean square of its dz/dt is below ``atol + rtol`` times that of z.

    Parameters
    ----------
    atol, rtol
        Tolerances, for when to stop and for the error of a step.
    most
        Steps after which it stops in any case.

    Raises
    ------
    ParameterError
        Numbers that are not positive.

    Source: Hairer, Norsett and Wanner (1993), doi 10.1007/978-3-540-78862-1, section II.4; in
    jpc, Innocenti et al. (2024), arXiv 2412.03676, the test looks at z and not at dz/dt.
    """

    atol: Scalar = parameter(1e-4, positive=True)
    rtol: Scalar = parameter(1e-4, positive=True)
    most: Any = parameter(1000, whole=True, positive=True)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        del key
        if record:
            raise InputError("Flow takes as many steps as it needs and records none of them.")
        layout, count = problem.layout, problem.count
        units = sum(value.size for value in problem.start().values()) / count

        def size(variables: Variables) -> Array:
            return jnp.sqrt(inner_product(layout, variables, variables) / units)

        def slope(variables: Variables) -> Variables:
            return scale_errors(layout, -1.0, problem.slopes(variables)[0])

        def moves(variables: Variables, rate: Variables) -> Array:
            return ~(size(rate) <= self.atol + self.rtol * size(variables))

        def goes_on(held: Any) -> Array:
            number, variables, rate, _ = held
            return (number < self.most) & moves(variables, rate).any()

        def step(held: Any) -> Any:
            number, variables, rate, reach = held
            there = slope(add_scaled(layout, variables, reach, rate))
            mean = scale_errors(layout, 0.5, add_scaled(layout, rate, 1.0, there))
            moved = add_scaled(layout, variables, reach, mean)
            error = scale_errors(layout, reach, add_scaled(layout, mean, -1.0, rate))
            share = size(error) / (
                self.atol + self.rtol * jnp.maximum(size(variables), size(moved))
            )
            taken = (share <= 1) & moves(variables, rate)
            after = add_scaled(
                layout,
                variables,
                taken.astype(reach.dtype),
                add_scaled(layout, moved, -1.0, variables),
            )
            factor = SAFETY / jnp.sqrt(jnp.maximum(share, 1e-8))
            grown = reach * jnp.clip(factor, LEAST, MOST)
            return number + 1, after, slope(after), jnp.where(moves(variables, rate), grown, reach)

        start = problem.start()
        rate = slope(start)
        begin = (jnp.zeros((), jnp.int32), start, rate, jnp.full(count, 0.1))
        _, variables, last, _ = lax.while_loop(goes_on, step, begin)
        return PointResult(
            variables=variables,
            first=root_mean_squares(layout, rate),
            last=root_mean_squares(layout, last),
        )
