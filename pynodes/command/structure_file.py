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

    names = [name.strip() for given in options.columns for name in given.split(",")]
    names = names or read_rows(options.file)[0][1]
    table = Table(options.file, names)
    series = {name: table.numbers(name) for name in names}
    still = [name for name, values in series.items() if not np.nanstd(values) > 0]
    if still:
        raise FileError(f"{still[0]!r} never changes; leave it out with --columns.")
    graph = lagged(names, lags=options.lags)
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
    return "\n".join(
        [
            f"{options.file}: {len(names)} series, {len(found.space.edges)} candidate edges, by {found.by!r}",
            *(reported or ["  no edge is more probable than not"]),
            f"  of these {found.expected_false():.2g} are expected to be false, at a prior of "
            f"{options.probability:g} for each edge",
            *(f"  note: {problem}" for problem in found.problems()),
            f"  table: {edges}",
            f"  figure: {picture}",
        ]
    )
