"""Figures of fits: they hold the numbers of what they draw, and change nothing else."""

import dataclasses
import functools
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

import pynodes as pn
from pynodes._inference.laplace import LaplacePosterior
from pynodes.fit import (
    Comparison,
    LeaveOneOut,
    LogNormal,
    ModelRecovery,
    ParameterRecovery,
    Trials,
    fit_map,
    random_effects_bms,
)
from pynodes.fit.group.group_model import make_group_model
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.target import Problem
from pynodes.plotting import plot_residuals, style
from pynodes.plotting.scales import label_with_values
from tests.fit.cases import chooser, table
from tests.fit.drawn import gaussian_draws, samples_of_population
from tests.fit.test_robustness import agent, frame, trials


@functools.cache
def fit():
    return fit_map(agent(), trials(frame()), starts=4)


def points(ax):
    """The data of an axes' lines and points."""
    return [np.asarray(line.get_xydata(), float) for line in ax.get_lines()]


def coloured(ax, colour):
    """Points of one colour, as an array."""
    found = [
        np.asarray(line.get_xydata(), float)
        for line in ax.get_lines()
        if line.get_color() == colour and line.get_marker() not in ("", "None", None)
    ]
    return np.concatenate(found) if found else np.empty((0, 2))


def samples(subjects=1, chains=2, draws=60):
    """Hand-made draws."""
    random = np.random.default_rng(0)
    positions = random.normal(size=(chains, draws, subjects, 2)) * 0.3 + [-4.0, 1.0]
    who = ["anna", "bert", "carl"][:subjects]
    problem = Problem(agent=agent(), trials=trials(frame()).only(who=who))
    return Samples(problem=problem, method="nuts", unconstrained=positions)


@pytest.mark.slow
def test_a_subjects_densities_are_those_of_prior_and_posterior():
    """The line has area one and its peak at the mode; the prior's density is beneath it."""
    one = fit()["bert"]
    axes = one.plot().axes

    assert [ax.get_title() for ax in axes] == ["x2.tonic_volatility", "inverse_temperature"]
    for place, ax in enumerate(axes):
        line = points(ax)[0]
        assert np.trapezoid(line[:, 1], line[:, 0]) == pytest.approx(1, abs=1e-3)
        peak = line[np.argmax(line[:, 1])]
        assert peak[0] == pytest.approx(one.unconstrained[place], abs=0.02)
        width = np.sqrt(one.covariance[place, place])
        assert peak[1] == pytest.approx(1 / np.sqrt(2 * np.pi) / width, rel=1e-3)
        prior = agent().priors[ax.get_title()]
        (band, *_) = ax.collections
        assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(
            np.exp(float(prior.unconstrained_log_density(prior.unconstrained_mean))), rel=1e-3
        )


def test_ticks_are_values_where_they_lie_on_the_line():
    """Of an inverse temperature, on the line of its logarithm."""
    ax = fit()["bert"].plot().axes[1]

    for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        assert np.exp(place) == pytest.approx(float(label.get_text()), rel=1e-6)
    assert 2 <= len(ax.get_xticks()) <= 5


def test_several_subjects_are_ordered_by_their_estimates():
    axes = fit().plot(credible=0.5).axes

    for place, ax in enumerate(axes):
        shown = coloured(ax, style.BLUE)[:, 0]
        np.testing.assert_allclose(shown, np.sort(fit().unconstrained[:, place]))
        (bars,) = (c for c in ax.collections if len(c.get_segments()) == 3)
        widths = [segment[1, 0] - segment[0, 0] for segment in bars.get_segments()]
        order = np.argsort(fit().unconstrained[:, place])
        deviations = np.sqrt(fit().covariance[order, place, place])
        np.testing.assert_allclose(widths, 2 * 0.67449 * deviations, rtol=1e-4)


