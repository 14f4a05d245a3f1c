"""Random graphs in the exchange format, with series to filter, from a seed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tests.oracles.pyhgf_graph import FUNCTIONS

STEPS = 40
"""Length of the random series."""

EXPANSIONS = ("standard", "enhanced", "unbounded")
"""Seeds take turns through these."""

COUPLINGS = {
    "ContinuousInput": ("Observation", "Drift", "Noise"),
    "BinaryInput": ("Probability",),
    "ContinuousState": ("Drift", "Volatility"),
}
"""What a child of each kind takes."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A graph as an exchange-format dictionary, and what was observed when."""

    document: dict[str, Any]
    inputs: dict[str, np.ndarray]
    elapsed: np.ndarray


def problem(seed: int) -> Problem:
    """A random graph of 3 to 9 nodes with its series; the seed alone decides.

    Successive seeds go through all expansions, both ways of averaging and, in half of the problems,
    steps of irregular length.
    """
    random = np.random.default_rng([20240611, seed])
    nodes = draw_nodes(random)
    document = {
        "format": "pynodes-graph",
        "version": 1,
        "settings": {
            "expansion": EXPANSIONS[seed % 3],
            "marginalise": seed % 6 < 3,
            "probability_clip": 1e-6,
        },
        "nodes": nodes,
        "edges": draw_edges(random, nodes),
    }
    inputs = {
        node["name"]: draw_series(random, node["kind"])
        for node in nodes
        if node["kind"].endswith("Input")
    }
    irregular = random.uniform(0.2, 2.0, STEPS)
    return Problem(document, inputs, irregular if seed % 4 < 2 else np.ones(STEPS))


def draw_nodes(random: np.random.Generator) -> list[dict[str, Any]]:
    """One to three inputs, then states, at most one of them constant."""
    size = int(random.integers(3, 10))
    observed = int(random.integers(1, min(3, size - 2) + 1))
    kinds = [
        str(random.choice(["ContinuousInput", "BinaryInput"], p=[0.7, 0.3]))
        for _ in range(observed)
    ]
    kinds += ["ContinuousState"] * (size - observed)
    if random.random() < 0.4:
        kinds[-1] = "ConstantState"
    return [draw_node(random, f"n{index}", kind) for index, kind in enumerate(kinds)]


def draw_node(random: np.random.Generator, name: str, kind: str) -> dict[str, Any]:
    """One node with random parameters."""
    if kind == "ContinuousInput":
        return {"name": name, "kind": kind, "parameters": {"precision": random.uniform(0.5, 4.0)}}
    if kind == "ConstantState":
        return {"name": name, "kind": kind, "parameters": {"value": random.uniform(-1.0, 1.0)}}
    if kind == "BinaryInput":
        return {"name": name, "kind": kind, "parameters": {}}
    return {
        "name": name,
        "kind": kind,
        "parameters": {
            "tonic_volatility": random.uniform(-6.0, -1.5),
            "tonic_drift": random.choice([0.0, random.normal(0.0, 0.1)]),
            "autoconnection": random.choice([1.0, random.uniform(0.3, 1.0)]),
        },
        "initial": {"mean": random.normal(0.0, 0.5), "precision": random.uniform(0.5, 3.0)},
    }


def draw_edges(random: np.random.Generator, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Edges from every state to one to three earlier nodes, so that there is no cycle, shuffled."""
    edges: list[dict[str, Any]] = []
    observed = sum(node["kind"].endswith("Input") for node in nodes)
    for index, node in enumerate(nodes[observed:], start=observed):
        targets = [other for other in nodes[:index] if other["kind"] != "ConstantState"]
        count = int(random.integers(1, min(3, len(targets)) + 1))
        for target in random.choice(len(targets), size=count, replace=False):
            child = targets[int(target)]
            coupling = str(random.choice(COUPLINGS[child["kind"]]))
            edges.append(draw_edge(random, node["name"], child["name"], coupling))
    return [edges[int(place)] for place in random.permutation(len(edges))]


def draw_edge(
    random: np.random.Generator, parent: str, child: str, coupling: str
) -> dict[str, Any]:
    """One edge of random strength, now and then silent, and of a random function if it has one."""
    strength = random.choice([-1.0, 1.0], p=[0.3, 0.7]) * random.uniform(0.2, 1.2)
    edge = {"parent": parent, "child": child, "coupling": coupling, "strength": strength}
    if random.random() < 0.05:
        edge["strength"] = 0.0
    if coupling in ("Volatility", "Noise"):
        return edge
    linear = random.random() < 0.5
    return edge | {"function": "identity" if linear else str(random.choice(sorted(FUNCTIONS)))}


def draw_series(random: np.random.Generator, kind: str) -> np.ndarray:
    """Outcomes or a noisy walk, with gaps of single steps and one of several."""
    if kind == "BinaryInput":
        series = (random.random(STEPS) < random.uniform(0.3, 0.7)).astype(float)
    else:
        series = np.cumsum(random.normal(0.0, 0.3, STEPS)) + random.normal(0.0, 0.5, STEPS)
    series[random.random(STEPS) < random.choice([0.0, 0.2])] = np.nan
    series[25:29] = np.nan
    return series
