"""The entry point: arguments in, exit status out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import jax

import pynodes
from pynodes._errors import PynodesError
from pynodes.command.demo import demo
from pynodes.command.files import FileError
from pynodes.command.filter_file import MODELS, filter_file
from pynodes.command.fit_file import AGENTS, fit_file
from pynodes.command.structure_file import structure_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    0 if it went well; 2, after one sentence on standard error, if something given does not fit.
    """
    options = parser().parse_args(arguments)
    try:
        with jax.enable_x64(True):
            print(options.run(options))
    except (PynodesError, FileError) as error:
        print(f"pynodes: {error}", file=sys.stderr)
        return 2
    return 0


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2, after one sentence on standard error."""
        self.exit(2, f"pynodes: {message}. {self.prog} --help lists what can be given.\n")


def parser() -> argparse.ArgumentParser:
    """What the commands accept."""
    whole = Parser(
        prog="pynodes", description="Belief propagation over graphs of value and volatility nodes."
    )
    whole.add_argument("--version", action="version", version=f"pynodes {pynodes.__version__}")
    commands = whole.add_subparsers(
        title="commands", required=True, metavar="{demo,filter,fit,structure}"
    )

    show = commands.add_parser(
        "demo",
        help="filter two classic series and draw what the nodes believed",
        description="Filter the USD/CHF series and a binary series through three-level networks; where "
        "optax is installed, train a small deep network too.",
    )
    show.add_argument(
        "--out", type=Path, default=Path("pynodes-demo"), help="folder for the figures"
    )
    show.set_defaults(run=demo)

    add_filter(commands)
    add_fit(commands)
    add_structure(commands)
    return whole


def add_filter(commands: Any) -> None:
    """The command that filters a table."""
    own = commands.add_parser(
        "filter",
        help="filter a table of your own",
        description="Filter columns of a table; write trajectories.csv and beliefs.png.",
        epilog="Cells that are empty or say NA, n/a or NaN are missing observations; true and false are 1 "
        "and 0. Cells may be separated by commas, semicolons, tabs or vertical bars.",
    )
    own.add_argument("file", type=Path, help="CSV file with a header line")
    kind = own.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--model", help=f"a premade model ({', '.join(sorted(MODELS))}) or a graph's JSON file"
    )
    kind.add_argument("--graph", type=Path, help="a graph in JSON, as graph.to_json() writes it")
    own.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="COLUMN or NODE=COLUMN",
        help="column of an input; name the node where there are several",
    )
    own.add_argument("--dt", metavar="COLUMN", help="column of the times since the previous step")
    own.add_argument(
        "--time", metavar="COLUMN", help="in the place of --dt: column that says when each step was"
    )
    own.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN]",
        help="columns that say whose a row is, such as participant,session; each is filtered by itself",
    )
    own.add_argument("--levels", type=int, help="levels of a premade model")
    own.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="such as x2.tonic_volatility=-3",
    )
    own.add_argument("--expansion", help="enhanced, standard, unbounded or structured")
    own.add_argument("--out", type=Path, default=Path("pynodes-run"), help="folder for the results")
    own.set_defaults(run=filter_file)


def add_fit(commands: Any) -> None:
    """The command that fits an agent to a table."""
    own = commands.add_parser(
        "fit",
        help="fit an agent to what people chose or rated",
        description="Fit a premade agent to columns of a table, a row per trial; write estimates.csv, "
        "trajectories.csv, figures, and the fit in fit.npz.",
        epilog="Cells that are empty or say NA, n/a or NaN are missing: an input that was not seen, a "
        "response that was not given. True and false are 1 and 0.",
    )
    own.add_argument("file", type=Path, help="CSV file with a header line")
    own.add_argument("--agent", required=True, help=f"a premade agent: {', '.join(AGENTS)}")
    own.add_argument(
        "--input", required=True, metavar="COLUMN", help="what was seen; of bandits what was paid"
    )
    own.add_argument("--action", required=True, metavar="COLUMN", help="what was done")
    own.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="COLUMN=TEXT,TEXT",
        help="texts in a column and their codes from 0, as in choice=left,right",
    )
    own.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN]",
        help="columns that say whose a trial is, the subject first, then sessions",
    )
    own.add_argument("--dt", metavar="COLUMN", help="column of the times since the previous trial")
    own.add_argument(
        "--time", metavar="COLUMN", help="in the place of --dt: column that says when a trial was"
    )
    add_model(own)
    own.add_argument(
        "--method",
        default="map",
        help="map, each by itself; em, a population; nuts, draws from the posterior",
    )
    own.add_argument("--seed", type=int, default=0, help="of the search")
    own.add_argument("--out", type=Path, default=Path("pynodes-fit"), help="folder for the results")
    own.set_defaults(run=fit_file)


def add_model(own: Any) -> None:
    """What is said of the agent that is fitted."""
    own.add_argument("--levels", type=int, help="levels of a Gaussian filter")
    own.add_argument(
        "--formula",
        action="append",
        default=[],
        metavar="PARAMETER=TERMS",
        help="with --method em or nuts: what a parameter depends on, as in u.learning_rate='group + age'",
    )
    own.add_argument(
        "--split",
        action="append",
        default=[],
        metavar="PARAMETER=COLUMN",
        help="a parameter that differs by the values of a column, from trial to trial",
    )
    own.add_argument(
        "--reaction-time",
        metavar="COLUMN",
        help="reaction times in milliseconds, whose logs are modelled beside the choices of binary_hgf",
    )
    own.add_argument("--lapse", action="store_true", help="a share of choices is made blindly")
    own.add_argument(
        "--perseveration",
        action="store_true",
        help="what was chosen last is chosen again, or avoided",
    )


def add_structure(commands: Any) -> None:
    """The command that searches a graph."""
    own = commands.add_parser(
        "structure",
        help="find out which columns of a table predict which",
        description="Search edges from earlier values of columns to later ones; write edges.csv and "
        "structure.png.",
        epilog="Series are standardised. An edge says that one predicts the other given the rest, not that "
        "it would change it.",
    )
    own.add_argument("file", type=Path, help="CSV file with a header line, a row per step")
    own.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="COLUMN[,COLUMN]",
        help="columns; by default all",
    )
    own.add_argument("--lags", type=int, default=1, help="how many steps back")
    own.add_argument(
        "--probability", type=float, default=0.1, help="prior probability of every edge"
    )
    own.add_argument(
        "--out", type=Path, default=Path("pynodes-structure"), help="folder for the results"
    )
    own.set_defaults(run=structure_file)
