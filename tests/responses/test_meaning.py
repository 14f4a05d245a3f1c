"""What each response means, from its definition or from what it is derived of."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy import stats

from pynodes import responses as pr
from tests.responses.cases import ARMS, TRIALS, beliefs


def node(**fields):
    """Beliefs of one node."""
    return SimpleNamespace(**{name: np.asarray(values, float) for name, values in fields.items()})


def test_the_unit_square_sigmoid_is_a_ratio_of_powers():
    x, sharp = beliefs()["u"].predicted_mean, 2.7
    found = pr.UnitSquareSigmoid(inverse_temperature=sharp).predict(beliefs())

    np.testing.assert_allclose(found, x**sharp / (x**sharp + (1 - x) ** sharp), rtol=1e-12)


def test_rewards_move_a_binary_softmax():
    """It compares what each option is expected to pay."""
    x, paid = 0.3, {"reward_zero": 1.0, "reward_one": 4.0}
    response = pr.BinarySoftmax(inverse_temperature=2.0)
    found = response.predict({"u": node(predicted_mean=x)}, covariates=paid)

    worth = np.exp(2.0 * np.array([1.0 * (1 - x), 4.0 * x]))
    assert float(found) == pytest.approx(worth[1] / worth.sum(), rel=1e-12)


def test_the_cumulative_gaussian_is_the_probability_that_the_state_is_positive():
    """Asked of draws from the belief itself. Divided by its variance the mean says another thing."""
    mean, variance = 0.8, 2.5
    where = {"x2": node(mean=mean, precision=1 / variance)}
    drawn = np.random.default_rng(0).normal(mean, np.sqrt(variance), 1_000_000)

    assert float(pr.CumulativeGaussian().predict(where)) == pytest.approx(
        (drawn > 0).mean(), abs=3e-3
    )
    toolbox = pr.CumulativeGaussian(exponent=1.0)
    assert float(toolbox.predict(where)) == pytest.approx(stats.norm.cdf(mean / variance))
    assert abs(float(toolbox.predict(where)) - (drawn > 0).mean()) > 0.05


def test_a_conditioned_hallucination_is_an_inference_by_bayes_rule():
    """Prior x, hits at the rate q, false alarms at the rate 1 - x; without a stimulus the prior."""
    x, rate = np.array([0.2, 0.7, 0.7]), np.array([0.9, 0.25, 0.0])
    there = x * rate
    posterior = there / (there + (1 - x) * (1 - x))
    expected = np.where(rate > 0, posterior, x)

    found = pr.ConditionedHallucination(inverse_temperature=3.0).predict(
        {"u": node(predicted_mean=x)}, covariates={"detection_rate": rate}
    )
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-3.0 * (2 * expected - 1))), rtol=1e-12)


@pytest.mark.parametrize("weight", [1e-9, 0.5, 1.0, 1e9])
def test_a_weighted_hallucination_averages(weight):
    """From what was detected alone to what was expected alone."""
    x, rate = 0.2, 0.9
    response = pr.WeightedHallucination(prior_weight=weight)
    found = response.predict({"u": node(predicted_mean=x)}, covariates={"detection_rate": rate})

    average = (weight * x + rate) / (weight + 1)
    assert float(found) == pytest.approx(1 / (1 + np.exp(1 - 2 * average)), rel=1e-9)


def test_a_weight_may_be_believed():
    """Trial by trial: what the toolbox meant and could not compute."""
    x, log_weight, rate = np.array([0.2, 0.6]), np.array([-1.0, 2.0]), np.array([0.9, 0.1])
    response = pr.WeightedHallucination(log_prior_weight="x3.predicted_mean")
    found = response.predict(
        {"u": node(predicted_mean=x), "x3": node(predicted_mean=log_weight)},
        covariates={"detection_rate": rate},
    )
    each = [
        pr.WeightedHallucination(prior_weight=np.exp(w)).predict(
            {"u": node(predicted_mean=p)}, covariates={"detection_rate": q}
        )
        for p, w, q in zip(x, log_weight, rate, strict=True)
    ]
    np.testing.assert_allclose(found, each, rtol=1e-12)


def test_a_softmax_of_two_is_a_binary_one():
    x = beliefs()["u"].predicted_mean
    options = {"v": node(predicted_mean=np.stack([1 - x, x], axis=-1))}
    two = pr.Softmax(options="v.predicted_mean", inverse_temperature=1.7).predict(options)

    np.testing.assert_allclose(
        two[:, 1], pr.BinarySoftmax(inverse_temperature=1.7).predict(beliefs()), rtol=1e-12
    )


def test_a_memory_adds_to_the_last_choice_only():
    """After a win one bias, after a loss the other, after nothing none."""
    values = np.stack([beliefs()[a.partition(".")[0]].predicted_mean for a in ARMS], 1)
    known = {
        "previous_choice": [np.nan, 0.0, 2.0, *[1.0] * (TRIALS - 3)],
        "previous_reward": [np.nan, 1.0, 0.0, *[np.nan] * (TRIALS - 3)],
    }
    response = pr.StayShiftSoftmax(options=ARMS, win_bias=0.5, loss_bias=-0.25)

    values[1, 0] += 0.5
    values[2, 2] -= 0.25
    expected = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(response.predict(beliefs(), covariates=known), expected, rtol=1e-12)


def test_previous_skips_what_is_missing():
    found = pr.previous([np.nan, 2.0, np.nan, np.nan, 0.0, 1.0])

    np.testing.assert_array_equal(found, [np.nan, np.nan, 2.0, 2.0, 2.0, 0.0])
    np.testing.assert_array_equal(jax.jit(pr.previous)(found), pr.previous(found))
    np.testing.assert_array_equal(pr.previous(np.stack([found, found])), [pr.previous(found)] * 2)


def test_a_selection_reads_another_node_in_every_trial():
    arms = ["left", "middle", "right"]
    index = np.arange(TRIALS) % 3
    found = pr.select(beliefs(), index, chosen=arms)

    expected = [beliefs()[arms[i]].predicted_mean[t] for t, i in enumerate(index)]
    np.testing.assert_array_equal(found["chosen"].predicted_mean, expected)
    np.testing.assert_array_equal(found["u"].mean, beliefs()["u"].mean)
    vector = pr.select(beliefs(), index, chosen="v")["chosen"].predicted_mean
    np.testing.assert_array_equal(vector, beliefs()["v"].predicted_mean[np.arange(TRIALS), index])


def test_surprise_is_in_nats_and_the_reaction_time_per_bit():
    """An outcome of probability one eighth surprises by three bits."""
    outcome = {"u": node(predicted_mean=[0.125, 0.875], mean=[1.0, 0.0])}

    np.testing.assert_allclose(pr.regressors.surprise(outcome["u"]), 3 * np.log(2), rtol=1e-12)
    time = pr.MinimalLogReactionTime(intercept=6.0, surprise=0.5)
    np.testing.assert_allclose(time.predict(outcome), 7.5, rtol=1e-12)


def test_the_uncertainties_are_variances_of_the_outcome():
    """To first order: the variance of the logistic function of a logit with little variance."""
    logit, variance = 0.7, 1e-4
    state = node(mean=logit, precision=1 / variance)
    p = 1 / (1 + np.exp(-logit))

    assert float(pr.regressors.outcome_uncertainty(node(predicted_mean=p))) == pytest.approx(
        p * (1 - p)
    )
    assert float(pr.regressors.informational_uncertainty(state)) == pytest.approx(
        p * (1 - p) * variance
    )
    assert float(pr.regressors.environmental_uncertainty(state, node(mean=-2.0))) == pytest.approx(
        p * (1 - p) * np.exp(-2.0)
    )


@pytest.mark.parametrize("attention", ["belief", "precision", "surprise"])
def test_attention_grows_with_the_probability_and_is_even_at_one_half(attention):
    probability = np.array([0.1, 0.5, 0.6, 0.9])
    where = {"transition": node(predicted_mean=probability, mean=np.ones(4))}
    response = pr.TransitionResponseSpeed(attention=attention, intercept=0.0, gain=1.0)
    found = np.asarray(response.predict(where))

    assert found[1] == pytest.approx(0.5)
    assert np.all(np.diff(found) > 0)
    assert np.all((found > 0) & (found < 1))


def test_a_speed_after_the_unlikely_outcome_is_without_attention():
    where = {"u": node(predicted_mean=[0.9, 0.9], mean=[1.0, 0.0])}
    response = pr.ResponseSpeed(intercept_one=5.0, intercept_zero=4.0, gain=2.0)

    np.testing.assert_allclose(response.predict(where), [5.0 + 1.8, 4.0 + 0.2], rtol=1e-12)


def test_a_linear_response_is_any_reaction_time():
    """The one with a name of its own is the same sum."""

    def bits(now):
        return pr.regressors.surprise(now["u"]) / np.log(2)

    def informational(now):
        return pr.regressors.informational_uncertainty(now["x2"])

    linear = pr.LinearResponse(
        terms=[bits, informational], weights={"bits": 0.3, "informational": -0.2}, intercept=6.0
    )
    named = pr.LogReactionTime(intercept=6.0, surprise=0.3, informational_uncertainty=-0.2)
    np.testing.assert_allclose(linear.predict(beliefs()), named.predict(beliefs()), rtol=1e-12)


def test_squeezing_draws_a_scale_in():
    np.testing.assert_allclose(pr.squeeze([0.0, 0.5, 1.0, np.nan]), [0.025, 0.5, 0.975, np.nan])
    np.testing.assert_allclose(pr.squeeze([0.0, 1.0], share=0.5), [0.25, 0.75])
