"""Run: what a page holds of a run, as plain values and places of series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._core.modules import parameters_in, plain
from pynodes._errors import FieldError, PynodesError
from pynodes._geometry import layer_shape, write_shape
from pynodes._graph.edges import name_edges
from pynodes._runtime.parameters import get_parameter
from pynodes.explorer.drawing import draw_paths
from pynodes.explorer.page import SeriesText
from pynodes.nodes import AbstractLearner, AbstractNode

if TYPE_CHECKING:
    from pynodes._results.edge_beliefs import EdgeMessages
    from pynodes._results.node_beliefs import NodeBeliefs
    from pynodes._results.trajectories import Trajectories

WIDEST = 64
"""Fields with more numbers per step than this are left out, and the page says so."""

TALKATIVE = 1_000_000
"""Messages are left out if edges times steps are more than this, and the page says so."""

MESSAGES = (
    "contribution",
    "gradient",
    "curvature",
    "support",
    "slope",
    "steepness",
    "correlation",
)
"""What is shown of an edge, where it has it."""

ORDER = (
    "mean",
    "precision",
    "predicted_mean",
    "predicted_precision",
    "value_error",
    "volatility_error",
    "effective_precision",
    "unsettled",
    "surprise",
    "observed",
)
"""Fields that come first, in this order."""


def describe_trajectories(
    beliefs: Trajectories,
    names: Sequence[str],
    numbers: SeriesText,
    time: np.ndarray | None = None,
    responses: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Everything about a run but its title; the series go to ``numbers``."""
    when = elapsed_time(beliefs) if time is None else time
    dates = when is not None and when.dtype.kind == "M"
    if when is not None and dates:
        when = when.astype("datetime64[ms]").astype(float) / 1000
    graph = beliefs.labels.graph
    shown = graph.subgraph(names)
    drawing = draw_paths(shown)
    messages, untold = messages_of(beliefs)
    edges = describe_drawn_edges(beliefs, set(names), messages, numbers)
    for edge, way in zip([e for e in edges if e["inside"]], drawing["paths"], strict=True):
        edge |= way
    nodes = [
        describe_node(name, graph.nodes[name], beliefs[name], numbers)
        | {"parameters": describe_parameters(beliefs, name)}
        | {"place": drawing["places"][name], "outcome": describe_outcome(beliefs, name, numbers)}
        for name in sorted(names, key=lambda name: drawing["places"][name][::-1])
    ]
    return {
        "steps": numbers.steps,
        "size": drawing["size"],
        "crowded": drawing["crowded"],
        "nodes": nodes,
        "edges": edges,
        "surprise": numbers.add(beliefs.surprise),
        "time": None if when is None else numbers.add(np.asarray(when, float)),
        "dates": dates,
        "responses": [
            {"name": name, "place": numbers.add(given)} for name, given in (responses or {}).items()
        ],
        "status": describe_status(beliefs),
        "others": len(graph) - len(names),
        "untold": untold,
    }


def describe_status(beliefs: Trajectories) -> dict[str, Any]:
    """Whether every step went well, and if not from which step on, in words."""
    alive = np.asarray(beliefs.status.alive)
    return {
        "message": beliefs.status.message,
        "well": beliefs.status.step is None,
        "broken": None if alive.all() else int(np.argmin(alive)),
    }


def elapsed_time(beliefs: Trajectories) -> np.ndarray | None:
    """The time of every step since the beginning, unless it is just their number."""
    if beliefs.interval is None or np.all(np.asarray(beliefs.interval) == 1):
        return None
    return np.asarray(beliefs.time, dtype=float)


def describe_node(
    name: str, kind: AbstractNode, node: NodeBeliefs, numbers: SeriesText
) -> dict[str, Any]:
    """One node: what it is, and its fields."""
    fields: dict[str, Any] = {}
    left_out: list[str] = []
    for field in sorted(node.fields, key=lambda field: [*ORDER, field].index(field)):
        values = np.asarray(getattr(node, field))
        if int(np.prod(values.shape[1:])) > WIDEST:
            left_out.append(f"{field} of shape {values.shape[1:]}")
        else:
            fields[field] = numbers.add_parts(values)
    return {
        "name": name,
        "kind": type(kind).__name__,
        "learner": isinstance(kind, AbstractLearner),
        "role": role_of(kind),
        "size": write_shape(layer_shape(kind)),
        "form": form_of(kind, fields),
        "main": main_field(fields),
        "fields": fields,
        "left_out": left_out,
    }


