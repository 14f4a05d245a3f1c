"""Certain beliefs, enormous temperatures and precisions: finite values, finite gradients, right limits."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from pynodes import responses as pr

EDGES = np.array([0.0, 1.0, 1e-300, 1e-20, 1e-6, 0.5, 1 - 1e-16, 1 - 1e-6])
HUGE = (1e-9, 1.0, 171.7, 1e6, 1e12)


def seen(values):
    """A node with one field."""
    return SimpleNamespace(predicted_mean=values)


@jax.jit
def evaluated(response, nodes, responses, known):
    """Derivatives of the total, in parameters and beliefs, and the likelihoods themselves."""

    def total(response, nodes):
        seen = {name: SimpleNamespace(**fields) for name, fields in nodes.items()}
        found = response.log_likelihood(seen, responses, covariates=known)
        return jnp.sum(found), found

    return jax.grad(total, argnums=(0, 1), has_aux=True)(response, nodes)


def checked(response, beliefs, responses, known=None):
    """The likelihood, once it and its derivatives are known to be finite."""
    nodes = {name: dict(vars(node)) for name, node in beliefs.items()}
    slopes, found = evaluated(jax.tree.map(jnp.asarray, response), nodes, responses, known or {})
    for leaf in (found, *jax.tree.leaves(slopes)):
        assert np.isfinite(leaf).all()
    return np.asarray(found)


@pytest.mark.parametrize("sharp", HUGE)
@pytest.mark.parametrize("choice", [0.0, 1.0])
@pytest.mark.parametrize(
    "kind", [pr.UnitSquareSigmoid, pr.BinarySoftmax, pr.ConditionedHallucination], ids=repr
)
def test_binary_choices_stay_finite(kind, choice, sharp):
    """At probabilities of 0 and 1, whatever the temperature."""
    known = {}
    if kind is pr.ConditionedHallucination:
        known = {"detection_rate": np.resize([0.0, 1.0, 0.3], EDGES.size)}

    found = checked(
        kind(inverse_temperature=sharp),
        {"u": seen(EDGES)},
        np.full(EDGES.size, choice),
        known=known,
    )
    assert np.all(found <= 0)


def test_a_sure_choice_costs_nothing_and_its_opposite_much():
    """The limits of the power ratio."""
    sure = {"u": seen(np.array([0.0, 1.0]))}
    response = pr.UnitSquareSigmoid(inverse_temperature=5.0)

    np.testing.assert_allclose(checked(response, sure, np.array([0.0, 1.0])), 0, atol=1e-12)
    assert np.all(checked(response, sure, np.array([1.0, 0.0])) < -100)


@pytest.mark.parametrize("log_temperature", [-1e4, -800.0, -64.0, 0.0, 64.0, 800.0, 1e4])
def test_a_temperature_that_is_believed_stays_finite(log_temperature):
    """However far a belief about volatility runs."""
    beliefs = {
        "u": seen(EDGES),
        "x3": seen(np.full(EDGES.size, log_temperature)),
        "v": seen(np.stack([EDGES, 1 - EDGES], axis=-1)),
    }
    for response in (
        pr.UnitSquareSigmoid(log_temperature="x3.predicted_mean"),
        pr.BinarySoftmax(log_temperature="x3.predicted_mean"),
        pr.Softmax(options="v.predicted_mean", log_temperature="x3.predicted_mean"),
    ):
        checked(response, beliefs, np.ones(EDGES.size))


@pytest.mark.parametrize("sharp", HUGE)
def test_options_of_any_value_stay_finite(sharp):
    """Where exponentials of the scores would overflow."""
    values = np.array([[1e3, -1e3, 0.0], [700.0, 800.0, 900.0], [0.0, 0.0, 0.0]])
    found = checked(
        pr.Softmax(options="u.predicted_mean", inverse_temperature=sharp),
        {"u": seen(values)},
        np.array([1.0, 2.0, 0.0]),
    )
    scores = sharp * values
    # The difference to the largest score, which is where the exponentials are.
    expected = scores - scores.max(axis=1, keepdims=True)
    expected = expected - np.log(np.exp(expected).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected[[0, 1, 2], [1, 2, 0]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mean", [-1e3, -40.0, 0.0, 40.0, 1e3])
def test_the_tails_of_the_cumulative_gaussian_are_those_of_scipy(mean):
    """Where the distribution function is zero in floating point."""
    node = SimpleNamespace(mean=np.array([mean]), precision=np.array([0.25]))
    found = checked(pr.CumulativeGaussian(), {"x2": node}, np.array([1.0]))

    np.testing.assert_allclose(found, special.log_ndtr(mean * 0.5), rtol=1e-9)


@pytest.mark.parametrize("precision", [0.1, 1.5, 171.0, 172.0, 1e4, 1e6])
@pytest.mark.parametrize("mean", [0.02, 0.3, 0.5, 0.999])
def test_the_beta_density_is_that_of_scipy(mean, precision):
    """For precisions at which the gamma function overflows too, near the mode and away from it."""
    width = np.sqrt(mean * (1 - mean) / (precision + 1))
    y = np.clip(mean + width * np.array([-3.0, -1, 0, 0.5, 3]), 1e-3, 1 - 1e-4)
    found = checked(pr.BetaResponse(precision=precision), {"u": seen(np.full(5, mean))}, y)

    expected = stats.beta.logpdf(y, mean * precision, (1 - mean) * precision)
    # SciPy's own terms are of the size of the precision and cancel.
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14 * precision + 1e-11)


@pytest.mark.parametrize("precision", [1e-6, 1.0, 171.7, 1e6, 1e9])
def test_beta_responses_to_certain_beliefs_stay_finite(precision):
    """A mean of 0 or 1, and responses as near to the ends as can be told."""
    for y in (1e-300, 1e-9, 0.5, 1 - 1e-16):
        checked(pr.BetaResponse(precision=precision), {"u": seen(EDGES)}, np.full(EDGES.size, y))


def test_reaction_times_to_what_could_not_happen_stay_finite():
    """Surprise without bound, and volatility beyond all measure."""
    outcome = SimpleNamespace(predicted_mean=EDGES, mean=1.0 - np.round(EDGES))
    state = SimpleNamespace(mean=np.linspace(-900, 900, 8), precision=np.full(8, 1e-3))
    nodes = {"u": outcome, "x2": state, "x3": SimpleNamespace(mean=np.linspace(-1e4, 1e4, 8))}
    weights = dict.fromkeys(("surprise", "outcome_uncertainty", "environmental_uncertainty"), 0.1)

    checked(pr.LogReactionTime(**weights), nodes, np.full(8, 6.0))
    for attention in ("belief", "precision", "surprise"):
        checked(pr.ResponseSpeed(attention=attention), nodes, np.full(8, 0.005))
