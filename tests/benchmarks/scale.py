"""How time grows with the network: plates, a fan, deep chains, and random graphs of skewed degree.

usage: python tests/benchmarks/scale.py [--only plates fan deep random]

Every line is one network, built from nothing: time to build and compile the graph, to the first
result (tracing and XLA), and of a repeated surprise and its gradient with respect to all parameters.
"""

from __future__ import annotations

import argparse
import time

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import workloads

import pynodes as pn

STEPS = 300


def plates(copies: int) -> pn.Graph:
    """Three-level continuous networks side by side: three nodes each."""
    return pn.models.continuous_hgf(2).repeat(copies)


def fan(width: int) -> pn.Graph:
    """Inputs with a state each, all states under one volatility parent."""
    states = {f"x{i}": pn.ContinuousState() for i in range(width)}
    inputs = {f"u{i}": pn.ContinuousInput() for i in range(width)}
    edges = [(f"x{i}", f"u{i}", "value") for i in range(width)]
    edges += [("shared", f"x{i}", pn.Volatility(strength=1 / width)) for i in range(width)]
    return pn.Graph().extend({**inputs, **states, "shared": pn.ContinuousState()}, edges)


def chain(levels: int, coupling: str) -> pn.Graph:
    """One state above the other, weakly coupled: a chain of drifts integrates fifty times over."""
    kind = {"value": pn.Drift(strength=0.1), "volatility": pn.Volatility(strength=0.5)}[coupling]
    names = [f"x{i}" for i in range(levels)]
    edges = list(zip(names[1:], names, [kind] * levels, strict=False))
    states = {name: pn.ContinuousState(tonic_volatility=-4.0) for name in names}
    return pn.Graph().extend({"u": pn.ContinuousInput(), **states}, [("x0", "u", "value"), *edges])


def skewed(size: int, seed: int = 3) -> pn.Graph:
    """A scale-free directed graph; nodes without children are inputs, couplings are drawn.

    Strengths are shared out among the parents of a child, whose evidence would else add up to more
    than one step can bear (docs/theory/exactness.md).
    """
    pairs = {(min(a, b), max(a, b)) for a, b in nx.scale_free_graph(size, seed=seed).edges()}
    pairs = sorted((a, b) for a, b in pairs if a != b)
    has_children = {a for a, _ in pairs}
    parents = np.bincount([b for _, b in pairs], minlength=size)
    coin = np.random.default_rng(seed).random(len(pairs))
    edges = []
    for (a, b), chance in zip(pairs, coin, strict=True):
        kind = (
            pn.Observation if b not in has_children else pn.Drift if chance < 0.5 else pn.Volatility
        )
        edges.append((f"n{a}", f"n{b}", kind(strength=0.5 / parents[b])))
    state, observed = pn.ContinuousState(tonic_volatility=-4.0), pn.ContinuousInput()
    nodes = {f"n{i}": state if i in has_children else observed for i in range(size)}
    return pn.Graph().extend(nodes, edges)


NETWORKS = {
    "plates": [(f"{3 * n:,} nodes, plates of 3", plates, (n,)) for n in (1, 16, 341, 1024, 3333)],
    "fan": [(f"{2 * n + 1:,} nodes, a fan", fan, (n,)) for n in (10, 500, 5000)],
    "deep": [(f"chain of 50, {kind}", chain, (50, kind)) for kind in ("value", "volatility")],
    "random": [(f"{n:,} nodes, random", skewed, (n,)) for n in (500, 5000)],
}


def measured(name: str, make, sizes) -> str:
    """One row of the table."""
    begin = time.perf_counter()
    network = make(*sizes).compile()
    build = time.perf_counter() - begin
    rng = np.random.default_rng(0)
    values = rng.normal(size=(STEPS, len(network.graph.inputs))).astype(np.float32)
    series = {u: values[:, i] for i, u in enumerate(network.graph.inputs)}
    surprise = jax.jit(lambda network: network.surprise(series))
    gradient = jax.jit(
        lambda network: jax.grad(lambda n: n.surprise(series), allow_int=True)(network)
    )
    first = workloads.once(lambda: surprise(network).block_until_ready())
    steady = workloads.timed(lambda: surprise(network).block_until_ready(), 7)
    nodes = len(network.graph)
    cells = [
        name,
        f"{build:.2f} s",
        f"{first:.2f} s",
        short(steady),
        f"{steady / nodes / STEPS * 1e9:.1f} ns",
    ]
    if "random" not in name and "chain" not in name:
        slope = workloads.timed(lambda: jax.block_until_ready(gradient(network)), 3)
        cells.append(short(slope))
    else:
        cells.append("–")
    cells.append("yes" if jnp.isfinite(surprise(network)) else "no")
    return "| " + " | ".join(cells) + " |"


def short(seconds: float) -> str:
    """A time in milliseconds."""
    return f"{seconds * 1e3:.2f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    options = parser.parse_args()
    print(
        "| network | build | first surprise | surprise, 300 steps | per node and step | gradient | finite |"
    )
    print("|---|---|---|---|---|---|---|")
    for family in options.only:
        for name, make, sizes in NETWORKS[family]:
            print(measured(name, make, sizes), flush=True)


if __name__ == "__main__":
    main()
