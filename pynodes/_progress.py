"""Progress: how far something is, on a line of its own, once it takes a while.

One mechanism for all that can take long. Only the outermost shows itself: a study that fits shows the
study, not every fit.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from importlib import import_module
from types import TracebackType
from typing import Any

PATIENCE = 1.0
"""Seconds before anything is shown."""

TICK = 0.5
"""Seconds between two lines while nothing is reported."""

under_way: contextvars.ContextVar[bool] = contextvars.ContextVar("under_way", default=False)
"""Whether something further out shows its progress already."""


class Progress:
    """A line on the standard error stream; a bar where tqdm is installed and the end is known.

    In a notebook it is a line of the cell's output, written over in place, so that a notebook that is kept
    or printed has one line of it and not a hundred.

    Parameters
    ----------
    total
        Number of steps; None where nobody knows, such as inside of a single compiled search.
    unit
        What a step is called; without a total, what is going on.
    shown
        Whether it is shown; by default only in a terminal or a notebook, and nowhere if the environment
        variable ``PYNODES_PROGRESS`` is 0.
    """

    def __init__(self, total: int | None, unit: str, shown: bool | None = None) -> None:
        self.total, self.unit = total, unit
        self.shown = interactive() if shown is None else shown
        self.done, self.began, self.said = 0, time.monotonic(), ""
        self.bar: Any = None
        self.cell: Any = None
        self.written = False
        self._lock, self._over = threading.Lock(), threading.Event()
        self._ticker: threading.Thread | None = None
        self._token: contextvars.Token[bool] | None = None

    def advance(self, steps: int = 1, said: str = "") -> None:
        """So many steps more are done."""
        with self._lock:
            self.done, self.said = self.done + steps, said
        self.show()

    def show(self) -> None:
        """Show how far it is, if it takes long enough."""
        if self.shown and time.monotonic() - self.began > PATIENCE:
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        """Draw the bar, or write the line again."""
        if in_notebook():
            self._display()
            return
        if self.total is not None and self.bar is None and not self.written:
            self.bar = bar(self.total, self.unit)
        if self.bar is not None:
            self.bar.set_postfix_str(self.said, refresh=False)
            self.bar.update(self.done - self.bar.n)
            self.bar.refresh()
            return
        self.written = True
        sys.stderr.write(f"\r{self._line():<79}")
        sys.stderr.flush()

    def _line(self) -> str:
        """How far it is, for how long it has gone on, and what was said last."""
        seconds = time.monotonic() - self.began
        far = self.unit if self.total is None else f"{self.done}/{self.total} {self.unit}"
        return f"{far}, {seconds:.0f} s {self.said}".rstrip()

    def _display(self) -> None:
        """Show the line in the cell, or in its place."""
        line = Line(self._line())
        if self.cell is None:
            self.cell = import_module("IPython.display").display(line, display_id=True)
        else:
            self.cell.update(line)

    def _tick(self) -> None:
        """Show that time passes, until it is over."""
        while not self._over.wait(TICK):
            self.show()

    def __enter__(self) -> Progress:
        self.shown = self.shown and not under_way.get()
        if self.shown:
            self._token = under_way.set(True)
            self._ticker = threading.Thread(target=self._tick, name="pynodes progress", daemon=True)
            self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()
        if self._token is not None:
            under_way.reset(self._token)
        if self.bar is not None:
            self.bar.close()
        elif self.written:
            sys.stderr.write("\n")
            sys.stderr.flush()


def interactive() -> bool:
    """Whether somebody is there to look: in a terminal, or in a notebook that no program runs."""
    if os.environ.get("PYNODES_PROGRESS") == "0":
        return False
    if sys.stderr is not None and sys.stderr.isatty():
        return True
    return in_notebook()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Line:
    """A line of text that a notebook shows as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def bar(total: int, unit: str) -> Any:
    """A bar of tqdm; None where it is not installed."""
    try:
        return import_module("tqdm").tqdm(total=total, unit=f" {unit}", file=sys.stderr)
    except ImportError:
        return None
