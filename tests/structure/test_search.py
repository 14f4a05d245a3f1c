"""Searches: probabilities of edges and graphs, exact where they can be, and refused in words where not."""

import itertools

import networkx as nx
import numpy as np
import pytest

import pynodes as pn
from pynodes import structure
from pynodes.structure.regression import Regression
from tests.compilations import count_compilations

NAMES = ["a", "b", "c"]


def series(seed=0, steps=80, names=NAMES):
    """Series of which the second follows the first, and the third the second."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(steps, len(names)))
    for step in range(1, steps):
        found[step, 1:] += 0.6 * found[step - 1, :-1]
    return dict(zip(names, found.T, strict=True))


def space_of(names=NAMES, probability=0.3, rules=(), **settings):
    graph = structure.lagged(names, **settings)
    return structure.space(graph, probability=probability, rules=rules)


def test_probabilities_follow_from_evidence_and_prior():
    """Of all graphs, each filtered by itself: sums to one, margins, and the evidence averaged."""
    space, data = space_of(["a", "b"]), series(names=["a", "b"])
    found = structure.search(space, data)
    masks = np.array(list(itertools.product([False, True], repeat=4)))
    first = {name: values[1:] for name, values in data.items()}
    first |= {f"lag1_{name}": values[:-1] for name, values in data.items()}
    names = tuple(f"{edge}.strength" for edge in space.edges)
    log = [-space.network.replace({names: mask.astype(float)}).surprise(first) for mask in masks]
    weights = np.exp(log + space.log_prior(masks))

    assert found.log_evidence == pytest.approx(np.log(weights.sum()), rel=1e-12)
    np.testing.assert_allclose(
        list(found.edge_probability.values()), weights @ masks / weights.sum(), rtol=1e-9
    )
    assert found.outcome.probability.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(
        found.outcome.probability @ found.outcome.masks, weights @ masks / weights.sum(), rtol=1e-9
    )


def test_all_ways_agree():
    """Exact, every graph by itself, and both samplers: of parents, and of whole graphs."""
    space, data = space_of(probability=0.2), series(1)
    exact = structure.search(space, data, by="exact").outcome
    every = structure.search(space, data, by="all").outcome
    parents = structure.search(space, data, by="gibbs", sweeps=3000).outcome
    whole = structure.search(space, data, by="gibbs", sweeps=400, most=10**6).outcome
    greedy = structure.search(space, data, by="greedy").outcome

    np.testing.assert_allclose(every.edge_probability, exact.edge_probability, rtol=1e-9)
    np.testing.assert_allclose(every.masks[0], exact.masks[0])
    np.testing.assert_allclose(parents.edge_probability, exact.edge_probability, atol=0.02)
    np.testing.assert_allclose(whole.edge_probability, exact.edge_probability, atol=0.04)
    np.testing.assert_array_equal(greedy.masks[0], exact.masks[0])


def test_reduction_of_a_belief_is_that_of_the_series():
    """The last belief of the full model has the evidence of every subset in it."""
    rng = np.random.default_rng(2)
    terms, values = rng.normal(size=(50, 3)), rng.normal(size=50)
    for settings in ({"noise": "known", "precision": 2.0}, {"noise_shape": 3.0}):
        node = pn.RegressionInput(
            terms=3, initial_mean=[0.2, 0.0, -0.1], initial_variance=[0.3, 0.5, 1.0], **settings
        )
        graph = pn.Graph().add(y=node, r0=pn.Regressor(), r1=pn.Regressor(), r2=pn.Regressor())
        network = graph.couple(["r0", "r1", "r2"], "y").compile()
        inputs = {"y": values} | {f"r{i}": column for i, column in enumerate(terms.T)}
        memory = network.filter(inputs).final.groups[network.labels.nodes["y"][0]].memory
        by_belief = Regression.from_belief(node, memory).table()
        by_series = Regression.from_series(node, terms, values)
        masks = np.array(list(itertools.product([False, True], repeat=3)))
        names = tuple(f"r{i}->y.strength" for i in range(3))
        by_filter = [-network.replace({names: m.astype(float)}).surprise(inputs) for m in masks]

        np.testing.assert_allclose(by_series.table(), by_filter, rtol=1e-12)
        np.testing.assert_allclose(by_series.evidence(masks), by_filter, rtol=1e-12)
        np.testing.assert_allclose(by_belief, by_filter, rtol=1e-10)


def test_relabelling_permutes_the_result():
    data = series(3)
    found = structure.search(space_of(), data).edge_probability
    turned = structure.search(space_of(NAMES[::-1]), data).edge_probability

    assert {name: pytest.approx(p, rel=1e-9) for name, p in found.items()} == turned


def test_scaling_a_series_with_its_priors_changes_nothing():
    data = series(4)
    graph = structure.lagged(NAMES, initial_variance=0.2)
    plain = structure.search(structure.space(graph, probability=0.3), data)
    node = graph.nodes["b"]
    scaled = graph.revise(
        a=pn.RegressionInput(
            terms=3, initial_variance=[0.2, 0.2 / 100, 0.2], noise_scale=node.noise_scale
        ),
        b=pn.RegressionInput(
            terms=3, initial_variance=[20.0, 0.2, 20.0], noise_scale=100 * node.noise_scale
        ),
        c=pn.RegressionInput(terms=3, initial_variance=[0.2, 0.2 / 100, 0.2]),
    )
    larger = structure.search(
        structure.space(
            scaled.revise(
                b=pn.RegressionInput(
                    terms=3, initial_variance=[0.2, 0.2 / 100, 0.2], noise_scale=100.0
                )
            ),
            probability=0.3,
        ),
        data | {"b": 10 * data["b"]},
    )
    expected = dict(plain.edge_probability)
    assert larger.edge_probability == {n: pytest.approx(p, rel=1e-9) for n, p in expected.items()}


def test_an_edge_without_data_keeps_its_prior():
    """Whether its child is never seen, or its parent never moves; gaps count as far as they reach."""
    data = series(5) | {"c": np.full(80, np.nan), "a": np.zeros(80)}
    data["b"][7] = np.nan
    found = structure.search(space_of(probability=0.37), data)

    for name in ("lag1_a->c", "lag1_b->c", "lag1_a->b"):
        assert found.edge_probability[name] == pytest.approx(0.37)
    assert any("never observed" in one for one in found.problems())
    assert any("never changes" in one for one in found.problems())


def test_rules_cut_graphs_off_and_change_no_odds():
    rules = [
        structure.at_most_one(["lag1_a->b", "lag1_c->b"]),
        structure.together(["lag1_a->a", "lag1_b->b"]),
        structure.needs("lag1_a->c", "lag1_b->c"),
    ]
    data = series(6)
    free = structure.search(space_of(), data, by="all").score
    ruled = space_of(rules=rules)
    found = structure.search(ruled, data)
    masks = free.space.masks()
    log = free.evidence(masks) + free.space.log_prior(masks)
    weights = np.where(ruled.admits(masks), np.exp(log - log.max()), 0.0)
    sampled = structure.search(ruled, data, by="gibbs", sweeps=400)

    assert found.by == "all"
    np.testing.assert_allclose(
        found.outcome.edge_probability, weights @ masks / weights.sum(), rtol=1e-9
    )
    np.testing.assert_allclose(
        sampled.outcome.edge_probability, found.outcome.edge_probability, atol=0.05
    )


def test_one_space_compiles_nothing_for_another_series():
    """Nor for subjects. Sums need no program; drifting strengths are filtered by one, whatever the masks."""
    exact, drifting = space_of(), space_of(tonic_volatility=-6.0)
    structure.search(exact, series(7))
    structure.search(drifting, series(7))
    with count_compilations() as counted:
        structure.search(exact, series(8))
        structure.search(drifting, series(8))
        structure.search(drifting, {"one": series(9), "other": series(10)})

    assert counted.programs == 0


def test_stopping_and_going_on_is_one_search(monkeypatch):
    """Interrupted in the middle of a sweep, it goes on to the same end; the same key is the same search."""
    space, data = space_of(rules=[structure.at_most(6, "*")]), series(9)
    whole = structure.search(space, data, by="gibbs", sweeps=30, key=5)
    again = structure.search(space, data, by="gibbs", sweeps=30, key=5)

    asked = structure.local.LocalScore.evidence
    calls = iter(range(10**6))

    def interrupt(self, masks):
        if next(calls) == 60:
            raise KeyboardInterrupt
        return asked(self, masks)

    monkeypatch.setattr(structure.local.LocalScore, "evidence", interrupt)
    part = structure.search(space, data, by="gibbs", sweeps=30, key=5)
    monkeypatch.undo()
    rest = structure.search(space, data, by="gibbs", sweeps=30, key=5, resume=part)

    assert not part.complete
    assert "cut short" in part.problems()[0]
    assert rest.complete
    assert whole.edge_probability == again.edge_probability == rest.edge_probability


def interrupt_after(monkeypatch, calls, error):
    """Raise an error at one of the questions for evidence."""
    asked, numbers = structure.local.LocalScore.evidence, iter(range(10**6))

    def evidence(self, masks):
        if next(numbers) == calls:
            raise error
        return asked(self, masks)

    monkeypatch.setattr(structure.local.LocalScore, "evidence", evidence)


@pytest.mark.parametrize(("by", "calls"), [("gibbs", 40), ("all", 3), ("greedy", 9)])
def test_a_search_that_is_killed_goes_on_from_its_file(by, calls, tmp_path, monkeypatch):
    """To the same end as if nothing had happened; and a file that is there to the end is the result."""
    space, data = space_of(rules=[structure.at_most(6, "*")]), series(9)
    path, settings = tmp_path / "search.npz", {"by": by, "sweeps": 20, "key": 5}
    whole = structure.search(space, data, **settings)
    monkeypatch.setattr(structure.checkpoint, "EVERY", 0.0)
    with monkeypatch.context() as patch:
        interrupt_after(patch, calls, SystemExit)
        with pytest.raises(SystemExit):
            structure.search(space, data, checkpoint=path, **settings)
    part = pn.load(path)
    rest = structure.search(space, data, checkpoint=path, **settings)
    again = structure.search(space, data, checkpoint=path, **settings)

    assert not part.complete
    assert 0 < part.tried < whole.tried
    assert rest.complete
    assert whole.edge_probability == rest.edge_probability == again.edge_probability
    np.testing.assert_array_equal(rest.outcome.log_evidence, whole.outcome.log_evidence)
    with pytest.raises(pn.CheckpointError, match="holds another search"):
        structure.search(space, series(10), checkpoint=path, **settings)
    with pytest.raises(pn.InputError, match="other series"):
        structure.search(space, series(10), resume=part, **settings)


def test_searches_and_spaces_come_back_from_files(tmp_path):
    """Number for number: priors, rules, gaps, what was found, and what it can still be asked."""
    data = series(12) | {"c": np.where(np.arange(80) % 9, series(12)["c"], np.nan)}
    graph = structure.lagged(NAMES, lags=2)
    space = structure.space(
        graph,
        probability={"lag1_*": 0.3, "lag2_*": 0.1},
        strength={"*->a": pn.Normal(0.1, 0.4)},
        rules=[structure.at_most(3, "lag2_*")],
    )
    found = structure.search(space, data, by="gibbs", sweeps=5, key=2)
    pn.save(tmp_path / "space.npz", space)
    pn.save(tmp_path / "found.npz", found)
    loaded = pn.load(tmp_path / "found.npz")

    assert pn.load(tmp_path / "space.npz").is_same(space)
    assert loaded.space.is_same(space)
    assert loaded.edge_probability == found.edge_probability
    assert loaded.problems() == found.problems()
    assert repr(loaded) == repr(found)
    for name, values in found.strengths.items():
        np.testing.assert_array_equal(loaded.strengths[name], values)
    onward, same = (
        structure.search(space, data, by="gibbs", sweeps=9, key=2, resume=one)
        for one in (found, loaded)
    )
    assert onward.edge_probability == same.edge_probability


def test_files_of_something_else_are_no_checkpoints(tmp_path):
    pn.save(tmp_path / "graph.npz", structure.lagged(NAMES))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("graph.npz", "text.npz"):
        with pytest.raises(pn.CheckpointError, match="Name another file"):
            structure.search(space_of(), series(), checkpoint=tmp_path / name)


def test_every_subject_has_a_file_of_its_own(tmp_path):
    """With what was found in it; a file of another subject is refused, and so are names written alike."""
    table, path = {"a/1": series(9), "b": series(10)}, tmp_path / "search.npz"
    whole = structure.search(space_of(), table)
    kept = structure.search(space_of(), table, checkpoint=path)
    names = ["search.a%2F1.npz", "search.b.npz"]

    assert sorted(one.name for one in tmp_path.iterdir()) == names
    for name, subject in zip(names, table, strict=True):
        found = pn.load(tmp_path / name)
        assert found.complete
        assert found.edge_probability == whole[subject].edge_probability
    np.testing.assert_array_equal(kept.edge_probability, whole.edge_probability)
    with pytest.raises(pn.CheckpointError, match="holds another search"):
        structure.search(space_of(), table | {"b": series(9)}, checkpoint=path)
    with pytest.raises(pn.InputError, match="written alike"):
        structure.search(space_of(), {1: series(), "1": series()}, checkpoint=path)


def test_results_are_tables_graphs_and_numbers():
    data = series(10, steps=300)
    found = structure.search(space_of(probability=0.2), data)
    table = found.edges.set_index("edge")

    assert found.reported() == ("lag1_a->b", "lag1_b->c")
    assert found.expected_false() == pytest.approx(
        sum(1 - found.edge_probability[name] for name in found.reported())
    )
    assert abs(table.loc["lag1_a->b", "mean_if_on"] - 0.6) < 4 * table.loc["lag1_a->b", "sd_if_on"]
    assert table.loc["lag1_a->c", "mean"] == pytest.approx(0.0, abs=0.02)
    assert {name for _, name, _ in found.median.edges} == {"b", "c"}
    assert len(found.best.edges) == 2
    assert found.graphs.loc[0, "edges"] == ("lag1_a->b", "lag1_b->c")
    assert found.network("best").graph == found.best
    assert all(0.01 <= p <= 1 for p in found.graphs["probability"].head(1))
    assert "expected to be false" in repr(found)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: structure.space(structure.lagged(NAMES), "lag2*"), pn.UnknownEdgeError, "lag2"),
        (
            lambda: structure.space(structure.lagged(NAMES), probability={"lag1_a->*": 0.5}),
            pn.ParameterError,
            "no prior probability",
        ),
        (lambda: space_of(probability=1.0), pn.ParameterError, "between 0 and 1"),
        (
            lambda: space_of(rules=[structure.at_most(0, "*"), structure.needs("lag1_a->a", "x")]),
            pn.UnknownEdgeError,
            "'x'",
        ),
        (lambda: structure.search(space_of(), {"a": [1.0, 2.0]}), pn.InputError, "No series"),
        (
            lambda: structure.search(space_of(), {n: [1.0] for n in NAMES}),
            pn.InputError,
            "1 steps, and the graph looks 1 steps back",
        ),
        (lambda: structure.search(space_of(), series(), by="magic"), pn.InputError, "by must be"),
        (lambda: structure.search("space", series()), pn.InputError, "takes a space"),
        (lambda: structure.lagged(NAMES, lags=0), pn.ParameterError, "positive whole number"),
        (lambda: structure.standardise({"a": [1.0, 1.0]}), pn.InputError, "never change"),
        (
            lambda: structure.standardise({"a": ["x", "y"]}),
            pn.InputError,
            "not a series of numbers",
        ),
        (lambda: structure.space(structure.lagged(NAMES), []), pn.GraphError, "names no edge"),
        (lambda: structure.lagged(["a", "a"]), pn.GraphError, "named twice"),
        (
            lambda: structure.search(space_of(), series() | {"a": np.zeros(7)}),
            pn.InputError,
            "All series cover the same steps",
        ),
        (lambda: structure.search(space_of(), series(), dt=-1.0), pn.InputError, "be positive"),
        (lambda: structure.search(space_of(), series(), key="a"), pn.InputError, "key must be"),
        (
            lambda: structure.search(space_of(), series(), resume=1),
            pn.InputError,
            "found, not a int",
        ),
        (
            lambda: structure.search(space_of(), {n: 1e200 * v for n, v in series().items()}),
            pn.InputError,
            "squares cannot be summed",
        ),
    ],
)
def test_wrong_use_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_rules_that_exclude_every_graph_are_refused():
    """Also the empty one: what must be on and may not be."""
    graph = structure.lagged(["a"])
    never = structure.Rule("at_most", ("*",), -1)
    with pytest.raises(pn.GraphError, match="exclude every graph"):
        structure.space(graph, rules=[never])


def test_an_edge_to_what_nothing_observes_is_refused():
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(), y=pn.ContinuousState())
    graph = graph.add(z=pn.ContinuousState()).couple("x", "u").couple("x", "y").couple("y", "z")
    space = structure.space(graph, "y->z")
    with pytest.raises(pn.GraphError, match="leads to nothing that is observed"):
        structure.search(space, {"u": [1.0, 2.0]})


def test_graphs_without_cycles_from_step_to_step():
    """Of all graphs of three series exactly those in which networkx finds none; own lags are none."""
    space = structure.space(structure.lagged(NAMES), rules=structure.acyclic("*"))
    every = np.array(list(itertools.product([False, True], repeat=9)))
    graphs = [
        nx.DiGraph(
            (a.removeprefix("lag1_"), b)
            for (a, b, _), on in zip(space.keys, mask, strict=True)
            if on
        )
        for mask in every
    ]
    for graph in graphs:
        graph.remove_edges_from(list(nx.selfloop_edges(graph)))

    allowed = space.admits(every)
    assert allowed.tolist() == [nx.is_directed_acyclic_graph(graph) for graph in graphs]
    assert np.exp(space.log_prior(every)[~allowed]).sum() == 0
    assert structure.search(space, series()).by == "all"


def test_constant_series_and_shares_of_a_whole_are_named_and_nothing_else_is():
    data = series(5)
    whole = structure.search(space_of(), data | {"c": -data["a"] - data["b"]})
    still = structure.search(space_of(), data | {"c": np.full_like(data["c"], 0.1)})

    assert any("sums of one another" in one for one in whole.problems())
    said = [one for one in still.problems() if "prediction errors of 'c'" in one.lower()]
    assert any("'c' never changes" in one for one in still.problems())
    assert said == []


def test_series_shorter_than_parents_and_equal_series_are_named():
    data = series(11, steps=6)
    found = structure.search(space_of(NAMES, lags=3), data | {"b": data["a"]})
    words = " ".join(found.problems())

    assert "rests on the prior" in words
    assert "nearly the same series" in words


@pytest.mark.slow
def test_children_that_share_no_free_value_share_tangents(monkeypatch):
    """Evidence and strengths as with a tangent for every value; joined states are one part."""
    rng = np.random.default_rng(3)
    graph = pn.Graph().add(r=pn.Regressor())
    for name in "ab":
        graph = graph.add({f"u{name}": pn.ContinuousInput(), f"x{name}": pn.ContinuousState()})
        graph = graph.couple(f"x{name}", f"u{name}").couple("r", f"x{name}", pn.Drift())
    space = structure.space(
        graph,
        "r->*",
        probability=0.5,
        strength=pn.Normal(0.0, 0.5),
        free={"xa.tonic_volatility": pn.Normal(-2.0, 1.0)},
    )
    data = {name: rng.normal(size=40) for name in ("r", "ua", "ub")}
    shared = structure.search(space, data, by="all")
    assert shared.score.layout.blocks == ((0, 2), (1,))
    with monkeypatch.context() as patch:
        patch.setattr(structure.joint, "divide_values", lambda *_: ((), ()))
        apart = structure.search(space, data, by="all")
    joined = structure.space(
        graph.couple("xa", "xb"), "r->*", probability=0.5, strength=pn.Normal(0, 1)
    )

    masks = space.masks()
    ours, theirs = shared.score.evidence(masks), apart.score.evidence(masks)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    for one, other in zip(shared.score.strengths(masks), apart.score.strengths(masks), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    score = structure.joint.JointScore(space=joined, feed=shared.score.feed)
    assert score.layout.blocks == ()
