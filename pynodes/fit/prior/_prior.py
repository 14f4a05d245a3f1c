"""AbstractPrior: what is supposed of one parameter before any data were seen."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp

from pynodes._boundary import boundary
from pynodes._core.modules import Module, checked_value, parameters_of
from pynodes._core.tracing import traced
from pynodes._errors import ParameterError, listed
from pynodes._typing import Array, Scalar
from pynodes.fit.prior._scales import AbstractScale


class AbstractPrior(Module, abc.ABC):
    """A distribution of one parameter, and the line on which it is searched and sampled.

    A value has a *position* on a line without bounds: the value itself, its logarithm, or its logit.
    Modes, Hessians and evidence are those on that line, so that a prior says at once what is supposed
    and on which scale. A subclass says its :attr:`scale` and what it is on it. It is a pytree, and can
    be called with a random key, as :meth:`pynodes.Network.prior_predictive` wants.

    Attributes
    ----------
    positional
        How many fields may be given without their names.
    """

    positional: ClassVar[int] = 2

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__init__ = checked(cls, cls.__init__)

    @property
    @abc.abstractmethod
    def scale(self) -> AbstractScale:
        """The line, and the way to it."""

    @abc.abstractmethod
    def density_at(self, position: Scalar) -> Array:
        """Log density of a position, per unit of the line."""

    @abc.abstractmethod
    def draw_position(self, key: Array) -> Array:
        """A random position."""

    @property
    @abc.abstractmethod
    def centre(self) -> Array:
        """Mean of the position."""

    @property
    @abc.abstractmethod
    def spread(self) -> Array:
        """Standard deviation of the position."""

    def flaw(self) -> str | None:
        """What is wrong with the fields together, in words that follow the name; None if nothing."""
        return None

    @property
    def bounds(self) -> tuple[Scalar, Scalar]:
        """The open interval of possible values."""
        return self.scale.bounds

    def constrain(self, position: Scalar) -> Array:
        """The value at a position.

        Examples
        --------
        >>> import pynodes as pn
        >>> prior = pn.LogNormal(1.0, 0.5)
        >>> float(prior.constrain(0.0)), float(prior.unconstrain(1.0))
        (1.0, 0.0)
        """
        return self.scale.value(position)

    def unconstrain(self, value: Scalar) -> Array:
        """The position of a value.

        Raises
        ------
        ParameterError
            A value, if it is plain, that the prior holds impossible.
        """
        low, high = self.bounds
        if not traced((value, low, high)) and not bool(
            jnp.all((jnp.asarray(value) > low) & (jnp.asarray(value) < high))
        ):
            raise ParameterError(
                f"{self!r} knows values between {low:g} and {high:g} only, not {value}."
            )
        return self.scale.position(value)

    def log_density(self, value: Scalar) -> Array:
        """Log density of a value, per unit of the value; minus infinity where it is impossible."""
        value = jnp.asarray(value, float)
        low, high = self.bounds
        possible = (value > low) & (value < high)
        safe = jnp.where(possible, value, jnp.asarray(self.constrain(self.centre), value.dtype))
        found = self.density_at(self.scale.position(safe)) + self.scale.log_slope(safe)
        return jnp.where(possible, found, -jnp.inf)

    def draw(self, key: Array) -> Array:
        """A random value."""
        return self.constrain(self.draw_position(key))

    def __call__(self, key: Array) -> Array:
        return self.draw(key)


def checked(cls: type[AbstractPrior], init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that takes the first fields by place too, and looks at what it is given."""
    fields = [field for field in dataclasses.fields(cls) if field.name != "_class"]
    required = [f.name for f in fields if f.default is dataclasses.MISSING]
    names = [field.name for field in fields]

    @boundary
    @functools.wraps(init)
    def constructed(self: AbstractPrior, *args: Any, **values: Any) -> None:
        if len(args) > cls.positional:
            raise ParameterError(
                f"{cls.__name__} takes {listed(names[: cls.positional])} without their names, and no more."
            )
        twice = [name for name in names[: len(args)] if name in values]
        if twice:
            raise ParameterError(f"{cls.__name__} was given {listed(twice)} twice.")
        values = dict(zip(names, args, strict=False)) | values
        absent = [name for name in required if name not in values]
        if absent and not set(values) - {*names, "_class"}:
            raise ParameterError(f"{cls.__name__} needs {listed(absent)}.")
        rebuilt = "_class" in values
        init(self, **values)
        if not rebuilt:
            check_prior(self)

    return constructed


def check_prior(prior: AbstractPrior) -> None:
    """The fields of a prior are numbers that make a distribution.

    Raises
    ------
    ParameterError
        Something else.
    """
    owner = type(prior).__name__
    for name, spec in parameters_of(prior).items():
        checked_value(owner, name, getattr(prior, name), spec)
    flaw = prior.flaw()
    if flaw:
        raise ParameterError(f"{owner}: {flaw}")
