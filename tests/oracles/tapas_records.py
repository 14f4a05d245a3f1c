"""Recorded runs of the TAPAS HGF toolbox, and the oracle run on the same inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from tests.oracles import tapas

FOLDER = Path(__file__).parents[1] / "reference" / "tapas"

NAMES = sorted(path.stem.removeprefix("prc_") for path in FOLDER.glob("prc_*.npz"))
"""Names of all recorded runs: the model, two underscores, the case."""


@dataclasses.dataclass(frozen=True)
class Record:
    """One recorded run.

    Attributes
    ----------
    model, family, kind
        The toolbox's name of the model, such as ``"ehgf_binary"``; which update it uses (``"hgf"`` or
        ``"ehgf"``); and what it observes (``"binary"``, ``"continuous"`` or ``"jget"``).
    levels
        Number of levels; of each of the two ladders of a jget model.
    series, times
        Inputs, NaN on ignored trials, and time since the previous input, per trial.
    parameters
        By the toolbox's names, each of one dimension.
    trajectories
        By the toolbox's names, of shape (time, levels).
    """

    model: str
    family: str
    kind: str
    levels: int
    series: np.ndarray
    times: np.ndarray
    parameters: dict[str, np.ndarray]
    trajectories: tapas.Fields

    @property
    def clip(self) -> float:
        """How far predicted probabilities stay from 0 and 1."""
        return 0.001 if self.model == "ehgf_binary" else 0.0


def record(name: str) -> Record:
    """A recorded run, by name."""
    data = np.load(FOLDER / f"prc_{name}.npz")
    model, case = name.split("__")
    family, _, rest = model.removesuffix("_ar1").replace("_ar1_", "_").partition("_")
    parameters = {key: np.atleast_1d(values) for key, values in part(data, "parameters").items()}
    if "al" in parameters:
        parameters["pi_u"] = 1 / parameters["al"]
    # As it is published, the toolbox carries the times along but never reads them.
    timed = "times" in data.files and not case.endswith("asis")
    return Record(
        model=model,
        family=family,
        kind=rest or "continuous",
        levels=int(data["n_levels"]),
        series=data["u"],
        times=data["times"] if timed else np.ones(len(data["u"])),
        parameters=parameters,
        trajectories=part(data, "trajectories"),
    )


def part(data: np.lib.npyio.NpzFile, section: str) -> dict[str, np.ndarray]:
    """The arrays of one section of a file, by their own names."""
    start = f"{section}/"
    return {key.removeprefix(start): data[key] for key in data.files if key.startswith(start)}


def refiltered(run: Record, semantics: tapas.Semantics) -> tapas.Fields:
    """What the oracle makes of the inputs of a recorded run."""
    step = tapas.STEPS[run.family]
    if run.kind == "jget":
        return tapas.jget(run.parameters, run.series, step)
    if run.kind == "binary":
        return tapas.binary(run.parameters, run.series, run.times, step, semantics, run.clip)
    return tapas.continuous(run.parameters, run.series, run.times, step, semantics)


def worst(actual: np.ndarray, expected: np.ndarray) -> float:
    """Largest gap between two series, relative to the value or to the typical size of the series."""
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    assert actual.shape == expected.shape
    size = np.abs(expected)
    gap = np.abs(actual - expected) / np.maximum(size, max(np.median(size), 1e-3))
    return float(np.where(np.isnan(gap), np.inf, gap).max())
