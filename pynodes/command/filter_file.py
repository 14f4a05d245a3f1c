"""Filtering a file: columns in, trajectories and a figure out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes import models
from pynodes._errors import FormatError, PynodesError, nearest, quote
from pynodes._graph.document import parse_json
from pynodes._graph.graph import Graph
from pynodes.command.demo import report
from pynodes.command.files import (
    FileError,
    Table,
    folder,
    read_text,
    write_figure,
    write_trajectories,
)

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


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


FIGURES = 12
"""So many subjects have a figure each; of more, the table has all the same."""


def filter_file(options: argparse.Namespace) -> str:
    """Filter columns of a CSV file; write trajectories and figures; say what was found."""
    pairs = [pair.split("=", 1) if "=" in pair else ["", pair] for pair in options.input]
    keys = [name.strip() for given in options.by for name in given.split(",")]
    roles = {role: name for role in ("dt", "time") if (name := getattr(options, role))}
    if len(roles) == 2:
        raise FileError("Give --dt or --time: the time between steps, or when each was.")
    table = Table(options.file, [*(name for _, name in pairs), *keys, *roles.values()])
    columns = {name: table.numbers(name) for name in [*(n for _, n in pairs), *roles.values()]}
    graph = graph_of(options, columns[pairs[0][1]])
    inputs: dict[str, str] = {}
    for node, name in pairs:
        input_name = node or sole_input(graph)
        if input_name in inputs:
            raise FileError(f"--input gives {input_name!r} two columns; give each input one.")
        inputs[input_name] = name
    network = graph.compile(expansion=options.expansion).replace(dict(map(setting, options.set)))
    runs: list[tuple[tuple[str, ...], Trajectories]] = []
    for key, rows in group_by_subject(table, keys):
        series = {name: columns[column][rows] for name, column in inputs.items()}
        times: dict[str, Any] = {role: columns[name][rows] for role, name in roles.items()}
        try:
            runs.append((key, network.filter(series, **times)))
        except PynodesError as error:
            raise FileError(f"{label(keys, key)}{error}") from error
    return write_results(options, graph, keys, runs)


def group_by_subject(table: Table, keys: list[str]) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """The rows of every subject or session, in the order in which these first appear."""
    length = len(next(iter(table.rows.values())))
    parts = [table.texts(name) for name in keys]
    found: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(zip(*parts, strict=True) if parts else [()] * length):
        found.setdefault(key, []).append(row)
    return [(key, np.array(rows)) for key, rows in found.items()]


def label(keys: list[str], key: tuple[str, ...]) -> str:
    """Whose run it is, in words that begin a line; nothing where there is one."""
    return ", ".join(
        f"{name} {value}" for name, value in zip(keys, key, strict=True)
    ) + ": " * bool(keys)


def write_results(
    options: argparse.Namespace,
    graph: Graph,
    keys: list[str],
    runs: list[tuple[tuple[str, ...], Trajectories]],
) -> str:
    """The table and the figures of some runs, and what was found, in words."""
    out = folder(options.out)
    trajectories = out / "trajectories.csv"
    write_trajectories(runs, trajectories, keys)
    lines: list[str] = []
    figures: list[Path] = []
    for key, beliefs in runs:
        steps = len(np.asarray(beliefs.surprise))
        lines += [
            f"{label(keys, key) or f'{options.file}: '}{steps} steps",
            *report(graph, beliefs),
        ]
        if len(figures) < FIGURES:
            figures.append(out / f"{'-'.join(['beliefs', *map(as_file_name, key)])}.png")
            names = [name for name in beliefs if graph.nodes[name].learns][:MOST]
            title = label(keys, key).removesuffix(": ") or options.file.name
            write_figure(beliefs.plot(names, title=title), figures[-1])
    what = f"  figure: {figures[0]}" if len(runs) == 1 else f"  figures: {len(figures)} in {out}"
    return "\n".join([*lines, f"  trajectories: {trajectories}", what])


def as_file_name(text: str) -> str:
    """A text with nothing in it that a file's name cannot have."""
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in text)


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
            f"The graph has the inputs {quote(graph.inputs)}: give --input NODE=COLUMN for each."
        )
    return graph.inputs[0]


def setting(text: str) -> tuple[str, float]:
    """A parameter's name and value from ``name=value``."""
    name, found, value = text.partition("=")
    try:
        return name.strip(), float(value) if found else float("missing")
    except ValueError as error:
        raise FileError(f"--set takes PARAMETER=VALUE with a number, not {text!r}.") from error
