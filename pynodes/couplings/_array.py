"""What array couplings say: a contribution for one sample, from which their messages follow."""

from __future__ import annotations

import abc
import dataclasses
import zlib
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import log_probability_of_shift
from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._core.modules import Undrawn, choice, parameters_in
from pynodes._errors import CouplingError, PynodesError, format_value
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.couplings._base import AbstractCoupling
from pynodes.couplings.initial import (
    ALONE,
    AbstractInitialiser,
    EdgePlace,
    Glorot,
    count_inputs,
)

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode

INLETS = ("location", "drift", "logit", "feedback")
"""What an array coupling may feed: the mean of an input or of a state, logits, or a second prediction."""

CURVATURES = ("gauss_newton", "exact")
"""How the bend of a contribution enters the curvature of its evidence: not at all, or as it is."""

MARKS = (".", "->", "/")
"""What an edge's own name may not contain, because parameters are addressed by them."""


class AbstractArrayCoupling(AbstractCoupling):
    """A coupling from one array to another, written for one sample.

    A subclass gives :meth:`contribution`, and :meth:`shapes` if it has arrays of numbers, whose shapes
    follow from its ends. What goes up, and the slope of its parameters, follow by ``jax.vjp``. Numbers
    that were not given are drawn when the graph is compiled. For beliefs with variances it also gives
    :meth:`spread`, what variances of the parent become.

    Parameters
    ----------
    inlet
        What it feeds at the child; by default the first inlet that an array can feed.
    curvature
        ``"gauss_newton"``: the curvature of its evidence leaves out the bend of the contribution, so that
        it is never negative. ``"exact"``: it is that of the density, floored at zero element by element.
    initial
        How its weights are drawn, such as ``pynodes.deep.Glorot()``.
    learned
        Whether training changes its weights.
    name
        Tells several edges of one kind between the same two nodes apart: ``"x->y.left"``.
    feedback
        Whether it is a second prediction of its child, beside that of the levels: no part of their order
        and of the forward pass, all of the energy. Such edges may close cycles and begin where they end.
    """

    inlet: Any = choice(None)  # type: ignore[assignment]
    curvature: str = choice("gauss_newton")
    initial: AbstractInitialiser = choice(Glorot())
    learned: bool = choice(True)
    name: str | None = choice(None)
    feedback: bool = choice(False)

    constant: ClassVar[tuple[str, ...]] = ()
    """Names of its arrays that training never changes."""

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if self.curvature not in CURVATURES:
            raise CouplingError(
                f"{kind}: curvature must be 'gauss_newton' or 'exact', not {self.curvature!r}."
            )
        if not isinstance(self.initial, AbstractInitialiser):
            raise CouplingError(
                f"{kind}: initial must be an initialiser, such as pynodes.deep.Glorot(), not "
                f"{format_value(self.initial)}."
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            switch = isinstance(field.default, bool) and "parameter" not in field.metadata
            if switch and not isinstance(value, bool):
                raise CouplingError(f"{kind}: {field.name} must be True or False, not {value!r}.")
        check_own_name(kind, self.name)

    @property
    def label(self) -> str:
        return self.name or type(self).__name__

    @property
    def slot(self) -> str:
        return f"{self.inlet} by {self.label}"

    @property
    def codes(self) -> int | None:
        """How many codes its parent may hold, whole numbers from 0; None where it holds any numbers."""
        return None

    @property
    def learnable(self) -> tuple[str, ...]:
        """Names of the parameters that training changes: its arrays, if it is ``learned``."""
        if not self.learned:
            return ()
        arrays = (name for name, spec in parameters_in(self).items() if spec["rank"] != 0)
        return tuple(name for name in arrays if name not in self.constant)

    @abc.abstractmethod
    def contribution(self, x: Array) -> Array:
        """What a parent at ``x`` adds at the child's inlet."""

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shapes of its arrays of numbers, by the names of their fields, between two ends.

        Raises
        ------
        CouplingError
            Ends that it cannot join.
        """
        del parent, child
        return {}

    def output_shape(self, parent: tuple[int, ...]) -> tuple[int, ...] | None:
        """Shape of what it makes of an array, if that does not depend on its child."""
        del parent

    def draw(self, key: Array, place: EdgePlace = ALONE) -> Self:
        """The coupling with numbers in the place of all that is not drawn yet.

        Parameters
        ----------
        key
            A JAX random key.
        place
            Where the edge lies in its graph, for what is scaled by that.
        """
        undrawn = {name: getattr(self, name) for name in parameters_in(self)}
        undrawn = {name: each for name, each in undrawn.items() if isinstance(each, Undrawn)}
        if not undrawn:
            return self
        drawn: dict[str, Any] = {
            name: self.draw_parameter(name, each.shape, fold_name(key, name))
            for name, each in undrawn.items()
        }
        factor = self.initial.factor(self.count_inputs(), place)
        if factor != 1 and hasattr(self, "scale"):
            drawn["scale"] = getattr(self, "scale") * factor  # noqa: B009 - most have one
        elif factor != 1:
            drawn |= {name: factor * each for name, each in drawn.items()}
        return dataclasses.replace(self, **drawn)

    def count_inputs(self) -> int:
        """How many numbers add up in one element of the child."""
        arrays = (name for name, spec in parameters_in(self).items() if spec["rank"] != 0)
        return max((count_inputs(np.shape(getattr(self, name))) for name in arrays), default=1)

    def draw_parameter(self, name: str, shape: tuple[int, ...], key: Array) -> AnyArray:
        """First numbers of one of its arrays: zeros of a vector, weights by ``initial`` of any other."""
        del name
        if len(shape) == 1:
            return np.zeros(shape, jnp.result_type(float))
        return self.initial.draw(key, shape)

    @property
    def spreads(self) -> bool:
        """Whether it says what variances of its parent become."""
        return type(self).spread is not AbstractArrayCoupling.spread

    def spread(self, x: Array, variance: Array) -> Array:
        """What variances of the parent around ``x`` add to those of the child; linear in them."""
        del x, variance
        raise PynodesError(
            f"{type(self).__name__} defines no variances (spread), so it cannot be used in a scheme of "
            "Gaussian beliefs. Use a scheme on points."
        )

    def weight_spread(self, x: Array, variances: dict[str, Array]) -> Array:
        """What variances of its learned arrays add to those of the child, the parent being at ``x``.

        Linear in them. By default from all slopes, an array of the child's size times that of the weights;
        couplings of many weights write a shorter form.
        """

        def sent(fields: dict[str, Array]) -> Array:
            return dataclasses.replace(self, **fields).contribution(x)

        fields = {name: jnp.asarray(getattr(self, name)) for name in self.learnable}
        slopes = jax.jacrev(sent)(fields)
        parts = [
            jnp.tensordot(slope**2, variances[name], jnp.ndim(variances[name]))
            for name, slope in slopes.items()
        ]
        return sum(parts[1:], start=parts[0])

    def bend(self, x: Array, force: Array) -> Array:
        """Second derivatives of ``sum(force * contribution)`` along each element of the parent."""

        def slope(x: Array) -> Array:
            return jax.vjp(self.contribution, x)[1](force)[0]

        units = jnp.eye(x.size, dtype=x.dtype).reshape((x.size, *x.shape))
        along = jax.vmap(lambda unit: jnp.sum(jax.jvp(slope, (x,), (unit,))[1] * unit))(units)
        return along.reshape(x.shape)

    def bind(self, parent: AbstractNode, child: AbstractNode, position: int) -> Self:
        del position
        inlet = "feedback" if self.feedback else self.inlet
        if inlet is None:
            inlet = next((name for name in child.inlets if name in INLETS), None)
        fitted = self.fit(parent.value_shape, child.value_shape)
        return dataclasses.replace(fitted, inlet=inlet or "nothing", feedback=inlet == "feedback")

    def fit(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        """The coupling between ends of two shapes: what was not given is undrawn, of the shape it needs."""
        changes: dict[str, Any] = {}
        for field, shape in self.shapes(parent, child).items():
            value = getattr(self, field)
            if value is None or value is True or isinstance(value, Undrawn):
                changes[field] = Undrawn(shape)
            elif np.shape(value) != shape:
                found = np.shape(value) or f"{format_value(value)}, which is no array"
                raise CouplingError(
                    f"{type(self).__name__}: {field} must have shape {shape}, child first, not {found}."
                    f"{'' if np.shape(value) else ' How weights are drawn is said by initial='}"
                    f"{'' if np.shape(value) else ', as in initial=pynodes.deep.Glorot().'}"
                )
        return dataclasses.replace(self, **changes)

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        kind = type(self).__name__
        if self.inlet not in INLETS:
            return (
                f"cannot be coupled by {kind}: its child, a {type(child).__name__}, takes "
                f"none of {', '.join(INLETS)}."
            )
        if not parent.value_shape:
            what = f"is a {type(parent).__name__} that holds no array"
            return f"{what}, as {kind} needs. Give it a shape, as in shape=(1,)."
        try:
            found = find_output_shape(self, parent.value_shape)
        except (TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            return (
                f"holds an array of shape {parent.value_shape}, which {kind} cannot take: {reason}"
            )
        if found != child.value_shape:
            return (
                f"holds an array of shape {parent.value_shape}, of which {kind} makes one of "
                f"shape {found}; its child's is {child.value_shape}."
            )
        return None

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        mean = parent.predicted_mean
        found = {self.inlet: self.contribution(mean)}
        if self.inlet != "logit" and self.spreads:
            found[f"{self.inlet}_variance"] = self.spread(mean, parent.predicted_variance)
        return found

    def log_density(self, x: Array, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
        moved = self.contribution(x) - self.contribution(parent.predicted_mean)
        if self.inlet == "logit":
            observed = log_probability_of_shift(child.mean, child.predicted_mean, moved)
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


def fold_name(key: Array, text: str) -> Array:
    """A key of its own for something that has a name, whatever else there is."""
    return jax.random.fold_in(key, np.uint32(zlib.crc32(text.encode())))


def read_optional_array(value: Any) -> Any:
    """An array that may be absent: None for False, which is how users say so."""
    return None if value is False else value


def find_output_shape(coupling: AbstractArrayCoupling, parent: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of what a coupling makes of an array; nothing is computed."""

    def contribute(coupling: AbstractArrayCoupling, x: Array) -> Array:
        return coupling.contribution(x)

    def abstract(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(float))

    return jax.eval_shape(contribute, *jax.tree.map(abstract, (coupling, Undrawn(parent)))).shape


def check_own_name(kind: str, name: Any) -> None:
    """An edge's own name is a text without the marks that addresses are made of.

    Raises
    ------
    CouplingError
        It is something else.
    """
    if name is None:
        return
    if not isinstance(name, str) or not name.strip() or any(mark in name for mark in MARKS):
        raise CouplingError(
            f"{kind}: name must be a text without '.', '->' and '/', not {format_value(name)}."
        )


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
