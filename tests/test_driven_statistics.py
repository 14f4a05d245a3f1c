"""A pseudo-count that is driven: by a parent of its logarithm, and by states that track the statistics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import families
from tests.few import few
from tests.laws.same import assert_same

FAMILIES = {
    "normal": families.Normal(),
    "vectors": families.MultivariateNormal(dimension=2),
    "categorical": families.Categorical(outcomes=3),
    "poisson": families.Poisson(),
}
ALL = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
SOME = pytest.mark.parametrize("family", few(FAMILIES.values(), 1), ids=FAMILIES)


def tracked(family, *, volatile=False, **states):
    """A graph in which every statistic is tracked by a state, with the same parameters for all."""
    defaults = family.default_statistics
    names = [f"x{i}" for i in range(len(defaults))]
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(family=family))
    graph = graph.add(
        {
            n: pn.ContinuousState(initial_mean=m, **states)
            for n, m in zip(names, defaults, strict=True)
        }
    ).couple(names, "u")
    if volatile:
        graph = graph.add({f"v{n}": pn.ContinuousState() for n in names})
        for name in names:
            graph = graph.couple(f"v{name}", name, "volatility")
    return graph


def drawn(family, steps=200, seed=2):
    """The first of 200 draws, which are made once; runs of one length share their programs."""
    return simulated(family, seed)[:steps].copy()


@functools.cache
def simulated(family, seed):
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(family=family, pseudo_count=8.0))
    return np.array(graph.compile().sample(jax.random.key(seed), 200)["u"])


@SOME
def test_statistics_are_what_their_states_expect(family):
    """With equal learning rates the posterior statistics are the states' posterior means as well."""
    values = drawn(family)
    beliefs = tracked(family, tonic_volatility=-2.0).compile().filter({"u": values})

    size = len(family.default_statistics)
    for field in ("mean", "predicted_mean"):
        own = beliefs["u"].predicted_statistics if "pre" in field else beliefs["u"].statistics
        states = np.stack([getattr(beliefs[f"x{i}"], field) for i in range(size)], axis=1)
        np.testing.assert_allclose(own, states, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(beliefs["u"].coherence, 1.0)


def test_the_count_is_that_of_the_kalman_gain():
    """A state that is observed with precision π moves by v/(v + 1/π) of its error: 1/(count + 1)."""
    graph = tracked(families.Poisson(), tonic_volatility=-1.0).revise(
        {"u": pn.ExponentialFamilyState(family=families.Poisson(), precision=[0.4])}
    )
    beliefs = graph.compile().filter({"u": drawn(families.Poisson())})

    predicted = 1 / np.asarray(beliefs["x0"].predicted_precision)
    np.testing.assert_allclose(beliefs["u"].pseudo_count, 1 / 0.4 / predicted, rtol=1e-10)
    kalman = pn.Graph().add(u=pn.ContinuousInput(precision=0.4), x=graph.nodes["x0"])
    alone = kalman.couple("x", "u").compile().filter({"u": drawn(families.Poisson())})
    np.testing.assert_allclose(beliefs["x0"].mean, alone["x"].mean, rtol=1e-10)
    np.testing.assert_allclose(beliefs["x0"].precision, alone["x"].precision, rtol=1e-10)


@SOME
def test_a_statistic_says_what_its_density_says(family):
    """Law 1: the evidence is the derivatives of the log density."""
    network = tracked(family, tonic_volatility=-2.0).compile()
    beliefs = pn.nodes.ExponentialFamilyState(family=family)
    coupling = pn.Statistic(strength=0.7, component=0).bind(pn.ContinuousState(), beliefs, 0)
    parent = pn.Gaussian.start(0.3, 2.0).predicted(jnp.asarray(0.3), variance=jnp.asarray(0.5))
    inlet = dict.fromkeys(beliefs.inlets, jnp.asarray(0.0)) | coupling.predict(parent, 1.0)
    child = beliefs.observe(
        beliefs.predict(beliefs.init(), inlet, 1.0), jnp.asarray(drawn(family)[3]), True
    )

    def density(x):
        return coupling.log_density(x, parent, child, 1.0)

    found = coupling.evidence(parent, child, 1.0)
    np.testing.assert_allclose(found.gradient, jax.grad(density)(0.3), rtol=1e-10)
    np.testing.assert_allclose(found.curvature, -jax.grad(jax.grad(density))(0.3), rtol=1e-10)
    assert network.graph.edges[0][2].component == 0


@SOME
def test_a_silent_statistic_changes_nothing(family):
    """Law 2, beside a state that does track the same statistic."""
    graph = tracked(family)
    silent = graph.add(silent=pn.ContinuousState()).couple(
        "silent", "u", pn.Statistic(strength=0.0, component=0)
    )
    values = drawn(family)

    assert_same(
        silent.compile().filter({"u": values}), graph.compile().filter({"u": values}), 1e-12
    )


@SOME
@pytest.mark.parametrize("volatile", [False, True])
def test_statistics_are_always_possible(family, volatile):
    """Even where the states' predictions are not, as with learning rates that differ and jumps."""
    values = drawn(family)
    if family.event_shape or isinstance(family, families.Normal):
        values = values + 6.0 * (np.arange(200) // 40 % 2).reshape(
            -1, *(1,) * len(family.event_shape)
        )
    beliefs = (
        tracked(family, volatile=volatile, tonic_volatility=-1.0).compile().filter({"u": values})
    )

    assert (jax.vmap(family.margin)(beliefs["u"].predicted_statistics) > 0).all()
    assert (jax.vmap(family.margin)(beliefs["u"].statistics) > 0).all()
    assert np.isfinite(beliefs.surprise).all()
    assert ((beliefs["u"].coherence > 0) & (beliefs["u"].coherence <= 1)).all()


def test_impossible_predictions_are_drawn_back_and_said():
    """A mean that runs ahead of its square would leave no variance: coherence falls below one."""
    graph = (
        pn.Graph()
        .add(u=pn.ExponentialFamilyState(), fast=pn.ContinuousState(tonic_volatility=3.0))
        .add(
            slow=pn.ContinuousState(tonic_volatility=-6.0, initial_mean=1.0, initial_precision=50.0)
        )
        .couple(["fast", "slow"], "u")
    )
    beliefs = graph.compile().filter({"u": np.full(20, 4.0)})

    assert float(beliefs["u"].coherence.min()) < 1
    spread = beliefs["u"].predicted_statistics[:, 1] - beliefs["u"].predicted_statistics[:, 0] ** 2
    assert (spread > 0).all()
    assert (beliefs["fast"].predicted_mean ** 2 > beliefs["slow"].predicted_mean).any()


def test_a_part_of_the_statistics_may_be_tracked():
    """The others are learned as without parents, at the common rate."""
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(), x=pn.ContinuousState())
    beliefs = graph.couple("x", "u", pn.Statistic(component=1)).compile().filter({"u": [0.5, -1.0]})

    rate = 1 / (1 + np.asarray(beliefs["u"].pseudo_count))
    first = rate[0] * 0.5
    np.testing.assert_allclose(
        beliefs["u"].statistics[:, 0], [first, first + rate[1] * (-1 - first)]
    )


