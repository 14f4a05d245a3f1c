"""Planning: an agent that imagines where each action leads before it acts.

At every trial the planner lets its own network run forward many times, from what it believes now. In
every imagined world it tries each arm first, learns from what that arm would pay, and goes on choosing
what it then holds best. It takes the arm that earned most. A greedy agent stays with the one arm that
it knows to pay well; the planner sees that trying the others may be worth it.

    python examples/planning.py --out figures
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import pynodes as pn
from pynodes.environments import Bandit, Replay

ARMS = ("u_0", "u_1", "u_2")
STEPS = 60
IMAGINED, AHEAD = 64, 20


def agent() -> pn.Graph:
    """Three arms: the first is known to pay well, of the others nothing is known."""
    known = pn.ContinuousState(initial_mean=0.4, initial_precision=20.0, tonic_volatility=-8.0)
    unknown = pn.ContinuousState(initial_mean=0.0, initial_precision=0.3, tonic_volatility=-8.0)
    states = {"x2_0": known, "x2_1": unknown, "x2_2": unknown}
    inputs = {arm: pn.BinaryInput() for arm in ARMS}
    return pn.Graph().extend(
        {**inputs, **states},
        [(state, arm, "value") for state, arm in zip(states, ARMS, strict=True)],
    )


def greedy(key: jax.Array, beliefs: Any) -> jax.Array:
    """The arm that is likeliest to pay now; chance decides between equals."""
    worth = jnp.stack([beliefs[arm].predicted_mean for arm in ARMS])
    return jnp.argmax(worth + 1e-6 * jax.random.uniform(key, worth.shape))


def planner(network: pn.Network) -> Any:
    """Acts as the best of what it imagined with this network as its model."""

    def rollout(key: jax.Array, state: pn.State, first: jax.Array) -> jax.Array:
        """What is earned in one imagined world by one arm first, and greed afterwards."""
        drawing, living = jax.random.split(key)
        dreamt = network.sample(drawing, AHEAD, start=state)
        world = Replay(series={arm: dreamt[arm] for arm in ARMS}, arms=ARMS)
        forced = Replay(series={arm: dreamt[arm][:1] for arm in ARMS}, arms=ARMS)
        begin = network.interact(forced, lambda *_: first, living, steps=1, start=state, record=[])
        rest = network.interact(
            world,
            greedy,
            living,
            steps=AHEAD - 1,
            start=begin.beliefs.final,
            world=begin.world,
            record=[],
        )
        return sum(jnp.nansum(run.inputs[arm]) for run in (begin, rest) for arm in ARMS)

    def plan(key: jax.Array, beliefs: Any) -> jax.Array:
        """Every arm in the same imagined worlds."""
        keys = jax.random.split(key, IMAGINED)
        arms = jnp.arange(len(ARMS))
        in_world = jax.vmap(rollout, in_axes=(None, None, 0))
        earned = jax.vmap(in_world, in_axes=(0, None, None))(keys, beliefs.final, arms)
        return jnp.argmax(earned.mean(0))

    return plan


def main(arguments: list[str] | None = None) -> None:
    """Let greedy agents and planners live in the same worlds, draw what they chose and earned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure")
    parser.add_argument("--agents", type=int, default=40, help="of each kind")
    options = parser.parse_args(arguments)
    out = options.out
    out.mkdir(parents=True, exist_ok=True)

    network = agent().compile()
    world = Bandit(arms=ARMS, probabilities=[0.6, 0.3, 0.9])
    keys = jax.random.split(jax.random.key(1), options.agents)

    def lives(act: Any) -> tuple[np.ndarray, np.ndarray]:
        """Choices and payments, of shape (agents, time)."""

        def life(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            run = network.interact(world, act, key, steps=STEPS, record=[])
            return run.actions, jnp.nansum(jnp.stack([run.inputs[arm] for arm in ARMS]), axis=0)

        return jax.tree.map(np.asarray, jax.jit(jax.vmap(life))(keys))

    figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.6), layout="constrained")
    for label, act, colour in (
        ("greedy", greedy, "#e69f00"),
        ("planning", planner(network), "#0072b2"),
    ):
        choices, paid = lives(act)
        best = np.mean(choices == 2, axis=0)
        smooth = np.convolve(best, np.ones(5) / 5, mode="valid")
        axes[0].plot(np.arange(smooth.size) + 2, smooth, color=colour, label=label)
        total = np.cumsum(0.9 - paid, axis=1)
        mean, error = total.mean(0), total.std(0) / np.sqrt(options.agents)
        axes[1].plot(mean, color=colour, label=f"{label}: {mean[-1]:.1f}")
        axes[1].fill_between(
            range(STEPS), mean - error, mean + error, color=colour, alpha=0.2, lw=0
        )
    axes[0].set(xlabel="trial", ylabel="share choosing the best arm", ylim=(-0.03, 1.03))
    axes[1].set(xlabel="trial", ylabel="payment missed (mean ± s.e.)")
    for ax in axes:
        ax.legend(frameon=False)
    figure.savefig(out / "planning.png", dpi=150)
    plt.close(figure)
    print(f"Wrote {out / 'planning.png'}")


if __name__ == "__main__":
    main()
