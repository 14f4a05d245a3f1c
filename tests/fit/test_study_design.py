"""How much data tell: by direction of the parameters, by number of trials and by number of subjects."""

import dataclasses
import functools

import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal, Trials, design_analysis, fit_map, simulate
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.mode.identifiability import Identifiability
from pynodes.fit.study.study_design import take_first
from tests.fit.test_map import linear_agent, linear_trials

OUTCOMES = pn.data.association().outcomes


@functools.cache
def ridge():
    """Coupling strength, tonic volatility and initial belief, where the belief stays what it was."""
    graph = pn.models.binary_hgf(3, tonic_volatility=[-4.0, -12.0], initial_precision=[10.0, 1e4])
    free = {
        "x2.tonic_volatility": Normal(-4.0, 1.0),
        "x3->x2.strength": LogNormal(0.0, 0.5),
        "x3.initial_mean": Normal(1.0, 1.0),
    }
    agent = Agent(graph, pn.responses.UnitSquareSigmoid(inverse_temperature=8.0), free=free)
    values = {"x2.tonic_volatility": -4.0, "x3->x2.strength": 1.0, "x3.initial_mean": 1.0}
    told = simulate(agent, Trials({"u": OUTCOMES}, inputs="u"), values, seed=1).trials
    return fit_map(agent, told, starts=4)


@pytest.mark.slow
def test_the_ridge_of_the_filter_is_found():
    """The log volatility is ω + κ μ: only its own direction, the gradient of that, is learned."""
    fit = ridge()
    found = fit.identifiability()

    strength, start = fit.estimates["x3->x2.strength"], fit.estimates["x3.initial_mean"]
    gradient = np.array([1.0, strength * start, strength]) * found.prior_sds
    np.testing.assert_array_less(found.learned[:2], 0.2)
    assert found.learned[2] > 0.5
    steepest = found.directions[2] * np.sign(found.directions[2, 0])
    np.testing.assert_allclose(steepest, gradient / np.linalg.norm(gradient), atol=0.1)


@pytest.mark.slow
def test_flat_directions_are_said_in_words():
    said = ridge().identifiability().problems()

    assert len(said) == 2
    assert all("cannot tell apart" in sentence for sentence in said)
    for name in ("x2.tonic_volatility", "x3->x2.strength", "x3.initial_mean"):
        assert any(repr(name) in sentence for sentence in said)
    assert "2 flat; see .problems()" in repr(ridge().identifiability())


@pytest.mark.slow
def test_what_is_said_moves_along_the_ridge():
    """The likelihood hardly changes when parameters move as the sentences have it."""
    fit = ridge()
    found = fit.identifiability()
    density, model = fit.agent.log_density(fit.trials), fit.agent.model

    def likelihood(position):
        return float(density(position) - model.log_prior(position))

    def drop(direction):
        """How much is lost half a prior deviation away, on both sides."""
        step = 0.5 * direction * found.prior_sds
        ends = [likelihood(fit.unconstrained + sign * step) for sign in (1, -1)]
        return likelihood(fit.unconstrained) - np.mean(ends)

    drops = [drop(direction) for direction in found.directions]
    assert max(drops[:2]) < 0.2
    assert drops[2] > 5 * max(drops[:2])


def test_curvatures_are_those_of_the_prior_where_nothing_was_done():
    agent = pn.agents.binary_hgf(2)
    fit = fit_map(agent, Trials({"u": OUTCOMES, "y": OUTCOMES * np.nan}, inputs="u", actions="y"))

    found = fit.identifiability()

    np.testing.assert_allclose(found.curvatures, 1, atol=1e-8)
    np.testing.assert_allclose(found.learned, 0, atol=1e-8)
    assert len(found.problems()) == 2
    assert len(found.table) == 2


def test_one_parameter_alone_is_named_alone():
    found = Identifiability(
        names=("a", "b"),
        prior_sds=np.array([2.0, 1.0]),
        curvatures=np.array([1.05, 40.0]),
        directions=np.array([[0.999, 0.045], [-0.045, 0.999]]),
    )

    (said,) = found.problems()
    assert said.startswith("The data say next to nothing of 'a': they took away 5% of the prior's")


def gaussian(count=60):
    """Ratings with an offset: precision grows by 1/0.4 with every one of them."""
    return linear_agent(Normal(-0.3, 1.7)), linear_trials(count)


def exact(trials, deviation=1.7):
    return 1 / np.sqrt(np.asarray(trials) / 0.4 + 1 / deviation**2)


@pytest.fixture(scope="module")
def analysed():
    agent, trials = gaussian()
    return design_analysis(agent, trials, trials=[5, 40, 10, 20], n=200, seed=4)


