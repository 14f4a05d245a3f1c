"""Laws 4, 5, 6, 7 and 11: order, multiplicity, chunks, gaps and time.

Runs of the rich graph have 40 steps, times, and gaps in all inputs or none: they share two programs.
"""

import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.laws.same import assert_same

RICH = cases.rich_graph()


def test_the_order_of_definition_is_irrelevant():
    rng = np.random.default_rng(3)
    names = [str(name) for name in rng.permutation(list(RICH.nodes))]
    edges = [RICH.edges[i] for i in rng.permutation(len(RICH.edges))]
    shuffled = pn.Graph(expansion=RICH.settings.expansion).extend(
        {name: RICH.nodes[name] for name in names}, edges
    )
    series, dt = cases.series_for(RICH), cases.times_for()

    assert_same(
        RICH.compile().filter(series, dt=dt), shuffled.compile().filter(series, dt=dt), rtol=1e-9
    )


@pytest.mark.parametrize("count", [2, 5])
def test_identical_value_children_say_as_many_times_what_one_says(count):
    """Several observations of one precision are one observation of as many times that."""
    u = cases.series_for(pn.models.continuous_hgf())["u"]
    state = {"x": pn.ContinuousState(tonic_volatility=-1.0)}
    many = pn.Graph().extend(
        {**state, **{f"u{i}": pn.ContinuousInput(precision=2.0) for i in range(count)}},
        [("x", f"u{i}", "value") for i in range(count)],
    )
    one = pn.Graph().extend(
        {**state, "u": pn.ContinuousInput(precision=2.0 * count)}, [("x", "u", "value")]
    )

    several = many.compile().filter({f"u{i}": u for i in range(count)})
    single = one.compile().filter({"u": u})

    np.testing.assert_allclose(several["x"].mean, single["x"].mean, rtol=1e-12)
    np.testing.assert_allclose(several["x"].precision, single["x"].precision, rtol=1e-12)


@pytest.mark.parametrize("expansion", cases.EXPANSIONS, ids=repr)
def test_evidence_of_identical_volatility_children_adds(expansion):
    """Three times the children under three times the prior: the log posterior triples, all of it."""
    u = np.array([1.4])

    def parent_after(count, precision):
        nodes = {"p": pn.ContinuousState(tonic_volatility=-30.0, initial_precision=precision)}
        nodes |= {f"x{i}": pn.ContinuousState(marginalise=False) for i in range(count)}
        nodes |= {f"u{i}": pn.ContinuousInput(precision=3.0) for i in range(count)}
        edges = [(f"x{i}", f"u{i}", "value") for i in range(count)]
        edges += [("p", f"x{i}", pn.Volatility(strength=0.8)) for i in range(count)]
        graph = pn.Graph(expansion=expansion).extend(nodes, edges)
        beliefs = graph.compile().filter({f"u{i}": u for i in range(count)})
        return float(beliefs["p"].mean[0]), float(beliefs["p"].precision[0])

    mean_of_one, precision_of_one = parent_after(1, 2.0)
    mean_of_three, precision_of_three = parent_after(3, 6.0)

    # Prior and evidence are both three times as strong, so every expansion point is the same. The
    # blend of Unbounded weighs its two points by the difference of log posteriors, which triples.
    if not isinstance(expansion, pn.Unbounded):
        assert mean_of_three == pytest.approx(mean_of_one, rel=1e-9)
        assert precision_of_three == pytest.approx(3 * precision_of_one, rel=1e-9)
    else:
        assert mean_of_three == pytest.approx(mean_of_one, abs=0.1)


