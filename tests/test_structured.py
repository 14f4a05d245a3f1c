"""The structured expansion: beside exact posteriors, and the laws that it keeps."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import pynodes as pn
from pynodes._core.arithmetic import materialise
from pynodes._core.logistic import WEIGHTS, average_logistic, tilt_by_guess, tilt_by_outcome
from pynodes._core.tilts import Site
from tests.few import few
from tests.laws import cases
from tests.oracles.grid_filter import Axis, bernoulli, grid_filter
from tests.oracles.kalman import kalman_filter
from tests.oracles.particle_filter import Hierarchy, simulate
from tests.oracles.particle_smoother import particle_smoother
from tests.test_calibration import network_of

STEPS = 100
CHAINS = {
    "binary": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0)),
    "continuous": Hierarchy((-3.0, -4.0), (0.0, 0.0), (1.0, 4.0), input_precision=5.0),
}
GRAPHS = {
    "leaning": pn.Graph(expansion="structured")
    .add(
        u1=pn.ContinuousInput(precision=2.0),
        u2=pn.BinaryInput(),
        x1=pn.ContinuousState(tonic_volatility=-2.0),
        x2=pn.ContinuousState(tonic_volatility=-2.5, tonic_drift=0.05),
        shared=pn.ContinuousState(tonic_volatility=-3.0),
    )
    .couple("x1", "u1", pn.Observation(strength=1.2))
    .couple("x2", "u2", pn.Probability(strength=0.9))
    .couple("shared", ["x1", "x2"], pn.Volatility(strength=0.5)),
    "rich": cases.rich_graph("structured"),
}
"""Two observed states that lean on one volatility parent, and a graph with everything."""


@cache
def compiled(name):
    """Its network, whose programs the laws share."""
    return GRAPHS[name].compile()


EVERY = pytest.mark.parametrize("name", few(GRAPHS, 1))


def exact_beliefs(hierarchy, observations):
    """By numerical integration on a grid of both states."""
    lower, upper = (
        Axis(
            np.linspace(-reach, reach, count),
            hierarchy.tonic_volatility[level],
            hierarchy.initial_mean[level],
            hierarchy.initial_precision[level],
        )
        for level, (reach, count) in enumerate([(9.0, 361), (5.0, 51)])
    )
    precision = hierarchy.input_precision

    def density(u, values):
        return norm.pdf(u, values, precision**-0.5)

    return grid_filter(observations, bernoulli if precision is None else density, lower, upper)


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_beliefs_of_a_chain_are_nearly_the_exact_ones(chain):
    """Within 0.15 deviations and 0.002 nats per step; the enhanced expansion is several times as far off."""
    hierarchy, gaps, nats, others = CHAINS[chain], [], [], []
    names = ("x2", "x3") if chain == "binary" else ("x1", "x2")
    network, enhanced = (
        network_of(hierarchy, expansion=expansion) for expansion in ("structured", "enhanced")
    )
    for seed in range(3):
        _, observations = simulate(hierarchy, STEPS, seed)
        exact = exact_beliefs(hierarchy, observations)
        beliefs, other = (one.filter({"u": observations}) for one in (network, enhanced))
        deviation = np.sqrt(exact.variance)
        for found, into in ((beliefs, gaps), (other, others)):
            means = np.stack([found[name].mean for name in names], -1)
            into.append((means - exact.mean) / deviation)
        nats.append(np.mean(-beliefs.surprise - exact.log_evidence))

    error, enhanced_error = (np.sqrt(np.mean(np.square(g), axis=(0, 1))) for g in (gaps, others))
    assert (error < 0.15).all()
    assert (enhanced_error > 3 * error).all()
    assert abs(np.mean(nats)) < 0.002


def test_one_continuous_state_is_the_kalman_filter():
    network = pn.models.continuous_hgf(1, tonic_volatility=-2.0, input_precision=4.0)
    u = np.random.default_rng(0).normal(size=50).cumsum()
    u[[10, 11, 30]] = np.nan

    beliefs = network.compile(expansion="structured").filter({"u": u})

    exact = kalman_filter(1.0, np.exp(-2.0), 1.0, 0.25, 0.0, 1.0, u)
    np.testing.assert_allclose(beliefs["x1"].mean, exact.mean[:, 0], rtol=1e-12)
    np.testing.assert_allclose(1 / beliefs["x1"].precision, exact.covariance[:, 0, 0], rtol=1e-12)


def test_the_first_step_of_a_tree_is_its_exact_posterior():
    """Two children of one parent, by seven nodes: moments and joint evidence to quadrature error."""
    graph = pn.Graph(expansion=pn.Structured(nodes=7))
    for name in "ab":
        graph = graph.add(
            **{f"u{name}": pn.ContinuousInput(precision=5.0)},
            **{f"x{name}": pn.ContinuousState(tonic_volatility=-1.0)},
        ).couple(f"x{name}", f"u{name}")
    graph = graph.add(v=pn.ContinuousState(tonic_volatility=-2.0, initial_precision=4.0))
    graph = graph.couple("v", ["xa", "xb"], pn.Volatility(strength=0.8))
    seen = {"ua": 1.5, "ub": -0.4}

    beliefs = graph.compile().filter({name: [value] for name, value in seen.items()})

    v = np.linspace(-6, 6, 4001)
    prior = norm.pdf(v, 0, np.sqrt(0.25 + np.exp(-2.0)))
    noise = 1 + np.exp(-1.0 + 0.8 * v) + 0.2
    joint = prior * np.prod([norm.pdf(u, 0, np.sqrt(noise)) for u in seen.values()], axis=0)
    evidence = np.trapezoid(joint, v)
    weights = joint / joint.sum()
    mean = weights @ v
    lower = weights @ (1.5 * (1 - 0.2 / noise))
    np.testing.assert_allclose(beliefs.surprise[0], -np.log(evidence), rtol=1e-4)
    np.testing.assert_allclose(beliefs["v"].mean[0], mean, rtol=1e-3)
    np.testing.assert_allclose(1 / beliefs["v"].precision[0], weights @ (v - mean) ** 2, rtol=1e-3)
    np.testing.assert_allclose(beliefs["xa"].mean[0], lower, rtol=1e-3)


@pytest.mark.parametrize("volatility", [-2.0, 3.0, 6.0])
def test_many_children_of_a_parent_that_hardly_knows_where_it_is(volatility):
    """Their evidence is a tenth as wide as the prior: found within 0.15 deviations and 0.1 nats."""
    count, state = 30, pn.ContinuousState(tonic_volatility=-3.0, shape=30)
    graph = pn.Graph(expansion="structured").add(
        u=pn.ContinuousInput(precision=5.0, shape=count), x=state
    )
    graph = graph.add(v=pn.ContinuousState(tonic_volatility=-4.0, initial_precision=1 / 16))
    network = graph.couple("x", "u").couple("v", "x", "volatility").compile()
    u = np.random.default_rng(3).normal(0, np.sqrt(1.2 + np.exp(volatility - 3.0)), count)

    beliefs = network.filter({"u": u[None]})

    v = np.linspace(-20, 20, 8001)
    prior = norm.pdf(v, 0, np.sqrt(16 + np.exp(-4.0)))
    noise = np.sqrt(1.2 + np.exp(v - 3.0))
    logs = np.log(prior) + np.sum(norm.logpdf(u[:, None], 0, noise), axis=0)
    weights = np.exp(logs - logs.max())
    evidence = np.log(np.trapezoid(weights, v)) + logs.max()
    weights = weights / weights.sum()
    mean = weights @ v
    deviation = np.sqrt(weights @ (v - mean) ** 2)
    assert abs(beliefs["v"].mean[0] - mean) < 0.15 * deviation
    assert abs(beliefs["v"].precision[0] ** -0.5 / deviation - 1) < 0.25
    assert abs(-beliefs.surprise[0] - evidence) < 0.1


def test_smoothing_one_state_is_exact():
    """The smoother of Rauch, Tung and Striebel, through gaps."""
    network = pn.models.continuous_hgf(1, tonic_volatility=-2.0, input_precision=4.0)
    u = np.random.default_rng(0).normal(size=50).cumsum()
    u[[10, 11, 30]] = np.nan

    found, exact = (
        network.compile(expansion=expansion).smooth({"u": u})
        for expansion in ("structured", "enhanced")
    )

    for name in ("x1", "u"):
        np.testing.assert_allclose(found[name].mean, exact[name].mean, rtol=1e-10)
        np.testing.assert_allclose(found[name].precision, exact[name].precision, rtol=1e-8)


@pytest.mark.slow
def test_smoothed_beliefs_of_a_chain_are_nearly_the_exact_ones():
    """Beside a particle smoother of 300 histories, which is off by 0.06 deviations itself."""
    hierarchy, gaps = CHAINS["continuous"], {"structured": [], "enhanced": []}
    networks = {name: network_of(hierarchy, expansion=name) for name in gaps}
    for seed in range(2):
        _, observations = simulate(hierarchy, STEPS, seed)
        exact = particle_smoother(
            hierarchy, observations, particles=1_000, histories=300, seed=seed + 1
        )
        for name, network in networks.items():
            beliefs = network.smooth({"u": observations})
            means = np.stack([beliefs["x1"].mean, beliefs["x2"].mean], -1)
            gaps[name].append((means - exact.mean) / np.sqrt(exact.variance))

    error, enhanced = (np.sqrt(np.mean(np.square(gap), axis=(0, 1))) for gap in gaps.values())
    assert (error < [0.15, 0.35]).all()
    assert (enhanced > 1.5 * error).all()


@pytest.mark.slow
def test_a_smoothed_array_is_as_many_smoothed_states():
    """Three states under one parent, written out or as one; the last step is the filter's."""
    state, count = pn.ContinuousState(tonic_volatility=-3.0), 3
    noisy, whole = pn.ContinuousInput(precision=5.0), pn.Graph(expansion="structured").add(v=state)
    several = whole
    whole = whole.add(
        u=dataclasses.replace(noisy, shape=count), x=dataclasses.replace(state, shape=count)
    )
    whole = whole.couple("x", "u").couple("v", "x", "volatility").compile()
    for i in range(count):
        several = several.add(**{f"u{i}": noisy, f"x{i}": state}).couple(f"x{i}", f"u{i}")
        several = several.couple("v", f"x{i}", "volatility")
    y = np.random.default_rng(0).normal(size=(20, count))

    one = whole.smooth({"u": y})
    other = several.compile().smooth({f"u{i}": y[:, i] for i in range(count)})

    last = whole.filter({"u": y})
    for name in ("x", "v"):
        np.testing.assert_allclose(one[name].mean[-1], last[name].mean[-1], rtol=1e-12)
    np.testing.assert_allclose(one["v"].mean, other["v"].mean, rtol=1e-10)
    np.testing.assert_allclose(one["v"].precision, other["v"].precision, rtol=1e-10)
    np.testing.assert_allclose(one["x"].mean[:, 1], other["x1"].mean, rtol=1e-10)


