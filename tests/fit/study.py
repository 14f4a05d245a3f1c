"""How the study that comes with the package was simulated: ``python -m tests.fit.study`` writes it anew."""

from pathlib import Path

import numpy as np

import pynodes as pn
from pynodes import responses
from pynodes.fit import Agent, Normal, Trials, simulate

FILE = Path(pn.data.__file__).parent / "study.csv"
SUBJECTS, SESSIONS, LENGTH = 24, 2, 80
CHANCES = [np.repeat([0.8, 0.2, 0.8, 0.5], 20), np.repeat([0.2, 0.8, 0.3, 0.7], 20)]
"""Probability of a one, trial by trial, of both sessions."""


def population(random):
    """Subjects: who they are, and their parameters."""
    group = np.repeat(["control", "patient"], SUBJECTS // 2)
    age = random.integers(19, 62, SUBJECTS)
    older = (age - age.mean()) / age.std()
    volatility = -4.4 + 1.2 * (group == "patient") - 0.3 * older + random.normal(0, 0.5, SUBJECTS)
    values = {
        "x2.tonic_volatility": volatility,
        "choice.inverse_temperature": np.exp(random.normal(1.1, 0.3, SUBJECTS)),
        "time.intercept": random.normal(6.1, 0.15, SUBJECTS),
        "time.surprise": random.normal(0.10, 0.03, SUBJECTS),
    }
    who = {"group": group, "site": np.tile(["A", "B"], SUBJECTS // 2), "age": age}
    return who, values


def agent():
    """Everybody learns, chooses, and is slow where surprised."""
    streams = {
        "choice": responses.UnitSquareSigmoid(),
        "time": responses.MinimalLogReactionTime(outcome_uncertainty=1.0, variance=0.04),
    }
    free = {
        "x2.tonic_volatility": Normal(-4, 1),
        "choice.inverse_temperature": pn.LogNormal(1, 1),
        "time.intercept": Normal(6, 1),
        "time.surprise": Normal(0, 1),
    }
    graph = pn.models.binary_hgf(3, tonic_volatility=[-4.0, -6.5], expansion="unbounded")
    return Agent(graph, streams, free=free)


def made():
    """The columns of the study."""
    random = np.random.default_rng(2026)
    who, values = population(random)
    seen = np.concatenate([(random.random(LENGTH) < chance).astype(float) for chance in CHANCES])
    names = np.array([f"s{number:02d}" for number in range(1, SUBJECTS + 1)])
    each = SESSIONS * LENGTH
    columns = {
        "subject": np.repeat(names, each),
        "session": np.tile(np.repeat(np.arange(1, SESSIONS + 1), LENGTH), SUBJECTS),
        **{name: np.repeat(column, each) for name, column in who.items()},
        "trial": np.tile(np.arange(1, LENGTH + 1), SUBJECTS * SESSIONS),
        "u": np.tile(seen, SUBJECTS),
    }
    design = Trials(columns, inputs="u", by=["subject", "session"])
    told = simulate(agent(), design, values, seed=2026).trials.columns
    late = random.random(len(told["u"])) < 0.02
    return columns | {
        "y": np.where(late, np.nan, told["choice"]),
        "rt": np.where(late, np.nan, np.round(np.exp(told["time"]) / 1000, 3)),
    }


def written(columns):
    """As lines of a file; nothing between two commas is missing."""
    lines = [",".join(columns)]
    for row in zip(*columns.values(), strict=True):
        cells = ["" if c != c else f"{c:g}" if isinstance(c, float) else str(c) for c in row]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import jax

    jax.config.update("jax_enable_x64", True)
    FILE.write_text(written(made()), encoding="utf-8")
