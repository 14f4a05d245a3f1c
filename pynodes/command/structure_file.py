"""Structure of a file: columns in, a table of edges with probabilities and a picture out."""

from __future__ import annotations

import argparse
import csv
from typing import Any

import numpy as np

from pynodes._errors import quote
from pynodes.command.files import (
    MISSING,
    FileError,
    Table,
    folder,
    is_no_number,
    read_rows,
    write_figure,
)


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
            *(f"  left out: {name!r}, which {why}" for name, why in left_out.items()),
            *([*reported, expected] if reported else [none]),
            *(f"  note: {problem}" for problem in found.problems()),
            f"  table: {edges}",
            f"  figure: {picture}",
        ]
    )


def read_series(options: argparse.Namespace) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The columns that are searched, and which of those that nobody asked for are not, with the reason.

    Raises
    ------
    FileError
        A file without columns of numbers, or a column that nothing can be learned from.
    """
    asked = [name.strip() for given in options.columns for name in given.split(",")]
    lines = read_rows(options.file)
    if not lines:
        raise FileError(f"{str(options.file)!r} is empty; it needs a header line and rows.")
    table = Table(options.file, asked or lines[0][1])
    series: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for name in table.rows:
        present = [cell for cell in table.texts(name) if cell.lower() not in MISSING]
        if not asked and present and all(map(is_no_number, present)):
            left_out[name] = "holds texts"
            continue
        values = table.numbers(name)
        if not asked and counts_rows(values):
            left_out[name] = "counts the rows"
            continue
        check_varied(name, values)
        series[name] = values
    if not series:
        raise FileError(
            f"{str(options.file)!r} has no column of numbers: {quote(left_out)} hold texts or count rows."
        )
    return series, left_out


def check_varied(name: str, values: np.ndarray) -> None:
    """Refuse a column that nothing can be learned from."""
    if np.isinf(values).any():
        raise FileError(f"{name!r} holds infinite numbers; an empty cell is a missing one.")
    seen = values[~np.isnan(values)]
    if not len(seen) or np.ptp(seen) == 0:
        raise FileError(f"{name!r} never changes; leave it out with --columns.")


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column grows by the same amount in every row, as times and numbers of rows do."""
    steps = np.diff(values)
    return len(steps) > 1 and steps[0] > 0 and bool(np.allclose(steps, steps[0], rtol=1e-9))
