"""Interruption: Ctrl-C is heeded, even where the error that it raises is lost on its way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType


@contextlib.contextmanager
def heeded() -> Generator[Callable[[], None]]:
    """A check that raises ``KeyboardInterrupt`` again if there was one.

    Python raises it wherever the main thread happens to be, which may be a place from which no error gets
    out, such as a callback of compiled code. In other threads, and where somebody else has taken the
    signal, nothing is changed.
    """
    came = threading.Event()

    def check() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
