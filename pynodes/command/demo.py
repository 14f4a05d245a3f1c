"""The demo: two classic series, filtered and drawn."""

from __future__ import annotations

import argparse

import numpy as np

from pynodes import data, models
from pynodes._graph.graph import Graph
from pynodes._results.trajectories import Trajectories
from pynodes.command.files import folder, write_figure


def demo(options: argparse.Namespace) -> str:
    """Filter the USD/CHF and the association series; say what was found and where the figures are."""
    out = folder(options.out)
    rates, association = data.usd_chf(), data.association()
    continuous = models.continuous_hgf(**models.scaled_to(rates))
    binary = models.binary_hgf(levels=3)
    runs = [
        ("USD/CHF, 614 days, continuous network of two states", continuous, rates, "usd_chf"),
        (
            "Association, 320 trials, three-level binary network",
            binary,
            association.outcomes,
            "association",
        ),
    ]
    lines = []
    for title, graph, series, name in runs:
        beliefs = graph.compile().filter({"u": series})
        figure, drawing = out / f"{name}_beliefs.png", out / f"{name}_graph.png"
        write_figure(beliefs.plot(title=title), figure)
        write_figure(graph.plot().figure, drawing)
        lines += [title, *report(graph, beliefs), f"  figures: {figure}, {drawing}", ""]
    return "\n".join(lines).rstrip()


def report(graph: Graph, beliefs: Trajectories) -> list[str]:
    """Total surprise, and what every state believed in the end."""
    lines = [f"  total surprise {float(np.sum(beliefs.surprise)):.2f} nats"]
    if not beliefs.status.plausible:
        lines.append(f"  warning: {beliefs.status.message}")
    for name in beliefs:
        if graph.nodes[name].learns and not graph.nodes[name].observable:
            mean, precision = np.asarray(beliefs[name].mean), np.asarray(beliefs[name].precision)
            lines.append(
                f"  {name}: in the end {mean[-1]:.3f}, sd {precision[-1] ** -0.5:.3f}; "
                f"between {mean.min():.3f} and {mean.max():.3f}"
            )
    return lines
