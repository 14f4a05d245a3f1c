"""Design: what the mean of one parameter depends on, as arrays over units."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray, Array


class Grouped(Module):
    """What units of one level of a factor have in common: effects of columns, drawn for every level.

    Attributes
    ----------
    factor
        Name of the factor, as in ``"site"``.
    columns
        Names of the columns with effects, ``"1"`` for the intercept.
    levels
        How many levels the factor has.
    level
        Which of them every unit has.
    values
        The columns, of shape (units, columns).
    spreads
        Prior scale of the deviation of every column's effects.
    """

    factor: str = choice()
    columns: tuple[str, ...] = choice()
    levels: int = choice()
    level: AnyArray
    values: AnyArray
    spreads: AnyArray

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the effects of every column, as in ``"1|site"``."""
        return tuple(f"{column}|{self.factor}" for column in self.columns)

    def mean(self, effects: Array) -> Array:
        """What effects of shape (levels, columns) add to the mean of every unit."""
        return jnp.sum(jnp.asarray(self.values) * effects[jnp.asarray(self.level)], axis=-1)

    def spread_out(self) -> Array:
        """The matrix that makes these additions from all effects in a row, level by level."""
        chosen = jax.nn.one_hot(jnp.asarray(self.level), self.levels, dtype=float)
        whole = chosen[:, :, None] * jnp.asarray(self.values)[:, None, :]
        return jnp.reshape(whole, (whole.shape[0], -1))


class Design(Module):
    """The fixed and the grouped effects on the mean of one parameter.

    Attributes
    ----------
    terms
        Names of the columns of fixed effects.
    fixed
        These columns, of shape (units, terms).
    centres, spreads
        Prior mean and standard deviation of their coefficients.
    grouped
        Effects of levels of factors.
    """

    terms: tuple[str, ...] = choice()
    fixed: AnyArray
    centres: AnyArray
    spreads: AnyArray
    grouped: tuple[Grouped, ...] = ()

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(np.shape(self.fixed)[0])


def intercept_alone(units: int, centre: float, spread: float) -> Design:
    """The design of a parameter without formula: its mean is the same for all."""
    return Design(
        terms=("Intercept",),
        fixed=np.ones((units, 1)),
        centres=np.array([centre]),
        spreads=np.array([spread]),
    )
