"""Boundary: errors that are raised on purpose leave the package without its own frames.

A traceback then ends at the line that was wrong, which is the caller's. Errors that are not pynodes' own
keep all their frames: they may be a bug. The environment variable ``PYNODES_TRACEBACK=full`` keeps
those of all.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import CodeType
from typing import ParamSpec, TypeVar

from pynodes._errors import PynodesError

DOOR = "<pynodes>"
"""Where a traceback says that an error left the package."""

P = ParamSpec("P")
R = TypeVar("R")


def boundary(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, for callers from outside: its errors on purpose have no frames from within."""

    @functools.wraps(function)
    def entered(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except PynodesError as error:
            if os.environ.get("PYNODES_TRACEBACK") == "full":
                raise
            raise shorten_traceback(error) from error.__cause__

    return as_if(entered, function)


def as_if(entered: Callable[P, R], function: Callable[P, R]) -> Callable[P, R]:
    """The wrapper, which in a traceback goes by the name of what it wraps, and shows no lines of its own."""
    code: CodeType = entered.__code__  # type: ignore[attr-defined]
    shown = code.replace(
        co_filename=DOOR, co_name=function.__name__, co_qualname=function.__qualname__
    )
    entered.__code__ = shown  # type: ignore[attr-defined]
    return entered


def shorten_traceback(error: PynodesError) -> PynodesError:
    """An error without frames, and without those of what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        cause.__traceback__ = None
        cause = cause.__cause__
    return error