def test_a_simulation_begins_with_children_that_lean_on_their_parents():
    """After a long silence and a burst: slope and steepness of the drawn children are those that are kept."""
    network = pn.models.continuous_hgf(2, tonic_volatility=(-1.0, -1.0), input_precision=2.0)
    network = network.compile(expansion="structured")
    final = network.filter({"u": [0.0] * 20 + [3.0, 5.0, 6.0, np.nan, np.nan]}).final
    (conditional,) = (
        group.structured.conditionals[0]
        for group in final.groups
        if group is not None and group.structured is not None
    )

    drawn = network.forecast(jax.random.key(0), 1, start=final, dt=1e-9, draws=20_000)

    child, parent = (np.asarray(drawn[name])[:, 0] for name in ("x1", "x2"))
    around = parent - np.mean(parent)
    slope = np.mean(around * child) / np.var(parent)
    left = np.log((child - np.mean(child) - slope * around) ** 2)
    steepness = np.mean(around * left) / np.var(parent)
    deviation = np.std(child) / np.std(parent)
    assert abs(conditional.steepness) * np.std(parent) > 0.1
    assert abs(slope - conditional.slope) < 4.5 * deviation / np.sqrt(20_000)
    assert abs(steepness - conditional.steepness) < 4.5 * 2.2 / np.std(parent) / np.sqrt(20_000)


