"""Container: a header of plain values and some arrays as the bytes of one file, and back.

The file is an uncompressed zip archive of a JSON text, of arrays in NumPy's format, so that other
programs can open it too, and of a digest of them all. Reading trusts nothing: no size that a file
states is believed before the bytes are there, what was changed is not read, and nothing is ever run.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib import format as npy

from pynodes._errors import FormatError

HEADER, ARRAY, DIGEST = "header.json", "arrays/{}.npy", "digest.txt"

NUMBERS = "biufc"
"""Kinds of numbers that an array in a file may hold: truth values, whole, real and complex ones."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every part, so that the same content makes the same file."""


def packed(header: dict[str, Any], arrays: Sequence[np.ndarray]) -> bytes:
    """A header and arrays as bytes."""
    parts = {HEADER: json.dumps(header, ensure_ascii=False).encode()}
    parts |= {ARRAY.format(number): bytes_of(array) for number, array in enumerate(arrays)}
    parts[DIGEST] = digest(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), part)
    return buffer.getvalue()


def unpacked(data: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header and the arrays of a file.

    Raises
    ------
    FormatError
        Bytes that :func:`packed` did not make, or not all of them.
    """
    try:
        parts = parts_of(data)
        if parts.pop(DIGEST) != digest(parts):
            raise ValueError("its parts are not those that were saved together")
        header = json.loads(parts.pop(HEADER).decode())
        arrays = [array_of(parts.pop(ARRAY.format(number))) for number in range(len(parts))]
    except Exception as error:  # whatever a parser trips over, the file is to blame
        raise FormatError(
            f"This is not a file that pynodes.save wrote, or it is damaged or cut off: {error!r}. Save it "
            "again, or take another copy."
        ) from error
    if not isinstance(header, dict):
        raise FormatError(f"The header of this file is no object, but {header!r}.")
    return header, arrays


def parts_of(data: bytes) -> dict[str, bytes]:
    """The parts of an archive by name, whole and unchanged."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts: dict[str, bytes] = {}
        for info in archive.infolist():
            if info.filename in parts:
                raise ValueError(f"two parts are named {info.filename!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data):
                raise ValueError(f"the part {info.filename!r} is not stored as it is")
            parts[info.filename] = archive.read(info)
    return parts


def digest(parts: Mapping[str, bytes]) -> bytes:
    """A text that another name or another byte of any part would change."""
    found = hashlib.sha256()
    for name in sorted(parts):
        for piece in (name.encode(), parts[name]):
            found.update(len(piece).to_bytes(8, "big"))
            found.update(piece)
    return found.hexdigest().encode()


def bytes_of(array: np.ndarray) -> bytes:
    """An array as bytes in NumPy's format."""
    stream = io.BytesIO()
    npy.write_array(stream, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def array_of(part: bytes) -> np.ndarray:
    """An array from its bytes."""
    stream = io.BytesIO(part)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("an array is of another version")
    shape, by_column, kind = npy.read_array_header_1_0(stream)
    if kind.kind not in NUMBERS or by_column:
        raise ValueError(f"an array is of type {kind}")
    rest = part[stream.tell() :]
    if len(rest) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"an array of shape {shape} has {len(rest)} bytes")
    return np.frombuffer(rest, kind).reshape(shape).copy()
