"""A kind of one's own: spike counts, and the rate behind them (docs/extending.md).

python examples/count_input.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn


class CountInput(pn.AbstractNode):
    """How often something happened: Poisson with rate ``exposure exp(log rate)``."""

    inlets = ("log_rate",)
    observable = True
    has_memory = False
    expects = "whole numbers, zero or more"

    exposure: pn.Scalar = pn.parameter(1.0, positive=True)

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        rate = self.exposure * jnp.exp(inlet["log_rate"])
        return belief.predicted(rate, variance=rate)

    def surprise(self, belief):
        rate, count = belief.predicted_mean, belief.mean
        return rate - count * jnp.log(rate) + jax.scipy.special.gammaln(count + 1)

    def sample(self, key, belief):
        return jax.random.poisson(key, belief.predicted_mean).astype(float)

    def accepts(self, values):
        return (values >= 0) & (values == np.round(values))


class LogRate(pn.AbstractCoupling):
    """The parent is the logarithm of the child's rate, up to a strength and a sum over parents."""

    inlet = "log_rate"

    strength: pn.Scalar = pn.parameter(1.0)

    def predict(self, parent, dt):
        return {"log_rate": self.strength * parent.predicted_mean}

    def log_density(self, x, parent, child, dt):
        shift = self.strength * (x - parent.predicted_mean)
        return child.mean * shift - child.predicted_mean * jnp.exp(shift)


def recording(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A rate in spikes per second over 60 seconds, and counts in bins of 0.2 s with a gap."""
    rng = np.random.default_rng(seed)
    time = np.arange(0.1, 60, 0.2)
    rate = 8 + 6 * np.sin(2 * np.pi * time / 23) + 35 * ((time > 33) & (time < 41))
    counts = rng.poisson(0.2 * rate).astype(float)
    counts[(time > 18) & (time < 24)] = np.nan
    return time, rate, counts


def main(arguments: list[str] | None = None) -> None:
    """Filter the counts and draw the rate that they imply."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    time, rate, counts = recording()
    network = (
        pn.Graph()
        .add(u=CountInput(exposure=0.2))
        .add(x=pn.ContinuousState(tonic_volatility=-3.5, initial_mean=2.0))
        .couple("x", "u", LogRate())
    ).compile()
    beliefs = network.filter({"u": counts})

    mean, deviation = np.asarray(beliefs["x"].mean), np.asarray(beliefs["x"].precision) ** -0.5
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 4.2), layout="constrained")
    axes[0].plot(time, counts, ".", color="0.35", ms=4)
    axes[0].set(ylabel="spikes per bin")
    band = np.exp(mean + 1.645 * deviation * np.array([[-1], [1]]))
    axes[1].fill_between(time, *band, alpha=0.2, lw=0, label="90% band")
    axes[1].plot(time, np.exp(mean), label="believed rate")
    axes[1].plot(time, rate, color="0.35", lw=1, ls="--", label="true rate")
    axes[1].set(xlabel="time (s)", ylabel="spikes per second", ylim=(0, None))
    axes[1].legend(frameon=False, loc="upper left")
    figure.savefig(out / "count_input.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'count_input.png'}")


if __name__ == "__main__":
    main()
