"""Trials: what subjects saw and did, from a data frame with a row per trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._core.html import table
from pynodes._errors import DataError, InputError, nearest, quote
from pynodes._runtime.times import ONSETS, rises, to_plain_times
from pynodes.fit.data.frames import (
    Columns,
    read_categories,
    read_flag_column,
    read_frame,
    read_keys,
    read_numbers,
    read_stamps,
)
from pynodes.fit.data.layout import TrialLayout, check_trial_order, make_layout
from pynodes.fit.data.roles import (
    Roles,
    check_level_columns,
    check_parameters_per,
    read_key_columns,
    read_levels,
    read_role,
)

UNSEEN = ("drift", "frozen")
"""What a missing input may mean."""

SHOWN = 20
"""With more subjects, this many are shown in a notebook, and how many more there are is said."""


class Trials:
    """Data of subjects: the columns of a data frame by their roles.

    Every row is a trial, and every row counts: a trial of which something is missing stays in its place.

    * A *response* that is missing (NaN) has no likelihood; what was seen is learned from all the same.
    * An *input* that is missing was not seen: beliefs drift, as time passes. With ``unseen="frozen"``
      a trial none of whose inputs was seen is frozen instead, as the TAPAS toolbox does.
    * A *frozen* trial has no likelihood, nothing is learned in it and no time passes.

    Parameters
    ----------
    data
        A frame of pandas, polars, pyarrow or whatever narwhals reads, or a mapping from names to columns.
    inputs
        The column of the only input; several columns that are called like their nodes; or a mapping from
        nodes (also regressors, and parameters known per trial, as for :meth:`pynodes.Network.filter`) to
        columns, or to as many columns as one observation has components.
    actions
        The column of the responses, or a mapping from streams to columns; None for what is fitted without.
    by
        Columns whose values say whose trial it is: the subject's first, then those of sessions.
    trial
        The column that numbers the trials of a session; by default ``"trial"`` if there is one, and else
        they are counted. Only its order matters.
    covariates
        What responses must know besides: names of columns, or a mapping from covariates to columns.
    dt
        Time since the previous trial, one for all or a column; durations count in seconds.
    time
        In the place of ``dt``: a column of stamps, numbers or dates (in seconds), that say when a trial was.
        Before the first trial of a block as much time passes as between two trials usually, the median.
    levels
        Which texts a column holds, in the order of their codes from 0, by column: ``levels={"choice":
        ["left", "right"]}``. What is missing stays missing.
    reset
        A column of truth values: beliefs start afresh before these trials.
    frozen
        A column of truth values: trials in which no time passes.
    carry_over
        Whether a subject's beliefs go on from one session to the next.
    unseen
        ``"drift"`` or ``"frozen"``: what a missing input means.
    parameters_per
        The key column that says, with those before it, whose parameters a trial is of: by default the
        first, so that every subject has parameters of its own. With ``parameters_per="session"`` every
        session of every subject has.

    Raises
    ------
    DataError
        A column that is not there or does not hold numbers, a row without key, a trial out of order.

    Examples
    --------
    >>> import pynodes as pn
    >>> frame = {"subject": ["a", "a", "b"], "u": [1, 0, 1], "y": [1, float("nan"), 0]}
    >>> pn.Trials(frame, inputs="u", actions="y", by="subject")
    Trials(3 trials, 2 subjects, 1 without response)
    """

    @boundary
    def __init__(
        self,
        data: Any,
        *,
        inputs: str | Sequence[str] | Mapping[str, Any],
        actions: str | Sequence[str] | Mapping[str, Any] | None = None,
        by: str | Sequence[str] = (),
        trial: str | None = None,
        covariates: Sequence[str] | Mapping[str, Any] = (),
        dt: str | float = 1.0,
        time: str | None = None,
        levels: Mapping[str, Sequence[str]] | None = None,
        reset: str | None = None,
        frozen: str | None = None,
        carry_over: bool = False,
        unseen: str = "drift",
        parameters_per: str | None = None,
    ) -> None:
        if unseen not in UNSEEN:
            raise DataError(f"unseen must be 'drift' or 'frozen', not {unseen!r}.")
        columns, keys = read_frame(data), read_key_columns(by)
        check_parameters_per(parameters_per, keys, carry_over)
        if isinstance(covariates, str):
            covariates = (covariates,)
        roles = Roles(
            inputs=read_role("inputs", inputs),
            actions=None if actions is None else read_role("actions", actions),
            by=keys,
            trial="trial" if trial is None and "trial" in columns else trial,
            covariates=read_role("covariates", covariates),
            dt=read_interval(dt, time),
            time=time,
            levels=read_levels({} if levels is None else levels),
            categories=read_categories(data),
            reset=reset,
            frozen=frozen,
            carry_over=carry_over,
            unseen=unseen,
            parameters_per=parameters_per,
        )
        check_level_columns(columns, roles.levels)
        self._begin(columns, roles)

    @classmethod
    def _of(cls, columns: Columns, roles: Roles) -> Trials:
        """The trials of some columns, by roles that are known."""
        made = cls.__new__(cls)
        made._begin(columns, roles)
        return made

    def _begin(self, columns: Columns, roles: Roles) -> None:
        """Take columns and roles, once they fit."""
        self.columns, self.roles = columns, roles
        self.keys = read_keys(columns, roles.by)
        for role in ("inputs", "actions", "covariates"):
            for names in (getattr(roles, role) or {}).values():
                for name in names:
                    self.numbers(name, role)
        if roles.trial is not None:
            check_trial_order(self.keys, roles.by, roles.trial, self.numbers(roles.trial, "trial"))
        self._check_times()
        _ = self.frozen, self.layout

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def subjects(self) -> tuple[Any, ...]:
        """Those who have parameters of their own, in the order of the data: names, or tuples of them."""
        return self.layout.subjects

    @boundary
    def key_of(self, subject: Any) -> dict[str, Any]:
        """The key columns of one of :attr:`subjects`, and their values; none where all is one series."""
        names = self.roles.subject_keys
        return dict(zip(names, subject if len(names) > 1 else (subject,), strict=bool(names)))

    def label(self, subject: Any) -> str:
        """One of :attr:`subjects` in words, as in ``"subject 's01', session 2"``."""
        keys = self.key_of(subject)
        return ", ".join(f"{name} {value!r}" for name, value in keys.items()) or "the series"

    @cached_property
    def layout(self) -> TrialLayout:
        """Where every row goes in arrays over subjects, blocks and steps."""
        reset = self.roles.reset
        resets = None if reset is None else read_flag_column(self.columns, reset, "reset")
        roles = self.roles
        return make_layout(
            self.keys, resets, carry_over=roles.carry_over, key_count=roles.key_count
        )

    @cached_property
    def frozen(self) -> np.ndarray:
        """Whether a trial is frozen, by row."""
        roles, found = self.roles, np.zeros(len(self), bool)
        if roles.frozen is not None:
            found = read_flag_column(self.columns, roles.frozen, "frozen")
        if roles.unseen == "frozen":
            found = found | self._blank
        return found

    @cached_property
    def unseen(self) -> np.ndarray:
        """Whether none of the inputs of a trial that counts was seen, by row."""
        return self._blank & ~self.frozen

    @cached_property
    def _blank(self) -> np.ndarray:
        """Whether nothing was seen, by row; parameters that are known per trial are not seen."""
        seen = [names for name, names in self.roles.inputs.items() if "." not in name]
        found = np.full(len(self), bool(seen))
        for column in (column for names in seen for column in names):
            found = found & np.isnan(self.numbers(column, "inputs"))
        return found

    @cached_property
    def _uncovered(self) -> np.ndarray:
        """Whether a covariate is missing from a trial that counts and was answered, by row."""
        found = np.zeros(len(self), bool)
        for names in self.roles.covariates.values():
            for column in names:
                found |= np.isnan(self.numbers(column, "covariates"))
        return found & ~self.frozen & ~self.unanswered

    @cached_property
    def unanswered(self) -> np.ndarray:
        """Whether a response is missing from a trial that counts, by row."""
        if self.roles.actions is None:
            return np.zeros(len(self), bool)
        every = [self.numbers(c, "actions") for names in self.roles.actions.values() for c in names]
        return np.isnan(every).any(axis=0) & ~self.frozen

    def numbers(self, column: str, role: str = "a role") -> np.ndarray:
        """A column as real numbers, by row."""
        return read_numbers(self.columns, column, role, self.roles.levels.get(column))

    @cached_property
    def intervals(self) -> np.ndarray:
        """Time since the previous trial, by row."""
        roles = self.roles
        if roles.time is None:
            rows = np.full(len(self), 1.0)
            return (
                read_stamps(self.columns, roles.dt, "dt")
                if isinstance(roles.dt, str)
                else rows * roles.dt
            )
        stamps = read_stamps(self.columns, roles.time, "time")
        between = self.layout.pad(stamps, np.nan)
        between = np.diff(between, axis=-1, prepend=np.nan)
        known = between[np.isfinite(between)]
        usual = float(np.median(known)) if known.size else 1.0
        rows = self.layout.take_rows(between)
        first = self.layout.index[2] == 0
        return np.where(first & np.isfinite(stamps), usual, rows)

    @boundary
    def only(self, **keys: Any) -> Trials:
        """The trials of some subjects or sessions: ``trials.only(subject="s01")``, or a list of them.

        Raises
        ------
        DataError
            A column that the trials are not keyed by, or a value that no row has.
        """
        kept = np.ones(len(self), bool)
        for name, wanted in keys.items():
            if name not in self.roles.by:
                raise DataError(
                    f"The trials are not keyed by {name!r}. {nearest(name, self.roles.by)}"
                )
            place = self.roles.by.index(name)
            values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            here = dict.fromkeys(key[place] for key in self.keys)
            absent = [value for value in values if value not in here]
            if absent:
                raise DataError(f"No trial has {name} {absent[0]!r}. There are {quote(here)}.")
            kept &= np.array([key[place] in values for key in self.keys])
        if not kept.any():
            raise DataError(f"No trial is of {keys} together.")
        return Trials._of({name: c[kept] for name, c in self.columns.items()}, self.roles)

    def of_subject(self, subject: Any) -> Trials:
        """The trials of one of :attr:`subjects`."""
        key = self.key_of(subject)
        return self.only(**key) if key else self

    def for_covariates(self, names: Collection[str]) -> Trials:
        """The same trials with those of the covariates that are named."""
        kept = {name: columns for name, columns in self.roles.covariates.items() if name in names}
        if len(kept) == len(self.roles.covariates):
            return self
        return Trials._of(self.columns, dataclasses.replace(self.roles, covariates=kept))

    def with_columns(self, columns: Mapping[str, Any]) -> Trials:
        """The same trials with other values in some columns, or further ones."""
        return Trials._of(read_frame({**self.columns, **columns}), self.roles)

    def key_frame(self) -> dict[str, np.ndarray]:
        """The columns that name a row: those of ``by``, and the trial's number."""
        found = {name: self.columns[name] for name in self.roles.by}
        name = "trial" if self.roles.trial is None else self.roles.trial
        return found | {name: self._counted() if self.roles.trial is None else self.columns[name]}

    def _counted(self) -> np.ndarray:
        """Number of every row in its session, from 0."""
        seen: dict[Any, int] = {}
        found = np.empty(len(self), int)
        for row, key in enumerate(self.keys):
            found[row] = seen.get(key, 0)
            seen[key] = found[row] + 1
        return found

    def _check_times(self) -> None:
        """Every trial comes some time after the one before."""
        roles, times = self.roles, self.intervals
        wrong = ~(np.isfinite(times) & (times > 0)) & ~self.frozen
        if wrong.any() and roles.time is not None:
            stamps = read_stamps(self.columns, roles.time, "time")
            missing = wrong & ~np.isfinite(stamps)
            if missing.any():
                empty = int(np.argmax(missing))
                raise DataError(
                    f"time is to be the column {roles.time!r}, which has nothing in row {empty}. "
                    "Say when the trial was, or leave the row out."
                )
            later = wrong & (self.layout.index[2] > 0)
            row = int(np.argmax(later if later.any() else wrong))
            raise DataError(
                f"time is to be the column {roles.time!r}, which does not rise to row {row} from the trial "
                "before. Stamps rise within a session: sort the data, or name what tells sessions apart in "
                "by=."
            )
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"dt is to be the column {roles.dt!r}, whose row {row} is {times[row]:g}. Times are "
                "positive; that of a session's first trial is how long its first belief had drifted."
            )
        blocks = self.layout.pad(times, np.nan).reshape(-1, self.layout.shape[-1])
        if isinstance(roles.dt, str) and any(rises(block[np.isfinite(block)]) for block in blocks):
            raise DataError(
                f"dt is to be the column {roles.dt!r}, which rises from trial to trial as stamps do. "
                f"{ONSETS}."
            )

    def __repr__(self) -> str:
        subjects, blocks, _ = self.layout.shape
        parts = [f"{len(self)} trials"]
        if self.roles.key_count > 1:
            owners = len({key[:1] for key in self.keys})
            parts.append(f"{owners} subject{'s' * (owners > 1)}")
            parts.append(f"{subjects} {self.roles.parameters_per}s with parameters of their own")
        else:
            parts.append(f"{subjects} subject{'s' * (subjects > 1)}")
        if blocks > 1:
            counts = {tuple(place) for place in self.layout.index[:2].T.tolist()}
            parts.append(f"{len(counts)} blocks")
        parts += [f"{count} {what}" for what, count in self._gaps().items()]
        return f"Trials({', '.join(parts)})"

    def _gaps(self) -> dict[str, int]:
        """How many trials lack what."""
        counts = {
            "without response": int(self.unanswered.sum()),
            "unseen": int(self.unseen.sum()),
            "frozen": int(self.frozen.sum()),
            "with a missing covariate": int(self._uncovered.sum()),
        }
        return {what: count for what, count in counts.items() if count}

    def _repr_html_(self) -> str:
        names = self.roles.subject_keys or ("subject",)
        head = (*names, "trials", "blocks", "without response", "unseen", "frozen")
        owner, block, _ = self.layout.index
        rows: list[tuple[object, ...]] = []
        for number, subject in enumerate(self.subjects[:SHOWN]):
            own = owner == number
            flags = (self.unanswered, self.unseen, self.frozen)
            counts = (own.sum(), np.unique(block[own]).size, *(flag[own].sum() for flag in flags))
            rows.append((*(self.key_of(subject).values() or (subject,)), *map(int, counts)))
        return table(repr(self), head, rows, more=len(self.subjects) - SHOWN)