@pytest.mark.parametrize(("subjects", "lines"), [(1, 2), (3, 3)])
def test_draws_are_a_line_per_chain_or_per_subject(subjects, lines):
    drawn = samples(subjects)

    ax = drawn.plot().axes[0]

    found = points(ax)
    assert len(found) == lines
    for line in found:
        assert np.trapezoid(line[:, 1], line[:, 0]) == pytest.approx(1, abs=0.02)
    first = drawn.unconstrained[0, :, 0, 0] if subjects == 1 else drawn.unconstrained[:, :, 0, 0]
    centre = np.trapezoid(found[0][:, 0] * found[0][:, 1], found[0][:, 0])
    assert centre == pytest.approx(first.mean(), abs=0.02)


def recovered(count=40):
    """Truths, and estimates that miss every fourth of them by three deviations."""
    true = np.random.default_rng(1).normal([-4, 1], 1, (count, 2))
    miss = np.arange(count) % 4 == 0
    found = true + np.where(miss, 3.0, 0.5)[:, None] * 0.2
    blank = np.zeros(count)
    posterior = LaplacePosterior(
        unconstrained=found,
        log_joint=blank,
        log_likelihood=blank,
        hessian=np.tile(np.eye(2) * 25, (count, 1, 1)),
        covariance=np.tile(np.eye(2) * 0.04, (count, 1, 1)),
        log_evidence=blank,
        converged=blank == 0,
        definite=blank == 0,
        agreeing=np.full(count, 2),
    )
    return ParameterRecovery(agent=agent(), true=true, posterior=posterior), miss


def test_estimates_that_miss_are_in_another_colour():
    recovery, miss = recovered()

    axes = recovery.plot().axes

    for place, ax in enumerate(axes):
        missed = coloured(ax, style.ORANGE)
        np.testing.assert_allclose(missed[:, 0], recovery.true[miss, place])
        np.testing.assert_allclose(missed[:, 1], recovery.posterior.unconstrained[miss, place])
        assert len(coloured(ax, style.BLUE)) == 30
        assert "75% covered" in ax.get_xlabel()
        r = np.corrcoef(recovery.true[:, place], recovery.posterior.unconstrained[:, place])[0, 1]
        assert f"r = {r:.2f}" in ax.get_xlabel()


def test_matrices_show_their_numbers():
    """Nine of ten of a, and six of ten of b, come out as they are."""
    evidence = np.zeros((2, 10, 2))
    evidence[0, :9, 0] = evidence[0, 9, 1] = evidence[1, :6, 1] = evidence[1, 6:, 0] = 1.0
    found = ModelRecovery(models=("a", "b"), evidence=evidence)

    left, right = found.plot().axes

    assert [text.get_text() for text in left.texts] == ["0.90", "0.10", "0.40", "0.60"]
    np.testing.assert_allclose(right.images[0].get_array(), found.inversion)


def test_frequencies_are_bars():
    evidence = np.random.default_rng(0).normal([1.5, 0.0, 0.0], size=(12, 3))
    comparison = Comparison(
        models=("a", "b", "c"), subjects=tuple(range(12)), evidence=evidence, criterion="lme"
    )
    found = random_effects_bms(comparison)

    shares, surely, whose = found.plot().axes

    np.testing.assert_allclose([bar.get_width() for bar in shares.patches], found.frequencies)
    exceedance, protected = np.split(np.array([bar.get_width() for bar in surely.patches]), 2)
    np.testing.assert_allclose(exceedance, found.exceedance)
    np.testing.assert_allclose(protected, found.protected_exceedance)
    shown = np.asarray(whose.images[0].get_array())
    assert shown.shape == (3, 12)
    np.testing.assert_allclose(
        np.sort(shown, axis=1), np.sort(found.posterior_model_probabilities.T, axis=1)
    )
    # The first model is on top, in all panels.
    assert shares.get_ylim()[0] > shares.get_ylim()[1]


