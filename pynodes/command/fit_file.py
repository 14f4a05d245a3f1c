"""Fitting a file: choices or ratings in, estimates, beliefs and figures out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import PynodesError, nearest
from pynodes.command.files import FileError, Table, folder, read_header, write_figure, written
from pynodes.command.filter_file import FIGURES, as_file_name

if TYPE_CHECKING:
    from pynodes.fit import Trials

CHOICES = ("binary_hgf", "pearce_hall", "rescorla_wagner", "sutton_k1")
"""Agents who choose between two outcomes."""

RATINGS = ("continuous_hgf", "delta_rule", "jget", "kalman_filter")
"""Agents who rate a quantity, in whose units their priors are."""

BANDITS = ("bandit_hgf", "bandit_rescorla_wagner")
"""Agents who choose among arms, and see what the chosen one pays."""

AGENTS = (*CHOICES, *RATINGS, *BANDITS)
"""Names of the agents that a file can be fitted by."""

METHODS = ("map", "em", "nuts")
"""Ways to fit: every subject by itself, all as a population, or draws from the posterior."""

LOG_TIME = "log_reaction_time"
"""The column that is made of reaction times."""


def fit_file(options: argparse.Namespace) -> str:
    """Fit an agent to columns of a CSV file; write tables, figures and the fit; say what was found."""
    import pynodes as pn

    keys = [name.strip() for given in options.by for name in given.split(",")]
    if options.agent not in AGENTS:
        raise FileError(f"There is no agent {options.agent!r}. {nearest(options.agent, AGENTS)}")
    if options.method not in METHODS:
        raise FileError(
            f"There is no method {options.method!r}. {nearest(options.method, METHODS)}"
        )
    levels = dict(map(read_code, options.code))
    formulas = dict(read_pair(text, "--formula", "TERMS") for text in options.formula)
    splits = dict(read_pair(text, "--split", "COLUMN") for text in options.split)
    if formulas and options.method == "map":
        raise FileError("--formula is about a population: add --method em, or nuts.")
    if options.reaction_time and options.agent != "binary_hgf":
        raise FileError(f"--reaction-time goes with binary_hgf, not with {options.agent!r}.")
    columns = read_columns(options, keys, levels, name_others(options.file, formulas, splits))
    trials, series = make_trials(options, columns, keys, levels)
    agent = make_agent(options, series, columns)
    try:
        for name, column in splits.items():
            agent = agent.split(name, by=column, levels=list_levels(columns[column]))
        search: Callable[..., Any] = {
            "map": pn.fit_map,
            "em": pn.fit_em,
            "nuts": pn.fit_nuts,
        }[options.method]
        found = search(
            agent, trials, seed=options.seed, **({"formulas": formulas} if formulas else {})
        )
    except PynodesError as error:
        raise FileError(f"{str(options.file)!r}: {error}") from error
    return write_fit(options, found)


def read_pair(text: str, option: str, what: str) -> tuple[str, str]:
    """A parameter and what is said of it."""
    name, found, said = text.partition("=")
    if not found or not name.strip() or not said.strip():
        raise FileError(f"{option} takes PARAMETER={what}, not {text!r}.")
    return name.strip(), said.strip()


def name_others(path: Path, formulas: dict[str, str], splits: dict[str, str]) -> list[str]:
    """Columns that formulas and conditions name; of words in formulas those that are columns."""
    header = read_header(path) if formulas else []
    words = [word for terms in formulas.values() for word in re.findall(r"[^\W\d][\w.]*", terms)]
    return [*(word for word in dict.fromkeys(words) if word in header), *splits.values()]


def list_levels(column: np.ndarray) -> list[Any]:
    """The different values of a column, in order; what is missing is none."""
    known = [value for value in column.tolist() if value is not None and value == value]
    return sorted(dict.fromkeys(known))


def read_code(text: str) -> tuple[str, list[str]]:
    """A column and its texts, in the order of their codes, from ``column=text,text``."""
    name, found, texts = text.partition("=")
    if not found or len(texts.split(",")) < 2:
        raise FileError(
            f"--code takes COLUMN=TEXT,TEXT, the texts of codes 0, 1, ..., not {text!r}."
        )
    return name.strip(), [part.strip() for part in texts.split(",")]


def read_columns(
    options: argparse.Namespace,
    keys: list[str],
    levels: dict[str, list[str]],
    others: list[str],
) -> dict[str, Any]:
    """The columns that are asked for: numbers, or texts that are keys, have codes, or say who and when."""
    times = [name for name in (options.dt, options.reaction_time) if name]
    others = [*others, options.time] if options.time else others
    numeric = [options.input, options.action, *times]
    table = Table(options.file, [*numeric, *keys, *levels, *others])
    columns: dict[str, Any] = {name: np.array(table.texts(name)) for name in keys}
    for name in dict.fromkeys(numeric):
        columns[name] = code(table, name, levels[name]) if name in levels else table.numbers(name)
    return {name: table.values(name) for name in others} | columns


def code(table: Table, name: str, texts: list[str]) -> np.ndarray:
    """The codes of a column of texts; NaN where a cell says that there is none."""
    from pynodes.command.files import MISSING

    codes = np.full(len(table.texts(name)), np.nan)
    for row, cell in enumerate(table.texts(name)):
        if cell in texts:
            codes[row] = texts.index(cell)
        elif cell.lower() not in MISSING and cell.lower() != "nan":
            raise FileError(
                f"{str(table.path)!r}, column {name!r}: {cell!r} has no code in --code."
            )
    return codes


def make_trials(
    options: argparse.Namespace, columns: dict[str, Any], keys: list[str], levels: dict[str, Any]
) -> tuple[Trials, np.ndarray]:
    """The trials, and the series that gives a quantity its units."""
    import pynodes as pn

    series = columns[options.input]
    roles: dict[str, Any] = {"inputs": options.input, "actions": options.action, "by": keys}
    if options.agent in BANDITS:
        arms = count_arms(columns[options.action], len(levels.get(options.action, ())))
        inputs = pn.models.bandit_inputs(columns[options.action], series, arms=arms)
        columns |= {name: np.asarray(values) for name, values in inputs.items()}
        roles["inputs"] = list(inputs)
    if options.perseveration:
        owners = [columns[key] for key in keys] or None
        last = np.asarray(pn.responses.previous(columns[options.action], by=owners))
        columns["previous_choice"], roles["covariates"] = last, ["previous_choice"]
    if options.reaction_time:
        columns[LOG_TIME] = take_log(options, columns[options.reaction_time])
        roles["actions"] = {"choice": options.action, "time": LOG_TIME}
    roles |= {role: name for role in ("dt", "time") if (name := getattr(options, role))}
    try:
        return pn.Trials(columns, **roles), series
    except PynodesError as error:
        raise FileError(f"{str(options.file)!r}: {error}") from error


def take_log(options: argparse.Namespace, times: np.ndarray) -> np.ndarray:
    """Logs of reaction times in milliseconds; NaN where there is none."""
    wrong = np.flatnonzero(times <= 0)
    if wrong.size:
        raise FileError(
            f"{str(options.file)!r}, column {options.reaction_time!r}, row {wrong[0]}: a reaction time of "
            f"{times[wrong[0]]:g} has no log. Give milliseconds, and leave cells empty where there is none."
        )
    return np.log(times)


def count_arms(choices: np.ndarray, coded: int) -> int:
    """How many arms there are: as many as have codes, or as the highest code says."""
    known = choices[np.isfinite(choices)]
    return max(coded, int(known.max()) + 1 if known.size else 0, 2)


def make_agent(options: argparse.Namespace, series: np.ndarray, columns: dict[str, Any]) -> Any:
    """The agent that was asked for, in the units of the data."""
    import pynodes as pn

    make = getattr(pn.agents, options.agent)
    given: dict[str, Any] = {}
    if options.agent in RATINGS:
        given["series"] = series
    if options.agent in BANDITS:
        seen = series[np.isfinite(series)]
        binary = bool(np.isin(seen, (0, 1)).all())
        given = {"arms": sum(name.startswith("u_") for name in columns)}
        given |= {} if binary else {"rewards": "continuous", "series": series}
    if options.levels is not None:
        if "hgf" not in options.agent:
            raise FileError(
                f"--levels goes with agents that have levels, not with {options.agent!r}."
            )
        given["levels"] = options.levels
    if options.reaction_time:
        times = pn.responses.MinimalLogReactionTime()
        given["response"] = {"choice": pn.responses.UnitSquareSigmoid(), "time": times}
    habits = {name: True for name in ("lapse", "perseveration") if getattr(options, name)}
    if habits and options.agent in RATINGS:
        raise FileError(
            f"--{next(iter(habits))} goes with agents that choose, not {options.agent!r}."
        )
    return make(**given, **habits)


def write_fit(options: argparse.Namespace, fit: Any) -> str:
    """Tables, figures and the fit itself, and what was found, in words."""
    import pynodes as pn

    out = folder(options.out)
    tables = {"estimates": fit.summary()}
    if options.method != "nuts":
        tables["trajectories"] = fit.trajectories()
    if options.method == "map":
        tables["subjects"] = fit.table()
    for name, frame in tables.items():
        with written(out / f"{name}.csv") as path:
            frame.to_csv(path, index=False)
    with written(out / "fit.npz") as path:
        pn.save(path, fit)
    write_figure(fit.plot(), out / "fit.png")
    figures = 0
    for subject in fit.subjects[:FIGURES]:
        label = fit.trials.label(subject)
        own = "-".join(map(as_file_name, map(str, fit.trials.key_of(subject).values())))
        panels = (
            fit.beliefs(subject).plot(title=label)
            if options.method == "nuts"
            else fit[subject].plot_trajectories(title=label)
        )
        write_figure(panels, out / f"beliefs-{own or 'all'}.png")
        figures += 1
    problems = fit.problems()
    return "\n".join(
        [
            f"{options.file}: {fit!r}",
            *(f"  note: {problem}" for problem in problems),
            *(f"  {name}: {out / f'{name}.csv'}" for name in tables),
            f"  fit: {out / 'fit.npz'}, which pynodes.load reads",
            f"  figures: {out / 'fit.png'}, and beliefs of {figures} subjects",
        ]
    )
