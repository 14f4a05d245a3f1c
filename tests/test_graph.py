"""Graphs: values that grow by copies, plates, and their summary."""

import dataclasses

import numpy as np
import pytest

import pynodes as pn
from tests.laws.same import assert_same
from tests.small import VALUES, driven, network, paired, tracked


def test_growing_a_graph_leaves_the_old_one_as_it_was():
    graph = tracked()
    before = graph.to_dict()

    grown = graph.add(p=pn.ContinuousState()).couple("p", "x", "volatility")
    louder = graph.with_settings(expansion="standard", marginalise=False)

    assert graph.to_dict() == before
    assert (len(graph), len(grown)) == (2, 3)
    assert graph.parents("x") == []
    assert grown.parents("x") == ["p"]
    assert graph.settings.expansion == pn.Enhanced()
    assert louder.settings.expansion == pn.Standard()


def test_a_failed_step_leaves_nothing_behind():
    """Also where the mistake comes last of many nodes and edges."""
    graph = pn.Graph().add(x=pn.ContinuousState())
    nodes = {"u": pn.ContinuousInput(), "v": pn.ContinuousInput()}

    with pytest.raises(pn.UnknownNodeError):
        graph.extend(nodes, [("x", "u", "value"), ("x", "w", "value")])

    assert list(graph.nodes) == ["x"]
    assert graph.edges == []
    assert graph.children("x") == []


def test_nodes_and_kinds_cannot_be_changed_in_place():
    graph = tracked()

    with pytest.raises(TypeError):
        graph.nodes["y"] = pn.ContinuousState()
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.nodes["x"].tonic_volatility = 0.0
    with pytest.raises(AttributeError):
        graph.settings = None


def test_lists_that_a_graph_returns_are_the_callers_own():
    graph = paired()

    graph.edges.clear()
    graph.parents("x").clear()
    graph.inputs.clear()

    assert len(graph.edges) == 4
    assert graph.parents("x") == ["top"]
    assert graph.inputs == ["u", "v"]


def test_nodes_and_edges_keep_the_order_in_which_they_came():
    graph = paired()

    assert list(graph.nodes) == ["u", "v", "x", "y", "top"]
    assert [(parent, child) for parent, child, _ in graph.edges] == [
        ("x", "u"),
        ("y", "v"),
        ("top", "x"),
        ("top", "y"),
    ]
    assert graph.children("top") == ["x", "y"]
    assert "top" in graph
    assert "bottom" not in graph


def test_the_inputs_are_what_must_be_given():
    assert driven().inputs == ["u", "r"]
    assert pn.models.binary_hgf().inputs == ["u"]


def test_extend_is_add_and_couple():
    at_once = pn.Graph().extend(
        {"u": pn.ContinuousInput(), "x": pn.ContinuousState()}, [("x", "u", "value")]
    )

    assert at_once.to_dict() == tracked().to_dict()


@pytest.mark.parametrize(
    ("child", "word", "coupling"),
    [
        (pn.ContinuousInput(), "value", pn.Observation),
        (pn.ContinuousInput(), "volatility", pn.Noise),
        (pn.ContinuousState(), "value", pn.Drift),
        (pn.ContinuousState(), "volatility", pn.Volatility),
        (pn.BinaryInput(), "value", pn.Probability),
        (pn.BinaryState(), "value", pn.Probability),
    ],
    ids=repr,
)
def test_a_word_means_the_coupling_that_suits_the_child(child, word, coupling):
    graph = pn.Graph().add(parent=pn.ContinuousState(), child=child)

    ((_, _, found),) = graph.couple("parent", "child", word).edges

    assert type(found) is coupling
    assert found.strength == 1.0


def test_two_nodes_may_be_joined_by_a_value_and_a_volatility():
    graph = tracked().add(p=pn.ContinuousState()).couple("p", "x").couple("p", "x", "volatility")

    assert graph.parents("x") == ["p"]
    assert graph.children("p") == ["x"]
    assert len(graph.edges) == 3


