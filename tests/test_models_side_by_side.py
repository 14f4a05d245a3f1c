"""Premade graphs of several states under one parent, and the helpers that make their inputs."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few

NAN = np.nan


def edges(graph):
    """Coupling class and strength by parent and child."""
    return {(a, b): (type(c).__name__, float(c.strength)) for a, b, c in graph.edges}


def test_the_categorical_hgf_is_a_logit_for_each_outcome_under_one_ladder():
    graph = pn.models.categorical_hgf(3, 4, volatility_strength=[0.5, 0.7])

    assert list(graph.nodes) == ["u", "x2_0", "x2_1", "x2_2", "x3", "x4"]
    assert graph.nodes["u"].outcomes == 3
    found = edges(graph)
    for code in range(3):
        assert found.pop((f"x2_{code}", "u")) == ("Category", 1.0)
        assert found.pop(("x3", f"x2_{code}")) == ("Volatility", 0.5)
    assert found == {("x4", "x3"): ("Volatility", 0.7)}


@pytest.mark.parametrize("outcomes", [2, 5])
def test_at_first_every_outcome_has_an_even_chance(outcomes):
    """Also where each is judged by itself: the sigmoid of -log(K - 1) is 1/K."""
    for normalised in (True, False):
        graph = pn.models.categorical_hgf(outcomes, normalised=normalised)
        beliefs = graph.compile().filter({"u": [0]})
        np.testing.assert_allclose(beliefs["u"].predicted_mean[0], 1 / outcomes, rtol=1e-12)


def test_the_transition_hgf_has_an_input_for_every_state_that_is_left():
    graph = pn.models.transition_hgf(3)

    names = [f"x2_{a}_{b}" for a in range(3) for b in range(3)]
    assert list(graph.nodes) == ["u_0", "u_1", "u_2", *names, "x3"]
    for begin in range(3):
        assert graph.parents(f"u_{begin}") == [f"x2_{begin}_{end}" for end in range(3)]
    assert graph.children("x3") == names


def test_transitions_are_observed_where_the_world_was():
    """What follows a state is observed by that state's input; a gap hides two transitions."""
    series = [2, 0, 1, NAN, 2, 2]

    found = pn.models.transition_inputs(series, 3)
    known = pn.models.transition_inputs(series, 3, start=1)

    np.testing.assert_array_equal(found["u_0"], [NAN, NAN, 1, NAN, NAN, NAN])
    np.testing.assert_array_equal(found["u_1"], [NAN] * 6)
    np.testing.assert_array_equal(found["u_2"], [NAN, 0, NAN, NAN, NAN, 2])
    np.testing.assert_array_equal(known["u_1"], [2, NAN, NAN, NAN, NAN, NAN])


def test_only_the_row_of_the_state_that_was_left_learns():
    network = pn.models.transition_hgf(3).compile()
    beliefs = network.filter(pn.models.transition_inputs([0, 1, 1], 3))

    still = beliefs["x2_2_0"]
    np.testing.assert_array_equal(still.mean, still.predicted_mean)
    assert np.all(np.diff(1 / still.precision) > 0)
    assert beliefs["x2_0_1"].mean[1] > beliefs["x2_0_1"].mean[0]
    assert beliefs["x2_0_2"].mean[1] < beliefs["x2_0_2"].mean[0]


@pytest.mark.parametrize("normalised", [False, True])
def test_transitions_are_learned(normalised):
    """From a world that goes around, and now and then does not."""
    rng = np.random.default_rng(0)
    series = [0]
    for _ in range(400):
        series.append((series[-1] + 1) % 4 if rng.random() < 0.8 else rng.integers(4))
    network = pn.models.transition_hgf(4, normalised=normalised).compile()
    beliefs = network.filter(pn.models.transition_inputs(series, 4))

    for state in range(4):
        chance = np.asarray(beliefs[f"u_{state}"].predicted_mean[-1])
        chance = chance / chance.sum()
        assert abs(chance[(state + 1) % 4] - 0.85) < 0.12


@pytest.mark.parametrize(("rewards", "low"), [("binary", 2), ("continuous", 1)])
def test_the_bandit_is_a_state_for_each_arm_under_one_ladder(rewards, low):
    graph = pn.models.bandit_hgf(3, rewards=rewards, value_strength=0.8)

    arms = [f"x{low}_{arm}" for arm in range(3)]
    assert list(graph.nodes) == ["u_0", "u_1", "u_2", *arms, f"x{low + 1}"]
    kind = "Probability" if rewards == "binary" else "Observation"
    assert [edges(graph)[arm, f"u_{n}"] for n, arm in enumerate(arms)] == [(kind, 0.8)] * 3
    assert graph.children(f"x{low + 1}") == arms