def test_comparisons_are_differences_from_the_best():
    evidence = np.array([[-10.0, -12.0, -9.5], [-20.0, -21.0, -27.0]])
    found = Comparison(
        models=("a", "b", "c"), subjects=("anna", "bert"), evidence=evidence, criterion="lme"
    )

    left, right = found.plot().axes

    assert [bar.get_width() for bar in left.patches] == [0.0, -3.0, -6.5]
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b", "c"]
    shown = [np.asarray(part.get_offsets())[:, 0].tolist() for part in right.collections]
    assert shown == [[0.0, 0.0], [-2.0, -1.0], [-7.0, 0.5]]
    assert to_rgba(style.GREEN) == tuple(right.collections[2].get_facecolors()[1])

    recovered = ModelRecovery(models=("a", "b"), evidence=np.zeros((2, 3, 2)))
    for made in (found, random_effects_bms(found), recovered):
        called = dict(zip(made.models, ("α", "β", "γ"), strict=False))
        drawn = made.plot(labels=called)
        shown = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
        assert shown == list(called.values())
        with pytest.raises(pn.InputError, match="labels has 'd'"):
            made.plot(labels={"d": "δ"})


@pytest.mark.slow
def test_correlations_are_written_in_cells():
    assert fit()["anna"].plot_correlation().texts[0].get_text() == pytest.approx(
        f"{fit()['anna'].correlation[1, 0]:.2f}"
    )
    drawn = samples(draws=4000)
    cell = drawn.plot_correlation().texts[0].get_text()
    flat = drawn.unconstrained.reshape(-1, 2)
    assert float(cell) == pytest.approx(np.corrcoef(flat.T)[0, 1], abs=0.0051)
    named = drawn.plot_correlation(labels={"inverse_temperature": "β"})
    assert [label.get_text() for label in named.get_yticklabels()] == ["β"]
    with pytest.raises(pn.InputError, match="labels has 'beta'"):
        drawn.plot_correlation(labels={"beta": "β"})

    single = fit_map(
        pn.agents.binary_hgf(2, free={"inverse_temperature": pn.Fixed(2.0)}),
        trials(frame()),
        starts=2,
    )
    with pytest.raises(pn.InputError, match="no two parameters"):
        single.plot_correlation()


def test_a_subject_is_drawn_with_its_beliefs_and_its_choices():
    one = fit()["carl"]

    axes = one.plot_trajectories(surprise=False).axes

    assert [ax.get_ylabel() for ax in axes] == ["x2", "u"]
    believed = one.trajectories(["x2.mean", "u.predicted_mean"])
    np.testing.assert_allclose(points(axes[0])[0][:, 1], believed["x2.mean"], rtol=1e-6)
    np.testing.assert_allclose(points(axes[1])[0][:, 1], believed["u.predicted_mean"], rtol=1e-6)
    chosen = frame().query("who == 'carl'")["y"].to_numpy()
    ticks = coloured(axes[1], style.ORANGE)
    assert set(ticks[ticks[:, 1] > 1][:, 0]) == set(np.flatnonzero(chosen == 1))

    with pytest.raises(pn.DataError, match=r"as in fit\['s01'\]"):
        fit().plot_trajectories()
    with pytest.raises(pn.DataError, match="no block 3: they are 0 to 0"):
        one.plot_trajectories(block=3)


class Told:
    """A fit that expects what it is told to."""

    def __init__(self, trials, expected):
        self.trials, self._expected = trials, expected

    def predict(self, **_):
        return SimpleNamespace(expected={"y": self._expected[None]})


def choices(chance, **more):
    random = np.random.default_rng(5)
    data = {"u": np.zeros(len(chance)), "y": (random.random(len(chance)) < chance).astype(float)}
    return Trials(data | more, inputs="u", actions="y", **({"by": "who"} if more else {}))


