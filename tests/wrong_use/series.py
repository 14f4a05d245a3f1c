"""Wrong series, times, masks and records."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

import pynodes as pn
from tests.small import OUTCOMES, STEPS, VALUES, binary, driven, network, paired, tracked
from tests.wrong_use import Wrong


def given(values: Any, **options: Any) -> pn.Trajectories:
    """The tracked network, given a series for its input."""
    return network(tracked()).filter({"u": values}, **options)


def with_times(dt: Any) -> pn.Trajectories:
    """The tracked network over given times."""
    return given(VALUES, dt=dt)


def seen(observed: Any) -> pn.Trajectories:
    """The tracked network under a mask."""
    return given(VALUES, observed=observed)


def outcomes(values: Any) -> pn.Trajectories:
    """The binary network, given outcomes."""
    return network(binary()).filter({"u": values})


def known_per_step(name: str, values: Any) -> pn.Trajectories:
    """The tracked network with a parameter that is known per step."""
    return network(tracked()).filter({"u": VALUES, name: values})


def forgetful() -> pn.Graph:
    """A state with exact memory, and its input."""
    state = pn.ContinuousState(memory="exact", autoconnection=0.5)
    return pn.Graph().add(u=pn.ContinuousInput(), x=state).couple("x", "u")


def weighted() -> pn.Graph:
    """A state and its input, joined by an array of weights."""
    nodes = {"u": pn.ContinuousInput(shape=1), "x": pn.ContinuousState(shape=1)}
    return pn.Graph().add(nodes).couple("x", "u", pn.Dense(weights=np.ones((1, 1))))


def changed(at: int, value: float, series: np.ndarray = VALUES) -> np.ndarray:
    """A series with another value at one step."""
    return np.where(np.arange(len(series)) == at, value, series)


NAMES = [
    Wrong(
        "an array in place of series by name",
        lambda: network(tracked()).filter(VALUES),
        pn.InputError,
        ("ndarray", "by name", "{'u': values}"),
    ),
    Wrong(
        "an unknown input",
        lambda: network(paired()).filter({"u": VALUES, "w": VALUES}),
        pn.InputError,
        ("'w'", "Known here", "'u' and 'v'"),
    ),
    Wrong(
        "a column too many, by number",
        lambda: network(tracked()).filter({"u": VALUES, 1: VALUES}),
        pn.InputError,
        ("1", "Known here", "'u'"),
    ),
    Wrong(
        "an absent input",
        lambda: network(paired()).filter({"u": VALUES}),
        pn.InputError,
        ("'v'", "Give one", "NaN"),
    ),
    Wrong(
        "a regressor without a series",
        lambda: network(driven()).filter({"u": VALUES}),
        pn.InputError,
        ("'r'", "Give one", "regressor"),
    ),
    Wrong(
        "a series for a constant",
        lambda: network(tracked().add(c=pn.ConstantState())).filter({"u": VALUES, "c": VALUES}),
        pn.InputError,
        ("'c'", "ConstantState", "cannot be observed", "'u'"),
    ),
]

VALUES_GIVEN = [
    Wrong(
        "text data", lambda: given(list("abcdef")), pn.InputError, ("'u'", "'a'", "real numbers")
    ),
    Wrong(
        "numbers as text", lambda: given(["1", "2"]), pn.InputError, ("'u'", "'1'", "real numbers")
    ),
    Wrong(
        "complex data",
        lambda: given(VALUES + 0j),
        pn.InputError,
        ("'u'", "complex", "real numbers"),
    ),
    Wrong(
        "complex data while it is traced",
        lambda: jax.eval_shape(lambda u: network(tracked()).surprise({"u": u}), VALUES + 0j),
        pn.InputError,
        ("'u'", "complex128", "real numbers"),
    ),
    Wrong(
        "2-d data while it is traced",
        lambda: jax.eval_shape(lambda u: network(tracked()).surprise({"u": u}), VALUES[:, None]),
        pn.InputError,
        ("'u'", f"({STEPS}, 1)", "(time,)", "jax.vmap"),
    ),
    Wrong(
        "dates for data",
        lambda: given(np.arange("2020-01", "2020-07", dtype="datetime64[M]")),
        pn.InputError,
        ("'u'", "2020", "real numbers"),
    ),
    Wrong(
        "rows of different lengths",
        lambda: given([[1.0], [1.0, 2.0]]),
        pn.InputError,
        ("'u'", "real numbers"),
    ),
    Wrong("0-d data", lambda: given(1.0), pn.InputError, ("'u'", "()", "network.step")),
    Wrong(
        "2-d data",
        lambda: given(VALUES[:, None]),
        pn.InputError,
        ("'u'", f"({STEPS}, 1)", "(time,)", "jax.vmap"),
    ),
    Wrong("an empty series", lambda: given([]), pn.InputError, ("'u'", "empty", "one value")),
    Wrong(
        "an infinite value",
        lambda: given(changed(2, math.inf)),
        pn.InputError,
        ("'u'", "inf", "step 2", "NaN"),
    ),
    Wrong(
        "series of different lengths",
        lambda: network(paired()).filter({"u": VALUES, "v": VALUES[:-1]}),
        pn.InputError,
        ("'u' has 6", "'v' has 5", "same steps"),
    ),
    Wrong(
        "an outcome of 2",
        lambda: outcomes(changed(3, 2.0, OUTCOMES)),
        pn.InputError,
        ("'u'", "2 at step 3", "BinaryInput", "0 or 1"),
    ),
    Wrong(
        "a probability for an outcome",
        lambda: outcomes(changed(0, 0.5, OUTCOMES)),
        pn.InputError,
        ("'u'", "0.5 at step 0", "0 or 1"),
    ),
    Wrong(
        "outcomes as -1 and 1",
        lambda: outcomes(2 * OUTCOMES - 1),
        pn.InputError,
        ("'u'", "-1 at step 1", "0 or 1"),
    ),
]

KNOWN = [
    Wrong(
        "a gap in a regressor",
        lambda: network(driven()).filter({"u": VALUES, "r": changed(4, math.nan)}),
        pn.InputError,
        ("'r'", "nan at step 4", "every step"),
    ),
    Wrong(
        "a mask for a regressor",
        lambda: network(driven()).filter(
            {"u": VALUES, "r": VALUES}, observed={"r": np.ones(STEPS, bool)}
        ),
        pn.InputError,
        ("'r'", "given, not observed", "leave it out"),
    ),
    Wrong(
        "a misspelt parameter per step",
        lambda: known_per_step("u.precison", np.ones(STEPS)),
        pn.InputError,
        ("'u.precison'", "Did you mean 'u.precision'"),
    ),
    Wrong(
        "precisions of another length",
        lambda: known_per_step("u.precision", np.ones(2)),
        pn.InputError,
        ("'u.precision' has 2", "same steps"),
    ),
    Wrong(
        "a negative precision at one step",
        lambda: known_per_step("u.precision", changed(1, -1.0, np.ones(STEPS))),
        pn.InputError,
        ("'u.precision'", "must be positive", "-1 at step 1"),
    ),
    Wrong(
        "an infinite precision at one step",
        lambda: known_per_step("u.precision", changed(1, math.inf, np.ones(STEPS))),
        pn.InputError,
        ("'u.precision'", "inf at step 1", "must be known"),
    ),
    Wrong(
        "an autoconnection out of range at one step",
        lambda: known_per_step("x.autoconnection", changed(5, 2.0, np.ones(STEPS))),
        pn.InputError,
        ("'x.autoconnection'", "[0.0, 1.0]", "2 at step 5"),
    ),
    Wrong(
        "exact memory of nothing at one step",
        lambda: network(forgetful()).filter(
            {"u": VALUES, "x.autoconnection": changed(1, 0.0, 0.5 * np.ones(STEPS))}
        ),
        pn.ParameterError,
        ("'x'", "memory='exact'", "autoconnection above 0"),
    ),
    Wrong(
        "a regressor given twice",
        lambda: network(driven()).filter({"u": VALUES, "r": VALUES, "r.value": VALUES}),
        pn.InputError,
        ("'r.value'", "given twice", "Give one"),
    ),
    Wrong(
        "an initial mean per step",
        lambda: known_per_step("x.initial_mean", VALUES),
        pn.InputError,
        ("'x.initial_mean'", "before the first step", "network.replace"),
    ),
    Wrong(
        "weights per step",
        lambda: weighted().compile().filter({"u": VALUES[:, None], "x->u.weights": VALUES}),
        pn.InputError,
        ("'x->u.weights'", "is an array", "network.replace"),
    ),
]

TIMES = [
    Wrong("dt of zero", lambda: with_times(0), pn.InputError, ("dt", "0.0", "must be positive")),
    Wrong("a negative dt", lambda: with_times(-1.0), pn.InputError, ("dt", "-1.0", "numpy.diff")),
    Wrong("dt of NaN", lambda: with_times(math.nan), pn.InputError, ("dt", "nan", "finite")),
    Wrong("an infinite dt", lambda: with_times(math.inf), pn.InputError, ("dt", "inf", "finite")),
    Wrong("text for dt", lambda: with_times("1"), pn.InputError, ("dt", "'1'", "one number")),
    Wrong("a complex dt", lambda: with_times(1j), pn.InputError, ("dt", "1j", "one number")),
    Wrong("a mask for dt", lambda: with_times([True] * STEPS), pn.InputError, ("dt", "True")),
    Wrong(
        "equal time stamps",
        lambda: with_times(np.diff([0.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
        pn.InputError,
        ("dt", "0.0 at step 1", "as several inputs"),
    ),
    Wrong(
        "times of another length",
        lambda: with_times([1.0, 2.0]),
        pn.InputError,
        ("dt", "(2,)", f"{STEPS} of them, one per step"),
    ),
    Wrong(
        "times in a column",
        lambda: with_times(np.ones((STEPS, 1))),
        pn.InputError,
        ("dt", f"({STEPS}, 1)", "one per step"),
    ),
]

MASKS = [
    Wrong(
        "a mask of another length",
        lambda: seen([True, False]),
        pn.InputError,
        ("observed", "(2,)", f"{STEPS} values, one per step"),
    ),
    Wrong(
        "a mask in two dimensions",
        lambda: seen(np.ones((STEPS, 1), bool)),
        pn.InputError,
        ("observed", f"({STEPS}, 1)", "one per step"),
    ),
    Wrong(
        "one truth value for a mask",
        lambda: seen(True),
        pn.InputError,
        ("observed", "()", "one per step"),
    ),
    Wrong(
        "weights for a mask",
        lambda: seen([0.5] * STEPS),
        pn.InputError,
        ("observed", "0.5", "truth values"),
    ),
    Wrong(
        "NaN in a mask",
        lambda: seen([1.0, math.nan, 1.0, 1.0, 1.0, 1.0]),
        pn.InputError,
        ("observed", "nan", "truth values"),
    ),
    Wrong(
        "a mask for an unknown input",
        lambda: seen({"v": [True] * STEPS}),
        pn.InputError,
        ("'v'", "no series", "'u'"),
    ),
    Wrong(
        "frozen steps by number",
        lambda: given(VALUES, frozen=[2, 3]),
        pn.InputError,
        ("frozen", "[2, 3]", "truth values"),
    ),
    Wrong(
        "frozen steps of another length",
        lambda: given(VALUES, frozen=[True]),
        pn.InputError,
        ("frozen", "(1,)", f"{STEPS} values"),
    ),
    Wrong(
        "one name to record", lambda: given(VALUES, record="x"), pn.InputError, ("record", "['x']")
    ),
    Wrong(
        "a number to record",
        lambda: given(VALUES, record=3),
        pn.InputError,
        ("record", "3", "list"),
    ),
    Wrong(
        "a field to record",
        lambda: given(VALUES, record=["x.mean"]),
        pn.UnknownNodeError,
        ("'x.mean'", "Known here", "'x'"),
    ),
]

WRONG = [*NAMES, *VALUES_GIVEN, *KNOWN, *TIMES, *MASKS]
