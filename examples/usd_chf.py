"""A series with irregular times and gaps: the USD/CHF rate, seen every day and now and then.

The second run is given a third of the days, with the time that passed since the one before, and none of a
whole season. Its beliefs are those of the first where it looked, and less certain where it did not.

    python examples/usd_chf.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn

SEASON = slice(330, 420)
"""Days of which the second run sees nothing."""


def main(arguments: list[str] | None = None) -> None:
    """Filter twice, draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    rates = pn.data.usd_chf()
    days = np.arange(len(rates))
    scale = pn.models.scaled_to(rates) | {"tonic_volatility": (-11.0, -4.0), "input_precision": 1e5}
    network = pn.models.continuous_hgf(**scale).compile()

    seen = np.random.default_rng(1).random(len(rates)) < 1 / 3
    seen[0], seen[SEASON] = True, False
    # Two ways to say that nothing was seen: leave the day out and give dt, or keep it as NaN.
    season = days[SEASON][::10]
    kept = np.sort(np.concatenate([days[seen], season]))
    some = np.where(np.isin(kept, season), np.nan, rates[kept])

    every = network.filter({"u": rates})
    sparse = network.filter({"u": some}, dt=np.diff(kept, prepend=-1))

    figure, axes = plt.subplots(
        2, 1, sharex=True, figsize=(7, 5), layout="constrained", height_ratios=[1.6, 1]
    )
    for beliefs, time, colour, label in (
        (every, days, "C0", "every day"),
        (sparse, kept, "C1", "a third of the days, a season missing"),
    ):
        for ax, name in zip(axes, ("x1", "x2"), strict=True):
            mean = np.asarray(beliefs[name].mean)
            half = 1.645 / np.sqrt(np.asarray(beliefs[name].precision))
            ax.fill_between(time, mean - half, mean + half, color=colour, alpha=0.2, lw=0)
            ax.plot(time, mean, color=colour, lw=1.2, label=label)
    axes[0].plot(kept, some, ".", color="0.2", ms=3, label="what the second saw")
    axes[0].set(ylabel="francs per dollar")
    axes[0].legend(frameon=False)
    axes[1].set(xlabel="day", ylabel="log volatility, relative")
    figure.savefig(out / "usd_chf.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'usd_chf.png'}")


if __name__ == "__main__":
    main()
