"""Structures whose evidence was enumerated by other means: covariances of whole series, sums."""

import itertools
import json

import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.pages import ROOT

FOLDER = ROOT / "tests" / "reference" / "structure"


def case(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def settings_of(variant, settings):
    """Settings of the regressions of one variant."""
    if variant == "known_noise":
        return {
            "noise": "known",
            "precision": 1 / settings["noise_variance"],
            "initial_variance": settings["strength_variance"],
        }
    learned = {
        "initial_variance": settings["ratio"],
        "noise_shape": settings["shape"],
        "noise_scale": settings["scale"],
    }
    drifts = variant == "unknown_noise_drifting"
    return learned | ({"tonic_volatility": float(np.log(settings["drift"]))} if drifts else {})


@pytest.mark.parametrize("number", range(4))
def test_lagged_edges_have_their_exact_evidence(number):
    """Every parent set, every edge probability, and the evidence of all graphs."""
    recorded = case(f"lagged_{number}")
    names = list("abcd")
    series = dict(zip(names, np.array(recorded["series"]).T, strict=True))
    for variant, evidence in recorded["log_evidence"].items():
        graph = pn.structure.lagged(names, **settings_of(variant, recorded["settings"]))
        space = pn.structure.space(graph, probability=recorded["settings"]["edge_prior"])
        found = pn.structure.search(space, series)
        probability = [[found.edge_probability[f"lag1_{i}->{j}"] for i in names] for j in names]

        assert found.by == "exact"
        np.testing.assert_allclose(np.array(found.score.tables), evidence, rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            probability, recorded["edge_probability_by_child"][variant], rtol=0, atol=1e-9
        )
        assert found.log_evidence == pytest.approx(
            recorded["log_evidence_of_all_graphs"][variant], abs=1e-9
        )


def order_graph(recorded):
    """Three hidden states in one order, with every edge within a step that it allows."""
    settings = recorded["settings"]
    keep = settings["keep"]
    rate = -np.log(keep)
    state = pn.ContinuousState(
        memory="exact",
        autoconnection=keep,
        tonic_volatility=-np.log((1 - keep**2) / (2 * rate)),
    )
    entry = pn.ContinuousInput(precision=1 / settings["noise_variance"])
    nodes = {f"s{i}": state for i in range(3)} | {f"u{i}": entry for i in range(3)}
    drift = pn.Drift(strength=rate / (1 - keep))
    edges = [(f"s{i}", f"u{i}", "value") for i in range(3)]
    edges += [(f"s{i}", f"s{j}", drift) for i, j in ((0, 1), (0, 2), (1, 2))]
    spread = pn.Normal(0.0, settings["strength_sd"] * rate / (1 - keep))
    graph = pn.Graph(evidence="in_turn").extend(nodes, edges)
    return pn.structure.space(graph, "s*->s*", probability=0.5, strength=spread)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_hidden_states_with_inputs_in_turn_rank_graphs_as_the_exact_evidence(number):
    """All 25 graphs of three: one program, the series permuted into its places."""
    recorded = case(f"hidden_{number}")
    space, series = order_graph(recorded), np.array(recorded["series"]).T
    graphs = [np.array(graph).tolist() for graph in recorded["graphs"]]
    found = np.full(25, np.nan)
    for order in itertools.permutations(range(3)):
        data = {f"u{place}": series[who] for place, who in enumerate(order)}
        score = pn.structure.search(space, data).score
        for mask, log in zip(space.masks(), score.evidence(space.masks()), strict=True):
            graph = np.zeros((3, 3), int)
            for (parent, child, _), on in zip(space.keys, mask, strict=True):
                graph[order[int(parent[1])], order[int(child[1])]] = on
            found[graphs.index(graph.tolist())] = log
    exact = np.array(recorded["log_evidence"])
    empty = graphs.index(np.zeros((3, 3), int).tolist())
    gap = (found - found[empty]) - (exact - exact[empty])
    margin = np.diff(np.sort(exact)[-2:])[0]

    assert np.abs(gap).max() < 0.15
    assert margin < 1 or found.argmax() == exact.argmax()


@pytest.mark.parametrize("number", few(range(2), 1))
def test_a_structure_that_switches_has_the_exact_probabilities(number):
    """By a forward recursion over exact predictive densities; online as in one go."""
    recorded = case(f"switching_{number}")
    settings = recorded["settings"]
    node = pn.RegressionInput(terms=2, **settings_of("unknown_noise_drifting", settings))
    graph = pn.Graph().add(y=node, r0=pn.Regressor(), r1=pn.Regressor())
    graph = graph.couple(["r0", "r1"], "y")
    space = pn.structure.space(graph, probability=settings["edge_prior"])
    terms = np.array(recorded["terms"]).T
    data = {"y": np.array(recorded["series"]), "r0": terms[0], "r1": terms[1]}
    found = pn.structure.follow(space, data, stay=settings["stay"])

    np.testing.assert_allclose(
        found.edge_probability, recorded["edge_probability"], rtol=0, atol=1e-9
    )
    assert found.log_evidence == pytest.approx(recorded["log_evidence"], abs=1e-9)
    online = pn.structure.follow(
        space, {name: values[:-1] for name, values in data.items()}, stay=settings["stay"]
    ).step({name: values[-1] for name, values in data.items()})
    np.testing.assert_allclose(online.edge_probability[-1], found.edge_probability[-1], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("number", few(range(4), 1))
def test_contexts_are_exact_while_all_histories_are_kept(number):
    """All 4,140 ways to divide eight steps; with sixteen histories the evidence is within 0.005 nats."""
    recorded = case(f"contexts_{number}")
    settings = recorded["settings"]
    state = pn.ContinuousState(
        tonic_volatility=float(np.log(settings["drift_variance"])),
        initial_precision=1 / settings["initial_variance"],
    )
    entry = pn.ContinuousInput(precision=1 / settings["noise_variance"])
    network = pn.Graph().add(u=entry, x=state).couple("x", "u").compile()
    rule = {name: settings[name] for name in ("stay", "concentration")}
    data = {"u": np.array(recorded["series"])}
    every = pn.structure.contexts(network, capacity=8, hypotheses=4140, **rule).filter(data)
    few = pn.structure.contexts(network, capacity=8, hypotheses=16, **rule).filter(data)

    assert every.log_evidence == pytest.approx(recorded["log_evidence"], abs=1e-9)
    np.testing.assert_allclose(
        every.number[-1, 1:], recorded["probability_of_number"], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        every.probability, recorded["probability_of_same_context"], rtol=0, atol=1e-9
    )
    assert every.context.tolist() == recorded["best_sequence"]
    assert few.log_evidence == pytest.approx(recorded["log_evidence"], abs=0.005)


@pytest.mark.parametrize("number", range(3))
def test_who_shares_a_volatility_parent_is_found(number):
    """The same best grouping of all fifteen; the gap of the filter's evidence is reported in the docs."""
    recorded = case(f"sharing_{number}")
    settings = recorded["settings"]
    state = pn.ContinuousState(tonic_volatility=settings["tonic_volatility"])
    parent = pn.ContinuousState(
        memory="exact",
        autoconnection=settings["parent_keeps"],
        tonic_volatility=settings["parent_tonic_volatility"],
    )
    entry = pn.ContinuousInput(precision=1 / settings["noise_variance"])
    graph = pn.Graph(expansion="unbounded").extend(
        {f"x{i}": state for i in range(3)} | {f"u{i}": entry for i in range(3)},
        [(f"x{i}", f"u{i}", "value") for i in range(3)],
    )
    series = np.array(recorded["series"]).T
    found = pn.structure.share(graph, {f"u{i}": series[i] for i in range(3)}, parent=parent)
    exact = dict(zip(map(tuple, recorded["groupings"]), recorded["log_evidence"], strict=True))
    ours = dict(zip(found.groupings, found.log_evidence, strict=True))

    assert set(ours) == set(exact)
    assert found.best == max(exact, key=exact.get)
    assert ours[-1, -1, -1] == pytest.approx(exact[-1, -1, -1], abs=1e-9)
