"""What array couplings say: a contribution for one sample, from which their messages follow."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, Self

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import shifted
from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._core.modules import choice
from pynodes._errors import CouplingError, PynodesError
from pynodes._typing import Array, Scalar
from pynodes.couplings._base import AbstractCoupling

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode

INLETS = ("location", "drift", "logit")
"""What an array coupling may feed: the mean of an input or of a state, or logits."""

CURVATURES = ("gauss_newton", "exact")
"""How the bend of a contribution enters the curvature of its evidence: not at all, or as it is."""


class AbstractArrayCoupling(AbstractCoupling):
    """A coupling from one array to another, written for one sample.

    A subclass gives :meth:`contribution`, and :meth:`fit_shapes` if it has parameters whose shapes follow
    from its ends. What goes up, and the slope of its parameters, follow by ``jax.vjp``. For beliefs with
    variances it also gives :meth:`spread`, what variances of the parent become.

    Parameters
    ----------
    inlet
        What it feeds at the child; by default the first inlet that an array can feed.
    curvature
        ``"gauss_newton"``: the curvature of its evidence leaves out the bend of the contribution, so that
        it is never negative. ``"exact"``: it is that of the density, floored at zero element by element.
    """

    inlet: Any = choice(None)  # type: ignore[assignment]
    curvature: str = choice("gauss_newton")

    def __post_init__(self) -> None:
        if self.curvature not in CURVATURES:
            raise CouplingError(
                f"{type(self).__name__}: curvature must be 'gauss_newton' or 'exact', not {self.curvature!r}."
            )

    @abc.abstractmethod
    def contribution(self, x: Array) -> Array:
        """What a parent at ``x`` adds at the child's inlet."""

    def fit_shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        """The coupling with parameters of the shapes that its ends need.

        Raises
        ------
        CouplingError
            Parameters that do not fit.
        """
        del parent, child
        return self

    def spread(self, x: Array, variance: Array) -> Array:
        """What variances of the parent around ``x`` add to those of the child; linear in them."""
        del x, variance
        raise PynodesError(
            f"{type(self).__name__} does not say what variances of its parent become (spread), so it has no "
            "place in a scheme of Gaussian beliefs. Use a scheme of point values."
        )

    def bend(self, x: Array, force: Array) -> Array:
        """Second derivatives of ``sum(force * contribution)`` along each element of the parent."""

        def slope(x: Array) -> Array:
            return jax.vjp(self.contribution, x)[1](force)[0]

        units = jnp.eye(x.size, dtype=x.dtype).reshape((x.size, *x.shape))
        along = jax.vmap(lambda unit: jnp.sum(jax.jvp(slope, (x,), (unit,))[1] * unit))(units)
        return along.reshape(x.shape)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        del position
        inlet = self.inlet
        if inlet is None:
            inlet = next((name for name in child.inlets if name in INLETS), None)
        named = dataclasses.replace(self, inlet=inlet or "nothing")
        return named.fit_shapes(parent.value_shape, child.value_shape)

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        if self.inlet not in INLETS:
            return (
                f"cannot be coupled by {type(self).__name__}: its child, a {type(child).__name__}, takes "
                f"none of {', '.join(INLETS)}."
            )
        if not parent.value_shape:
            what = f"is a {type(parent).__name__} that holds no array"
            return f"{what}, as {type(self).__name__} needs. Give it a shape, as in shape=(1,)."
        found = jax.eval_shape(self.contribution, jax.ShapeDtypeStruct(parent.value_shape, float))
        if found.shape != child.value_shape:
            return (
                f"holds an array of shape {parent.value_shape}, of which {type(self).__name__} makes one of "
                f"shape {found.shape}; its child's is {child.value_shape}."
            )
        return None

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        mean = parent.predicted_mean
        found = {self.inlet: self.contribution(mean)}
        if self.inlet != "logit":
            found[f"{self.inlet}_variance"] = self.spread(mean, parent.predicted_variance)
        return found

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        moved = self.contribution(x) - self.contribution(parent.predicted_mean)
        if self.inlet == "logit":
            observed = shifted(child.mean, child.predicted_mean, moved)
            return jnp.sum(observed if child.evident is None else observed * child.evident)
        heard = evidence_at_inlet(child, self.inlet, dt)
        return jnp.sum(heard.gradient * moved - 0.5 * heard.curvature * moved**2)

    def evidence(self, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
        """The gradient by ``jax.vjp``, the curvature by the transpose of :meth:`spread`."""
        mean = parent.predicted_mean
        heard = evidence_at_inlet(child, self.inlet, dt)
        (gradient,) = jax.vjp(self.contribution, mean)[1](heard.gradient)
        (curvature,) = jax.vjp(lambda variance: self.spread(mean, variance), mean)[1](
            heard.curvature
        )
        if self.curvature == "exact":
            curvature = curvature - self.bend(mean, heard.gradient)
            curvature = jnp.where(curvature > 0, curvature, 0.0)
        return Evidence(gradient=gradient, curvature=curvature)


def evidence_at_inlet(child: Gaussian, inlet: str, dt: Scalar) -> Evidence:
    """What a child says about a shift of what comes in at an inlet, element by element."""
    if inlet == "logit":
        heard = Evidence(
            gradient=child.mean - child.predicted_mean, curvature=child.predicted_variance
        )
        evident = child.evident
        if evident is None:
            return heard
        return jax.tree.map(lambda part: jnp.where(evident, part, 0.0), heard)
    heard, reach = child.shift_evidence(), 1.0
    if inlet == "drift":
        reach = dt if child.interval is None else child.interval
    return Evidence(gradient=reach * heard.gradient, curvature=reach**2 * heard.curvature)
