"""Times as a user gives them: intervals or stamps, as numbers or as durations and dates.

Durations and dates count in seconds, at every door: a library's own unit is no one's choice.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import is_traced
from pynodes._errors import InputError
from pynodes._typing import AnyArray

DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?")
"""A date in a text, with or without a time zone."""

FEWEST = 5
"""Intervals that rise all the way through so many steps are stamps."""

ONSETS = (
    "dt is the time since the previous step, as numpy.diff finds it. Stamps, which say when a step was, are "
    "given as time="
)


def read_times(dt: Any, steps: int) -> tuple[AnyArray | None, AnyArray | None]:
    """Times per step and the time of every step: at most one of them; neither where it is one."""
    if type(dt) in (float, int) and dt == 1:
        return None, None
    times: AnyArray = blank_impossible(dt) if is_traced(dt) else to_plain_times(dt)
    if times.ndim == 0:
        return None, times
    if times.shape != (steps,):
        raise InputError(
            f"dt must be one number or {steps} of them, one per step, not of shape {times.shape}."
        )
    return times, None


def blank_impossible(dt: Any) -> Any:
    """Traced times with NaN for those that are not positive and finite."""
    times = jnp.asarray(dt)
    return jnp.where((times > 0) & (times < math.inf), times, jnp.nan)


def to_plain_times(dt: Any) -> np.ndarray:
    """Intervals as an array of positive, finite numbers."""
    times = to_time_numbers("dt", dt)
    wrong = ~(np.isfinite(times) & (times > 0))
    if wrong.any():
        where = f" at step {int(np.argmax(wrong))}" if times.ndim else ""
        raise InputError(
            f"dt must be positive and finite, but is {float(times.flat[np.argmax(wrong)])}{where}. Give the "
            "time since the previous step, as numpy.diff finds it; observations at the same time belong into "
            "one step, as several inputs."
        )
    if rises(times):
        raise InputError(
            f"dt rises at every step, from {times[0]:g} to {times[-1]:g}, as stamps do. {ONSETS}."
        )
    return times


def as_interval(dt: Any) -> Any:
    """The time since the previous step, of a single one."""
    times, interval = read_times(dt, 1)
    return times[0] if times is not None else 1.0 if interval is None else interval


def rises(times: np.ndarray) -> bool:
    """Whether a series of intervals looks like one of stamps: each larger than the one before."""
    return times.ndim == 1 and len(times) >= FEWEST and bool(np.all(np.diff(times) > 0))


def intervals(dt: Any, time: Any) -> Any:
    """The time since the previous step, from ``dt=`` or from the stamps of ``time=``.

    Raises
    ------
    InputError
        Both, or stamps that do not rise.
    """
    if time is None:
        return dt
    if not (type(dt) in (float, int) and dt == 1):
        raise InputError("Times are given twice: by dt= and by time=. Give one of them.")
    if is_traced(time):
        return to_intervals(jnp.asarray(time), jnp)
    stamps = to_time_numbers("time", time, dates=True)
    if stamps.ndim != 1 or not len(stamps):
        raise InputError(f"time must be one stamp per step, not of shape {stamps.shape}.")
    wrong = ~np.isfinite(stamps)
    wrong[1:] |= ~(np.diff(stamps) > 0)
    if wrong.any():
        step = int(np.argmax(wrong))
        raise InputError(
            f"time must rise from step to step, but is {stamps[step]:g} at step {step}. Sort the steps; what "
            "was observed at the same time belongs into one step, as several inputs."
        )
    return to_intervals(stamps, np)


def to_intervals(stamps: Any, xp: Any) -> Any:
    """Times between stamps; before the first step as much as usual, so that regular stamps are one dt."""
    if stamps.shape[0] == 1:
        return xp.ones(1)
    between = stamps[1:] - stamps[:-1]
    return xp.concatenate([xp.median(between)[None], between])


def to_time_numbers(name: str, times: Any, *, dates: bool = False) -> np.ndarray:
    """Times as numbers; durations, and dates where there may be some, in seconds.

    Raises
    ------
    InputError
        Something else.
    """
    try:
        array = np.asarray(times)
        if array.dtype.kind in "OU":
            array = from_objects(array)
        if array.dtype.kind == "M" and not dates:
            raise TypeError(f"dates are stamps. {ONSETS}")
        if array.dtype.kind in "mM":
            return to_seconds(array)
        if array.dtype.kind in "USbc":
            raise TypeError(f"it begins with {array.ravel()[:1].tolist()}")
        return array.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        what = "one stamp per step" if name == "time" else "one number or one per step"
        raise InputError(f"{name} must be {what}: {error}.") from error


def from_objects(array: np.ndarray) -> np.ndarray:
    """Objects that stand for durations or dates, as numpy has these; any others as they are.

    Texts are dates where all of them are as ISO 8601 writes them, year first.
    """
    known = [item for item in array.ravel().tolist() if item is not None and item == item]
    if known and all(isinstance(item, str) and DATE.fullmatch(item) for item in known):
        items = array.ravel().tolist()
        try:
            texts = [to_greenwich(item) if isinstance(item, str) else "NaT" for item in items]
            return np.array(texts, "datetime64[ns]").reshape(array.shape)
        except ValueError:  # a thirteenth month: no date after all
            return array
    first = next(iter(known), None)
    if hasattr(first, "total_seconds"):
        return array.astype("timedelta64[ns]")
    if getattr(first, "tzinfo", None) is not None:
        array = np.array([without_zone(item) for item in array.ravel()], object).reshape(
            array.shape
        )
    return array.astype("datetime64[ns]") if isinstance(first, datetime.date) else array


def to_greenwich(text: str) -> str:
    """A date in a text without its time zone: in that of Greenwich, if it names one."""
    found = DATE.fullmatch(text)
    if found is None or found["zone"] is None:
        return text
    return without_zone(datetime.datetime.fromisoformat(text)).isoformat()


def without_zone(date: Any) -> Any:
    """A date of some time zone in that of Greenwich, of which it then says nothing."""
    if getattr(date, "tzinfo", None) is None:
        return date
    return date.astimezone(datetime.UTC).replace(tzinfo=None)


def to_seconds(array: np.ndarray) -> np.ndarray:
    """Durations in seconds; dates in seconds since the first of them that is known."""
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]")  # years and months are of no fixed length
        known = array[~np.isnat(array)]
        array = array - (known[0] if known.size else array)
    return array / np.timedelta64(1, "s")
