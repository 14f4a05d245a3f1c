"""Predictive simulation: against closed forms, and against simulation by hand."""

import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import Agent, Fixed, LogNormal, Normal, Trials, fit_map, prior_predictive
from pynodes.responses import GaussianResponse, OwnResponse, UnitSquareSigmoid
from tests.fit import cases
from tests.fit.drawn import samples_of_one, samples_of_study, study
from tests.fit.test_map import linear_agent, linear_trials


@pytest.mark.slow
def test_responses_before_data_are_distributed_as_the_model_says():
    """Around known beliefs, with an offset that is normal: normal with both variances."""
    agent, design = linear_agent(Normal(-0.3, 1.7)), linear_trials()
    found = prior_predictive(agent, design, draws=4000, seed=2).responses["y"]
    beliefs = agent.network.filter({"u": design.columns["u"]})
    means = np.asarray(beliefs["x1"].predicted_mean) - 0.3
    exact = stats.norm(means, np.sqrt(0.4 + 1.7**2))

    assert found.shape == (4000, 12)
    assert min(stats.kstest(exact.cdf(found)[:, row], "uniform").pvalue for row in range(12)) > 1e-4
    # All trials of a draw share its offset, but not their noise.
    correlation = np.corrcoef((found - means).T)[0, 1:]
    np.testing.assert_allclose(correlation, 1.7**2 / (1.7**2 + 0.4), atol=0.05)


def test_responses_after_data_are_distributed_as_the_posterior_says():
    agent, data = linear_agent(Normal(-0.3, 1.7)), linear_trials()
    fit = fit_map(agent, data, starts=2, refine=1)
    predicted = fit.predict(draws=4000, seed=5)
    beliefs = agent.network.filter({"u": data.columns["u"]})
    means = np.asarray(beliefs["x1"].predicted_mean) + fit.estimates["offset"]
    deviation = np.sqrt(fit.covariance[0, 0])

    exact = stats.norm(means[3], np.sqrt(0.4 + deviation**2))
    assert stats.kstest(exact.cdf(predicted.responses["y"][:, 3]), "uniform").pvalue > 1e-4
    np.testing.assert_allclose(predicted.expected["y"].mean(axis=0), means, atol=5 * deviation / 60)
    np.testing.assert_allclose(predicted.expected["y"].std(axis=0), deviation, rtol=0.05)
    assert fit.score() == pytest.approx(fit.accuracy, abs=1e-9)


def test_what_is_expected_is_what_the_response_predicts():
    """Filtered by hand under one draw."""
    samples = samples_of_study()
    predicted = samples.predict(draws=3)
    values = {name: draws[1, 0] for name, draws in predicted.values.items()}
    network, response = samples.agent.instantiate(values)
    beliefs = network.filter({"u": samples.trials.numbers("u")[:9]})

    np.testing.assert_allclose(
        predicted.expected["y"][1, :9], response.predict(beliefs), rtol=1e-4, atol=1e-6
    )
    table = predicted.table
    assert list(table.columns) == [
        *("subject", "session", "trial", "y_expected", "y_lower", "y_upper"),
    ]
    assert (
        (table["y_lower"] <= table["y_expected"]) & (table["y_expected"] <= table["y_upper"])
    ).all()


def test_there_is_no_response_where_there_was_none():
    found = samples_of_study().predict(draws=5)
    silent = np.isnan(samples_of_study().trials.numbers("y"))

    assert silent.sum() == 1
    np.testing.assert_array_equal(np.isnan(found.responses["y"]), np.tile(silent, (5, 1)))
    assert np.isfinite(found.expected["y"]).all()


