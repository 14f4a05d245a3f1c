"""A child's belief given its value parent: a Gaussian whose mean is linear in where the parent is.

Of the structured expansion with ``edges="all"``: one edge of it, without a graph. A value edge is a linear
Gaussian factor, so all that is asked of it has a closed form; derived in docs/theory/structured.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from pynodes._core.arithmetic import reciprocal, root, stage
from pynodes._core.modules import Module
from pynodes._core.structured import Conditional, Places, QuadratureRule, average_nodes
from pynodes._core.tilts import Tilt
from pynodes._typing import Array, Scalar

AT_THE_MEAN = QuadratureRule(points=(0.0,), weights=(1.0,))
"""Where a parent is looked at by a child below which everything is a Gaussian factor: that is exact."""


class BackwardKernel(Module):
    """Where a node was before the step, given where it is after it: a Gaussian.

    Attributes
    ----------
    gain
        Slope of the present value in the previous one.
    slope
        Of the previous value in the present one: the gain of the smoother of Rauch, Tung and Striebel.
    variance
        What is left of the previous variance.
    """

    gain: Array
    slope: Array
    variance: Array

    @classmethod
    def of(cls, before: Array, predicted: Array, covariance: Array) -> BackwardKernel:
        """From the variances before and after a step, and the covariance of the two values."""
        slope = covariance * reciprocal(predicted)
        left = jnp.maximum(before - slope * covariance, 0.0)
        return stage(cls(gain=covariance * reciprocal(before), slope=slope, variance=left))

    @classmethod
    def unknown(cls, value: Array) -> BackwardKernel:
        """Of a node whose previous value nothing leans on."""
        none = jnp.zeros_like(value)
        return cls(gain=none, slope=none, variance=none)


class LinearStep(Module):
    """What one value parent does to a child's prediction.

    Attributes
    ----------
    slope
        Of the child's predicted mean in the parent's present value.
    added, crossed
        What the parent's uncertainty adds to the child's variance, and the part of it that is there because
        the child's previous value leaned on the parent's.
    kept
        What the child carries over of its variance, with the parent known.
    lagged
        What the edge adds to the covariance of the child's present value with its previous one.
    """

    slope: Array
    added: Array
    crossed: Array
    kept: Array
    lagged: Array


def step_with_parent(
    conditional: Conditional,
    parent_variance: Array,
    kernel: BackwardKernel,
    pull: Array,
    gain: Scalar,
    share: Scalar,
) -> LinearStep:
    """A step of a child whose mean is moved by ``pull`` per unit of its parent's present value.

    ``parent_variance`` is the parent's predicted one; of its own value and variance the child keeps ``gain``
    and ``share``.
    """
    before = kernel.variance + kernel.slope**2 * parent_variance
    memory = gain * conditional.slope * kernel.slope
    crossed = 2 * memory * pull * parent_variance
    left = (share - gain**2) * before + gain**2 * kernel.variance
    return stage(
        LinearStep(
            slope=memory + pull,
            added=crossed + pull**2 * parent_variance,
            crossed=crossed,
            kept=share * conditional.variance + conditional.slope**2 * left,
            lagged=pull * conditional.slope * kernel.slope * parent_variance,
        )
    )


class LinearPrediction(Module):
    """What a child is predicted to be given its value parent.

    With the parent at x, a Gaussian of mean ``mean + slope (x - point)``.

    Attributes
    ----------
    point
        The parent's predicted mean.
    mean, slope, variance
        Of the child.
    """

    point: Array
    mean: Array
    slope: Array
    variance: Array

    @property
    def strength(self) -> Array:
        """How much the log of the child's variance leans on the parent: not at all."""
        return jnp.zeros_like(self.slope)

    def over(self, places: Places) -> list[tuple[Array, Array]]:
        """Mean and variance of the child at all places of a rule."""
        return [(self.mean + self.slope * offset, self.variance) for offset in places.offsets()]

    def tilt(self, below: Any, mean: Array, variance: Array) -> Tilt:
        """What all that is below the child makes of a Gaussian for the parent.

        If the parent is N(mean, variance) then the child is a Gaussian too, and wider.
        """
        moved = self.mean + self.slope * (mean - self.point)
        sent = below.tilt(moved, self.variance + self.slope**2 * variance)
        return dataclasses.replace(
            sent,
            gradient=self.slope * sent.gradient,
            curvature=self.slope**2 * sent.curvature,
        )

    def condition(
        self,
        rule: QuadratureRule,
        mean: Array,
        variance: Array,
        update: Callable[[Array, Array], tuple[Array, Array]],
    ) -> tuple[Conditional, Array, Array]:
        """The child's conditional belief after the step, and its moments averaged over the parent.

        Parameters
        ----------
        rule
            Where the parent is looked at.
        mean, variance
            The parent's posterior.
        update
            The posterior mean and variance of a child that was predicted with these.
        """
        offset, spread = mean - self.point, root(variance)
        steps = [spread * point for point in rule.points]
        found = stage(
            [update(self.mean + self.slope * (offset + step), self.variance) for step in steps]
        )
        weights = rule.weights
        middle = average_nodes(weights, [one for one, _ in found])
        left = average_nodes(weights, [one for _, one in found])
        # The posterior mean grows with the parent as the posterior variance is to the predicted one.
        slope = self.slope * left * reciprocal(self.variance)
        bent = [
            (one - middle - slope * step) ** 2 for step, (one, _) in zip(steps, found, strict=True)
        ]
        left = left + average_nodes(weights, bent)
        conditional = Conditional(slope=slope, steepness=jnp.zeros_like(slope), variance=left)
        return stage((conditional, middle, left + slope**2 * variance))
