"""Surprise and gradient are finite for whatever the priors may propose, and failure is no NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.oracles.tapas_priors import MODELS, drawn

EXPANSIONS = ("enhanced", "unbounded")
SETTINGS = [{}, {"marginalise": False}]


def evaluated(model, expansion, count, **settings):
    """Surprise of the real series and its gradient, for draws from the toolbox's priors."""
    settings["expansion"] = expansion
    if "binary" in model:
        series, graph = pn.data.association().outcomes, pn.models.binary_hgf(**settings)
    else:
        series = pn.data.usd_chf()
        graph = pn.models.continuous_hgf(**pn.models.scaled_to(series), **settings)
    network = graph.compile()
    values = drawn(model, np.asarray(series), count)

    def surprise(parameters):
        return network.replace(parameters).surprise({"u": series})

    value, gradient = jax.jit(jax.vmap(jax.value_and_grad(surprise)))(values)
    return np.asarray(value), np.stack(list(gradient.values()))


@pytest.mark.parametrize("expansion", EXPANSIONS)
@pytest.mark.parametrize("model", few(MODELS, 1))
def test_some_draws_are_finite(model, expansion):
    value, gradient = evaluated(model, expansion, 400)

    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("expansion", EXPANSIONS)
@pytest.mark.parametrize("model", MODELS)
def test_every_draw_is_finite(model, expansion, settings):
    """Ten thousand: bounded growth and divisions that never see a zero keep every one finite."""
    value, gradient = evaluated(model, expansion, 10_000, **settings)

    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_standard_expansion_fails_without_nan(model):
    """It does lose precision for some draws: then the surprise is infinite and the gradient zero."""
    value, gradient = evaluated(model, "standard", 400)

    assert not np.isnan(value).any()
    assert np.isfinite(gradient).all()
    failed = np.isinf(value)
    assert failed.any()
    assert not failed.all()
    assert (value[failed] > 0).all()
    assert (gradient[:, failed] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [10_000, 0], ids=["forward", "backward"])
def test_a_failure_has_infinite_surprise_and_gradient_zero(limit, limited):
    """So that an optimiser or a sampler turns away instead of tripping over NaN."""
    limited(limit)
    network = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)).compile()
    u = pn.data.association().outcomes
    names = ("x2.tonic_volatility", "x3.tonic_volatility")

    def surprise(values):
        return network.replace(dict(zip(names, values, strict=True))).surprise({"u": u})

    value, gradient = jax.jit(jax.value_and_grad(surprise))(jnp.array([2.0, 2.0]))

    assert value == np.inf
    np.testing.assert_array_equal(gradient, 0.0)
