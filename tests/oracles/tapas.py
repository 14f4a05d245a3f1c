"""The HGF, the enhanced HGF and their jget models, trial by trial and level by level, in numpy.

Written from the equations of the TAPAS HGF toolbox 7.1.2, in float64, without JAX and without
pynodes. Where pynodes deliberately means something else, a field of :class:`Semantics` says so; the
rest is common to both. On an ignored trial (NaN) every belief and every prediction stays what it was;
the first trial cannot be one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Fields = dict[str, np.ndarray]
"""Trajectories of shape (time, levels) by the names that the toolbox gives them."""

Parameters = Mapping[str, np.ndarray]
"""Parameters by the names that the toolbox gives them, NaN where a level has none."""

Step = Callable[[float, float, float, "Child"], tuple[float, float]]
"""Posterior of a level from its predicted mean and variance, its strength and its child."""


@dataclass(frozen=True)
class Semantics:
    """What a volatility edge means, where two readings are in use.

    Attributes
    ----------
    growth_follows_previous_parent
        Whether growth is driven by what the parent was believed to be after the previous trial, or
        by what it is predicted to be now. The same unless the parent drifts or is attracted.
    second_level_forgets_time
        Whether the predicted variance of the second level of a binary model grows as if one unit of
        time had passed, whatever the interval; what the third level hears has the interval in it.
    """

    growth_follows_previous_parent: bool
    second_level_forgets_time: bool


TAPAS = Semantics(growth_follows_previous_parent=True, second_level_forgets_time=True)
PYNODES = Semantics(growth_follows_previous_parent=False, second_level_forgets_time=False)


@dataclass(frozen=True)
class Ladder:
    """Gaussian levels, lowest first, each the volatility parent of the one below.

    Attributes
    ----------
    mean, variance
        Beliefs before the first trial.
    drift, tonic
        Drift, and log variance gained, per unit of time.
    pull, attractor
        Share of the distance to an attractor that the mean goes per unit of time, and where that is.
    strength
        Of the coupling from each level but the first into the one below it.
    forgets_time
        Whether the variance of the first level grows as if one unit of time had passed.
    """

    mean: np.ndarray
    variance: np.ndarray
    drift: np.ndarray
    tonic: np.ndarray
    strength: np.ndarray
    pull: np.ndarray
    attractor: np.ndarray
    forgets_time: bool = False

    @classmethod
    def of(cls, parameters: Parameters, first: int, *, forgets_time: bool = False) -> Ladder:
        """The levels from one on, by the toolbox's names; what a model lacks is zero."""
        nothing = np.zeros_like(parameters["mu_0"])
        mean, variance, drift, tonic, pull, attractor = (
            parameters.get(name, nothing)[first:]
            for name in ("mu_0", "sa_0", "rho", "om", "phi", "m")
        )
        strength = parameters["ka"][first:]
        return cls(mean, variance, drift, tonic, strength, pull, attractor, forgets_time)


@dataclass(frozen=True)
class Prediction:
    """What the levels of a ladder are expected to be, and by how much their variance grew."""

    mean: np.ndarray
    variance: np.ndarray
    growth: np.ndarray


@dataclass(frozen=True)
class Child:
    """What a level sees of the one below it.

    Attributes
    ----------
    squared_move
        Expected squared distance between where the child is and where it was predicted.
    variance, growth
        Its predicted variance, and the part of it that the parent scales.
    carried
        Its variance before the trial.
    growth_at
        Its growth as a function of the parent's value.
    """

    squared_move: float
    variance: float
    growth: float
    carried: float
    growth_at: Callable[[float], float]


def classic(mean: float, variance: float, strength: float, child: Child) -> tuple[float, float]:
    """The precision first, then the mean with it; the precision may come out negative."""
    share, error = child.growth / child.variance, child.squared_move / child.variance - 1
    curvature = strength**2 / 2 * share * (share + (2 * share - 1) * error)
    posterior = 1 / (1 / variance + curvature)
    return mean + strength / 2 * share * posterior * error, posterior


def enhanced(mean: float, variance: float, strength: float, child: Child) -> tuple[float, float]:
    """The mean first, with the predicted variance, then the precision, expanded at that mean."""
    share, error = child.growth / child.variance, child.squared_move / child.variance - 1
    posterior = mean + strength / 2 * share * variance * error
    growth = child.growth_at(posterior)
    total = child.carried + growth
    error = child.squared_move / total - 1
    curvature = (
        strength**2 / 2 * growth / total * (growth + (growth - child.carried) * error) / total
    )
    return posterior, 1 / (1 / variance + max(0.0, curvature))


STEPS: dict[str, Step] = {"hgf": classic, "ehgf": enhanced}
"""How a level hears the one below it, by the family of the model."""


def predict(
    ladder: Ladder, mean: np.ndarray, variance: np.ndarray, time: float, semantics: Semantics
) -> Prediction:
    """Expectations after some time, from the beliefs before it."""
    expected = mean + time * (ladder.drift + ladder.pull * (ladder.attractor - mean))
    parent = mean if semantics.growth_follows_previous_parent else expected
    rate = np.exp(ladder.tonic + np.append(ladder.strength * parent[1:], 0.0))
    times = np.full(len(mean), time)
    times[0] = 1.0 if ladder.forgets_time else time
    return Prediction(expected, variance + times * rate, time * rate)


