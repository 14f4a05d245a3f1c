"""What the arithmetic alone costs on this machine: the same steps in C, beside pynodes in the same run.

usage: python tests/benchmarks/limit.py

Compiles ``limit.c`` with the system's C compiler for this processor: the binary three-level network
with the enhanced expansion, one subject and 1,024 side by side, values without gradients.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import ours
import workloads

HERE = Path(__file__).parent
FLAGS = ["-O3", "-march=native", "-ffast-math"]


def arithmetic() -> dict[str, float]:
    """Medians of the C program, in seconds, and the surprise it finds."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "limit")
        subprocess.run(["cc", *FLAGS, str(HERE / "limit.c"), "-o", program, "-lm"], check=True)
        done = subprocess.run([program, str(workloads.SERIES)], check=True, capture_output=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure both, print the table."""
    limit, u = arithmetic(), workloads.outcomes()
    network = ours.three_levels("enhanced")

    def surprise(theta):
        return network.replace(dict(zip(ours.NAMES, theta, strict=True))).surprise({"u": u})

    theta, thetas = jnp.array(workloads.START), jnp.asarray(workloads.cohort(1024))
    one, all_of_them = jax.jit(surprise), jax.jit(jax.vmap(surprise))
    slopes, all_slopes = (jax.jit(f) for f in (jax.grad(surprise), jax.vmap(jax.grad(surprise))))
    gap = abs(float(one(theta)) - limit["surprise"]) / limit["surprise"]
    print(f"Both find a surprise of {limit['surprise']:.2f} nats (relative gap {gap:.0e}).\n")
    print("| | C | pynodes, value | ratio | pynodes, value and gradient | ratio |")
    print("|---|---|---|---|---|---|")
    for name, bound, value, slope, argument in (
        ("one subject", limit["alone"], one, slopes, theta),
        ("1,024 subjects", limit["together"], all_of_them, all_slopes, thetas),
    ):
        times = [
            workloads.timed(lambda f=f, a=argument: f(a).block_until_ready(), 50)
            for f in (value, slope)
        ]
        cells = [f"{time * 1e6:.0f} µs | {time / bound:.1f}" for time in times]
        print(f"| {name} | {bound * 1e6:.0f} µs | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
