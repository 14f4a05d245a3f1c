"""Progress: how far something is, on a line of its own, once it takes a while.

One mechanism for all that can take long. Only the outermost shows itself: a study that fits shows the
study, not every fit. The line is tqdm's; where it is not installed, nothing is shown.
"""

from __future__ import annotations

import contextvars
import importlib.util
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
"""Seconds between two looks at a clock while nothing is reported."""

under_way: contextvars.ContextVar[bool] = contextvars.ContextVar("under_way", default=False)
"""Whether something further out shows its progress already."""


class Progress:
    """A bar on the standard error stream, or how long it has taken where the end is not known.

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
        self.shown = is_interactive() if shown is None else shown
        self.done, self.began, self.status = 0, time.monotonic(), ""
        self._bar: Any = None
        self._lock, self._over = threading.Lock(), threading.Event()
        self._ticker: threading.Thread | None = None
        self._token: contextvars.Token[bool] | None = None

    def advance(self, steps: int = 1, status: str = "") -> None:
        """So many steps more are done."""
        with self._lock:
            self.done, self.status = self.done + steps, status
        self.show()

    def show(self) -> None:
        """Show how far it is, if it takes long enough."""
        if self.shown and time.monotonic() - self.began > PATIENCE:
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self._bar is None:
            self._bar = make_bar(self.total, self.unit)
            self._bar.start_t -= time.monotonic() - self.began
        self._bar.n = self.done
        self._bar.set_postfix_str(self.status, refresh=False)
        self._bar.refresh()

    def _tick(self) -> None:
        """Show that time passes, until it is over."""
        while not self._over.wait(TICK):
            self.show()

    def __enter__(self) -> Progress:
        has_bars = importlib.util.find_spec("tqdm") is not None
        self.shown = self.shown and has_bars and not under_way.get()
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
        if self._bar is not None:
            self._bar.close()


def make_bar(total: int | None, unit: str) -> Any:
    """A bar of tqdm; without a total, a line."""
    unknown = {} if total is not None else {"bar_format": f"{unit}, {{elapsed}}{{postfix}}"}
    stream = Cell() if in_notebook() else sys.stderr
    # Its own delay keeps it from being drawn before it knows how far it is.
    return import_module("tqdm").tqdm(
        total=total, unit=f" {unit}", file=stream, delay=PATIENCE, **unknown
    )


class Cell:
    """A stream whose last line is shown in the cell of a notebook that runs."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.handle: Any = None

    def write(self, text: str) -> None:
        """Show a line in the place of the one before."""
        if not text.strip():
            return
        line = NotebookLine(text.strip())
        if self.handle is None:
            self.handle = import_module("IPython.display").display(line, display_id=True)
        else:
            self.handle.update(line)

    def flush(self) -> None:
        """Nothing is held back."""


def is_interactive() -> bool:
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


class NotebookLine:
    """A line of text that a notebook shows as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text
