"""Populations by Laplace-EM: exact where all is Gaussian, beside quadrature where not."""

import functools

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal, Trials, fit_em
from tests.fit import groups
from tests.fit.cases import watcher
from tests.fit.groups import CENTRE, SPREAD, VARIANCE, rater, trials, twofold

FORMULA = "group + scale(age) + (1|site)"


@functools.cache
def fitted():
    return fit_em(rater(), trials(groups.frame()), formulas={"offset": FORMULA})


def parts():
    """The design of the study by hand: of coefficients, of sites and of units, by row."""
    data = groups.frame()
    age = np.unique(np.stack([data["subject"], data["age"]]), axis=1)[1]
    scaled = (data["age"] - age.mean()) / age.std()
    columns = np.stack([np.ones(len(scaled)), data["group"] == "patient", scaled], axis=1)
    sites, units = groups.indicators(data["site"]), groups.indicators(data["subject"])
    return columns.astype(float), sites, units, groups.errors(data) - CENTRE


def covariance_of(logs):
    """Covariance of all ratings when coefficients, sites and units are integrated."""
    columns, sites, units, away = parts()
    unit, site = np.exp(2 * np.asarray(logs))
    shared = SPREAD**2 * columns @ columns.T + site * sites @ sites.T + unit * units @ units.T
    return shared + VARIANCE * np.eye(len(away))


def log_posterior(logs):
    """Log density of ratings and both log deviations, by the normal density of all ratings at once."""
    away = parts()[-1]
    found = stats.multivariate_normal(np.zeros(len(away)), covariance_of(logs)).logpdf(away)
    return found + sum(groups.log_half_normal(log, SPREAD) for log in logs)


@functools.cache
def by_hand():
    """The most probable log deviations, and the second derivatives there by differences."""
    best = optimize.minimize(lambda x: -log_posterior(x), np.zeros(2), tol=1e-12).x
    step = 1e-3
    hessian = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        one, other = step * np.eye(2)[i], step * np.eye(2)[j]
        corners = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
        hessian[i, j] = -sum(s * log_posterior(best + a * one + b * other) for a, b, s in corners)
    return best, hessian / (4 * step**2)


@pytest.mark.slow
def test_deviations_are_those_of_the_exact_marginal_likelihood():
    """A mixed model with known noise: its likelihood is a normal density of all ratings at once."""
    best, _ = by_hand()
    fit = fitted()

    assert fit.converged
    assert fit.estimates["offset:sd"] == pytest.approx(np.exp(best[0]), rel=1e-5)
    assert fit.estimates["offset:1|site"] == pytest.approx(np.exp(best[1]), rel=1e-5)