def test_residuals_of_the_truth_have_no_structure():
    chance = np.random.default_rng(3).uniform(0.05, 0.95, 4000)
    calibration, course, echo = plot_residuals(Told(choices(chance), chance)).axes

    shares = coloured(calibration, style.BLUE)
    assert len(shares) == 10
    assert np.all(np.abs(shares[:, 1] - shares[:, 0]) < 4 * np.sqrt(0.25 / 400))
    # Ten groups of four hundred, whose expectation is uniform.
    np.testing.assert_allclose(shares[:, 0], np.linspace(0.095, 0.905, 10), atol=0.02)
    assert np.all(np.abs(coloured(course, style.BLUE)[:, 1]) < 4 / np.sqrt(400))
    assert np.all(np.abs(coloured(echo, style.BLUE)[:, 1]) < 4 / np.sqrt(4000))


def test_residuals_show_what_a_model_leaves_out():
    """A drift of the chance from 0.2 to 0.8 that the model takes for one half: a trend, and an echo of it."""
    who = np.repeat(np.arange(20), 100)
    chance = np.tile(np.linspace(0.2, 0.8, 100), 20)
    told = Told(choices(chance, who=who), np.full(2000, 0.5))

    _, course, echo = plot_residuals(told).axes

    means = coloured(course, style.BLUE)[:, 1]
    # In standard deviations of one half, and by tenths of the session.
    expected = 2 * (chance[:100].reshape(10, 10).mean(axis=1) - 0.5)
    assert np.all(np.abs(means - expected) < 4 / np.sqrt(200))
    assert coloured(echo, style.BLUE)[:, 1].mean() > 0.05


def test_residuals_of_real_fits_are_drawn_by_stream():
    assert len(fit().plot_residuals(draws=5).axes) == 3
    assert len(samples(3).plot_residuals(draws=5).axes) == 3


def test_checks_colour_what_lies_outside():
    """Constant responses switch less often than any that the fit predicts."""
    odd = fit_map(agent(), trials(frame().assign(y=frame()["u"])), starts=4)
    predicted = odd.predict(trials(frame().assign(y=1.0)), draws=40)
    table = predicted.statistics()

    axes = predicted.plot().axes

    assert [ax.get_title() for ax in axes] == [f"y: {name}" for name in table["statistic"]]
    for ax, (_, row) in zip(axes, table.iterrows(), strict=True):
        outside = not row["lower"] <= row["observed"] <= row["upper"]
        shown = coloured(ax, style.ORANGE if outside else style.INK)
        assert shown[0, 0] == pytest.approx(row["observed"])
    assert len(coloured(axes[1], style.ORANGE)) == 1
    assert [label.get_text() for label in predicted.plot("who").axes[0].get_yticklabels()] == [
        "anna",
        "bert",
        "carl",
    ]


def test_influence_is_the_shape_of_every_item_with_orange_ones():
    """Items above the limit, and those that nothing bears on, at the bottom."""
    shape = np.array([0.1, 0.9, -np.inf, 0.3, 0.71])
    loo = LeaveOneOut(
        unit="trial",
        keys={"trial": list(range(5))},
        owners=("anna",) * 5,
        pointwise=np.array([-0.5, -2.0, -0.1, -0.4, -1.0]),
        effective=np.zeros(5),
        pareto_k=shape,
        watanabe=np.zeros(5),
        draws=4000,
    )

    panels = loo.plot()

    assert list(panels) == ["Pareto k", "log density"]
    wrong = coloured(panels["Pareto k"], style.ORANGE)
    np.testing.assert_array_equal(wrong, [[1, 0.9], [4, 0.71]])
    fine = coloured(panels["Pareto k"], style.BLUE)
    assert fine[fine[:, 0] == 2, 1] < 0.1
    np.testing.assert_array_equal(coloured(panels["log density"], style.ORANGE)[:, 1], [-2.0, -1.0])
    assert "2 of 5" in panels["Pareto k"].get_title(loc="right")
    (tick,) = loo.plot(labels={"anna": "Anna"})["log density"].get_xticklabels()
    assert (tick.get_text(), tick.get_position()[0]) == ("Anna", 2.0)
    with pytest.raises(pn.InputError, match=r"labels has 'ann'.*'anna'"):
        loo.plot(labels={"ann": "Anna"})
    with pytest.raises(pn.InputError, match="2 matplotlib axes"):
        loo.plot(axes=[plt.gca()])


