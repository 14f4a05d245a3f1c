"""Who shares a parent, how many levels there are, many subjects, reductions."""

import dataclasses

import numpy as np
import pytest

import pynodes as pn
from pynodes import structure
from pynodes._runtime.inputs import read_inputs
from pynodes.structure.joint import JointScore
from pynodes.structure.share import (
    bell_number,
    canonical,
    list_groupings,
    list_groupings_nearby,
    measure_groupings,
    share_space,
)


def test_groupings_are_all_there_are():
    """As many as Bell's numbers, each once, and each reachable by moves."""
    assert [bell_number(n) for n in range(1, 7)] == [1, 2, 5, 15, 52, 203]
    every = list_groupings(4)
    assert len(every) == len(set(every)) == bell_number(5)
    assert all(canonical(grouping) == grouping for grouping in every)
    reached, queue = {(-1,) * 4}, [(-1,) * 4]
    for grouping in queue:
        new = [other for other in list_groupings_nearby(grouping) if other not in reached]
        reached |= set(new)
        queue += new
    assert reached == set(every)


def test_groups_of_states_that_nothing_joins_add_up():
    """One parent for one group after the other is as good as all parents in one graph."""
    rng = np.random.default_rng(6)
    state = pn.ContinuousState(tonic_volatility=-2.0)
    graph = pn.Graph().add(u=pn.ContinuousInput(), v=pn.ContinuousInput(), x=state, y=state)
    graph = graph.couple("x", "u").couple("y", "v")
    data = {"u": rng.normal(size=15).cumsum(), "v": 3 * rng.normal(size=15)}
    found = structure.share(graph, data)
    space = share_space(graph, ("x", "y"), range(2), pn.ContinuousState(), pn.Volatility(), {})
    whole = JointScore(space=space, feed=read_inputs(space.network.labels, data, 1.0))

    expected = measure_groupings(whole, ("x", "y"), list(found.groupings))
    np.testing.assert_allclose(found.log_evidence, expected, rtol=1e-10)


def test_depth_makes_every_depth_as_probable():
    space = structure.depth(pn.models.continuous_hgf(levels=4))
    masks = space.masks()

    assert masks.sum(axis=1).tolist() == [0, 1, 2, 3]
    assert len(set(space.log_prior(masks).tolist())) == 1
    fewer = structure.depth(pn.models.continuous_hgf(levels=4), [2, 3, 4])
    assert fewer.masks().sum(axis=1).tolist() == [0, 1, 2]
    with pytest.raises(pn.GraphError, match="end with the 4 that the graph has"):
        structure.depth(pn.models.continuous_hgf(levels=4), [1, 2])
    with pytest.raises(pn.GraphError, match="one chain of volatility edges"):
        structure.depth(pn.Graph().add(u=pn.ContinuousInput()))


