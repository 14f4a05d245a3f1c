"""Wrong uses by theme: what is done, which error must come, and which words it must contain."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pynodes as pn


class Wrong(NamedTuple):
    """One wrong use.

    Attributes
    ----------
    what
        What is wrong, in a few words.
    use
        The call that must raise.
    error
        The class that must be raised.
    words
        What its message must contain: the culprit, then the remedy.
    """

    what: str
    use: Callable[[], object]
    error: type[pn.PynodesError]
    words: tuple[str, ...]

    def __repr__(self) -> str:
        return self.what
