"""Animation: belief propagation through a graph, predictions down, observations in, updates up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
from matplotlib import animation
from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._compiler.groups import levels_of
from pynodes._errors import InputError, MissingExtraError
from pynodes._graph.graph import Graph
from pynodes.plotting import style
from pynodes.plotting.densities import which_steps
from pynodes.plotting.graph import Drawing, draw_graph
from pynodes.plotting.marks import FITS, overlay_beliefs, wrap_name
from pynodes.plotting.selection import one_run

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

WRITERS = {".gif": "pillow", ".mp4": "ffmpeg"}
"""Which of matplotlib's writers makes which file."""


class Picture(NamedTuple):
    """One picture: the step, what happens, and to which level."""

    step: int
    phase: str
    level: int


SAID = {
    "predict": "predictions go down",
    "observe": "observations come in",
    "update": "errors go up, beliefs are updated",
}


@boundary
def animate_beliefs(
    beliefs: Trajectories,
    path: str | Path,
    steps: Sequence[int] | int = 5,
    *,
    seconds: float = 0.8,
    dpi: float = 100.0,
    ax: Axes | None = None,
) -> Path:
    """Write a film of belief propagation: in every step predictions run down the graph and updates up.

    Level by level the nodes that are updated have a thick outline, and the edges along which messages
    arrive are thick. Beside a node stands its prediction until it is updated, then its belief; colours are
    as in :func:`plot_graph`.

    Parameters
    ----------
    beliefs
        One run, with all nodes that shall show what they believe.
    path
        The file: ``.gif``, or ``.mp4`` where ffmpeg is installed.
    steps
        Which steps; or how many, from the beginning.
    seconds
        How long each picture is shown.
    dpi
        Dots per inch.
    ax
        Where to draw; its figure is left with the last picture. By default a new figure, closed afterwards.

    Returns
    -------
    The path.

    Raises
    ------
    InputError
        A file of another format, steps that the run does not have, or a time that is not positive.
    FieldError
        A batch of runs.
    MissingExtraError
        The program that writes such files is not installed.
    """
    path = Path(path)
    length = one_run(beliefs)
    writer = writer_for(path, seconds)
    rows = list(range(min(steps, length))) if isinstance(steps, int) and steps > 0 else steps
    rows = which_steps(rows, length)
    graph, own = beliefs.labels.graph, ax is None
    levels = levels_of(graph)
    with style.rules():
        shown = {name: overlay_beliefs(beliefs, name, rows[-1]) for name in graph.nodes}
        ax, drawing = draw_graph(graph, ax, names=None, shown=shown, copies={})
        ax.set_title(" ", loc="left")
        figure = ax.get_figure()
        try:
            with writer.saving(figure, str(path), dpi):  # type: ignore[arg-type]
                for moment in moments(rows, max(levels.values())):
                    show(ax, drawing, beliefs, levels, moment)
                    writer.grab_frame()
        finally:
            if own:
                plt.close(figure)  # type: ignore[arg-type]
    return path


def writer_for(path: Path, seconds: float) -> animation.AbstractMovieWriter:
    """What writes such a file."""
    name = WRITERS.get(path.suffix.lower())
    if name is None:
        raise InputError(f"A film is written to a .gif or a .mp4, not to {path.name!r}.")
    if not seconds > 0:
        raise InputError(f"seconds must be positive, not {seconds!r}.")
    if not animation.writers.is_available(name):
        raise MissingExtraError(
            f"{path.suffix} needs {name}, which is not installed. Install it, or write a .gif."
        )
    return animation.writers[name](fps=1 / seconds)  # type: ignore[arg-type]


def moments(rows: Sequence[int], top: int) -> Iterator[Picture]:
    """The pictures of a film, in order."""
    for step in rows:
        for level in range(top, -1, -1):
            yield Picture(step, "predict", level)
        yield Picture(step, "observe", 0)
        for level in range(1, top + 1):
            yield Picture(step, "update", level)


def show(
    ax: Axes, drawing: Drawing, beliefs: Trajectories, levels: dict[str, int], moment: Picture
) -> None:
    """Make the drawing into one picture."""
    graph = beliefs.labels.graph
    active = {name for name in graph.nodes if in_turn(graph, name, levels[name], moment)}
    for name, mark in drawing.nodes.items():
        done = is_after_update(graph, name, levels[name], moment)
        now = overlay_beliefs(beliefs, name, moment.step, predicted=not done)
        waiting = moment.phase == "predict" and levels[name] < moment.level
        mark.set_facecolor("white" if waiting else now.colour)
        mark.set_linewidth(2.6 if name in active else 1.0)
        if name in drawing.beside:
            lead = [wrap_name(name)] if len(name) > FITS else []
            words = [] if waiting else [now.words]
            drawing.beside[name].set_text("\n".join([*lead, *words]))
    listener = 1 if moment.phase == "predict" else 0
    for edge, arrow in zip(graph.edges, drawing.edges, strict=True):
        loud = moment.phase != "observe" and edge[listener] in active
        arrow.set_linewidth(3.0 if loud else 1.0)
        arrow.set_alpha(1.0 if loud else 0.35)
    ax.set_title(f"step {moment.step}: {SAID[moment.phase]}", loc="left")


def in_turn(graph: Graph, name: str, level: int, moment: Picture) -> bool:
    """Whether a picture is about a node."""
    node = graph.nodes[name]
    if moment.phase == "observe":
        return node.observable or bool(node.given)
    learning = moment.phase == "predict" or (node.learns and not node.observable)
    return level == moment.level and learning


def is_after_update(graph: Graph, name: str, level: int, moment: Picture) -> bool:
    """Whether a node has taken in what there is to take in at this step."""
    if moment.phase == "predict":
        return False
    return graph.nodes[name].observable or level <= moment.level
