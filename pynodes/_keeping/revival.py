"""Revival: what a file says, as the graph, network, state or trajectories that it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from pynodes._compiler.compile import compiled
from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._errors import FormatError
from pynodes._graph.document import from_dict
from pynodes._graph.graph import Graph
from pynodes._graph.library import Kinds, Library
from pynodes._keeping.contents import Content, layout_of, sign
from pynodes._keeping.leaves import Leaves, tree_of
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime import sweeps
from pynodes._runtime.network import Network
from pynodes._runtime.switches import switchable


@dataclasses.dataclass(frozen=True)
class Named:
    """The nodes behind a failure, as they were found before it was written down."""

    nodes: tuple[str, ...]

    def __call__(self, what: str, step: int) -> list[str]:
        """Their names."""
        del what, step
        return list(self.nodes)


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads with the kinds and functions of the user.

    Attributes
    ----------
    kinds, functions
        As :meth:`Graph.from_dict` takes them.
    """

    kinds: Kinds
    functions: Mapping[str, Any]

    def graph(self, content: Content) -> Graph:
        """The graph of a file."""
        return from_dict(content.said["graph"], self.kinds, self.functions)

    def network(self, content: Content) -> Network:
        """The network of a file."""
        program, labels = self.compiled(content)
        if content.said["switched"]:
            program = switchable(program)
        network = Network(labels=labels, program=program)
        check_layout(content.said["layout"], sign(layout_of(labels)))
        filled = tree_of(program, content.arrays["program"], "The network")
        return dataclasses.replace(network, program=filled)

    def state(self, content: Content) -> State:
        """The state of a file."""
        return remembered(*self.compiled(content), content)

    def trajectories(self, content: Content) -> Trajectories:
        """The trajectories of a file."""
        program, labels = self.compiled(content)
        arrays, said = content.arrays, content.said
        check_layout(said["layout"], sign(layout_of(labels)))
        couplings = None
        if "couplings" in arrays:
            couplings = tree_of(program.couplings, arrays["couplings"], "What was believed")
        records: dict[int, dict[str, Any]] = {}
        for place, values in arrays["records"].items():
            group, _, field = place.partition("/")
            records.setdefault(int(group), {})[field] = values
        kept = tuple((g, None if at is None else tuple(at)) for g, at in said["kept"])
        named = tuple(said["named"])
        return Trajectories(
            labels=labels,
            kept=kept,
            records={group: records.get(group, {}) for group, _ in kept},
            surprises=by_group(arrays["surprises"]),
            observed=by_group(arrays["observed"]),
            final=remembered(program, labels, content),
            status=Status(explain=Named(named) if named else None, **status_of(arrays["status"])),
            couplings=couplings,
        )

    def compiled(self, content: Content) -> tuple[Program, Labels]:
        """The graph of a file, compiled as it was."""
        graph = self.graph(content)
        settings = Library(self.kinds, self.functions).settings(content.said["settings"])
        program, labels = compiled(graph, graph.settings.revised(**settings))
        check_layout(content.said["groups"], sign(labels.groups))
        return program, labels


def remembered(program: Program, labels: Labels, content: Content) -> State:
    """The state of a file, of a program that was compiled again."""
    like = jax.eval_shape(sweeps.start, program)
    return State(labels=labels, groups=tree_of(like, content.arrays["state"], "The state"))


def by_group(leaves: Leaves) -> dict[int, Any]:
    """Arrays by the number of their group."""
    return {int(group): values for group, values in leaves.items()}


def status_of(leaves: Leaves) -> dict[str, Any]:
    """The arrays of a status, which are these two."""
    return {name: leaves[name] for name in ("alive", "bounded")}


def check_layout(said: object, found: int) -> None:
    """What was compiled again is laid out as it was."""
    if said != found:
        raise FormatError(
            "This pynodes lays the network out otherwise than the one that wrote the file, so the numbers "
            "would go to the wrong places. Read it with the pynodes that wrote it."
        )