@pytest.mark.parametrize(
    ("expansion", "settings"),
    [
        (pn.Unbounded(), {}),
        pytest.param(pn.Enhanced(), {"marginalise": False}, marks=pytest.mark.slow),
        pytest.param(pn.Standard(), {"marginalise": False}, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_two_chunks_are_one_run(expansion, settings):
    graph = cases.rich_graph(expansion, **settings)
    network, series, dt = graph.compile(), cases.series_for(graph), cases.times_for()

    whole = network.filter(series, dt=dt, throw=False)
    first, second = (
        {name: values[half] for name, values in series.items()}
        for half in (slice(20), slice(20, None))
    )
    before = network.filter(first, dt=dt[:20], start=network.start(), throw=False)
    after = network.filter(second, dt=dt[20:], start=before.final, throw=False)

    for name in whole:
        for field in ("mean", "predicted_mean"):
            parts = [getattr(chunk[name], field) for chunk in (before, after)]
            np.testing.assert_allclose(
                np.concatenate(parts), getattr(whole[name], field), rtol=1e-12
            )


def test_steps_are_a_run():
    network, series, dt = RICH.compile(), cases.series_for(RICH), cases.times_for()
    whole = network.filter(series, dt=dt)
    state = network.start()

    for k in range(12):
        state, now = network.step(
            state, {name: values[k] for name, values in series.items()}, dt[k]
        )
        for name in whole:
            np.testing.assert_allclose(now[name].mean, whole[name].mean[k], rtol=1e-12)
        np.testing.assert_allclose(now.surprise, whole.surprise[k], rtol=1e-10)


@pytest.mark.parametrize(
    ("expansion", "settings"),
    [(pn.Unbounded(), {}), (pn.Enhanced(), {"marginalise": False})],
    ids=repr,
)
def test_without_observations_every_belief_stays_at_its_prediction(expansion, settings):
    """At every level, for any length, at the beginning, in the middle and at the end."""
    graph = cases.rich_graph(expansion, **settings)
    series = cases.series_for(graph)
    gaps = np.zeros(40, bool)
    gaps[[0, 1, 10, *range(20, 33), 39]] = True
    gappy = {name: np.where(gaps, np.nan, values) for name, values in series.items()}

    beliefs = graph.compile().filter(gappy, dt=cases.times_for())

    for name in beliefs:
        np.testing.assert_array_equal(beliefs[name].mean[gaps], beliefs[name].predicted_mean[gaps])
        if graph.nodes[name].learns and not graph.nodes[name].observable:
            np.testing.assert_array_equal(
                beliefs[name].precision[gaps], beliefs[name].predicted_precision[gaps]
            )
    np.testing.assert_array_equal(beliefs.surprise[gaps], 0.0)


def test_a_gap_in_one_input_leaves_the_others_learning():
    """An input without observation says nothing; whatever else hears, hears as if it were not there."""
    series, dt = cases.gappy_series_for(RICH), cases.times_for()
    partly = {**series, "u2": np.full(40, np.nan)}
    gone = {"u2", "bias", "x2", "top"}
    without = pn.Graph(expansion=RICH.settings.expansion).extend(
        {name: node for name, node in RICH.nodes.items() if name not in gone},
        [edge for edge in RICH.edges if not gone & {edge[0], edge[1]}],
    )
    cut = without.compile().replace({"x3.tonic_volatility": -4.0 - 0.5})

    one = RICH.compile().filter(partly, dt=dt)
    other = cut.filter({name: series[name] for name in ("u1", "u3")}, dt=dt)

    for name in ("x1", "x3", "shared", "noise"):
        np.testing.assert_allclose(one[name].mean, other[name].mean, rtol=1e-10, atol=1e-12)


def test_a_mask_is_the_same_as_nan():
    network, series, dt = RICH.compile(), cases.series_for(RICH), cases.times_for()
    seen = np.random.default_rng(5).random(40) < 0.6
    gappy = {name: np.where(seen, values, np.nan) for name, values in series.items()}

    one = network.filter(gappy, dt=dt)
    other = network.filter(series, dt=dt, observed=seen)
    third = network.filter(series, dt=dt, observed=dict.fromkeys(series, seen))

    assert_same(one, other, rtol=0)
    assert_same(one, third, rtol=0)


def test_what_lies_under_a_mask_is_never_looked_at():
    network = pn.models.binary_hgf().compile()
    seen = np.array([True, False, True])

    one = network.filter({"u": [1.0, 0.0, 0.0]}, observed=seen)
    other = network.filter({"u": [1.0, np.inf, 0.0]}, observed=seen)

    assert_same(one, other, rtol=0)


@pytest.mark.parametrize(
    "state",
    [
        pn.ContinuousState(tonic_volatility=-1.0, tonic_drift=0.3),
        pn.ContinuousState(
            tonic_volatility=-1.0, tonic_drift=0.3, memory="exact", autoconnection=0.6
        ),
    ],
    ids=repr,
)
def test_a_step_of_two_is_two_steps_of_one(state):
    """Time has no grain: an unobserved moment in between changes nothing."""
    network = pn.Graph().add(x=state, u=pn.ContinuousInput()).couple("x", "u").compile()

    once = network.filter({"u": [0.3, 1.2]}, dt=[1.0, 2.0])
    twice = network.filter({"u": [0.3, np.nan, 1.2]}, dt=[1.0, 1.0, 1.0])

    np.testing.assert_allclose(once["x"].mean[1], twice["x"].mean[2], rtol=1e-12)
    np.testing.assert_allclose(once["x"].precision[1], twice["x"].precision[2], rtol=1e-12)
    np.testing.assert_allclose(once.surprise[1], twice.surprise[2], rtol=1e-12)


def test_exact_memory_without_decay_is_a_random_walk():
    def run(**state):
        graph = pn.Graph().add(x=pn.ContinuousState(**state), u=pn.ContinuousInput())
        return graph.couple("x", "u").compile().filter({"u": [0.3, 1.2, -0.4]}, dt=[0.5, 2.0, 1.0])

    walk = run(tonic_drift=0.2)
    for keep in (1.0, 1 - 1e-12, 1 - 1e-7):
        assert_same(walk, run(tonic_drift=0.2, memory="exact", autoconnection=keep), rtol=1e-6)


def test_exact_memory_forgets_towards_its_stationary_belief():
    """Long unobserved, an Ornstein-Uhlenbeck state has mean ρ/θ and variance exp(ω)/2θ, θ = -ln λ."""
    keep, drift, volatility = 0.8, 0.3, -1.0
    state = pn.ContinuousState(
        memory="exact", autoconnection=keep, tonic_drift=drift, tonic_volatility=volatility
    )
    network = pn.Graph().add(x=state, u=pn.ContinuousInput()).couple("x", "u").compile()

    beliefs = network.filter({"u": [5.0, np.nan]}, dt=[1.0, 500.0])

    rate = -np.log(keep)
    np.testing.assert_allclose(beliefs["x"].mean[1], drift / rate, rtol=1e-9)
    np.testing.assert_allclose(
        1 / beliefs["x"].precision[1], np.exp(volatility) / (2 * rate), rtol=1e-9
    )
