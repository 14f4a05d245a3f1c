"""JointResponse: several streams of responses to the same beliefs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module
from pynodes._errors import InputError, ParameterError, nearest, quote
from pynodes._runtime.sample import check_key
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse
from pynodes.responses._fields import Beliefs
from pynodes.responses._series import Covariates


class JointResponse(Module):
    """Several responses in every trial, such as a choice and a reaction time, independent given beliefs.

    Log likelihoods add. Make one with :meth:`of`.

    Parameters
    ----------
    streams
        The responses by the names of their streams.
    """

    streams: dict[str, AbstractResponse]

    @classmethod
    def of(cls, **streams: AbstractResponse) -> JointResponse:
        """The joint response of some streams, by name.

        Raises
        ------
        ParameterError
            No stream, or one that is not a response.
        """
        if not streams:
            raise ParameterError("JointResponse.of() needs one stream at least, by name.")
        for name, response in streams.items():
            if not isinstance(response, AbstractResponse):
                raise ParameterError(f"The stream {name!r} is no response, but {response!r}.")
        return cls(streams=streams)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the nodes whose beliefs are read."""
        return tuple(dict.fromkeys(n for part in self.streams.values() for n in part.reads))

    def parameters(self) -> dict[str, Any]:
        """Every parameter by name, such as ``"choice.inverse_temperature"``."""
        return {
            f"{stream}.{name}": value
            for stream, part in self.streams.items()
            for name, value in part.parameters().items()
        }

    def replace(self, values: Mapping[str, Scalar]) -> JointResponse:
        """The same responses with other values of some parameters.

        Raises
        ------
        ParameterError
            An unknown name, or a value outside the parameter's range.
        """
        known, streams = self.parameters(), dict(self.streams)
        for name, value in values.items():
            if name not in known:
                raise ParameterError(f"There is no parameter {name!r}. {nearest(name, known)}")
            stream, _, own = name.partition(".")
            streams[stream] = streams[stream].replace({own: value})
        return dataclasses.replace(self, streams=streams)

    def log_likelihood(
        self,
        beliefs: Beliefs,
        responses: Mapping[str, Any],
        *,
        covariates: Covariates | None = None,
        frozen: Any = None,
    ) -> Array:
        """Log likelihood of the responses of every trial, summed over the streams that have one.

        Parameters
        ----------
        beliefs, covariates, frozen
            As for a single response; every stream takes the covariates that it declares.
        responses
            A series for every stream, by name; NaN is a missing response.

        Raises
        ------
        InputError
            A stream without series, a series without stream, a covariate that no stream takes.
        """
        if not isinstance(responses, Mapping) or set(responses) != set(self.streams):
            given = quote(responses) if isinstance(responses, Mapping) else repr(responses)
            raise InputError(
                f"The streams are {quote(self.streams)}, but responses were given for {given}. Give a "
                "series for each by name, NaN where a response is missing."
            )
        parts = [
            part.log_likelihood(beliefs, responses[name], covariates=own, frozen=frozen)
            for name, part, own in self._shared(covariates)
        ]
        return sum(parts[1:], start=parts[0])

    def total(self, beliefs: Beliefs, responses: Mapping[str, Any], **options: Any) -> Array:
        """Log likelihood of all responses together, summed over the last axis of the trials."""
        each = self.log_likelihood(beliefs, responses, **options)
        return jnp.sum(each, axis=-1) if each.ndim else each

    @property
    def covariates(self) -> set[str]:
        """Names of the covariates that some stream takes."""
        return {name for part in self.streams.values() for name in part.covariates}

    def predict(
        self, beliefs: Beliefs, *, covariates: Covariates | None = None
    ) -> dict[str, Array]:
        """Expected responses of every stream, by name."""
        return {
            name: part.predict(beliefs, covariates=own)
            for name, part, own in self._shared(covariates)
        }

    def sample(
        self, key: Array, beliefs: Beliefs, *, covariates: Covariates | None = None
    ) -> dict[str, Array]:
        """Simulated responses of every stream, by name."""
        check_key(key)
        keys = jax.random.split(key, len(self.streams))
        return {
            name: part.sample(one, beliefs, covariates=own)
            for one, (name, part, own) in zip(keys, self._shared(covariates), strict=True)
        }

    def _shared(
        self, covariates: Covariates | None
    ) -> list[tuple[str, AbstractResponse, dict[str, Any]]]:
        """Every stream with the covariates that it takes; each covariate is taken by one at least."""
        values = {} if covariates is None else covariates
        taken = self.covariates
        for name in values:
            if name not in taken:
                hint = nearest(name, taken) if taken else "They take none."
                raise InputError(f"None of the streams has a covariate {name!r}. {hint}")
        return [
            (stream, part, {name: values[name] for name in part.covariates if name in values})
            for stream, part in self.streams.items()
        ]
