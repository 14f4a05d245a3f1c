"""Many nodes, built by program: twenty-four sensors whose volatility has one common cause.

One sensor is drawn up once and repeated with the cause shared. The network then simulates itself, and
recovers from what the sensors showed when everything became restless, and when it became calm. For the
calm it takes the enhanced expansion: where states move little beside the noise of their sensors, the
unbounded one hardly hears that volatility falls.

    python examples/plates.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn

SENSORS, STEPS = 24, 300


def fan(sensors: int) -> pn.Graph:
    """An input over a state for every sensor, and one volatility parent for all states."""
    one = (
        pn.Graph(expansion="enhanced")
        .add(u=pn.ContinuousInput(precision=4.0), x=pn.ContinuousState(tonic_volatility=-3.0))
        .add(pace=pn.ContinuousState(tonic_volatility=-3.0, initial_precision=4.0))
        .couple("x", "u")
        .couple("pace", "x", "volatility")
    )
    return one.repeat(sensors, shared=["pace"])


def main(arguments: list[str] | None = None) -> None:
    """Build, simulate, filter, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    graph = fan(SENSORS)
    network = graph.compile()
    truth = network.sample(jax.random.key(3), STEPS)
    beliefs = network.filter({name: truth[name] for name in graph.inputs})

    figure, axes = plt.subplots(
        3, 1, figsize=(7, 7), layout="constrained", height_ratios=[1.1, 1, 1]
    )
    fan(8).plot(axes[0]).get_legend().set_bbox_to_anchor((0.0, 1.0))
    axes[0].set_title(f"the graph, with 8 sensors instead of {SENSORS}", fontsize=9)
    states = np.stack([beliefs[f"x[{i}]"].mean for i in range(SENSORS)])
    picture = axes[1].imshow(
        states - states[:, :1], aspect="auto", cmap="RdBu_r", vmin=-9, vmax=9, interpolation="none"
    )
    axes[1].set(ylabel="sensor", title="believed states, less their first value")
    axes[1].title.set_fontsize(9)
    figure.colorbar(picture, ax=axes[1], pad=0.01)
    mean = np.asarray(beliefs["pace"].mean)
    half = 1.645 / np.sqrt(np.asarray(beliefs["pace"].precision))
    axes[2].fill_between(range(STEPS), mean - half, mean + half, alpha=0.2, lw=0, label="90% band")
    axes[2].plot(mean, label="believed")
    axes[2].plot(truth["pace"], color="0.35", lw=1, ls="--", label="true")
    axes[2].set(xlabel="step", ylabel="pace", xlim=(0, STEPS))
    axes[2].legend(frameon=False, ncols=3)
    figure.savefig(out / "plates.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'plates.png'}")


if __name__ == "__main__":
    main()
