"""What a function reads besides its arguments, so that a compiled program can tell when that has changed.

JAX compiles a function once and takes what it reads from its module, its closure and its defaults as it is
then. Here these are read again, as plain values that can be compared and hashed.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import types
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

DEEPEST = 4
"""Containers within containers are looked into so far."""

WRITING = {"append", "add", "extend", "insert", "pop", "setdefault", "update", "clear", "remove"}
"""Methods by which a function keeps a record in a container, which it then does not go by."""

Besides = tuple[Any, ...]
"""Names and what they stand for, as plain values."""


def read_besides(function: Any) -> Besides:
    """What a function, a method, or all methods of a class read besides their arguments.

    Numbers, texts, arrays, containers of these, attributes of an object that is called, and functions of the
    same module, whose own are read too.
    Anything else, such as modules, is taken not to change.
    """
    return tuple(sorted(dict(walk_besides(function, set())).items()))


def find_own_code(module: Any) -> Iterator[Any]:
    """Functions in the fields of a value, and its class if it is of the user's."""
    if not type(module).__module__.startswith("pynodes."):
        yield type(module)
    for field in dataclasses.fields(module) if dataclasses.is_dataclass(module) else ():
        value = getattr(module, field.name, None)
        for one in value if isinstance(value, tuple) else (value,):
            home = getattr(one, "__module__", None) or ""
            if callable(one) and not home.startswith(("pynodes.", "jax", "numpy")):
                yield one


def walk_besides(function: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """The same one by one, each under a name of its own."""
    if isinstance(function, functools.partial):
        yield "partial", freeze((function.args, function.keywords))
        function = function.func
    if isinstance(function, type):
        for name, member in list_methods(function):
            for key, value in walk_besides(member, seen):
                yield f"{name}.{key}", value
        return
    function = getattr(function, "__func__", function)
    call = type(function).__call__ if callable(function) else None
    if isinstance(call, types.FunctionType):  # an object that can be called: what it holds, too
        yield "attributes", freeze(getattr(function, "__dict__", {}))
        function = call
    if not isinstance(function, types.FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    writes, counted = WRITING & collect_names(function.__code__), assigned_names(function.__code__)
    for name, value in named_values(function):
        if name.removesuffix(" (closure)") in counted:
            continue
        if writes and isinstance(value, list | dict | set):
            continue
        if isinstance(value, types.FunctionType):
            if value.__module__ == function.__module__:
                for key, inner in walk_besides(value, seen):
                    yield f"{name}.{key}", inner
        elif (known := freeze(value)) is not None:
            yield name, known


def list_methods(kind: type) -> Iterator[tuple[str, types.FunctionType]]:
    """The methods and properties of a class, and of classes above it in the same module."""
    for owner in kind.__mro__:
        for name, member in vars(owner).items() if owner.__module__ == kind.__module__ else ():
            inner = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if isinstance(inner, types.FunctionType) and inner.__module__ == kind.__module__:
                yield name, inner


def named_values(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What the names in a function stand for: of its module, its closure and its defaults."""
    for name in global_names(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield f"{name} (closure)", cell.cell_contents
        except ValueError:  # not yet bound, as a function that calls itself while it is made
            continue
    for place, value in enumerate(function.__defaults__ or ()):
        yield f"default {place}", value
    yield from (function.__kwdefaults__ or {}).items()


@functools.cache
def collect_names(code: types.CodeType) -> set[str]:
    """The names in a function and in functions within it, attributes among them."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*map(collect_names, inner))


@functools.cache
def global_names(code: types.CodeType) -> frozenset[str]:
    """The names that a function looks up in its module: no attributes, which may be called the same."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    looks = ("LOAD_GLOBAL", "LOAD_NAME")
    own = {step.argval for step in dis.get_instructions(code) if step.opname in looks}
    return frozenset(own).union(*map(global_names, inner))


@functools.cache
def assigned_names(code: types.CodeType) -> frozenset[str]:
    """The names outside of a function to which it assigns, as a counter: those it does not go by."""
    inner = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    own = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname == "STORE_GLOBAL"
        or (step.opname == "STORE_DEREF" and step.argval in code.co_freevars)
    }
    return frozenset(own).union(*map(assigned_names, inner))


def freeze(value: Any, depth: int = 0) -> Any:
    """A value as something to compare and to hash; None of what is taken not to change."""
    if isinstance(value, bool | int | float | complex | str | bytes):
        return type(value).__name__, repr(value)
    if isinstance(value, np.ndarray | np.generic | jax.Array) and not isinstance(value, Tracer):
        array = np.asarray(value)
        if array.dtype.hasobject:
            return None
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        return str(array.dtype), array.shape, digest
    if depth >= DEEPEST:
        return None
    if isinstance(value, Mapping):
        return "mapping", *((str(name), freeze(one, depth + 1)) for name, one in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, *(freeze(one, depth + 1) for one in value)
    return None
