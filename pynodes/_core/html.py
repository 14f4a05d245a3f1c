"""HTML: how things are shown in a notebook, as a small table.

Without colours and widths of its own: those are the page's, so that it is readable in the light and in
the dark.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from pynodes._core.modules import Module, is_traced, short

CAPTION = "text-align:left;white-space:nowrap"

LONGEST = 200
"""Longer cells are cut."""


def table(
    title: str,
    head: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    *,
    more: int = 0,
    notes: Sequence[str] = (),
) -> str:
    """A table under a title; everything is escaped.

    Parameters
    ----------
    title
        What is shown, in a sentence.
    head
        Titles of the columns.
    rows
        Their cells.
    more
        How many rows were left out.
    notes
        What is to be said below it.
    """
    body = "".join(f"<tr>{''.join(cell(value) for value in row)}</tr>" for row in rows)
    rest = f"<p>... and {more} more</p>" if more > 0 else ""
    said = f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""
    if not body:
        return f"<p>{escape(title)}</p>{rest}{said}"
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    return (
        f'<table><caption style="{CAPTION}">{escape(title)}</caption><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table>{rest}{said}"
    )


def cell(value: object) -> str:
    """One cell; a number to four digits, long text cut."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"<td>{escape(text if len(text) <= LONGEST else text[: LONGEST - 3] + '...')}</td>"


def first_sentence(described: type) -> str:
    """What a class is, from the first line of its description."""
    return (described.__doc__ or "").strip().partition("\n")[0].replace("``", "")


SIMPLE = (bool, int, float, str, np.ndarray, np.generic, type(None))
"""Of fields that are neither parameters nor choices, values of these types are shown."""


def module_to_html(module: Module) -> str:
    """A row for each parameter, index and choice."""
    kind = type(module)
    rows = [row for field in dataclasses.fields(module) if (row := describe_field(module, field))]
    title = f"{kind.__name__}: {first_sentence(kind)}"
    return table(title, ("field", "symbol", "value"), rows)


def describe_field(module: Module, field: dataclasses.Field[Any]) -> tuple[str, str, str] | None:
    """Name, symbol and value of a field; None of one that is no concern of a reader."""
    value = getattr(module, field.name)
    declared = any(word in field.metadata for word in ("parameter", "index", "static"))
    if field.name.startswith("_") or not (declared or isinstance(value, SIMPLE)):
        return None
    symbol = field.metadata.get("parameter", {}).get("symbol", "")
    return field.name, symbol, "traced" if is_traced(value) else plainly(value)


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
