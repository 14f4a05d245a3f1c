"""The demo: two classic series, filtered and drawn; and a small deep network, trained."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pynodes import data, deep, models
from pynodes._graph.graph import Graph
from pynodes._results.trajectories import Trajectories
from pynodes.command.files import folder, write_figure


def demo(options: argparse.Namespace) -> str:
    """Filter the USD/CHF and the association series, train; say what was found and where the figures are."""
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
    if find_spec("optax") is not None:
        lines += train_bars(out)
    return "\n".join(lines).rstrip()


def train_bars(out: Path) -> list[str]:
    """Train a small deep network to tell bars in noise from one another; what it came to, and its figures."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 600)
    bars = np.zeros((10, 5, 5))
    bars[np.arange(5), np.arange(5)] = bars[np.arange(5, 10), :, np.arange(5)] = 1.0
    images = bars.reshape(10, 25)[labels] + 0.4 * rng.normal(size=(600, 25))
    network = deep.models.chain([25, 32, 10]).compile(key=0)
    training = deep.Training(epochs=25, batch=50)
    run = deep.train(network, {"x": images[:500], "y": labels[:500]}, training)
    tested = deep.test(run.network, {"x": images[500:]}, {"y": labels[500:]})
    energies, outcomes = out / "bars_energies.png", out / "bars_outcomes.png"
    write_figure(run.plot().figure, energies)
    write_figure(tested.plot().figure, outcomes)
    return [
        "Bars in noise, 500 images, a deep network of one hidden layer that settles",
        f"  {tested.accuracy:.0%} of 100 other images told right",
        f"  figures: {energies}, {outcomes}",
        "",
    ]


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
