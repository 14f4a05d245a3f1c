"""What nodes that hold a family's statistics share, and check when they are made."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, choice, is_traced
from pynodes._errors import ParameterError
from pynodes._typing import AnyArray
from pynodes.families import AbstractFamily, Normal
from pynodes.nodes._learner import AbstractLearner


class AbstractFamilyLearner(AbstractLearner):
    """A learner of observations that a family describes."""

    family: AbstractFamily = choice(Normal())

    @property
    def event_shape(self) -> tuple[int, ...]:
        return self.family.event_shape

    @property
    def expects(self) -> str:  # type: ignore[override]
        """Which observations the family can take, in words."""
        return self.family.expects

    def accepts(self, values: AnyArray) -> AnyArray:
        return self.family.accepts(values)


def check_family(node: Any) -> None:
    """A family is an object, not its class or its name."""
    if not isinstance(node.family, AbstractFamily):
        raise ParameterError(
            f"{type(node).__name__}: family must be a family such as pynodes.families.Normal(), not "
            f"{node.family!r}."
        )


def fill_in(node: Module, field: str, default: tuple[float, ...]) -> None:
    """Fill in an array with one number for each statistic, or check the one that was given."""
    given = getattr(node, field)
    if given is None:
        object.__setattr__(node, field, np.asarray(default))
    elif np.ndim(given) == 1 and np.shape(given) != (len(default),):
        family: Any = getattr(node, "family", None)
        raise ParameterError(
            f"{type(node).__name__}: {field} must have {len(default)} numbers, one for each statistic of "
            f"{family!r}, not {np.shape(given)[0]}."
        )


def flaw_of_statistics(family: AbstractFamily, statistics: Any) -> str | None:
    """What keeps some expected statistics from being those of any distribution, in words."""
    if is_traced(statistics):
        return None
    with jax.ensure_compile_time_eval():
        values = jnp.asarray(np.asarray(statistics, float))
        level = np.allclose(family.levelled(values), values, rtol=0, atol=1e-6)
        possible = level and float(family.margin(values)) > 0
    if possible:
        return None
    return (
        f"has initial statistics {np.asarray(statistics).tolist()}, which no distribution has: those of "
        f"{family!r} are {family.requires}."
    )
