"""Design: what the mean of one parameter depends on, as arrays over subjects."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray, Array


class GroupedEffects(Module):
    """What subjects of one level of a factor have in common: effects of columns, drawn for every level.

    Attributes
    ----------
    factor
        Name of the factor, as in ``"site"``.
    columns
        Names of the columns with effects, ``"1"`` for the intercept.
    levels
        How many levels the factor has.
    level
        Which of them every subject has.
    values
        The columns, of shape (subjects, columns).
    prior_sds
        Prior scale of the standard deviation of every column's effects.
    """

    factor: str = choice()
    columns: tuple[str, ...] = choice()
    levels: int = choice()
    level: AnyArray
    values: AnyArray
    prior_sds: AnyArray

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the effects of every column, as in ``"1|site"``."""
        return tuple(f"{column}|{self.factor}" for column in self.columns)

    def add_to_means(self, effects: Array) -> Array:
        """What effects of shape (levels, columns) add to the mean of every subject."""
        return jnp.sum(jnp.asarray(self.values) * effects[jnp.asarray(self.level)], axis=-1)

    def design_matrix(self) -> Array:
        """The matrix that makes these additions from all effects in a row, level by level."""
        one_hot = jax.nn.one_hot(jnp.asarray(self.level), self.levels, dtype=float)
        whole = one_hot[:, :, None] * jnp.asarray(self.values)[:, None, :]
        return jnp.reshape(whole, (whole.shape[0], -1))


class Design(Module):
    """The fixed and the grouped effects on the mean of one parameter.

    Attributes
    ----------
    terms
        Names of the columns of fixed effects.
    fixed
        These columns, of shape (subjects, terms).
    prior_means, prior_sds
        Prior mean and standard deviation of their coefficients.
    grouped
        Effects of levels of factors.
    """

    terms: tuple[str, ...] = choice()
    fixed: AnyArray
    prior_means: AnyArray
    prior_sds: AnyArray
    grouped: tuple[GroupedEffects, ...] = ()

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return int(np.shape(self.fixed)[0])

    def design_matrix(self) -> Array:
        """The matrix that makes the means of subjects from coefficients and effects."""
        parts = [jnp.asarray(self.fixed, float), *(part.design_matrix() for part in self.grouped)]
        return jnp.concatenate(parts, axis=1)


def intercept_only(subjects: int, mean: float, sd: float) -> Design:
    """The design of a parameter without formula: its mean is the same for all."""
    return Design(
        terms=("Intercept",),
        fixed=np.ones((subjects, 1)),
        prior_means=np.array([mean]),
        prior_sds=np.array([sd]),
    )