def climb(
    ladder: Ladder,
    before: np.ndarray,
    predicted: Prediction,
    first: tuple[float, float],
    time: float,
    step: Step,
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means and variances, upward from those of the first level."""
    mean, variance = predicted.mean.copy(), predicted.variance.copy()
    mean[0], variance[0] = first
    for level, strength in enumerate(ladder.strength, start=1):
        below = level - 1
        child = Child(
            squared_move=variance[below] + (mean[below] - predicted.mean[below]) ** 2,
            variance=predicted.variance[below],
            growth=predicted.growth[below],
            carried=before[below],
            growth_at=lambda x, k=strength, w=ladder.tonic[below]: time * np.exp(k * x + w),
        )
        mean[level], variance[level] = step(mean[level], variance[level], strength, child)
    return mean, variance


def binary(
    parameters: Parameters,
    series: np.ndarray,
    times: np.ndarray,
    step: Step,
    semantics: Semantics,
    clip: float = 0.0,
) -> Fields:
    """Outcomes 0 and 1 on the first level, whose logit is the second, kept within the clip."""
    slope = parameters["ka"][0]
    ladder = Ladder.of(parameters, 1, forgets_time=semantics.second_level_forgets_time)
    mean, variance, rows = ladder.mean, ladder.variance, []
    for outcome, time in zip(series, times, strict=True):
        if np.isnan(outcome):
            rows.append(rows[-1])
            continue
        predicted = predict(ladder, mean, variance, time, semantics)
        chance = np.clip(1 / (1 + np.exp(-slope * predicted.mean[0])), clip, 1 - clip)
        coin = chance * (1 - chance)
        posterior = 1 / (1 / predicted.variance[0] + slope**2 * coin)
        first = predicted.mean[0] + slope * posterior * (outcome - chance), posterior
        mean, variance = climb(ladder, variance, predicted, first, time, step)
        pairs = (
            (outcome, mean),
            (0.0, variance),
            (chance, predicted.mean),
            (coin, predicted.variance),
        )
        rows.append([np.append(lowest, others) for lowest, others in pairs])
    return stacked(rows, ("mu", "sa", "muhat", "sahat"))


def continuous(
    parameters: Parameters,
    series: np.ndarray,
    times: np.ndarray,
    step: Step,
    semantics: Semantics,
) -> Fields:
    """A first level that is observed with a fixed noise."""
    ladder = Ladder.of(parameters, 0)
    noise = 1 / parameters["pi_u"][0]
    mean, variance, rows = ladder.mean, ladder.variance, []
    for value, time in zip(series, times, strict=True):
        if np.isnan(value):
            rows.append(rows[-1])
            continue
        predicted = predict(ladder, mean, variance, time, semantics)
        first = observed(predicted, value, noise)
        mean, variance = climb(ladder, variance, predicted, first, time, step)
        rows.append([mean, variance, predicted.mean, predicted.variance])
    return stacked(rows, ("mu", "sa", "muhat", "sahat"))


def jget(parameters: Parameters, series: np.ndarray, step: Step) -> Fields:
    """A first level whose noise has a log variance that is tracked as well; no drift, no time.

    The semantics do not matter here. The lowest level of the noise always takes the classic step.
    """
    location, noise = jget_ladder(parameters, "x"), jget_ladder(parameters, "a")
    coupling, tonic = parameters["kau"][0], parameters["omu"][0]
    means, variances = [location.mean, noise.mean], [location.variance, noise.variance]
    rows = []
    for value in series:
        if np.isnan(value):
            rows.append(rows[-1])
            continue
        x, a = (
            predict(ladder, mean, variance, 1.0, TAPAS)
            for ladder, mean, variance in zip((location, noise), means, variances, strict=True)
        )
        spread = np.exp(coupling * a.mean[0] + tonic)
        here = observed(x, value, spread)
        residual = Child(
            squared_move=here[1] + (here[0] - value) ** 2,
            variance=spread,
            growth=spread,
            carried=0.0,
            growth_at=lambda level: np.exp(coupling * level + tonic),
        )
        there = classic(a.mean[0], a.variance[0], coupling, residual)
        x_now = climb(location, variances[0], x, here, 1.0, step)
        a_now = climb(noise, variances[1], a, there, 1.0, step)
        means, variances = [x_now[0], a_now[0]], [x_now[1], a_now[1]]
        rows.append([*x_now, x.mean, x.variance, *a_now, a.mean, a.variance])
    names = [f"{field}{hat}" for hat in ("x", "xhat", "a", "ahat") for field in ("mu", "sa")]
    return stacked(rows, names)


def jget_ladder(parameters: Parameters, letter: str) -> Ladder:
    """One of the two ladders of jget: of the location (x) or of the noise (a)."""
    mean = parameters[f"mu{letter}_0"]
    return Ladder(
        mean=mean,
        variance=parameters[f"sa{letter}_0"],
        drift=np.zeros_like(mean),
        tonic=parameters[f"om{letter}"],
        strength=parameters[f"ka{letter}"],
        pull=np.zeros_like(mean),
        attractor=np.zeros_like(mean),
    )


def observed(predicted: Prediction, value: float, noise: float) -> tuple[float, float]:
    """Posterior mean and variance of a first level that was seen with some noise variance."""
    variance = 1 / (1 / predicted.variance[0] + 1 / noise)
    return predicted.mean[0] + variance / noise * (value - predicted.mean[0]), variance


def stacked(rows: list, names: tuple[str, ...] | list[str]) -> Fields:
    """Trajectories by name from a list of rows, one per trial."""
    return {name: np.array([row[n] for row in rows]) for n, name in enumerate(names)}
