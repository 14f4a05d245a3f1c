"""Page: one HTML document that holds its data, its styles and its scripts."""

from __future__ import annotations

import html
import json
from functools import cache
from importlib.resources import files
from typing import Any

from pynodes.explorer.library import charts

SCRIPTS = (
    "unpacking.js",
    "values.js",
    "theme.js",
    "graph.js",
    "thinning.js",
    "chart.js",
    "series.js",
    "node.js",
    "trajectories.js",
    "time.js",
    "picture.js",
    "start.js",
)
"""In the order in which they are read; each names what it offers in ``explorer``."""


@cache
def part(name: str) -> str:
    """One of the files that the page is made of."""
    return (files("pynodes.explorer") / "page" / name).read_text(encoding="utf-8")


def page(run: dict[str, Any], numbers: str) -> str:
    """The whole document."""
    version, licence, library = charts()
    held = {
        "title": html.escape(run["title"]),
        "styles": part("style.css"),
        "run": as_json(run | {"bokeh": version}),
        "numbers": numbers,
        "licence": html.escape(licence),
        "library": library,
        "scripts": "\n".join(part(name) for name in SCRIPTS),
    }
    pieces = part("page.html").split("[[")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("]]")
        filled += [held[name], rest]
    return "".join(filled)


def as_json(run: dict[str, Any]) -> str:
    """JSON that may stand inside a script."""
    return json.dumps(run, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
