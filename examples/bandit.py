"""A closed loop: sixty-four agents at a bandit whose arms wander.

Each agent predicts what three arms will pay, chooses among them with a softmax, is paid, and learns from
the arm it chose alone. The upper panels show one of them, the lower how temperature trades exploring for
earning.

    python examples/bandit.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn
from pynodes.environments import RestlessBandit

ARMS = ("u_0", "u_1", "u_2")
STEPS, AGENTS = 300, 64
COLOURS = ("#0072b2", "#e69f00", "#009e73")


def chooser(inverse_temperature: float) -> pn.responses.Softmax:
    """Chooses an arm by how probable it is to pay."""
    return pn.responses.Softmax(
        options=tuple(f"{arm}.predicted_mean" for arm in ARMS),
        inverse_temperature=inverse_temperature,
    )


def main(arguments: list[str] | None = None) -> None:
    """Let agents live, draw one of them and what all of them earned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)

    network = pn.models.bandit_hgf(
        arms=3, tonic_volatility=(-3.0, -6.0), initial_mean=0.0, expansion="enhanced"
    ).compile()
    world = RestlessBandit(arms=ARMS, logits=[1.0, 0.0, -1.0], tonic_volatility=-3.0)
    keys = jax.random.split(jax.random.key(2), AGENTS)

    @jax.jit
    def earned(inverse_temperature: jax.Array) -> jax.Array:
        """The mean payment of every agent."""

        def life(key: jax.Array) -> jax.Array:
            run = network.interact(world, chooser(inverse_temperature), key, steps=STEPS, record=[])
            return jnp.nansum(jnp.stack([run.inputs[arm] for arm in ARMS])) / STEPS

        return jax.vmap(life)(keys)

    run = network.interact(world, chooser(5.0), keys[0], steps=STEPS)
    temperatures = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    pay = np.stack([earned(value) for value in temperatures])

    figure, axes = plt.subplots(
        3, 1, figsize=(7, 7), layout="constrained", height_ratios=[1.6, 0.5, 1]
    )
    for number, (arm, colour) in enumerate(zip(ARMS, COLOURS, strict=True)):
        belief = run.beliefs[f"x2_{number}"]
        centre, spread = belief.mean, 1 / np.sqrt(belief.precision)
        low, high = (jax.nn.sigmoid(centre + sign * spread) for sign in (-1, 1))
        axes[0].fill_between(range(STEPS), low, high, color=colour, alpha=0.2, lw=0)
        axes[0].plot(jax.nn.sigmoid(centre), color=colour, lw=1.2, label=f"arm {number}")
        chosen = np.flatnonzero(run.actions == number)
        axes[1].plot(chosen, np.full(chosen.size, number), "|", color=colour, ms=7)
        paid = chosen[np.asarray(run.inputs[arm])[chosen] == 1]
        axes[1].plot(paid, np.full(paid.size, number + 0.35), ".", color="0.3", ms=2)
    axes[0].set(ylabel="belief: pays with", ylim=(0, 1))
    axes[0].legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes[1].set(ylabel="choice", yticks=range(3), ylim=(-0.5, 2.7), xlabel="trial (dots: paid)")
    mean, error = pay.mean(1), pay.std(1) / np.sqrt(AGENTS)
    axes[2].errorbar(range(len(temperatures)), mean, 2 * error, color="0.2", marker="o", capsize=3)
    axes[2].set(
        xlabel="inverse temperature",
        ylabel=f"mean payment\n({AGENTS} agents, ±2 s.e.)",
        xticks=range(len(temperatures)),
        xticklabels=[f"{value:g}" for value in temperatures],
    )
    figure.savefig(out / "bandit.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'bandit.png'}")


if __name__ == "__main__":
    main()