@EVERY
def test_the_order_of_definition_is_irrelevant(name):
    rng, graph = np.random.default_rng(3), GRAPHS[name]
    names = [str(name) for name in rng.permutation(list(graph.nodes))]
    edges = [graph.edges[i] for i in rng.permutation(len(graph.edges))]
    shuffled = pn.Graph(expansion="structured").extend({n: graph.nodes[n] for n in names}, edges)
    series, dt = cases.gappy_series_for(graph), cases.times_for()

    one, other = (net.filter(series, dt=dt) for net in (compiled(name), shuffled.compile()))

    assert list(one) != list(other)
    for node in one:
        np.testing.assert_allclose(one[node].mean, other[node].mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-10)


PARTS = (slice(13), slice(27, 40))


@EVERY
def test_two_chunks_are_one_run_and_frozen_steps_are_none(name):
    """What is kept beside means and variances travels in the state."""
    network, series, dt = compiled(name), cases.series_for(GRAPHS[name]), cases.times_for()
    frozen = np.zeros(40, bool)
    frozen[13:27] = True  # chunks of one length share a program
    chunks = [{name: v[part] for name, v in series.items()} for part in PARTS]

    halted = network.filter(series, dt=dt, frozen=frozen)
    first = network.filter(chunks[0], dt=dt[:13], start=network.start())
    second = network.filter(chunks[1], dt=dt[27:], start=first.final)

    for node in halted:
        np.testing.assert_allclose(halted[node].mean[27:], second[node].mean, rtol=1e-12)
    np.testing.assert_allclose(halted.surprise[27:], second.surprise, rtol=1e-12)


