"""A module in a notebook: what it is, its parameters and its choices."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pynodes._core.modules import Module, short
from pynodes._core.tracing import traced
from pynodes._html import first_sentence, table

SIMPLE = (bool, int, float, str, np.ndarray, np.generic, type(None))
"""Of fields that are neither parameters nor choices, values of these types are shown."""


def module_to_html(module: Module) -> str:
    """A row for each parameter, index and choice."""
    kind = type(module)
    rows = [row for field in dataclasses.fields(module) if (row := told(module, field))]
    title = f"{kind.__name__}: {first_sentence(kind)}"
    return table(title, ("field", "symbol", "value"), rows)


def told(module: Module, field: dataclasses.Field[Any]) -> tuple[str, str, str] | None:
    """Name, symbol and value of a field; None of one that is no concern of a reader."""
    value = getattr(module, field.name)
    declared = any(word in field.metadata for word in ("parameter", "index", "static"))
    if field.name.startswith("_") or not (declared or isinstance(value, SIMPLE)):
        return None
    symbol = field.metadata.get("parameter", {}).get("symbol", "")
    return field.name, symbol, "traced" if traced(value) else plainly(value)


def plainly(value: Any) -> str:
    """A value in few digits."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float | np.generic) or hasattr(value, "dtype"):
        array = np.asarray(value)
        if array.ndim == 0:
            return f"{array.item():.6g}"
        return np.array2string(array, precision=4, threshold=12, separator=", ")
    return short(value)
