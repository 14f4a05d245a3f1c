"""Prospect: what a network predicts of a step, by name, before anything is observed."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import sweeps
from pynodes._runtime.edges import Beliefs
from pynodes._runtime.filter import reported


def prospect(
    labels: Labels, program: Program, predicted: Beliefs, before: sweeps.State
) -> Trajectories:
    """The beliefs of a step that was predicted but not yet observed, with fields of one step.

    Posteriors are what they would be if nothing came: the predictions. ``.final`` is the state from
    which the step was predicted.
    """
    groups = range(len(labels.groups))
    return Trajectories(
        labels=labels,
        kept=tuple((group, None) for group in groups),
        records={group: reported(program, group, predicted, None) for group in groups},
        surprises={},
        observed={},
        final=State(labels=labels, groups=before),
        status=Status(alive=jnp.array(True), bounded=jnp.array(False)),
    )
