"""What a step of online clustering costs, beside a step of a three-level binary network.

python tests/benchmarks/clusters.py
"""

from __future__ import annotations

import time

import jax
import numpy as np

import pynodes as pn

STEPS, ROUNDS = 1000, 15


def fastest(call):
    """Seconds of the fastest of several rounds."""
    jax.block_until_ready(call())
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        found.append(time.perf_counter() - begin)
    return min(found)


def of_surprise(node, series):
    """Microseconds of a step when only the surprise is asked for."""
    network = pn.Graph().add(u=node).compile() if isinstance(node, pn.AbstractNode) else node
    return 1e6 * fastest(lambda: network.surprise({"u": series})) / STEPS


def main():
    """Print the table of docs/performance.md."""
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    values = rng.choice([-4.0, 0.0, 4.0], STEPS) + 0.5 * rng.normal(size=STEPS)
    base = {"initial_statistics": (0.0, 25.0), "pseudo_count": 0.02}
    binary = of_surprise(pn.models.binary_hgf(levels=3).compile(), (values > 0).astype(float))
    rows = {"binary, three levels": binary}
    rows["normal, fixed count"] = of_surprise(pn.ExponentialFamilyState(), values)
    soft = pn.DirichletProcessState(components=10, assignment="soft", **base)
    rows["10 components, shared"] = of_surprise(soft, values)
    for hypotheses in (1, 8, 32):
        node = pn.DirichletProcessState(components=10, hypotheses=hypotheses, **base)
        rows[f"10 components, {hypotheses} partitions"] = of_surprise(node, values)
    for name, cost in rows.items():
        print(f"| {name} | {cost:.2f} µs | {cost / binary:.0f} |")


if __name__ == "__main__":
    main()
