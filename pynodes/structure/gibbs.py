"""Gibbs: edges drawn one after another, each given all others; edge probabilities are averages of those odds.

Where every child is a regression, a visit of an edge is a look at one matrix that is kept swept by the terms
that are on (Beaton 1964; Goodnight 1979, doi 10.1080/00031305.1979.10482685): its pivot says what adding or
dropping a term does to the evidence, and a flip sweeps it. All children and all chains go on side by side in
one compiled loop. Everywhere else a visit asks for the evidence of the graph with that edge flipped, of all
chains at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
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

    @property
    def probability(self) -> np.ndarray:
        """Probability of every edge by chain."""
        return self.total / max(self.counted, 1)

    @property
    def disagreement(self) -> float:
        """The largest difference of a chain's probability of an edge from that of all."""
        found = self.probability
        return float(np.max(np.abs(found - found.mean(axis=0)), initial=0.0))


def sweep(space: Space, evidence: Evidence, chains: Chains, seed: int, *, counts: bool) -> None:
    """Visit every edge of every chain once, in random order; of edges that exclude one another, swap some."""
    rng = np.random.default_rng([seed, chains.sweeps])
    units = space.units
    log = evidence(chains.masks) + space.log_prior(chains.masks)
    for number in rng.permutation(len(units)):
        unit = units[number]
        flipped = chains.masks.copy()
        flipped[:, unit] = ~flipped[:, unit]
        other = weigh(space, evidence, flipped)
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


def weigh(space: Space, evidence: Evidence, masks: np.ndarray) -> np.ndarray:
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
    gain = weigh(space, evidence, proposal) - weigh(space, evidence, chains.masks)
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
        Of the random numbers; how many chains, and how often each visits every edge. A fifth of the sweeps
        is not counted.

    Returns
    -------
    Probabilities of shape (chains, terms), and sets of shape (chains, terms), of every child.
    """
    size = max(len(odds) for odds in log_odds)
    parts = [fill_up(*one, size) for one in zip(regressions, certain, log_odds, strict=True)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
    with jax.enable_x64(True):
        probability, best = visit_all(
            jax.tree.map(jnp.asarray, stacked), jax.random.key(seed % 2**32), chains, sweeps
        )
    sizes = [len(odds) for odds in log_odds]
    return (
        [np.asarray(probability)[i, :, :n] for i, n in enumerate(sizes)],
        [np.asarray(best)[i, :, :n] for i, n in enumerate(sizes)],
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
    odds = np.full(size, -50.0)
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


@partial(jax.jit, static_argnums=(2, 3))
def visit_all(child: dict[str, Array], key: Array, chains: int, sweeps: int) -> tuple[Array, Array]:
    """Probability of every term, and the best set seen, by child and chain."""
    size = child["log_odds"].shape[-1]

    def of_chain(key: Array) -> tuple[Array, Array]:
        return jax.vmap(partial(chain_of, key=key, sweeps=sweeps, size=size))(child)

    probability, best = jax.vmap(of_chain)(jax.random.split(key, chains))
    return jnp.swapaxes(probability, 0, 1), jnp.swapaxes(best, 0, 1)


def chain_of(child: dict[str, Array], key: Array, sweeps: int, size: int) -> tuple[Array, Array]:
    """One chain of one child."""
    first = sweeps // 5

    def one_sweep(carry: Any, now: tuple[Array, Array]) -> tuple[Any, None]:
        number, key = now
        order, draws = jax.random.split(key)
        places = jax.random.permutation(order, size)
        uniform = jax.random.uniform(draws, (size,))

        def visit(carry: Any, step: tuple[Array, Array]) -> tuple[Any, None]:
            (matrix, on, log, total, best, best_log), (place, draw) = carry, step
            change, flipped = flip(child, matrix, on, place)
            probability = jax.nn.sigmoid(jnp.where(on[place], -change, change))
            moves = (draw < probability) != on[place]
            total = total.at[place].add(jnp.where(number >= first, probability, 0.0))
            log = jnp.where(moves, log + change, log)
            on = on.at[place].set(jnp.where(moves, ~on[place], on[place]))
            matrix = jnp.where(moves, flipped, matrix)
            better = log > best_log
            best = jnp.where(better, on, best)
            return (matrix, on, log, total, best, jnp.maximum(log, best_log)), None

        return lax.scan(visit, carry, (places, uniform))[0], None

    none, zero = jnp.zeros(size, bool), jnp.zeros(())
    begin = (child["matrix"], none, zero, jnp.zeros(size), none, zero)
    carry, _ = lax.scan(one_sweep, begin, (jnp.arange(sweeps), jax.random.split(key, sweeps)))
    return carry[3] / (sweeps - first), carry[4]


def flip(child: dict[str, Array], matrix: Array, on: Array, place: Array) -> tuple[Array, Array]:
    """Change of the log posterior when one term is flipped, and the matrix swept by it."""
    row = matrix[place]
    pivot = row[place]
    sign = jnp.where(on[place], -1.0, 1.0)
    added = sign * child["offset"][place]
    left = matrix[-1, -1] + jnp.sum(jnp.where(on, child["offset"], 0.0))
    after = left - row[-1] ** 2 / pivot + added
    log_det = jnp.log(jnp.abs(pivot)) - sign * child["log_precision"][place]
    known = jnp.isinf(child["shape"])
    shape = jnp.where(known, 1.0, child["shape"])
    learned = -shape * jnp.log((child["scale"] + after / 2) / (child["scale"] + left / 2))
    fixed = -(after - left) / (2 * child["scale"])
    change = -0.5 * log_det + jnp.where(known, fixed, learned) + sign * child["log_odds"][place]
    swept = matrix - jnp.outer(row, row) / pivot
    border = sign * row / pivot
    swept = swept.at[place].set(border).at[:, place].set(border)
    return change, swept.at[place, place].set(-1 / pivot)
