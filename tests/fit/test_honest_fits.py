"""What a fit says of data that do not mean what they seem to, by studies in which the truth is known."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from pynodes.fit.mode.problems import describe_units
from tests.fit.drawn import gaussian_modes

TRIALS = 24
RNG = np.random.default_rng(7)
OUTCOMES = np.resize([1.0, 1.0, 0.0, 1.0], TRIALS)
CHOICES = np.r_[0.0, OUTCOMES[:-1]]
"""A subject who chooses what came last."""

RW = pn.agents.rescorla_wagner()


def fit(agent, columns, **roles):
    return pn.fit_map(agent, pn.Trials(columns, **roles), starts=2, refine=1, seed=1)


def test_a_fit_worse_than_a_coin_says_so_and_a_good_one_does_not():
    """Choices coded the other way round: no inverse temperature, being positive, makes them likely."""
    blocked = np.repeat([1.0, 0.0, 1.0], 8)
    good = fit(RW, {"u": blocked, "y": blocked}, inputs="u", actions="y")
    turned = fit(RW, {"u": blocked, "y": 1 - blocked}, inputs="u", actions="y")

    assert not any("than chance" in said for said in good.problems())
    (said,) = [said for said in turned.problems() if "than chance" in said]
    assert float(turned.accuracy) < TRIALS * np.log(0.5)
    assert f"{TRIALS * np.log(0.5):.1f}" in said


def biased(beliefs, response, beta, bias, side):
    odds = beta * (beliefs["u"].predicted_mean - 0.5) + bias * side
    return jax.nn.log_sigmoid(jnp.where(response > 0.5, odds, -odds))


SIDED = pn.Agent(
    pn.Graph().add(u=pn.RescorlaWagner()),
    pn.responses.OwnResponse.of(biased, covariates=("side",), support=(0, 1), beta=1.0, bias=0.0),
    free={"beta": pn.LogNormal(1, 1), "bias": pn.Normal(0, 1)},
)
COLUMNS = {"u": OUTCOMES, "y": CHOICES, "side": np.resize([1.0, -1.0], TRIALS)}
ROLES = {"inputs": "u", "actions": "y", "covariates": ["side"]}


def test_several_agents_take_of_the_covariates_their_own():
    fits = pn.fit_map(
        {"sided": SIDED, "plain": RW}, pn.Trials(COLUMNS, **ROLES), starts=2, refine=1
    )

    assert fits["plain"].trials.roles.covariates == {}
    assert set(fits["sided"].trials.roles.covariates) == {"side"}
    assert pn.compare(fits).models == ("sided", "plain")
    with pytest.raises(pn.DataError, match="no covariate 'side'"):
        pn.fit_map(RW, pn.Trials(COLUMNS, **ROLES))


def test_a_code_for_no_response_is_no_response():
    coded = COLUMNS | {"y": np.where(np.arange(TRIALS) == 5, -1.0, CHOICES)}

    with pytest.raises(pn.DataError, match=r"-1.*0 or 1"):
        pn.fit_map(SIDED, pn.Trials(coded, **ROLES))
    with pytest.raises(pn.ParameterError, match="support"):
        pn.responses.OwnResponse.of(biased, covariates=("side",), support=(), beta=1.0, bias=0.0)


def test_a_response_without_likelihood_is_not_called_a_failed_filter():
    def picky(beliefs, response, beta):
        return jnp.where(response > 0.5, jnp.nan, -beta * beliefs["u"].predicted_mean)

    agent = pn.Agent(
        pn.Graph().add(u=pn.RescorlaWagner()),
        pn.responses.OwnResponse.of(picky, beta=1.0),
        free={"beta": pn.LogNormal(1, 1)},
    )

    (said,) = fit(agent, {"u": OUTCOMES, "y": CHOICES}, inputs="u", actions="y").problems()

    assert "filtering failed" not in said
    for word in ("response of 1", "trial 1", "OwnResponse", "not finite"):
        assert word in said


DUAL = pn.agents.dual_rescorla_wagner()


def test_missed_trials_teach_a_learner_of_options_nothing():
    """As if their rows were not there: the rule knows no time."""
    missed = np.isin(np.arange(TRIALS), [4, 9])
    roles = {"inputs": {"u": "r", "u.choice": "c"}, "actions": "c"}
    gappy = {name: np.where(missed, np.nan, x) for name, x in (("r", OUTCOMES), ("c", CHOICES))}
    values = {"u.learning_rate": 0.3, "u.counterfactual": 0.5, "inverse_temperature": 2.0}

    found = DUAL.pointwise_log_likelihood(values, pn.Trials(gappy, **roles))
    short = pn.Trials({"r": OUTCOMES[~missed], "c": CHOICES[~missed]}, **roles)

    np.testing.assert_allclose(
        np.asarray(found)[~missed], DUAL.pointwise_log_likelihood(values, short), rtol=1e-9
    )
    np.testing.assert_array_equal(np.asarray(found)[missed], 0)
    with pytest.raises(pn.DataError, match="frozen="):
        DUAL.pointwise_log_likelihood(values, pn.Trials({"r": OUTCOMES, "c": gappy["c"]}, **roles))


@pytest.mark.slow
def test_choices_that_are_learned_from_and_choices_that_were_done_are_compared():
    columns = {"r": OUTCOMES, "seen": 1 - CHOICES, "done": CHOICES}
    roles = {"inputs": {"u": "r", "u.choice": "seen"}, "actions": "done"}

    said = fit(DUAL, columns, **roles).problems()[0]

    assert f"{TRIALS} of {TRIALS} trials" in said
    assert "'seen'" in said
    assert "'done'" in said


def test_bandits_are_not_simulated_with_the_rewards_of_other_choices():
    arm = RNG.integers(0, 2, TRIALS)
    inputs = pn.models.bandit_inputs(arm, OUTCOMES, arms=2)
    agent = pn.agents.bandit_hgf(2, levels=2)
    design = pn.Trials({**inputs, "arm": arm}, inputs=["u_0", "u_1"], actions="arm")
    both = pn.Trials({"u_0": OUTCOMES, "u_1": 1 - OUTCOMES}, inputs=["u_0", "u_1"])

    with pytest.raises(pn.DataError, match="Replay"):
        pn.simulate(agent, design, seed=1)
    assert len(pn.simulate(agent, both, seed=1).trials) == TRIALS


def test_choices_without_learning_need_no_series():
    """Delay discounting: the log likelihood by hand."""
    delay, later = RNG.choice([6.0, 30.0, 170.0], TRIALS), RNG.uniform(11, 40, TRIALS)

    def discount(beliefs, response, rate, delay, later):
        odds = later / (1 + rate * delay) - 10
        return jax.nn.log_sigmoid(jnp.where(response > 0.5, odds, -odds))

    own = pn.responses.OwnResponse.of(discount, covariates=("delay", "later"), rate=0.1)
    agent = pn.Agent(
        pn.Graph().add(still=pn.ConstantState()), own, free={"rate": pn.LogNormal(-3, 2)}
    )
    data = pn.Trials(
        {"choice": CHOICES, "delay": delay, "later": later},
        inputs={},
        actions="choice",
        covariates=["delay", "later"],
    )

    found = agent.pointwise_log_likelihood({"rate": 0.05}, data)

    odds = later / (1 + 0.05 * delay) - 10
    np.testing.assert_allclose(found, -np.log1p(np.exp(np.where(CHOICES > 0, -odds, odds))))


def test_options_that_were_not_offered_have_no_share():
    """Two of three with values 1 and 0.5: a coin with log odds beta / 2; the third, worth most, has none."""
    beliefs = {
        name: Belief(np.full(2, worth)) for name, worth in (("a", 1.0), ("b", 0.5), ("c", 2.0))
    }
    response = pn.responses.Softmax(
        options=("a.predicted_mean", "b.predicted_mean", "c.predicted_mean"),
        offered=3,
        inverse_temperature=2.0,
    )
    offered = {"offered_0": [1, 1], "offered_1": [1, 1], "offered_2": [0, 1]}

    chances = response.predict(beliefs, covariates=offered)
    found = response.log_likelihood(beliefs, [0, 0], covariates=offered)

    np.testing.assert_allclose(chances[0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0])
    all_three = np.exp([2.0, 1.0, 4.0])
    np.testing.assert_allclose(chances[1], all_three / all_three.sum())
    np.testing.assert_allclose(found, np.log(chances[:, 0]))
    gradient = jax.grad(
        lambda beta: response.replace({"inverse_temperature": beta}).total(
            beliefs, [0, 1], covariates=offered
        )
    )
    assert np.isfinite(gradient(2.0))
    assert response.total(beliefs, [2, 0], covariates=offered) == -np.inf
    for wrong in (2, 3.0, True):
        with pytest.raises(pn.ParameterError, match="offered"):
            pn.responses.Softmax(options=response.options, offered=wrong)


class Belief:
    """What a response reads of a node."""

    def __init__(self, mean):
        self.predicted_mean = mean


def test_evidence_from_elsewhere_is_compared_as_that_of_fits():
    """No model better: an even share for each, by symmetry. Tables keep their key."""
    index = pd.Index([11, 12, 13, 14], name="participant")
    table = pd.DataFrame(np.zeros((4, 3)), columns=["a", "b", "c"], index=index)

    found = pn.random_effects_bms(table)

    np.testing.assert_allclose(found.frequencies, 1 / 3)
    np.testing.assert_allclose(found.exceedance, 1 / 3, atol=1e-3)
    for wrong in (table[["a"]], table.assign(name="x")):
        with pytest.raises(pn.DataError, match=r"two models|numbers"):
            pn.random_effects_bms(wrong)


@pytest.mark.slow
def test_tables_of_one_study_share_its_key():
    who = np.repeat([11, 12], TRIALS // 2)
    trials = pn.Trials({"p": who, "u": OUTCOMES, "y": CHOICES}, inputs="u", actions="y", by="p")
    fits = pn.fit_map({"slow": RW, "fast": pn.agents.sutton_k1()}, trials, starts=2, refine=1)

    table = pn.compare(fits).table.reset_index()

    assert len(fits["slow"].table().merge(table, on="p")) >= 2


@pytest.mark.parametrize(
    ("scale", "word"),
    [
        (lambda ms: np.log(ms), None),
        (lambda ms: np.log(ms / 1000), "log\\(1000\\)"),
        (lambda ms: ms, "np.log"),
    ],
    ids=["log milliseconds", "log seconds", "milliseconds"],
)
def test_reaction_times_in_other_units_are_said(scale, word):
    """Half a second by the logarithm of milliseconds, as the parameters are; and speeds likewise."""
    times = RNG.gamma(9.0, 55.0, TRIALS)
    log_time, speed = pn.responses.MinimalLogReactionTime(), pn.responses.ResponseSpeed()
    said = log_time.doubt(scale(times))

    assert said is None if word is None else re.search(word, said)
    agent = pn.Agent(pn.models.binary_hgf(2), log_time, free={"intercept": pn.Normal(6.2, 1.0)})
    trials = pn.Trials({"u": OUTCOMES, "rt": scale(times)}, inputs="u", actions="rt")
    found = list(describe_units(gaussian_modes(agent, trials)))
    assert [sentence.startswith("The responses in 'rt' have") for sentence in found] == [
        True
    ] * bool(word)
    assert speed.doubt(1 / times) is None
    assert "1 / milliseconds" in speed.doubt(1000 / times)
    assert "times" in speed.doubt(times)
