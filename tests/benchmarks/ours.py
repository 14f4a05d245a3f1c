"""Time pynodes on the workloads of the comparison. Prints one JSON object; times are in seconds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

START = time.perf_counter()
import numpy as np  # noqa: E402

import pynodes as pn  # noqa: E402

IMPORT = time.perf_counter() - START


def timed(call, repetitions: int = 20) -> dict[str, float]:
    call()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"median": float(np.median(times)), "min": float(min(times))}


def three_levels(expansion: str) -> pn.Network:
    return (
        pn.Graph(expansion=expansion)
        .add(u=pn.BinaryInput(), x2=pn.ContinuousState(tonic_volatility=-3.0))
        .add(x3=pn.ContinuousState(tonic_volatility=-4.0))
        .couple("x2", "u")
        .couple("x3", "x2", "volatility")
        .compile()
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--expansion", default="unbounded")
    parser.add_argument("--cohort", type=int, default=1024)
    parser.add_argument("--fan", type=int, default=0)
    options = parser.parse_args()
    u = np.loadtxt(options.data / "binary_input.txt")
    result: dict[str, object] = {"expansion": options.expansion, "import": IMPORT}

    start = time.perf_counter()
    network = three_levels(options.expansion)
    beliefs = network.filter({"u": u})
    beliefs["x2"].mean.block_until_ready()
    result["first_filter"] = time.perf_counter() - start

    import jax
    import jax.numpy as jnp

    result["jax"] = jax.__version__
    result["filter"] = timed(lambda: network.filter({"u": u})["x2"].mean.block_until_ready(), 200)

    def surprise(theta):
        names = ("x2.tonic_volatility", "x3.tonic_volatility", "x2.initial_mean")
        return network.replace(dict(zip(names, theta, strict=True))).surprise({"u": u})

    theta = jnp.array([-3.0, -4.0, 0.0])
    value = jax.jit(surprise)
    result["surprise"] = {**timed(lambda: value(theta).block_until_ready(), 200), "value": float(value(theta))}
    result["surprise_call"] = timed(lambda: network.surprise({"u": u}).block_until_ready(), 200)
    gradient = jax.jit(jax.value_and_grad(surprise))
    start = time.perf_counter()
    jax.block_until_ready(gradient(theta))
    result["gradient_first"] = time.perf_counter() - start
    result["gradient"] = timed(lambda: jax.block_until_ready(gradient(theta)), 200)
    thetas = theta + 0.1 * jax.random.normal(jax.random.key(0), (options.cohort, 3))
    cohort = jax.jit(jax.vmap(jax.value_and_grad(surprise)))
    result["cohort"] = timed(lambda: jax.block_until_ready(cohort(thetas)), 20)
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
