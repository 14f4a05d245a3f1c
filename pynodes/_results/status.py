"""Status: whether filtering went well, and if not, where and what to do."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.modules import Module, aside, choice, is_traced, namespace_of
from pynodes._errors import FilterError
from pynodes._results.breakdown import explain_failure, explain_growth
from pynodes._results.plausibility import Doubt, find_doubts
from pynodes._typing import Array


class Status(Module):
    """Status of a run: failures and doubts, as arrays, and as messages on request.

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
    beliefs
        The run, which is looked at when somebody asks whether it is plausible; None if it is not known.
    """

    labels: Labels = choice()
    alive: Array
    bounded: Array
    failed: Array
    grown: Array
    beliefs: Any = aside()

    @property
    def ok(self) -> Array:
        """Whether no belief failed. A run may be implausible all the same: see :attr:`plausible`."""
        xp = namespace_of(self.alive)
        return xp.all(xp.atleast_1d(self.alive), axis=-1)

    @property
    def plausible(self) -> bool:
        """Whether no belief broke down, no growth was bounded, and :attr:`doubts` is empty."""
        return self.step is None

    @cached_property
    def doubts(self) -> list[Doubt]:
        """In which ways beliefs left what the data can mean, the earliest first.

        Logits so far out that no series could tell them; log variances moved as far by their parents;
        moves of a thousand predicted standard deviations; hundreds of outcomes predicted worse than by a
        guess that knows nothing; nodes that should settle together and had not. Of nodes whose beliefs
        were kept.
        """
        self._check_single()
        return [] if self.beliefs is None else find_doubts(self.beliefs)

    @property
    def step(self) -> int | None:
        """Where a belief broke down, or else where the run first left what is plausible; or None."""
        self._check_single()
        if not np.all(self.alive):
            return int(np.argmin(self.alive))
        doubt = self._first_doubt
        if doubt is not None:
            return doubt.step
        return int(np.argmax(self.bounded)) if np.any(self.bounded) else None

    @property
    def _first_doubt(self) -> Doubt | None:
        """The first doubt, unless a growth was bounded before."""
        if not self.doubts:
            return None
        late = np.any(self.bounded) and self.doubts[0].step > np.argmax(self.bounded)
        return None if late else self.doubts[0]

    @property
    def nodes(self) -> list[str]:
        """The nodes that broke down at :attr:`step`, or else that grew at the bound or are in doubt."""
        if self.step is None:
            return []
        if np.all(self.alive) and self._first_doubt is not None:
            return list(dict.fromkeys(doubt.node for doubt in self.doubts))
        return self._name_flagged(self.grown if np.all(self.alive) else self.failed)

    def _name_flagged(self, flags: Array) -> list[str]:
        """Nodes of which a flag is up, in the order of the graph."""
        names = [name for group in self.labels.groups for name in group]
        found = {name for name, flag in zip(names, np.asarray(flags), strict=True) if flag}
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
        if not np.all(self.alive):
            said = explain_failure(self.labels, self.nodes, step, self.beliefs)
            if not np.any(self.bounded):
                return said
            grown = self._name_flagged(self.grown)
            return f"{said} {explain_growth(self.labels, grown, int(np.argmax(self.bounded)))}"
        doubt = self._first_doubt
        return explain_growth(self.labels, self.nodes, step) if doubt is None else doubt.message

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
        if is_traced(self.alive) or np.ndim(self.alive) > 1:
            return "Status(of several runs)"
        return f"Status({self.message!r})"

    def _check_single(self) -> None:
        if is_traced(self.alive) or np.ndim(self.alive) > 1:
            raise ValueError(
                "This status covers several runs: read .ok, .alive and .bounded instead."
            )
