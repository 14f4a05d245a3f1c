"""Merging: the two components of a mixture that are most probably one, made one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._typing import Array, Scalar
from pynodes.families import AbstractFamily


def merged(
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
    joint = together(
        statistics[one], statistics[other], counts[one], counts[other], base, pseudo_count
    )
    return (
        statistics.at[one].set(joint).at[other].set(base),
        counts.at[one].add(counts[other]).at[other].set(0.0),
    )


def together(
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
    joint = together(one, other, count, other_count, base, pseudo_count)
    gammaln = jax.scipy.special.gammaln
    partition = gammaln(count + other_count) - gammaln(count) - gammaln(other_count)
    return (
        family.log_normaliser(joint, pseudo_count + count + other_count)
        - family.log_normaliser(one, pseudo_count + count)
        - family.log_normaliser(other, pseudo_count + other_count)
        + partition
    )
