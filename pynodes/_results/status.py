"""Status: whether filtering went well, and if not, where and what to do."""

from __future__ import annotations

import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.arithmetic import LIMIT
from pynodes._core.modules import Module, choice, namespace_of, traced
from pynodes._errors import FilterError, listed
from pynodes._typing import Array


class Status(Module):
    """What happened in a run: arrays, which are put into words when somebody asks.

    Attributes
    ----------
    alive
        Whether no belief had broken down yet, by step.
    bounded
        Whether a log growth reached its bound, by step.
    failed
        Whether a node broke down at the step at which the first one did, for every node in the order of
        the network's groups.
    grown
        Whether a node's log growth ever reached its bound, likewise.
    """

    labels: Labels = choice()
    alive: Array
    bounded: Array
    failed: Array
    grown: Array

    @property
    def ok(self) -> Array:
        """Whether every step went well; growth at its bound is well enough."""
        xp = namespace_of(self.alive)
        return xp.all(xp.atleast_1d(self.alive), axis=-1)

    @property
    def step(self) -> int | None:
        """The step at which a belief broke down, or else first grew at the bound; None if neither."""
        self._check_single()
        if not np.all(self.alive):
            return int(np.argmin(self.alive))
        return int(np.argmax(self.bounded)) if np.any(self.bounded) else None

    @property
    def nodes(self) -> list[str]:
        """The nodes that broke down at :attr:`step`, or else those that grew at the bound."""
        if self.step is None:
            return []
        names = [name for group in self.labels.groups for name in group]
        flags = np.asarray(self.grown if np.all(self.alive) else self.failed)
        found = {name for name, flag in zip(names, flags, strict=True) if flag}
        return [name for name in self.labels.nodes if name in found]

    @property
    def node(self) -> str | None:
        """The first of :attr:`nodes`."""
        return next(iter(self.nodes), None)

    @property
    def message(self) -> str:
        """What happened, where, and what to do."""
        step = self.step
        if step is None:
            return "Every step went well."
        nodes = self.nodes
        who = f"of {listed(nodes)} " if nodes else ""
        if np.all(self.alive):
            return (
                f"The log growth of variance {who}exceeded {LIMIT:g} at step {step} and was bounded. Its "
                "volatility, or that of a volatility parent, is far outside any plausible range: lower "
                "tonic_volatility."
            )
        return (
            f"The precision {who}fell to zero or below at step {step}. The expansion of the evidence around "
            "the prediction does not hold there. With the 'standard' expansion, use 'enhanced' or "
            "'unbounded'; with a nonlinear value coupling, lower its strength or the tonic_volatility of "
            "the parent; with many value parents of one child, whose steps add up, their strengths. "
            "A learner has no precision that falls: its beliefs grew beyond all bounds; lower its rate."
        )

    def check(self) -> None:
        """Raise if a belief broke down.

        Raises
        ------
        FilterError
            With :attr:`message`.
        """
        if not np.all(np.asarray(self.alive)):
            raise FilterError(self.message)

    def __repr__(self) -> str:
        if traced(self.alive) or np.ndim(self.alive) > 1:
            return "Status(of several runs)"
        return f"Status({self.message!r})"

    def _check_single(self) -> None:
        if traced(self.alive) or np.ndim(self.alive) > 1:
            raise ValueError(
                "This status covers several runs: read .ok, .alive and .bounded instead."
            )
