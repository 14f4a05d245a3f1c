"""Law 2: an edge of strength zero, or one that is off, is silent. Law 3: constants and tonic terms.

They are laws of one step, so the engine takes a few steps of every case and nothing is compiled. Compiled
runs of a rich graph with such edges are in ``test_transfer.py`` and ``test_switches.py``.
"""

import dataclasses

import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases
from tests.laws.stepwise import assert_alike, walk

STEPS = 2
ALL = pytest.mark.parametrize(
    ("case", "expansion"),
    [
        pytest.param(
            case,
            expansion,
            marks=[] if number % 2 == 0 and expansion == pn.Unbounded() else pytest.mark.slow,
        )
        for number, case in enumerate(cases.COUPLED)
        for expansion in cases.EXPANSIONS
        if isinstance(case.coupling, pn.AbstractVolatilityCoupling) or expansion == pn.Unbounded()
    ],
    ids=repr,
)
"""An expansion says how a volatility child is heard, and takes no part in what a value child says."""


@ALL
def test_an_edge_that_is_silent_or_off_is_not_there(case, expansion):
    """It changes nothing for anyone, also not for its parent, who learns from another child."""
    target = cases.target_of(case)
    graph = (
        cases.graph_of(case, expansion)
        .add(second=pn.ContinuousState(), v=pn.ContinuousInput(precision=2.0))
        .couple("second", "v")
    )
    attached = graph.couple("second", target, case.coupling).compile()
    network, series, dt = graph.compile(), cases.series_for(graph, STEPS), cases.times_for(STEPS)
    gappy = series | {"v": np.array([series["v"][0], np.nan])}

    silent = walk(attached.replace({f"second->{target}.strength": 0.0}), series, dt)
    off = walk(attached.switch({f"second->{target}": False}), gappy, dt)

    assert_alike(walk(network, series, dt), silent, rtol=1e-11)
    assert_alike(walk(network, gappy, dt), off, rtol=1e-11)
    # Nothing reaches it through an edge that is off, where it learns from nobody else.
    for field in ("mean", "precision"):
        assert off["second"][field][1] == off["second"][f"predicted_{field}"][1]


@ALL
def test_the_only_edge_into_a_node_may_be_off(case, expansion):
    """Its child believes what it would without parents, and the parent hears nothing of it."""
    graph, target = cases.graph_of(case, expansion), cases.target_of(case)
    series, dt = cases.series_for(graph, STEPS), cases.times_for(STEPS)

    found = walk(graph.compile().switch({f"parent->{target}": False}), series, dt)

    there = walk(graph.uncouple("parent", target, type(case.coupling)).compile(), series, dt)
    assert_alike(without_parent(there), without_parent(found), rtol=1e-12)
    np.testing.assert_array_equal(found["parent"]["mean"], found["parent"]["predicted_mean"])


def without_parent(steps):
    """All but the parent, which is left without children, and so may be observed no more."""
    return {name: fields for name, fields in steps.items() if name != "parent"}


@pytest.mark.parametrize("expansion", cases.EXPANSIONS, ids=repr)
@pytest.mark.parametrize("marginalise", [True, False])
@pytest.mark.parametrize(
    ("tonic", "coupling"), [("tonic_drift", "value"), ("tonic_volatility", "volatility")]
)
def test_a_tonic_term_may_come_from_a_constant(tonic, coupling, marginalise, expansion):
    """What a state has by itself may as well come from a parent that is certain."""
    amount = 0.37
    graph = (
        pn.Graph(expansion=expansion, marginalise=marginalise)
        .add(u=pn.ContinuousInput(), up=pn.ContinuousState(), down=pn.ContinuousState())
        .couple("down", "u")
        .couple("up", "down", pn.Volatility(strength=0.6))
    )
    by_itself = graph.compile().replace({f"down.{tonic}": 0.2 + amount})
    from_parent = graph.add(bias=pn.ConstantState(value=amount)).couple("bias", "down", coupling)
    series, dt = cases.series_for(graph, STEPS), cases.times_for(STEPS)

    one = walk(by_itself, series, dt)
    other = walk(from_parent.compile().replace({f"down.{tonic}": 0.2}), series, dt)

    for name in ("u", "down", "up"):
        for field in ("mean", "precision"):
            np.testing.assert_allclose(other[name][field], one[name][field], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("case", few(cases.COUPLED, 6), ids=repr)
def test_two_constants_are_their_sum(case):
    """Contributions of several parents add."""
    plain, target = linear(case.coupling), cases.target_of(case)
    graph = cases.graph_of(dataclasses.replace(case, coupling=plain), pn.Unbounded())
    one = graph.add(a=pn.ConstantState(value=0.5)).couple("a", target, plain)
    two = graph.add(a=pn.ConstantState(value=0.2), b=pn.ConstantState(value=0.3))
    two = two.couple(["a", "b"], target, plain)
    series, dt = cases.series_for(graph, STEPS), cases.times_for(STEPS)

    found = walk(two.compile(), series, dt)

    for constant in ("a", "b"):
        del found[constant]
    assert_alike(walk(one.compile(), series, dt), found, rtol=1e-10)


def linear(coupling):
    """The coupling without its function."""
    has_function = "function" in {field.name for field in dataclasses.fields(coupling)}
    return dataclasses.replace(coupling, function="identity") if has_function else coupling
