"""Progress: how far a sampler is, on a line of the terminal, once it takes a while."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Any

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """A line on the standard error stream; a bar where tqdm is installed.

    Parameters
    ----------
    total
        Number of steps.
    unit
        What a step is called.
    shown
        Whether it is shown; by default only in a terminal.
    """

    def __init__(self, total: int, unit: str, shown: bool | None) -> None:
        self.total, self.unit = total, unit
        self.shown = sys.stderr.isatty() if shown is None else shown
        self.done, self.began, self.bar = 0, time.monotonic(), None
        self.written = False

    def advance(self, steps: int, said: str = "") -> None:
        """So many steps more are done."""
        self.done += steps
        if self.shown and time.monotonic() - self.began > PATIENCE:
            self._show(said)

    def _show(self, said: str) -> None:
        """Draw the bar, or write the line again."""
        if self.bar is None and not self.written:
            self.bar = bar(self.total, self.unit)
        if self.bar is not None:
            self.bar.set_postfix_str(said, refresh=False)
            self.bar.update(self.done - self.bar.n)
            return
        self.written = True
        seconds = time.monotonic() - self.began
        line = f"\r{self.done}/{self.total} {self.unit}, {seconds:.0f} s {said}"
        sys.stderr.write(f"{line:<79}")
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.written:
            sys.stderr.write("\n")


def bar(total: int, unit: str) -> Any:
    """A bar of tqdm; None where it is not installed."""
    try:
        return import_module("tqdm").tqdm(total=total, unit=f" {unit}", file=sys.stderr)
    except ImportError:
        return None
