"""What was kept of some nodes, by name."""

from __future__ import annotations

from collections.abc import Iterator

from pynodes._compiler.labels import Kept, Labels
from pynodes._core.modules import Module, choice


class KeptByName(Module):
    """A collection of the names of the nodes of which something was kept, in the graph's order."""

    labels: Labels = choice()
    kept: Kept = choice()

    @property
    def names(self) -> list[str]:
        """Names of the nodes of which something was kept, in the graph's order."""
        return [name for name in self.labels.nodes if self._column(name) is not None]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def _column(self, name: str) -> tuple[int, int | None] | None:
        """Group of a node, and its column in what was kept of the group; None if nothing was."""
        return self.labels.column(name, self.kept)
