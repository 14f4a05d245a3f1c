"""Law 9 on whole networks, and gradients that are always finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._runtime import derivatives
from tests.laws import cases

SETTINGS = [{}, {"marginalise": False}]


def gappy(series):
    """A series with gaps in different places of every input."""
    rng = np.random.default_rng(9)
    return {k: np.where(rng.random(len(v)) < 0.2, np.nan, v) for k, v in series.items()}


def central_difference(function, at, step=1e-6):
    return (function(at + step) - function(at - step)) / (2 * step)


@pytest.fixture(params=["forward", "backward"])
def direction(request, monkeypatch):
    """Both ways of differentiating the surprise, whatever the number of parameters."""
    limit = 10_000 if request.param == "forward" else 0
    monkeypatch.setattr(derivatives, "FORWARD_LIMIT", limit)
    jax.clear_caches()
    yield request.param
    jax.clear_caches()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("expansion", cases.EXPANSIONS, ids=repr)
def test_gradients_equal_central_differences(expansion, settings, direction):
    """For every parameter and strength of a graph with everything, with gaps and irregular times."""
    graph = cases.rich_graph(expansion, **settings)
    network = graph.compile()
    series, dt = gappy(cases.series_for(graph, 25)), cases.times_for(25)
    names = [n for n, v in network.parameters().items() if not n.endswith("autoconnection")]
    start = jnp.array([float(network[name]) for name in names])

    @jax.jit
    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise(series, dt=dt)

    if not np.isfinite(surprise(start)):
        pytest.fail("the run broke down; choose gentler parameters")
    gradient = jax.jit(jax.grad(surprise))(start)

    for i, name in enumerate(names):
        expected = central_difference(lambda x, i=i: surprise(start.at[i].set(x)), start[i])
        np.testing.assert_allclose(gradient[i], expected, rtol=2e-5, atol=2e-6, err_msg=name)


def test_both_directions_and_all_transformations_agree(monkeypatch):
    graph = cases.rich_graph()
    network, series = graph.compile(), gappy(cases.series_for(graph, 20))
    names = ("x1.tonic_volatility", "shared->x1.strength", "x3.autoconnection")

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise(series)

    at = jnp.array([-2.0, 0.5, 0.9])
    forward = jax.grad(surprise)(at)
    hessian = jax.hessian(surprise)(at)
    by_vmap = jax.vmap(jax.grad(surprise))(jnp.stack([at, at + 0.1]))
    monkeypatch.setattr(derivatives, "FORWARD_LIMIT", 0)
    jax.clear_caches()

    np.testing.assert_allclose(jax.grad(surprise)(at), forward, rtol=1e-9)
    np.testing.assert_allclose(jax.jacfwd(surprise)(at), forward, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.hessian(surprise))(at), hessian, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_vmap[0], forward, rtol=1e-9)
    jax.clear_caches()


def test_the_network_the_series_and_the_times_are_differentiable():
    graph = pn.models.continuous_hgf(levels=2, tonic_volatility=-2.0)
    network, u = graph.compile(), cases.series_for(graph, 15)["u"]

    by_network = jax.grad(lambda n: n.surprise({"u": u}))(network)
    by_series = jax.grad(lambda u: network.surprise({"u": u}))(jnp.asarray(u))
    by_time = jax.grad(lambda dt: network.surprise({"u": u}, dt=dt))(jnp.ones(15))
    by_trajectory = jax.grad(lambda n: jnp.sum(n.filter({"u": u}).surprise))(network)

    name = "x2->x1.strength"
    expected = central_difference(lambda x: network.replace({name: x}).surprise({"u": u}), 1.0)
    np.testing.assert_allclose(by_network[name], expected, rtol=1e-6)
    np.testing.assert_allclose(by_trajectory[name], expected, rtol=1e-6)
    for at in (0, 7):
        moved = [
            network.surprise({"u": np.where(np.arange(15) == at, u + d, u)}) for d in (1e-6, -1e-6)
        ]
        np.testing.assert_allclose(
            by_series[at], (moved[0] - moved[1]) / 2e-6, rtol=1e-5, atol=1e-7
        )
        times = [np.where(np.arange(15) == at, 1 + d, 1.0) for d in (1e-6, -1e-6)]
        moved = [network.surprise({"u": u}, dt=dt) for dt in times]
        np.testing.assert_allclose(by_time[at], (moved[0] - moved[1]) / 2e-6, rtol=1e-5, atol=1e-7)


def test_a_failure_has_infinite_surprise_and_gradient_zero(direction):
    """So that an optimiser or a sampler turns away instead of tripping over NaN."""
    network = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)).compile()
    u = pn.data.association().outcomes
    names = ("x2.tonic_volatility", "x3.tonic_volatility")

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise({"u": u})

    value, gradient = jax.jit(jax.value_and_grad(surprise))(jnp.array([2.0, 2.0]))

    assert value == np.inf
    np.testing.assert_array_equal(gradient, 0.0)


def prior_draws(count, seed):
    """Parameters from the default priors of hgf_binary and hgf in the TAPAS toolbox, and wider."""
    rng = np.random.default_rng(seed)
    volatility = rng.normal([-3.0, -6.0], 4.0, size=(count // 2, 2))
    enhanced = rng.normal([-3.0, 2.0], 4.0, size=(count - count // 2, 2))
    return {
        "tonic": np.concatenate([volatility, enhanced]),
        "strength": np.exp(rng.normal(0.0, 0.7, size=count)),
        "initial": rng.normal(0.0, 1.0, size=(count, 2)),
        "precision": np.exp(rng.normal(0.0, 1.0, size=(count, 2))),
    }


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("expansion", cases.EXPANSIONS[1:], ids=repr)
@pytest.mark.parametrize("which", ["binary", "continuous"])
def test_value_and_gradient_are_finite_for_any_draw_from_wide_priors(which, expansion, settings):
    """10,000 draws on the real series: bounded growth keeps every one of them finite."""
    value, gradient = surprises_of_draws(which, expansion, settings, 10_000)

    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("expansion", cases.EXPANSIONS[1:], ids=repr)
@pytest.mark.parametrize("which", ["binary", "continuous"])
def test_value_and_gradient_are_finite_for_some_draws(which, expansion):
    value, gradient = surprises_of_draws(which, expansion, {}, 400)

    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


def surprises_of_draws(which, expansion, settings, count):
    """Value and gradient of the surprise of a real series for draws from wide priors."""
    draws = prior_draws(count, seed=11)
    if which == "binary":
        graph = pn.models.binary_hgf(expansion=expansion, **settings)
        series, names = pn.data.association().outcomes, ("x2", "x3")
        scale = 0.0
    else:
        series = pn.data.usd_chf()
        graph = pn.models.continuous_hgf(
            **pn.models.scaled_to(series), expansion=expansion, **settings
        )
        names, scale = ("x1", "x2"), np.log(np.var(series[:20]))
    network = graph.compile()

    def surprise(tonic, strength, initial, precision):
        values = {f"{names[1]}->{names[0]}.strength": strength}
        for i, name in enumerate(names):
            values[f"{name}.tonic_volatility"] = tonic[i] + (scale + 3.0 if i == 0 else 0.0)
            values[f"{name}.initial_mean"] = initial[i]
            values[f"{name}.initial_precision"] = precision[i]
        return network.replace(values).surprise({"u": series})

    run = jax.jit(jax.vmap(jax.value_and_grad(surprise, argnums=(0, 1, 2, 3))))
    value, gradients = run(*draws.values())
    return np.asarray(value), np.concatenate(
        [np.reshape(g, (count, -1)) for g in gradients], axis=1
    )
