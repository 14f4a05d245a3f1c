"""Integrated likelihoods: how probable the data of a unit are in a population, whatever its own parameters.

A unit that is left out is any member of the population. Its parameters are integrated for every draw of the
population, by importance sampling at points that are shared by all draws (docs/theory/leaving_out.md).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np
from scipy.special import ndtri

from pynodes._typing import Array
from pynodes.fit.agent._binding import bound
from pynodes.fit.agent._likelihood import plainly
from pynodes.fit.agent._model import Model
from pynodes.fit.comparing._psis import log_sum
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.group._populated import populated
from pynodes.fit.group._population import Population
from pynodes.fit.sampling._draws import in_chunks, spread_evenly

if TYPE_CHECKING:
    from pynodes.fit.sampling.samples import Samples

POINTS, DRAWS = 1024, 1000
"""Points per unit at which its likelihood is looked at, and draws of the population, at most."""

WIDER = 1.5
"""By how much points are spread wider than a unit's posterior."""


def integrated(samples: Samples) -> np.ndarray | None:
    """Log likelihood of every unit given the population, of shape (draws, units).

    None where there is no population, or where draws do not say all of it: effects of levels are not kept.
    """
    settings = samples.drawn.settings
    if not samples.population or "formulas" not in settings:
        return None
    covariance = settings.get("covariance", "diagonal")
    group = populated(samples.agent, samples.trials, settings["formulas"], covariance=covariance)
    if group.population.grouped:
        return None
    flat = samples._flat
    chosen = spread_evenly(len(flat), DRAWS)
    common = {name: draws.reshape(-1)[chosen] for name, draws in samples.population.items()}
    means, factors = members(group.population, common)
    points, densities = proposed(flat)
    likelihoods = at_points(samples, points)
    units = [
        log_integral(
            points[:, unit], likelihoods[:, unit] - densities[:, unit], means[:, unit], factors
        )
        for unit in range(points.shape[1])
    ]
    return np.stack(units, axis=1)


def members(population: Population, common: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of every unit, (draws, units, values), and the Cholesky factor of the scatter."""
    names = population.parameters
    means: list[np.ndarray] = []
    for name, design in zip(names, population.designs, strict=True):
        coefficients = np.stack([common[f"{name}:{term}"] for term in design.terms], axis=-1)
        means.append(coefficients @ np.asarray(design.fixed).T)
    deviations = np.stack([common[f"{name}:deviation"] for name in names], axis=-1)
    correlation = np.tile(np.eye(len(names)), (len(deviations), 1, 1))
    for one, first in enumerate(names):
        for other, second in enumerate(names):
            for label in (f"correlation({first},{second})", f"correlation({second},{first})"):
                if one != other and label in common:
                    correlation[:, one, other] = common[label]
    factors = deviations[:, :, None] * np.linalg.cholesky(correlation)
    return np.stack(means, axis=-1), factors


def proposed(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points around every unit's draws, of shape (points, units, values), and their log density."""
    flat = np.asarray(flat, float)
    size = flat.shape[-1]
    away = flat - flat.mean(axis=0)
    covariance = np.einsum("dui,duj->uij", away, away) / len(flat)
    factors = WIDER * np.linalg.cholesky(covariance + 1e-12 * np.eye(size))
    normal = ndtri(spread_points(POINTS, size))
    points = flat.mean(axis=0) + np.einsum("uij,pj->pui", factors, normal)
    slopes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    kernel = -0.5 * (normal**2).sum(axis=1) - 0.5 * size * np.log(2 * np.pi)
    return points, kernel[:, None] - slopes


def spread_points(count: int, size: int) -> np.ndarray:
    """Points that fill the unit cube evenly: an additive recurrence by powers of a generalised golden ratio.

    Source: Roberts (2018), "The unreasonable effectiveness of quasirandom sequences".
    """
    ratio = 1.5
    for _ in range(60):  # the root of ratio^(size + 1) = ratio + 1
        ratio = (1 + ratio) ** (1 / (size + 1))
    steps = ratio ** -np.arange(1.0, size + 1)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1


def at_points(samples: Samples, points: np.ndarray) -> np.ndarray:
    """Log likelihood of every unit at its points, of shape (points, units)."""
    compute = partial(
        likelihoods_at, samples.agent.model, bound(samples.agent.model, samples.trials)
    )
    return np.concatenate(list(in_chunks(compute, samples.trials.layout, points)))


@jax.jit
def likelihoods_at(model: Model, sequences: Sequences, points: Array) -> Array:
    """Log likelihood of every unit, of shape (points, units)."""
    return jax.vmap(lambda point: plainly(point, model, sequences))(points)


def log_integral(
    points: np.ndarray, weights: np.ndarray, means: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Log of a unit's likelihood, integrated over each draw's normal distribution of its positions."""
    inverse = np.linalg.inv(factors)
    expected = np.einsum("sij,sj->si", inverse, means)
    scores = np.einsum("sij,pj->spi", inverse, points) - expected[:, None]
    slopes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    kernel = -0.5 * (scores**2).sum(axis=-1) - 0.5 * points.shape[1] * np.log(2 * np.pi)
    return log_sum(kernel - slopes[:, None] + weights) - np.log(len(points))