def test_two_coupled_arms_are_one_state():
    """What one arm paid says as much about the other."""
    network = pn.models.bandit_hgf(2, coupled=True).compile()
    choices, rewards = [0, 1, 1, 0], [1, 0, 1, 1]
    beliefs = network.filter(pn.models.bandit_inputs(choices, rewards, 2))
    told = pn.models.binary_hgf(tonic_volatility=[-3.0, -6.0]).compile().filter({"u": [1, 1, 0, 1]})

    np.testing.assert_allclose(beliefs["x2"].mean, told["x2"].mean, rtol=1e-12)
    chances = [beliefs[f"u_{arm}"].predicted_mean for arm in range(2)]
    np.testing.assert_allclose(sum(chances), 1.0, rtol=1e-12)


def test_rewards_are_observed_where_they_were_chosen():
    found = pn.models.bandit_inputs([0, 2, NAN, 1], [1.0, 0.5, 1.0, NAN], 3)

    np.testing.assert_array_equal(found["u_0"], [1, NAN, NAN, NAN])
    np.testing.assert_array_equal(found["u_1"], [NAN] * 4)
    np.testing.assert_array_equal(found["u_2"], [NAN, 0.5, NAN, NAN])


def test_an_arm_that_is_not_chosen_goes_back_to_its_attractor():
    """By what it does not keep, step by step; an independent recursion."""
    graph = pn.models.bandit_hgf(
        2, 1, rewards="continuous", initial_mean=5.0, autoconnection=0.9, attractor=50.0
    )
    beliefs = graph.compile().filter(pn.models.bandit_inputs([0] * 6, [1.0] * 6, 2))

    expected = 50.0 + 0.9 ** np.arange(1, 7) * (5.0 - 50.0)
    np.testing.assert_allclose(beliefs["x1_1"].mean, expected, rtol=1e-12)


def test_inputs_may_be_made_inside_jit():
    network = pn.models.bandit_hgf(2).compile()
    choices, rewards = np.array([0.0, 1.0, 0.0, NAN]), np.array([1.0, 0.0, 1.0, 1.0])

    def surprise(choices, rewards):
        return network.surprise(pn.models.bandit_inputs(choices, rewards, 2))

    np.testing.assert_allclose(
        jax.jit(surprise)(jnp.asarray(choices), jnp.asarray(rewards)), surprise(choices, rewards)
    )
    codes = jnp.array([0.0, 1.0, 1.0])
    found = jax.jit(lambda s: pn.models.transition_inputs(s, 2))(codes)
    np.testing.assert_array_equal(found["u_1"], pn.models.transition_inputs([0, 1, 1], 2)["u_1"])


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda: pn.models.categorical_hgf(1), pn.GraphError, "outcomes must be .* at least 2"),
        (lambda: pn.models.categorical_hgf(3, 1), pn.GraphError, "levels must be .* at least 2"),
        (lambda: pn.models.transition_hgf(1), pn.GraphError, "states must be .* at least 2"),
        (lambda: pn.models.bandit_hgf(0), pn.GraphError, "arms must be .* at least 1"),
        (lambda: pn.models.bandit_hgf(rewards="money"), pn.GraphError, "not 'money'"),
        (lambda: pn.models.bandit_hgf(3, coupled=True), pn.GraphError, "Only two arms"),
        (
            lambda: pn.models.bandit_hgf(autoconnection=[1.0]),
            pn.GraphError,
            "autoconnection has 1 values",
        ),
        (lambda: pn.models.bandit_hgf(autoconnection=1.5), pn.ParameterError, "autoconnection"),
        (lambda: pn.models.transition_inputs([0, 4], 4), pn.InputError, "series is 4 at step 1"),
        (lambda: pn.models.transition_inputs([0, 1], 4, start=4), pn.InputError, "start must be"),
        (lambda: pn.models.bandit_inputs([0, 0.5], [1, 1], 2), pn.InputError, "0.5 at step 1"),
        (lambda: pn.models.bandit_inputs([0, 1], [1], 2), pn.InputError, "2 choices but 1 rewards"),
    ],
)
def test_what_makes_no_model_is_refused(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        wrong()


@pytest.mark.parametrize("model", ["categorical_hgf", "transition_hgf", "bandit_hgf"])
def test_every_model_names_its_source(model):
    assert "Source:" in inspect.getdoc(getattr(pn.models, model))


@pytest.mark.parametrize("expansion", few(["unbounded", "enhanced", "standard"], 1))
def test_the_defaults_stay_calm_on_what_they_are_for(expansion):
    """Four hundred steps with a reversal do not send the volatility away."""
    rng = np.random.default_rng(1)
    late = np.arange(400) >= 200
    codes = [rng.choice(3, p=[0.1, 0.2, 0.7] if flag else [0.7, 0.2, 0.1]) for flag in late]
    choices = rng.integers(0, 3, 400)
    good = np.where(late, 2, 0) == choices
    paid = (rng.random(400) < np.where(good, 0.8, 0.3)).astype(float)
    told = {
        "categorical_hgf": {"u": np.array(codes, float)},
        "transition_hgf": pn.models.transition_inputs(codes, 4),
        "bandit_hgf": pn.models.bandit_inputs(choices, paid),
    }
    for model, inputs in told.items():
        beliefs = getattr(pn.models, model)(expansion=expansion).compile().filter(inputs)
        assert np.all(np.abs(beliefs["x3"].mean) < 3)
