"""Simulation and recovery: what goes in comes out, as often as intervals promise."""

import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import (
    Agent,
    LogNormal,
    Normal,
    Trials,
    fit_map,
    model_recovery,
    parameter_recovery,
    simulate,
)
from tests.fit.cases import VALUES, chooser, table, watcher
from tests.fit.test_map import linear_agent, linear_trials


def design(**options):
    given = {"inputs": "u", "by": ["subject", "session"]} | options
    return Trials(table(((40, 30), (25, 50))), **given)


def test_a_study_is_simulated_in_its_design():
    found = simulate(chooser(), design(), VALUES, seed=3)

    assert found.trials.roles.actions == {"": ("action",)}
    assert np.isin(found.trials.columns["action"], (0, 1)).all()
    np.testing.assert_array_equal(found.trials.columns["u"], design().columns["u"])
    np.testing.assert_allclose(found.values["inverse_temperature"], [3, 3])
    assert fit_map(chooser(), found.trials).converged.all()


def test_the_same_seed_gives_the_same_study_and_another_another():
    one, again, other = (simulate(chooser(), design(), seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one.trials.columns["action"], again.trials.columns["action"])
    assert np.any(one.trials.columns["action"] != other.trials.columns["action"])
    assert np.all(one.values["x2.tonic_volatility"] != other.values["x2.tonic_volatility"])


def test_what_is_missing_in_the_design_stays_missing():
    data = table(((40, 30),))
    data["y"][5] = np.nan
    data["skip"] = np.arange(70) == 9
    told = Trials(data, inputs="u", actions="y", by=["subject", "session"], frozen="skip")

    found = simulate(chooser(), told, VALUES).trials.columns["y"]

    assert np.flatnonzero(np.isnan(found)).tolist() == [5, 9]


@pytest.mark.slow
def test_choices_are_as_frequent_as_their_probabilities():
    """Over many subjects with the same inputs, trial by trial."""
    outcomes = table(((30,),))["u"]
    count = 3000
    data = {"u": np.tile(outcomes, count), "who": np.repeat(np.arange(count), len(outcomes))}
    told = simulate(chooser(), Trials(data, inputs="u", by="who"), VALUES).trials

    shares = told.columns["action"].reshape(count, -1).mean(axis=0)

    network, response = chooser().instantiate(VALUES)
    expected = np.asarray(response.predict(network.filter({"u": outcomes})))
    assert np.all(np.abs(shares - expected) < 4.5 * np.sqrt(expected * (1 - expected) / count))


@pytest.mark.slow
def test_streams_have_columns_of_their_own():
    agent = Agent(
        pn.models.binary_hgf(2),
        {"choice": pn.responses.UnitSquareSigmoid(), "time": pn.responses.MinimalLogReactionTime()},
        free={"time.variance": LogNormal(-2.0, 0.5)},
    )
    told = simulate(agent, design()).trials

    assert set(told.roles.actions) == {"choice", "time"}
    assert np.isin(told.columns["choice"], (0, 1)).all()
    assert np.std(told.columns["time"]) > 0
    assert fit_map(agent, told).converged.all()


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_promise_where_all_is_gaussian():
    """Scores of truths drawn from the prior are then standard normal."""
    found = parameter_recovery(linear_agent(Normal(-0.3, 1.7)), linear_trials(), n=400, seed=2)

    assert stats.kstest(found.scores[:, 0], "norm").pvalue > 0.01
    row = found.metrics.iloc[0]
    assert abs(row.coverage - 0.9) < 4 * np.sqrt(0.09 / 400)
    deviation = float(np.sqrt(found.posterior.covariance[0, 0, 0]))
    assert row.rmse == pytest.approx(deviation, rel=0.15)
    assert abs(row.bias) < 4 * deviation / np.sqrt(400)
    assert row.correlation > 0.95


@pytest.mark.slow
def test_the_parameters_of_a_learner_come_out_in_part():
    outcomes = pn.data.association().outcomes[:160]
    found = parameter_recovery(chooser(), Trials({"u": outcomes}, inputs="u"), n=40, seed=1)
    metrics = found.metrics.set_index("parameter")

    assert metrics["converged"].min() > 0.95
    assert metrics.loc["x2.tonic_volatility", "correlation"] > 0.6
    assert metrics.loc["inverse_temperature", "correlation"] > 0.6
    assert metrics["coverage"].min() > 0.7
    assert len(found.table) == 80
    np.testing.assert_allclose(found.table["true_unconstrained"][0], found.true[0, 0])


@pytest.mark.slow
def test_models_come_out_where_they_differ():
    """Who learns from outcomes and who rates them at random are told apart; rows are distributions."""
    outcomes = pn.data.association().outcomes[:100]
    follower = Agent(
        pn.models.binary_hgf(2),
        pn.responses.UnitSquareSigmoid(inverse_temperature=4.0),
        free={"x2.tonic_volatility": Normal(-2.0, 0.5)},
    )
    random = Agent(
        pn.models.binary_hgf(2),
        pn.responses.UnitSquareSigmoid(),
        free={"inverse_temperature": LogNormal(-6.0, 0.1)},
    )
    found = model_recovery(
        {"follower": follower, "random": random}, Trials({"u": outcomes}, inputs="u"), n=20
    )

    np.testing.assert_allclose(found.confusion.to_numpy(), np.eye(2), atol=0.1)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)
    np.testing.assert_allclose(found.inversion.sum(axis=0), 1)


def failing():
    graph = pn.models.binary_hgf(3, expansion="standard", tonic_volatility=[0.0, 0.0])
    free = {"x3.tonic_volatility": Normal(0.0, 0.1)}
    return Agent(graph, pn.responses.UnitSquareSigmoid(), free=free)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: simulate(watcher(), design()),
            "no response model, so there is nothing to simulate",
        ),
        (lambda: simulate(failing(), design()), "Filtering fails for 2 of 2 simulated subjects"),
        (lambda: simulate(chooser(), design(), {"x": 1.0}), "no free value 'x'"),
        (lambda: parameter_recovery(watcher(), design()), "needs an agent with responses"),
        (lambda: parameter_recovery(chooser(), design(), n=0), "n must be a positive"),
        (lambda: simulate(chooser(), design(actions={"a": "y"})), "columns for the responses 'a'"),
    ],
)
def test_what_cannot_be_simulated_is_refused(make, said):
    with pytest.raises(pn.PynodesError, match=said):
        make()