def test_a_seed_repeats_itself_and_another_does_not():
    samples = samples_of_study()
    first, again, other = (samples.predict(draws=20, seed=seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.responses["y"], again.responses["y"])
    assert (first.responses["y"] != other.responses["y"])[:, :3].any()


def test_subjects_can_be_predicted_in_other_trials():
    """And are recognised by their names, in whatever order."""
    samples = samples_of_study()
    data = cases.table(lengths=((6,), (6,), (6,)), seed=5)
    data["subject"] = np.repeat(["s2", "s0", "s1"], 6)
    other = Trials(data, inputs="u", by=["subject", "session"])
    found = samples.predict(other, draws=10)
    chosen = np.linspace(0, 999, 10).round().astype(int)

    np.testing.assert_array_equal(found.unconstrained, samples.flat[chosen][:, [2, 0, 1]])
    assert found.responses["action"].shape == (10, 18)
    data["subject"][:6] = "s9"
    with pytest.raises(pn.DataError, match="No subject 's9' was fitted"):
        samples.predict(Trials(data, inputs="u", by=["subject", "session"]))


def test_a_parameter_can_be_set():
    """A deterministic chooser follows its beliefs; beliefs that do not move leave nothing but chance."""
    samples = samples_of_study()
    sharp = samples.predict(draws=50, do={"inverse_temperature": 1e4})
    still = samples.predict(draws=50, do={"x2->u.strength": 0.0})

    sure = sharp.expected["y"][:, np.r_[1:9]]
    assert np.all((sure < 0.01) | (sure > 0.99))
    np.testing.assert_allclose(still.expected["y"], 0.5, atol=1e-6)
    assert samples.agent.network["x2->u.strength"] == 1.0
    each = samples.predict(draws=2, do={"inverse_temperature": np.array([1.0, 2.0, 3.0])})
    np.testing.assert_allclose(each.values["inverse_temperature"], [[1, 2, 3]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ({"x2.speed": 1.0}, "no parameter 'x2.speed'"),
        ({"inverse_temperature": -1.0}, "between 0 and inf"),
        ({"inverse_temperature": np.ones(2)}, "one for each of the 3 subjects"),
        ({"x2.autoconnection": 3.0}, "must lie in"),
        (["x2.autoconnection"], "by name"),
    ],
)
def test_what_cannot_be_set_is_refused(do, said):
    with pytest.raises(pn.ParameterError, match=said):
        samples_of_study().predict(do=do)


def test_a_parameter_of_another_free_value_is_named_by_that():
    agent = Agent(
        pn.models.binary_hgf(2),
        UnitSquareSigmoid(),
        free={"pace": Normal(-3.0, 1.0), "inverse_temperature": Fixed(2.0)},
        tied={"pace": ["x2.tonic_volatility"]},
    )

    with pytest.raises(pn.ParameterError, match="is free: it is set by 'pace'"):
        prior_predictive(agent, study(), do={"x2.tonic_volatility": -2.0})
    assert agent.replace({"inverse_temperature": 5.0}).response.inverse_temperature == 5.0
    assert agent.response.inverse_temperature == 2.0


def test_statistics_are_what_they_are_called():
    """By hand, from the simulated series."""
    predicted = samples_of_study().predict(draws=30, seed=4)
    table = predicted.statistics(own={"first": lambda y: y[0]}).set_index("statistic")
    trials = predicted.trials
    y, u = trials.numbers("y"), trials.numbers("u")
    sessions = list(zip(*(trials.columns[n].tolist() for n in ("subject", "session")), strict=True))
    pairs = [
        (row - 1, row)
        for row in range(1, len(y))
        if sessions[row] == sessions[row - 1] and not np.isnan(y[row - 1 : row + 1]).any()
    ]
    known = ~np.isnan(y)

    assert table.loc["share of 1", "observed"] == pytest.approx(np.nanmean(y))
    assert table.loc["agreement", "observed"] == pytest.approx(np.mean(y[known] == u[known]))
    switched = [[row[a] != row[b] for a, b in pairs] for row in predicted.responses["y"]]
    assert table.loc["switching", "observed"] == pytest.approx(
        np.mean([y[a] != y[b] for a, b in pairs])
    )
    assert table.loc["switching", "mean"] == pytest.approx(np.mean(switched))
    shares = np.nanmean(predicted.responses["y"], axis=1)
    above = np.mean(shares > np.nanmean(y)) + 0.5 * np.mean(shares == np.nanmean(y))
    assert table.loc["share of 1", "probability"] == pytest.approx(above)
    assert table.loc["first", "mean"] == pytest.approx(predicted.responses["y"][:, 0].mean())


def test_statistics_can_be_by_group():
    table = samples_of_study().predict(draws=10).statistics(by=["subject", "session"])

    assert len(table) == 6 * 3
    assert list(table.columns[:3]) == ["subject", "session", "response"]
    with pytest.raises(pn.DataError, match="'block'"):
        samples_of_study().predict(draws=10).statistics(by="block")


def test_a_wrong_model_is_found_out():
    """Choices that never change, by an agent that would have followed the outcomes."""
    data = cases.table(lengths=((80, 80),))
    data["y"] = np.ones(160)
    trials = Trials(data, inputs="u", actions="y", by=["subject", "session"])
    table = prior_predictive(cases.chooser(), trials, draws=200).statistics().set_index("statistic")

    assert table.loc["switching", "observed"] == 0
    assert table.loc["switching", "probability"] > 0.95


def test_numbers_have_statistics_of_numbers():
    agent, design = linear_agent(Normal(-0.3, 1.7)), linear_trials()
    table = prior_predictive(agent, design, draws=10).statistics()

    assert table["statistic"].tolist() == ["mean", "sd", "minimum", "maximum"]
    assert table["observed"][3] == design.columns["y"].max()


def test_several_streams_have_columns_of_their_own():
    responses = {"choice": UnitSquareSigmoid(), "time": GaussianResponse(belief="u.predicted_mean")}
    agent = Agent(
        pn.models.binary_hgf(2), responses, free={"choice.inverse_temperature": LogNormal(0.0, 0.5)}
    )
    data = cases.table(lengths=((9, 7),)) | {"rt": np.full(16, 0.4)}
    data["rt"][2] = np.nan
    trials = Trials(
        data, inputs="u", actions={"choice": "y", "time": "rt"}, by=["subject", "session"]
    )
    found = prior_predictive(agent, trials, draws=6)

    assert set(found.responses) == {"y", "rt"}
    assert np.isnan(found.responses["rt"][:, 2]).all()
    assert np.isfinite(found.responses["y"]).all()
    assert set(found.statistics()["response"]) == {"y", "rt"}


def test_a_draw_is_fit_for_another_fit():
    predicted = samples_of_one().predict(draws=3)
    trials = predicted[1]

    np.testing.assert_array_equal(trials.columns["y"], predicted.responses["y"][1])
    assert trials.roles.actions == {"": ("y",)}


def test_failures_are_counted_and_said():
    """Under priors that allow volatilities that no belief survives."""
    graph = pn.models.binary_hgf(3).with_settings(expansion="standard")
    agent = Agent(graph, UnitSquareSigmoid(), free={"x3.tonic_volatility": Normal(4.0, 4.0)})
    data = cases.table(lengths=((60,),))
    found = prior_predictive(agent, Trials(data, inputs="u", by="subject"), draws=60)

    assert 0 < found.failed.sum() < 60
    assert np.isnan(found.responses["action"][found.failed[:, 0]]).all()
    assert np.isfinite(found.responses["action"][~found.failed[:, 0]]).all()
    (said,) = found.problems()
    assert f"{found.failed.sum()} of 60" in said


def test_subjects_can_be_drawn_from_a_population():
    """Whose members are alike, so that draws differ by more than subjects do."""
    found = prior_predictive(cases.chooser(), study(), draws=400, formulas={}).unconstrained
    own = prior_predictive(cases.chooser(), study(), draws=400).unconstrained

    together, apart = (np.corrcoef(p[:, 0, 0], p[:, 1, 0])[0, 1] for p in (found, own))
    assert together > 0.3  # variance of the mean over that of both, on average one half
    assert abs(apart) < 0.2


def test_what_defines_no_draw_says_so():
    def density(beliefs, response):
        return -0.5 * (response - beliefs["u"].predicted_mean) ** 2

    agent = Agent(
        pn.models.binary_hgf(2),
        OwnResponse.of(density),
        free={"x2.tonic_volatility": Normal(-3, 1)},
    )
    found = prior_predictive(agent, study())
    with pytest.raises(pn.PynodesError, match=r"defines no draw\(\)"):
        _ = found.responses
    with pytest.raises(pn.ParameterError, match="no response model"):
        prior_predictive(cases.watcher(), study())
