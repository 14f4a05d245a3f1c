"""Display: how training goes, while it goes, by rich; or by a line where that is not there."""

from __future__ import annotations

import time
from typing import Any

from pynodes._progress import Progress, is_interactive
from pynodes.deep.callbacks import Callback, Event

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 30
"""Characters of a sparkline."""


class Display(Callback):
    """A bar, the energy and its course, the energy of every node, accuracy, rate and time left.

    It needs rich, which comes with the extra ``deep``, and a terminal or a notebook; elsewhere one line of
    progress is shown, or nothing.

    Parameters
    ----------
    console
        Where rich writes; its own by default.
    """

    def __init__(self, console: Any = None) -> None:
        self.console, self.live = console, None
        self.line: Progress | None = None
        self.energies: list[float] = []
        self.began = 0.0

    def on_train_start(self, event: Event) -> bool | None:
        self.energies, self.began = [], time.perf_counter()
        try:
            from rich.live import Live
        except ImportError:
            self.line = Progress(event.run.training.epochs, "epoch").__enter__()
            return None
        if self.console is not None or is_interactive():
            self.live = Live(console=self.console, auto_refresh=False)
            self.live.start()
        return None

    def on_epoch_end(self, event: Event) -> bool | None:
        self.energies.append(event.measures["energy"])
        if self.line is not None:
            self.line.advance(status=f"energy {event.measures['energy']:.4g}")
        if self.live is not None:
            self.live.update(self.draw(event), refresh=True)
        return None

    def close(self) -> None:
        if self.line is not None:
            self.line.__exit__(None, None, None)
        if self.live is not None:
            self.live.stop()
        self.line = self.live = None

    def draw(self, event: Event) -> Any:
        """Everything as a table of rich."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        total, done = event.run.training.epochs, event.epoch + 1
        spent = time.perf_counter() - self.began
        left = spent / max(len(self.energies), 1) * (total - done)
        table = Table.grid(padding=(0, 2))
        table.add_row(
            f"epoch {done} of {total}", ProgressBar(total=total, completed=done, width=WIDTH)
        )
        table.add_row(f"energy {event.measures['energy']:.5g}", sparkline(self.energies))
        for name in ("accuracy", "validation_accuracy"):
            if name in event.measures:
                table.add_row(name.replace("_", " "), f"{event.measures[name]:.2%}")
        for name, energy in event.by_layer.items():
            table.add_row(f"  energy of {name}", f"{energy:.5g}")
        table.add_row("rate", f"{event.measures['rate']:.3g}")
        table.add_row("time left", f"{left:.0f} s")
        return table


def sparkline(values: list[float]) -> str:
    """The last values as a line of blocks."""
    shown = values[-WIDTH:]
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(BLOCKS[int((value - low) / span * (len(BLOCKS) - 1))] for value in shown)