def describe_parameters(beliefs: Trajectories, name: str) -> dict[str, str]:
    """The parameters with which a node ran, not those of the graph; none where they are not known."""
    run, kind = beliefs.origin, beliefs.labels.graph.nodes[name]
    if run is None:
        return {}
    return {
        field: show_value(get_parameter(run.program, run.labels.address(f"{name}.{field}")))
        for field in parameters_in(kind)
    }


def role_of(kind: AbstractNode) -> str:
    """As what a node is drawn."""
    if kind.observable:
        return "input"
    if not kind.learns:
        return "known"
    return "layer" if layer_shape(kind) else "state"


def describe_outcome(
    beliefs: Trajectories, name: str, numbers: SeriesText
) -> dict[str, Any] | None:
    """What a learner observed, which its beliefs do not say; None of others, and where it is not known."""
    if not isinstance(beliefs.labels.graph.nodes[name], AbstractLearner):
        return None
    group, _ = beliefs.labels.nodes[name]
    if group not in beliefs.values:
        return None
    values = np.asarray(beliefs[name].value, dtype=float)
    fits = np.prod(values.shape[1:], dtype=int) <= WIDEST
    return numbers.add_parts(values) if fits else None


def main_field(fields: dict[str, Any]) -> str | None:
    """The field that stands for what a node believes: its mean, or the first that it also predicts."""
    if "mean" in fields:
        return "mean"
    predicted = (field for field in fields if f"predicted_{field}" in fields)
    return next(predicted, next(iter(fields), None))


def form_of(kind: AbstractNode, fields: dict[str, Any]) -> str:
    """How a node is shown: with a band, as a probability, as several numbers, or as one number."""
    main = main_field(fields)
    if isinstance(kind, AbstractLearner) or main is None or fields[main]["shape"]:
        return "several" if main is not None and fields[main]["shape"] else "number"
    if kind.observable:
        binary = (
            kind.accepts(np.array([0.0, 1.0])).all() and not kind.accepts(np.array([0.5])).any()
        )
        return "outcome" if binary else "reading"
    if kind.support is not None:
        return "probability"
    return "band" if kind.learns else "number"


def show_value(value: Any) -> str:
    """A parameter, in few words."""
    return f"{plain(value):.6g}" if np.ndim(value) == 0 else f"array of shape {np.shape(value)}"


def describe_drawn_edges(
    beliefs: Trajectories,
    names: set[str],
    messages: Mapping[str, EdgeMessages],
    numbers: SeriesText,
) -> list[dict[str, Any]]:
    """Every edge of the nodes that are shown, with what went along it."""
    graph = beliefs.labels.graph
    told: list[dict[str, Any]] = []
    for name, (parent, child, coupling) in zip(name_edges(graph.edges), graph.edges, strict=True):
        if parent not in names and child not in names:
            continue
        told.append(
            {
                "name": name,
                "parent": parent,
                "child": child,
                "coupling": type(coupling).__name__,
                "inlet": coupling.inlet,
                "inside": parent in names and child in names,
                "series": edge_series(beliefs, name, messages.get(name), numbers),
            }
        )
    return told


def messages_of(beliefs: Trajectories) -> tuple[dict[str, EdgeMessages], str]:
    """The messages of every edge; or none, and why."""
    edges, steps = len(beliefs.labels.graph.edges), np.shape(beliefs.status.alive)[0]
    if edges * steps > TALKATIVE:
        return {}, f"left out, since {edges:,} edges over {steps:,} steps are too many for one page"
    try:
        return beliefs.messages(), ""
    except FieldError:
        return {}, "not known: these beliefs do not know the inputs that they came from"


def edge_series(
    beliefs: Trajectories, name: str, messages: EdgeMessages | None, numbers: SeriesText
) -> dict[str, Any]:
    """What went along one edge, and how fast it made its parent learn where that is defined."""
    found: dict[str, Any] = {}
    for what in MESSAGES:
        values = getattr(messages, what, None)
        if values is not None and int(np.prod(np.shape(values)[1:])) <= WIDEST:
            found[what] = numbers.add_parts(values)
    try:
        found["learning_rate"] = numbers.add_parts(beliefs.edge(name).learning_rate)
    except PynodesError:
        return found
    return found
