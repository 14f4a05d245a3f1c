"""Edits of graphs: checked against networkx, and against graphs built as they should come out."""

import networkx
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.small import paired

RICH = cases.rich_graph()
"""A graph with every coupling, two couplings between one pair, and a constant."""


def drawn(graph):
    """Nodes in their order, and every edge with what it carries, as networkx sees them."""
    seen = graph if isinstance(graph, networkx.MultiDiGraph) else graph.to_networkx()
    edges = {(a, b, key): data["coupling"] for a, b, key, data in seen.edges(keys=True, data=True)}
    return [(name, data["node"]) for name, data in seen.nodes(data=True)], edges


def random_graph(seed, size=30, edges=60):
    """States in random order with random couplings between them."""
    rng = np.random.default_rng(seed)
    names = [f"n{i}" for i in rng.permutation(size)]
    graph = pn.Graph().extend({name: pn.ContinuousState() for name in names})
    order = list(rng.permutation(names))
    pairs = {tuple(sorted(rng.choice(size, 2, replace=False))) for _ in range(edges)}
    words = rng.choice(["value", "volatility"], len(pairs))
    return graph.extend(
        {}, [(order[a], order[b], str(w)) for (a, b), w in zip(pairs, words, strict=True)]
    )


GRAPHS = [RICH, *(random_graph(seed) for seed in range(5))]


