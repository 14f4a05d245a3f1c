"""Node detail: everything that one node believed, and what it heard from each parent and child."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from pynodes._boundary import boundary
from pynodes._errors import FieldError
from pynodes._geometry import thin
from pynodes._graph.edges import name_edges
from pynodes.plotting import style
from pynodes.plotting.beliefs import finish_figure, warn_below
from pynodes.plotting.node_panel import NAMED, draw_node, marker_of_line
from pynodes.plotting.panels import Given, Panels, arrange_panels
from pynodes.plotting.selection import anything_seen, check_mass, one_run, shade, times

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

ERRORS = ("value_error", "volatility_error", "effective_precision", "surprise")
"""Fields that have a panel of their own, where a node has them."""

WORDS = {"effective_precision": "effective\nprecision", "value_error": "value\nerror"} | {
    "volatility_error": "volatility\nerror",
    "learning rate": "learning\nrate",
    "from parents": "from\nparents",
    "from children": "from\nchildren",
    "correlation": "correlation\nafter the step",
}
"""Labels that do not fit beside a panel on one line."""

ABOVE = 3
"""Lines that are named above their panel; more are named beside it."""

Lines = dict[str, np.ndarray]


@boundary
def plot_node(
    beliefs: Trajectories,
    name: str,
    *,
    time: Any = None,
    credible: float = 0.9,
    messages: bool = True,
    axes: Given = None,
) -> Panels:
    """Draw one node in detail.

    Its belief, and where it has them its precision, its prediction errors, its effective precision and its
    surprise; the learning rates of the edges to its children; what every parent added to its
    prediction, in the units of the inlet that it feeds; and how far every child pulled its mean. Pulls add
    up to the move of the mean with value children only; see :class:`~pynodes.Trajectories.messages`. Under
    :class:`~pynodes.Structured` also how it is correlated with every parent and child on which edge beliefs
    are kept conditional.

    Parameters
    ----------
    beliefs
        One run, as ``network.filter`` returns it.
    name
        The node.
    time
        What to write on the horizontal axis, of shape (time,); by default the step.
    credible
        Probability of the band, between 0 and 1.
    messages
        Whether to show what came from parents and children, for which the run is made again.
    axes
        Where to draw: axes by the panels' names, or in their order; by default those of a new figure.

    Returns
    -------
    The panels by what they show; nothing is shown or saved.

    Raises
    ------
    FieldError
        A batch of runs, a node whose beliefs were not kept, or, for messages, beliefs that ``network.filter``
        did not return just so.
    InputError
        Times of another length, or a band of no probability.
    UnknownNodeError
        A name that the network does not have.
    """
    axis = times(time, one_run(beliefs))
    check_mass("credible", credible)
    shown = details(beliefs, name) | (collect_pulls(beliefs, name) if messages else {})
    with style.rules():
        size = (style.WIDTH, 1.5 + 0.95 * len(shown))
        panels = arrange_panels(
            ["belief", *shown],
            axes,
            size=size,
            sharex=True,
            height_ratios=[1.6, *(1.0 for _ in shown)],
        )
        note = draw_node(panels["belief"], beliefs, name, axis, credible)
        panels["belief"].set_title(note, loc="right", color=style.GREY, pad=2)
        unseen = ~anything_seen(beliefs)
        if not beliefs.labels.graph.nodes[name].observable:
            shade(panels["belief"], axis, unseen)
        for what, lines in shown.items():
            draw_lines(panels[what], axis, lines)
            shade(panels[what], axis, unseen)
            panels[what].set_ylabel(WORDS.get(what, what))
        panels["belief"].set_ylabel(name)
        if "precision" in panels:
            panels["precision"].set_ylabel("precision\n(log scale)")
            panels["precision"].set_yscale("log")
            panels["precision"].yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            panels["precision"].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panels["precision"].yaxis.set_minor_locator(NullLocator())
        finish_figure(panels, "step" if time is None else "time")
        warn_below(panels, axis, beliefs)
    return panels


def details(beliefs: Trajectories, name: str) -> dict[str, Lines]:
    """What the node believed besides its mean, by panel and line."""
    node = beliefs[name]
    fields = set(node.fields)
    found: dict[str, Lines] = {}
    if {"precision", "predicted_precision"} <= fields:
        found["precision"] = {
            "posterior": np.asarray(node.precision),
            "predicted": np.asarray(node.predicted_precision),
        }
        wide = any(np.ndim(part) > 1 for part in found["precision"].values())
        positive = all(np.all(part > 0) for part in found["precision"].values())
        if wide or not positive or not np.isfinite(found["precision"]["posterior"]).any():
            del found["precision"]
    for field in ERRORS:
        if field in fields:
            found[field] = {"": np.asarray(getattr(node, field))}
    rates = collect_learning_rates(beliefs, name)
    return found | ({"learning rate": rates} if rates else {})


def collect_learning_rates(beliefs: Trajectories, name: str) -> Lines:
    """Learning rates of the edges to the node's children, where they are defined and beliefs were kept."""
    found: Lines = {}
    if beliefs.couplings is None:
        return found
    edges = beliefs.labels.graph.edges
    for edge, (parent, child, _) in zip(name_edges(edges), edges, strict=True):
        if parent == name and child in beliefs:
            try:
                rate = np.asarray(beliefs.edge(edge).learning_rate)
            except FieldError:  # of a coupling for which no rate is defined
                continue
            # What was not observed taught nothing, at whatever rate.
            seen = beliefs[child].observed if beliefs.labels.graph.nodes[child].observable else True
            found[f"by {child}"] = np.where(np.asarray(seen), rate, np.nan)
    return found