def test_coefficients_and_effects_are_conditional_means():
    best, hessian = by_hand()
    columns, sites, _, away = parts()

    def means(logs):
        prior = np.diag(np.repeat([SPREAD**2, np.exp(2 * logs[1])], [3, 6]))
        cross = np.concatenate([columns, sites], axis=1) @ prior
        return groups.conditional(covariance_of(logs), cross, prior, away)

    mean, given = means(best)
    slopes = [(means(best + s)[0] - means(best - s)[0]) / 2e-4 for s in 1e-4 * np.eye(2)]
    errors = np.sqrt(np.diag(given + np.transpose(slopes) @ np.linalg.solve(hessian, slopes)))
    table, effects = fitted().population, fitted().effects

    expected = mean + CENTRE * np.eye(9)[0]
    assert table["term"].tolist()[:3] == [
        "offset:Intercept",
        "offset:group[T.patient]",
        "offset:scale(age)",
    ]
    np.testing.assert_allclose(table["estimate"][:3], expected[:3], rtol=1e-5)
    np.testing.assert_allclose(table["standard_error"][:3], errors[:3], rtol=1e-4)
    np.testing.assert_allclose(effects["estimate"], expected[3:], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(effects["standard_error"], errors[3:], rtol=1e-4)
    assert effects["level"].tolist() == list("pqrstu")
    middle = table["lower"][:3] + table["upper"][:3]
    np.testing.assert_allclose(middle / 2, expected[:3], rtol=1e-5)
    width = stats.norm.ppf(0.95) * errors[:3]
    np.testing.assert_allclose(table["upper"][:3] - expected[:3], width, rtol=1e-4)


@pytest.mark.versions
def test_evidence_is_that_of_all_ratings():
    best, hessian = by_hand()
    laplace = log_posterior(best) + np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(hessian)[1]

    assert fitted().log_evidence == pytest.approx(laplace, abs=1e-4)


def test_likelihood_integrates_units_and_sites_but_no_coefficients():
    best, _ = by_hand()
    columns, _, _, away = parts()
    fixed = fitted().population["estimate"][:3].to_numpy() - CENTRE * np.eye(3)[0]
    covariance = covariance_of(best) - SPREAD**2 * columns @ columns.T
    exact = stats.multivariate_normal(columns @ fixed, covariance).logpdf(away)

    assert fitted().log_likelihood == pytest.approx(exact, abs=1e-5)
    assert fitted().bic == pytest.approx(5 * np.log(len(away)) - 2 * exact, abs=1e-4)


@pytest.mark.slow
def test_deviations_have_errors_on_the_line_of_their_logarithm():
    best, hessian = by_hand()
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    rows = fitted().population.set_index("term").loc[["offset:sd", "offset:1|site"]]

    np.testing.assert_allclose(rows["standard_error"] / rows["estimate"], errors, rtol=1e-4)
    np.testing.assert_allclose(
        np.log(rows["upper"]), best + stats.norm.ppf(0.95) * errors, rtol=1e-3
    )


def test_units_are_drawn_to_what_is_expected_of_them_by_how_little_they_say():
    """With n ratings of known variance, a unit's estimate is a weighted mean of theirs and of its group's."""
    fit, (_, _, units, away) = fitted(), parts()
    counts, means = units.sum(axis=0), (units.T @ away) / units.sum(axis=0) + CENTRE
    variance = fit.population_sds["offset"] ** 2
    share = variance / (variance + VARIANCE / counts)

    np.testing.assert_allclose(fit.shrinkage["offset"], share, rtol=1e-8)
    own = share * means + (1 - share) * fit.expected[:, 0]
    np.testing.assert_allclose(fit.individuals.unconstrained[:, 0], own, rtol=1e-6)
    np.testing.assert_allclose(
        fit.individuals.covariance[:, 0, 0], (1 - share) * variance, rtol=1e-8
    )
    assert fit.summary()["shrinkage"].tolist() == pytest.approx(share.tolist())
    assert fit.summary()["expected"].tolist() == pytest.approx(fit.expected[:, 0].tolist())


def test_what_units_have_of_evidence_is_under_the_population():
    fit, (_, _, units, away) = fitted(), parts()
    for unit in (0, 5, 17):
        own = away[units[:, unit] > 0] + CENTRE
        covariance = VARIANCE * np.eye(len(own)) + fit.population_sds["offset"] ** 2
        exact = stats.multivariate_normal(np.full(len(own), fit.expected[unit, 0]), covariance)
        assert fit.individuals.lme[unit] == pytest.approx(exact.logpdf(own), abs=1e-8)


@pytest.mark.slow
def test_scatter_may_be_correlated_between_parameters():
    """Two offsets per unit: the exact likelihood of both ratings, maximised by another search."""
    data = groups.frame()
    actions = {"a": "a", "b": "b"}
    fit = fit_em(twofold(), trials(data, actions=actions), covariance="full")
    units = groups.indicators(data["subject"])
    away = np.concatenate([groups.errors(data) - CENTRE, groups.errors(data, "b") - 1.0])
    spreads = np.array([SPREAD, 0.8])

    def posterior(numbers):
        logs, correlation = numbers[:2], np.tanh(numbers[2])
        deviations = np.exp(logs)
        shared = np.outer(deviations, deviations) * np.array([[1, correlation], [correlation, 1]])
        own = np.kron(shared, units @ units.T)
        ones = np.ones((len(units), len(units)))
        covariance = own + np.kron(np.diag(spreads**2), ones) + VARIANCE * np.eye(len(away))
        found = stats.multivariate_normal(np.zeros(len(away)), covariance).logpdf(away)
        found += sum(groups.log_half_normal(logs, spreads))
        # LKJ with concentration 2: the correlation, stretched, is beta distributed; and the line is Fisher's.
        return found + stats.beta(2, 2).logpdf((1 + correlation) / 2) + np.log1p(-(correlation**2))

    best = optimize.minimize(lambda x: -posterior(x), np.zeros(3), tol=1e-12).x

    assert fit.converged
    found = fit.estimates
    assert found["a.offset:sd"] == pytest.approx(np.exp(best[0]), rel=1e-4)
    assert found["b.offset:sd"] == pytest.approx(np.exp(best[1]), rel=1e-4)
    assert found["correlation(a.offset,b.offset)"] == pytest.approx(np.tanh(best[2]), abs=1e-4)


def repeated(subjects=10, sessions=3, seed=11):
    """Sessions of subjects under doses, whose effect differs between subjects; two trials each."""
    random = np.random.default_rng(seed)
    units = subjects * sessions
    subject, session = np.arange(units) // sessions, np.arange(units) % sessions
    dose = random.normal(size=units)
    own = random.normal(size=(2, subjects)) * np.array([[0.7], [0.9]])
    offset = (
        0.3 + own[0][subject] + (0.5 + own[1][subject]) * dose + 0.4 * random.normal(size=units)
    )
    rows = {"subject": subject, "session": session, "dose": dose, "offset": offset}
    long = {name: np.repeat(column, 2) for name, column in rows.items()}
    noise = random.normal(0, VARIANCE**0.5, 2 * units)
    return long | {"u": random.normal(size=2 * units), "a": long["offset"] + noise}


@pytest.mark.slow
def test_slopes_of_subjects_are_those_of_the_exact_marginal_likelihood():
    """``(1 + dose|subject)``, units being sessions: both deviations, and how they correlate."""
    data = repeated()
    study = Trials(
        data, inputs="u", actions="a", by=["subject", "session"], parameters_per="session"
    )
    fit = fit_em(rater(), study, formulas={"offset": "dose + (1 + dose|subject)"})
    unit = data["subject"] * 3 + data["session"]
    away = groups.errors(data | {"subject": unit}) - CENTRE
    dose, units, subjects = (
        data["dose"],
        groups.indicators(unit),
        groups.indicators(data["subject"]),
    )
    width = SPREAD / dose[::2].std()
    columns = np.stack([SPREAD * np.ones(len(dose)), width * dose], axis=1)
    slopes = subjects * dose[:, None]

    def posterior(numbers):
        logs, correlation = numbers[:3], np.tanh(numbers[3])
        own, one, other = np.exp(logs)
        both = correlation * one * other * (subjects @ slopes.T)
        covariance = (
            columns @ columns.T
            + own**2 * units @ units.T
            + one**2 * subjects @ subjects.T
            + other**2 * slopes @ slopes.T
            + both
            + both.T
            + VARIANCE * np.eye(len(away))
        )
        found = stats.multivariate_normal(np.zeros(len(away)), covariance).logpdf(away)
        found += sum(groups.log_half_normal(logs, np.array([SPREAD, SPREAD, width])))
        return found + stats.beta(2, 2).logpdf((1 + correlation) / 2) + np.log1p(-(correlation**2))

    best = optimize.minimize(lambda x: -posterior(x), np.zeros(4), tol=1e-10).x
    found = fit.estimates

    assert fit.converged
    assert found["offset:sd"] == pytest.approx(np.exp(best[0]), rel=1e-4)
    assert found["offset:1|subject"] == pytest.approx(np.exp(best[1]), rel=1e-4)
    assert found["offset:dose|subject"] == pytest.approx(np.exp(best[2]), rel=1e-4)
    correlation = found["offset:correlation(1,dose|subject)"]
    assert correlation == pytest.approx(np.tanh(best[3]), abs=1e-4)
    assert len(fit.effects) == 20


@functools.cache
def watched(units=12):
    """Subjects who only look: one parameter, of which data say little, so that posteriors are skewed."""
    random = np.random.default_rng(5)
    rows = [
        {"subject": f"s{unit:02d}", "trial": trial, "u": float(random.random() < rate)}
        for unit in range(units)
        for trial, rate in enumerate(np.where(np.arange(40) // (5 + unit) % 2, 0.15, 0.85))
    ]
    return Trials(pd.DataFrame(rows), inputs="u", by="subject")


GRID = np.linspace(-14, 5, 120)
"""Positions on which likelihoods of single units are known."""


@functools.cache
def grid_likelihoods():
    """Log likelihood of every unit at every position of the grid."""
    data, owner = watched(), watched().layout.index[0]
    rows = [
        np.asarray(watcher().pointwise_log_likelihood({"x2.tonic_volatility": at}, data))
        for at in GRID
    ]
    return np.stack([np.bincount(owner, row) for row in rows], axis=1)


def grid_evidence(mean, deviation):
    """Log evidence of every unit under a population, by trapezia."""
    heights = np.exp(grid_likelihoods() + stats.norm(mean, deviation).logpdf(GRID)[None])
    return np.log(np.trapezoid(heights, GRID, axis=1))


@pytest.mark.slow
def test_likelihoods_that_are_no_parabolas_are_integrated_well():
    fit = fit_em(watcher(), watched())
    found = list(fit.estimates.values())
    exact = grid_evidence(*found)

    assert fit.converged
    np.testing.assert_allclose(fit.individuals.lme, exact, atol=0.05)
    assert fit.log_likelihood == pytest.approx(exact.sum(), abs=0.2)


@pytest.mark.slow
def test_the_population_is_nearly_the_most_probable_one():
    """Where likelihoods are no parabolas, it is off by a small part of its standard error."""
    fit = fit_em(watcher(), watched())
    mean, deviation = fit.population["estimate"]
    errors = fit.population["standard_error"]
    means = mean + errors[0] * np.linspace(-4, 4, 33)
    logs = np.log(deviation) + errors[1] / deviation * np.linspace(-2, 2, 41)
    prior = stats.norm(-3, 2).logpdf(means)
    heights = [
        np.log(np.sum(np.exp([grid_evidence(m, np.exp(log)).sum() + 600 for m in means] + prior)))
        + groups.log_half_normal(log, 2.0)
        for log in logs
    ]
    off = (logs[np.argmax(heights)] - np.log(deviation)) / (errors[1] / deviation)

    assert abs(off) < 0.25


TRUE = {
    "x2.tonic_volatility:Intercept": -4.0,
    "x2.tonic_volatility:group[T.patient]": 1.2,
    "inverse_temperature:Intercept": 0.5,
    "x2.tonic_volatility:sd": 0.8,
    "inverse_temperature:sd": 0.4,
}
"""What the population of simulated choosers is like."""


@functools.cache
def free_chooser():
    free = {"x2.tonic_volatility": Normal(-3, 2), "inverse_temperature": LogNormal(0.5, 1)}
    return Agent(pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=free)


def chooser_study(units, trials, seed):
    """Choices of two groups, whose volatility differs by one deviation and more."""
    random = np.random.default_rng(seed)
    outcomes, _ = pn.data.association()
    patient = np.arange(units) % 2
    values = {
        "x2.tonic_volatility": -4.0 + 1.2 * patient + 0.8 * random.normal(size=units),
        "inverse_temperature": np.exp(0.5 + 0.4 * random.normal(size=units)),
    }
    columns = {
        "subject": np.repeat(np.arange(units), trials),
        "group": np.repeat(np.array(["control", "patient"])[patient], trials),
        "u": np.tile(np.resize(outcomes, trials), units),
    }
    design = Trials(columns, inputs="u", by="subject")
    return pn.simulate(free_chooser(), design, values, seed=seed).trials, values


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    """Forty studies of thirty subjects: nine tenths of intervals, as far as counting tells."""
    held = []
    for seed in range(40):
        data, _ = chooser_study(30, 160, seed)
        rows = fit_em(free_chooser(), data, formulas={"x2.tonic_volatility": "group"}).population
        rows = rows.set_index("term")
        true = pd.Series(TRUE)[rows.index]
        held.append(((rows["lower"] < true) & (true < rows["upper"])).to_numpy())

    assert 0.84 < np.mean(held) < 0.96
    assert np.mean(held, axis=0).min() > 0.75


@pytest.mark.slow
def test_what_was_simulated_comes_out_again():
    """A hundred subjects: all five numbers within three standard errors, and units better than alone."""
    agent, (data, values) = free_chooser(), chooser_study(100, 320, 1)
    fit = fit_em(agent, data, formulas={"x2.tonic_volatility": "group"})
    rows = fit.population.set_index("term")
    true = pd.Series(TRUE)
    scores = (rows["estimate"] - true) / rows["standard_error"]

    assert fit.converged
    assert fit.iterations <= 20
    assert not fit.problems()
    assert set(rows.index) == set(true.index)
    assert np.abs(scores).max() < 3
    assert (rows["standard_error"] < 0.25).all()
    alone = pn.fit_map(agent, data, starts=4).estimates["x2.tonic_volatility"]
    shrunken = fit.individuals.estimates["x2.tonic_volatility"]
    truth = values["x2.tonic_volatility"]
    assert np.mean((shrunken - truth) ** 2) < 0.8 * np.mean((alone - truth) ** 2)
    assert fit.centred == {"x2.tonic_volatility": True, "inverse_temperature": True}


def test_a_fit_comes_as_tables_and_as_the_fits_of_its_units():
    fit = fitted()

    assert len(fit.summary()) == 24
    assert fit.summary()["subject"].tolist() == list(range(24))
    assert fit[5].estimates["offset"] == fit.individuals.estimates["offset"][5]
    assert len(fit.trajectories(["x1.mean"])) == len(fit.trials)
    assert "24 subjects" in repr(fit)
    assert "<table>" in fit._repr_html_()
    assert "offset:group[T.patient]" in fit._repr_html_()
    assert fit.problems() == []


def test_others_are_expected_where_the_formula_puts_them():
    """Covariates are scaled as those of the data, and errors are those of the sum of coefficients."""
    fit, data = fitted(), groups.frame()
    ages = np.array([data["age"][data["subject"] == unit][0] for unit in range(24)])
    found = fit.expect({"group": ["patient", "control"], "age": [50.0, ages.mean()]})
    weights = fit.population["estimate"][:3].to_numpy()
    wide = np.array([[1, 1, (50 - ages.mean()) / ages.std()], [1, 0, 0]])

    np.testing.assert_allclose(found["unconstrained"], wide @ weights, rtol=1e-10)
    np.testing.assert_allclose(found["estimate"], found["unconstrained"])
    assert found["standard_error"][1] == pytest.approx(fit.population["standard_error"][0])
    assert found["group"].tolist() == ["patient", "control"]
    with pytest.raises(pn.FormulaError, match="'age'"):
        fit.expect({"group": ["patient"]})
    with pytest.raises(pn.FormulaError, match="elder"):
        fit.expect({"group": ["elder"], "age": [80.0]})


def test_other_data_compile_nothing():
    from pynodes.fit.group import em

    before = [
        function._cache_size()
        for function in (em.update_sites, em.differentiate_marginal, em.initialise_population)
    ]
    if not before[0]:
        fitted()
        before = [
            function._cache_size()
            for function in (em.update_sites, em.differentiate_marginal, em.initialise_population)
        ]
    data = groups.frame(seed=8)
    again = fit_em(rater(), trials(data), formulas={"offset": FORMULA}, seed=4)

    assert again.estimates != fitted().estimates
    assert [
        f._cache_size()
        for f in (em.update_sites, em.differentiate_marginal, em.initialise_population)
    ] == before


@pytest.mark.slow
def test_single_precision_agrees_as_far_as_it_goes():
    with jax.enable_x64(False):
        fit = fit_em(rater(), trials(groups.frame()), formulas={"offset": FORMULA})
        table, effects = fit.population, fit.effects
        said = fit.problems()

    assert fit.converged
    assert not said
    np.testing.assert_allclose(table["estimate"], fitted().population["estimate"], rtol=0.02)
    np.testing.assert_allclose(
        table["standard_error"], fitted().population["standard_error"], rtol=0.05
    )
    np.testing.assert_allclose(effects["estimate"], fitted().effects["estimate"], atol=0.02)
    assert fit.log_evidence == pytest.approx(fitted().log_evidence, abs=0.02)


def test_a_sampler_is_told_where_to_begin():
    """Coordinates place units where they were found, whichever parameters are centred."""
    fit = fitted()
    for centred in (True, False):
        population = fit.group.population.with_centred({"offset": centred})
        coordinates = fit.coordinates({"offset": centred})
        positions, density = population.evaluate(coordinates)

        np.testing.assert_allclose(positions, fit.individuals.unconstrained, rtol=1e-10)
        np.testing.assert_allclose(population.expected(coordinates), fit.expected, rtol=1e-10)
        assert np.isfinite(density)
    count = 3 + 1 + 6 + 1
    assert fit.population_covariance.shape == (count, count)
    assert np.all(np.linalg.eigvalsh(fit.population_covariance) > 0)


@pytest.mark.slow
def test_units_without_data_are_what_is_expected_of_them():
    """A unit that did nothing changes nothing of the population."""
    data = groups.frame()
    silent = data | {"a": np.where(data["subject"] == 7, np.nan, data["a"])}
    fit = fit_em(rater(), trials(silent))
    rows = data["subject"] != 7
    without = fit_em(rater(), trials({name: column[rows] for name, column in data.items()}))

    for name, value in without.estimates.items():
        assert fit.estimates[name] == pytest.approx(value, rel=1e-6)
    assert fit.individuals.unconstrained[7, 0] == pytest.approx(fit.expected[7, 0])
    assert fit.shrinkage["offset"][7] == pytest.approx(0, abs=1e-12)
    assert any("subject 7" in said.lower() for said in fit.problems())


def test_units_for_whom_filtering_fails_change_nothing_and_are_named():
    """As if they had done nothing, but that there is no evidence with them."""
    data = groups.frame()
    mine = data["subject"] == 7
    lost = data | {"u": np.where(mine, 1e200, data["u"])}
    silent = data | {"a": np.where(mine, np.nan, data["a"])}
    fit, other = (fit_em(rater(), trials(d), formulas={"offset": FORMULA}) for d in (lost, silent))

    for name, value in other.estimates.items():
        assert fit.estimates[name] == pytest.approx(value, rel=1e-6)
    assert fit.individuals.unconstrained[7, 0] == pytest.approx(fit.expected[7, 0])
    assert fit.log_evidence == -np.inf
    assert any("Subject 7" in said and "filtering failed" in said for said in fit.problems())


@pytest.mark.slow
def test_what_may_mislead_is_said():
    data = groups.frame(3)
    few = fit_em(rater(), trials(data), iterations=1)

    said = " ".join(few.problems())
    assert not few.converged
    assert "did not converge" in said
    assert "3 subjects" in said
    factors = fit_em(rater(), trials(groups.frame()), formulas={"offset": "(1|group)"})
    assert "fewer than 5 levels" in " ".join(factors.problems())


WRONG = {
    "one unit": (lambda: {"trials": trials(groups.frame(1))}, pn.DataError, "single subject"),
    "unknown parameter": (lambda: {"formulas": {"ofset": "1"}}, pn.ParameterError, "'offset'"),
    "covariance": (lambda: {"covariance": "dense"}, pn.ParameterError, "'diagonal'"),
    "iterations": (lambda: {"iterations": 0}, pn.InputError, "iterations"),
    "tolerance": (lambda: {"tolerance": 0.0}, pn.InputError, "tolerance"),
    "no agent": (lambda: {"agent": 3}, pn.ParameterError, "agent"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name):
    make, error, said = WRONG[name]
    given = {"agent": rater(), "trials": trials(groups.frame())} | make()

    with pytest.raises(error, match=said):
        fit_em(**given)
