"""Explorer: the page of one run, written to a file or shown in a notebook."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import FieldError, InputError
from pynodes._keeping.container import replace_file
from pynodes._progress import Progress
from pynodes.explorer.page import SeriesText, page
from pynodes.explorer.run import describe_trajectories

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

HEIGHT = 820
"""Pixels of the page inside a notebook."""

MOST = 6_000_000
"""Numbers of one page: more would be a file of some fifty megabytes, which browsers open unwillingly."""


class Explorer:
    """A run as one HTML page, which needs nothing but a browser.

    Shown in a notebook, it is the page. :meth:`save` writes it.

    Attributes
    ----------
    title
        Its title.
    html
        The page.
    """

    def __init__(self, title: str, page: str) -> None:
        self.title, self.html = title, page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page; a file of that name is replaced when the new one is whole.

        Raises
        ------
        OSError
            The folder is not there, or cannot be written to.
        """
        replace_file(os.fspath(path), self.html.encode())

    def _repr_html_(self) -> str:
        name = html.escape(self.title, quote=True)
        return (
            f'<iframe title="{name}" srcdoc="{html.escape(self.html, quote=True)}" '
            f'style="width:100%;height:{HEIGHT}px;border:0" allow="clipboard-write"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Explorer({self.title!r}, {len(self.html) / 1e6:.2g} MB)"


def make_explorer(
    beliefs: Trajectories,
    path: str | os.PathLike[str] | None,
    nodes: Iterable[str] | None,
    title: str | None,
    *,
    time: Any = None,
    time_name: str | None = None,
    responses: Mapping[str, Any] | None = None,
) -> Explorer:
    """The explorer of a run; see :meth:`Trajectories.explore`."""
    shape = np.shape(beliefs.status.alive)
    if len(shape) != 1:
        raise FieldError(
            "The explorer shows one run over time. Index a batch first, with jax.tree.map(lambda x: x[0], "
            "beliefs); of a single step there is nothing to explore."
        )
    names = chosen(beliefs, nodes)
    if title is not None and not isinstance(title, str):
        raise InputError(f"title must be a text, not {title!r}.")
    if time_name is not None and not isinstance(time_name, str):
        raise InputError(f"time_name must be a text, such as 'time (s)', not {time_name!r}.")
    when = None if time is None else read_entries("time", time, shape[0])
    done = {
        name: read_entries(f"responses[{name!r}]", values, shape[0]).astype(float)
        for name, values in (responses or {}).items()
    }
    check_size(beliefs, names, shape[0])
    said = title or f"{len(names)} node{'s'[: len(names) > 1]} over {shape[0]:,} steps"
    with Progress(None, "making the explorer's page"):
        numbers = SeriesText(shape[0])
        run = describe_trajectories(beliefs, names, numbers, when, done) | {"title": said}
        run["time_name"] = time_name or ("step" if run["time"] is None else "time")
        run |= {"count": len(numbers), "number": numbers.kind}
        found = Explorer(said, page(run, numbers.packed()))
    if path is not None:
        found.save(path)
    return found


def read_entries(name: str, values: Any, steps: int) -> np.ndarray:
    """A series of the user's, an entry per step."""
    array = np.asarray(values)
    if array.shape != (steps,) or array.dtype.kind not in "biufM":
        raise InputError(
            f"{name} must have shape ({steps},), a number or a date per step, not shape {array.shape} of "
            f"{array.dtype}."
        )
    return array


def chosen(beliefs: Trajectories, nodes: Iterable[str] | None) -> list[str]:
    """The nodes to show; by default all whose beliefs were kept."""
    names = list(
        dict.fromkeys(
            [nodes] if isinstance(nodes, str) else beliefs.names if nodes is None else nodes
        )
    )
    for name in names:
        beliefs[name]
    if not names:
        raise InputError("There is no node to explore.")
    return names


def check_size(beliefs: Trajectories, names: list[str], steps: int) -> None:
    """A page must not become too large to be opened."""
    each = sum(
        np.size(getattr(beliefs[name], f)) // steps for name in names for f in beliefs[name].fields
    )
    if each * steps > MOST:
        raise InputError(
            f"{len(names)} nodes with {each:,} numbers at each of {steps:,} steps are too many for one page, "
            f"which holds {MOST:,} numbers. Name some nodes, as in explore(nodes=[{names[0]!r}]), or filter "
            "a shorter stretch."
        )
