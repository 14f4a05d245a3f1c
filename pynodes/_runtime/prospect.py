"""Prospect: what a network predicts of a step, by name, before anything is observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._engine import sweeps
from pynodes._engine.filter import report_groups
from pynodes._errors import FieldError
from pynodes._results.node_beliefs import NodeBeliefs
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories


def look_ahead(
    labels: Labels, program: Program, predicted: Mapping[int, Any], before: sweeps.State
) -> Trajectories:
    """The beliefs of a step that was predicted but not yet observed, with fields of one step.

    Posteriors are what they would be if nothing came: the predictions. ``.final`` is the state from
    which the step was predicted.
    """
    kept = tuple((group, None) for group in range(len(labels.groups)))
    none = jnp.zeros(len(labels.nodes), bool)
    status = Status(
        labels=labels, alive=jnp.array(True), bounded=jnp.array(False), failed=none, grown=none
    )
    return Trajectories(
        labels=labels,
        kept=kept,
        records=report_groups(program, predicted, kept),
        surprises={},
        values={},
        observed={},
        final=State(labels=labels, groups=before),
        found=status,
    )


class PredictedBeliefs:
    """A step's beliefs as a response may read them while it acts: what is predicted, nothing else.

    A posterior belief would be read as if nothing had been observed in any step, so that the response
    would be another one in the loop than it is given the beliefs of the whole life.
    """

    def __init__(self, beliefs: Trajectories) -> None:
        self._beliefs, self.status = beliefs, beliefs.status

    def __getitem__(self, name: str) -> PredictedFields:
        return PredictedFields(name, self._beliefs[name])


class PredictedFields:
    """The predicted fields of one node, as attributes.

    Raises
    ------
    FieldError
        A field that is known only once the step is over.
    """

    def __init__(self, name: str, beliefs: NodeBeliefs) -> None:
        self._name, self._beliefs = name, beliefs

    def __getattr__(self, field: str) -> Any:
        value = getattr(self._beliefs, field)
        if field.startswith("predicted_") or field == "effective_precision":
            return value
        raise FieldError(
            f"The response reads {field!r} of {self._name!r}, which is known only after the observation that "
            "follows its action. Let it read predictions, such as 'predicted_mean'; or simulate it "
            "afterwards, with response.sample(key, life.beliefs)."
        )
