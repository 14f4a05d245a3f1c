"""The graph: nodes by level, value and volatility edges told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes._graph.checks import check_node_exists, check_not_empty
from pynodes._graph.graph import Graph
from pynodes.plotting.drawing import draw_graph
from pynodes.plotting.folding import folded
from pynodes.plotting.overlay import Shown, overlaid
from pynodes.plotting.selection import a_step, one_run

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


@boundary
def plot_graph(
    graph: Graph,
    ax: Axes | None = None,
    *,
    names: bool | None = None,
    fold: bool = False,
    beliefs: Trajectories | None = None,
    step: int = -1,
) -> Axes:
    """Draw a graph, inputs at the bottom, every parent above its children.

    States are circles, inputs squares, constants and regressors diamonds. Value edges are solid,
    volatility edges dashed with an open arrow; strengths other than 1 and functions are written
    beside them.

    Parameters
    ----------
    graph
        The graph.
    ax
        Where to draw; by default new axes in a figure of suitable size.
    names
        Whether to write names and strengths; by default up to 40 nodes.
    fold
        Whether the copies that :meth:`~pynodes.Graph.repeat` made are drawn as one, with their number.
    beliefs
        A run of the graph's network. Beside every node that was kept stands what it believed, mean and
        standard deviation, or observed; its colour is the move from its prediction, in deviations of that.
    step
        The step of the run; negative ones count from its end.

    Returns
    -------
    The axes; nothing is shown or saved.

    Raises
    ------
    GraphError
        A graph without nodes, or without plates that could be folded.
    UnknownNodeError
        Beliefs about a node that the graph does not have.
    FieldError
        A batch of runs.
    InputError
        A step that the run does not have, or beliefs of a graph that is folded.
    """
    check_not_empty(graph.nodes)
    shown: dict[str, Shown] = {}
    if beliefs is not None:
        if fold:
            raise InputError(
                "Copies that are drawn as one do not believe one thing. Leave out fold."
            )
        place = a_step(step, one_run(beliefs))
        for name in beliefs.names:
            check_node_exists(name, graph.nodes)
        shown = {name: overlaid(beliefs, name, place) for name in graph.nodes if name in beliefs}
    graph, copies = folded(graph) if fold else (graph, {})
    return draw_graph(graph, ax, names=names, shown=shown, copies=copies)[0]
