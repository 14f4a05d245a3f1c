"""ExponentialFamilyState: observations of which the expected sufficient statistics are learned."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import bound_log_growth
from pynodes._core.modules import choice, is_traced, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._statistics import (
    AbstractFamilyLearner,
    check_family,
    fill_in,
    flaw_of_statistics,
)

KEPT = 0.1
"""A prediction that leaves the possible statistics is drawn back to where a tenth of the margin is left.

Any share below one will do; a smaller one would let a predictive density become so narrow that a
single observation costs hundreds of nats."""


class ExponentialFamilyState(AbstractFamilyLearner):
    """An observed quantity of some exponential family: generalised Bayesian filtering.

    It holds the sufficient statistics expected of an observation, and how many observations they are
    worth. An observation moves them by ``(T(x) - expected) / (pseudo_count + 1)``. The pseudo-count is

    * fixed, so that it forgets: each observation weighs ``pseudo_count / (pseudo_count + 1)`` of the next;
    * growing by one per observation: exact Bayesian updating of a conjugate prior;
    * multiplied by the exponential of its ``PseudoCount`` parents;
    * with ``Statistic`` parents, what the uncertainty of their predictions amounts to; the expected
      statistics are then those predictions.

    Time between observations changes nothing by itself; parents may.

    Parameters
    ----------
    family
        Of what the observations are; such as ``pynodes.families.Normal()``.
    growing
        Whether the pseudo-count grows by one with every observation.
    pseudo_count
        How many observations the expected statistics are worth (ν), before the first step or at all of
        them; not used with ``Statistic`` parents. May be given per step.
    initial_statistics
        Statistics expected before the first step (ξ), one for each; the family's default unless given.
    precision
        With ``Statistic`` parents: the precision with which an observation shows each statistic, in its
        inverse squared units; ones unless given.

    Raises
    ------
    ParameterError
        Statistics that no distribution of the family has, or as many as it does not have.

    Fields: ``statistics``, ``pseudo_count``, the ``mean`` and ``variance`` (``covariance``) of the member
    that has these statistics, each also as predicted, and ``coherence``: 1, or the part of the way to
    its parents' predictions at which it stopped because no distribution has such statistics.

    Source: Mathys and Weber (2020), doi 10.1007/978-3-030-64919-7_7; docs/theory/families.md, which says
    how pyhgf 0.3.2 differs where the pseudo-count is driven.
    """

    learns_in_part: ClassVar = True
    inlets: ClassVar = (
        "statistics",
        "statistics_variance",
        "statistics_parents",
        "log_pseudo_count",
    )

    growing: bool = choice(False)
    pseudo_count: Scalar = parameter(3.0, symbol="ν", positive=True)
    initial_statistics: Any = parameter(None, symbol="ξ₀", rank=1)
    precision: Any = parameter(None, symbol="π", rank=1, positive=True)

    def __post_init__(self) -> None:
        check_family(self)
        if not isinstance(self.growing, bool):
            raise ParameterError(
                f"ExponentialFamilyState: growing must be True or False, not {self.growing!r}."
            )
        fill_in(self, "initial_statistics", self.family.default_statistics)
        fill_in(self, "precision", (1.0,) * len(self.family.default_statistics))

    def check(self, connected: Collection[str]) -> str | None:
        driven = [inlet for inlet in ("statistics", "log_pseudo_count") if inlet in connected]
        if len(driven) == 2 or (driven and self.growing):
            second = "growing=True" if self.growing else "PseudoCount parents"
            first = "Statistic" if "statistics" in connected else "PseudoCount"
            return f"has {first} parents and {second}, which both set its pseudo-count. Keep one of them."
        precision = self.precision
        if (
            "statistics" not in connected
            and not is_traced(precision)
            and (np.asarray(precision) != 1).any()
        ):
            return "is given a precision, but has no Statistic parents that would hear with it."
        return flaw_of_statistics(self.family, self.initial_statistics)

    def begin(self) -> dict[str, Array]:
        kind = jnp.result_type(float)
        statistics = jnp.asarray(self.initial_statistics, kind)
        one, none = jnp.ones((), kind), jnp.zeros_like(statistics)
        return {
            "statistics": statistics,
            "pseudo_count": one * self.pseudo_count,
            "observations": 0 * one,
            "predictions": none,
            "precision": jnp.asarray(self.precision, kind),
            "coherence": one,
        }

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> dict[str, Array]:
        del dt
        if jnp.ndim(inlet["statistics"]):
            return memory | self.followed(memory["statistics"], inlet)
        count = self.pseudo_count * jnp.exp(
            -bound_log_growth(-bound_log_growth(inlet["log_pseudo_count"]))
        )
        return memory | {"pseudo_count": count + memory["observations"] if self.growing else count}

    def followed(self, own: Array, inlet: Inlets) -> dict[str, Array]:
        """Statistics and pseudo-count as the parents predict them, from those it would expect itself.

        A parent whose prediction has variance v will move by ``v / (v + 1 / precision)`` of its error;
        the pseudo-count is that of the average of these learning rates.
        """
        has_parent = inlet["statistics_parents"] > 0
        variance = inlet["statistics_variance"]
        precision = jnp.asarray(self.precision, variance.dtype)
        rate = variance / (variance + 1 / precision)
        parents = jnp.sum(has_parent.astype(rate.dtype))
        mean_rate = jnp.sum(jnp.where(has_parent, rate, 0.0)) / jnp.maximum(parents, 1)
        mean_rate = jnp.maximum(mean_rate, jnp.finfo(rate.dtype).eps)
        aim = self.family.levelled(jnp.where(has_parent, inlet["statistics"], own))
        here, there = self.family.margin(own), self.family.margin(aim)
        # The margin is concave, so that at this part of the way at least KEPT of it is left.
        falls = there < KEPT * here
        part = jnp.where(falls, (1 - KEPT) * here / jnp.where(falls, here - there, 1.0), 1.0)
        return {
            "statistics": jnp.where(falls, own + part * (aim - own), aim),
            "pseudo_count": jnp.where(parents > 0, (1 - mean_rate) / mean_rate, self.pseudo_count),
            "predictions": inlet["statistics"],
            "precision": precision,
            "coherence": part,
        }

    def learn(self, memory: Any, value: Array) -> dict[str, Array]:
        return self.count(memory, self.family.statistics(value) - memory["statistics"], 1)

    def learn_in_part(self, memory: Any, value: Array, power: Array) -> dict[str, Array]:
        """A likelihood to a power is worth so many observations."""
        error = self.family.statistics(value) - memory["statistics"]
        return self.count(memory, power * error, power)

    def count(self, memory: Any, error: Array, count: Scalar) -> dict[str, Array]:
        """The memory after so many observations, with the sum of their errors."""
        before = memory["pseudo_count"]
        return memory | {
            "statistics": memory["statistics"] + error / (before + count),
            "pseudo_count": before + count if self.growing else before,
            "observations": memory["observations"] + count,
        }

    def log_density(self, memory: Any, value: Array) -> Array:
        return self.family.log_density(value, memory["statistics"], memory["pseudo_count"])

    def sample_from(self, key: Array, memory: Any) -> Array:
        return self.family.sample(key, memory["statistics"], memory["pseudo_count"])

    def show(self, memory: Any) -> dict[str, Array]:
        shown = {name: memory[name] for name in ("statistics", "pseudo_count", "coherence")}
        return self.family.moments(memory["statistics"]) | shown
