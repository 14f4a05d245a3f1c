"""Compiled: a program with its labels, and the compiled calls that were made of it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from pynodes._compiler.labels import Kept
from pynodes._results.state import State, check_state
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import sweeps
from pynodes._runtime.addressed import Addressed
from pynodes._runtime.calls import Calls
from pynodes._runtime.filter import Run


class Compiled(Addressed):
    """A program with its labels that can be called."""

    @property
    def _calls(self) -> Calls:
        """The compiled calls, made once for each floating-point precision."""
        made = self.__dict__.setdefault("_made", {})
        precision = jax.dtypes.canonicalize_dtype(np.float64)
        if precision not in made:
            made[precision] = Calls.of(self.program)
        return made[precision]

    def _told(
        self, run: Run, status: Status, kept: Kept, observed: dict[int, Any], couplings: Any = None
    ) -> Trajectories:
        """A run by name."""
        return Trajectories(
            labels=self.labels,
            kept=kept,
            records=run.records,
            surprises=run.surprise,
            observed=observed,
            final=State(labels=self.labels, groups=run.final),
            status=status,
            couplings=couplings,
        )

    def _groups(self, start: State | None) -> sweeps.State | None:
        """The groups of a state of this network; None for the initial beliefs."""
        if start is None:
            return None
        check_state(start)
        start.check_for(self.labels)
        return start.groups
