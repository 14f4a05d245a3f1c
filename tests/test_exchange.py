"""Graphs as JSON and as networkx graphs, and back: nothing is lost, nothing is guessed."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.laws.same import assert_same
from tests.small import OUTCOMES, VALUES, network, tracked


class CountInput(pn.AbstractNode):
    """Event counts, Poisson with rate exposure · exp(log rate)."""

    inlets = ("log_rate",)
    observable = True
    has_memory = False
    exposure: pn.Scalar = pn.parameter(1.0, positive=True)

    def init(self):
        return pn.Gaussian.start(1.0, 1.0)

    def predict(self, belief, inlet, dt):
        rate = self.exposure * dt * jnp.exp(inlet["log_rate"])
        return belief.predicted(rate, variance=rate)

    def surprise(self, belief):
        log_rate = jnp.log(belief.predicted_mean)
        return (
            belief.predicted_mean
            - belief.mean * log_rate
            + jax.scipy.special.gammaln(belief.mean + 1)
        )


class LogRate(pn.AbstractCoupling):
    """The parent is the logarithm of the child's rate."""

    inlet = "log_rate"
    strength: pn.Scalar = pn.parameter(1.0)

    def predict(self, parent, dt):
        return {"log_rate": self.strength * parent.predicted_mean}

    def log_density(self, x, parent, child, dt):
        shift = self.strength * (x - parent.predicted_mean)
        return child.mean * shift - child.predicted_mean * jnp.exp(shift)


@dataclasses.dataclass(frozen=True)
class Deaf(pn.AbstractExpansion):
    """An expansion that does not hear volatility children."""

    def volatile(self, point, variance, pull, message):
        return (point if pull is None else point + variance * pull), variance


def swish(x):
    return x * jax.nn.sigmoid(x)


def unusual(node: pn.AbstractNode) -> pn.AbstractNode:
    """A node none of whose parameters has its default value."""
    fields = node.__dataclass_fields__.values()
    parameters = [field for field in fields if "parameter" in field.metadata]
    return dataclasses.replace(node, **{field.name: another(field) for field in parameters})


def another(field: dataclasses.Field) -> object:
    """Another value than a parameter's default, in its range; rows that sum to one still do."""
    spec = field.metadata["parameter"]
    if field.default is None:
        return 0.25
    if spec["whole"]:
        return 1.0 - field.default
    if not spec["rank"] or not np.ndim(field.default):
        return 0.25 + 0.5 * field.default
    rows = np.array(field.default)
    return 0.8 * rows + 0.2 * np.eye(rows.shape[-1])[0]


def by_json(graph: pn.Graph, **known: object) -> pn.Graph:
    return pn.Graph.from_json(graph.to_json(), **known)


def by_dict(graph: pn.Graph, **known: object) -> pn.Graph:
    return pn.Graph.from_dict(graph.to_dict(), **known)


def by_networkx(graph: pn.Graph, **known: object) -> pn.Graph:
    known.pop("functions", None)
    return pn.Graph.from_networkx(graph.to_networkx(), **known)


def in_order(graph: pn.Graph) -> dict[str, object]:
    """A graph as a dictionary, its edges sorted: networkx lists them by parent."""
    found = graph.to_dict()
    return found | {"edges": sorted(found["edges"], key=str)}


WAYS = [by_json, by_dict, by_networkx]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("node", [*cases.KINDS, pn.Regressor()], ids=repr)
def test_every_kind_comes_back(node, way):
    """With every parameter and choice, whether it has its default value or not."""
    for sent in (node, unusual(node)):
        back = way(pn.Graph().add(x=sent)).nodes["x"]

        assert type(back) is type(sent)
        for field in sent.__dataclass_fields__:
            assert np.all(getattr(back, field) == getattr(sent, field))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", cases.COUPLED, ids=repr)
