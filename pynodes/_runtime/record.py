"""Record: the nodes whose beliefs are kept."""

from __future__ import annotations

from collections.abc import Iterable

from pynodes._compiler.labels import Kept, Labels
from pynodes._errors import InputError


def recorded(labels: Labels, record: Iterable[str] | None) -> Kept:
    """The groups, and the positions in each, of the nodes named; None stands for everything.

    Raises
    ------
    InputError
        A single name instead of a list of them.
    UnknownNodeError
        A name that the network does not have.
    """
    if record is None:
        return tuple((group, None) for group in range(len(labels.groups)))
    if isinstance(record, str) or not isinstance(record, Iterable):
        raise InputError(f"record must be a list of names, as in ['x'], not {record!r}.")
    wanted: dict[int, set[int]] = {}
    for name in record:
        group, position = labels.place(name)
        wanted.setdefault(group, set()).add(position)
    return tuple(
        (group, None if len(positions) == len(labels.groups[group]) else tuple(sorted(positions)))
        for group, positions in sorted(wanted.items())
    )
