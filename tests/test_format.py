"""The exchange format, as docs/format.md describes it."""

import json
import math
import re

import numpy as np
import pytest

import pynodes as pn
from pynodes._graph.document import VERSION
from pynodes._graph.library import Library
from tests.few import few
from tests.laws import cases
from tests.pages import ROOT, blocks, executed

PAGE = "docs/format.md"


@pytest.fixture(scope="module")
def shown():
    """The graph that the page shows, as text."""
    (text,) = blocks(PAGE, "json")
    return text


def test_the_graph_of_the_page_is_read(shown):
    """Every entry that it shows arrives where the table says."""
    graph = pn.Graph.from_json(shown)

    assert list(graph.nodes) == ["u", "v", "x", "noise", "bias"]
    assert graph.nodes["v"].precision == math.inf
    assert graph.nodes["x"].initial_precision == 4.0
    assert graph.nodes["x"].tonic_drift == pn.ContinuousState().tonic_drift
    assert graph.nodes["x"].memory == "exact"
    edges = {(parent, child): coupling for parent, child, coupling in graph.edges}
    assert isinstance(edges["x", "v"], pn.Observation)
    assert float(edges["x", "v"].strength) == 2.0
    assert graph.nodes["x"].expansion == pn.Standard()
    graph.compile().filter({"u": [1.0, 0.0], "v": [0.2, np.nan]})


def test_writing_and_reading_is_no_change(shown):
    """A second round gives the same text; what the page leaves out has been filled in."""
    once = pn.Graph.from_json(shown).to_json()

    assert pn.Graph.from_json(once).to_json() == once
    assert json.loads(once)["nodes"][3]["parameters"]["tonic_volatility"] == -4.0


@pytest.mark.parametrize("expansion", few(["unbounded", "enhanced", "standard"], 1))
def test_a_graph_that_was_read_believes_the_same(expansion):
    """Bit for bit, with every coupling, on irregular times."""
    graph = cases.rich_graph(expansion, marginalise=False, probability_clip=0.01)
    series, dt = cases.series_for(graph), cases.times_for()

    again = pn.Graph.from_json(graph.to_json())

    one, other = (g.compile().filter(series, dt=dt) for g in (graph, again))
    assert again.settings == graph.settings
    for name in one:
        np.testing.assert_array_equal(one[name].mean, other[name].mean)


def test_numbers_come_back_as_they_were():
    """Written in full: also those that no short decimal can hold."""
    values = np.random.default_rng(0).normal(size=20) * 10.0 ** np.arange(-10, 10)
    graph = pn.Graph().add({f"x{i}": pn.ConstantState(value=v) for i, v in enumerate(values)})

    again = pn.Graph.from_json(graph.to_json())

    assert [float(node.value) for node in again.nodes.values()] == list(values)


def test_the_order_of_edges_and_nodes_is_free(shown):
    """A file may name a child before its parent."""
    data = json.loads(shown)
    turned = data | {"nodes": data["nodes"][::-1], "edges": data["edges"][::-1]}

    one, other = pn.Graph.from_dict(data), pn.Graph.from_dict(turned)

    series = {"u": [1.0, 0.0, 1.0], "v": [0.2, 0.1, -0.3]}
    expected = one.compile().filter(series)["x"].mean
    np.testing.assert_allclose(other.compile().filter(series)["x"].mean, expected, rtol=1e-12)


def test_the_page_runs_and_reads_its_own_kinds():
    """kinds= and functions= give names their meaning; without them the file is refused by name."""
    found = executed(PAGE)

    assert found["again"].to_json() == found["text"]
    with pytest.raises(pn.FormatError, match=r"y->x.*'Sluggish'.*kinds="):
        pn.Graph.from_json(found["text"], functions={"cube": found["cube"]})
    with pytest.raises(pn.FormatError, match=r"x->u.*'cube'.*functions="):
        pn.Graph.from_json(found["text"], kinds=[found["Sluggish"]])


class Doubled(pn.Unbounded):
    """An expansion of one's own."""


def test_an_expansion_of_ones_own_is_named_by_its_class():
    """For the graph and for a single node."""
    graph = pn.Graph(expansion=Doubled()).add(x=pn.ContinuousState(expansion=Doubled()))

    again = pn.Graph.from_json(graph.to_json(), kinds=[Doubled()])

    assert isinstance(again.settings.expansion, Doubled)
    assert isinstance(again.nodes["x"].expansion, Doubled)
    with pytest.raises(pn.FormatError, match="No expansion is named 'Doubled'"):
        pn.Graph.from_json(graph.to_json())


def test_the_page_lists_every_name_that_a_file_may_use():
    """Kinds, couplings and functions."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    library = Library((), {})
    for label, known in (
        ("Kinds", library.nodes),
        ("Couplings", library.couplings),
        ("Functions", library.functions),
        ("Initialisers", library.initialisers),
    ):
        (line,) = re.findall(rf"^{label}: (.*?)\.$", text, flags=re.MULTILINE | re.DOTALL)
        assert set(re.findall(r"`(\w+)`", line)) == set(known)


def test_another_version_is_refused_in_the_words_of_the_page(shown):
    """The page quotes the message."""
    (quoted,) = blocks(PAGE, "text")

    with pytest.raises(pn.FormatError, match=re.escape(quoted.strip())):
        pn.Graph.from_dict(json.loads(shown) | {"version": VERSION + 1})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "other"}, "'format' is not 'pynodes-graph'"),
        ({"sections": []}, r"unknown (section|entry) 'sections'"),
        ({"settings": {"expnsion": "standard"}}, r"unknown (setting|entry) 'expnsion'"),
        ({"settings": {"expansion": "unbound"}}, "Did you mean 'unbounded'"),
        ({"nodes": {}}, "'nodes' must be a list"),
        ({"nodes": [{"kind": "BinaryInput"}]}, "lacks 'name'"),
        ({"nodes": [{"name": "u", "kind": "BinaryInputs"}]}, "Did you mean 'BinaryInput'"),
        ({"nodes": [{"name": "u", "kind": "BinaryInput", "init": {}}]}, "Did you mean 'initial'"),
        ({"nodes": [{"name": "u", "kind": "BinaryInput"}] * 2}, "Two nodes are named 'u'"),
        ({"edges": [{"parent": "x", "child": "u"}]}, "lacks 'coupling'"),
        (
            {"edges": [{"parent": "x", "child": "u", "coupling": "Probabilty"}]},
            "Did you mean 'Probability'",
        ),
        (
            {"edges": [{"parent": "x", "child": "u", "coupling": "Probability", "weight": 1}]},
            "Edge x->u has an unknown entry 'weight'",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name(shown, change, sentence):
    """A misspelt name never passes for a default."""
    with pytest.raises(pn.FormatError, match=sentence):
        pn.Graph.from_dict(json.loads(shown) | change)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "graph.json"])
def test_what_is_no_graph_is_refused(text):
    with pytest.raises(pn.FormatError, match=r"not JSON|not a graph"):
        pn.Graph.from_json(text)
