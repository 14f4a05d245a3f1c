"""Compiled: a program with its labels, and the compiled calls that were made of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import numpy as np

from pynodes._compiler.labels import Address, Kept
from pynodes._compiler.program import Program
from pynodes._core.modules import parameters_of
from pynodes._errors import BatchError
from pynodes._results.state import State, check_state
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import sweeps
from pynodes._runtime.addressed import Addressed
from pynodes._runtime.calls import Calls
from pynodes._runtime.filter import Run
from pynodes._runtime.replacement import batch_of


class Compiled(Addressed):
    """A program with its labels that can be called."""

    @cached_property
    def _single(self) -> Program:
        """The program, of one network.

        Raises
        ------
        BatchError
            It is that of several.
        """
        known = (
            Address("nodes", group, field, 0, spec["rank"])
            for group, node in enumerate(self.program.nodes)
            for field, spec in parameters_of(node).items()
        )
        where = next(known, None)
        batch = () if where is None else batch_of(self.program, where)
        if batch:
            raise BatchError(
                f"This is a batch of networks, of shape {batch}, and one is needed. Use jax.vmap over the "
                "batch: jax.vmap(lambda network: network.filter(inputs))(networks)."
            )
        return self.program

    @property
    def _calls(self) -> Calls:
        """The compiled calls, made once for each floating-point precision."""
        made = self.__dict__.setdefault("_made", {})
        precision = jax.dtypes.canonicalize_dtype(np.float64)
        if precision not in made:
            made[precision] = Calls.of(self._single)
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
