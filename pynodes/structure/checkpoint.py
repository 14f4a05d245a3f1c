"""Checkpoint: a search in a file while it goes on, so that whatever ends it, it can go on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pynodes._errors import CheckpointError, FormatError, InputError, format_value

if TYPE_CHECKING:
    from pynodes.structure.found import Found
    from pynodes.structure.subjects import FoundSubjects

EVERY = 30.0
"""Seconds between two files."""


def files_of(
    path: str | os.PathLike[str] | None, subjects: Sequence[Any]
) -> Mapping[Any, str | None]:
    """A file for every subject beside one, named for it.

    Raises
    ------
    InputError
        Subjects whose names are written alike.
    """
    if path is None:
        return dict.fromkeys(subjects)
    stem, suffix = os.path.splitext(os.fspath(path))
    found = {name: f"{stem}.{quote(str(name), safe='')}{suffix}" for name in subjects}
    if len(set(found.values())) < len(found):
        raise InputError(
            "checkpoint= gives every subject a file named for it, but some names are written alike, such as "
            "1 and '1'. Rename them."
        )
    return found


class SearchCheckpoint:
    """A file that holds what a search has found so far, as :func:`pynodes.save` writes it.

    Parameters
    ----------
    path
        The file; each takes the place of the one before, whole or not at all.
    conclude
        Makes the result of a search from its outcome.
    kind
        What that is: Found, or FoundSubjects for agents.

    Raises
    ------
    CheckpointError
        A file of this name that holds something else, or is damaged.
    """

    def __init__(
        self, path: str | os.PathLike[str], conclude: Callable[[Any], Any], kind: type
    ) -> None:
        self.path, self.conclude, self.kind = os.fspath(path), conclude, kind
        self.last = time.monotonic()
        self.found = self.read() if os.path.exists(self.path) else None

    def read(self) -> Any:
        """What the file holds."""
        from pynodes._files import load

        try:
            found = load(self.path)
        except FormatError as error:
            raise CheckpointError(
                f"{self.path!r} is no checkpoint of a search: {error} Name another file, or delete it."
            ) from error
        if not isinstance(found, self.kind):
            raise CheckpointError(
                f"{self.path!r} holds {format_value(found, 60)}, not a search. Name another file."
            )
        return found

    def keep(self, outcome: Callable[[], Any]) -> None:
        """Write a file, if the last one is old."""
        if time.monotonic() - self.last >= EVERY:
            self.write(self.conclude(outcome()))

    def write(self, found: Found | FoundSubjects) -> None:
        """Write a file."""
        from pynodes._files import save

        save(self.path, found)
        self.last = time.monotonic()
