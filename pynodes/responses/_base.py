"""What every response says: how probable an action is, given the beliefs of its trial."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._core.beliefs import alongside
from pynodes._core.modules import (
    Module,
    checked_value,
    is_traced,
    parameter,
    parameters_in,
    parameters_of,
)
from pynodes._errors import InputError, ParameterError, PynodesError, nearest
from pynodes._runtime.sample import check_key
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.responses import _fields
from pynodes.responses._fields import Beliefs, Reader
from pynodes.responses._series import (
    Covariate,
    Covariates,
    align_to_trials,
    covariates_read,
    numbers,
    refuse,
)

Given = Mapping[str, Array]
"""The covariates of the trials, by name."""


class AbstractResponse(Module, abc.ABC):
    """One kind of response, written for one trial; subclassing it is all it takes to add a kind.

    The rules :meth:`log_density`, :meth:`prediction` and :meth:`draw` compute with jax.numpy, element by
    element, so that the same lines serve one trial, a series, and a batch of series. Whatever is beside
    the trials, such as options, is the last axis.

    Attributes
    ----------
    covariates
        What must be known of every trial besides beliefs, by name.
    harmless
        A response that the rule can compute with where there is none.
    expects
        What responses it takes, in words.
    """

    covariates: ClassVar[Mapping[str, Covariate]] = {}
    harmless: ClassVar[float] = 0.0
    expects: ClassVar[str] = "finite numbers"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__init__ = check_on_construction(cls.__init__)

    @abc.abstractmethod
    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        """Log probability, or log density, of a response in its trial."""

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        """The expected response: its mean, or the probability of every option."""
        del beliefs, given
        raise PynodesError(f"{type(self).__name__} predicts nothing: it defines no prediction().")

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        """A simulated response, independently for every trial."""
        del key, beliefs, given
        raise PynodesError(f"{type(self).__name__} cannot be simulated: it defines no draw().")

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        """Which of some values can be responses; works on NumPy and on traced arrays."""
        del beliefs
        return abs(values) < jnp.inf

    def check(self) -> str | None:
        """Why the response cannot be used, in words that follow its name; None if it can."""
        return None

    def doubt(self, responses: np.ndarray) -> str | None:
        """What is implausible about some responses, such as their units, in words that follow "they"."""
        del responses
        return None

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the nodes whose beliefs are read; fit for ``record=`` of network.filter."""
        return _fields.read_by(self)

    @property
    def option_count(self) -> int | None:
        """How many options there are; None where responses are no choices, or it is not known."""
        return None

    def parameters(self) -> dict[str, Any]:
        """Every parameter by name; of those that may be absent the ones that are there."""
        found = {name: getattr(self, name) for name in parameters_in(self)}
        for table in tables(self).values():
            found |= table
        return found

    def replace(self, values: Mapping[str, Scalar]) -> Any:
        """The same response with other values of some parameters, traced ones as well.

        Raises
        ------
        ParameterError
            An unknown name, or a value outside the parameter's range.
        """
        known, fields = parameters_of(self), {}
        for name, value in values.items():
            if name not in self.parameters():
                raise ParameterError(
                    f"{type(self).__name__} has no parameter {name!r}. {nearest(name, self.parameters())}"
                )
            check_parameter(type(self).__name__, name, value, known.get(name))
            if name in known:
                fields[name] = value
        for field, table in tables(self).items():
            fields[field] = {key: values.get(key, number) for key, number in table.items()}
        return dataclasses.replace(self, **fields)

    def log_likelihood(
        self,
        beliefs: Beliefs,
        responses: Any,
        *,
        covariates: Covariates | None = None,
        frozen: Any = None,
    ) -> Array:
        """Log likelihood of every response, in nats; exactly zero where there is none.

        Parameters
        ----------
        beliefs
            What network.filter or network.step returned, or a mapping from the names of nodes to
            objects with the fields that are read.
        responses
            One per trial; NaN is a missing one.
        covariates
            What else the response needs to know, one number per trial each, by name. A trial in which
            a covariate is missing is left out.
        frozen
            Trials to be ignored, as for network.filter.

        Returns
        -------
        An array of the shape of the trials: (time,), after any batch. It is minus infinity, with
        gradient zero, from the trial on at which filtering failed, and for traced responses that are
        out of range.

        Raises
        ------
        InputError
            Responses that cannot be, of another length, or covariates that do not fit.
        UnknownNodeError, FieldError
            Beliefs that are not there.
        """
        values = numbers("responses", responses)
        alive = alive_of(beliefs)
        shape = tuple(values.shape) if alive is None else jnp.shape(alive)
        if alive is not None and shape and not values.shape:
            raise InputError(
                f"'responses' is one number, but the beliefs cover trials of shape {shape}."
            )
        reader = Reader(beliefs, shape)
        whole = align_to_trials("responses", values, shape)
        possible = align_to_trials("responses", self._possible(values, reader), shape)
        given, used = covariates_read(self.covariates, covariates, shape)
        used = used & ~jnp.isnan(whole)
        if frozen is not None:
            used = used & ~frozen_trials(frozen, shape)
        safe = jnp.where(used & possible, whole, self.harmless)
        found = jnp.broadcast_to(self.log_density(reader, safe, given), shape)
        found = jnp.where(possible if alive is None else possible & alive, found, -jnp.inf)
        return jnp.where(used, found, 0.0)

    def total(self, beliefs: Beliefs, responses: Any, **options: Any) -> Array:
        """Log likelihood of all responses together, summed over the last axis of the trials.

        Parameters
        ----------
        beliefs, responses, options
            As for :meth:`log_likelihood`.
        """
        each = self.log_likelihood(beliefs, responses, **options)
        return jnp.sum(each, axis=-1) if each.ndim else each

    def predict(self, beliefs: Beliefs, *, covariates: Covariates | None = None) -> Array:
        """The expected response of every trial: its mean, or the probability of every option.

        Parameters
        ----------
        beliefs, covariates
            As for :meth:`log_likelihood`.

        Returns
        -------
        An array of the shape of the trials; probabilities of several options are its last axis. NaN
        where a covariate is missing.
        """
        reader, given, known = self._situation(beliefs, covariates)
        return blank_where_missing(self.prediction(reader, given), known)

    def sample(
        self, key: Array, beliefs: Beliefs, *, covariates: Covariates | None = None
    ) -> Array:
        """Simulated responses, independent given the beliefs.

        Parameters
        ----------
        key
            A JAX random key, such as ``jax.random.key(0)``.
        beliefs, covariates
            As for :meth:`log_likelihood`.

        Returns
        -------
        An array of the shape of the trials, fit for :meth:`log_likelihood`; NaN where a covariate is
        missing.
        """
        check_key(key)
        reader, given, known = self._situation(beliefs, covariates)
        return blank_where_missing(self.draw(key, reader, given), known)

    def _situation(
        self, beliefs: Beliefs, covariates: Covariates | None
    ) -> tuple[Reader, dict[str, Array], Any]:
        """What the rules compute with when there are no responses yet."""
        alive = alive_of(beliefs)
        shape = None if alive is None else jnp.shape(alive)
        given, known = covariates_read(self.covariates, covariates, shape)
        return Reader(beliefs, shape), given, known

    def _possible(self, values: AnyArray, reader: Reader) -> Any:
        """Which responses can be, or are missing; known ones that cannot be are refused."""
        fine = (values != values) | self.accepts(values, reader)
        if not is_traced(values):
            refuse("responses", values, fine, self.expects)
        return fine


