"""Lapses and perseveration: mixtures and odds by hand, and premade agents that ask for them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import agents, responses


class Belief:
    """What a response reads of a node."""

    def __init__(self, mean):
        self.predicted_mean = jnp.asarray(mean)


BELIEFS = {"u": Belief([0.2, 0.7, 0.9]), "v": Belief([0.5, 0.1, 0.4])}
BOTH = ("u.predicted_mean", "v.predicted_mean")
LAST = {"previous_choice": [np.nan, 1.0, 0.0]}


def test_a_lapse_chooses_blindly():
    """(1 - e) p + e / 2, of both kinds of choice; at a rate of zero nothing else."""
    sharp = responses.UnitSquareSigmoid(inverse_temperature=2.0)
    odds = np.array([0.2, 0.7, 0.9]) ** 2 / (1 - np.array([0.2, 0.7, 0.9])) ** 2
    chance = odds / (1 + odds)
    for rate in (0.0, 0.3):
        lapsing = responses.UnitSquareSigmoid(inverse_temperature=2.0, lapse_rate=rate)
        expected = (1 - rate) * chance + rate / 2
        np.testing.assert_allclose(lapsing.predict(BELIEFS), expected, rtol=1e-6)
        np.testing.assert_allclose(
            np.exp(lapsing.log_likelihood(BELIEFS, [1.0, 1.0, 1.0])), expected, rtol=1e-6
        )
    np.testing.assert_allclose(sharp.predict(BELIEFS), chance, rtol=1e-6)
    two = responses.Softmax(options=BOTH, lapse_rate=0.3)
    plain = responses.Softmax(options=BOTH)
    expected = 0.7 * np.asarray(plain.predict(BELIEFS)) + 0.15
    np.testing.assert_allclose(two.predict(BELIEFS), expected, rtol=1e-6)
    chosen = np.exp(two.log_likelihood(BELIEFS, [0.0, 1.0, 1.0]))
    np.testing.assert_allclose(chosen, expected[np.arange(3), [0, 1, 1]], rtol=1e-6)


def test_a_lapse_is_among_what_is_offered():
    """One of two options that is there alone is chosen for certain; the other one never, lapse or not."""
    response = responses.Softmax(options=BOTH, offered=2, lapse_rate=0.4)
    offers = {"offered_0": [1, 1, 0], "offered_1": [1, 0, 1]}
    found = np.exp(response.log_likelihood(BELIEFS, [0.0, 0.0, 0.0], covariates=offers))

    p = 1 / (1 + np.exp(0.3))
    np.testing.assert_allclose(found, [0.6 * p + 0.2, 1.0, 0.0], rtol=1e-6)


def test_perseveration_adds_to_the_odds_of_the_last_choice():
    """Log odds of 1 gain k after a 1 and lose k after a 0; of options it is a bias of their scores."""
    plain = responses.UnitSquareSigmoid()
    biased = responses.UnitSquareSigmoid(perseveration=0.8)
    found, before = (
        np.log(p / (1 - p))
        for p in (
            np.asarray(biased.predict(BELIEFS, covariates=LAST)),
            np.asarray(plain.predict(BELIEFS)),
        )
    )
    np.testing.assert_allclose(found - before, [0.0, 0.8, -0.8], atol=1e-5)
    same = responses.StayShiftSoftmax(options=BOTH, win_bias=0.8, loss_bias=0.8)
    known = LAST | {"previous_reward": [np.nan, 1.0, 0.0]}
    np.testing.assert_allclose(
        responses.Softmax(options=BOTH, perseveration=0.8).predict(BELIEFS, covariates=LAST),
        same.predict(BELIEFS, covariates=known),
        rtol=1e-6,
    )


def test_gradients_of_habits_are_finite():
    def total(values):
        response = responses.UnitSquareSigmoid(lapse_rate=0.1, perseveration=0.0).replace(values)
        return response.total(BELIEFS, [1.0, 0.0, np.nan], covariates=LAST)

    found = jax.grad(total)({"lapse_rate": 0.02, "perseveration": 0.3})
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize(
    "make",
    [
        *(agents.rescorla_wagner, agents.dual_rescorla_wagner, agents.sutton_k1),
        *(agents.pearce_hall, lambda **more: agents.bandit_rescorla_wagner(2, **more)),
        lambda **more: agents.categorical_hgf(levels=2, **more),
    ],
)
def test_premade_agents_lapse_and_persevere_on_request(make):
    plain, habits = make(), make(lapse=True, perseveration=True)

    assert set(habits.names) - set(plain.names) == {"lapse_rate", "perseveration"}
    assert not {"lapse_rate", "perseveration"} & {*plain.names, *plain.fixed}


def test_only_choices_lapse():
    with pytest.raises(pn.ParameterError, match="Softmax or a UnitSquareSigmoid"):
        agents.binary_hgf(2, response=responses.GaussianResponse(), lapse=True)
    times = {"time": responses.MinimalLogReactionTime(), "choice": responses.UnitSquareSigmoid()}
    agent = agents.binary_hgf(2, response=times, lapse=True)
    assert "choice.lapse_rate" in agent.names


def test_an_agent_says_what_is_fixed_and_at_what():
    """All numbers are either free or fixed; those that a series gives are neither."""
    agent = agents.binary_hgf(2, free={"inverse_temperature": pn.Fixed(3.0)})
    names = {"x2.tonic_drift", "x2.autoconnection", "x2.initial_mean", "x2.initial_precision"}

    assert set(agent.fixed) == names | {"x2->u.strength", "inverse_temperature"}
    assert agent.fixed["inverse_temperature"] == 3.0
    assert agent.fixed["x2.initial_precision"] == 3.0
    assert "fixed at 1" in agent._repr_html_()
    assert "u.choice" not in agents.dual_rescorla_wagner().fixed
    wide = agents.binary_hgf(2, free={"x2.initial_precision": pn.LogNormal(0, 1)})
    assert "x2.initial_precision" not in wide.fixed