def read_interval(dt: Any, time: Any) -> str | float:
    """One time for all trials, or the column of it.

    Raises
    ------
    DataError
        Something else, or ``time`` beside it.
    """
    if time is not None and not (isinstance(dt, float | int) and dt == 1):
        raise DataError("Times are given twice: by dt= and by time=. Give one of them.")
    if isinstance(dt, str):
        return dt
    try:
        if isinstance(dt, bool | np.bool_) or np.ndim(dt):
            raise InputError("it is none.")
        return float(to_plain_times(dt))
    except InputError as error:
        raise DataError(f"dt must be a positive number or a column, not {dt!r}.") from error


def coordinates(trials: Trials) -> tuple[str, dict[str, Any]]:
    """The name of the subjects' dimension in a tree of arrays, and what names them along it."""
    keys = [trials.key_of(subject) for subject in trials.subjects]
    columns = {name: file_array([key[name] for key in keys]) for name in (keys[0] if keys else {})}
    if len(columns) == 1:
        name = next(iter(columns))
        return name, columns
    labels = file_array([", ".join(map(str, key.values())) for key in keys])
    dim = "_".join(columns) or "subject"
    return dim, {dim: labels} | {name: (dim, values) for name, values in columns.items()}


def file_array(values: list[Any]) -> np.ndarray:
    """Values as an array that a file can hold: numbers as they are, all else as texts."""
    array = np.asarray(values)
    return array if array.dtype.kind in "iufb" else np.asarray([str(v) for v in values], object)


def check_trials(trials: object) -> None:
    """Something is the trials of a study.

    Raises
    ------
    DataError
        It is something else, such as the frame that they are in.
    """
    if not isinstance(trials, Trials):
        raise DataError(
            f"Give the data as Trials, not as a {type(trials).__name__}: "
            "pn.Trials(frame, inputs=..., actions=..., by=...) says which column is what."
        )
