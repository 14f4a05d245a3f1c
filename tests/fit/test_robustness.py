"""Data as they come: what is odd about them works, or it is said clearly why not."""

import functools

import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from pynodes.fit import Trials, compare, fit_map, random_effects_bms, simulate
from tests.few import few

OUTCOMES = pn.data.association().outcomes


@functools.cache
def agent():
    return pn.agents.binary_hgf(2)


def frame():
    """Three subjects of forty trials."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "who": np.repeat(["anna", "bert", "carl"], 40),
            "trial": np.tile(np.arange(40), 3),
            "u": np.tile(OUTCOMES[:40], 3),
            "y": random.integers(0, 2, 120).astype(float),
        }
    )


def trials(data, **options):
    return Trials(data, **{"inputs": "u", "actions": "y", "by": "who"} | options)


def fitted(data, **options):
    return fit_map(agent(), trials(data, **options), starts=4)


@functools.cache
def usual():
    return fitted(frame())


def alike(fit, other=None):
    """Two fits to the same data, told otherwise."""
    other = usual() if other is None else other
    np.testing.assert_allclose(fit.unconstrained, other.unconstrained, rtol=1e-8)
    np.testing.assert_allclose(fit.lme, other.lme, rtol=1e-10)
    return True


@pytest.mark.parametrize("always", few([1.0, 0.0], 1))
def test_constant_responses_are_fitted(always):
    """Finite and at a mode; who always says what mostly happens is taken to be sure of it.

    Who says the other is predicted worse than by a guess, and the fit says so.
    """
    fit = fitted(frame().assign(y=always))

    assert fit.converged.all()
    assert np.isfinite(fit.lme).all()
    assert all("worse than chance" in problem for problem in fit.problems())
    assert bool(fit.problems()) == (always != round(OUTCOMES[:40].mean()))
    ones = OUTCOMES[:40].mean()
    agreeing = np.log(fit.estimates["inverse_temperature"]) > 1.0
    assert agreeing.all() == (always == round(ones))


def test_a_subject_with_one_trial_has_the_prior_and_one_bit():
    """At the first trial nothing is known yet: its likelihood is one half whatever the parameters."""
    data = frame()
    fit = fitted(data[(data["who"] != "bert") | (data["trial"] == 0)])

    alone = fit["bert"]
    assert alone.lme == pytest.approx(np.log(0.5), abs=1e-9)
    for name, prior in agent().priors.items():
        assert alone.estimates[name] == pytest.approx(
            float(prior.constrain(prior.unconstrained_mean))
        )
    np.testing.assert_allclose(fit["anna"].unconstrained, usual()["anna"].unconstrained, rtol=1e-8)


def test_without_any_response_the_prior_is_left_and_it_is_said():
    fit = fitted(frame().assign(y=np.nan))

    np.testing.assert_allclose(fit.lme, 0, atol=1e-10)
    assert (fit.observations == 0).all()
    assert [who in said for who, said in zip(fit.subjects, fit.problems(), strict=True)] == [1] * 3
    assert all("no trial bears on the likelihood" in said for said in fit.problems())
    assert len(fit.trajectories()) == 120


def test_one_subject_without_responses_changes_nothing_for_the_others():
    data = frame()
    fit = fitted(data.assign(y=np.where(data["who"] == "bert", np.nan, data["y"])))

    for who in ("anna", "carl"):
        np.testing.assert_allclose(fit[who].unconstrained, usual()[who].unconstrained, rtol=1e-8)
    comparison = compare({"one": fit, "other": fit})
    assert random_effects_bms(comparison).frequencies == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: pd.concat([d, d.iloc[:3]]), "has trial 0 after trial 39 in rows 39 and 120"),
        (lambda d: pd.concat([d, d.iloc[:3]]).sort_values(["who", "trial"]), "has trial 0 again"),
        (
            lambda d: d.sample(frac=1.0, random_state=1),
            "else sort the data.*sessions apart in by=",
        ),
        (
            lambda d: d.assign(y=np.where(d["y"] > 0, "left", "right")),
            "levels={'y': \\['left', 'right'\\]}",
        ),
        (lambda d: d.assign(y=d["y"].astype(str)), "'y', which does not hold numbers: row 0 is"),
        (lambda d: d.assign(y=pd.Categorical(np.where(d["y"] > 0, "a", "b"))), "not hold numbers"),
        (lambda d: d.assign(y=d["y"] + 1), r"has 2.0 in column 'y', row 0, but .* takes 0 or 1"),
        (lambda d: d.assign(u=d["u"].where(d.index != 5, np.inf)), "has inf in column 'u', row 5"),
        (lambda d: d.assign(who=d["who"].where(d.index != 5)), "Row 5 has no 'who'"),
        (lambda d: d.assign(who=d["who"].where(d.index != 5, None)), "Row 5 has no 'who'"),
        (lambda d: d.assign(trial=d["trial"].where(d.index != 5)), "Row 5 has no 'trial'"),
        (lambda d: d.assign(trial=d["trial"].astype(str)), "'trial', which does not hold numbers"),
        (lambda d: d.iloc[:0], "no rows"),
        (lambda d: d.to_numpy().tolist(), "not as a list"),
        (lambda d: d.rename(columns={"trial": "u"}), "several columns called 'u'"),
        (lambda d: d["y"], "not as a Series"),
    ],
)
def test_what_cannot_be_read_is_said_clearly(change, said):
    with pytest.raises(pn.DataError, match=said):
        fitted(change(frame()))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.assign(y=d["y"] > 0),
        lambda d: d.assign(y=d["y"].astype("Int64")),
        lambda d: d.assign(y=(d["y"] > 0).astype("boolean")),
        lambda d: d.assign(y=pd.Categorical(d["y"].astype(int))),
        lambda d: d.assign(y=d["y"].astype(object)),
        lambda d: d.assign(u=d["u"].astype(np.int8)),
        lambda d: d.assign(who=d["who"].astype("category")),
        lambda d: d.assign(who=pd.Categorical(d["who"], ["nobody", "anna", "bert", "carl"])),
        lambda d: d.assign(who=d["who"].map({"anna": 7, "bert": 8, "carl": 9})),
        lambda d: d.assign(when=pd.Timestamp("2020-01-01"), said="something", none=None),
        lambda d: d.set_index(["who", "trial"]),
        lambda d: d.set_index("who"),
        lambda d: d.sort_values(["trial", "who"]),
        lambda d: pd.concat(
            [d[d["who"] == who].reset_index(drop=True) for who in d["who"].unique()]
        ),
        lambda d: d.to_dict(orient="list"),
        lambda d: d.convert_dtypes(),
    ],
)
def test_the_same_data_in_another_dress_are_the_same_data(change):
    assert alike(fitted(change(frame())))


def test_missing_in_any_dress_is_missing():
    data = frame()
    gap = data["trial"] == 3
    dressed = [
        data["y"].where(~gap),
        data["y"].astype("Int64").where(~gap),
        (data["y"] > 0).astype("boolean").where(~gap),
        data["y"].astype(object).where(~gap, None),
    ]
    fits = [fitted(data.assign(y=column)) for column in dressed]

    assert (fits[0].observations == 39).all()
    for fit in fits[1:]:
        assert alike(fit, fits[0])


def test_frames_of_polars_are_read_as_they_are():
    pl = pytest.importorskip("polars")
    data = frame()
    same = pl.DataFrame({name: data[name].to_numpy() for name in data})

    assert alike(fitted(same))
    assert alike(fitted(same.lazy()))
    assert alike(fitted(same.with_columns(pl.col("who").cast(pl.Categorical))))
    gap = pl.when(pl.col("trial") == 3).then(None).otherwise(pl.col("y")).alias("y")
    assert trials(same.with_columns(gap)).unanswered.sum() == 3
    nobody = pl.when(pl.col("trial") == 3).then(None).otherwise(pl.col("who")).alias("who")
    with pytest.raises(pn.DataError, match="Row 3 has no 'who'"):
        trials(same.with_columns(nobody))


def test_regressors_merge_with_the_frame_whose_index_was_the_key():
    data = frame()
    regressors = fitted(data.set_index(["who", "trial"])).trajectories(["u.predicted_mean"])

    merged = data.merge(regressors, on=["who", "trial"])
    assert len(merged) == 120
    np.testing.assert_array_equal(merged["y"], data["y"])


@pytest.mark.slow
def test_sessions_may_be_of_any_length():
    """As if every session had been a subject with the same parameters: likelihoods add."""
    data = frame()
    first = np.where(data["who"] == "anna", 5, 30)
    data = data.assign(session=np.where(data["trial"] < first, 1, 2))
    told = trials(data, by=["who", "session"])
    values = {"x2.tonic_volatility": -3.0, "inverse_temperature": 2.0}

    whole = float(agent().log_likelihood(values, told))

    single = data.assign(block=data["who"] + data["session"].astype(str))
    apart = float(agent().log_likelihood(values, trials(single, by="block")))
    assert whole == pytest.approx(apart, rel=1e-12)
    assert fit_map(agent(), told, starts=4).converged.all()


def test_a_study_of_odd_subjects_is_simulated_and_fitted_again():
    """One trial, no response, constant responses: none keeps the others from anything."""
    data = frame()
    odd = data[(data["who"] != "bert") | (data["trial"] == 0)]
    odd = odd.assign(y=np.where(odd["who"] == "carl", np.nan, odd["y"]))

    told = simulate(agent(), trials(odd), seed=1).trials

    assert np.isnan(told.columns["y"][odd["who"] == "carl"]).all()
    assert fit_map(agent(), told, starts=4).converged.all()


@pytest.mark.slow
def test_ten_thousand_trials_of_one_subject():
    """Both parameters are then known closely."""
    outcomes = np.tile(OUTCOMES, 32)[:10_000]
    design = Trials({"u": outcomes}, inputs="u")
    values = {"x2.tonic_volatility": -3.0, "inverse_temperature": 2.0}

    fit = fit_map(agent(), simulate(agent(), design, values, seed=3).trials, starts=4)

    assert fit.converged
    deviations = np.sqrt(np.diag(fit.covariance))
    assert deviations.max() < 0.15
    truth = np.array([-3.0, np.log(2.0)])
    assert np.all(np.abs(fit.unconstrained - truth) < 4 * deviations)


@pytest.mark.slow
def test_odd_subjects_are_fitted_in_single_precision(tmp_path):
    """In a process of its own: constant, single and missing responses."""
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import numpy as np\n"
        "from tests.fit.test_robustness import fitted, frame\n"
        "import jax; jax.config.update('jax_enable_x64', False)\n"
        "data = frame()\n"
        "odd = data[(data['who'] != 'bert') | (data['trial'] == 0)]\n"
        "odd = odd.assign(y=np.where(odd['who'] == 'carl', 1.0, odd['y']))\n"
        "fit = fitted(odd)\n"
        "assert fit.unconstrained.dtype == 'float32'\n"
        "assert fit.converged.all() and np.isfinite(fit.lme).all(), fit.problems()\n"
        "assert np.isfinite(fitted(data.assign(y=np.nan)).lme).all()\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
