"""Expansions against quadrature and against each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._core.expansions import AbstractExpansion
from tests.laws import cases


def message(strength, squared_move, *, variance=2.0, growth=0.8, carried=1.2, log_growth=None):
    """A volatility message with the parent predicted at 0.3."""
    shape = np.shape(strength)
    fields = {
        "squared_move": squared_move,
        "variance": variance,
        "added_variance": growth,
        "carried_variance": carried,
        "log_growth": np.log(growth) if log_growth is None else log_growth,
    }
    return pn.VolatilityMessage(
        strength=jnp.asarray(strength),
        point=jnp.full(shape, 0.3),
        **{name: jnp.broadcast_to(jnp.asarray(value), shape) for name, value in fields.items()},
    )


def posterior_by_quadrature(precision, msg):
    """Mean and variance of the exact posterior of the parent, known-parent densities taken at face value."""
    x = np.linspace(-12, 12, 200_001)
    strength = np.atleast_1d(msg.strength)
    log_density = -0.5 * precision * (x - 0.3) ** 2
    for i in range(len(strength)):
        growth = np.exp(np.atleast_1d(msg.log_growth)[i] + strength[i] * (x - 0.3))
        variance = np.atleast_1d(msg.carried_variance)[i] + growth
        log_density += -0.5 * (np.log(variance) + np.atleast_1d(msg.squared_move)[i] / variance)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = np.sum(weight * x)
    return mean, np.sum(weight * (x - mean) ** 2)


def belief(precision):
    return pn.Gaussian.start(0.0, 1.0).predicted(jnp.asarray(0.3), precision=jnp.asarray(precision))


@functools.cache
def compiled(expansion):
    """An expansion as one program for each number of messages."""
    return jax.jit(expansion)


@pytest.mark.parametrize("expansion", cases.EXPANSIONS, ids=repr)
def test_without_volatility_children_all_are_one_newton_step(expansion):
    value = pn.Evidence(gradient=jnp.asarray(1.5), curvature=jnp.asarray(0.7))

    mean, variance = expansion(belief(2.0), pn.ChildEvidence(value=value))

    assert float(variance) == pytest.approx(1 / 2.7, rel=1e-14)
    assert float(mean) == pytest.approx(0.3 + 1.5 / 2.7, rel=1e-14)


@pytest.mark.parametrize("squared_move", [0.01, 1.0, 2.0, 8.0, 60.0])
@pytest.mark.parametrize("strengths", [0.5, [0.5], [0.4, 0.9], [0.8, -0.5, 0.3]])
def test_unbounded_stays_near_the_exact_posterior(squared_move, strengths):
    """A blend of two Gaussians is no exact posterior, but it stays within one standard deviation."""
    msg = message(strengths, squared_move, variance=2.0, growth=0.8, carried=1.2)
    mean, variance = compiled(pn.Unbounded())(belief(1.0), pn.ChildEvidence(volatility=msg))
    exact_mean, exact_variance = posterior_by_quadrature(1.0, msg)

    assert abs(float(mean) - exact_mean) < np.sqrt(exact_variance)
    assert 0.5 < float(variance) / exact_variance < 2.0


def test_unbounded_with_one_message_is_the_same_with_or_without_an_axis():
    unbounded = compiled(pn.Unbounded())
    one = unbounded(belief(1.3), pn.ChildEvidence(volatility=message(0.7, 3.0)))
    many = unbounded(belief(1.3), pn.ChildEvidence(volatility=message([0.7], 3.0)))

    np.testing.assert_allclose(one, many, rtol=1e-12)


@pytest.mark.parametrize("expansion", cases.EXPANSIONS[1:], ids=repr)
@pytest.mark.parametrize("seed", range(20))
def test_enhanced_and_unbounded_never_lose_precision_to_nothing(expansion, seed):
    """Whatever the children did, the variance stays positive and finite."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 6)
    msg = message(
        rng.normal(size=count) * 3,
        10 ** rng.uniform(-6, 6, count),
        variance=10 ** rng.uniform(-3, 3, count),
        growth=10 ** rng.uniform(-8, 3, count),
        carried=10 ** rng.uniform(-6, 3, count),
        log_growth=rng.uniform(-60, 60, count),
    )
    value = pn.Evidence(gradient=jnp.asarray(rng.normal()), curvature=jnp.asarray(rng.gamma(1.0)))

    heard = pn.ChildEvidence(value=value, volatility=msg)

    mean, variance = compiled(expansion)(belief(10 ** rng.uniform(-3, 3)), heard)

    assert np.isfinite(mean)
    assert 0 < variance < np.inf


def test_standard_fails_where_its_expansion_does():
    """A small move where a large one was predicted bends the standard expansion the wrong way."""
    _, variance = pn.Standard()(
        belief(0.05), pn.ChildEvidence(volatility=message(2.0, 30.0, growth=0.2))
    )

    assert variance < 0


class Laplace(AbstractExpansion):
    """Newton's method to convergence on the known-parent densities: an expansion of one's own."""

    def volatile(self, point, variance, pull, message):
        mean = point
        for _ in range(50):
            evidence = message.known(mean)
            slope = evidence.gradient - (mean - point) / variance
            curvature = 1 / variance + jnp.maximum(evidence.curvature, 0)
            mean = mean + slope / curvature
        return mean, 1 / (1 / variance + jnp.maximum(message.known(mean).curvature, 0))


def test_an_expansion_of_ones_own_takes_ten_lines():
    graph = pn.models.binary_hgf(expansion=Laplace())
    u = pn.data.association().outcomes

    beliefs = graph.compile().filter({"u": u})

    nearest = pn.models.binary_hgf(expansion="unbounded").compile().filter({"u": u})
    gap = np.abs(beliefs["x3"].mean - nearest["x3"].mean) * np.sqrt(nearest["x3"].precision)
    assert np.mean(gap) < 0.5
