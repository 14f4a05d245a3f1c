"""The embedded series are the published ones."""

from pathlib import Path

import numpy as np
import pytest

import pynodes as pn
from tests.fit import study

REFERENCE = Path(__file__).parent / "reference"


def test_the_exchange_rates_are_those_of_the_literature():
    """As the TAPAS toolbox and pyhgf distribute them: the inputs of their recorded runs."""
    rates = pn.data.usd_chf()

    assert rates.shape == (614,)
    assert (rates[0], rates[-1]) == (1.0357, 0.8241)
    tapas = np.load(REFERENCE / "tapas" / "prc_hgf__demo2l.npz")["u"]
    pyhgf = np.load(REFERENCE / "pyhgf" / "cont3_usdchf_std_rel.npz")["input/n0"]
    np.testing.assert_array_equal(rates, tapas)
    np.testing.assert_array_equal(rates, pyhgf)


def test_the_outcomes_are_those_of_the_literature():
    """320 trials, likewise."""
    association = pn.data.association()

    assert association.outcomes.shape == association.choices.shape == (320,)
    assert list(association.outcomes[:5]) == [1, 1, 1, 1, 0]
    assert list(association.outcomes[-3:]) == [0, 0, 0]
    tapas = np.load(REFERENCE / "tapas" / "prc_hgf_binary__demo.npz")["u"]
    pyhgf = np.load(REFERENCE / "pyhgf" / "bin3_iglesias_unb_rel.npz")["input/n0"]
    np.testing.assert_array_equal(association.outcomes, tapas)
    np.testing.assert_array_equal(association.outcomes, pyhgf)


def test_the_choices_are_those_of_a_person_who_learned():
    """Zeros and ones that go with the outcomes better than chance: beyond four standard errors."""
    outcomes, choices = pn.data.association()

    assert set(choices) == {0.0, 1.0}
    assert np.mean(outcomes == choices) > 0.5 + 4 * 0.5 / np.sqrt(320)


@pytest.mark.parametrize("series", [pn.data.usd_chf, lambda: pn.data.association().outcomes])
def test_a_series_may_be_changed_without_changing_the_next(series):
    """Gaps are often written into them."""
    first = series()
    first[:] = np.nan

    assert np.isfinite(series()).all()


def test_the_study_is_in_long_form():
    """A row per trial, in order, each once; covariates are constant in a subject."""
    frame = pn.data.study()
    trials = pn.Trials(
        frame, inputs="u", actions={"choice": "y", "time": "rt"}, by=["subject", "session"]
    )

    assert frame.shape == (24 * 160, 9)
    assert len(trials.subjects) == 24
    assert trials.unanswered.sum() == frame["y"].isna().sum() == frame["rt"].isna().sum() > 30
    assert frame.groupby("subject")[["group", "site", "age"]].nunique().to_numpy().max() == 1
    assert frame.groupby("subject")["group"].first().value_counts().tolist() == [12, 12]


@pytest.mark.slow
def test_the_study_is_as_it_was_simulated():
    """By the script that the docstring names."""
    simulated = study.made()

    frame = pn.data.study()
    assert list(simulated) == list(frame.columns)
    for name in ("subject", "session", "group", "site", "age", "trial", "u", "y"):
        np.testing.assert_array_equal(simulated[name], frame[name].to_numpy(), err_msg=name)
    np.testing.assert_allclose(simulated["rt"], frame["rt"], atol=0.0011)


@pytest.mark.parametrize("series", [pn.data.usd_chf, pn.data.association])
def test_the_sources_are_named(series):
    """Whoever uses a series must be able to cite it."""
    said = " ".join(series.__doc__.split())
    assert "Source: " in said
    assert "doi 10." in said
