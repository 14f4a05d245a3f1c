"""Times: intervals and stamps mean the same in every unit and at every door, or are refused with a remedy."""

import jax
import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from tests.small import VALUES, network, tracked

GAPS = np.array([2.0, 1.0, 3.0, 2.0, 0.5, 4.0])
STAMPS = 100 + np.cumsum(GAPS)
NANOSECONDS = (1e9 * GAPS).astype("timedelta64[ns]")
KINDS = {
    "nanoseconds": NANOSECONDS,
    "milliseconds": NANOSECONDS.astype("timedelta64[ms]"),
    "a column": pd.Series(NANOSECONDS),
    "objects": [pd.Timedelta(gap, unit="s") for gap in GAPS],
}
CALLS = {
    "filter": lambda net, **t: net.filter({"u": VALUES}, **t)["x"].precision,
    "surprise": lambda net, **t: net.surprise({"u": VALUES}, **t),
    "smooth": lambda net, **t: net.smooth({"u": VALUES}, **t)["x"].precision,
    "messages": lambda net, **t: net.messages({"u": VALUES}, **t)["x->u"].curvature,
}


@pytest.mark.parametrize("kind", KINDS)
def test_durations_count_in_seconds_whatever_their_unit(kind):
    net = network(tracked())

    for call in CALLS.values():
        np.testing.assert_allclose(call(net, dt=KINDS[kind]), call(net, dt=GAPS))
    drawn = [net.sample(jax.random.key(0), 6, dt=dt)["x"] for dt in (KINDS[kind], GAPS)]
    np.testing.assert_allclose(*drawn)


@pytest.mark.parametrize("call", CALLS)
def test_stamps_are_the_intervals_between_them(call):
    """Before the first step passes the median, 2; and dates count in seconds from whenever."""
    net, run = network(tracked()), CALLS[call]
    dates = np.datetime64("2030-01-01T00:00:00") + (1000 * STAMPS).astype("timedelta64[ms]")

    np.testing.assert_allclose(run(net, time=STAMPS), run(net, dt=GAPS))
    np.testing.assert_allclose(run(net, time=dates), run(net, dt=GAPS))
    np.testing.assert_allclose(run(net, time=5 + 0.25 * np.arange(6)), run(net, dt=0.25))


def test_traced_stamps_are_those_that_are_seen_and_infinite_where_time_stands_still():
    net = network(tracked())
    surprise = jax.jit(lambda time: net.surprise({"u": VALUES}, time=time))

    np.testing.assert_allclose(surprise(STAMPS), net.surprise({"u": VALUES}, dt=GAPS))
    assert surprise(np.round(STAMPS / 10)) == np.inf


WRONG = {
    "onsets as intervals": ({"dt": STAMPS}, "time="),
    "dates as intervals": ({"dt": np.datetime64("2030-01-01") + np.arange(6)}, "time="),
    "both": ({"dt": GAPS, "time": STAMPS}, "one of them"),
    "going back": ({"time": STAMPS[::-1]}, "rise"),
    "standing still": ({"time": np.zeros(6)}, "step 1"),
    "a gap": ({"time": np.where(np.arange(6) == 2, np.nan, STAMPS)}, "step 2"),
    "no time": ({"dt": np.array(["NaT"] * 6, "timedelta64[s]")}, "finite"),
    "one stamp": ({"time": 3.0}, "one stamp per step"),
    "words": ({"time": ["noon"] * 6}, "noon"),
}


@pytest.mark.parametrize("case", WRONG)
def test_times_that_cannot_be_meant_are_refused(case):
    times, word = WRONG[case]

    with pytest.raises(pn.InputError, match=word):
        network(tracked()).filter({"u": VALUES}, **times)


def test_what_looks_a_row_back_stops_where_another_subject_begins():
    """By hand: the first trial of each knows nothing; labels may be two columns; a gap is stepped over."""
    who = np.array(list("aaabbb"))
    choice = np.array([1.0, np.nan, 0.0, 1.0, 0.0, 1.0])
    before = pn.responses.previous(choice, by=who)

    np.testing.assert_array_equal(before, [np.nan, 1, 1, np.nan, 1, 0])
    same = pn.responses.previous(choice, by=[np.array([1, 1, 1, 2, 2, 2]), who])
    np.testing.assert_array_equal(same, before)
    np.testing.assert_array_equal(pn.responses.previous(choice), [np.nan, 1, 1, 0, 1, 0])
    twice = pn.responses.previous(np.stack([choice, choice]), by=who)
    np.testing.assert_array_equal(twice, np.stack([before, before]))

    inputs = pn.models.transition_inputs([0, 1, 2, 1, 0, 2], states=3, by=who)
    nan = np.nan
    np.testing.assert_array_equal(inputs["u_0"], [nan, 1, nan, nan, nan, 2])
    np.testing.assert_array_equal(inputs["u_2"], [nan] * 6)
    begun = pn.models.transition_inputs([0, 1, 2, 1, 0, 2], states=3, start=0, by=who)
    np.testing.assert_array_equal(begun["u_0"], [0, 1, nan, 1, nan, 2])


@pytest.mark.parametrize(("by", "word"), [("aab", "6 steps"), ("aabbaa", "not contiguous")])
def test_labels_that_fit_no_rows_are_refused(by, word):
    with pytest.raises(pn.InputError, match=word):
        pn.responses.previous(VALUES, by=list(by))
    with pytest.raises(pn.InputError, match=word):
        pn.models.transition_inputs(np.zeros(6), states=2, by=list(by))


LOGITS = {
    "unit square": pn.responses.UnitSquareSigmoid(probability="x2.predicted_mean"),
    "softmax": pn.responses.BinarySoftmax(probability="x2.predicted_mean"),
    "beta": pn.responses.BetaResponse(belief="x2.predicted_mean"),
}


@pytest.mark.parametrize("name", LOGITS)
def test_a_logit_is_no_probability(name):
    """Refused where it is seen, and without likelihood where it is traced; inside [0, 1] all is well."""
    net = network(pn.models.binary_hgf(levels=2, initial_mean=2.0))
    beliefs = net.filter({"u": np.ones(6)})
    responses = np.full(6, 0.5) if name == "beta" else np.ones(6)
    total = jax.jit(lambda mean: LOGITS[name].total({"x2": Belief(mean)}, responses))

    assert np.max(beliefs["x2"].predicted_mean) > 1
    with pytest.raises(pn.InputError, match=r"x2.predicted_mean.*logit"):
        LOGITS[name].total(beliefs, responses)
    assert not np.isfinite(total(beliefs["x2"].predicted_mean))
    assert np.isfinite(total(np.linspace(0.1, 1.0, 6)))


class Belief:
    """What a response reads of a node."""

    def __init__(self, mean):
        self.predicted_mean = mean
