"""OwnResponse: a response that is one plain function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynodes._core.modules import choice
from pynodes._errors import quote
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader
from pynodes.responses._series import Covariate

PAST = ("previous_choice", "previous_reward")
"""What environments call the choice before and what it paid."""


class OwnResponse(AbstractResponse):
    """A response whose log density is a function of yours. Make one with :meth:`of`.

    Parameters
    ----------
    function
        ``function(beliefs, response, **values)``, written with jax.numpy: log density of a response
        in its trial. ``beliefs["u"].predicted_mean`` is a belief of that trial; the keywords are the
        parameters and the covariates.
    values
        The parameters by name.
    needs
        Names of the covariates.
    support
        The responses that there can be, such as (0, 1); None for any number. Others are refused.

    What the function reads besides, such as a global number or a closure, is that of the call: a fit after a
    change is compiled anew. Let what changes often be a parameter or a covariate.
    """

    function: Callable[..., Array] = choice()
    values: dict[str, Scalar]
    needs: tuple[str, ...] = choice(())
    support: tuple[float, ...] | None = choice(None)

    @classmethod
    def of(
        cls,
        function: Callable[..., Array],
        *,
        covariates: tuple[str, ...] = (),
        support: Sequence[float] | None = None,
        **values: Scalar,
    ) -> OwnResponse:
        """A response from a function, the names of its covariates, and values of its parameters.

        With ``support``, such as (0, 1), all other responses are refused: codes of one's own for "no
        response" do not pass for one.

        Raises
        ------
        ParameterError
            Keywords that the function does not take, or ones that it needs and was not given.
        """
        known = None if support is None else tuple(map(float, support))
        return cls(function=function, needs=tuple(covariates), support=known, values=values)

    @property
    def expects(self) -> str:  # type: ignore[override]
        """What responses it takes, in words."""
        return (
            "finite numbers"
            if self.support is None
            else " or ".join(map("{:g}".format, self.support))
        )

    @property
    def harmless(self) -> float:  # type: ignore[override]
        """A response that the function can compute with where there is none."""
        return 0.0 if self.support is None else self.support[0]

    def accepts(self, values: Any, beliefs: Reader) -> Any:
        if self.support is None:
            return super().accepts(values, beliefs)
        found = values != values
        for value in self.support:
            found = found | (values == value)
        return found

    @property
    def covariates(self) -> Mapping[str, Covariate]:  # type: ignore[override]
        """What must be known of every trial besides beliefs.

        Under the names that the environments of bandits use, what was done before and what it led to.
        """
        return {name: Covariate(past="answer" if name in PAST else None) for name in self.needs}

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        return self.function(beliefs, response, **self.values, **given)

    def check(self) -> str | None:
        """The function takes what it will be given."""
        if self.support == ():
            return "support must name the responses that there can be, such as (0, 1)."
        if not callable(self.function):
            return f"function must be a function, not {self.function!r}."
        names = [*self.values, *self.needs]
        try:
            inspect.signature(self.function).bind(None, None, **dict.fromkeys(names))
        except TypeError as error:
            return (
                f"the function must take (beliefs, response) and the keywords {quote(names)}, "
                f"but: {error}."
            )
        return None