def check_on_construction(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that looks at what a user gives it; JAX, which rebuilds values, passes unseen."""

    @boundary
    @functools.wraps(init)
    def constructed(self: AbstractResponse, *args: Any, **values: Any) -> None:
        rebuilt = "_class" in values
        plain = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        init(self, *args, **plain)
        if not rebuilt:
            check_response(self)

    return constructed


def check_response(response: AbstractResponse) -> None:
    """A response has numbers for parameters, and addresses for what it reads.

    Raises
    ------
    ParameterError
        Something else.
    """
    owner = type(response).__name__
    specs = parameters_of(response)
    for name, value in response.parameters().items():
        check_parameter(owner, name, value, specs.get(name))
    flaw = _fields.check(response) or response.check()
    if flaw:
        raise ParameterError(f"{owner}: {flaw}")


def check_parameter(owner: str, name: str, value: Any, spec: dict[str, Any] | None) -> None:
    """A parameter's value is a number within its range; those of a table may be any."""
    checked_value(
        owner, name, value, parameter(0.0).metadata["parameter"] if spec is None else spec
    )


def tables(response: Module) -> dict[str, dict[str, Any]]:
    """The fields of a response that hold parameters by name."""
    static = {f.name for f in dataclasses.fields(response) if f.metadata.get("static")}
    names = [f.name for f in dataclasses.fields(response) if f.name not in static]
    return {n: getattr(response, n) for n in names if isinstance(getattr(response, n), dict)}


def alive_of(beliefs: Beliefs) -> Any:
    """Whether filtering had not failed yet, by trial; None for beliefs that were not filtered."""
    return getattr(getattr(beliefs, "status", None), "alive", None)


def frozen_trials(frozen: Any, shape: tuple[int, ...]) -> Array:
    """The trials to be ignored, as truth values."""
    array = numbers("frozen", frozen)
    if not is_traced(array):
        refuse("frozen", array, (array == 0) | (array == 1), "truth values")
    return align_to_trials("frozen", array, shape) != 0


def blank_where_missing(found: Array, known: Any) -> Array:
    """What was found, and NaN in trials of which not all was known."""
    if known is True:
        return found
    return jnp.where(alongside(known, found), found, jnp.nan)
