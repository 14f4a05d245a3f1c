"""Gibbs: edges drawn one after another, each given all others; edge probabilities are averages of those odds.

Where every child is a regression, one matrix per set of parents, kept swept by the terms that are on (Beaton
1964; Goodnight 1979, doi 10.1080/00031305.1979.10482685), has the odds of all edges in it: what flipping a
term does to the evidence is seen on its pivot. So visits that change nothing need not be made: how many
there would be before the next change has a known mean, the inverse of the sum of all probabilities to flip.
Each set is counted for so long, and the next one drawn in proportion to them (Bortz, Kalos and Lebowitz 1975,
doi 10.1016/0021-9991(75)90060-1). All children and chains go on side by side in one compiled loop.
Everywhere else a visit asks for the evidence of the graph with that edge flipped, of all chains at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.special import expit

from pynodes._typing import Array
from pynodes.structure.regression import Regression
from pynodes.structure.space import Space

Evidence = Callable[[np.ndarray], np.ndarray]
"""Log evidence of some sets of edges."""

CHANGES = 5
"""Changes that a compiled chain makes for every sweep that is asked for."""

NEVER = -50.0
"""Prior log odds of the terms that fill up matrices."""


@dataclasses.dataclass(eq=False)
class Chains:
    """Chains under way.

    Attributes
    ----------
    masks
        Where they are, of shape (chains, edges).
    total
        Sum of the conditional probabilities of every edge that is counted, by chain.
    counted
        Sweeps that were counted.
    sweeps
        Sweeps that were made.
    """

    masks: np.ndarray
    total: np.ndarray
    counted: int = 0
    sweeps: int = 0

    @classmethod
    def begin(cls, masks: np.ndarray) -> Chains:
        """Chains that start somewhere."""
        return cls(masks=np.array(masks, bool), total=np.zeros(np.shape(masks)))

    def copy(self) -> Chains:
        """The same chains, to go on by themselves."""
        return dataclasses.replace(self, masks=self.masks.copy(), total=self.total.copy())

    @property
    def probability(self) -> np.ndarray:
        """Probability of every edge by chain."""
        return self.total / max(self.counted, 1)

    @property
    def disagreement(self) -> float:
        """The largest difference of a chain's probability of an edge from that of all."""
        found = self.probability
        return float(np.max(np.abs(found - found.mean(axis=0)), initial=0.0))


def visit_edges(
    space: Space, evidence: Evidence, chains: Chains, seed: int, *, counts: bool
) -> None:
    """Visit every edge of every chain once, in random order; of edges that exclude one another, swap some."""
    rng = np.random.default_rng([seed, chains.sweeps])
    units = space.units
    log = evidence(chains.masks) + space.log_prior(chains.masks)
    for number in rng.permutation(len(units)):
        unit = units[number]
        flipped = chains.masks.copy()
        flipped[:, unit] = ~flipped[:, unit]
        other = weigh_graphs(space, evidence, flipped)
        on = chains.masks[:, unit[0]]
        with np.errstate(invalid="ignore"):
            probability = expit(np.where(on, log - other, other - log))
        if counts:
            chains.total[:, unit] += probability[:, None]
        moved = (rng.random(len(log)) < probability) != on
        chains.masks = np.where(moved[:, None], flipped, chains.masks)
        log = np.where(moved, other, log)
    for rule, where in space.places:
        if rule.kind == "at_most":
            swap(space, evidence, chains, where, rng)
    chains.sweeps += 1
    chains.counted += counts


def weigh_graphs(space: Space, evidence: Evidence, masks: np.ndarray) -> np.ndarray:
    """Log of evidence times prior; of graphs that the rules exclude, without asking for the evidence."""
    log = space.log_prior(masks)
    fine = np.isfinite(log)
    if fine.any():
        log[fine] += evidence(masks[fine])
    return log


def swap(
    space: Space, evidence: Evidence, chains: Chains, where: np.ndarray, rng: np.random.Generator
) -> None:
    """Move an edge that is on to another place of those that exclude one another (Metropolis)."""
    proposal = chains.masks.copy()
    for chain, mask in enumerate(proposal):
        on, off = where[mask[where]], where[~mask[where]]
        if len(on) and len(off):
            mask[rng.choice(on)], mask[rng.choice(off)] = False, True
        proposal[chain] = mask
    gain = weigh_graphs(space, evidence, proposal) - weigh_graphs(space, evidence, chains.masks)
    accepted = np.log(rng.random(len(gain))) < gain
    chains.masks = np.where(accepted[:, None], proposal, chains.masks)


