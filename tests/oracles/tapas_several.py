"""Several states under one volatility parent, trial by trial, in numpy: outcomes, transitions, arms.

Written from the equations of the TAPAS HGF toolbox 7.1.2 (hgf_categorical, hgf_categorical_norm,
hgf_whatworld, hgf_whichworld, hgf_binary_mab, hgf_ar1_binary_mab, hgf_ar1_mab), without JAX and without
pynodes. All take the classic step. Where pynodes deliberately means something else, a field of
:class:`Variant` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Variant:
    """What a trial means, where two readings are in use.

    Attributes
    ----------
    growth_follows_previous_parent
        Whether growth is driven by what the parent was believed to be after the previous trial, or
        by what it is predicted to be now; the same unless an attractor draws it.
    parent_averages_curvature
        Whether the parent's precision gains the mean of what its children say, or their sum.
    unchosen_gain_precision
        Whether arms that were not chosen gain the precision that an outcome would have brought.
    means_mirrored
        Whether of two coupled arms each takes minus the mean of the other where that was chosen, the
        variances apart; otherwise they are one state.
    """

    growth_follows_previous_parent: bool = False
    parent_averages_curvature: bool = False
    unchosen_gain_precision: bool = False
    means_mirrored: bool = False


PYNODES = Variant()
TAPAS = Variant(
    growth_follows_previous_parent=True,
    parent_averages_curvature=True,
    unchosen_gain_precision=True,
    means_mirrored=True,
)


@dataclass(frozen=True)
class Level:
    """One state, or several alike: where it starts and how it moves by itself."""

    mean: np.ndarray
    variance: np.ndarray
    tonic: float
    pull: float = 0.0
    attractor: float = 0.0

    def ahead(self, mean: np.ndarray) -> np.ndarray:
        """The predicted mean."""
        return mean + self.pull * (self.attractor - mean)


@dataclass(frozen=True)
class Told:
    """What one trial tells the states: gradients, curvatures, and which of them hear it.

    ``precise`` are those whose curvature counts though they hear no gradient; None for none.
    """

    gradient: np.ndarray
    curvature: np.ndarray
    heard: np.ndarray
    precise: np.ndarray | None = None
    mirror: bool = False


Tell = Callable[[np.ndarray], Told]
"""What a trial tells the states, given their predicted means."""


def filtered(
    states: Level, parent: Level, strength: float, trials: Iterable[Tell], variant: Variant
) -> dict[str, np.ndarray]:
    """Trajectories of the states (time, states) and of their parent (time,)."""
    m, s, top, wide = states.mean, states.variance, parent.mean, parent.variance
    rows = []
    for tell in trials:
        high, spread = parent.ahead(top), wide + np.exp(parent.tonic)
        source = top if variant.growth_follows_previous_parent else high
        growth = np.exp(strength * source + states.tonic)
        ahead, variance = states.ahead(m), s + growth
        told = tell(ahead)
        sharp = told.heard if told.precise is None else told.precise
        s = 1 / (1 / variance + np.where(sharp, told.curvature, 0.0))
        m = ahead + np.where(told.heard, s * told.gradient, 0.0)
        share = growth / variance
        error = (s + (m - ahead) ** 2) / variance - 1
        bend = strength**2 / 2 * share * (share + (2 * share - 1) * error)
        bends, pulls = bend[told.heard], (strength / 2 * share * error)[told.heard]
        curvature = bends.mean() if variant.parent_averages_curvature else bends.sum()
        wide = 1 / (1 / spread + curvature)
        top = high + wide * pulls.sum()
        if told.mirror:
            m = np.where(told.heard, m, -m[::-1])
        rows.append((m, s, ahead, variance, top, wide, high, spread))
    names = ("mean", "variance", "ahead", "width", "top", "top_variance", "high", "spread")
    return {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    """Exponentials in proportion."""
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def outcomes(codes: np.ndarray, count: int, squash: Callable = sigmoid) -> list[Tell]:
    """Every logit hears whether its outcome was the one."""

    def trial(code: float) -> Tell:
        def tell(logits: np.ndarray) -> Told:
            chance = squash(logits)
            happened = np.arange(count) == code
            return Told(happened - chance, chance * (1 - chance), np.full(count, True))

        return tell

    return [trial(code) for code in codes]


def transitions(codes: np.ndarray, count: int, start: int = 0) -> list[Tell]:
    """The logits from the previous state hear what followed it; they lie in a row of that state."""

    def trial(before: float, now: float) -> Tell:
        def tell(logits: np.ndarray) -> Told:
            chance = sigmoid(logits)
            begin, end = np.divmod(np.arange(count**2), count)
            return Told((end == now) - chance, chance * (1 - chance), begin == before)

        return tell

    return [trial(*pair) for pair in zip([start, *codes[:-1]], codes, strict=True)]


def worlds(values: np.ndarray, successes: np.ndarray) -> list[Tell]:
    """Every world's logit hears how probable that world is, now that a success or failure was seen."""

    def trial(value: float) -> Tell:
        def tell(logits: np.ndarray) -> Told:
            chance = sigmoid(logits)
            weight = chance * np.where(value == 1, successes, 1 - successes)
            posterior = weight / weight.sum()
            return Told(posterior - chance, chance * (1 - chance), np.full(len(chance), True))

        return tell

    return [trial(value) for value in values]


def binary_arms(
    choices: np.ndarray, rewards: np.ndarray, arms: int, variant: Variant, *, coupled: bool = False
) -> list[Tell]:
    """The chosen arm's logit hears its reward, 0 or 1."""
    single = coupled and not variant.means_mirrored

    def trial(choice: float, reward: float) -> Tell:
        def tell(logits: np.ndarray) -> Told:
            sign = -1.0 if single and choice == 1 else 1.0
            chance = sigmoid(sign * logits)
            heard = np.array([True]) if single else np.arange(arms) == choice
            every = np.full(arms, True) if variant.unchosen_gain_precision else None
            return Told(
                sign * (reward - chance),
                chance * (1 - chance),
                heard,
                every,
                coupled and not single,
            )

        return tell

    return [trial(*pair) for pair in zip(choices, rewards, strict=True)]


def continuous_arms(
    choices: np.ndarray, rewards: np.ndarray, arms: int, noise: float
) -> list[Tell]:
    """The chosen arm's mean hears its reward, seen with some noise variance."""

    def trial(choice: float, reward: float) -> Tell:
        def tell(means: np.ndarray) -> Told:
            curvature = np.full(arms, 1 / noise)
            return Told((reward - means) / noise, curvature, np.arange(arms) == choice)

        return tell

    return [trial(*pair) for pair in zip(choices, rewards, strict=True)]
