"""The closed loop: what an agent believes, does and is answered hangs together."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.environments import AbstractEnvironment, Bandit, Replay, RestlessBandit

ARMS = ("left", "middle", "right")
PAYS = (0.2, 0.5, 0.8)


@cache
def learner() -> pn.Network:
    """Three arms with a state each, of one volatility."""
    graph = pn.Graph().add(pace=pn.ContinuousState(tonic_volatility=-6.0))
    for arm in ARMS:
        graph = graph.add({arm: pn.BinaryInput(), f"worth of {arm}": pn.ContinuousState()})
        graph = graph.couple(f"worth of {arm}", arm).couple(
            "pace", f"worth of {arm}", pn.Volatility()
        )
    return graph.compile()


@cache
def chooser() -> pn.responses.Softmax:
    """Chooses by how likely every arm is to pay."""
    return pn.responses.Softmax(
        options=tuple(f"{arm}.predicted_mean" for arm in ARMS), inverse_temperature=4.0
    )


@cache
def lived(steps: int = 400) -> pn.Interaction:
    """One life at the bandit."""
    return learner().interact(bandit(), chooser(), jax.random.key(0), steps=steps)


def bandit() -> Bandit:
    return Bandit(arms=ARMS, probabilities=PAYS)


class Echo(AbstractEnvironment):
    """Answers an action with itself, after showing how often it has."""

    def begin(self, key):
        return jnp.zeros(())

    def show(self, state):
        return {"count": state}

    def answer(self, key, state, action):
        return state + 1, {"u": action}


class Wordless(Echo):
    def show(self, state):
        return {}


def tracked() -> pn.Network:
    return pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u").compile()


def test_filtering_what_was_observed_gives_the_beliefs_again():
    run = lived()
    again = learner().filter(run.inputs)

    for name in again:
        for field in again[name].fields:
            np.testing.assert_allclose(
                getattr(run.beliefs[name], field),
                getattr(again[name], field),
                rtol=1e-12,
                atol=1e-12,
            )
    np.testing.assert_allclose(run.beliefs.surprise, again.surprise, rtol=1e-12)
    for part, other in zip(
        jax.tree.leaves(run.beliefs.final), jax.tree.leaves(again.final), strict=True
    ):
        np.testing.assert_allclose(part, other, rtol=1e-12)


def test_only_the_chosen_arm_is_observed():
    run = lived()
    seen = np.stack([~np.isnan(run.inputs[arm]) for arm in ARMS], axis=1)

    np.testing.assert_array_equal(seen, np.asarray(run.actions)[:, None] == np.arange(3))


def test_arms_pay_as_often_as_they_should_and_the_agent_finds_the_best():
    run = lived()
    for arm, pays in zip(ARMS, PAYS, strict=True):
        seen = run.inputs[arm][~np.isnan(run.inputs[arm])]
        error = np.sqrt(pays * (1 - pays) / len(seen))
        assert abs(seen.mean() - pays) < 4 * error
    assert np.mean(np.asarray(run.actions)[-200:] == 2) > 0.5


def test_actions_are_as_probable_as_the_response_says():
    """The log likelihood of what was done, less what is expected of it, is a mean of zero."""
    run = lived()
    found = chooser().log_likelihood(run.beliefs, run.actions)
    chances = np.asarray(chooser().predict(run.beliefs))
    expected = np.sum(chances * np.log(chances), axis=1)
    variance = np.sum(chances * np.log(chances) ** 2, axis=1) - expected**2

    score = np.sum(found - expected) / np.sqrt(np.sum(variance))
    assert abs(score) < 4


@pytest.mark.slow
def test_many_agents_are_as_each_by_itself():
    keys = jax.random.split(jax.random.key(3), 4)

    def life(key):
        return learner().interact(bandit(), chooser(), key, steps=30)

    together = jax.vmap(life)(keys)
    for number, key in enumerate(keys):
        alone = life(key)
        np.testing.assert_array_equal(together.actions[number], alone.actions)
        for arm in ARMS:
            np.testing.assert_allclose(
                together.beliefs[f"worth of {arm}"].mean[number],
                alone.beliefs[f"worth of {arm}"].mean,
                rtol=1e-12,
            )


def test_two_lives_in_a_row_are_one():
    """With a world and an agent that know no chance."""

    def drift(key, beliefs, covariates):
        return beliefs["u"].predicted_mean + jnp.sin(covariates["count"])

    network, key = tracked(), jax.random.key(0)
    whole = network.interact(Echo(), drift, key, steps=12)
    first = network.interact(Echo(), drift, key, steps=5)
    second = network.interact(
        Echo(), drift, key, steps=7, start=first.beliefs.final, world=first.world
    )

    np.testing.assert_allclose(
        np.concatenate([first.actions, second.actions]), whole.actions, rtol=1e-14
    )
    np.testing.assert_allclose(whole.shown["count"], np.arange(12.0))
    assert whole.world == 12.0


def test_times_and_covariates_reach_their_step():
    def act(key, beliefs, covariates):
        return covariates["offer"]

    network, times, offers = tracked(), np.array([1.0, 2.0, 0.5]), np.array([0.3, -1.0, 0.8])

    run = network.interact(
        Wordless(), act, jax.random.key(0), steps=3, dt=times, covariates={"offer": offers}
    )
    np.testing.assert_allclose(run.actions, offers)
    np.testing.assert_allclose(
        run.beliefs["x"].precision, network.filter({"u": offers}, dt=times)["x"].precision
    )


def test_the_environment_may_show_regressors_and_parameters():
    network = (
        pn.Graph()
        .add(u=pn.ContinuousInput(), x=pn.ContinuousState(), drive=pn.Regressor())
        .couple("x", "u")
        .couple("drive", "x")
        .compile()
    )

    class Driven(Echo):
        def show(self, state):
            return {"drive": 0.1 * state, "u.precision": 1.0 + state}

    run = network.interact(
        Driven(), lambda key, beliefs: jnp.float64(1.0), jax.random.key(0), steps=4
    )
    again = network.filter(
        {"u": np.ones(4), "drive": 0.1 * np.arange(4.0), "u.precision": 1.0 + np.arange(4.0)}
    )
    np.testing.assert_allclose(run.beliefs["x"].mean, again["x"].mean, rtol=1e-12)
    np.testing.assert_allclose(run.beliefs["x"].precision, again["x"].precision, rtol=1e-12)


@pytest.mark.slow
def test_a_restless_bandit_wanders_as_its_volatility_says():
    """After n steps, the logits have moved with variance n exp(volatility)."""
    world = RestlessBandit(arms=ARMS, logits=[0.0, 1.0, -1.0], tonic_volatility=-2.0)
    keys = jax.random.split(jax.random.key(1), 600)
    ends = jax.vmap(
        lambda key: learner().interact(world, chooser(), key, steps=25, record=[]).world["logits"]
    )(keys)

    moved = np.asarray(ends) - np.array([0.0, 1.0, -1.0])
    expected = 25 * np.exp(-2.0)
    count = moved.size
    assert abs(moved.mean()) < 4 * np.sqrt(expected / count)
    assert abs(moved.var() / expected - 1) < 4 * np.sqrt(2 / count)


def test_probabilities_of_arms_can_be_batched():
    pays = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

    def earned(pays):
        world = Bandit(arms=ARMS, probabilities=pays)
        run = learner().interact(world, chooser(), jax.random.key(0), steps=20, record=[])
        return jnp.stack([jnp.nansum(run.inputs[arm]) for arm in ARMS])

    found = jax.vmap(earned)(pays)
    np.testing.assert_array_equal(found > 0, pays > 0)


def test_a_failure_is_raised_with_node_and_step_or_held():
    """A volatile graph under the standard expansion breaks down on the recorded outcomes."""
    network = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)).compile()
    outcomes = jnp.asarray(pn.data.association().outcomes[:40])

    class Replay(Wordless):
        def begin(self, key):
            return jnp.array(0)

        def answer(self, key, state, action):
            return state + 1, {"u": outcomes[state]}

    def nothing(key, beliefs):
        return ()

    filtered = network.filter({"u": outcomes}, throw=False)
    with pytest.raises(pn.FilterError, match=f"'x3'.*step {filtered.status.step}"):
        network.interact(Replay(), nothing, jax.random.key(0), steps=40)
    run = network.interact(Replay(), nothing, jax.random.key(0), steps=40, throw=False)
    assert run.beliefs.status.step == filtered.status.step
    np.testing.assert_allclose(run.beliefs["x3"].mean, filtered["x3"].mean, rtol=1e-12)
    assert run.beliefs.surprise[-1] == np.inf


def test_single_precision_stays_single():
    with jax.enable_x64(False):
        run = learner().interact(bandit(), chooser(), jax.random.key(0), steps=5)
        assert run.beliefs["pace"].mean.dtype == np.float32
        assert np.isfinite(run.beliefs["pace"].mean).all()


class Mute(Wordless):
    def answer(self, key, state, action):
        return state, {}


class Stranger(Wordless):
    def answer(self, key, state, action):
        return state, {"u": action, "w": action}


class Wide(Wordless):
    def answer(self, key, state, action):
        return state, {"u": jnp.stack([action, action])}


def still(key, beliefs):
    return beliefs["x"].predicted_mean


WRONG = {
    "an answer for nobody": (Stranger(), still, {}, ("'w'", "no input")),
    "no answer": (Mute(), still, {}, ("'u'", "No series")),
    "an answer of another shape": (Wide(), still, {}, ("'u'", "(2,)")),
    "no environment": (3, still, {}, ("environment", "begin", "3")),
    "no response": (Wordless(), 3, {}, ("response", "3")),
    "no steps": (Wordless(), still, {"steps": 0}, ("steps", "0")),
    "covariates of another length": (
        Wordless(),
        still,
        {"covariates": {"cue": [1.0, 2.0]}},
        ("'cue'", "2 steps", "not 5"),
    ),
}


HINDSIGHT = {
    "a posterior mean": pn.responses.GaussianResponse(belief="x.mean"),
    "a stream of several": pn.responses.JointResponse.of(
        before=pn.responses.GaussianResponse(belief="x.predicted_mean"),
        after=pn.responses.GaussianResponse(belief="x.mean"),
    ),
}


@pytest.mark.parametrize("reading", HINDSIGHT)
def test_a_response_that_reads_what_comes_after_its_action_is_refused(reading):
    with pytest.raises(pn.FieldError, match=r"'mean' of 'x'.*after the observation.*afterwards"):
        tracked().interact(Wordless(), HINDSIGHT[reading], jax.random.key(0), steps=5)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_use_is_named(wrong):
    environment, response, options, words = WRONG[wrong]
    with pytest.raises(pn.InputError) as caught:
        tracked().interact(environment, response, jax.random.key(0), **({"steps": 5} | options))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bandit(arms="left", probabilities=[0.5]), ("arms", "'left'")),
        (lambda: Bandit(arms=ARMS, probabilities=[0.5]), ("3 arms", "probabilities")),
        (lambda: Bandit(arms=ARMS, probabilities=[0.5, 0.5, 1.5]), ("probabilities", "1.5")),
        (lambda: RestlessBandit(arms=ARMS, logits=[0.5]), ("3 arms", "logits")),
    ],
)
def test_a_wrong_environment_is_named(make, words):
    with pytest.raises(pn.ParameterError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_replay_answers_what_was_recorded_to_the_arm_that_was_chosen():
    outcomes = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    world = Replay(series=dict(zip(ARMS, outcomes.T, strict=True)), arms=ARMS)
    run = learner().interact(world, chooser(), jax.random.key(0), steps=6)

    for number, arm in enumerate(ARMS):
        chosen = np.asarray(run.actions) == number
        expected = np.append(outcomes[:, number], [np.nan, np.nan])
        np.testing.assert_array_equal(run.inputs[arm], np.where(chosen, expected, np.nan))


def test_a_replay_without_arms_does_not_mind_what_is_done():
    values = np.array([0.3, np.nan, 1.0])
    run = tracked().interact(Replay(series={"u": values}), still, jax.random.key(0), steps=3)

    np.testing.assert_array_equal(run.inputs["u"], values)
    assert run.world == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Replay(series={}), ("series",)),
        (lambda: Replay(series={"u": [1.0], "v": [1.0, 2.0]}), ("one length", "'v': 2")),
        (lambda: Replay(series={"u": [1.0, 2.0]}, arms=("v",)), ("'v'", "no series")),
        (lambda: Replay(series={"u": ["a", "b"]}), ("'u'", "numbers")),
    ],
)
def test_a_wrong_replay_is_named(make, words):
    with pytest.raises(pn.InputError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_a_bandit_shows_what_was_last_chosen_and_paid():
    """So that a response that stays or shifts acts in the loop as it is scored afterwards."""
    habit = pn.responses.StayShiftSoftmax(
        options=chooser().options, inverse_temperature=2.0, win_bias=3.0, loss_bias=-3.0
    )
    run = learner().interact(bandit(), habit, jax.random.key(4), steps=200)
    rewards = np.nansum(np.stack([run.inputs[arm] for arm in ARMS]), axis=0)
    past = {
        "previous_choice": pn.responses.previous(run.actions.astype(float)),
        "previous_reward": pn.responses.previous(rewards),
    }
    for name, series in past.items():
        np.testing.assert_array_equal(run.shown[name], series)
    chances = np.asarray(habit.predict(run.beliefs, covariates=past))
    found = np.log(chances[np.arange(200), np.asarray(run.actions).astype(int)])
    expected = np.sum(chances * np.log(chances), axis=1)
    variance = np.sum(chances * np.log(chances) ** 2, axis=1) - expected**2

    assert abs(np.sum(found - expected) / np.sqrt(np.sum(variance))) < 4


def test_a_function_is_shown_what_it_asks_for():
    def again(key, beliefs, covariates):
        last = covariates["previous_choice"]
        return jnp.where(jnp.isnan(last), 1, (last + 1) % 3).astype(int)

    run = learner().interact(bandit(), again, jax.random.key(0), steps=5)
    np.testing.assert_array_equal(run.actions, [1, 2, 0, 1, 2])


def test_an_arm_that_is_not_there_shows_nothing():
    run = learner().interact(bandit(), lambda *_: jnp.array(7), jax.random.key(0), steps=3)

    assert all(np.isnan(run.inputs[arm]).all() for arm in ARMS)
    assert np.isnan(run.shown["previous_choice"]).all()
