"""Partitions: the few most probable ways in which some observations may belong together."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pynodes._typing import Array, Scalar
from pynodes.families import AbstractFamily


@dataclasses.dataclass(frozen=True)
class Partitions:
    """How partitions into components grow with an observation, and what they predict.

    A memory holds some hypotheses, each a partition of what was observed: ``counts`` (hypotheses,
    components), ``statistics`` (hypotheses, components, statistics), ``log_weights`` (hypotheses,)
    and ``overflowed`` (hypotheses,). Components are numbered as they were opened, so that no two
    hypotheses are the same partition under other names. ``responsibilities`` and ``assigned`` are
    those of the most probable hypothesis for the last observation.

    Attributes
    ----------
    family
        Of what a component is.
    components
        How many there can be.
    shares
        Whether an observation is shared out among the open components.
    merges
        Whether components are merged when there is no room.
    base, pseudo_count
        What is known of a component that has observed nothing.
    concentration
        Weight of a new component, in observations.
    """

    family: AbstractFamily
    components: int
    shares: bool
    merges: bool
    base: Array
    pseudo_count: Array
    concentration: Array

    def begin(self, hypotheses: int) -> dict[str, Array]:
        """Nothing observed: one hypothesis, and room for the others."""
        kind = self.base.dtype
        place = (hypotheses, self.components)
        return {
            "statistics": jnp.tile(self.base[None, None], (*place, 1)),
            "counts": jnp.zeros(place, kind),
            "log_weights": jnp.where(jnp.arange(hypotheses) == 0, 0.0, lowest(kind)).astype(kind),
            "overflowed": jnp.zeros(hypotheses, kind),
            "responsibilities": jnp.zeros(self.components, kind),
            "assigned": jnp.full((), -1.0, kind),
        }

    def after(self, memory: Any, value: Array) -> dict[str, Array]:
        """The most probable ways to place a value beside what was there, of all that there are."""
        known, fresh = jax.vmap(self.scores, in_axes=(None, 0, 0))(
            value, memory["statistics"], memory["counts"]
        )
        full = jnp.all(memory["counts"] > 0, axis=1)
        overflows = full & (fresh > jnp.max(known, axis=1))
        statistics, counts = memory["statistics"], memory["counts"]
        if self.merges:
            room = self.with_room(statistics, counts, overflows)
            known = jnp.where(overflows[:, None], lowest(fresh.dtype), known)
            fresh_ways = jnp.where(full & ~overflows, lowest(fresh.dtype), fresh)
        else:
            room = statistics, counts
            fresh_ways = jnp.where(full, lowest(fresh.dtype), fresh)
        statistics, counts = room
        if self.shares:
            ways = jnp.stack([jax.scipy.special.logsumexp(known, axis=1), fresh_ways], axis=1)
        else:
            ways = jnp.concatenate([known, fresh_ways[:, None]], axis=1)
        total = jnp.log(self.concentration + jnp.sum(memory["counts"], axis=1))
        ways = memory["log_weights"][:, None] + ways - total[:, None]
        weights, chosen = lax.top_k(jnp.ravel(ways), memory["log_weights"].shape[0])
        origin, way = chosen // ways.shape[1], chosen % ways.shape[1]
        share = self.share(known[origin], counts[origin], way, ways.shape[1] - 1)
        counts = counts[origin] + share
        gain = share / (self.pseudo_count + counts)
        errors = self.family.statistics(value)[None, None] - statistics[origin]
        weights = weights - jax.scipy.special.logsumexp(weights)
        return {
            "statistics": statistics[origin] + gain[:, :, None] * errors,
            "counts": counts,
            "log_weights": jnp.maximum(weights, lowest(weights.dtype)),
            "overflowed": (memory["overflowed"] + overflows.astype(counts.dtype))[origin],
            "responsibilities": share[0],
            "assigned": jnp.argmax(share[0]).astype(counts.dtype),
        }

    def scores(self, value: Array, statistics: Array, counts: Array) -> tuple[Array, Array]:
        """Log of weight times density of a value, in observations: by component, and of a new one."""
        densities = jax.vmap(self.family.log_density, in_axes=(None, 0, 0))(
            value, statistics, self.pseudo_count + counts
        )
        is_open = counts > 0
        known = jnp.log(jnp.where(is_open, counts, 1.0)) + densities
        fresh = self.family.log_density(value, self.base, self.pseudo_count)
        return jnp.where(is_open, known, lowest(known.dtype)), jnp.log(self.concentration) + fresh

    def share(self, known: Array, counts: Array, way: Array, new: int) -> Array:
        """How each hypothesis shares out the value: (hypotheses, components)."""
        free = jnp.argmin(counts > 0, axis=1)
        place = jnp.where(way == new, free.astype(way.dtype), way)
        whole = jax.nn.one_hot(place, self.components, dtype=counts.dtype)
        if not self.shares:
            return whole
        return jnp.where((way == new)[:, None], whole, jax.nn.softmax(known, axis=1))

    def with_room(self, statistics: Array, counts: Array, overflows: Array) -> tuple[Array, Array]:
        """Every hypothesis as it is, or with two components merged where there is no room."""

        def joined(statistics: Array, counts: Array) -> tuple[Array, Array]:
            both = jax.vmap(
                lambda s, c: merge_components(self.family, s, c, self.base, self.pseudo_count)
            )(statistics, counts)
            return (
                jnp.where(overflows[:, None, None], both[0], statistics),
                jnp.where(overflows[:, None], both[1], counts),
            )

        return lax.cond(jnp.any(overflows), joined, lambda s, c: (s, c), statistics, counts)

    def log_density(self, memory: Any, value: Array) -> Array:
        """Log predictive density of a value, averaged over hypotheses."""
        known, fresh = jax.vmap(self.scores, in_axes=(None, 0, 0))(
            value, memory["statistics"], memory["counts"]
        )
        all_ways = jnp.concatenate([known, fresh[:, None]], axis=1)
        total = jnp.log(self.concentration + jnp.sum(memory["counts"], axis=1))
        each = jax.scipy.special.logsumexp(all_ways, axis=1) - total
        return jax.scipy.special.logsumexp(memory["log_weights"] + each)

    def sample(self, key: Array, memory: Any) -> Array:
        """A value from the predictive density."""
        first, second, third = jax.random.split(key, 3)
        hypothesis = jax.random.categorical(first, memory["log_weights"])
        counts = memory["counts"][hypothesis]
        weights = jnp.append(counts, self.concentration)
        chosen = jax.random.choice(second, self.components + 1, p=weights / jnp.sum(weights))
        statistics = jnp.concatenate([memory["statistics"][hypothesis], self.base[None]])[chosen]
        count = self.pseudo_count + jnp.append(counts, 0.0)[chosen]
        return self.family.sample(third, statistics, count)

    def show(self, memory: Any) -> dict[str, Array]:
        """What is displayed: the most probable hypothesis, and moments averaged over all."""
        counts, statistics = memory["counts"][0], memory["statistics"][0]
        total = self.concentration + jnp.sum(counts)
        moments = jax.vmap(self.family.moments)(statistics)
        fresh = self.family.moments(self.base)
        means, variances = moments["mean"], moments["variance"]

        def averaged(known: Array, new: Array) -> Array:
            return (jnp.tensordot(counts, known, 1) + self.concentration * new) / total

        mean = averaged(means, fresh["mean"])
        square = averaged(variances + means**2, fresh["variance"] + fresh["mean"] ** 2)
        return {
            "statistics": statistics,
            "counts": counts,
            "weights": counts / total,
            "new_weight": self.concentration / total,
            "means": means,
            "variances": variances,
            "responsibilities": memory["responsibilities"],
            "assigned": memory["assigned"],
            "active": jnp.sum((counts > 0).astype(counts.dtype)),
            "certainty": jnp.exp(memory["log_weights"][0]),
            "overflowed": memory["overflowed"][0],
            "mean": mean,
            "variance": square - mean**2,
        }


def lowest(kind: Any) -> Array:
    """A log weight of nothing, finite, so that what is not there leaves no NaN in a softmax."""
    return jnp.asarray(jnp.finfo(kind).min / 8, kind)


def merge_components(
    family: AbstractFamily, statistics: Array, counts: Array, base: Array, pseudo_count: Scalar
) -> tuple[Array, Array]:
    """Statistics and counts of open components, two of which were joined in the place of the first.

    The pair is the one whose observations gain most in marginal probability, the partition's included,
    if they are thought to come from one component. What the pair has learned adds up exactly; the
    place of the second is as before any observation. Derived in docs/theory/clusters.md.
    """
    first, second = np.triu_indices(counts.shape[0], 1)
    gains = jax.vmap(gain_of, in_axes=(None, 0, 0, 0, 0, None, None))(
        family,
        statistics[first],
        statistics[second],
        counts[first],
        counts[second],
        base,
        pseudo_count,
    )
    best = jnp.argmax(gains)
    one, other = jnp.asarray(first)[best], jnp.asarray(second)[best]
    joint = pool_statistics(
        statistics[one], statistics[other], counts[one], counts[other], base, pseudo_count
    )
    return (
        statistics.at[one].set(joint).at[other].set(base),
        counts.at[one].add(counts[other]).at[other].set(0.0),
    )


def pool_statistics(
    one: Array, other: Array, count: Array, other_count: Array, base: Array, pseudo_count: Scalar
) -> Array:
    """Expected statistics of two components as one, what both knew beforehand counted once."""
    total = pseudo_count + count + other_count
    shifted = (pseudo_count + count) * (one - base) + (pseudo_count + other_count) * (other - base)
    return base + shifted / total


def gain_of(
    family: AbstractFamily,
    one: Array,
    other: Array,
    count: Array,
    other_count: Array,
    base: Array,
    pseudo_count: Scalar,
) -> Array:
    """Log marginal probability of two components' observations as one, less that as two; up to a constant."""
    joint = pool_statistics(one, other, count, other_count, base, pseudo_count)
    gammaln = jax.scipy.special.gammaln
    partition = gammaln(count + other_count) - gammaln(count) - gammaln(other_count)
    return (
        family.log_normaliser(joint, pseudo_count + count + other_count)
        - family.log_normaliser(one, pseudo_count + count)
        - family.log_normaliser(other, pseudo_count + other_count)
        + partition
    )