@EVERY
def test_gaps_and_closed_gates_leave_predictions(name):
    graph, gaps = GRAPHS[name], np.zeros(40, bool)
    gaps[[0, 1, 10, *range(20, 33)]] = True
    gappy = {n: np.where(gaps, np.nan, values) for n, values in cases.series_for(graph).items()}
    closed = {"x1": np.zeros(40, bool), "shared": np.zeros(40, bool)}

    found = compiled(name).filter(gappy, dt=cases.times_for(), gate=closed)

    for node in found:
        mean, predicted = found[node].mean, found[node].predicted_mean
        np.testing.assert_array_equal(mean[gaps], predicted[gaps])
        still = node in closed or isinstance(graph.nodes[node], pn.ConstantState)
        assert (mean != predicted).any() == (not still), node
    np.testing.assert_array_equal(found.surprise[gaps], 0.0)


def test_a_silent_edge_leaves_the_child_alone_and_its_gradient_is_finite():
    u = np.random.default_rng(1).normal(size=30).cumsum()
    graph = pn.models.continuous_hgf(2, tonic_volatility=-2.0, volatility_strength=0.0)
    network = graph.compile(expansion="structured")
    alone = pn.models.continuous_hgf(1, tonic_volatility=-2.0).compile(expansion="structured")

    one, other = network.filter({"u": u}), alone.filter({"u": u})
    slope = jax.grad(
        lambda strength: network.replace({"x2->x1.strength": strength}).surprise({"u": u})
    )(0.0)

    np.testing.assert_allclose(one["x1"].mean, other["x1"].mean, rtol=1e-12)
    np.testing.assert_allclose(one["x2"].mean, one["x2"].predicted_mean, atol=1e-12)
    assert np.isfinite(slope)


def test_a_silent_volatility_parent_beside_another_changes_nothing():
    """Strength zero is no edge, whatever the child's other parents have taught it."""
    u = np.random.default_rng(1).normal(size=30).cumsum()
    graph = pn.models.continuous_hgf(2, expansion="structured")
    beside = graph.add(v=pn.ContinuousState()).couple("v", "x1", pn.Volatility(strength=0.0))

    one, other = (each.compile().filter({"u": u}) for each in (beside, graph))

    for name in ("x1", "x2"):
        np.testing.assert_allclose(one[name].mean, other[name].mean, rtol=1e-10)
        np.testing.assert_allclose(one[name].precision, other[name].precision, rtol=1e-10)
    np.testing.assert_allclose(one["v"].mean, one["v"].predicted_mean, atol=1e-12)
    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-10)


