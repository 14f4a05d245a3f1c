"""Comparison of models: definitions, closed forms, sampling, and an independent implementation."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.special import gammaln

import pynodes as pn
from pynodes._inference.random_effects import exceedance_probabilities
from pynodes.fit import (
    Agent,
    Comparison,
    LogNormal,
    Normal,
    Trials,
    compare,
    compare_groups,
    fit_map,
    parameter_average,
    random_effects_bms,
)
from tests.fit.cases import FREE, chooser, table
from tests.fit.drawn import gaussian_modes
from tests.fit.test_map import linear_agent, linear_trials

RECORDED = {
    "evidence": [
        *([1.0, 0.61, -1.69], [1.6, -1.46, -2.37], [0.45, 0.34, -7.03], [-0.78, 1.79, -3.08]),
        *([0.09, -2.29, -2.1], [-0.98, -0.52, -1.77], [1.12, -3.4, -5.06], [3.68, -2.18, -2.96]),
        *([0.02, -3.28, -3.96], [-0.24, -0.07, -3.62], [1.98, -2.13, 0.12], [1.71, 0.94, -3.62]),
    ],
    "frequencies": [0.912630237608062, 0.06144942651401726, 0.02592033587792073],
    "exceedance": [0.9998133261509965, 0.00015738844436242205, 2.9285404641137347e-05],
    "protected": [0.9884214967906574, 0.005852208321998701, 0.005726294887343993],
    "risk": 0.017092530133092435,
    "family frequencies": [0.9584822631335825, 0.041517736866417486],
    "family exceedance": [0.9999554344463071, 4.4565553692869905e-05],
}
"""What groupBMC 1.0 (PyPI) makes of this evidence, iterated to its end; families {1} and {2, 3}."""


def comparison(evidence, models=None):
    evidence = np.asarray(evidence, float)
    names = models or tuple("abcdefgh"[: evidence.shape[1]])
    return Comparison(
        models=names, subjects=tuple(range(len(evidence))), evidence=evidence, criterion="lme"
    )


def test_random_effects_are_those_of_another_implementation():
    found = random_effects_bms(comparison(RECORDED["evidence"]))

    np.testing.assert_allclose(found.frequencies, RECORDED["frequencies"], atol=1e-6)
    np.testing.assert_allclose(found.exceedance, RECORDED["exceedance"], atol=1e-7)
    np.testing.assert_allclose(found.protected_exceedance, RECORDED["protected"], atol=1e-6)
    assert found.bayesian_omnibus_risk == pytest.approx(RECORDED["risk"], abs=1e-6)


def test_families_are_those_of_another_implementation():
    """Its risk is not compared: it takes another bound for unequal priors where the value is known."""
    families = {"one": ["a"], "others": ["b", "c"]}
    found = random_effects_bms(comparison(RECORDED["evidence"]), families=families).families

    np.testing.assert_allclose(found.frequencies, RECORDED["family frequencies"], atol=1e-6)
    np.testing.assert_allclose(found.exceedance, RECORDED["family exceedance"], atol=1e-7)
    np.testing.assert_allclose(found.prior_counts, [0.5, 0.5])


def test_of_two_models_exceedance_is_a_beta_distribution():
    for counts in ([3.2, 1.7], [0.5, 0.5], [40.0, 25.5], [300.0, 290.0], [0.05, 2.0]):
        expected = special.betainc(counts[1], counts[0], 0.5)

        found = exceedance_probabilities(np.array(counts))

        np.testing.assert_allclose(found, [expected, 1 - expected], rtol=1e-9, atol=1e-12)


def test_of_several_models_exceedance_is_what_samples_say():
    counts = np.array([4.0, 3.0, 0.4, 2.5])
    draws = stats.dirichlet(counts).rvs(400_000, random_state=1)
    shares = np.bincount(draws.argmax(axis=1), minlength=4) / len(draws)

    errors = 4 * np.sqrt(shares * (1 - shares) / len(draws))
    assert np.all(np.abs(exceedance_probabilities(counts) - shares) < errors)


def test_models_that_explain_equally_well_are_equally_frequent():
    found = random_effects_bms(comparison(np.zeros((9, 3))))

    np.testing.assert_allclose(found.frequencies, 1 / 3)
    np.testing.assert_allclose(found.protected_exceedance, 1 / 3)
    assert found.bayesian_omnibus_risk > 0.5


def test_overwhelming_evidence_counts_subjects():
    evidence = np.array([[0, -500.0]] * 7 + [[-500.0, 0]] * 3)
    found = random_effects_bms(comparison(evidence), prior_counts=1.0)

    np.testing.assert_allclose(found.counts, [8, 4])
    np.testing.assert_allclose(found.posterior_model_probabilities[0], [1, 0], atol=1e-12)


def test_what_every_subject_adds_to_all_models_does_not_matter():
    evidence = np.array(RECORDED["evidence"])
    shifted = evidence + np.linspace(-900, 900, len(evidence))[:, None]
    one, other = random_effects_bms(comparison(evidence)), random_effects_bms(comparison(shifted))

    np.testing.assert_allclose(one.frequencies, other.frequencies, rtol=1e-9)
    assert one.bayesian_omnibus_risk == pytest.approx(other.bayesian_omnibus_risk, rel=1e-7)


def test_prior_counts_are_by_model_or_the_same_for_all():
    evidence = comparison(RECORDED["evidence"])
    one = random_effects_bms(evidence, prior_counts=1.0)
    other = random_effects_bms(evidence, prior_counts={"c": 1.0, "a": 1.0, "b": 1.0})

    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.counts.sum() == pytest.approx(15)


def trials():
    return Trials(table(((14, 11), (9, 13))), inputs="u", actions="y", by=["subject", "session"])


@pytest.mark.slow
def test_fits_are_compared_by_subject_and_together():
    agents = {
        "learner": chooser(),
        "static": Agent(
            pn.models.binary_hgf(2, tonic_volatility=-12.0),
            pn.responses.UnitSquareSigmoid(),
            free={"inverse_temperature": FREE["inverse_temperature"]},
        ),
    }
    fits = fit_map(agents, trials())
    found = compare(fits)

    np.testing.assert_allclose(found.table["static"], fits["static"].lme)
    away = fits["learner"].lme.sum() - fits["static"].lme.sum()
    np.testing.assert_allclose(found.probability[0], 1 / (1 + np.exp(-away)))
    best = found.fixed_effects
    assert best["log_evidence"].is_monotonic_decreasing
    assert best["difference"][0] == 0
    np.testing.assert_allclose(compare(fits, by="bic").evidence[:, 0], -fits["learner"].bic / 2)
    assert random_effects_bms(found).table["frequency"].sum() == pytest.approx(1)


@pytest.mark.slow
def test_an_average_of_posteriors_is_that_of_all_data_at_once():
    """Exactly so where all is Gaussian: the prior counts once."""
    prior = Normal(-0.3, 1.7)
    alone = linear_trials(count=24)
    halves = alone.columns | {"subject": np.repeat([1, 2], 12)}
    agent = linear_agent(prior)
    fit = fit_map(agent, Trials(halves, inputs="u", actions="y", by="subject"))

    found = parameter_average(fit)

    errors = []
    for rows in (slice(0, 12), slice(12, 24)):
        beliefs = agent.network.filter({"u": halves["u"][rows]})
        errors.append(halves["y"][rows] - np.asarray(beliefs["x1"].predicted_mean))
    precision = 24 / 0.4 + 1 / 1.7**2
    mean = (np.sum(errors) / 0.4 - 0.3 / 1.7**2) / precision
    assert found.estimates["offset"] == pytest.approx(mean, abs=1e-9)
    np.testing.assert_allclose(found.covariance, [[1 / precision]], rtol=1e-9)


@pytest.mark.slow
def test_of_one_subject_the_average_is_its_own():
    fit = fit_map(chooser(), trials().only(subject="s0"))
    found = parameter_average(fit)

    np.testing.assert_allclose(found.mean, fit.unconstrained, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, fit.covariance, rtol=1e-9)


def fits(**changes):
    one, data = gaussian_modes(chooser(), trials()), trials()
    return {"a": one, "b": gaussian_modes(chooser(), data.only(**changes)) if changes else one}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: compare(fits(), by="waic"), "compared by 'lme', 'aic', 'bic' and 'loo'"),
        (lambda: compare({"a": fits()["a"]}), "two fits at least"),
        (lambda: compare(fits(subject="s0")), "other subjects or trials"),
        (lambda: compare(fits(session=0)), "other subjects or trials"),
        (lambda: random_effects_bms(3.0), "Give the data as a frame"),
        (
            lambda: random_effects_bms(comparison([[0.0, -np.inf], [0, 0]])),
            "'b' for subject 0 is -inf, and nothing can be said",
        ),
        (
            lambda: random_effects_bms(comparison([[0.0, 0]]), families={"f": ["a"]}),
            "Every model belongs to one family",
        ),
        (
            lambda: random_effects_bms(comparison([[0.0, 0]]), prior_counts=0),
            "prior_counts must be positive",
        ),
        (
            lambda: random_effects_bms(comparison([[0.0, 0]]), prior_counts={"a": 1}),
            "prior_counts are for 'a'",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(make, said):
    with pytest.raises(pn.DataError, match=said):
        make()


def certain(models, count):
    """Evidence of subjects whose model is beyond doubt."""
    return np.where(np.arange(count) == np.asarray(models)[:, None], 0.0, -1e4)


def log_beta(counts):
    return gammaln(counts).sum() - gammaln(np.sum(counts))


def test_groups_whose_models_are_known_are_compared_by_counts():
    """Models that are known have the Dirichlet-multinomial probability B(a + n) / B(a) in every group."""
    one, other = [0, 0, 0, 1], [1, 1, 2, 1, 1]
    prior = np.array([0.5, 1.0, 2.0])
    found = compare_groups(
        comparison(certain(one + other, 3)),
        ["patient"] * 4 + ["control"] * 5,
        prior_counts=dict(zip("abc", prior, strict=True)),
    )

    n, m = np.bincount(one, minlength=3), np.bincount(other, minlength=3)
    apart = log_beta(prior + n) + log_beta(prior + m) - 2 * log_beta(prior)
    together = log_beta(prior + n + m) - log_beta(prior)
    assert found.log_bayes_factor == pytest.approx(apart - together, abs=1e-9)
    assert found.probability == pytest.approx(1 / (1 + np.exp(together - apart)), abs=1e-9)
    assert list(found.groups) == ["patient", "control"]
    np.testing.assert_allclose(found.groups["control"].counts, prior + m)


def test_evidence_from_elsewhere_is_compared_as_our_own():
    """As a frame, a frame whose column or index names subjects, a mapping, or an array."""
    rows = np.array(RECORDED["evidence"])
    frame = pd.DataFrame(rows, columns=list("abc"))
    named = frame.assign(who=[f"s{k}" for k in range(len(rows))], sick=np.arange(len(rows)) % 2)
    tables = [rows, frame, named.drop(columns="sick").set_index("who"), frame.to_dict("list")]

    for each in tables:
        found = random_effects_bms(each)
        np.testing.assert_allclose(found.frequencies, RECORDED["frequencies"], atol=1e-6)
    by_column = compare_groups(named, "sick", subject="who")
    by_name = compare_groups(
        tables[2], dict(zip(named["who"], named["sick"], strict=True)), prior_counts=1 / 3
    )
    assert by_column.log_bayes_factor == pytest.approx(by_name.log_bayes_factor)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: random_effects_bms({"a": [1.0], "b": [np.nan]}), "'b' for subject 0 is nan"),
        (lambda: random_effects_bms({"a": [1.0]}), "two models at least"),
        (lambda: random_effects_bms([1.0, 2.0]), "shape"),
        (lambda: compare_groups([[0.0, 1.0]] * 2, ["x", "x"]), "two groups at least"),
        (lambda: compare_groups([[0.0, 1.0]] * 2, {0: "x"}), "no group for 1"),
        (lambda: compare_groups([[0.0, 1.0]] * 2, ["x"]), "each of 2 subjects"),
    ],
)
def test_tables_of_evidence_that_say_nothing_are_refused(call, said):
    with pytest.raises(pn.DataError, match=said):
        call()


def test_tables_are_keyed_by_what_the_trials_said():
    """Of a person or of a person's session: so that they merge with tables of fits and the data."""
    keyed = [
        (("participant",), (11, 12), ["participant"]),
        (("participant", "visit"), ((11, 1), (12, 2)), ["participant", "visit"]),
    ]
    for by, subjects, names in keyed:
        found = Comparison(
            models=("a", "b"), subjects=subjects, evidence=np.eye(2), criterion="lme", by=by
        )
        assert list(found.table.index.names) == names
        assert found.table.reset_index()["participant"].tolist() == [11, 12]


