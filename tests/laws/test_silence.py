"""Law 2: a zero-strength edge is silent, whatever hears it. Law 3: constants and tonic terms."""

import dataclasses

import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.laws.same import assert_same


@pytest.mark.parametrize("expansion", cases.DEFAULT_FIRST, ids=repr)
@pytest.mark.parametrize("case", cases.COUPLED, ids=repr)
def test_a_zero_strength_edge_is_silent(case, expansion):
    """Attaching a parent that says nothing changes nothing for anyone, and the parent just drifts."""
    graph = cases.graph_of(case, expansion)
    silent = dataclasses.replace(case.coupling, strength=0.0)
    attached = graph.add(silent=pn.ContinuousState()).couple(
        "silent", cases.target_of(case), silent
    )
    series, dt = cases.series_for(graph), cases.times_for()

    beliefs = attached.compile().filter(series, dt=dt)

    assert_same(graph.compile().filter(series, dt=dt), beliefs, rtol=1e-11)
    np.testing.assert_array_equal(beliefs["silent"].mean, beliefs["silent"].predicted_mean)


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
    series, dt = cases.series_for(graph), cases.times_for()

    one = by_itself.filter(series, dt=dt)
    other = from_parent.compile().replace({f"down.{tonic}": 0.2}).filter(series, dt=dt)

    for name in ("u", "down", "up"):
        np.testing.assert_allclose(other[name].mean, one[name].mean, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(other[name].precision, one[name].precision, rtol=1e-11)


@pytest.mark.parametrize("case", cases.COUPLED, ids=repr)
def test_two_constants_are_their_sum(case):
    """Contributions of several parents add."""
    graph = cases.graph_of(
        dataclasses.replace(case, coupling=linear(case.coupling)), pn.Unbounded()
    )
    target = cases.target_of(case)
    plain = linear(case.coupling)
    one = graph.add(a=pn.ConstantState(value=0.5)).couple("a", target, plain)
    two = graph.add(a=pn.ConstantState(value=0.2), b=pn.ConstantState(value=0.3))
    two = two.couple(["a", "b"], target, plain)
    series = cases.series_for(graph)

    assert_same(graph_run(one, series), graph_run(two, series), rtol=1e-10)


def linear(coupling):
    """The coupling without its function."""
    has_function = "function" in {field.name for field in dataclasses.fields(coupling)}
    return dataclasses.replace(coupling, function="identity") if has_function else coupling


def graph_run(graph, series):
    kept = [name for name in graph.nodes if graph.nodes[name].learns]
    return graph.compile().filter(series, record=kept or None)
