"""A network of three layers, beside the same written out in scalars: time, and how far they differ.

usage: python tests/benchmarks/arrays.py [--double]

Layers of 64, 128 and 64 units with two `Dense` couplings of a tanh are 16,640 nodes and edges in scalars.
Each is filtered over fifty steps; both sides take turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import workloads

import pynodes as pn

SIZES, STEPS, ROUNDS = (64, 128, 64), 50, 7
"""Units from the top down, and what is measured."""

STATE = pn.ContinuousState(tonic_volatility=-3.0)


def draw_weights() -> list[np.ndarray]:
    """One matrix for each coupling, from above to below."""
    rng = np.random.default_rng(0)
    pairs = zip(SIZES[1:], SIZES, strict=False)
    return [rng.normal(size=(below, above)) / above for below, above in pairs]


def build_layers() -> pn.Graph:
    """The network of arrays."""
    top, middle, bottom = SIZES
    first, second = draw_weights()
    nodes = {
        "a": pn.ContinuousState(shape=top, tonic_volatility=-3.0),
        "b": pn.ContinuousState(shape=middle, tonic_volatility=-3.0),
        "u": pn.ContinuousInput(shape=bottom),
    }
    return (
        pn.Graph()
        .add(nodes)
        .couple("a", "b", pn.Dense(weights=first, inlet="drift", function="tanh"))
        .couple("b", "u", pn.Dense(weights=second, inlet="location", function="tanh"))
    )


def build_scalars() -> pn.Graph:
    """The same, an edge for every weight."""
    top, middle, bottom = SIZES
    first, second = draw_weights()
    nodes: dict[str, Any] = {f"a{i}": STATE for i in range(top)}
    nodes |= {f"b{i}": STATE for i in range(middle)}
    nodes |= {f"u{i}": pn.ContinuousInput() for i in range(bottom)}
    edges = [
        (f"{parent}{j}", f"{child}{i}", kind(strength=strength, function="tanh"))
        for parent, child, kind, weights in (
            ("a", "b", pn.Drift, first),
            ("b", "u", pn.Observation, second),
        )
        for (i, j), strength in np.ndenumerate(weights)
    ]
    return pn.Graph().extend(nodes, edges)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--double", action="store_true", help="in double precision")
    jax.config.update("jax_enable_x64", parser.parse_args().double)
    values = np.cumsum(np.random.default_rng(1).normal(size=(STEPS, SIZES[-1])), axis=0) / 10
    series = {
        "layers": {"u": values},
        "scalars": {f"u{i}": values[:, i] for i in range(SIZES[-1])},
    }
    built: dict[str, float] = {}
    first: dict[str, float] = {}
    found: dict[str, float] = {}
    calls: dict[str, Callable[[], Any]] = {}
    for name, build in (("layers", build_layers), ("scalars", build_scalars)):
        begin = time.perf_counter()
        network = build().compile()
        built[name] = time.perf_counter() - begin
        surprise = jax.jit(lambda network, name=name: network.surprise(series[name]))
        calls[name] = lambda surprise=surprise, network=network: jax.block_until_ready(
            surprise(network)
        )
        first[name] = workloads.once(calls[name])
        found[name] = float(calls[name]())
    times = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(workloads.timed(call, 3))
    print("| | build | first surprise | surprise, 50 steps |\n|---|---|---|---|")
    for name in calls:
        steady = float(np.median(times[name]))
        print(f"| {name} | {built[name]:.2f} s | {first[name]:.2f} s | {steady * 1e3:.2f} ms |")
    difference = abs(found["layers"] / found["scalars"] - 1)
    print(f"\nThe surprises differ by {difference:.1e} of themselves.")


if __name__ == "__main__":
    main()
