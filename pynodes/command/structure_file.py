"""Structure of a file: columns in, a table of edges with probabilities and a picture out."""

from __future__ import annotations

import argparse
import csv
from typing import Any

import numpy as np

from pynodes.command.files import FileError, Table, folder, read_rows, write_figure


def structure_file(options: argparse.Namespace) -> str:
    """Search the lagged edges between columns of a CSV file; say what was found."""
    from pynodes.structure import lagged, search, space, standardise

    series, left_out = read_series(options)
    graph = lagged(list(series), lags=options.lags)
    found: Any = search(space(graph, probability=options.probability), standardise(series))
    out = folder(options.out)
    edges = out / "edges.csv"
    columns = ["probability", "prior", "mean_if_on", "sd_if_on", "mean", "sd", "scored"]
    rows = {
        "probability": list(found.edge_probability.values()),
        "prior": found.space.probability,
        **found.strengths,
        "scored": list(found.how.values()),
    }
    with edges.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["edge", *columns])
        for number, edge in enumerate(found.space.edges):
            writer.writerow([edge, *(rows[column][number] for column in columns)])
    picture = out / "structure.png"
    write_figure(found.plot().figure, picture)
    reported = [f"  {edge}: {found.edge_probability[edge]:.2f}" for edge in found.reported()]
    expected = (
        f"  of these {found.expected_false():.2g} are expected to be false, at a prior of "
        f"{options.probability:g} for each edge"
    )
    none = f"  no edge is more probable than not, at a prior of {options.probability:g} for each"
    return "\n".join(
        [
            f"{options.file}: {len(series)} series, {len(rows['prior'])} candidate "
            f"{'edge' if len(rows['prior']) == 1 else 'edges'}, by {found.by!r}",
            *(f"  left out: {name!r}, which counts the rows" for name in left_out),
            *([*reported, expected] if reported else [none]),
            *(f"  note: {problem}" for problem in found.problems()),
            f"  table: {edges}",
            f"  figure: {picture}",
        ]
    )


def read_series(options: argparse.Namespace) -> tuple[dict[str, np.ndarray], list[str]]:
    """The columns that are searched, and the names of those that only count the rows.

    Raises
    ------
    FileError
        A file without columns, or a column that nothing can be learned from.
    """
    asked = [name.strip() for given in options.columns for name in given.split(",")]
    lines = read_rows(options.file)
    if not lines:
        raise FileError(f"{str(options.file)!r} is empty; it needs a header line and rows.")
    names = asked or lines[0][1]
    table = Table(options.file, names)
    series = {name: table.numbers(name) for name in names}
    for name, values in series.items():
        if np.isinf(values).any():
            raise FileError(f"{name!r} holds infinite numbers; an empty cell is a missing one.")
        seen = values[~np.isnan(values)]
        if not len(seen) or np.ptp(seen) == 0:
            raise FileError(f"{name!r} never changes; leave it out with --columns.")
    left_out = [name for name, values in series.items() if not asked and counts_rows(values)]
    return {name: one for name, one in series.items() if name not in left_out}, left_out


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column grows by the same amount in every row, as times and numbers of rows do."""
    steps = np.diff(values)
    return len(steps) > 1 and steps[0] > 0 and bool(np.allclose(steps, steps[0], rtol=1e-9))
