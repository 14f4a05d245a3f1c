"""Learning a probability that changes: the pace of the world and that of a person.

A binary three-level network filters the outcomes of 320 trials. The pace at which it learns is scanned
twice: where are the outcomes least surprising, and where are the person's choices?

    python examples/binary_learning.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn

PACES = np.linspace(-6.0, -1.5, 46)
"""Tonic volatilities of the logit that are tried."""


def scan(network: pn.Network, outcomes: np.ndarray, choices: np.ndarray) -> tuple[jax.Array, ...]:
    """Surprise at the outcomes, and at the choices of one who matches probabilities, for every pace."""

    def surprises(pace: jax.Array) -> tuple[jax.Array, jax.Array]:
        beliefs = network.replace({"x2.tonic_volatility": pace}).filter({"u": outcomes})
        probability = beliefs["u"].predicted_mean
        chosen = jnp.where(choices == 1, probability, 1 - probability)
        return beliefs.surprise.sum(), -jnp.log(chosen).sum()

    return jax.vmap(surprises)(jnp.asarray(PACES))


def main(arguments: list[str] | None = None) -> None:
    """Filter, scan, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    outcomes, choices = pn.data.association()
    network = pn.models.binary_hgf(levels=3).compile()
    world, person = scan(network, outcomes, choices)

    figure, axes = plt.subplots(2, 1, figsize=(7, 5), layout="constrained", height_ratios=[1.3, 1])
    axes[0].plot(1.04 * outcomes - 0.02, "|", color="0.2", ms=5, label="outcome")
    axes[0].plot(1.18 * choices - 0.09, "|", color="C1", ms=5, label="choice")
    for found, label, colour in ((world, "outcomes", "C0"), (person, "choices", "C1")):
        best = PACES[np.argmin(found)]
        beliefs = network.replace({"x2.tonic_volatility": best}).filter({"u": outcomes})
        axes[0].plot(
            beliefs["u"].predicted_mean, color=colour, label=f"prediction, pace of the {label}"
        )
        axes[1].plot(PACES, found - found.min(), color=colour, label=f"surprise at the {label}")
        axes[1].plot(best, 0, "o", color=colour)
    axes[0].set(xlabel="trial", ylabel="probability of 1", ylim=(-0.15, 1.15))
    axes[0].legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
    axes[1].set(
        xlabel="tonic volatility of the logit", ylabel="nats above the least", ylim=(-2, 30)
    )
    axes[1].legend(frameon=False, loc="upper right", bbox_to_anchor=(0.9, 1))
    figure.savefig(out / "binary_learning.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'binary_learning.png'}")


if __name__ == "__main__":
    main()
