"""Page: one HTML document that holds its data, its styles and its scripts."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pynodes._errors import MissingExtraError

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


BOKEH_SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
"""Charts, and the way to make them from JavaScript."""


@cache
def charts() -> tuple[str, str, str]:
    """Bokeh's version, its licence, and its scripts, gzip in base64.

    Raises
    ------
    MissingExtraError
        Bokeh is not installed.
    """
    spec = find_spec("bokeh")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "The explorer draws with bokeh, which is not installed. Install it in a copy of the "
            "repository of pynodes: pip install '.[explore]'"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "server" / "static" / "js"
    scripts = "\n".join((folder / name).read_text(encoding="utf-8") for name in BOKEH_SCRIPTS)
    notice = re.search(r"/\*!(.*?)\*/", scripts, flags=re.DOTALL)
    licence = re.sub(r"^ *\*? ?", "", notice[1].strip(), flags=re.MULTILINE) if notice else ""
    packed = gzip.compress(scripts.encode(), compresslevel=9, mtime=0)
    return version("bokeh"), licence, base64.b64encode(packed).decode("ascii")


class SeriesText:
    """Series of one length, collected for a page.

    Parameters
    ----------
    steps
        Length of every series.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._series: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._series)

    def add(self, values: Any) -> int:
        """Where a series of shape (time,) stands among the others."""
        self._series.append(np.asarray(values))
        return len(self._series) - 1

    def add_parts(self, values: Any) -> dict[str, Any]:
        """Where the series of an array of shape (time, ...) stand, one for each of its numbers."""
        values = np.asarray(values)
        flat = values.reshape(len(values), -1)
        places = [self.add(flat[:, part]) for part in range(flat.shape[1])]
        return {"series": places, "shape": list(values.shape[1:])}

    @property
    def kind(self) -> str:
        """``"float32"`` if that holds every number just so, else ``"float64"``."""
        small = all(np.can_cast(series.dtype, np.float32, "safe") for series in self._series)
        return "float32" if small else "float64"

    def packed(self) -> str:
        """All series, one after another, bit for bit: bytes of equal rank together, gzip, base64.

        The leading bytes of neighbouring numbers are much alike, and compress well side by side.
        """
        little = np.dtype(self.kind).newbyteorder("<")
        whole = np.zeros((len(self._series), self.steps), dtype=little)
        for place, series in enumerate(self._series):
            whole[place] = series
        ranks = whole.reshape(-1).view(np.uint8).reshape(-1, whole.itemsize).T
        packed = gzip.compress(np.ascontiguousarray(ranks).tobytes(), compresslevel=9, mtime=0)
        return base64.b64encode(packed).decode("ascii")
