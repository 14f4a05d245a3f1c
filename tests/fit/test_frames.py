"""Frames of any library: what is in them counts, not who made them."""

import datetime
import decimal
import sys

import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from pynodes.fit.data.frames import read_frame
from pynodes.fit.group.formula import read_subject_covariates
from tests.fit.cases import VALUES, chooser, table

NA = None
"""What is missing from a list."""


def study():
    """Columns as lists, None where something is missing; keys, labels and truth values of every kind."""
    data = table(((9, 7), (5, 9), (8, 3)))
    lists = {name: column.tolist() for name, column in data.items()}
    count = len(lists["u"])
    lists["u"] = [NA if row % 11 == 4 else int(value) for row, value in enumerate(lists["u"])]
    lists["y"] = [NA if row % 7 == 2 else int(value) for row, value in enumerate(lists["y"])]
    lists["skip"] = [row % 13 == 5 for row in range(count)]
    lists["answered"] = [NA if value is NA else value == 1 for value in lists["y"]]
    lists["group"] = ["old" if age > 28 else "young" for age in lists["age"]]
    lists["remark"] = [NA if row % 3 else "slept badly" for row in range(count)]
    lists["when"] = [
        datetime.datetime(2026, 1, 1) + datetime.timedelta(row) for row in range(count)
    ]
    return lists


def in_polars(data):
    pl = pytest.importorskip("polars")
    return pl.DataFrame(data)


def in_polars_with_categories(data):
    pl = pytest.importorskip("polars")
    return pl.DataFrame(data).with_columns(
        pl.col("subject").cast(pl.Categorical),
        pl.col("group").cast(pl.Enum(["young", "old"])),
        pl.col("age").cast(pl.Decimal(10, 2)),
    )


def in_arrow(data):
    pa = pytest.importorskip("pyarrow")
    return pa.table(data)


def in_arrow_with_dictionaries(data):
    pa = pytest.importorskip("pyarrow")
    found = pa.table(data)
    for name in ("subject", "group", "remark"):
        place = found.column_names.index(name)
        found = found.set_column(place, name, found.column(name).dictionary_encode())
    return found


def in_pandas_of_arrow(data):
    pytest.importorskip("pyarrow")
    return pd.DataFrame(data).convert_dtypes(dtype_backend="pyarrow")


def in_pandas_with_categories(data):
    names = ("subject", "session", "group", "y", "remark")
    return pd.DataFrame(data).astype(dict.fromkeys(names, "category"))


def through_narwhals(data):
    import narwhals

    return narwhals.from_native(pd.DataFrame(data))


FRAMES = {
    "a mapping of lists": dict,
    "a mapping of series": lambda data: {n: pd.Series(v).convert_dtypes() for n, v in data.items()},
    "a mapping of series of polars": lambda data: {n: s for s in in_polars(data) for n in [s.name]},
    "pandas": pd.DataFrame,
    "pandas of objects": lambda data: pd.DataFrame(data, dtype=object),
    "pandas with nullable types": lambda data: pd.DataFrame(data).convert_dtypes(),
    "pandas with categories": in_pandas_with_categories,
    "pandas of arrow": in_pandas_of_arrow,
    "pandas with a named index": lambda data: pd.DataFrame(data).set_index(["subject", "trial"]),
    "pandas with an odd index": lambda data: pd.DataFrame(data, index=[7] * len(data["u"])),
    "polars": in_polars,
    "polars with categories": in_polars_with_categories,
    "polars, lazy": lambda data: in_polars(data).lazy(),
    "arrow": in_arrow,
    "arrow with dictionaries": in_arrow_with_dictionaries,
    "narwhals": through_narwhals,
}


def trials(data, **roles):
    given = {"inputs": "u", "actions": "y", "by": ["subject", "session"], "frozen": "skip"}
    return pn.Trials(data, **given | roles)


def plain():
    """The same as arrays of floats, which no library has touched."""
    data = study()
    for name in ("u", "y", "answered"):
        data[name] = [np.nan if value is NA else float(value) for value in data[name]]
    return {name: np.array(values) for name, values in data.items()}


@pytest.mark.parametrize("made", FRAMES)
def test_every_frame_holds_the_same_trials(made):
    expected = trials(plain())
    found = trials(FRAMES[made](study()))

    assert found.keys == expected.keys
    assert found.subjects == expected.subjects
    assert repr(found) == repr(expected)
    for name in ("trial", "u", "y", "skip", "answered", "age"):
        np.testing.assert_array_equal(found.numbers(name), expected.numbers(name), name)
    for name in ("frozen", "unseen", "unanswered"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.layout.index, expected.layout.index)
    ours, theirs = (
        read_subject_covariates(each, ["age", "group"], "p") for each in (found, expected)
    )
    assert ours["group"].tolist() == theirs["group"].tolist() == ["old", "old", "young"]
    assert ours["age"].astype(float).tolist() == theirs["age"].tolist()
    np.testing.assert_array_equal(
        chooser().pointwise_log_likelihood(VALUES, found),
        chooser().pointwise_log_likelihood(VALUES, expected),
    )