def test_states_beneath_a_graph_learn_from_gaps_and_chunks_as_any():
    graph = tracked(families.Normal(), volatile=True)
    values = drawn(families.Normal())
    values[10:14] = values[150:152] = np.nan
    network = graph.compile()
    whole = network.filter({"u": values})
    first = network.filter({"u": values[:100]}, start=network.start())
    second = network.filter({"u": values[100:]}, start=first.final)

    np.testing.assert_allclose(
        np.concatenate([first["u"].statistics, second["u"].statistics]), whole["u"].statistics
    )
    np.testing.assert_array_equal(
        whole["u"].statistics[10:14], whole["u"].predicted_statistics[10:14]
    )
    np.testing.assert_array_equal(whole["x0"].mean[10:14], whole["x0"].predicted_mean[10:14])
    assert (np.asarray(whole.surprise[10:14]) == 0).all()


def test_several_driven_nodes_are_computed_together():
    """A group of three is three graphs side by side."""
    graph = pn.Graph()
    for name in "abc":
        graph = graph.add(
            {
                f"u{name}": pn.ExponentialFamilyState(),
                f"m{name}": pn.ContinuousState(),
                f"s{name}": pn.ContinuousState(initial_mean=1.0),
            }
        ).couple([f"m{name}", f"s{name}"], f"u{name}")
    series = {f"u{name}": drawn(families.Normal(), seed=i) for i, name in enumerate("abc")}
    beliefs = graph.compile().filter(series)

    for name in "abc":
        alone = graph.subgraph([f"u{name}", f"m{name}", f"s{name}"]).compile()
        found = alone.filter({f"u{name}": series[f"u{name}"]})
        np.testing.assert_allclose(
            beliefs[f"u{name}"].statistics, found[f"u{name}"].statistics, rtol=1e-12
        )