@pytest.mark.parametrize("graph", GRAPHS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_removing_and_keeping_are_those_of_networkx(graph, seed):
    """Edges go with their nodes; order stays."""
    some = np.random.default_rng(seed).choice(list(graph.nodes), len(graph) // 3, replace=False)
    there = graph.to_networkx()
    there.remove_nodes_from(some)

    rest = [name for name in graph.nodes if name not in some]
    assert drawn(graph.remove(some)) == drawn(there)
    assert drawn(graph.subgraph(rest[::-1])) == drawn(there)
    assert list(graph.remove(some).edges) == [
        edge for edge in graph.edges if edge[0] in rest and edge[1] in rest
    ]


@pytest.mark.parametrize("graph", GRAPHS, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_renaming_is_that_of_networkx(graph, seed):
    """All names change at once, so they may be exchanged among nodes."""
    names = list(graph.nodes)
    new = np.random.default_rng(seed).permutation([*names[::2], *(f"new {n}" for n in names[1::2])])
    mapping = dict(zip(names, map(str, new), strict=True))

    renamed = graph.rename(mapping)

    assert drawn(renamed) == drawn(networkx.relabel_nodes(graph.to_networkx(), mapping))
    assert drawn(renamed.rename({new: old for old, new in mapping.items()})) == drawn(graph)


@pytest.mark.parametrize("seed", range(5))
def test_merging_is_the_union_of_networkx(seed):
    one, two = random_graph(seed), random_graph(seed + 10)
    two = two.rename({name: f"{name}'" for name in two.nodes})

    both = one.merge(two)

    assert drawn(both) == drawn(networkx.union(one.to_networkx(), two.to_networkx()))
    assert drawn(both.subgraph(list(two.nodes))) == drawn(two)


def test_graphs_are_joined_at_what_they_share():
    """Two halves of a graph, each with the parent that both hear, are the graph."""
    left, right = paired().remove(["v", "y"]), paired().remove(["u", "x"])

    both = left.merge(right, shared=["top"])

    assert sorted(both.nodes) == sorted(paired().nodes)
    assert list(both.nodes) == ["u", "x", "top", "v", "y"]
    assert drawn(both)[1] == drawn(paired())[1]


def test_what_is_equal_is_shared_even_if_made_twice():
    def one():
        return pn.Graph().add(x=pn.ContinuousState(), u=pn.ContinuousInput()).couple("x", "u")

    assert len(one().merge(one(), shared=["x", "u"]).edges) == 1
    assert one().merge(one().rename({"u": "v"}), shared="x").children("x") == ["u", "v"]


def test_an_edge_goes_and_the_other_between_the_same_nodes_stays():
    """The rich graph couples top to x2 twice."""
    value, volatility = (
        RICH.uncouple("top", "x2", "volatility"),
        RICH.uncouple("top", "x2", pn.Drift),
    )

    assert [type(c) for a, b, c in value.edges if (a, b) == ("top", "x2")] == [pn.Drift]
    assert [type(c) for a, b, c in volatility.edges if (a, b) == ("top", "x2")] == [pn.Volatility]
    assert "x2" not in RICH.uncouple("top", "x2").children("top")
    assert RICH.uncouple("shared", ["x1", "x2"]).children("shared") == ["x3"]


def test_uncoupling_undoes_coupling():
    graph = paired().add(z=pn.ContinuousState())

    assert drawn(graph.couple("z", ["x", "y"]).uncouple("z", ["x", "y"])) == drawn(graph)


@pytest.mark.parametrize(
    ("change", "edge"),
    [
        ({"parent": "y"}, ("y", "x", pn.Volatility)),
        ({"child": "v"}, ("top", "v", pn.Noise)),
        ({"coupling": "value"}, ("top", "x", pn.Drift)),
        ({"parent": "y", "coupling": pn.Drift(strength=2.0)}, ("y", "x", pn.Drift)),
    ],
)
def test_a_rewired_edge_keeps_its_place(change, edge):
    """Noise goes where Volatility could not, so the coupling is said anew there."""
    if edge[2] is pn.Noise:
        change = change | {"coupling": "volatility"}

    rewired = paired().rewire("top->x", **change)

    old, new = paired().edges, rewired.edges
    place = [(a, b) for a, b, _ in old].index(("top", "x"))
    assert (*new[place][:2], type(new[place][2])) == edge
    assert new[:place] + new[place + 1 :] == old[:place] + old[place + 1 :]
    assert edge[0] in rewired.parents(edge[1])


def test_an_edge_may_be_turned_round_by_rewiring():
    """The old direction must not count when the new one is checked for a cycle."""
    graph = pn.Graph().add(a=pn.ContinuousState(), b=pn.ContinuousState()).couple("a", "b")

    assert graph.rewire("a->b", parent="b", child="a").parents("a") == ["b"]


def test_a_revised_node_keeps_its_name_its_place_and_its_edges():
    still = pn.ConstantState(value=1.0)

    revised = paired().revise(top=still, x=pn.ContinuousState(autoconnection=0.5))

    assert list(revised.nodes) == list(paired().nodes)
    assert revised.nodes["top"] is still
    assert revised.edges == paired().edges
    assert paired().nodes["top"] is not still


def test_edits_leave_the_graph_as_it_was():
    before = drawn(RICH)

    RICH.remove("x1").rename({"x2": "x1"})
    RICH.uncouple("top", "x2").couple("top", "x3", "value")
    RICH.rewire("x3->u3", coupling=pn.Drift)

    assert drawn(RICH) == before


@pytest.mark.parametrize("expansion", ["standard", "enhanced", "unbounded"])
def test_an_edited_graph_filters_as_one_built_so(expansion):
    """Names and the way a graph came about are no part of what is computed."""
    graph = paired().with_settings(expansion=expansion)
    series = cases.series_for(graph)
    other = (
        graph.merge(graph.rename({name: f"{name}'" for name in graph.nodes}))
        .remove(["u'", "x'", "v'", "y'", "top'"])
        .rename({"x": "y", "y": "x"})
        .rename({"x": "y", "y": "x"})
    )

    one, two = graph.compile().filter(series), other.compile().filter(series)

    for name in graph.nodes:
        np.testing.assert_array_equal(one[name].mean, two[name].mean)
    np.testing.assert_array_equal(one.surprise, two.surprise)


@pytest.mark.slow
def test_large_graphs_are_edited_in_linear_time():
    """Twenty thousand nodes in pairs; what is quadratic would take a minute."""
    names = [f"x{i}" for i in range(20_000)]
    nodes = {"top": pn.ContinuousState(), **dict.fromkeys(names, pn.ContinuousState())}
    edges = [(names[i], names[i + 1], "value") for i in range(0, len(names), 2)]
    graph = pn.Graph().extend(nodes, edges)

    rest = graph.remove(names[::3])
    renamed = graph.rename({name: f"{name}'" for name in names})
    both = graph.merge(renamed, shared="top")

    assert len(rest) == len(graph) - len(names[::3])
    assert len(both.edges) == 2 * len(edges)
    assert len(graph.revise(dict.fromkeys(names, pn.ContinuousState()))) == len(graph)


@pytest.mark.parametrize(
    ("child", "coupling", "field"),
    [
        (pn.CategoricalInput(outcomes=3), pn.Category, "outcome"),
        (pn.ExponentialFamilyState(), pn.Statistic, "component"),
    ],
)
def test_a_place_that_was_given_up_is_taken_by_who_comes_next(child, coupling, field):
    """Parents take the outcomes of a child one after another; what is free again is taken first."""
    graph = pn.Graph().add(u=child, a=pn.ContinuousState(), b=pn.ContinuousState())
    graph = graph.couple(["a", "b"], "u", coupling)

    again = graph.remove("a").add(c=pn.ContinuousState()).couple("c", "u", coupling)

    meant = {parent: getattr(c, field) for parent, _, c in again.edges}
    assert meant == {"b": 1, "c": 0}
    assert {p: getattr(c, field) for p, _, c in again.revise(u=child).edges} == meant
