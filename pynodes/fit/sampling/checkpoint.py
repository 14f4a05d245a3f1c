"""Checkpoint: a folder with a file for every stretch of a run, from which it can go on."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

import jax
import numpy as np

from pynodes._citing.citation import versions
from pynodes._errors import CheckpointError, FormatError, format_value, quote
from pynodes._keeping.container import pack, read_file, replace_file, unpack
from pynodes._keeping.fingerprints import fingerprint

FORMAT, VERSION = "pynodes-checkpoint", 1

NAME, LEFT_OVER = re.compile(r"\d{6}\.npz"), re.compile(r"\d{6}\.npz\.[0-9a-f]+\.part")
"""Names of the files, and of those that an interrupted call leaves half written."""

CheckpointPart = tuple[dict[str, Any], dict[str, np.ndarray]]
"""Plain values and arrays, by name."""


class SamplerCheckpoint:
    """A folder of numbered files, each written once, whole, and never again.

    Parameters
    ----------
    folder
        Where it is; made if it is not there.
    identity
        What the run depends on, by name: plain values. A folder of a run with others is refused.

    Raises
    ------
    CheckpointError
        A folder that cannot be made, that holds something else, a damaged file or those of another run.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: dict[str, Any]) -> None:
        self.folder, self.identity = os.fspath(folder), identity
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"checkpoint= names a folder, and {self.folder!r} cannot be one: {error}."
            ) from error
        self.count = len(self._files())

    def read(self) -> list[CheckpointPart]:
        """All that was written, in order.

        Raises
        ------
        CheckpointError
            A file that is damaged, of another run, or with arrays that do not go with those of the others.
        """
        found = [self._read(number) for number in range(self.count)]
        first: dict[tuple[str, ...], dict[str, Any]] = {}
        for number, (_, arrays) in enumerate(found):
            form = self._form(arrays)
            usual = first.setdefault(tuple(arrays), form)
            differ = [name for name in form if form[name] != usual[name]]
            if differ or len(first) > 2:
                raise CheckpointError(
                    f"{self._path(number)!r} has other arrays than the files before it: "
                    f"{quote(differ or arrays)}. {self._advice()}"
                )
        return found

    def _form(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        """Types and shapes of arrays, but for how many draws there are."""
        chains = {len(array) if array.ndim else 0 for array in arrays.values()}
        if len(chains) > 1 and any(name.startswith("chain/") for name in arrays):
            raise CheckpointError(
                f"The checkpoint in {self.folder!r} has arrays of {quote(sorted(chains))} chains side by "
                f"side. {self._advice()}"
            )
        return {
            name: (array.dtype, array.shape if name.startswith("chain/") else array.shape[2:])
            for name, array in arrays.items()
        }

    def write(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write one more file."""
        header = {"format": FORMAT, "version": VERSION, "number": self.count}
        header |= {"identity": self.identity, "values": values, "names": list(arrays)}
        replace_file(self._path(self.count), pack(header, list(arrays.values())))
        self.count += 1

    def _files(self) -> list[str]:
        """The files that are there, once what was left half written is away."""
        found = sorted(os.listdir(self.folder))
        for name in filter(LEFT_OVER.fullmatch, found):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(self.folder, name))
        files = [name for name in found if NAME.fullmatch(name)]
        strange = [n for n in found if n not in files and not LEFT_OVER.fullmatch(n)]
        if strange:
            raise CheckpointError(
                f"The folder {self.folder!r} has {strange[0]!r} in it, which is no part of a checkpoint. "
                "Name an empty folder, or one that is not there yet."
            )
        for number, name in enumerate(files):
            if name != f"{number:06d}.npz":
                raise CheckpointError(
                    f"{self._path(number)!r} is missing, and later files are there. {self._advice()}"
                )
        return files

    def _read(self, number: int) -> CheckpointPart:
        """One file, if it is whole and of this run."""
        path = self._path(number)
        try:
            header, arrays = unpack(read_file(path), repr(path))
        except FormatError as error:
            raise CheckpointError(
                f"{path!r} is damaged or cut off: {error} Nothing was changed. {self._advice()}"
            ) from error
        if header.get("format") == "pynodes-file":
            raise CheckpointError(
                f"{path!r} holds a {format_value(header.get('kind'))} and is no checkpoint: pynodes.load "
                "reads it. Name another folder."
            )
        if header.get("format") != FORMAT or header.get("number") != number:
            raise CheckpointError(
                f"{path!r} is a file of pynodes, but no checkpoint of that number."
            )
        if header.get("version") != VERSION:
            raise CheckpointError(
                f"{path!r} was written by another version of pynodes, in format {header.get('version')!r}."
            )
        identity, values = header.get("identity"), header.get("values")
        names: Any = header.get("names")
        if (
            not isinstance(identity, dict)
            or not isinstance(values, dict)
            or not is_names(names, arrays)
        ):
            raise CheckpointError(f"{path!r} is not a valid checkpoint. {self._advice()}")
        self._compare(identity)
        return values, dict(zip(names, arrays, strict=True))

    def _compare(self, identity: dict[str, Any]) -> None:
        """Refuse the folder of another run, and say what differs."""
        differing = [
            f"{name} ({identity.get(name)} there, {self.identity.get(name)} here)"
            if len(f"{identity.get(name)}{self.identity.get(name)}") < 60
            else name
            for name in sorted({*identity, *self.identity})
            if identity.get(name) != self.identity.get(name)
        ]
        if differing:
            raise CheckpointError(
                f"The checkpoint in {self.folder!r} is of another run: {', '.join(differing)} "
                f"{'differ' if len(differing) > 1 else 'differs'}. Name another folder, or call as before."
            )

    def _path(self, number: int) -> str:
        """Name of a file."""
        return os.path.join(self.folder, f"{number:06d}.npz")

    def _advice(self) -> str:
        """What to do with a folder that is not whole."""
        return "Remove this file and those of higher numbers to go on from before it, or name another folder."


def is_names(names: Any, arrays: list[np.ndarray]) -> bool:
    """Whether something is a name for each of some arrays."""
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return texts and len(names) == len(set(names)) == len(arrays)


def describe_run(parts: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What a run depends on: fingerprints of some trees, its settings, and what computes it."""
    prints = {name: fingerprint(tree) for name, tree in parts.items()}
    return {**prints, **settings, **versions(), "device": jax.default_backend()}
