"""Random graphs: pynodes computes what the fully corrected oracle does, or breaks down where it does."""

import dataclasses
import functools
import json

import numpy as np
import pytest

import pynodes as pn
from tests.oracles.pyhgf import Run, run
from tests.oracles.pyhgf_comparison import BELIEFS, apart, as_run
from tests.oracles.pyhgf_corrections import ALL, Corrections
from tests.oracles.pyhgf_graph import FUNCTIONS
from tests.oracles.pyhgf_graphs import COUPLINGS, EXPANSIONS, Problem, problem

pytestmark = pytest.mark.versions

SEEDS, FEW = range(36), 3
"""The random graphs, and how many of them are not left to the slow tests."""

AT_EXTREMES = {"bounded_growth", "unguarded_numbers"}
"""Corrections that only matter far outside what the random graphs draw."""


def oracle(given: Problem, corrections: Corrections = ALL) -> Run:
    """What the oracle finds."""
    return run(given.document, given.inputs, given.elapsed, corrections)


def ours(given: Problem) -> Run:
    """What pynodes finds."""
    network = pn.Graph.from_json(json.dumps(given.document)).compile()
    return as_run(network.filter(given.inputs, dt=given.elapsed, throw=False), given.document)


@functools.cache
def corrected(seed: int) -> Run:
    """What the oracle finds for a random graph, computed once."""
    return oracle(problem(seed))


def matters(seed: int, correction: str) -> bool:
    """Whether a random run would be another without a correction."""
    without = dataclasses.replace(ALL, **{correction: False})
    return apart(corrected(seed), oracle(problem(seed), without)) > 1e-6


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow if seed >= FEW else []) for seed in SEEDS]
)
def test_a_random_graph_agrees(seed):
    """Every state's belief agrees up to the step, if any, at which both break down."""
    found = ours(problem(seed))

    assert found.failed == corrected(seed).failed
    assert apart(found, corrected(seed)) <= 1e-9


def test_the_random_graphs_are_a_fair_sample():
    """All kinds, couplings, functions and settings occur, and most runs reach their end."""
    documents = [problem(seed).document for seed in SEEDS]
    settings = [(d["settings"]["expansion"], d["settings"]["marginalise"]) for d in documents]
    edges = [edge for document in documents for edge in document["edges"]]
    kinds = {node["kind"] for document in documents for node in document["nodes"]}

    assert set(settings) == {(name, averaged) for name in EXPANSIONS for averaged in (True, False)}
    assert {edge["coupling"] for edge in edges} == set().union(*COUPLINGS.values())
    assert {edge.get("function", "identity") for edge in edges} == set(FUNCTIONS)
    assert kinds == {*COUPLINGS, "ConstantState"}
    assert sum(corrected(seed).failed is None for seed in SEEDS) >= 20


@pytest.mark.parametrize("correction", dataclasses.asdict(ALL))
def test_every_correction_matters_somewhere(correction):
    """No correction is idle: some random run changes without it, or it belongs to the extremes."""
    assert correction in AT_EXTREMES or any(matters(seed, correction) for seed in SEEDS)


def extreme(expansion: str, precision: float, tonic: float, parent: float) -> Problem:
    """A state observed with some precision, whose log growth is tonic plus a parent that starts far out."""
    states = {"x": (tonic, 0.0), "v": (-2.0, parent)}
    document = {
        "format": "pynodes-graph",
        "version": 1,
        "settings": {"expansion": expansion, "marginalise": True, "probability_clip": 1e-6},
        "nodes": [{"name": "u", "kind": "ContinuousInput", "parameters": {"precision": precision}}]
        + [
            {
                "name": name,
                "kind": "ContinuousState",
                "parameters": {"tonic_volatility": volatility},
                "initial": {"mean": mean, "precision": 4.0},
            }
            for name, (volatility, mean) in states.items()
        ],
        "edges": [
            {"parent": "x", "child": "u", "coupling": "Observation"},
            {"parent": "v", "child": "x", "coupling": "Volatility", "strength": 0.5},
        ],
    }
    return Problem(document, {"u": np.sin(np.arange(1.0, 13.0))}, np.full(12, 1.5))


def unlike(actual: Run, expected: Run) -> float:
    """Largest gap relative to each number itself, however small it is; infinite where one is NaN."""
    gaps = [
        np.abs(actual.fields[key] - array) / np.maximum(np.abs(array), 1e-300)
        for key, array in expected.fields.items()
        if key in actual.fields and key.split("/")[1] in BELIEFS and not key.startswith("u/")
    ]
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps)))


@pytest.mark.parametrize("expansion", ["enhanced", "unbounded"])
@pytest.mark.parametrize(
    ("correction", "precision", "tonic", "parent"),
    [("bounded_growth", 1.0, 40.0, 60.0), ("unguarded_numbers", 1e12, -320.0, 10.0)],
)
def test_extreme_numbers_agree(expansion, correction, precision, tonic, parent):
    """A log growth above its bound, a growth next to nothing and a huge precision stay numbers."""
    given = extreme(expansion, precision, tonic, parent)

    assert oracle(given).failed is None
    assert unlike(ours(given), oracle(given)) <= 1e-9
    without = oracle(given, dataclasses.replace(ALL, **{correction: False}))
    assert unlike(without, oracle(given)) > 1e-3