def counted(family, **state):
    graph = pn.Graph().add(
        u=pn.ExponentialFamilyState(family=family), x=pn.ContinuousState(**state)
    )
    return graph.couple("x", "u", pn.PseudoCount(strength=0.8))


@pytest.mark.slow
@pytest.mark.parametrize("graph", [counted, tracked])
@pytest.mark.parametrize(
    "family", [families.Normal(), families.Poisson()], ids=["normal", "poisson"]
)
def test_gradients_are_slopes(graph, family):
    network = graph(family, tonic_volatility=-2.0).compile()
    series = {"u": drawn(family, steps=30)}
    state = "x0" if graph is tracked else "x"
    at = {name: float(network[name]) for name in (f"{state}.tonic_volatility", "u.pseudo_count")}

    @jax.jit
    def surprise(values):
        return network.replace(values).surprise(series)

    for name, slope in jax.jit(jax.grad(surprise))(at).items():
        ahead, behind = (surprise(at | {name: at[name] + step}) for step in (1e-5, -1e-5))
        np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-7)


@SOME
def test_the_slope_of_the_count_is_that_of_the_surprise(family):
    """The parent hears minus the derivative of the child's surprise, were it known to be elsewhere."""
    node = pn.ExponentialFamilyState(family=family)
    coupling = pn.PseudoCount(strength=0.8).bind(pn.ContinuousState(), node, 0)
    value = jnp.asarray(drawn(family)[5])

    def at(x):
        inlet = dict.fromkeys(node.inlets, jnp.asarray(0.0))
        inlet |= coupling.predict(pn.Gaussian.certain(x), 1.0)
        return node.observe(node.predict(node.init(), inlet, 1.0), value, True)

    @jax.jit
    def heard(x):
        slope = jax.grad(lambda x: -node.surprise(at(x)))
        found = coupling.evidence(pn.Gaussian.certain(x), at(x), 1.0)
        return found.gradient, found.curvature, slope(x), jax.grad(slope)(x)

    gradient, curvature, slope, bend = heard(jnp.asarray(0.4))
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-12)
    least = max(0.0, -0.8 * float(gradient))
    np.testing.assert_allclose(curvature, max(-float(bend), least), rtol=1e-8, atol=1e-10)


def test_a_known_parent_is_a_factor():
    """A constant parent at log 3 is a pseudo-count three times as large."""
    values = drawn(families.Normal())
    constant = pn.Graph().add(
        u=pn.ExponentialFamilyState(pseudo_count=2.0), x=pn.ConstantState(value=np.log(3.0))
    )
    one = constant.couple("x", "u", pn.PseudoCount()).compile().filter({"u": values})
    other = pn.Graph().add(u=pn.ExponentialFamilyState(pseudo_count=6.0)).compile()

    np.testing.assert_allclose(one["u"].statistics, other.filter({"u": values})["u"].statistics)


