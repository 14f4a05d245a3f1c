"""Couplings through a function that bends: what its curvature is taken for."""

import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.couplings._nonlinear import regress
from tests.few import few
from tests.oracles.grid_filter import Axis, grid_filter

FUNCTIONS = {"square": np.square, "sin": np.sin, "tanh": np.tanh}
CURVATURES = ("gauss_newton", "regression")
PRECISION, TONIC, STEPS, SERIES = 5.0, -4.0, 120, 8
START = {"square": (1.5, 4.0), "sin": (0.0, 2.0), "tanh": (0.0, 2.0)}
"""Mean and precision of the first value."""


def seen_through(name, curvature="gauss_newton", **settings):
    """A walk seen through a function."""
    mean, precision = START[name]
    state = pn.ContinuousState(
        tonic_volatility=TONIC, initial_mean=mean, initial_precision=precision
    )
    coupling = pn.Observation(function=name, curvature=curvature)
    graph = pn.Graph().add(u=pn.ContinuousInput(precision=PRECISION), x=state)
    return graph.couple("x", "u", coupling).compile(**settings)


def drawn(name, seed):
    """A series of the model."""
    rng = np.random.default_rng(seed)
    mean, precision = START[name]
    walk = rng.normal(mean, precision**-0.5) + np.cumsum(rng.normal(0, np.exp(TONIC / 2), STEPS))
    return FUNCTIONS[name](walk) + rng.normal(0, PRECISION**-0.5, STEPS)


def test_a_regression_is_the_line_of_least_squares_over_the_prediction():
    """Beside a fine quadrature: the same for a cubic polynomial's slope, to the degree of the rule."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    mean, variance = 0.4, 0.7
    x = mean + np.sqrt(variance) * points

    def parabola(x):
        return 1.5 * x**2 - x + 0.3

    line = regress(parabola, jnp.asarray(mean), jnp.asarray(variance))

    average = weights @ parabola(x)
    slope = weights @ ((x - mean) * parabola(x)) / variance
    residual = weights @ (parabola(x) - average - slope * (x - mean)) ** 2
    np.testing.assert_allclose(
        [line.value, line.slope, line.residual], [average, slope, residual], rtol=1e-12
    )


def test_a_known_parent_has_a_tangent_and_nothing_left():
    line = regress(jnp.sin, jnp.asarray(0.3), jnp.asarray(0.0))

    np.testing.assert_allclose([line.value, line.slope], [np.sin(0.3), np.cos(0.3)], rtol=1e-12)
    assert line.residual == 0.0


def test_curvatures_of_a_linear_function_are_one():
    couplings = [pn.Drift(curvature=curvature) for curvature in (*CURVATURES, "exact")]

    assert len({coupling.curvature for coupling in couplings}) == 1


@pytest.mark.parametrize("function", few(FUNCTIONS, 1))
@pytest.mark.parametrize("curvature", few(CURVATURES, 1))
def test_no_series_of_the_model_fails_and_beliefs_are_near_the_exact_ones(function, curvature):
    """Within a deviation of a filter on a grid, and with bands that hold what they should, near enough."""
    network = seen_through(function, curvature)
    mean, precision = START[function]
    axis = Axis(np.linspace(-5, 5, 801), TONIC, mean, precision)

    def likelihood(u, values):
        return np.exp(-0.5 * PRECISION * (u - FUNCTIONS[function](values)) ** 2)

    gaps = []
    for seed in range(SERIES):
        u = drawn(function, seed)
        beliefs = network.filter({"u": u})
        exact = grid_filter(u, likelihood, axis)
        assert np.all(beliefs["x"].precision >= beliefs["x"].predicted_precision * (1 - 1e-12))
        gaps.append((beliefs["x"].mean - exact.mean[:, 0]) / np.sqrt(exact.variance[:, 0]))
    assert np.sqrt(np.mean(np.square(gaps))) < 1.0


def test_a_document_that_names_no_curvature_means_the_exact_one():
    graph = seen_through("tanh").graph
    document = graph.to_dict()
    edge = document["edges"][0]

    assert edge["choices"] == {"curvature": "gauss_newton"}
    assert pn.Graph.from_dict(document).to_dict() == document
    del edge["choices"]
    (_, _, coupling), *_ = pn.Graph.from_dict(document).edges
    assert coupling.curvature == "exact"
    assert "choices" not in pn.Graph.from_dict(document).to_dict()["edges"][0]


def test_an_unknown_curvature_is_refused():
    with pytest.raises(
        pn.CouplingError, match=r"'gauss_newton', 'regression' or 'exact', not 'newton'"
    ):
        pn.Drift(function="tanh", curvature="newton")