def subjects(count=6, steps=120):
    """Series of several subjects, half of whom have an edge."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(count):
        a = rng.normal(size=steps)
        b = np.append(0.0, 0.6 * (number % 2) * a[:-1]) + rng.normal(size=steps)
        found[f"s{number}"] = {"a": a, "b": b}
    return found


def test_subjects_are_searched_apart_and_together(tmp_path):
    """Each as by itself; one structure for all has the product of evidences; frequencies are shared out."""
    space, table = structure.space(structure.lagged(["a", "b"]), probability=0.3), subjects()
    found = structure.search(space, table)
    alone = structure.search(space, table["s1"])

    assert found["s1"].edge_probability == alone.edge_probability
    masks = found.masks
    log = sum(
        structure.search(space, one).score.evidence(masks) for one in table.values()
    ) + space.log_prior(masks)
    weights = np.exp(log - log.max())
    np.testing.assert_allclose(
        list(found.fixed_effects.values()), weights @ masks / weights.sum(), rtol=1e-9
    )
    assert 0.25 < found.edge_frequency("lag1_a->b").frequencies[1] < 0.75
    assert found.edge_frequency("lag1_b->a").frequencies[1] < 0.3
    assert len(found.random_effects.models) == 16
    assert found.table.shape == (6, 4)
    pn.save(tmp_path / "subjects.npz", found)
    loaded = pn.load(tmp_path / "subjects.npz")
    assert loaded.fixed_effects == found.fixed_effects
    assert loaded["s2"].edge_probability == found["s2"].edge_probability

    frame = pn.structure.subjects.divide_frame
    rows = {
        "who": np.repeat(list(table), 120),
        "a": np.concatenate([one["a"] for one in table.values()]),
        "b": np.concatenate([one["b"] for one in table.values()]),
    }
    pandas = pytest.importorskip("pandas")
    divided = frame(pandas.DataFrame(rows), "who")
    np.testing.assert_array_equal(divided["s3"]["b"], table["s3"]["b"])
    with pytest.raises(pn.InputError, match="no column 'whom'"):
        frame(pandas.DataFrame(rows), "whom")


def test_beliefs_are_reduced_exactly():
    data = subjects(1)["s0"]
    space = structure.space(structure.lagged(["a", "b"]), probability=0.3)
    found = structure.search(space, data)
    series = {"a": data["a"][1:], "b": data["b"][1:]}
    series |= {"lag1_a": data["a"][:-1], "lag1_b": data["b"][:-1]}
    reduced = structure.reduce(space.network.filter(series), probability=0.3)

    assert reduced["b"].how == "exact"
    assert reduced["b"].refit == []
    for child in "ab":
        for edge, probability in reduced[child].edge_probability.items():
            assert probability == pytest.approx(found.edge_probability[edge], rel=1e-8)


@pytest.mark.slow
def test_a_fit_is_reduced_as_its_posterior_is_gaussian():
    """Exactly where all is linear and the noise known: to the evidence of the model without the edge."""
    rng = np.random.default_rng(1)
    drive = rng.normal(size=60)
    series = np.cumsum(0.5 * drive) + rng.normal(size=60)
    graph = pn.Graph().add(
        u=pn.ContinuousInput(), x=pn.ContinuousState(tonic_volatility=-2.0), r=pn.Regressor()
    )
    graph = graph.couple("x", "u").couple("r", "x")
    agent = pn.Agent(graph, free={"r->x.strength": pn.Normal(0.2, 0.4)})
    trials = pn.Trials({"u": series, "r": drive}, inputs=["u", "r"])
    fit = pn.fit_map(agent, trials)
    (reduced,) = structure.reduce(fit).values()
    without = graph.compile().replace({"r->x.strength": 0.0}).surprise({"u": series, "r": drive})

    assert reduced.how == "reduction"
    assert float(fit.lme + reduced.log_evidence[0]) == pytest.approx(-float(without), rel=1e-6)
    with pytest.raises(pn.InputError, match="beliefs of a network or a fit"):
        structure.reduce("fit")


@pytest.mark.slow
def test_the_graph_in_a_participants_head_is_scored_by_responses(tmp_path, monkeypatch):
    """Of agents with and without a third level, the one that made the choices."""
    agent = pn.Agent(
        pn.models.binary_hgf(levels=3),
        pn.responses.UnitSquareSigmoid(),
        free={"x2.tonic_volatility": pn.Normal(-3.0, 1.0)},
    )
    outcomes, choices = pn.data.association()
    trials = pn.Trials({"u": outcomes[:80], "y": choices[:80]}, inputs="u", actions="y")
    space = structure.depth(agent.network.graph)
    path = tmp_path / "search.npz"
    found = structure.search(space, trials, agent=agent, checkpoint=path)
    fits = [pn.fit_map(agent.replace({"x3->x2.strength": on}), trials, seed=0) for on in (0.0, 1.0)]

    np.testing.assert_allclose(found.log_evidence[0], [float(fit.lme) for fit in fits], rtol=1e-6)
    assert found.edge_probability.shape == (1, 1)
    assert found.problems() == []
    missed = dataclasses.replace(found, trusted=np.array([[True, False]]))
    assert "under 1 of 2 graphs no mode was found" in missed.problems()[0]
    with pytest.raises(pn.InputError, match="agent must be"):
        structure.search(space, trials, agent="somebody")

    # Killed after the first graph, the search goes on with the second one.
    part = dataclasses.replace(found, masks=found.masks[:1], log_evidence=found.log_evidence[:, :1])
    pn.save(path, dataclasses.replace(part, trusted=found.trusted[:, :1]))
    scored, score = [], structure.agents.score_agent
    monkeypatch.setattr(
        structure.agents, "score_agent", lambda *given: scored.append(1) or score(*given)
    )
    rest = structure.search(space, trials, agent=agent, checkpoint=path)
    assert len(scored) == 1
    np.testing.assert_array_equal(rest.log_evidence, found.log_evidence)
    np.testing.assert_array_equal(pn.load(path).edge_probability, found.edge_probability)
    with pytest.raises(pn.CheckpointError, match="holds another search"):
        structure.search(space, trials, agent=agent, checkpoint=path, key=1)
