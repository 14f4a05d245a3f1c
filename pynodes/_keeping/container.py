"""Container: a header of plain values and some arrays as the bytes of one file, and back.

The file is a zip archive that is not compressed, of a JSON text, of arrays in NumPy's format and of a digest,
so that other programs can open it too. It is laid out in one way only: part after part, without gaps. Reading
believes nothing: a file that is not, byte for byte, what would be written for the parts that are in it is
refused before an array is made, and no size that it states is larger than the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from pynodes._errors import FormatError
from pynodes._graph.document import parse_json

HEADER, DIGEST = "header.json", "digest.txt"

LONGEST_HEADER = 2**26
"""Bytes that a header may have: arrays hold what is large."""

TYPES = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8")
"""What an array in a file may hold: truth values, whole numbers, and real ones of 32 or 64 bits."""

START, LOCAL, CENTRAL = b"PK\3\4", struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I")
LONG_LOCAL, LONG_CENTRAL = struct.Struct("<2H2Q"), struct.Struct("<2H3Q")
END_64, LOCATOR, END = (
    struct.Struct("<4sQ2H2I4Q"),
    struct.Struct("<4sIQI"),
    struct.Struct("<4s4H2IH"),
)
"""The records of a zip archive; all sizes are written with 64 bits, whatever they are."""

VERSION_64, ON_UNIX, READABLE = 45, 3 << 8, 0o600 << 16
NEW_YEAR_1980 = 33
"""The date of every part, so that the same content makes the same file."""

ELSEWHERE, ELSEWHERE_SHORT = 2**32 - 1, 2**16 - 1
"""What stands in a field whose value stands in a wider one."""

MAGIC = b"\x93NUMPY\x01\x00"

ARRAY_HEADER = re.compile(
    rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': False, 'shape': \(((?:\d{1,18}, ?)*\d{0,18})\), \} *\n"
)

SIBLINGS = {
    b"\x89HDF": "an HDF5 or netCDF file, such as samples.tree.to_netcdf writes for ArviZ. Open it with "
    "xarray.open_datatree",
    b"CDF": "a netCDF file. Open it with xarray",
    b"\x93NUMPY": "an array of NumPy's. Read it with numpy.load",
    b"\x80": "a pickle, which runs whatever it says. pynodes reads none",
    b"\x1f\x8b": "compressed. Unpack it first",
    b"{": "text that begins like JSON. A graph's text is read by pynodes.Graph.from_json",
    b"PK": "a zip archive of another program, or one that was packed anew. Archives of arrays are read by "
    "numpy.load",
}
"""What another file is, by how it begins, and what reads it."""


def pack(header: dict[str, Any], arrays: Sequence[np.ndarray]) -> bytes:
    """The bytes of a file.

    Raises
    ------
    FormatError
        An array of a type that no file holds, or a header that is too long.
    """
    text = json.dumps(header).encode()
    if len(text) > LONGEST_HEADER:
        raise FormatError(
            f"The header takes {len(text):,} bytes, more than the {LONGEST_HEADER:,} that a "
            "file may have."
        )
    parts = [(HEADER, text)]
    parts += [(name_array(number), encode_array(array)) for number, array in enumerate(arrays)]
    body, found = lay_out_parts(parts), hashlib.sha256()
    for piece in body:
        found.update(piece)
    digest = (DIGEST, found.hexdigest().encode())
    return b"".join([*body, *lay_out_parts([digest]), list_contents([*parts, digest])])


def unpack(data: bytes, name: str = "This file") -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header and the arrays of a file, of some name for messages.

    Raises
    ------
    FormatError
        Bytes that :func:`pack` did not make, or not all of them.
    """
    try:
        parts = take_apart(memoryview(data))
        header = parse_json(bytes(parts[0]).decode("ascii"))
        arrays = [decode_array(part) for part in parts[1:]]
    except (FormatError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{name} is damaged, or pynodes did not write it: {error} Save it again, or take another copy."
        ) from error
    if not isinstance(header, dict):
        raise FormatError(f"The header of {name} is no object.")
    return header, arrays


