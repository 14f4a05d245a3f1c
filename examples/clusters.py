"""Clusters found online: how many sorts of observation there are, while they come in.

python examples/clusters.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn


def observations(seed: int = 3) -> np.ndarray:
    """Two sorts of observation; a third appears after 80, a fourth after 150."""
    rng = np.random.default_rng(seed)
    sorts = np.concatenate([rng.integers(0, 2, 80), rng.integers(0, 3, 70), rng.integers(0, 4, 90)])
    return np.array([-4.0, 1.0, 5.0, -1.5])[sorts] + 0.5 * rng.normal(size=len(sorts))


def main(arguments: list[str] | None = None) -> None:
    """Cluster the observations and draw which is which."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    values = observations()
    node = pn.DirichletProcessState(components=8, initial_statistics=(0.0, 20.0), pseudo_count=0.02)
    beliefs = pn.Graph().add(u=node).compile().filter({"u": values})["u"]

    step, shown = np.arange(len(values)), int(beliefs.active[-1])
    colours = (
        "#0072B2",
        "#D55E00",
        "#009E73",
        "#CC79A7",
        "#E69F00",
        "#56B4E9",
        "#222222",
        "#777777",
    )
    figure, axes = plt.subplots(
        3, 1, sharex=True, figsize=(7, 6), layout="constrained", height_ratios=(3, 1, 1)
    )
    for one in range(shown):
        own = np.asarray(beliefs.assigned) == one
        open_now = np.asarray(beliefs.counts[:, one]) > 0
        mean = np.where(open_now, beliefs.means[:, one], np.nan)
        axes[0].plot(step[own], values[own], ".", color=colours[one], ms=4)
        axes[0].plot(step, mean, color=colours[one], lw=1.2)
        axes[1].plot(step, beliefs.weights[:, one], color=colours[one])
    axes[0].set(ylabel="observation, mean")
    axes[1].set(ylabel="weight", ylim=(0, 1))
    axes[2].step(step, beliefs.active, color="0.2", where="post", label="open components")
    axes[2].plot(step, beliefs.certainty, color="0.55", lw=1, label="certainty")
    axes[2].set(xlabel="observation", ylabel="number", ylim=(0, shown + 1.5))
    axes[2].legend(frameon=False, loc="upper left", ncols=2)
    figure.savefig(out / "clusters.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'clusters.png'}")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
