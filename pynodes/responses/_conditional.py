"""ConditionalResponse: a response of which some parameters differ from trial to trial."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._core.beliefs import alongside
from pynodes._core.modules import choice
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader
from pynodes.responses._series import Covariate


class ConditionalResponse(AbstractResponse):
    """A response of which some parameters differ by conditions, which are covariates of it.

    Attributes
    ----------
    response
        The response, whatever these parameters are in it.
    differing
        Name and covariate of every parameter that differs.
    values
        For each of them its value at every level.
    """

    response: AbstractResponse
    differing: tuple[tuple[str, str], ...] = choice()
    values: tuple[tuple[Scalar, ...], ...]

    @property
    def levels(self) -> dict[str, int]:
        """How many levels there are, by covariate."""
        pairs = zip(self.differing, self.values, strict=True)
        return {covariate: len(values) for (_, covariate), values in pairs}

    @property
    def covariates(self) -> Mapping[str, Covariate]:  # type: ignore[override]
        own = {n: Covariate(bounds=(0.0, count - 1.0)) for n, count in self.levels.items()}
        return {**self.response.covariates, **own}

    @property
    def harmless(self) -> float:  # type: ignore[override]
        return self.response.harmless

    @property
    def expects(self) -> str:  # type: ignore[override]
        return self.response.expects

    @property
    def reads(self) -> tuple[str, ...]:
        return self.response.reads

    @property
    def option_count(self) -> int | None:
        return self.response.option_count

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        return self.response.accepts(values, beliefs)

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        return self.select(lambda part, own: part.log_density(beliefs, response, own), given)

    def prediction(self, beliefs: Reader, given: Given) -> Array:
        return self.select(lambda part, own: part.prediction(beliefs, own), given)

    def draw(self, key: Array, beliefs: Reader, given: Given) -> Array:
        return self.select(lambda part, own: part.draw(key, beliefs, own), given)

    def select(self, rule: Callable[[AbstractResponse, Given], Array], given: Given) -> Array:
        """What a rule finds of the response of every trial's levels."""
        own = {name: given[name] for name in self.response.covariates}
        found: Any = None
        for codes in itertools.product(*map(range, self.levels.values())):
            level = dict(zip(self.levels, codes, strict=True))
            pairs = zip(self.differing, self.values, strict=True)
            chosen = {name: values[level[covariate]] for (name, covariate), values in pairs}
            here = rule(self.response.replace(chosen), own)
            if found is None:
                found = here
                continue
            holds = jnp.all(jnp.stack([given[n] == code for n, code in level.items()]), axis=0)
            found = jnp.where(alongside(holds, here), here, found)
        return found