def test_a_count_may_be_known_per_step():
    values, counts = drawn(families.Normal(), steps=6), np.array([1.0, 2.0, 3.0, 1.0, 9.0, 2.0])
    network = pn.Graph().add(u=pn.ExponentialFamilyState()).compile()
    found = network.filter({"u": values, "u.pseudo_count": counts})["u"]

    expected = 0.0
    for value, count, mean in zip(values, counts, found.mean, strict=True):
        expected += (value - expected) / (1 + count)
        np.testing.assert_allclose(mean, expected)


def test_no_outlier_breaks_a_belief_about_the_count():
    """Its precision never falls, and the log count falls by less than one with any observation."""
    values = np.zeros(60)
    values[[20, 21, 40]] = 1e3, -1e6, 8.0
    graph = counted(
        families.Normal(), tonic_volatility=0.0, initial_precision=0.1, initial_mean=6.0
    )
    beliefs = graph.compile().filter({"u": values})["x"]

    assert (beliefs.precision >= beliefs.predicted_precision * (1 - 1e-12)).all()
    assert (0.8 * (beliefs.mean - beliefs.predicted_mean) > -1).all()
    assert (beliefs.mean[20:22] < beliefs.predicted_mean[20:22]).all()


def test_two_masters_are_refused():
    node = pn.ExponentialFamilyState
    graph = pn.Graph().add(u=node(growing=True), x=pn.ContinuousState())
    for coupling in ("value", pn.PseudoCount()):
        with pytest.raises(pn.ParameterError, match="both set its pseudo-count"):
            graph.couple("x", "u", coupling).compile()
    graph = pn.Graph().add(u=node(), x=pn.ContinuousState(), y=pn.ContinuousState())
    with pytest.raises(pn.ParameterError, match="both set its pseudo-count"):
        graph.couple("x", "u").couple("y", "u", pn.PseudoCount()).compile()
    with pytest.raises(pn.ParameterError, match="no Statistic parents"):
        pn.Graph().add(u=node(precision=[2.0, 1.0])).compile()


def test_a_statistic_that_is_not_there_is_refused():
    graph = pn.Graph().add(
        u=pn.ExponentialFamilyState(), v=pn.ContinuousInput(), x=pn.ContinuousState()
    )
    with pytest.raises(pn.CouplingError, match="none of number 2"):
        graph.couple("x", "u", pn.Statistic(component=2))
    with pytest.raises(pn.CouplingError):
        graph.couple("x", "v", pn.Statistic())


@SOME
def test_what_is_written_is_read(family):
    for graph in (tracked(family, volatile=True), counted(family)):
        again = pn.Graph.from_json(graph.to_json())
        assert again.to_json() == graph.to_json()
        assert again.nodes["u"].family == family
        values = drawn(family)
        assert_same(again.compile().filter({"u": values}), graph.compile().filter({"u": values}), 0)


def test_an_unknown_family_is_named():
    data = tracked(families.Poisson()).to_dict()
    data["nodes"][0]["choices"]["family"]["name"] = "Poison"
    with pytest.raises(pn.FormatError, match="'Poisson'"):
        pn.Graph.from_dict(data)


@pytest.mark.slow
@ALL
def test_single_precision_agrees(family):
    values = drawn(family)
    for graph in (tracked(family, volatile=True), counted(family)):
        double = graph.compile().filter({"u": values})
        with jax.enable_x64(False):
            single = graph.compile().filter({"u": values.astype(np.float32)})
            assert single["u"].statistics.dtype == np.float32
        np.testing.assert_allclose(
            single["u"].statistics, double["u"].statistics, rtol=2e-3, atol=2e-4
        )
