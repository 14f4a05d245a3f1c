"""Trials: texts, stamps and gaps are read as meant, or refused with advice that does no harm."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest

import pynodes as pn

FRAME = {
    "who": ["a"] * 4 + ["b"] * 4,
    "u": [1, 0, 1, 1, 0, 1, 0, 1],
    "choice": ["left", None, "right", "left", "right", "right", "left", None],
    "at": [10.0, 12.0, 13.0, 17.0, 50.0, 52.0, 52.5, 55.0],
}


def test_levels_code_texts_in_their_order_and_leave_gaps_missing():
    trials = pn.Trials(
        FRAME, inputs="u", actions="choice", by="who", levels={"choice": ["left", "right"]}
    )
    nan = np.nan

    np.testing.assert_array_equal(trials.numbers("choice"), [0, nan, 1, 0, 1, 1, 0, nan])
    assert trials.unanswered.sum() == 2
    np.testing.assert_array_equal(trials.only(who="b").numbers("choice"), [1, 1, 0, nan])
    categories = pd.DataFrame(FRAME).astype({"choice": "category"})
    again = pn.Trials(
        categories, inputs="u", actions="choice", levels={"choice": ("left", "right")}
    )
    np.testing.assert_array_equal(again.numbers("choice"), trials.numbers("choice"))


def test_the_advice_on_texts_can_be_followed_as_it_stands():
    with pytest.raises(pn.DataError) as caught:
        pn.Trials(FRAME, inputs="u", actions="choice")
    levels = eval(re.search(r"levels=(\{.*?\})", str(caught.value)).group(1))

    trials = pn.Trials(FRAME, inputs="u", actions="choice", levels=levels)

    assert np.isnan(trials.numbers("choice")).sum() == 2


def test_a_text_that_is_no_level_is_refused_with_its_row():
    with pytest.raises(pn.DataError, match=r"row 2 is 'right'"):
        pn.Trials(FRAME, inputs="u", actions="choice", levels={"choice": ["left"]})
    once = {"left", "right"}  # in an order that differs from run to run
    for wrong in ("left", once, dict.fromkeys(once), ["left", "left"], [0, 1]):
        with pytest.raises(pn.DataError, match="levels must say"):
            pn.Trials(FRAME, inputs="u", actions="choice", levels={"choice": wrong})
    for wrong in (["left"], {"choice": "left"}):
        with pytest.raises(pn.DataError, match="levels must say"):
            pn.Trials(FRAME, inputs="u", actions="choice", levels=wrong)
    known = {"choice": ["left", "right"], "chioce": ["left", "right"]}
    with pytest.raises(pn.DataError, match=r"'chioce', which is no column.*'choice'"):
        pn.Trials(FRAME, inputs="u", actions="choice", levels=known)


def test_stamps_are_intervals_within_a_subject():
    """By hand; the median of 2, 1, 4, 2, 0.5 and 2.5 is 2. In dates and durations they are in seconds."""
    expected = [2.0, 2.0, 1.0, 4.0, 2.0, 2.0, 0.5, 2.5]
    at = np.array(FRAME["at"])
    kinds = {
        "numbers": at,
        "durations": pd.to_timedelta(at, unit="s"),
        "dates": pd.Timestamp("2030-01-01") + pd.to_timedelta(at, unit="s"),
    }
    kinds["zone"] = kinds["dates"].tz_localize("Europe/Zurich")
    kinds["texts"] = [f"{date:%Y-%m-%dT%H:%M:%S.%f}" for date in kinds["dates"]]
    kinds["texts with a zone"] = [f"{date.isoformat()}" for date in kinds["zone"]]
    kinds["Greenwich"] = [f"{text}Z" for text in kinds["texts"]]

    for column in kinds.values():
        trials = pn.Trials({**FRAME, "at": column}, inputs="u", by="who", time="at")
        np.testing.assert_allclose(trials.intervals, expected)
    for column, role, words in (
        (kinds["texts"], "dt", "time="),
        (["02.03.2030"] * 8, "time", "pandas.to_datetime"),
        (["2030-13-01"] * 8, "time", "pandas.to_datetime"),
        ([None, *kinds["texts"][1:]], "time", "nothing in row 0"),
    ):
        with pytest.raises(pn.DataError, match=words):
            pn.Trials({**FRAME, "at": column}, inputs="u", by="who", **{role: "at"})


def test_days_and_years_are_stamps():
    day = datetime.date(2030, 1, 1)
    for column in ([day, day.replace(day=3)], np.array(["2030-01-01", "2030-01-03"], "M8[D]")):
        found = pn.Trials({"u": [1, 0], "at": column}, inputs="u", time="at").intervals
        np.testing.assert_array_equal(found, [172_800.0] * 2)
    years = np.array(["2030", "2031"], "M8[Y]")
    found = pn.Trials({"u": [1, 0], "at": years}, inputs="u", time="at").intervals
    np.testing.assert_array_equal(found, [365 * 86_400.0] * 2)


def test_one_number_is_one_number_and_durations_are_seconds():
    for dt in (np.float32(2), np.int64(2), np.array(2.0), 2, pd.Timedelta("2s")):
        np.testing.assert_array_equal(
            pn.Trials(FRAME, inputs="u", dt=dt).intervals, np.full(8, 2.0)
        )
    gaps = pd.to_timedelta(np.resize([1000, 500], 8), unit="ms")
    trials = pn.Trials({**FRAME, "gap": gaps}, inputs="u", dt="gap")
    np.testing.assert_allclose(trials.intervals, np.resize([1.0, 0.5], 8))


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"dt": "at"}, ["rises", "time="]),
        ({"time": "at"}, []),
        ({"time": "u"}, ["does not rise"]),
        ({"time": "at", "dt": 2.0}, ["one of them"]),
        ({"dt": np.array([1.0, 2.0])}, ["positive number or a column"]),
        ({"dt": True}, ["positive number or a column"]),
    ],
    ids=str,
)
def test_stamps_for_intervals_are_refused(roles, words):
    at = np.arange(8.0) ** 2 + 1
    if not words:
        assert len(pn.Trials({**FRAME, "at": at}, inputs="u", **roles)) == 8
        return
    with pytest.raises(pn.DataError) as caught:
        pn.Trials({**FRAME, "at": at}, inputs="u", **roles)
    for word in words:
        assert word in str(caught.value)


def test_answers_that_drop_out_for_want_of_a_covariate_are_counted():
    reward = [np.nan, np.nan, 1.0, 2.0, 3.0, 1.0, 2.0, np.nan]
    trials = pn.Trials(
        {**FRAME, "reward": reward},
        inputs="u",
        actions="choice",
        covariates={"reward_one": "reward"},
        levels={"choice": ["left", "right"]},
    )

    assert "1 with a missing covariate" in repr(trials)


def test_trials_that_count_within_conditions_are_told_of_trial():
    with pytest.raises(pn.DataError, match="trial="):
        pn.Trials({**FRAME, "trial": [1, 1, 2, 2] * 2}, inputs="u", by="who")


@pytest.mark.parametrize("how", ["categories", "levels"])
def test_the_first_category_is_the_reference_of_a_formula(how):
    """As in R and patsy: an ordered column says which; of a subject all rows are alike."""
    from pynodes.fit.group.formula import read_formula

    order = ["patient", "control"]
    frame = pd.DataFrame(FRAME).assign(group=["control"] * 4 + ["patient"] * 4)
    more = {"levels": {"group": order}}
    if how == "categories":
        frame["group"], more = pd.Categorical(frame["group"], categories=order), {}
    trials = pn.Trials(frame, inputs="u", by="who", **more)

    found = read_formula(trials, "x", "group", 0.0, 1.0)

    assert found.design.terms == ("Intercept", "group[T.control]")
    np.testing.assert_array_equal(found.design.fixed, [[1, 1], [1, 0]])