def test_an_array_is_as_many_states():
    """Under one volatility parent; the surprise is the joint one of both."""
    state = pn.ContinuousState(tonic_volatility=-3.0)
    noisy = pn.ContinuousInput(precision=5.0)
    several = pn.Graph(expansion="structured").add(v=state)
    whole = several.add(
        u=dataclasses.replace(noisy, shape=3), x=dataclasses.replace(state, shape=3)
    )
    whole = whole.couple("x", "u").couple("v", "x", "volatility")
    for i in range(3):
        several = several.add(**{f"u{i}": noisy, f"x{i}": state}).couple(f"x{i}", f"u{i}")
        several = several.couple("v", f"x{i}", "volatility")
    y = np.random.default_rng(0).normal(size=(20, 3))

    one = whole.compile().filter({"u": y})
    other = several.compile().filter({f"u{i}": y[:, i] for i in range(3)})

    np.testing.assert_allclose(one["v"].mean, other["v"].mean, rtol=1e-12)
    np.testing.assert_allclose(one["x"].mean[:, 1], other["x1"].mean, rtol=1e-12)
    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-12)


@pytest.mark.parametrize("kind", few([pn.ContinuousInput(precision=4.0), pn.BinaryInput()], 1))
def test_an_array_below_one_state_is_seen_together(kind):
    """Three observations in one input are three inputs: the surprise is that of all together."""
    state = pn.Graph(expansion="structured").add(x=pn.ContinuousState(tonic_volatility=-2.0))
    whole = state.add(u=dataclasses.replace(kind, shape=3)).couple("x", "u")
    several = state.add(u0=kind, u1=kind, u2=kind).couple("x", ["u0", "u1", "u2"])
    y = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])

    one = whole.compile().filter({"u": y})
    other = several.compile().filter({f"u{i}": y[:, i] for i in range(3)})

    np.testing.assert_allclose(one.surprise, other.surprise, rtol=1e-12)
    np.testing.assert_allclose(one["x"].mean, other["x"].mean, rtol=1e-12)


def test_a_fair_coin_does_not_run_away():
    u = (np.random.default_rng(0).random(10_000) < 0.5).astype(float)

    beliefs = pn.models.binary_hgf().compile(expansion="structured").filter({"u": u})

    assert np.mean(beliefs.surprise) < 0.70
    assert np.max(np.abs(beliefs["x2"].mean)) < 5


