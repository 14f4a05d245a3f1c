"""Law 9 on whole networks: every derivative, by every way, is that of finite differences."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases

pytestmark = pytest.mark.versions

SETTINGS = [{}, {"marginalise": False}]


def central_difference(function, at, step=1e-6):
    return (function(at + step) - function(at - step)) / (2 * step)


WAYS = [
    pytest.param(
        expansion,
        settings,
        limit,
        marks=pytest.mark.slow,
    )
    for expansion in cases.EXPANSIONS
    for settings, limit in zip(SETTINGS, (10_000, 0), strict=True)
]
"""Expansion, prediction, and the number of parameters up to which derivatives go forward."""


@pytest.mark.parametrize(("expansion", "settings", "limit"), WAYS)
def test_gradients_equal_central_differences(expansion, settings, limit, limited):
    """For every parameter and strength of a graph with everything, with gaps and irregular times."""
    limited(limit)
    graph = cases.rich_graph(expansion, **settings)
    network = graph.compile()
    series, dt = cases.gappy_series_for(graph, 25), cases.times_for(25)
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


def two_levels():
    """A graph in which a value and a volatility parent meet, small enough to differentiate twice."""
    graph = pn.models.continuous_hgf(2, tonic_volatility=-2.0)
    return graph.add(trend=pn.ContinuousState(autoconnection=0.9)).couple("trend", "x1")


NAMES = ("x1.tonic_volatility", "x2->x1.strength", "trend.autoconnection")
POINT = jnp.array([-2.0, 0.5, 0.9])


def test_both_directions_and_all_transformations_agree(limited):
    surprise = surprise_at(two_levels(), NAMES)
    forward = jax.jit(jax.grad(surprise))(POINT)
    by_vmap = jax.jit(jax.vmap(jax.grad(surprise)))(jnp.stack([POINT, POINT + 0.1]))
    limited(0)

    np.testing.assert_allclose(jax.jit(jax.grad(surprise))(POINT), forward, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(surprise))(POINT), forward, rtol=1e-9)
    np.testing.assert_allclose(by_vmap[0], forward, rtol=1e-9)


@pytest.mark.slow
def test_both_directions_have_the_same_hessian(limited):
    surprise = surprise_at(two_levels(), NAMES)
    forward = jax.jit(jax.hessian(surprise))(POINT)
    limited(0)

    backward = jax.jit(jax.hessian(surprise))(POINT)
    np.testing.assert_allclose(backward, forward, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(forward, forward.T, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_both_directions_agree_on_every_kind_and_coupling(limited):
    names = ("x1.tonic_volatility", "shared->x1.strength", "x3.autoconnection")
    surprise = surprise_at(cases.rich_graph(), names)
    at = jnp.array([-2.0, 0.5, 0.9])
    forward = jax.jit(jax.grad(surprise))(at)
    limited(0)

    np.testing.assert_allclose(jax.jit(jax.grad(surprise))(at), forward, rtol=1e-9)


def surprise_at(graph, names):
    """The surprise of a series with gaps as a function of some parameters."""
    network, series = graph.compile(), cases.gappy_series_for(graph, 20)

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise(series)

    return surprise


@pytest.mark.slow
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


@pytest.mark.parametrize("size", few([300, 128, 7], 1))
def test_a_batch_of_any_size_has_the_gradients_of_its_members(size, monkeypatch):
    """Whether or not it is computed in parts, and whether or not all parts are equally large."""
    monkeypatch.setattr("pynodes._runtime.derivatives.CACHED", 256)
    network = pn.models.binary_hgf(levels=3).compile()
    rng = np.random.default_rng(2)
    thetas = jnp.array(rng.normal((-3.0, -4.0), 0.3, (size, 2)))
    outcomes = jnp.array(rng.integers(0, 2, (size, 6)).astype(float))

    @jax.jit
    def surprise(theta, outcomes):
        values = {"x2.tonic_volatility": theta[0], "x3.tonic_volatility": theta[1]}
        return network.replace(values).surprise({"u": outcomes})

    jax.clear_caches()
    alone = jax.jit(jax.value_and_grad(surprise))
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(surprise)))(thetas, outcomes)

    for member in {0, size // 2, size - 1}:
        value, gradient = alone(thetas[member], outcomes[member])
        np.testing.assert_allclose(values[member], value, rtol=1e-12)
        np.testing.assert_allclose(gradients[member], gradient, rtol=1e-10, atol=1e-12)


SPREAD = """
import jax, jax.numpy as jnp, numpy as np
import pynodes as pn

network = pn.models.binary_hgf(levels=2).compile()
mesh = jax.sharding.Mesh(np.array(jax.devices()), ("subjects",))
spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("subjects"))
volatilities = jnp.linspace(-4.0, -2.0, 600)

def surprise(volatility):
    return network.replace({"x2.tonic_volatility": volatility}).surprise({"u": [1.0, 0.0, 1.0]})

slopes = jax.jit(jax.vmap(jax.grad(surprise)))
found = slopes(jax.device_put(volatilities, spread))
assert len(found.sharding.device_set) == 2
np.testing.assert_allclose(found, slopes(volatilities), rtol=1e-6)
"""


@pytest.mark.slow
def test_a_large_batch_may_be_spread_over_devices():
    """In a process of its own, which has two."""
    flags = "--xla_force_host_platform_device_count=2"
    run = subprocess.run(
        [sys.executable, "-c", SPREAD],
        capture_output=True,
        check=False,
        env=os.environ | {"XLA_FLAGS": flags},
    )
    assert run.returncode == 0, run.stderr.decode()
