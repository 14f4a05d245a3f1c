"""A known cause: a cue that says when the world turns restless.

Whether the world is calm or restless is known from a cue, which a regressor brings into the network as a
volatility parent. Without it, a state above has to infer the same from the data, and lags behind.

    python examples/regressor.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn

STEPS = 400


def told() -> pn.Graph:
    """A state whose log volatility rises by 5 with the cue."""
    return (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=2.0), x=pn.ContinuousState(tonic_volatility=-6.0))
        .add(cue=pn.Regressor())
        .couple("x", "u")
        .couple("cue", "x", pn.Volatility(strength=5.0))
    )


def guessing() -> pn.Graph:
    """The same state under one that has to find out."""
    return (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=2.0), x=pn.ContinuousState(tonic_volatility=-3.5))
        .add(pace=pn.ContinuousState(tonic_volatility=-2.5))
        .couple("x", "u")
        .couple("pace", "x", pn.Volatility())
    )


def main(arguments: list[str] | None = None) -> None:
    """Simulate with the cue, filter with and without it, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    cue = (np.arange(STEPS) // 80 % 2).astype(float)
    aware, blind = told().compile(), guessing().compile()
    truth = aware.sample(jax.random.key(0), inputs={"cue": cue})
    runs = {
        "with the cue": aware.filter({"u": truth["u"], "cue": cue}),
        "without": blind.filter({"u": truth["u"]}),
    }

    figure, axes = plt.subplots(
        2, 1, sharex=True, figsize=(7, 5), layout="constrained", height_ratios=[1.5, 1]
    )
    axes[0].plot(truth["u"], ".", color="0.6", ms=3, label="observation")
    axes[0].plot(truth["x"], color="0.2", lw=1, ls="--", label="truth")
    for label, beliefs in runs.items():
        error = float(np.sqrt(np.mean((beliefs["x"].mean - truth["x"]) ** 2)))
        total = float(beliefs.surprise.sum())
        text = f"{label}: error {error:.2f}, surprise {total:.0f} nats"
        axes[0].plot(beliefs["x"].mean, lw=1.2, label=text)
        rate = 1 - beliefs["x"].predicted_precision / beliefs["x"].precision
        axes[1].plot(rate, lw=1.2)
    for start in range(80, STEPS, 160):
        for ax in axes:
            ax.axvspan(start, start + 80, color="0.93", lw=0, zorder=0)
    axes[0].set(ylabel="value")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(xlabel="step (shaded: the cue is on)", ylabel="learning rate", ylim=(0, 1))
    figure.savefig(out / "regressor.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'regressor.png'}")


if __name__ == "__main__":
    main()