def test_models_that_lack_covariates_in_different_trials_are_not_compared():
    """As many responses each, but not the same ones: neither in evidence nor in model recovery."""
    data = table() | dict.fromkeys(("one", "two"), np.ones(41))
    count = len(data["u"])
    for number, name in enumerate(("one", "two")):
        data[name] = np.where(np.arange(count) == 3 + number, np.nan, 1.0)

    def rewarded(reward):
        trials = Trials(
            data,
            inputs="u",
            actions="y",
            by=["subject", "session"],
            covariates={"reward_one": reward},
        )
        free = {"inverse_temperature": LogNormal(0, 1)}
        response = pn.responses.BinarySoftmax()
        return Agent(pn.Graph().add(u=pn.RescorlaWagner()), response, free=free), trials

    parts = {name: rewarded(name) for name in ("one", "two")}
    found = {name: gaussian_modes(*part) for name, part in parts.items()}
    assert [fit.observations.sum() for fit in found.values()] == [count - 1] * 2
    with pytest.raises(pn.DataError, match=r"different trials, 40 and 40.*covariates are missing"):
        compare(found)
    whole, trials = parts["one"]
    plain = Agent(whole.network, pn.responses.UnitSquareSigmoid(), free=whole.priors)
    with pytest.raises(pn.DataError, match="missing in 1 of 41 trials, first in row 3"):
        pn.model_recovery({"one": whole, "plain": plain}, trials, 2)