@pytest.mark.parametrize("made", FRAMES)
def test_truth_values_may_be_responses_and_missing_ones_are(made):
    found = trials(FRAMES[made](study()), actions="answered")

    assert found.unanswered.sum() == trials(plain()).unanswered.sum() > 0


@pytest.mark.parametrize("made", FRAMES)
def test_regressors_merge_with_the_frame(made):
    """Whatever it was: what comes out is of pandas, with its keys."""
    told = trials(FRAMES[made](study()))
    found = pd.DataFrame(told.key_frame())

    both = pd.DataFrame(study()).merge(found, on=["subject", "session", "trial"])
    assert len(both) == len(told)


@pytest.mark.parametrize("made", FRAMES)
def test_a_file_keeps_the_columns_of_any_frame(made, tmp_path):
    data = study()
    if made in ("a mapping of lists", "pandas of objects"):
        del data["when"]  # single objects, which no file holds and which nobody needs
    told = trials(FRAMES[made](data))
    pn.save(tmp_path / "trials.npz", told)
    again = pn.load(tmp_path / "trials.npz")

    assert again.keys == told.keys
    for name in ("u", "y", "age"):
        np.testing.assert_array_equal(again.numbers(name), told.numbers(name))


def test_columns_without_a_role_may_hold_anything():
    pl = pytest.importorskip("polars")
    data = pl.DataFrame(
        {
            "u": [1, 0, 1],
            "lists": [[1, 2], [3], []],
            "parts": [{"a": 1}] * 3,
            "pairs": pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int64, 2)),
            "nothing": [None] * 3,
            "days": [datetime.date(2026, 1, 1), None, datetime.date(2026, 1, 3)],
            "exact": [decimal.Decimal("0.1"), None, decimal.Decimal("0.3")],
        }
    )
    found = pn.Trials(data, inputs="u")

    assert found.columns["lists"].tolist() == [[1, 2], [3], []]
    assert found.columns["parts"].tolist() == [{"a": 1}] * 3
    assert np.isnan(found.numbers("nothing")).all()
    np.testing.assert_array_equal(found.numbers("exact"), [0.1, np.nan, 0.3])
    with pytest.raises(pn.DataError, match="'days', which does not hold numbers"):
        pn.Trials(data, inputs="days")


def test_columns_are_the_callers_no_more():
    data = {"u": np.array([1.0, 0.0]), "v": pd.Series([1.0, 0.0])}
    found = read_frame(data)
    found["u"][0] = found["v"][0] = 5.0

    assert data["u"][0] == data["v"][0] == 1.0


class Far:
    """A frame on some other machine, as narwhals knows them: it has no rows yet."""

    def __narwhals_lazyframe__(self):
        return self

    def _with_version(self, version):
        import narwhals

        self._version, self._implementation = version, narwhals.Implementation.DUCKDB
        return self


WRONG = {
    "a lazy frame": (Far, r"a Far, which is lazy.*Sort it by its keys and trials, and collect"),
    "a series": (lambda: pd.Series([1.0], name="u"), "frame with a row per trial.*not as a Series"),
    "an array": (lambda: np.zeros((3, 2)), "not as a ndarray"),
    "a list of rows": (lambda: [{"u": 1.0}], "not as a list"),
    "a name of a file": (lambda: "study.csv", "not as a str"),
    "nothing": (lambda: None, "not as a NoneType"),
    "two columns of a name": (
        lambda: pd.DataFrame([[1.0, 2.0]], columns=["u", "u"]),
        "several columns called 'u'",
    ),
    "two columns that are written alike": (
        lambda: pd.DataFrame([[1.0, 2.0]], columns=[1, "1"]),
        "several columns called '1'",
    ),
    "no rows": (lambda: pd.DataFrame({"u": []}), "no rows"),
    "a column of another length": (
        lambda: {"u": [1.0], "y": pd.Series([1.0, 0.0])},
        r"different lengths: \{'u': 1, 'y': 2\}",
    ),
}


@pytest.mark.parametrize("given", WRONG)
def test_what_is_no_frame_is_refused(given):
    make, said = WRONG[given]
    with pytest.raises(pn.DataError, match=said):
        pn.Trials(make(), inputs="u")


def test_two_columns_of_a_name_in_arrow():
    pa = pytest.importorskip("pyarrow")
    data = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["u", "u"])

    with pytest.raises(pn.DataError, match="several columns called 'u'"):
        pn.Trials(data, inputs="u")


def test_what_reads_frames_is_named_where_it_is_missing(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "narwhals"]:
        monkeypatch.setitem(sys.modules, name, None)

    assert len(pn.Trials({"u": [1.0, 0.0]}, inputs="u")) == 2
    with pytest.raises(pn.MissingExtraError, match=r"narwhals.*pip install '\.\[fit\]'"):
        pn.Trials(pd.DataFrame({"u": [1.0]}), inputs="u")