def test_every_coupling_comes_back(case, way):
    graph = cases.graph_of(case, pn.Enhanced(), marginalise=False, probability_clip=1e-3)

    back = way(graph)

    assert in_order(back) == in_order(graph)
    assert back.settings == graph.settings
    received = {(parent, child): coupling for parent, child, coupling in back.edges}
    for parent, child, sent in graph.edges:
        assert type(received[parent, child]) is type(sent)
        assert getattr(received[parent, child], "function", None) is getattr(sent, "function", None)


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_that_came_back_filters_alike(way):
    graph = cases.rich_graph("enhanced")
    series = cases.series_for(graph, 6)

    assert_same(way(graph).compile().filter(series), network(graph).filter(series), rtol=1e-11)


@pytest.mark.parametrize("way", WAYS)
def test_kinds_of_ones_own_come_back(way):
    """They are named where the graph is read; no table has to be told before."""
    graph = (
        pn.Graph(expansion=Deaf())
        .add(n=CountInput(exposure=2.0), x=pn.ContinuousState(expansion=Deaf()))
        .add(p=pn.ContinuousState(initial_mean=0.4))
        .couple("x", "n", LogRate(strength=0.5))
        .couple("p", "x", pn.Drift(function=swish))
    )

    back = way(graph, kinds=[CountInput, LogRate, Deaf()], functions={"swish": swish})

    assert in_order(back) == in_order(graph)
    assert isinstance(back.nodes["n"], CountInput)
    assert isinstance(back.edges[0][2], LogRate)
    assert back.edges[1][2].function is swish
    assert back.settings.expansion == back.nodes["x"].expansion == Deaf()
    counts = {"n": [3.0, 1.0, 0.0, 2.0, 5.0, 4.0]}
    assert_same(back.compile().filter(counts), graph.compile().filter(counts), rtol=0, atol=0)


def test_an_infinite_precision_comes_back():
    graph = pn.models.jget(levels=1)

    assert math.isinf(by_json(graph).nodes["u"].precision)
    assert '"precision": Infinity' in graph.to_json()


def test_two_functions_of_one_name_are_not_written_as_one():
    graph = tracked().add(p=pn.ContinuousState(), q=pn.ContinuousState())
    graph = graph.couple("p", "x", pn.Drift(function=lambda x: x))
    graph.to_json()

    with pytest.raises(pn.FormatError, match=r"'<lambda>'.*name of its own"):
        graph.couple("q", "x", pn.Drift(function=lambda x: 2 * x)).to_json()


RECORDED = """
{
 "format": "pynodes-graph", "version": 1,
 "settings": {"expansion": "unbounded", "marginalise": true, "probability_clip": 1e-06},
 "nodes": [
  {"name": "u",  "kind": "BinaryInput",     "parameters": {}},
  {"name": "x2", "kind": "ContinuousState", "parameters": {"tonic_volatility": -3.0, "tonic_drift": 0.0, "autoconnection": 1.0},
                                            "initial": {"mean": 0.5, "precision": 2.0}},
  {"name": "c",  "kind": "ConstantState",   "parameters": {"value": 1.0}}
 ],
 "edges": [
  {"parent": "x2", "child": "u", "coupling": "Probability", "strength": 1.0, "function": "identity"},
  {"parent": "c", "child": "x2", "coupling": "Volatility", "strength": 0.5}
 ]
}
"""  # noqa: E501
"""The format as it is documented, written by hand."""


def test_the_documented_format_is_read():
    graph = pn.Graph.from_json(RECORDED)
    by_hand = (
        pn.Graph()
        .add(u=pn.BinaryInput(), c=pn.ConstantState())
        .add(x2=pn.ContinuousState(tonic_volatility=-3.0, initial_mean=0.5, initial_precision=2.0))
        .couple("x2", "u")
        .couple("c", "x2", pn.Volatility(strength=0.5))
    )

    assert_same(
        graph.compile().filter({"u": OUTCOMES}),
        by_hand.compile().filter({"u": OUTCOMES}),
        rtol=1e-12,
    )


