"""Records: values of many types as plain ones and arrays, and back, as their classes declare them.

A dataclass is written as an object of its fields. What a field may be is what the class says it is: nothing
in a file chooses what is made of it, and what does not fit is refused where it stands.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from pynodes._core.modules import is_traced
from pynodes._errors import FormatError, format_value, nearest, quote

NUMBERS = "biuf"
"""Kinds of numbers that an array in a file may hold: truth values, whole and real ones."""

LARGEST = 2**63
"""From here on whole numbers are none that arrays could hold."""

SCALARS = (bool, int, float, str)
"""Plain values that are written as they are."""


@dataclasses.dataclass(frozen=True)
class Keeper:
    """How things of a class that is no plain record are written and read.

    Attributes
    ----------
    write
        Makes plain values of a thing.
    read
        Makes a thing of plain values.
    """

    write: Callable[[Any, FileWriter], Any]
    read: Callable[[Any, FileReader], Any]


class Catalogue:
    """The classes of which things can be kept.

    Parameters
    ----------
    keepers
        How things of classes with a way of their own are written and read.
    records
        Classes that are written field by field.
    parts
        Classes that are, too, but only inside of others.
    checks
        What things of a class must be, besides having the fields that it declares: functions that raise.
    """

    def __init__(
        self,
        keepers: Mapping[type, Keeper],
        records: Iterable[type] = (),
        parts: Iterable[type] = (),
        checks: Mapping[type, Callable[[Any], None]] | None = None,
    ) -> None:
        self.keepers, self.records, self.checks = dict(keepers), tuple(records), dict(checks or {})
        self.fieldwise = {record.__name__: record for record in (*self.records, *parts)}

    @property
    def names(self) -> list[str]:
        """Names of what can be kept by itself."""
        return [cls.__name__ for cls in (*self.keepers, *self.records)]

    def find_keeper(self, cls: type) -> Keeper | None:
        """The way of a class, or of one that it is a subclass of; None without one."""
        return next((self.keepers[base] for base in cls.__mro__ if base in self.keepers), None)

    def list_records(self, cls: type) -> dict[str, type]:
        """The records that are of a class, by name."""
        return {name: record for name, record in self.fieldwise.items() if issubclass(record, cls)}


@dataclasses.dataclass(frozen=True)
class FileWriter:
    """Makes plain values of things, and gathers their arrays.

    Attributes
    ----------
    catalogue
        What can be kept.
    arrays
        The arrays so far; the same one twice is written once.
    """

    catalogue: Catalogue
    arrays: list[np.ndarray] = dataclasses.field(default_factory=list)
    places: dict[int, tuple[Any, int]] = dataclasses.field(default_factory=dict)

    def array(self, values: Any, where: str) -> dict[str, int]:
        """An array, by its number.

        Raises
        ------
        FormatError
            Traced numbers, whose values are not known yet; or what is no number.
        """
        if id(values) in self.places:
            return {"array": self.places[id(values)][1]}
        refuse_traced(values, where)
        array = np.asarray(values)
        if array.dtype.kind not in NUMBERS or (
            array.dtype.itemsize == 2 and array.dtype.kind == "f"
        ):
            raise FormatError(
                f"{where} holds {array.dtype}, which is no number that a file can hold."
            )
        self.arrays.append(array)
        self.places[id(values)] = values, len(self.arrays) - 1
        return {"array": len(self.arrays) - 1}

    def value(self, thing: Any, hint: Any, where: str) -> Any:
        """Plain values of a thing that is declared as something.

        Raises
        ------
        FormatError
            Something else, or what no file can hold.
        """
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if allows_none(hint):
            return None if thing is None else self.value(thing, remove_none(hint), where)
        if declares_array(hint):
            return self.array(thing, where)
        if declares_scalar(hint) and hasattr(thing, "dtype"):
            refuse_traced(thing, where)
            return np.asarray(thing).item()
        if origin in (tuple, list):
            parts = [inside[0]] * len(thing) if inside[-1] is ... or origin is list else inside
            return [
                self.value(*each, f"{where}[{i}]")
                for i, each in enumerate(zip(thing, parts, strict=True))
            ]
        if origin is dict:
            return {
                name: self.value(each, inside[1], f"{where}[{name!r}]")
                for name, each in thing.items()
            }
        return (
            self.plain(thing, where)
            if hint is Any or declares_scalar(hint)
            else self.record(thing, hint, where)
        )

    def record(self, thing: Any, hint: type, where: str) -> Any:
        """A thing of a class, in its own way or field by field."""
        keeper = self.catalogue.find_keeper(type(thing))
        if keeper is not None:
            return keeper.write(thing, self)
        cls = type(thing)
        if self.catalogue.list_records(hint).get(cls.__name__) is not cls:
            raise FormatError(
                f"{where} is {format_value(thing)}, which cannot be written to a file."
            )
        said = {
            name: self.value(getattr(thing, name), of, f"{cls.__name__}.{name}")
            for name, of in list_fields(cls).items()
        }
        return {"kind": cls.__name__} | said if inspect.isabstract(hint) else said

    def plain(self, thing: Any, where: str) -> Any:
        """A value of any type that a file can hold.

        Raises
        ------
        FormatError
            One of another type.
        """
        if isinstance(thing, np.datetime64 | np.timedelta64):
            return {"time": [thing.dtype.str[1:], int(thing.astype(np.int64))]}
        if isinstance(thing, np.generic):
            thing = thing.item()
        if thing is None or type(thing) in SCALARS:
            return thing
        if isinstance(thing, datetime.date):
            kind, text = "date" if type(thing) is datetime.date else "datetime", thing.isoformat()
            if read_time(kind, text, where) == thing:
                return {kind: text}
        if isinstance(thing, tuple | list):
            found = [self.plain(each, f"{where}[{i}]") for i, each in enumerate(thing)]
            return {"tuple": found} if isinstance(thing, tuple) else found
        if isinstance(thing, Mapping) and all(type(name) is str for name in thing):
            return {"map": {n: self.plain(each, f"{where}[{n!r}]") for n, each in thing.items()}}
        if isinstance(thing, np.ndarray | jax.Array) and thing.dtype.kind in NUMBERS:
            return self.array(thing, where)
        raise FormatError(f"{where} is {format_value(thing)}, which cannot be written to a file.")


@dataclasses.dataclass(frozen=True)
class FileReader:
    """Makes things of plain values and arrays again.

    Attributes
    ----------
    catalogue
        What can be kept.
    arrays
        The arrays of the file.
    own
        Classes and objects of the user's own that a file may name.
    functions
        Functions of the user's own, by name.
    shared
        What is made once for all that is in the file.
    """

    catalogue: Catalogue
    arrays: list[np.ndarray]
    own: tuple[Any, ...] = ()
    functions: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    shared: dict[str, Any] = dataclasses.field(default_factory=dict)

    def array(self, said: Any, where: str) -> np.ndarray:
        """An array by its number.

        Raises
        ------
        FormatError
            It says none.
        """
        number = said.get("array") if isinstance(said, dict) and len(said) == 1 else None
        if type(number) is not int or not 0 <= number < len(self.arrays):
            raise FormatError(f"{where} is no array of this file: {format_value(said)}.")
        return self.arrays[number]

    def value(self, said: Any, hint: Any, where: str) -> Any:
        """A thing that is declared as something, from plain values.

        Raises
        ------
        FormatError
            Plain values of something else.
        """
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if allows_none(hint):
            return None if said is None else self.value(said, remove_none(hint), where)
        if declares_array(hint):
            return self.array(said, where)
        if declares_scalar(hint):
            return expect(said, hint, where)
        if origin in (tuple, list):
            expect(said, list, where)
            parts = [inside[0]] * len(said) if inside[-1] is ... or origin is list else inside
            if len(parts) != len(said):
                raise FormatError(f"{where} has {len(said)} parts instead of {len(parts)}.")
            return origin(
                self.value(*each, f"{where}[{i}]")
                for i, each in enumerate(zip(said, parts, strict=True))
            )
        if origin is dict:
            expect(said, dict, where)
            return {
                name: self.value(each, inside[1], f"{where}[{name!r}]")
                for name, each in said.items()
            }
        return self.plain(said, where) if hint is Any else self.record(said, hint, where)

    def record(self, said: Any, hint: type, where: str) -> Any:
        """A thing of a class, in its own way or field by field."""
        keeper = self.catalogue.find_keeper(hint)
        if keeper is not None:
            return keeper.read(said, self)
        expect(said, dict, where)
        cls = hint
        if inspect.isabstract(hint):
            known = self.catalogue.list_records(hint)
            kind = said.get("kind")
            if not isinstance(kind, str) or kind not in known:
                raise FormatError(
                    f"{where} is of kind {format_value(kind)}. {nearest(kind, known)}"
                )
            cls, said = known[kind], {name: each for name, each in said.items() if name != "kind"}
        fields = list_fields(cls)
        if said.keys() != fields.keys():
            differ = sorted(said.keys() ^ fields.keys())
            raise FormatError(f"{cls.__name__} in this file and here differ in {quote(differ)}.")
        found = cls(
            **{
                name: self.value(said[name], of, f"{cls.__name__}.{name}")
                for name, of in fields.items()
            }
        )
        self.catalogue.checks.get(cls, lambda thing: None)(found)
        return found

    def plain(self, said: Any, where: str) -> Any:
        """A value of any type that a file can hold."""
        if said is None or type(said) in SCALARS:
            return said
        if isinstance(said, list):
            return [self.plain(each, where) for each in said]
        if isinstance(said, dict) and len(said) == 1:
            ((kind, inside),) = said.items()
            if kind == "tuple" and isinstance(inside, list):
                return tuple(self.plain(each, where) for each in inside)
            if kind == "map" and isinstance(inside, dict):
                return {name: self.plain(each, where) for name, each in inside.items()}
            if kind == "array":
                return self.array(said, where)
            if kind in TIMES:
                return read_time(kind, inside, where)
        raise FormatError(f"{where} is {format_value(said)}, which stands for nothing.")


TIMES: dict[str, Callable[[Any], Any]] = {
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": lambda said: np.array(said[1], np.int64).view(read_time_type(said[0]))[()],
}
"""What reads a date, a date with a time, and a time as NumPy has them."""


def read_time(kind: str, said: Any, where: str) -> Any:
    """A date or a time."""
    try:
        return TIMES[kind](said)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise FormatError(f"{where} is no {kind}: {format_value(said)}.") from error


def read_time_type(said: Any) -> np.dtype:
    """The type of an array of times, such as ``"M8[ns]"``.

    Raises
    ------
    ValueError
        Another type.
    """
    kind = np.dtype(said) if isinstance(said, str) and said[:3] in ("M8[", "m8[") else None
    if kind is None:
        raise ValueError(f"{said!r} is no type of times")
    return kind


def expect(said: Any, hint: Any, where: str) -> Any:
    """A plain value of a type, or of one of several; a whole number will do for a real one.

    Raises
    ------
    FormatError
        One of another type.
    """
    known: tuple[type, ...] = typing.get_args(hint) or (hint,)
    if float in known and int not in known and type(said) is int:
        return float(said)
    if type(said) not in known or (type(said) is int and abs(said) >= LARGEST):
        words: dict[type, str] = {
            dict: "names and values",
            list: "a list",
            str: "a text",
            bool: "true or false",
        }
        wanted = " or ".join(words.get(each, each.__name__) for each in known)
        raise FormatError(f"{where} should be {wanted}, not {format_value(said)}.")
    return said


@functools.cache
def list_fields(cls: type) -> dict[str, Any]:
    """What the fields of a class are declared as, by name."""
    hints = typing.get_type_hints(cls)
    names = (
        [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else cls._fields
    )
    return {name: hints[name] for name in names if name != "_class"}


def allows_none(hint: Any) -> bool:
    """Whether something may be None."""
    return isinstance(hint, types.UnionType) and types.NoneType in typing.get_args(hint)


def remove_none(hint: Any) -> Any:
    """What something is that may be None, if it is not."""
    return functools.reduce(
        operator.or_, [e for e in typing.get_args(hint) if e is not types.NoneType]
    )


def declares_array(hint: Any) -> bool:
    """Whether something is declared as an array."""
    several = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return any(each in (np.ndarray, jax.Array) for each in several)


def declares_scalar(hint: Any) -> bool:
    """Whether something is declared as a plain value, or one of several sorts of them."""
    several = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return all(each in SCALARS for each in several)


def refuse_traced(tree: Any, what: str) -> None:
    """Numbers are known when they are written down.

    Raises
    ------
    FormatError
        They are traced.
    """
    if is_traced(tree):
        raise FormatError(
            f"{what} is being traced: its numbers are not known yet. Return it from jax.jit, jax.vmap or "
            "jax.grad, and save it outside."
        )