def test_copies_on_a_plate_are_like_the_graph_by_itself():
    """Without shared nodes, every copy believes what the single graph believes."""
    plate = paired().repeat(3)
    beliefs = plate.compile().filter(dict.fromkeys(plate.inputs, VALUES))
    single = network(paired()).filter({"u": VALUES, "v": VALUES})

    assert list(plate.nodes)[:5] == ["u[0]", "v[0]", "x[0]", "y[0]", "top[0]"]
    for name in single:
        for number in range(3):
            np.testing.assert_allclose(
                beliefs[f"{name}[{number}]"].mean, single[name].mean, rtol=1e-12
            )


def test_a_shared_node_is_there_once_and_hears_every_copy():
    """By hand: the same graph, written out."""
    plate = pn.models.continuous_hgf(levels=2).repeat(2, shared=["x2"])
    by_hand = (
        pn.Graph()
        .extend(
            {name: plate.nodes[name] for name in ("x2", "u[0]", "x1[0]", "u[1]", "x1[1]")},
            [("x1[0]", "u[0]", "value"), ("x1[1]", "u[1]", "value")],
        )
        .couple("x2", ["x1[0]", "x1[1]"], "volatility")
    )
    series = {"u[0]": VALUES, "u[1]": VALUES[::-1]}

    assert set(plate.nodes) == set(by_hand.nodes)
    assert plate.children("x2") == ["x1[0]", "x1[1]"]
    assert_same(plate.compile().filter(series), by_hand.compile().filter(series), rtol=1e-12)


def test_a_plate_keeps_the_settings():
    graph = tracked().with_settings(expansion="enhanced", marginalise=False, probability_clip=1e-3)

    assert graph.repeat(2).settings == graph.settings


def test_compile_uses_the_graphs_settings_its_keywords_override_them_and_a_node_both():
    """Seen by where they lead: three expansions give three different means."""
    graph = pn.models.continuous_hgf(levels=2, tonic_volatility=-1.0)
    series = {"u": np.array([0.0, 3.0, -3.0, 3.0, -3.0, 0.0])}

    def last(graph, **settings):
        return float(graph.compile(**settings).filter(series, throw=False)["x2"].mean[-1])

    unbounded = last(graph, expansion="unbounded")
    enhanced = last(graph)
    nodes = {**graph.nodes, "x2": dataclasses.replace(graph.nodes["x2"], expansion="unbounded")}
    by_node = pn.Graph(expansion="enhanced").extend(nodes, graph.edges)

    assert abs(unbounded - enhanced) > 1e-6
    assert last(graph.with_settings(expansion="enhanced")) == pytest.approx(enhanced, rel=1e-12)
    assert last(graph.with_settings(expansion="enhanced"), expansion="unbounded") == pytest.approx(
        unbounded, rel=1e-12
    )
    assert last(by_node) == pytest.approx(unbounded, rel=1e-12)


def test_the_summary_tells_nodes_parameters_couplings_and_settings():
    text = paired().with_settings(expansion="enhanced").summary()
    lines = text.splitlines()

    assert lines[0] == "Graph of 5 nodes and 4 edges"
    assert "2 ContinuousInput, 3 ContinuousState" in text
    assert "2 Observation, 2 Volatility" in text
    assert "expansion enhanced, marginalise True, probability_clip 1e-06" in text
    (row,) = [line for line in lines if line.startswith("x ")]
    for word in ("ContinuousState", "tonic_volatility -2", "<- top (Volatility 0.7)"):
        assert word in row


def test_a_summary_of_a_large_graph_is_short():
    text = tracked().repeat(500).summary()

    assert len(text.splitlines()) < 60
    assert text.endswith("... and 960 more")


def test_a_graph_shows_itself_in_a_notebook():
    """Names are text, not markup."""
    graph = pn.Graph().add({"<x>": pn.ContinuousState()})

    assert repr(graph) == "Graph(1 node, 0 edges)"
    assert "&lt;x&gt;" in graph._repr_html_()
    assert "<x>" not in graph._repr_html_()
