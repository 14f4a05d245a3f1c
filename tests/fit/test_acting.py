"""Simulated responses where what was done bears on what follows: the response before, and rewards."""

import numpy as np
import pytest

import pynodes as pn
from pynodes.environments import Bandit, Replay

TRIALS = 60
SUBJECTS = np.repeat(np.arange(40), TRIALS)
VALUES = {"u.learning_rate": 0.3, "inverse_temperature": 1e-9, "perseveration": 1.5}


def alternating():
    """Trials in which every recorded choice is the other one: recorded habits would be the opposite."""
    choices = np.arange(len(SUBJECTS)) % 2.0
    choices[7] = np.nan
    frame = {
        "subject": SUBJECTS,
        "u": np.random.default_rng(1).integers(0, 2, len(SUBJECTS)) * 1.0,
        "y": choices,
        "last": np.asarray(pn.responses.previous(choices, by=SUBJECTS)),
    }
    return pn.Trials(
        frame, inputs="u", actions="y", by="subject", covariates={"previous_choice": "last"}
    )


@pytest.mark.slow
def test_choices_are_repeated_as_often_as_those_who_persevere_repeat_them():
    """Where outcomes do not count, the log odds of the last choice again are the perseveration."""
    agent = pn.agents.rescorla_wagner(perseveration=True)
    found = pn.simulate(agent, alternating(), VALUES, seed=2).trials.columns
    choices, last = found["y"], found["last"]

    np.testing.assert_array_equal(last, pn.responses.previous(choices, by=SUBJECTS))
    assert np.flatnonzero(np.isnan(choices)).tolist() == [7]
    again = (choices == last)[~np.isnan(choices) & ~np.isnan(last)]
    expected = 1 / (1 + np.exp(-1.5))
    assert abs(again.mean() - expected) < 4.5 * np.sqrt(expected * (1 - expected) / len(again))


def two_arms(**columns):
    """Trials of two subjects, whose recorded rewards are those of recorded choices."""
    rng, subjects = np.random.default_rng(3), SUBJECTS[: 2 * TRIALS]
    arm, paid = rng.integers(0, 2, (2, 2 * TRIALS)) * 1.0
    frame = {"subject": subjects, "arm": arm, **pn.models.bandit_inputs(arm, paid, arms=2)}
    return pn.Trials(frame | columns, inputs=["u_0", "u_1"], actions="arm", by="subject")


def test_an_environment_answers_what_is_simulated():
    """Of every subject by name: what is seen is of the arm that was chosen, and what it pays there."""
    rng, arms = np.random.default_rng(4), ("u_0", "u_1")
    series = rng.integers(0, 2, (2, 2, TRIALS)) * 1.0
    worlds = {
        subject: Replay(series=dict(zip(arms, series[subject], strict=True)), arms=arms)
        for subject in (0, 1)
    }
    agent = pn.agents.bandit_rescorla_wagner(2, perseveration=True)
    design = two_arms(last=np.full(2 * TRIALS, np.nan))
    design = pn.Trials(
        design.columns,
        inputs=list(arms),
        actions="arm",
        by="subject",
        covariates={"previous_choice": "last"},
    )
    made = pn.simulate(agent, design, environment=worlds, seed=5).trials
    arm = made.columns["arm"].astype(int)
    shown = np.stack([made.columns[name] for name in arms])
    paid = np.concatenate(series, axis=-1)

    rows = np.arange(2 * TRIALS)
    np.testing.assert_array_equal(shown[arm, rows], paid[arm, rows])
    assert np.isnan(shown[1 - arm, rows]).all()
    np.testing.assert_array_equal(
        made.columns["last"], pn.responses.previous(arm, by=SUBJECTS[: 2 * TRIALS])
    )


@pytest.mark.slow
def test_rewards_of_other_choices_are_refused_by_all_who_simulate():
    """And what came of a choice before, which an environment shows."""
    agent, design = pn.agents.bandit_rescorla_wagner(2), two_arms()
    world = Bandit(arms=("u_0", "u_1"), probabilities=np.array([0.8, 0.3]))

    for simulated in (
        lambda: pn.simulate(agent, design),
        lambda: pn.parameter_recovery(agent, design, 2),
        lambda: pn.model_recovery({"one": agent, "two": agent}, design, 2),
        lambda: pn.design_analysis(agent, design, [10], n=2),
    ):
        with pytest.raises(pn.DataError, match="environment="):
            simulated()
    shifting = pn.agents.rescorla_wagner(
        response=pn.responses.StayShiftSoftmax(options=("u.mean",) * 2)
    )
    with pytest.raises(pn.DataError, match=r"previous_reward.*environment="):
        pn.simulate(shifting, pn.Trials({"u": np.ones(TRIALS)}, inputs="u"))
    with pytest.raises(pn.DataError, match="no environment of '1'"):
        pn.simulate(agent, design, environment={0: world})
    recovered = pn.parameter_recovery(agent, design, 8, environment=world, starts=2)
    assert np.isfinite(recovered.posterior.log_evidence).all()


@pytest.mark.slow
def test_of_several_streams_one_chooses_in_an_environment():
    """The reward is of the arm that was chosen, and what is persevered with is that choice."""
    streams = {
        "choice": pn.responses.Softmax(options=("u_0.predicted_mean", "u_1.predicted_mean")),
        "rating": pn.responses.GaussianResponse(belief="u_0.predicted_mean", variance=0.1),
    }
    free = {"rating.variance": pn.LogNormal(-2, 1)}
    agent = pn.agents.bandit_rescorla_wagner(2, response=streams, perseveration=True, free=free)
    rng, arms = np.random.default_rng(4), ("u_0", "u_1")
    paid = rng.integers(0, 2, (2, TRIALS)) * 1.0
    blank = np.full(TRIALS, np.nan)
    design = pn.Trials(
        {"u_0": blank, "u_1": blank, "last": blank},
        inputs=list(arms),
        covariates={"previous_choice": "last"},
    )
    series = dict(zip(arms, paid, strict=True))
    for world in (
        Replay(series=series, arms=arms, stream="choice"),
        Bandit(arms=arms, probabilities=np.array([1.0, 1.0]), stream="choice"),
    ):
        made = pn.simulate(agent, design, environment=world, seed=5).trials
        arm = made.columns["choice"].astype(int)
        shown = np.stack([made.columns[name] for name in arms])
        known = paid if isinstance(world, Replay) else np.ones_like(paid)
        np.testing.assert_array_equal(shown[arm, range(TRIALS)], known[arm, range(TRIALS)])
        assert np.isnan(shown[1 - arm, range(TRIALS)]).all()
        np.testing.assert_array_equal(made.columns["last"], pn.responses.previous(arm * 1.0))
    with pytest.raises(pn.InputError, match="stream='choice'"):
        pn.simulate(agent, design, environment=Replay(series=series, arms=arms))