def test_what_is_written_is_the_documented_format():
    """Every entry that the hand-written document has, with the same value."""
    recorded = json.loads(RECORDED)
    written = json.loads(pn.Graph.from_json(RECORDED).to_json())

    for section in ("format", "version", "settings"):
        assert written[section] == recorded[section]
    for section in ("nodes", "edges"):
        for was, now in zip(recorded[section], written[section], strict=True):
            assert was.items() <= now.items()


def test_what_a_document_leaves_out_has_the_default_of_version_1():
    graph = pn.Graph.from_dict(
        {
            "format": "pynodes-graph",
            "version": 1,
            "nodes": [{"name": "x", "kind": "ContinuousState"}],
        }
    )

    expected = pn.Graph(expansion="unbounded").add(x=pn.ContinuousState())
    assert graph.to_dict() == expected.to_dict()


def test_a_networkx_graph_without_attributes_is_a_tree_of_states():
    """Leaves are inputs, edges are value couplings, names become text."""
    source = nx.DiGraph([(2, 0), (2, 1), (3, 2)])

    graph = pn.Graph.from_networkx(source)

    kinds = {name: type(node) for name, node in graph.nodes.items()}
    state, leaf = pn.ContinuousState, pn.ContinuousInput
    assert kinds == {"2": state, "0": leaf, "1": leaf, "3": state}
    assert {(p, c): type(k) for p, c, k in graph.edges} == {
        ("2", "0"): pn.Observation,
        ("2", "1"): pn.Observation,
        ("3", "2"): pn.Drift,
    }


def test_attributes_of_a_networkx_graph_are_kinds_and_parameters():
    source = nx.MultiDiGraph(settings={"expansion": "enhanced"})
    source.add_node("u", kind="BinaryInput")
    source.add_node("x", kind="ContinuousState", tonic_volatility=-2.0, memory="exact")
    source.add_node("y", initial_mean=1.0)
    source.add_edge("x", "u", strength=0.5)
    source.add_edge("y", "x", kind="volatility")
    source.add_edge("y", "x", kind="Drift", function="tanh")

    graph = pn.Graph.from_networkx(source)

    by_hand = (
        pn.Graph(expansion="enhanced")
        .add(u=pn.BinaryInput(), x=pn.ContinuousState(tonic_volatility=-2.0, memory="exact"))
        .add(y=pn.ContinuousState(initial_mean=1.0))
        .couple("x", "u", pn.Probability(strength=0.5))
        .couple("y", "x", "volatility")
        .couple("y", "x", pn.Drift(function="tanh", curvature="exact"))
    )
    assert in_order(graph) == in_order(by_hand)


def test_networkx_sees_the_graph_as_it_is():
    graph = cases.rich_graph()

    seen = graph.to_networkx()

    assert list(seen.nodes) == list(graph.nodes)
    assert sorted(seen.edges(keys=False)) == sorted((p, c) for p, c, _ in graph.edges)
    assert nx.is_directed_acyclic_graph(seen)
    assert seen.nodes["u1"]["kind"] == "ContinuousInput"
    assert seen.nodes["u1"]["precision"] == 2.0
    assert {data["strength"] for _, _, data in seen.edges("noise", data=True)} == {0.7}


def test_a_random_graph_of_networkx_filters():
    """Any directed graph without cycles will do."""
    rng = np.random.default_rng(0)
    source = nx.DiGraph()
    source.add_nodes_from(range(12))
    source.add_edges_from(
        (a, b) for a in range(12) for b in range(a) if rng.random() < 0.15 or b == a - 1
    )

    graph = pn.Graph.from_networkx(source)
    beliefs = graph.compile().filter(dict.fromkeys(graph.inputs, 0.1 * VALUES))

    assert graph.inputs == ["0"]
    assert np.isfinite(beliefs.surprise).all()
