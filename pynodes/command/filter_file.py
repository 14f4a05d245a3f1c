"""Filtering a file: columns in, trajectories and a figure out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pynodes import models
from pynodes._errors import FormatError, listed, nearest
from pynodes._graph.document import parse_json
from pynodes._graph.graph import Graph
from pynodes.command.demo import report
from pynodes.command.files import (
    FileError,
    folder,
    read_columns,
    read_text,
    write_figure,
    write_trajectories,
)


def scaled_continuous_hgf(series: np.ndarray, levels: int) -> Graph:
    """The continuous HGF in the units of the data."""
    return models.continuous_hgf(**models.scaled_to(series, levels))


MODELS: dict[str, Callable[[np.ndarray, int | None], Graph]] = {
    "binary_hgf": lambda series, levels: models.binary_hgf(3 if levels is None else levels),
    "continuous_hgf": lambda series, levels: scaled_continuous_hgf(
        series, 2 if levels is None else levels
    ),
    "jget": lambda series, levels: models.jget(2 if levels is None else levels),
}
"""Premade graphs by name, from the first input's series and a number of levels."""

MOST = 30
"""Panels of the figure; a graph with more nodes has the others in the table."""


def filter_file(options: argparse.Namespace) -> str:
    """Filter columns of a CSV file; write trajectories and a figure; say what was found."""
    pairs = [pair.split("=", 1) if "=" in pair else ["", pair] for pair in options.input]
    wanted = [column for _, column in pairs] + ([options.dt] if options.dt else [])
    table = read_columns(options.file, wanted)
    graph = graph_of(options, table[pairs[0][1]])
    inputs: dict[str, np.ndarray] = {}
    for node, column in pairs:
        name = node or sole_input(graph)
        if name in inputs:
            raise FileError(f"--input gives {name!r} two columns; give each input one.")
        inputs[name] = table[column]
    network = graph.compile(expansion=options.expansion).replace(dict(map(setting, options.set)))
    extra: dict[str, Any] = {"dt": table[options.dt]} if options.dt else {}
    beliefs = network.filter(inputs, **extra)

    out = folder(options.out)
    trajectories, figure = out / "trajectories.csv", out / "beliefs.png"
    write_trajectories(beliefs, trajectories)
    names = [name for name in beliefs if graph.nodes[name].learns][:MOST]
    write_figure(beliefs.plot(names, title=options.file.name), figure)
    steps = len(next(iter(inputs.values())))
    lines = [f"{options.file}: {steps} steps", *report(graph, beliefs)]
    return "\n".join([*lines, f"  trajectories: {trajectories}", f"  figure: {figure}"])


def graph_of(options: argparse.Namespace, series: np.ndarray) -> Graph:
    """The graph that was asked for."""
    if options.model in MODELS:
        return MODELS[options.model](series, options.levels)
    path = options.graph or Path(options.model)
    if options.graph is None and path.suffix != ".json":
        raise FileError(
            f"There is no model {options.model!r}. {nearest(options.model, MODELS)} A graph of your own is "
            "a file that ends in .json."
        )
    if options.levels is not None:
        raise FileError("--levels goes with a premade model; a graph from a file has its own.")
    return graph_from(path)


def graph_from(path: Path) -> Graph:
    """The graph in a JSON file."""
    try:
        return Graph.from_dict(parse_json(read_text(path)))
    except FormatError as error:
        raise FileError(f"{str(path)!r} cannot be read as a graph. {error}") from error


def sole_input(graph: Graph) -> str:
    """The input of a graph that has one."""
    if len(graph.inputs) != 1:
        raise FileError(
            f"The graph has the inputs {listed(graph.inputs)}: give --input NODE=COLUMN for each."
        )
    return graph.inputs[0]


def setting(text: str) -> tuple[str, float]:
    """A parameter's name and value from ``name=value``."""
    name, found, value = text.partition("=")
    try:
        return name.strip(), float(value) if found else float("missing")
    except ValueError as error:
        raise FileError(f"--set takes PARAMETER=VALUE with a number, not {text!r}.") from error
