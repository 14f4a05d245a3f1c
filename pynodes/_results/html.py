"""Trajectories as a small table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories

SHOWN = 30
"""Larger networks show this many nodes, then say how many more there are."""


COMPONENTS = 6
"""Of an array, this many numbers are shown."""


def trajectories_to_html(beliefs: Trajectories) -> str:
    """What every node believed at the end, and how surprised the inputs were."""
    shape = np.shape(beliefs.status.alive)
    if len(shape) != 1:
        return f"<p>Trajectories of {len(beliefs)} nodes, shape {shape}</p>"
    head = "".join(
        f"<th>{title}</th>" for title in ("node", "kind", "last mean", "last sd", "surprise")
    )
    rows = "".join(row(beliefs, name) for name in beliefs.names[:SHOWN])
    more = f"<p>... and {len(beliefs) - SHOWN} more</p>" if len(beliefs) > SHOWN else ""
    total = float(np.sum(np.asarray(beliefs.surprise)))
    title = f"{shape[0]} steps, total surprise {total:.6g} nats. {escape(beliefs.status.message)}"
    table = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f"<table><caption>{title}</caption>{table}</table>{more}"


def row(beliefs: Trajectories, name: str) -> str:
    """One node's row."""
    node = beliefs[name]
    kind = type(beliefs.labels.graph.nodes[name]).__name__
    observed, mean = "surprise" in node.fields, ""
    if "mean" in node.fields:
        mean = ", ".join(f"{value:.4g}" for value in np.ravel(node.mean[-1])[:COMPONENTS])
    precision = np.asarray(node.precision)[-1] if "precision" in node.fields else np.inf
    known = observed or np.ndim(precision) or not np.isfinite(precision)
    spread = "" if known else f"{1 / np.sqrt(precision):.4g}"
    surprise = f"{np.sum(np.asarray(node.surprise)):.6g}" if observed else ""
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (name, kind, mean, spread, surprise))
    return f"<tr>{cells}</tr>"
