"""What the arithmetic alone costs on this machine: the same steps in C++, beside pynodes in the same run.

usage: python tests/benchmarks/limit.py

Compiles ``limit.cpp`` with the system's compiler for this processor: the binary three-level network, values
and three derivatives by dual numbers, one subject and 1,024 side by side; and the fan of 21 nodes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import ours
import workloads

HERE = Path(__file__).parent
FLAGS = ["-std=c++17", "-O3", "-march=native", "-ffast-math"]
ROUNDS = 5


def program(folder: str) -> str:
    """The compiled program."""
    made = str(Path(folder) / "limit")
    subprocess.run(["c++", *FLAGS, str(HERE / "limit.cpp"), "-o", made], check=True)
    return made


def arithmetic(made: str) -> dict[str, Any]:
    """Medians of one run of the program, in seconds, and the surprises it finds."""
    done = subprocess.run([made, str(workloads.SERIES)], check=True, capture_output=True)
    return json.loads(done.stdout)


def calls(expansion: str) -> dict[str, Any]:
    """What is measured of pynodes, by the program's names."""
    u, network = workloads.outcomes(), ours.three_levels(expansion)

    def surprise(theta):
        return network.replace(dict(zip(ours.NAMES, theta, strict=True))).surprise({"u": u})

    theta, thetas = jnp.array(workloads.START), jnp.asarray(workloads.cohort(1024))
    slope = jax.value_and_grad(surprise)
    return {
        "one, value": (jax.jit(surprise), theta),
        "one, gradient": (jax.jit(slope), theta),
        "many, value": (jax.jit(jax.vmap(surprise)), thetas),
        "many, gradient": (jax.jit(jax.vmap(slope)), thetas),
    }


def fan_call() -> tuple[Any, Any]:
    """The fan, as in the comparison with the peer."""
    x, wide = workloads.fan_series(10), ours.fan(10, "enhanced")
    series = {f"u{i}": jnp.asarray(x[:, i]) for i in range(10)}
    return jax.jit(lambda s: wide.filter(s, record=[]).final), series


def times(compute: Any, argument: Any) -> float:
    """Median time of a call."""
    return workloads.timed(lambda: jax.block_until_ready(compute(argument)), 60)


def main() -> None:
    """Measure both in turns, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        made = program(folder)
        limits = [arithmetic(made)]
        print("| | C++ | pynodes | ratio |")
        print("|---|---|---|---|")
        for expansion in ("enhanced", "unbounded"):
            measured = calls(expansion)
            compute, at = measured["one, value"]
            found, expected = float(compute(at)), limits[0][expansion]["surprise"]
            assert abs(found - expected) < 1e-3 * expected, (expansion, found, expected)
            for name, (compute, argument) in measured.items():
                rounds = [times(compute, argument) for _ in range(ROUNDS)]
                limits.append(arithmetic(made))
                row(f"{expansion}: {name}", [found[expansion][name] for found in limits], rounds)
        row("fan", [found["fan"] for found in limits], [times(*fan_call()) for _ in range(ROUNDS)])


def row(name: str, limits: list[float], rounds: list[float]) -> None:
    """One line of the table, of medians."""
    bound, mine = float(np.median(limits)), float(np.median(rounds))
    print(f"| {name} | {bound * 1e6:.0f} µs | {mine * 1e6:.0f} µs | {mine / bound:.1f} |")


if __name__ == "__main__":
    main()
