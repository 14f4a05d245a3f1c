"""Health: what weights learn beside backpropagation, and which units are silent."""

import numpy as np
import pytest

import pynodes as pn
from tests.deep.small import chain


@pytest.mark.slow
def test_fixed_predictions_have_the_slopes_of_backpropagation():
    """Cosines of one, edge by edge; and slopes as they are by themselves."""
    network = chain([3, 4, 4], pn.CategoricalLayer(outcomes=3)).compile()
    values = {"x": np.random.default_rng(0).normal(size=(5, 3)), "y": np.arange(5) % 3}
    found = pn.deep.health(network, values, pn.deep.FixedPrediction())
    np.testing.assert_allclose(list(found.cosines.values()), 1.0, rtol=1e-12)
    slopes = pn.deep.gradients(network, values, pn.deep.FixedPrediction())
    for edge, size in found.slopes.items():
        both = np.concatenate([np.ravel(slopes[f"{edge}.{f}"]) for f in ("weights", "bias")])
        np.testing.assert_allclose(size, np.sqrt(np.mean(both**2)), rtol=1e-12)


def test_one_gauss_newton_step_turns_slopes_of_a_linear_network_by_a_matrix():
    """Of x -> h -> y by W and V: those of V are S⁻¹r against z, with S = 1 + V V'."""
    rng = np.random.default_rng(1)
    w, v = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    graph = pn.Graph().add(x=pn.Layer(shape=3), h=pn.Layer(shape=4), y=pn.Layer(shape=2))
    graph = graph.couple("x", "h", pn.Dense(weights=w, bias=None))
    network = graph.couple("h", "y", pn.Dense(weights=v, bias=None)).compile()
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    found = pn.deep.health(network, {"x": x, "y": y}, pn.deep.GaussNewton(outer=1, inner=4))

    error = y - x @ w.T @ v.T
    settled = np.linalg.solve(np.eye(2) + v @ v.T, error.T).T
    hidden = x @ w.T + settled @ v
    cosines = {
        "x->h": (v.T @ settled.T @ x, v.T @ error.T @ x),
        "h->y": (settled.T @ hidden, error.T @ (x @ w.T)),
    }
    for edge, (one, other) in cosines.items():
        expected = np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
        np.testing.assert_allclose(found.cosines[edge], expected, rtol=1e-10)


def test_units_below_zero_are_silent():
    """Of a rectified layer, those that are so in every sample; a column of zeros is silent too."""
    graph = chain([3, 8], pn.Layer(shape=2), function="relu")
    network = graph.compile()
    numbers = network.parameters()
    bias = np.where(np.arange(8) < 3, -100.0, numbers["x->h1.bias"])
    weights = np.array(numbers["x->h1.weights"])
    weights[:, 1] = 0.0
    network = network.replace({"x->h1.bias": bias, "x->h1.weights": weights})
    x = np.random.default_rng(0).normal(size=(5, 3))
    y = np.zeros((5, 2))

    found = pn.deep.health(network, {"x": x, "y": y}, pn.deep.Backpropagation())

    hidden = x @ weights.T + bias
    assert found.silent == {
        "x": pytest.approx(1 / 3),
        "h1": pytest.approx(np.mean((hidden < 0).all(0))),
    }