def collect_pulls(beliefs: Trajectories, name: str) -> dict[str, Lines]:
    """What every parent added to the prediction, how far every child pulled the mean, and correlations."""
    told: Lines = {}
    heard: Lines = {}
    joined: Lines = {}
    sent = beliefs.messages()
    edges = beliefs.labels.graph.edges
    for edge, (parent, child, coupling) in zip(name_edges(edges), edges, strict=True):
        if child == name:
            told[f"{parent}: {coupling.inlet.replace('_', ' ')}"] = np.asarray(
                sent[edge].contribution
            )
        if name in (parent, child) and sent[edge].correlation is not None:
            joined[f"with {child if parent == name else parent}"] = np.asarray(
                sent[edge].correlation
            )
        gradient = sent[edge].gradient
        if parent == name and gradient is not None:
            fields: Mapping[str, Any] = beliefs[name]._recorded()
            label = child if child not in heard else f"{child}, {coupling.inlet.replace('_', ' ')}"
            heard[label] = np.asarray(gradient) / np.asarray(fields["precision"])
    found = {"from parents": told, "from children": heard, "correlation": joined}
    return {what: lines for what, lines in found.items() if lines}


def draw_lines(ax: Axes, time: np.ndarray, lines: Lines) -> None:
    """Series in one panel, thinned; named beside it unless there is one without a name."""
    columns = [
        (f"{label}[{place}]" if part.shape[1] > 1 else label, part[:, place])
        for label, values in lines.items()
        for part in [values.reshape(len(values), -1)]
        for place in range(part.shape[1])
    ]
    for number, (label, values) in enumerate(columns):
        at = thin(values)
        ax.plot(
            time[at],
            values[at],
            color=style.MANY[number % len(style.MANY)],
            lw=1.0,
            ls="-" if number < len(style.MANY) else "--",
            marker=marker_of_line(time),
            label=label or None,
        )
    if any(label for label, _ in columns) and len(columns) <= NAMED:
        few = len(columns) <= ABOVE
        ax.legend(
            loc="lower right" if few else "center left",
            bbox_to_anchor=(1.0, 0.9) if few else (1.0, 0.5),
            ncols=len(columns) if few else 1,
            frameon=False,
            handlelength=1.0,
            borderpad=0,
        )
