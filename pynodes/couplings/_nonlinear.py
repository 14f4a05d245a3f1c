"""What couplings through a function share: a strength, the function, and what its bend does to evidence."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._core.functions import Function, bend, identity, look_up_function, slope
from pynodes._core.messages import Evidence
from pynodes._core.modules import Module, choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

CURVATURES = ("gauss_newton", "regression", "exact")
"""How the bend of a function enters the curvature of its evidence."""

REACH, MIDDLE, SIDE = math.sqrt(3.0), 2 / 3, 1 / 6
"""The three-point rule of Gauss and Hermite: nodes at 0 and ± this many deviations, and their weights."""


class Linearisation(Module):
    """A function of the parent as a straight line about its belief.

    Attributes
    ----------
    value, slope
        At the predicted mean.
    bend
        Second derivative of the function there, if the evidence is to know it; else None.
    residual
        Variance of the function about the line, if that is to count as noise; else None.
    """

    value: Array
    slope: Array
    bend: Array | None = None
    residual: Array | None = None

    def evidence(self, gain: Scalar, heard: Evidence) -> Evidence:
        """What a child says about the parent, by what it says of a shift by ``gain`` times the function."""
        if self.residual is not None:
            share = 1 / (1 + heard.curvature * gain**2 * self.residual)
            heard = Evidence(gradient=share * heard.gradient, curvature=share * heard.curvature)
        slope = gain * self.slope
        curvature = slope**2 * heard.curvature
        if self.bend is not None:
            curvature = curvature - gain * self.bend * heard.gradient
        return Evidence(gradient=slope * heard.gradient, curvature=curvature)


class AbstractNonlinear(AbstractCoupling):
    """A value coupling that contributes a strength times a function of the parent.

    ``curvature`` says how the function's bend enters. ``"gauss_newton"`` takes the tangent at the
    prediction. ``"regression"`` takes the line that fits the function best over the parent's prediction, at
    three nodes, and counts what is left of the function as noise. Neither can make a precision fall.
    ``"exact"`` takes the second derivative of the log density, which may be negative. For a linear
    function all are one, and it is called exact. Derived in docs/theory/value.md.
    """

    strength: Scalar = parameter(1.0, symbol="α")
    function: Function = choice(identity)
    curvature: str = choice("gauss_newton")

    meaning_unnamed: ClassVar[dict[str, Any]] = {"curvature": "exact"}

    def __post_init__(self) -> None:
        object.__setattr__(self, "function", look_up_function(self.function))
        if self.curvature not in CURVATURES:
            raise CouplingError(
                f"{type(self).__name__}: curvature must be 'gauss_newton', 'regression' or 'exact', not "
                f"{self.curvature!r}."
            )
        if self.function is identity:
            object.__setattr__(self, "curvature", "exact")

    def line(self, parent: Gaussian) -> Linearisation:
        """The function as a straight line about the parent's prediction."""
        mean = parent.predicted_mean
        if self.function is identity:
            return Linearisation(value=mean, slope=jnp.ones_like(mean))
        if self.curvature == "regression":
            return regress(self.function, mean, parent.predicted_variance)
        return Linearisation(
            value=self.function(mean),
            slope=slope(self.function, mean),
            bend=bend(self.function, mean) if self.curvature == "exact" else None,
        )


def regress(function: Function, mean: Array, variance: Array) -> Linearisation:
    """The line that fits a function best under N(mean, variance), at three nodes.

    Source: Lefebvre, Bruyninckx and De Schutter (2002), doi 10.1109/TAC.2002.800742; the nodes of Ito and
    Xiong (2000), doi 10.1109/9.855552.
    """
    uncertain = variance > 0
    step = REACH * jnp.sqrt(jnp.where(uncertain, variance, 1.0))
    low, centre, high = function(mean - step), function(mean), function(mean + step)
    average = MIDDLE * centre + SIDE * (low + high)
    # With three nodes all that a line misses is the second difference.
    missed = centre - 0.5 * (low + high)
    return Linearisation(
        value=jnp.where(uncertain, average, centre),
        slope=jnp.where(uncertain, 0.5 * (high - low) / step, slope(function, mean)),
        residual=jnp.where(uncertain, MIDDLE * (1 - MIDDLE) * missed**2, 0.0),
    )