def test_precision_is_exact_where_all_is_gaussian(analysed):
    assert analysed.trials == (5, 10, 20, 40)
    np.testing.assert_allclose(analysed.expected_sd["offset"], exact([5, 10, 20, 40]), rtol=1e-8)
    table = analysed.table
    np.testing.assert_allclose(table["shrinkage"], 1 - (exact([5, 10, 20, 40]) / 1.7) ** 2)
    # Errors are as large as posteriors are wide: of 200 subjects, within a fifth.
    np.testing.assert_allclose(table["rmse"] / table["sd"], 1, atol=0.2)
    assert np.all(np.abs(table["coverage"] - 0.9) < 4 * np.sqrt(0.09 / 200))


def test_trials_for_a_precision_invert_that(analysed):
    """Between two numbers on a line of logarithms: within three percent of the exact number."""
    for wanted in (0.25, 0.15, 0.12):
        number = 0.4 * (1 / wanted**2 - 1 / 1.7**2)
        assert analysed.trials_for(wanted)["offset"] == pytest.approx(number, rel=0.03)
    assert analysed.trials_for(0.01) == {"offset": None}
    assert analysed.trials_for({"offset": 1.0}) == {"offset": 5.0}


def test_the_error_of_a_mean_is_that_of_a_sum_of_gaussians(analysed):
    """Estimates by subject vary by scatter and by their own uncertainty."""
    for scatter in (0.3, 1.7):
        expected = np.sqrt((scatter**2 + 0.4 / np.array([5, 10, 20, 40])) / 25)
        np.testing.assert_allclose(
            analysed.standard_error(25, scatter)["offset"], expected, rtol=1e-6
        )
    np.testing.assert_allclose(
        analysed.standard_error(25)["offset"], analysed.standard_error(25, 1.7)["offset"]
    )
    needed = analysed.subjects_for(0.1, 0.3)["offset"]
    np.testing.assert_array_equal(needed, [17, 13, 11, 10])


def test_a_figure_holds_the_curves(analysed):
    (ax,) = analysed.plot().axes
    line = next(line for line in ax.get_lines() if line.get_label() == "posterior")
    np.testing.assert_allclose(line.get_ydata(), exact([5, 10, 20, 40]), rtol=1e-6)
    np.testing.assert_array_equal(line.get_xdata(), [5, 10, 20, 40])


@pytest.mark.slow
def test_the_first_trials_are_those_that_came_first():
    """As if the study had ended there, sessions, gaps and all; and all numbers share one program."""
    agent = pn.agents.rescorla_wagner()
    data = {
        "u": np.tile(OUTCOMES[:50], 2),
        "who": np.repeat([1, 2], 50),
        "session": np.tile(np.repeat([1, 2], [20, 30]), 2),
        "skip": np.tile(np.arange(50) % 7 == 0, 2),
    }
    design = Trials(data, inputs="u", by=["who", "session"], frozen="skip")
    found = design_analysis(agent, design, trials=[30], n=2, seed=3, starts=4)
    whole = design_analysis(agent, design, trials=[42], n=2, seed=3, starts=4)

    assert not np.allclose(found.posterior_sd, whole.posterior_sd)
    counted = np.cumsum(~data["skip"][:50])
    sequences = design_arrays(agent.model, design)
    told = dataclasses.replace(sequences, actions=np.zeros(sequences.frozen.shape))
    kept = design.layout.take_rows(take_first(told, 30).actions)
    np.testing.assert_array_equal(
        ~np.isnan(kept[:50]) & ~data["skip"][:50], (counted <= 30) & ~data["skip"][:50]
    )


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda a, t: design_analysis(a, t, trials=[10, 400]), pn.DataError, "has 60 only"),
        (lambda a, t: design_analysis(a, t, trials=[]), pn.DataError, "trials are none"),
        (
            lambda a, t: design_analysis(a, t, trials=[0]),
            pn.InputError,
            "trials must be a positive",
        ),
    ],
)
def test_designs_that_make_no_sense_are_refused(call, error, said):
    with pytest.raises(error, match=said):
        call(*gaussian())


def test_precisions_that_make_no_sense_are_refused(analysed):
    with pytest.raises(pn.ParameterError, match=r"'nothing'; the parameters are 'offset'"):
        analysed.trials_for({"nothing": 1.0})
    with pytest.raises(pn.InputError, match="population_sd of 'offset' must be positive"):
        analysed.standard_error(10, -1.0)


@pytest.mark.slow
def test_more_trials_tell_more_of_a_learner():
    """Of the inverse temperature four times the trials leave about half the deviation."""
    analysed = design_analysis(
        pn.agents.binary_hgf(2),
        Trials({"u": OUTCOMES}, inputs="u"),
        trials=[40, 80, 160, 320],
        n=60,
    )
    for name in ("x2.tonic_volatility", "inverse_temperature"):
        assert np.all(np.diff(analysed.expected_sd[name]) < 0)
    ratio = (
        analysed.expected_sd["inverse_temperature"][3]
        / analysed.expected_sd["inverse_temperature"][1]
    )
    assert 0.4 < ratio < 0.75
    assert stats.kstest(analysed.recoveries[-1].scores[:, 1], "norm").pvalue > 1e-4
