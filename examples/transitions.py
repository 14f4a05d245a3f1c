"""Learning what follows what: a world of four states whose habits change halfway.

At first the world mostly goes around one way, then mostly the other. The model has a categorical input
for every state that may be left, of which one is observed in each step, and one volatility parent for
all sixteen logits. The last panel shows what the next state cost in surprise, beside what it would have
cost somebody who knows the habits: an observer who learns pays for a change. So many logits under one
parent are restless under the unbounded expansion (docs/theory/categories.md), so this takes the enhanced
one.

    python examples/transitions.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn

STATES, STEPS, HABIT, WINDOW = 4, 600, 0.8, 25


def habits(step: int) -> np.ndarray:
    """Probabilities of what follows, a row for every state that is left."""
    turn = 1 if step < STEPS // 2 else -1
    others = (1 - HABIT) / (STATES - 1)
    return others + (HABIT - others) * np.roll(np.eye(STATES), turn, axis=1)


def wander(seed: int) -> np.ndarray:
    """The states of such a world, the one before the first step included."""
    rng = np.random.default_rng(seed)
    series = [0]
    for step in range(STEPS):
        series.append(rng.choice(STATES, p=habits(step)[series[-1]]))
    return np.array(series)


def smoothed(series: np.ndarray) -> np.ndarray:
    """The mean over a window of steps."""
    return np.convolve(series, np.full(WINDOW, 1 / WINDOW), mode="same")


def main(arguments: list[str] | None = None) -> None:
    """Simulate, filter, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    series = wander(seed=4)
    graph = pn.models.transition_hgf(STATES, normalised=True, expansion="enhanced")
    inputs = pn.models.transition_inputs(series[1:], STATES, start=int(series[0]))
    beliefs = graph.compile().filter(inputs)
    left, right = (np.asarray(beliefs["u_0"].predicted_mean[:, end]) for end in (1, STATES - 1))
    known = [-np.log(habits(step)[series[step], series[step + 1]]) for step in range(STEPS)]

    figure, axes = plt.subplots(3, 1, figsize=(7, 6), sharex=True, layout="constrained")
    axes[0].plot(series[1:], "|", ms=8, color="0.4")
    axes[0].set(ylabel="state", yticks=range(STATES), ylim=(-0.6, STATES - 0.4))
    for believed, end, colour in ((left, 1, "#0072B2"), (right, STATES - 1, "#D55E00")):
        axes[1].plot(believed, color=colour, label=f"0 to {end}, believed")
        truth = [habits(step)[0, end] for step in range(STEPS)]
        axes[1].plot(truth, color=colour, lw=1, ls="--", label="true")
    axes[1].set(ylabel="probability", ylim=(0, 1))
    axes[1].legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes[2].plot(smoothed(np.asarray(beliefs.surprise)), color="#CC79A7", label="learning")
    axes[2].plot(smoothed(np.array(known)), color="0.35", lw=1, ls="--", label="knowing")
    axes[2].set(xlabel="step", ylabel=f"surprise, {WINDOW}-step mean", ylim=(0, None))
    axes[2].legend(frameon=False)
    figure.savefig(out / "transitions.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'transitions.png'}")


if __name__ == "__main__":
    main()