def take_apart(data: memoryview) -> list[memoryview]:
    """The header and the arrays of an archive, once every other byte of it is what it must be."""
    parts: list[tuple[str, memoryview]] = []
    place = before = 0
    while not parts or parts[-1][0] != DIGEST:
        name, start, end = locate_part(data, place, len(parts))
        if not parts and end - start > LONGEST_HEADER:
            raise FormatError(f"its header has {end - start:,} bytes.")
        parts.append((name, data[start:end]))
        place, before = end, place
    body = hashlib.sha256(data[:before]).hexdigest().encode()
    if bytes(parts[-1][1]) != body:
        raise FormatError("a byte of it is another than when it was written.")
    rest = list_contents(parts)
    place = 0
    for piece in [*lay_out_parts(parts), rest]:
        if data[place : place + len(piece)] != piece:
            raise FormatError(f"its layout differs, from byte {place} on.")
        place += len(piece)
    if place != len(data):
        raise FormatError(f"it goes on for {len(data) - place} bytes after its end.")
    return [part for _, part in parts[:-1]]


def locate_part(data: memoryview, place: int, number: int) -> tuple[str, int, int]:
    """Name, start and end of the part that begins at some place; each has one name that it can have."""
    size = LOCAL.size + len(DIGEST) + LONG_LOCAL.size
    if place + size > len(data):
        raise FormatError(f"it is cut off after {len(data)} bytes.")
    fields = LOCAL.unpack_from(data, place)
    name = bytes(data[place + LOCAL.size : place + LOCAL.size + fields[-2]]).decode("latin-1")
    known = (HEADER,) if number == 0 else (name_array(number - 1), DIGEST)
    if fields[0] != START or name not in known:
        raise FormatError(f"{' or '.join(map(repr, known))} is not at byte {place}.")
    start = place + LOCAL.size + len(name) + LONG_LOCAL.size
    if start > len(data):
        raise FormatError(f"it is cut off after {len(data)} bytes.")
    long = LONG_LOCAL.unpack_from(data, start - LONG_LOCAL.size)
    end = start + long[2]
    if end > len(data):
        raise FormatError(
            f"it is cut off: {name!r} ends at byte {end:,}, the file at {len(data):,}."
        )
    return name, start, end


def name_array(number: int) -> str:
    """The name of the part with one array."""
    return f"arrays/{number}.npy"


def lay_out_parts(parts: Sequence[tuple[str, Any]]) -> list[Any]:
    """Parts one after the other, each behind the record that begins it."""
    pieces: list[Any] = []
    for name, part in parts:
        local = LOCAL.pack(
            *(START, VERSION_64, 0, 0, 0, NEW_YEAR_1980, zlib.crc32(part)),
            *(ELSEWHERE, ELSEWHERE, len(name), LONG_LOCAL.size),
        )
        long = LONG_LOCAL.pack(1, LONG_LOCAL.size - 4, len(part), len(part))
        pieces += [local + name.encode() + long, part]
    return pieces


def list_contents(parts: Sequence[tuple[str, Any]]) -> bytes:
    """The records that end an archive: where every part is, and where these records are."""
    found, place = b"", 0
    for name, part in parts:
        central = CENTRAL.pack(
            *(
                b"PK\1\2",
                ON_UNIX | VERSION_64,
                VERSION_64,
                0,
                0,
                0,
                NEW_YEAR_1980,
                zlib.crc32(part),
            ),
            *(ELSEWHERE, ELSEWHERE, len(name), LONG_CENTRAL.size, 0, 0, 0, READABLE, ELSEWHERE),
        )
        long = LONG_CENTRAL.pack(1, LONG_CENTRAL.size - 4, len(part), len(part), place)
        found += central + name.encode() + long
        place += LOCAL.size + len(name) + LONG_LOCAL.size + len(part)
    count, size = len(parts), len(found)
    found += END_64.pack(
        *(b"PK\6\6", END_64.size - 12, ON_UNIX | VERSION_64, VERSION_64, 0, 0),
        *(count, count, size, place),
    )
    found += LOCATOR.pack(b"PK\6\7", 0, place + size, 1)
    return found + END.pack(
        *(b"PK\5\6", 0, 0, ELSEWHERE_SHORT, ELSEWHERE_SHORT, ELSEWHERE, ELSEWHERE, 0)
    )


