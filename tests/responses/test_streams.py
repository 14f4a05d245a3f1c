"""Several streams at once, filtered beliefs, batches, and responses of one's own."""

import dataclasses
import json
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import responses as pr
from tests.responses.cases import CASES, TRIALS, beliefs, scored
from tests.small import OUTCOMES, STEPS, binary, network

CHOICE = pr.UnitSquareSigmoid(inverse_temperature=2.0)
TIME = pr.LogReactionTime(surprise=0.2, variance=0.1)
CHOICES = np.array([1.0, np.nan, 0.0, 1.0, 1.0, 0.0])
TIMES = np.array([6.1, 6.3, np.nan, 6.0, 5.9, 6.4])


def filtered():
    """Beliefs of the binary network."""
    return network(binary()).filter({"u": OUTCOMES})


def test_streams_add():
    joint = pr.JointResponse.of(choice=CHOICE, time=TIME)
    seen = filtered()

    found = joint.log_likelihood(seen, {"choice": CHOICES, "time": TIMES})
    alone = CHOICE.log_likelihood(seen, CHOICES) + TIME.log_likelihood(seen, TIMES)
    np.testing.assert_allclose(found, alone, rtol=1e-14)
    total = joint.total(seen, {"choice": CHOICES, "time": TIMES})
    np.testing.assert_allclose(total, jnp.sum(alone), rtol=1e-13)


def test_streams_have_their_parameters_by_name():
    joint = pr.JointResponse.of(choice=CHOICE, time=TIME)

    again = joint.replace({"choice.inverse_temperature": 3.0, "time.surprise": 0.5})
    assert again.parameters()["choice.inverse_temperature"] == 3.0
    assert again.parameters()["time.surprise"] == 0.5
    assert again.parameters()["time.variance"] == 0.1
    assert joint.parameters()["time.surprise"] == 0.2
    assert joint.reads == ("u", "x2", "x3")


def test_streams_are_simulated_apart():
    joint = pr.JointResponse.of(one=CHOICE, other=CHOICE)
    draws = joint.sample(jax.random.key(1), beliefs(200))

    assert set(draws) == {"one", "other"}
    assert np.any(np.asarray(draws["one"]) != np.asarray(draws["other"]))
    assert set(joint.predict(beliefs())) == {"one", "other"}
    again = joint.log_likelihood(beliefs(200), draws)
    assert np.isfinite(again).all()


def test_streams_share_covariates():
    memory = pr.StayShiftSoftmax(options=("u.predicted_mean", "x2.predicted_mean"), win_bias=0.3)
    joint = pr.JointResponse.of(choice=memory, time=TIME)
    past = {"previous_choice": np.ones(STEPS), "previous_reward": np.ones(STEPS)}
    responses = {"choice": np.ones(STEPS), "time": TIMES}

    found = joint.log_likelihood(filtered(), responses, covariates=past)
    alone = memory.log_likelihood(filtered(), np.ones(STEPS), covariates=past)
    np.testing.assert_allclose(found - TIME.log_likelihood(filtered(), TIMES), alone, rtol=1e-12)


def test_a_batch_of_beliefs_shares_one_series_of_responses():
    """Beliefs under several parameters, as a sampler has them."""
    net = network(binary())
    values = jnp.array([-4.0, -3.0, -2.0])

    def run(value):
        return net.replace({"x2.tonic_volatility": value}).filter({"u": OUTCOMES})

    batch = jax.vmap(run)(values)
    found = CHOICE.log_likelihood(batch, CHOICES)
    assert found.shape == (3, STEPS)
    assert CHOICE.total(batch, CHOICES).shape == (3,)
    alone = [CHOICE.log_likelihood(run(value), CHOICES) for value in values]
    np.testing.assert_allclose(found, np.stack(alone), rtol=1e-11, atol=1e-13)


def test_a_likelihood_is_differentiable_from_the_network_on():
    """In the parameters of the agent's beliefs and of its responses together."""
    net = network(binary())

    @jax.jit
    def total(volatility, sharp):
        seen = net.replace({"x2.tonic_volatility": volatility}).filter({"u": OUTCOMES})
        return CHOICE.replace({"inverse_temperature": sharp}).total(seen, CHOICES)

    at = (-3.0, 2.0)
    slopes = jax.grad(total, argnums=(0, 1))(*at)
    for i, slope in enumerate(slopes):
        ahead, behind = (
            total(*[v + s * 1e-6 * (j == i) for j, v in enumerate(at)]) for s in (1, -1)
        )
        assert float(slope) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-6)


def test_one_step_is_scored_as_within_its_series():
    net = network(binary())
    _, now = net.step(net.start(), {"u": 1.0})

    found = CHOICE.log_likelihood(now, 1.0)
    assert found.shape == ()
    assert float(found) == pytest.approx(float(CHOICE.log_likelihood(filtered(), OUTCOMES)[0]))
    assert CHOICE.sample(jax.random.key(0), now).shape == ()


def test_a_failed_run_is_impossible_from_there_on():
    """As its surprise is infinite: held beliefs are no beliefs. With gradient zero."""
    graph = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))
    outcomes = pn.data.association().outcomes
    net = graph.compile()

    def run(value):
        seen = net.replace({"x2.tonic_volatility": value}).filter({"u": outcomes}, throw=False)
        return seen, CHOICE.log_likelihood(seen, outcomes)

    seen, found = run(2.0)
    alive = np.asarray(seen.status.alive)
    assert not alive.all()
    assert np.isfinite(np.asarray(found)[alive]).all()
    assert np.all(np.asarray(found)[~alive] == -np.inf)
    assert np.isfinite(jax.grad(lambda v: jnp.sum(run(v)[1]))(2.0))


