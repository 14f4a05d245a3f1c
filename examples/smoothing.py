"""Looking back: what a network believes of every step while the series comes in, and once it is known.

A quantity is calm, then restless, then calm again, and for a while nobody looks. The filter notices
each change late and drifts off in the gap. Smoothing knows what came after: it bridges the gap, and
puts the changes in volatility about where they were.

    python examples/smoothing.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import pynodes as pn

STEPS, NOISE = 240, 0.1
RESTLESS, UNSEEN = slice(90, 150), slice(175, 200)
CALM_VOLATILITY, RESTLESS_VOLATILITY = -4.5, -0.5
BAND = 1.6448536269514722
"""Standard deviations from the mean to the end of a Gaussian's 90 % band."""


def simulated(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log volatility, state and observations, of shape (time,); NaN where nobody looked."""
    random = np.random.default_rng(seed)
    volatility = np.full(STEPS, CALM_VOLATILITY)
    volatility[RESTLESS] = RESTLESS_VOLATILITY
    state = np.cumsum(np.exp(volatility / 2) * random.standard_normal(STEPS))
    observations = state + np.sqrt(NOISE) * random.standard_normal(STEPS)
    observations[UNSEEN] = np.nan
    return volatility, state, observations


def draw(
    axes: Axes, kinds: dict[str, pn.Trajectories], node: str, truth: np.ndarray, shift: float = 0.0
) -> None:
    """The filter's and the smoother's belief about a node, over the truth."""
    for (label, beliefs), colour in zip(kinds.items(), ("C1", "C0"), strict=True):
        mean = np.asarray(beliefs[node].mean) + shift
        half = BAND / np.sqrt(np.asarray(beliefs[node].precision))
        axes.fill_between(
            range(STEPS), mean - half, mean + half, color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(mean, color=colour, linewidth=1.5, label=label)
    axes.plot(truth, color="0.2", linewidth=1, linestyle="--", label="true")
    axes.axvspan(UNSEEN.start, UNSEEN.stop - 1, color="0.92", zorder=-1)
    axes.set(xlim=(0, STEPS - 1))


def main(arguments: list[str] | None = None) -> None:
    """Simulate, filter, smooth, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    volatility, state, observations = simulated(seed=2)
    graph = pn.models.continuous_hgf(
        levels=2, tonic_volatility=(-3.0, -3.0), input_precision=1 / NOISE, expansion="enhanced"
    )
    network = graph.compile()
    kinds = {
        "while it comes in": network.filter({"u": observations}),
        "given the whole series": network.smooth({"u": observations}),
    }

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    draw(top, kinds, "x1", state)
    top.plot(observations, ".", color="0.5", markersize=3, label="observed", zorder=0)
    top.set(ylabel="state", title="a state that nobody looked at in the grey steps; 90 % bands")
    top.legend(frameon=False, ncols=2, fontsize=8)
    draw(bottom, kinds, "x2", volatility, shift=-3.0)
    bottom.set(xlabel="step", ylabel="log volatility")
    for axes in (top, bottom):
        axes.title.set_fontsize(9)
    figure.savefig(out / "smoothing.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'smoothing.png'}")


if __name__ == "__main__":
    main()