def sample_parents(
    regressions: list[Regression],
    certain: list[int],
    log_odds: list[np.ndarray],
    *,
    seed: int,
    chains: int,
    sweeps: int,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Probability of every term by chain, and the best sets seen, for children that do not interact.

    Children with fewer candidates have their matrices filled up with terms that nothing speaks for.

    Parameters
    ----------
    regressions, certain
        Of every child, and how many of its first terms are on for certain.
    log_odds
        Prior log odds of its other terms.
    seed, chains, sweeps
        Of the random numbers; how many chains, and how many times ``CHANGES`` changes each makes. A fifth
        is not counted.

    Returns
    -------
    Probabilities of shape (chains, terms), and sets of shape (chains, terms), of every child.
    """
    sizes = [len(odds) for odds in log_odds]
    parts = [fill_up(*one, max(sizes)) for one in zip(regressions, certain, log_odds, strict=True)]
    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    draws = np.stack(
        [np.random.default_rng([seed, i]).random(CHANGES * sweeps) for i in range(chains)], axis=1
    )
    with jax.enable_x64(True):
        probability, best = change_all(stacked, draws)
    probability, best = np.asarray(probability), np.asarray(best)
    return (
        [probability[i, :, :size] for i, size in enumerate(sizes)],
        [best[i, :, :size] for i, size in enumerate(sizes)],
    )


def fill_up(
    regression: Regression, certain: int, log_odds: np.ndarray, size: int
) -> dict[str, np.ndarray]:
    """What the compiled loop needs of one child, certain terms swept and missing ones neutral."""
    matrix, free = regression.augmented, len(log_odds)
    for place in range(certain):
        row = matrix[place].copy()
        matrix = matrix - np.outer(row, row) / row[place]
    matrix = matrix[certain:, certain:]
    offset = float(np.sum((regression.precision * regression.mean**2)[:certain]))
    whole = np.eye(size + 1)
    whole[:free, :free] = matrix[:free, :free]
    whole[:free, size] = whole[size, :free] = matrix[:free, free]
    whole[size, size] = matrix[free, free] + offset
    precision, mean = np.ones(size), np.zeros(size)
    precision[:free] = regression.precision[certain:]
    mean[:free] = regression.mean[certain:]
    odds = np.full(size, NEVER)
    odds[:free] = log_odds
    shape = math.inf if regression.shape is None else regression.shape + regression.count / 2
    return {
        "matrix": whole,
        "log_precision": np.log(precision),
        "offset": precision * mean**2,
        "log_odds": odds,
        "shape": np.array(shape),
        "scale": np.array(regression.scale),
    }


@jax.jit
def change_all(children: dict[str, Array], draws: Array) -> tuple[Array, Array]:
    """Probability of every term, and the best set seen, by child and chain."""
    chains = jax.vmap(chain_of, in_axes=(None, 1))
    return jax.vmap(chains, in_axes=(0, None))(children, draws)


def chain_of(child: dict[str, Array], draws: Array) -> tuple[Array, Array]:
    """One chain of one child: as many changes as there are draws."""
    size, first = len(child["log_odds"]), len(draws) // 5

    def change(carry: Any, now: tuple[Array, Array]) -> tuple[Any, None]:
        (matrix, on, log, total, time, best, best_log), (number, draw) = carry, now
        gains = gains_of(child, matrix, on)
        flips = jax.nn.sigmoid(gains)
        reached = jnp.cumsum(flips)
        wait = jnp.where(number >= first, 1 / reached[-1], 0.0)
        total += wait * jnp.where(on, jax.nn.sigmoid(-gains), flips)
        place = jnp.minimum(jnp.sum(reached < draw * reached[-1]), size - 1)
        matrix = sweep_by(matrix, place, jnp.where(on[place], -1.0, 1.0))
        on = jnp.where(jnp.arange(size) == place, ~on, on)
        log += gains[place]
        best = jnp.where(log > best_log, on, best)
        return (matrix, on, log, total, time + wait, best, jnp.maximum(log, best_log)), None

    none, zero = jnp.zeros(size, bool), jnp.zeros(())
    begin = (child["matrix"], none, zero, jnp.zeros(size), zero, none, zero)
    _, _, _, total, time, best, _ = lax.scan(change, begin, (jnp.arange(len(draws)), draws))[0]
    return total / time, best


def gains_of(child: dict[str, Array], matrix: Array, on: Array) -> Array:
    """What flipping each term does to the log posterior, from a matrix that is swept by those that are on."""
    pivot, border = jnp.diagonal(matrix)[:-1], matrix[:-1, -1]
    sign = jnp.where(on, -1.0, 1.0)
    left = matrix[-1, -1] + jnp.sum(jnp.where(on, child["offset"], 0.0))
    change = sign * child["offset"] - border**2 / pivot
    log_det = jnp.log(jnp.abs(pivot)) - sign * child["log_precision"]
    known = jnp.isinf(child["shape"])
    shape = jnp.where(known, 1.0, child["shape"])
    learned = -shape * jnp.log1p(change / (2 * child["scale"] + left))
    fixed = -change / (2 * child["scale"])
    return jnp.where(known, fixed, learned) - 0.5 * log_det + sign * child["log_odds"]


def sweep_by(matrix: Array, place: Array, sign: Array) -> Array:
    """A matrix swept by one of its rows; with sign -1 that is undone.

    Off the row and column it is a step of elimination, M - r r' / p with the pivot p; on them s r / p, which
    the same product gives where p - s stands for the pivot; the pivot itself becomes -1 / p.
    """
    row = matrix[place]
    pivot, here = row[place], jnp.arange(len(row)) == place
    bent = jnp.where(here, pivot - sign, row)
    corner = jnp.where(here[:, None] & here[None, :], 2 * sign, 0.0)
    return matrix - jnp.outer(bent, bent / pivot) - corner