def test_impossible_traced_responses_have_no_probability():
    """They cannot be refused, for their values are not known; nor are they taken for others."""
    found = jax.jit(lambda y: CHOICE.log_likelihood(beliefs(3), y))(jnp.array([1.0, 2.0, 0.0]))

    assert found[1] == -np.inf
    assert np.isfinite(np.asarray(found)[[0, 2]]).all()
    options = pr.Softmax(options="v.predicted_mean")
    found = jax.jit(lambda y: options.log_likelihood(beliefs(3), y))(jnp.array([4.0, 0.5, 3.0]))
    np.testing.assert_array_equal(np.isfinite(found), [False, False, True])


def test_a_trial_without_its_covariate_is_left_out():
    response = pr.ConditionedHallucination()
    rate = np.where(np.arange(TRIALS) == 2, np.nan, 0.4)

    found = response.log_likelihood(beliefs(), np.ones(TRIALS), covariates={"detection_rate": rate})
    assert found[2] == 0
    assert np.all(np.asarray(found)[3:] < 0)
    predicted = response.predict(beliefs(), covariates={"detection_rate": rate})
    assert np.isnan(predicted).tolist() == (np.arange(TRIALS) == 2).tolist()
    drawn = response.sample(jax.random.key(0), beliefs(), covariates={"detection_rate": rate})
    assert np.isnan(drawn).tolist() == (np.arange(TRIALS) == 2).tolist()


def test_a_covariate_may_be_one_number():
    response = pr.ConditionedHallucination()
    each = {"detection_rate": np.full(TRIALS, 0.4)}

    np.testing.assert_array_equal(
        response.log_likelihood(beliefs(), np.ones(TRIALS), covariates={"detection_rate": 0.4}),
        response.log_likelihood(beliefs(), np.ones(TRIALS), covariates=each),
    )


def test_a_function_is_a_response():
    """With parameters to fit, and errors where it is asked for what it does not say."""

    def lapse(now, response, sharp, rate):
        probability = jax.nn.sigmoid(sharp * now["x2"].predicted_mean)
        chosen = jnp.where(response > 0.5, probability, 1 - probability)
        return jnp.log(rate / 2 + (1 - rate) * chosen)

    response = pr.OwnResponse.of(lapse, sharp=1.0, rate=0.1)
    found = response.log_likelihood(filtered(), CHOICES)
    assert found[1] == 0
    p = 1 / (1 + np.exp(-np.asarray(filtered()["x2"].predicted_mean)))
    expected = np.log(0.05 + 0.9 * np.where(CHOICES > 0.5, p, 1 - p))
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-12)
    assert response.replace({"rate": 0.2}).parameters() == {"sharp": 1.0, "rate": 0.2}
    with pytest.raises(pn.PynodesError, match="predicts nothing"):
        response.predict(filtered())
    with pytest.raises(pn.PynodesError, match="cannot be simulated"):
        response.sample(jax.random.key(0), filtered())


def test_recorded_nodes_are_enough():
    """What is not read need not be kept."""
    few = network(binary()).filter({"u": OUTCOMES}, record=CHOICE.reads)

    np.testing.assert_array_equal(
        CHOICE.log_likelihood(few, CHOICES), CHOICE.log_likelihood(filtered(), CHOICES)
    )


def test_a_response_acts_on_predictions_within_a_compiled_loop():
    """One step's predictions as a mapping: all that a closed loop has before it acts."""

    @jax.jit
    def act(key, mean):
        return CHOICE.sample(key, {"u": SimpleNamespace(predicted_mean=mean)})

    drawn = [float(act(key, 0.7)) for key in jax.random.split(jax.random.key(0), 20)]
    assert set(drawn) == {0.0, 1.0}


def test_a_structure_is_the_class_and_its_choices():
    """Two kinds with the same parameters are not taken for one another."""
    one, other = pr.UnitSquareSigmoid(), pr.BinarySoftmax()

    assert jax.tree.structure(one) != jax.tree.structure(other)
    assert jax.tree.structure(one) == jax.tree.structure(one.replace({"inverse_temperature": 9.0}))
    moved = dataclasses.replace(one, probability="u.mean")
    assert jax.tree.structure(one) != jax.tree.structure(moved)


RUN = """
import json, jax, numpy as np
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
from tests.responses.cases import CASES, SIMULATED, beliefs, scored
found = {}
for case in CASES:
    values, slopes = scored(case)
    types = {str(values.dtype)}
    if case in SIMULATED:
        known, key = case.known(), jax.random.key(0)
        types |= {str(jax.eval_shape(lambda: case.response.sample(key, beliefs(), covariates=known)).dtype)}
        types |= {str(jax.eval_shape(lambda: case.response.predict(beliefs(), covariates=known)).dtype)}
    found[case.name] = [values.tolist(), {k: float(v) for k, v in slopes.items()}, sorted(types)]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_float32_is_near_and_stays_float32():
    """In a process of its own, without x64."""
    from tests.pages import ROOT

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN], capture_output=True, check=False, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr.decode()
    found = json.loads(run.stdout)
    for case in CASES:
        values, slopes, types = found[case.name]
        expected, exact = scored(case)
        assert types == ["float32"], case.name
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)
        for name, slope in slopes.items():
            assert slope == pytest.approx(float(exact[name]), rel=1e-3, abs=1e-3), case.name