def test_predicted_responses_are_a_fan_over_a_subjects_trials():
    """And the responses of the data are points."""
    predicted = fit().predict(draws=40)
    rows = np.flatnonzero(np.asarray(frame()["who"]) == "bert")

    panels = predicted.plot_trials("bert", masses=[0.5])

    assert list(panels) == ["y"]
    expected = predicted.expected["y"][:, rows]
    middle, points_of = panels["y"].lines[:2]
    np.testing.assert_allclose(middle.get_ydata(), np.median(expected, axis=0))
    np.testing.assert_array_equal(points_of.get_ydata(), frame()["y"].to_numpy(float)[rows])
    (band,) = panels["y"].collections
    corners = band.get_paths()[0].vertices
    third = corners[corners[:, 0] == 3, 1]
    ends = np.quantile(expected[:, 3], (0.25, 0.75))
    np.testing.assert_allclose([third.min(), third.max()], ends)
    with pytest.raises(pn.DataError, match="Name one of 'anna', 'bert'"):
        predicted.plot_trials()
    with pytest.raises(pn.DataError, match="no subject 'dora'"):
        predicted.plot_trials("dora")
    with pytest.raises(pn.InputError, match="between 0 and 1"):
        predicted.plot_trials("bert", masses=[50])


def test_figures_of_fits_go_onto_the_users_axes():
    one = fit()["bert"]
    _, pair = plt.subplots(1, 2)

    panels = one.plot(axes=pair)

    assert panels.axes == list(pair)
    with pytest.raises(pn.InputError, match="2 matplotlib axes"):
        one.plot(axes=pair[:1])
    with pytest.raises(pn.InputError, match="must be matplotlib axes"):
        one.plot_correlation(ax=3)


@pytest.mark.slow
def test_shrinkage_goes_from_one_fit_to_the_other():
    data = pn.data.study().query("subject < 's05' and session == 1")
    told = Trials(data, inputs="u", actions="y", by="subject")
    group = pn.fit_em(agent(), told)
    alone = fit_map(agent(), told, starts=4)

    axes = group.plot_shrinkage(alone).axes

    for place, ax in enumerate(axes):
        order = np.argsort(alone.unconstrained[:, place])
        _, before, after = (line[:, 0] for line in points(ax))
        np.testing.assert_allclose(before, alone.unconstrained[order, place])
        np.testing.assert_allclose(after, group.individuals.unconstrained[order, place])
    terms = [label.get_text() for label in group.plot().axes[0].get_yticklabels()]
    assert terms == ["Intercept", "sd"]
    with pytest.raises(pn.DataError, match="same subjects"):
        group.plot_shrinkage(alone["s01"])


@pytest.mark.slow
def test_groups_stand_side_by_side_with_what_is_expected_of_them():
    """Under a formula of the group alone: the coefficients, whose covariance makes the intervals."""
    data = pn.data.study().query("session == 1 and (subject < 's04' or subject > 's21')")
    told = Trials(data, inputs="u", actions="y", by="subject")
    name = "x2.tonic_volatility"
    group = pn.fit_em(agent(), told, formulas={name: "group"})

    panels = group.plot_groups("group", labels={name: "learning"})
    ax = panels[name]
    found = group.estimates
    expected = [
        found[f"{name}:Intercept"],
        found[f"{name}:Intercept"] + found[f"{name}:group[T.patient]"],
    ]
    shown = [line.get_ydata() for line in ax.get_lines()]
    np.testing.assert_allclose([float(shown[1][0]), float(shown[3][0])], expected)
    sizes = [len(values) for values in shown]
    assert sizes[1::2] == [1, 1]
    assert sum(sizes[::2]) == len(group)
    rows = group.expect({"group": ["control", "patient"]}).query("parameter == @name")
    bars = [c.get_segments()[0][:, 1] for c in ax.collections]
    np.testing.assert_allclose(bars, rows[["lower", "upper"]])
    assert ax.get_title() == "learning"
    with pytest.raises(pn.DataError, match="changes within"):
        group.plot_groups("trial")
    with pytest.raises(pn.InputError, match="labels has 'x3'"):
        group.plot(labels={"x3": "other"})


