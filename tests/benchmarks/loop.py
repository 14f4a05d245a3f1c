"""Closed loops: what acting and being answered costs beside filtering alone.

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/loop.py

Sixty-four agents with a three-armed bandit live for a number of steps in one compiled call; the peer is
filtering as many series of the same length with the same network. Medians of several runs.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

import pynodes as pn
from pynodes.environments import Bandit

ARMS = ("u_0", "u_1", "u_2")


def timed(function, *arguments, runs=5):
    """Median seconds of a call, after one that compiles."""
    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(runs):
        begin = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=64)
    options = parser.parse_args()
    network = pn.models.bandit_hgf(arms=3).compile()
    world = Bandit(arms=ARMS, probabilities=[0.2, 0.5, 0.8])
    act = pn.responses.Softmax(
        options=tuple(f"{arm}.predicted_mean" for arm in ARMS), inverse_temperature=4.0
    )
    keys = jax.random.split(jax.random.key(0), options.agents)

    @jax.jit
    def live(keys):
        def life(key):
            run = network.interact(world, act, key, steps=options.steps, record=[])
            return run.actions, run.inputs

        return jax.vmap(life)(keys)

    @jax.jit
    def watch(inputs):
        return jax.vmap(lambda one: jnp.sum(network.filter(one, record=[]).surprise))(inputs)

    _, inputs = live(keys)
    living, watching = timed(live, keys), timed(watch, inputs)
    total = options.steps * options.agents
    print(f"{total / living / 1e6:.2f} million agent-steps per second, closed loop")
    print(f"{total / watching / 1e6:.2f} million steps per second, filtering alone")
    print(f"the loop takes {living / watching:.2f} times as long")


if __name__ == "__main__":
    main()
