"""HTML: how results are shown in a notebook, as a small table without colours of its own.

Text, lines and background are those of the page, so that it is readable in the light and in the dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

CELL = "text-align:left;padding:0.15em 0.8em 0.15em 0;border:0;background:none;vertical-align:top"
HEAD = f"{CELL};font-weight:600;border-bottom:1px solid;white-space:nowrap"
CAPTION = "caption-side:top;text-align:left;padding:0.2em 0;color:inherit"


def table(
    title: str,
    head: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
    *,
    said: str = "",
    more: int = 0,
    what: str = "",
) -> str:
    """A table with a title and a sentence above it; everything is escaped.

    Parameters
    ----------
    title
        What is shown.
    head
        Titles of the columns.
    rows
        Their cells.
    said
        What is to be said of it in a sentence.
    more
        How many rows were left out.
    what
        What a row is, in the plural; for the sentence about those that were left out.
    """
    first = f"<strong>{escape(title)}</strong>"
    caption = f"{first} &nbsp; {escape(said)}" if said else first
    titles = "".join(f'<th scope="col" style="{HEAD}">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
    if not body:
        return f"<div>{caption}</div>"
    rest = f"<div>... and {more} more{' ' + escape(what) if what else ''}</div>" if more > 0 else ""
    return (
        f'<table style="border-collapse:collapse;margin:0.3em 0"><caption style="{CAPTION}">{caption}'
        f"</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>{rest}"
    )


def cells(row: Sequence[object]) -> str:
    """The cells of a row."""
    return "".join(f'<td style="{CELL}">{escape(str(cell))}</td>' for cell in row)


def first_line(described: object) -> str:
    """The first sentence of what is said of a class."""
    return (type(described).__doc__ or "").strip().partition("\n")[0]
