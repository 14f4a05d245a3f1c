"""Files: saving and loading, of everything that can be kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pynodes._boundary import boundary
from pynodes._core.expansions import AbstractExpansion
from pynodes._errors import FormatError, PynodesError, format_value, nearest
from pynodes._keeping.container import pack, read_file, replace_file, unpack
from pynodes._keeping.contents import KEEPERS
from pynodes._keeping.records import Catalogue, FileReader, FileWriter
from pynodes.couplings import AbstractCoupling
from pynodes.families import AbstractFamily
from pynodes.nodes import AbstractNode

FORMAT, VERSION = "pynodes-file", 1

ELSEWHERE = {
    "pynodes-checkpoint": "It is a part of a sampler's checkpoint: name its folder as checkpoint= when you "
    "call the sampler again.",
    "pynodes-graph": "Graph.from_dict reads it.",
}
"""What reads files of ours that are read elsewhere, by their format."""


@boundary
def save(path: str | os.PathLike[str], thing: Any) -> None:
    """Write a graph, a network, beliefs, trials, an agent, a fit or its results to a file.

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
    name, catalogue = check_path(path), find_catalogue(type(thing))
    kept = (*catalogue.keepers, *catalogue.records)
    cls = next((base for base in type(thing).__mro__ if base in kept), None)
    if cls is None or (cls in catalogue.records and cls is not type(thing)):
        raise FormatError(
            f"pynodes.save keeps {', '.join(catalogue.names)}, not {format_value(thing, 60)}. For arrays "
            "use numpy.savez; for tables, pandas."
        )
    file = FileWriter(catalogue)
    content = file.record(thing, cls, cls.__name__)
    header = {"format": FORMAT, "version": VERSION, "kind": cls.__name__, "content": content}
    replace_file(name, pack(header, file.arrays))


@boundary
def load(
    path: str | os.PathLike[str],
    *,
    kinds: Iterable[Any] = (),
    functions: Mapping[str, Any] | None = None,
) -> Any:
    """Read a file that :func:`save` wrote.

    Nothing in a file is run, and what it says is checked before it is used.

    Parameters
    ----------
    path
        Name of the file.
    kinds
        Classes of one's own that it names: of nodes, couplings, families, responses and priors; and
        expansions.
    functions
        Functions of one's own that it names, by name: of couplings and responses.

    Raises
    ------
    FormatError
        Another file, a damaged one or one that was cut off, one of a newer version, or one that names
        classes or functions that were not given.
    OSError
        There is no such file, or it cannot be read.
    """
    own = check_own(kinds)
    if functions is not None and not isinstance(functions, Mapping):
        raise FormatError(f"functions must be functions by name, not {format_value(functions)}.")
    name = check_path(path)
    header, arrays = unpack(read_file(name), repr(name))
    catalogue = check_header(header, name)
    reader = FileReader(catalogue, arrays, own, dict(functions or {}))
    kind = header["kind"]
    cls = next(c for c in (*catalogue.keepers, *catalogue.records) if c.__name__ == kind)
    try:
        return reader.record(header["content"], cls, kind)
    except FormatError:
        raise
    except Exception as error:  # whatever a header may say, it is the file's fault
        said = str(error) if isinstance(error, PynodesError) else repr(error)
        raise FormatError(
            f"{name!r} is not a valid file of a {kind}: {said} It was changed after pynodes.save "
            "wrote it, or another version wrote it."
        ) from error


SIMPLE = Catalogue(KEEPERS)
"""What can be kept without fits being imported."""


@cache
def list_everything() -> Catalogue:
    """All that can be kept."""
    from pynodes.fit.keeping import results
    from pynodes.structure import keeping

    return Catalogue(
        KEEPERS | results.KEEPERS | keeping.KEEPERS, results.RECORDS, results.PARTS, results.CHECKS
    )


def find_catalogue(cls: type) -> Catalogue:
    """What can be kept, of which a class is one if it is at all; fits are imported where they are needed."""
    return SIMPLE if SIMPLE.find_keeper(cls) else list_everything()


def check_own(kinds: object) -> tuple[Any, ...]:
    """What of the user's own a file may name.

    Raises
    ------
    FormatError
        Something that no file names.
    """
    if not isinstance(kinds, Iterable):
        raise FormatError(f"kinds must be a list, as in [{format_value(kinds)}].")
    found = tuple(kinds)
    bases = (AbstractNode, AbstractCoupling, AbstractFamily)
    for kind in found:
        if isinstance(kind, AbstractExpansion) or (
            isinstance(kind, type) and issubclass(kind, bases)
        ):
            continue
        from pynodes.fit.keeping.agents import is_ours

        if not is_ours(kind):
            raise FormatError(
                "kinds lists classes of nodes, couplings, families, responses and priors, and expansion "
                f"objects, not {format_value(kind)}."
            )
    return found


def check_header(header: Mapping[str, Any], name: str) -> Catalogue:
    """What knows the thing in a file, if the file is of a version that is read here."""
    form, version, kind = (header.get(key) for key in ("format", "version", "kind"))
    if form != FORMAT:
        raise FormatError(
            f"{name!r} is no file of pynodes.save: its 'format' is {format_value(form)}, not {FORMAT!r}. "
            + ELSEWHERE.get(str(form), "")
        )
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"{name!r} is of version {format_value(version)}; this pynodes reads version {VERSION}. Read it "
            "with the pynodes that wrote it, or install a newer one."
        )
    catalogue = SIMPLE if kind in SIMPLE.names else list_everything()
    if kind not in catalogue.names or set(header) != {"format", "version", "kind", "content"}:
        raise FormatError(
            f"{name!r} holds {format_value(kind)}, which is not known here. {nearest(kind, catalogue.names)}"
        )
    return catalogue


def check_path(path: object) -> str:
    """The name of a file.

    Raises
    ------
    FormatError
        It is none.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in os.fsdecode(path):
        raise FormatError(
            f"Give the name of a file, such as 'beliefs.npz', not {format_value(path)}."
        )
    return os.fsdecode(path)
