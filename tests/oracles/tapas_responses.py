"""Recorded response models of the TAPAS HGF toolbox, and the beliefs that they were given."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tests.oracles import tapas_records

FOLDER = Path(__file__).parents[1] / "reference" / "tapas_responses"

NAMES = sorted(path.stem.removeprefix("obs_") for path in FOLDER.glob("obs_*.npz"))
"""Names of all recorded responses: the model, two underscores, the case."""


@dataclasses.dataclass(frozen=True)
class ResponseRecord:
    """One recorded evaluation of a response model.

    Attributes
    ----------
    responses, inputs
        What was done and what was seen, per trial; NaN where missing or ignored.
    parameters
        In native space, in the toolbox's order.
    log_likelihood, prediction
        Per trial; NaN where the toolbox left a trial out.
    run
        The run of a perceptual model whose trajectories were used.
    """

    responses: np.ndarray
    inputs: np.ndarray
    parameters: np.ndarray
    log_likelihood: np.ndarray
    prediction: np.ndarray
    run: str

    @property
    def outcomes(self) -> np.ndarray:
        """The first column of the inputs."""
        return self.inputs if self.inputs.ndim == 1 else self.inputs[:, 0]

    @property
    def ignored(self) -> np.ndarray:
        """Trials whose input was ignored."""
        return np.isnan(self.outcomes)


def response_record(name: str) -> ResponseRecord:
    """A recorded evaluation, by name."""
    data = np.load(FOLDER / f"obs_{name}.npz")
    return ResponseRecord(
        responses=data["y"],
        inputs=data["u"] if "u" in data.files else np.zeros(data["y"].shape),
        parameters=np.atleast_1d(data["parameters"]),
        log_likelihood=data["logp"],
        prediction=data["yhat"],
        run=str(data["beliefs"]) if "beliefs" in data.files else "",
    )


def recorded_beliefs(name: str) -> dict[str, SimpleNamespace]:
    """The trajectories of a run as beliefs by node: ``u`` and, except for jget, ``x1``, ``x2``, ..."""
    run = tapas_records.record(name)
    values = run.trajectories
    if run.kind == "jget":
        return {"u": SimpleNamespace(predicted_mean=values["muxhat"][:, 0])}
    nodes = {
        f"x{level + 1}": SimpleNamespace(
            mean=values["mu"][:, level],
            precision=1 / np.where(values["sa"][:, level] > 0, values["sa"][:, level], 1.0),
            predicted_mean=values["muhat"][:, level],
            predicted_precision=1 / values["sahat"][:, level],
        )
        for level in range(run.levels)
    }
    return nodes | {"u": nodes["x1"]}


def categorical_rows() -> np.ndarray:
    """Predicted probabilities of three outcomes, in the trials of ``softmax__cat``."""
    return np.load(FOLDER / "obs_softmax__cat.npz")["predicted"]


def stored(name: str) -> dict[str, np.ndarray]:
    """What the response models read of a run that is not among those of ``tapas_records``."""
    data = np.load(FOLDER / f"beliefs_{name}.npz")
    return {key: data[key] for key in data.files}