@pytest.mark.slow
def test_gradients_are_finite_and_equal_central_differences():
    """In 200 wide draws of all parameters of three levels."""
    rng = np.random.default_rng(0)
    network = pn.models.binary_hgf().compile(expansion="structured")
    names = [
        "x2.tonic_volatility",
        "x3.tonic_volatility",
        "x3->x2.strength",
        "x3.initial_precision",
    ]
    u = (rng.random(60) < np.where(np.arange(60) // 20 == 1, 0.9, 0.2)).astype(float)
    draws = [rng.normal(-3, 4, (200, 2)), rng.normal(1, 1, 200), np.exp(rng.uniform(-4, 4, 200))]

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise({"u": u})

    look = jax.jit(jax.vmap(jax.value_and_grad(surprise)))
    at = np.column_stack(draws)
    value, slope = look(at)
    step = np.array([1e-5, 0, 0, 0])
    ahead, behind = look(at + step)[0], look(at - step)[0]

    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    gap = np.abs(slope[:, 0] - (ahead - behind) / 2e-5) / (1 + np.abs(slope[:, 0]))
    assert np.median(gap) < 1e-7
    assert np.mean(gap > 1e-3) < 0.02


def test_what_is_materialised_is_computed_once_and_stays_as_it_is():
    """However many use it, its three squares are in the program once; and its derivative is its own."""

    def use(x):
        (power,) = materialise((jnp.square(jnp.square(jnp.square(x))),))
        return jnp.stack([jnp.exp(power), jnp.exp(-power), jnp.exp(power - x)])

    x = jnp.array([0.3, -0.4, 0.5])
    text = jax.jit(use).lower(x).compile().as_text()
    assert text.count(" multiply(") == 3
    np.testing.assert_allclose(use(x)[0], np.exp(np.asarray(x) ** 8), rtol=1e-12)
    slope = jax.grad(lambda x: jnp.sum(use(x)[0]))(x)
    np.testing.assert_allclose(slope, 8 * x**7 * jnp.exp(x**8), rtol=1e-12)


def test_an_outcome_tilts_by_the_derivatives_of_its_evidence():
    """The mixture is near the logistic function, and its tilt is its own derivatives."""
    x = np.linspace(-30, 30, 2001)
    found = jax.jit(average_logistic)(x, np.zeros(2001))
    assert np.max(np.abs(found - 1 / (1 + np.exp(-x)))) < 0.004
    assert sum(WEIGHTS) == pytest.approx(1)

    for outcome in (1.0, 0.0, 0.7):
        by = tilt_by_outcome if outcome in (0, 1) else tilt_by_guess

        def tilt(logit, outcome=outcome, by=by):
            return by(jnp.asarray(outcome), logit, 0.8, jnp.asarray(0.6), 1e-12)

        def look(logit, tilt=tilt):
            first = jax.grad(lambda y: tilt(y).total())
            return tilt(logit), first(logit), -jax.grad(first)(logit)

        found, slope, curvature = jax.jit(jax.vmap(look))(np.array([-2.0, 0.3, 1.7]))
        np.testing.assert_allclose(found.gradient, slope, rtol=1e-8)
        np.testing.assert_allclose(found.curvature, curvature, rtol=1e-8)


@pytest.mark.parametrize("after", [(0.7, 0.4), (3.0, 2.5)])
def test_a_site_takes_its_gaussian_to_the_posterior_that_made_it(after):
    """Whether the belief became narrower or wider; and for any other Gaussian it stays a belief."""
    before = 0.2, 1.3
    site = Site.between(*(jnp.asarray(x) for x in (*before, *after)))

    np.testing.assert_allclose(site.tilt(*before).moments(*before), after, rtol=1e-12)
    for variance in (1e-3, 0.5, 30.0, 1e4):
        mean, left = site.tilt(0.5, variance).moments(0.5, variance)
        assert left > 0
        assert np.isfinite(mean)


def test_it_is_a_choice_of_whole_graphs_in_closed_form():
    mixed = pn.Graph(expansion="structured").add(x=pn.ContinuousState(expansion="enhanced"))
    for graph in (mixed, pn.Graph().add(x=pn.ContinuousState(expansion="structured"))):
        with pytest.raises(pn.GraphError, match=r"choice of whole graphs"):
            graph.compile()
    with pytest.raises(pn.GraphError, match=r"3, 5 or 7"):
        pn.Structured(nodes=4)
    with pytest.raises(pn.SmoothingError, match=r"follows volatility edges between states"):
        compiled("rich").smooth(cases.series_for(GRAPHS["rich"]))
    two = pn.models.continuous_hgf(2).add(other=pn.ContinuousState())
    two = two.couple("other", "x1", "volatility").compile(expansion="structured")
    with pytest.raises(pn.SmoothingError, match=r"'x1' has 'x2' and 'other'"):
        two.smooth({"u": [0.1, 0.2]})


def test_documents_and_files_keep_it(tmp_path):
    graph = pn.models.continuous_hgf(2, expansion=pn.Structured(nodes=5))
    network = graph.compile()
    beliefs = network.filter({"u": [0.3, 1.0, -0.4]})
    pn.save(tmp_path / "run.pynodes", beliefs)
    again = pn.load(tmp_path / "run.pynodes")

    assert pn.Graph.from_json(graph.to_json()) == graph
    assert '"structured"' in pn.models.continuous_hgf(2, expansion="structured").to_json()
    np.testing.assert_array_equal(again.surprise, beliefs.surprise)
    later = network.filter({"u": [0.5]}, start=again.final)
    np.testing.assert_array_equal(
        later["x1"].mean, network.filter({"u": [0.5]}, start=beliefs.final)["x1"].mean
    )
