"""Files: saving and loading."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from pynodes._boundary import boundary
from pynodes._errors import FormatError, nearest
from pynodes._graph.graph import Graph
from pynodes._graph.library import Kinds
from pynodes._keeping.container import packed, unpacked
from pynodes._keeping.contents import (
    Content,
    graph_content,
    network_content,
    state_content,
    trajectories_content,
)
from pynodes._keeping.replacing import replaced
from pynodes._keeping.revival import Reader
from pynodes._results.state import State
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.network import Network

FORMAT, VERSION = "pynodes-file", 1

WRITERS: dict[str, tuple[type, Callable[[Any], Content]]] = {
    "graph": (Graph, graph_content),
    "network": (Network, network_content),
    "state": (State, state_content),
    "trajectories": (Trajectories, trajectories_content),
}
"""What can be kept, by the name that a file gives it."""

READERS: dict[str, Callable[[Reader, Content], Any]] = {
    "graph": Reader.graph,
    "network": Reader.network,
    "state": Reader.state,
    "trajectories": Reader.trajectories,
}


@boundary
def save(path: str | os.PathLike[str], thing: Graph | Network | State | Trajectories) -> None:
    """Write a graph, a network, a state or trajectories to a file.

    Everything comes back as it was, number for number and bit for bit: :func:`load`. A file of this
    name is replaced, at once and only when the new one is whole; an interrupted call leaves it as it is.

    Parameters
    ----------
    path
        Name of the file; no ending is added. The file is a zip archive, for which ``.npz`` is a
        fitting end (docs/keeping.md).
    thing
        What to keep. A batch of networks, states or trajectories, as ``jax.vmap`` makes them, is one
        thing.

    Raises
    ------
    FormatError
        Something else; numbers that are traced; coupling functions that could not be told apart.
    OSError
        The file cannot be written.
    """
    kind = kind_of(thing)
    said, parts = WRITERS[kind][1](thing)
    arrays = [array for leaves in parts.values() for array in leaves.values()]
    numbers = iter(range(len(arrays)))
    places = {part: {place: next(numbers) for place in leaves} for part, leaves in parts.items()}
    header = {"format": FORMAT, "version": VERSION, "kind": kind, **said, "arrays": places}
    replaced(text_of(path), packed(header, arrays))


@boundary
def load(
    path: str | os.PathLike[str], *, kinds: Kinds = (), functions: Mapping[str, Any] | None = None
) -> Any:
    """What :func:`save` wrote to a file: a graph, a network, a state or trajectories.

    Nothing in a file is run, and what it says is checked before it is used.

    Parameters
    ----------
    path
        Name of the file.
    kinds
        Node kinds, couplings, families and expansions of one's own that it names.
    functions
        Coupling functions of one's own that it names, by name.

    Raises
    ------
    FormatError
        Another file, a damaged one or one that was cut off, one of a newer version, or one that names
        kinds or functions that were not given.
    OSError
        There is no such file, or it cannot be read.
    """
    with open(text_of(path), "rb") as file:
        data = file.read()
    header, arrays = unpacked(data)
    check_version(header)
    reader = Reader(kinds, {} if functions is None else functions)
    try:
        parts = {
            part: {place: arrays[number] for place, number in places.items()}
            for part, places in header["arrays"].items()
        }
        return READERS[header["kind"]](reader, Content(header, parts))
    except FormatError:
        raise
    except Exception as error:  # whatever a header may say, it is the file's fault
        raise FormatError(
            f"This file does not say what a pynodes file says: {error!r}. It was changed after pynodes.save "
            "wrote it."
        ) from error


def kind_of(thing: object) -> str:
    """The name that a file gives to a kind of thing."""
    for kind, (sort, _) in WRITERS.items():
        if isinstance(thing, sort):
            return kind
    raise FormatError(
        f"Graphs, networks, states and trajectories can be saved, not {thing!r}. For arrays, use numpy.savez."
    )


def check_version(header: Mapping[str, Any]) -> None:
    """A file of ours, of a version that is read here, and of something that is known here."""
    if header.get("format") != FORMAT:
        raise FormatError(
            f"This file is no pynodes file: its 'format' is {header.get('format')!r}, not {FORMAT!r}."
        )
    if header.get("version") != VERSION:
        raise FormatError(
            f"This file is of version {header.get('version')!r}; this pynodes reads version {VERSION}. Read "
            "it with the pynodes that wrote it, or install a newer one."
        )
    kind = header.get("kind")
    if not isinstance(kind, str) or kind not in READERS:
        raise FormatError(f"This file holds {kind!r}, which is not known. {nearest(kind, READERS)}")


def text_of(path: object) -> str:
    """The name of a file."""
    if not isinstance(path, str | os.PathLike):
        raise FormatError(f"Give the name of a file, such as 'beliefs.npz', not {path!r}.")
    return os.fspath(path)
