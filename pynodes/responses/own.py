"""OwnResponse: a response that is one plain function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from pynodes._core.modules import choice
from pynodes._errors import listed
from pynodes._typing import Array, Scalar
from pynodes.responses._base import AbstractResponse, Given
from pynodes.responses._fields import Reader
from pynodes.responses._series import Covariate


class OwnResponse(AbstractResponse):
    """A response whose log density is a function of one's own. Make one with :meth:`of`.

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
    """

    function: Callable[..., Array] = choice()
    values: dict[str, Scalar]
    needs: tuple[str, ...] = choice(())

    @classmethod
    def of(
        cls, function: Callable[..., Array], *, covariates: tuple[str, ...] = (), **values: Scalar
    ) -> OwnResponse:
        """A response from a function, the names of its covariates, and values of its parameters.

        Raises
        ------
        ParameterError
            Keywords that the function does not take, or ones that it needs and was not given.
        """
        return cls(function=function, needs=tuple(covariates), values=values)

    @property
    def covariates(self) -> Mapping[str, Covariate]:  # type: ignore[override]
        """What must be known of every trial besides beliefs."""
        return {name: Covariate() for name in self.needs}

    def log_density(self, beliefs: Reader, response: Array, given: Given) -> Array:
        return self.function(beliefs, response, **self.values, **given)

    def check(self) -> str | None:
        """The function takes what it will be given."""
        if not callable(self.function):
            return f"function must be a function, not {self.function!r}."
        names = [*self.values, *self.needs]
        try:
            inspect.signature(self.function).bind(None, None, **dict.fromkeys(names))
        except TypeError as error:
            return (
                f"the function must take (beliefs, response) and the keywords {listed(names)}, "
                f"but: {error}."
            )
        return None