def encode_array(array: np.ndarray) -> bytes:
    """An array as bytes in NumPy's format.

    Raises
    ------
    FormatError
        A type that no file holds.
    """
    little = np.asarray(array, order="C")
    little = little.astype(little.dtype.newbyteorder("<"), copy=False)
    if little.dtype.str not in TYPES:
        raise FormatError(
            f"Arrays of type {little.dtype} cannot be saved. Convert them to booleans, integers, or floats "
            "in single or double precision."
        )
    shape = ", ".join(map(str, little.shape)) + "," * (little.ndim == 1)
    said = f"{{'descr': '{little.dtype.str}', 'fortran_order': False, 'shape': ({shape}), }}"
    blank = -(len(MAGIC) + 2 + len(said) + 1) % 64
    header = said.encode() + b" " * blank + b"\n"
    return MAGIC + struct.pack("<H", len(header)) + header + little.tobytes()


def decode_array(part: memoryview) -> np.ndarray:
    """An array from its bytes."""
    start = len(MAGIC) + 2
    if bytes(part[: len(MAGIC)]) != MAGIC or len(part) < start:
        raise FormatError("an array does not begin like one.")
    begin = start + struct.unpack_from("<H", part, len(MAGIC))[0]
    said = ARRAY_HEADER.fullmatch(bytes(part[start:begin]))
    kind = said[1].decode() if said else ""
    if said is None or kind not in TYPES:
        raise FormatError(f"an array is of a type that files cannot have: {kind!r}.")
    shape = tuple(int(size) for size in said[2].replace(b" ", b"").split(b",") if size)
    if len(shape) > 32 or len(part) - begin != math.prod(shape) * np.dtype(kind).itemsize:
        raise FormatError(f"an array of shape {shape} has {len(part) - begin} bytes.")
    array = np.frombuffer(part, kind, offset=begin).reshape(shape).copy()
    if kind == "|b1" and array.size and array.view(np.uint8).max() > 1:
        raise FormatError("truth values are other than 0 and 1.")
    return array


def read_file(path: str) -> bytes:
    """The bytes of a file that begins like one of ours.

    Raises
    ------
    FormatError
        Another file, of which it says what it is if that is known.
    OSError
        There is no such file, or it cannot be read.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"{path!r} is no file that can be read, but a pipe or a device.")
        begin = file.read(LOCAL.size + len(HEADER))
        if begin[:4] != START or not begin.endswith(HEADER.encode()):
            raise FormatError(f"{path!r} {describe_stranger(begin)}.")
        return begin + file.read()


def describe_stranger(begin: bytes) -> str:
    """What another file is, by how it begins."""
    if not begin:
        return "is empty: pynodes.save did not write it, or it is cut off"
    for magic, what in SIBLINGS.items():
        if begin.startswith(magic):
            return f"was not written by pynodes.save: it is {what}"
    return "was not written by pynodes.save"


def replace_file(path: str, data: bytes) -> None:
    """Write a file; whatever interrupts it, the old one is still there, and whole.

    It is written beside the old one, forced to the disk, and then takes its place.

    Raises
    ------
    OSError
        The folder is not there, or cannot be written to; the disk is full.
    """
    target = os.path.realpath(path)
    beside = f"{target}.{secrets.token_hex(4)}.part"
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(beside)
        raise
    settle_folder(os.path.dirname(target))


def settle_folder(folder: str) -> None:
    """Have the folder remember the new file through a power failure, where a system can be asked to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