def test_groups_of_draws_have_the_quantiles_of_what_is_expected():
    """Of every draw the intercept, and with the step between groups beside it."""
    columns = table() | {"group": np.where(table()["subject"] == "s1", "b", "a")}
    told = Trials(columns, inputs="u", actions="y", by=["subject", "session"])
    name = "x2.tonic_volatility"
    group = make_group_model(chooser(), told, {name: "group"}, covariance="diagonal")
    drawn = gaussian_draws(chooser(), told)
    random = np.random.default_rng(3)
    terms = [
        f"{n}:{t}"
        for n, d in zip(chooser().names, group.population.designs, strict=True)
        for t in d.terms
    ]
    population = {term: random.normal(size=drawn.unconstrained.shape[:2]) for term in terms}
    drawn = dataclasses.replace(
        drawn, problem=dataclasses.replace(drawn.problem, group=group), population=population
    )
    ax = drawn.plot_groups("group")[name]
    start = population[f"{name}:Intercept"]
    draws = [start, start + population[f"{name}:group[T.b]"]]
    bars = [c.get_segments()[0][:, 1] for c in ax.collections]

    np.testing.assert_allclose(bars, [np.quantile(d, (0.05, 0.95)) for d in draws])
    shown = [float(line.get_ydata()[0]) for line in ax.get_lines()]
    np.testing.assert_allclose(shown[1::2], [d.mean() for d in draws])
    np.testing.assert_allclose(shown[2], drawn.flat[:, 1, 0].mean())
    with pytest.raises(pn.DataError, match="without a population"):
        samples_of_population().plot_groups("age")


def test_a_population_of_draws_has_their_means_and_quantiles():
    drawn = samples_of_population()
    panels = drawn.plot_population()

    for name in drawn.names:
        terms = {t: d for t, d in drawn.population.items() if t.startswith(f"{name}:")}
        (middle,) = (x for x in (coloured(panels[name], style.BLUE),) if len(x))
        np.testing.assert_allclose(
            np.sort(middle[:, 0]), np.sort([d.mean() for d in terms.values()])
        )
    assert panels["inverse_temperature"].get_xlabel() == "on the scale of its logarithm"
    with pytest.raises(pn.DataError, match="without a population"):
        samples(3).plot_population()


@pytest.mark.parametrize("span", [(1.1, 1.9), (0.4, 21.0), (1e-5, 1e4), (90.0, 140.0)])
def test_a_logarithmic_axis_has_three_to_five_round_ticks(span):
    """However long or short it is; and it says what it is."""
    prior = LogNormal(0.0, 1.0)
    ax = plt.figure().add_subplot()
    low, high = np.log(span)
    label_with_values(ax.xaxis, prior, low, high)
    values = [float(label.get_text()) for label in ax.get_xticklabels()]

    assert 3 <= len(values) <= 6
    np.testing.assert_allclose(ax.get_xticks(), np.log(values), rtol=1e-6)
    assert span[0] <= values[0] < values[-1] <= span[1]
    assert max(len(f"{value:g}") for value in values) <= 6
    assert fit()["bert"].plot().axes[1].get_xlabel() == "logarithmic scale"


def test_drawing_changes_no_setting():
    before = dict(mpl.rcParams)
    recovery, _ = recovered()
    recovery.plot()
    fit().plot()

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums()
