"""Scheme: how beliefs are found between the two sweeps of a step."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar


@dataclasses.dataclass(frozen=True)
class AbstractScheme(abc.ABC):
    """How the beliefs of a graph are found, given what every node predicts and what was observed.

    A scheme is a frozen, hashable value: part of a network's structure, as its expansion is. A subclass
    says it in :meth:`infer`, and in ``learns_in_part`` whether it minds gates between 0 and 1;
    ``pynodes.testing.check_scheme`` holds it to the laws of every scheme.
    """

    learns_in_part: ClassVar[bool] = False

    @abc.abstractmethod
    def infer(self, program: Any, beliefs: Any, seen: Any, dt: Any, gates: Any) -> Any:
        """Posterior beliefs of one step.

        Parameters
        ----------
        program
            The compiled graph, with the parameters of this step.
        beliefs
            What every group of nodes predicts, by the group's number.
        seen
            Observed values by group, and which of them were observed.
        dt
            Time since the previous step.
        gates
            Which nodes may learn, by group; groups whose nodes all may are left out.

        Returns
        -------
        The beliefs by group, and which nodes of each group learned something.
        """

    def report(self, program: Any, index: int, belief: Any) -> dict[str, Any]:
        """What the scheme reports of a group besides what its nodes do, as an array by field."""
        return {}

    def evidence_gain(self, beliefs: Any) -> Any:
        """Log evidence of all inputs of a step together, less that of each by itself.

        None where their surprises are summed.
        """
        return None
