"""Contents: what a file says of graphs, networks, states and of what came out of runs.

A graph is written as a document (docs/format.md), and everything else as the graph it was compiled from, the
settings, and arrays. No structure is written down: it is compiled again, and the numbers are put in their
places, once they are of the shapes and types that belong there.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr

from pynodes._compiler.compile import compile_program
from pynodes._compiler.labels import Kept, Labels
from pynodes._compiler.program import LARGE, Program
from pynodes._core.expansions import AbstractExpansion
from pynodes._core.modules import parameters_of
from pynodes._engine import sweeps
from pynodes._engine.closed_form import ClosedForm
from pynodes._engine.filter import JOINT
from pynodes._errors import FormatError, format_value, quote
from pynodes._graph.document import read_document, to_dict
from pynodes._graph.graph import Graph
from pynodes._graph.library import Library
from pynodes._graph.settings import Settings
from pynodes._keeping.records import FileReader, FileWriter, Keeper, expect, refuse_traced
from pynodes._results.edge_beliefs import keep_couplings
from pynodes._results.simulations import Forecast, Interaction
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.network import Network
from pynodes._runtime.switches import make_switchable
from pynodes.couplings import AbstractCoupling
from pynodes.families import AbstractFamily
from pynodes.nodes import AbstractNode


def write_graph(graph: Graph, file: FileWriter) -> dict[str, Any]:
    """A graph's document."""
    del file
    for name, node in graph.nodes.items():
        refuse_traced([getattr(node, field) for field in parameters_of(node)], f"The node {name!r}")
    for parent, child, coupling in graph.edges:
        refuse_traced(coupling, f"The coupling {parent}->{child}")
    return to_dict(graph)


def read_graph(said: Any, file: FileReader) -> Graph:
    """The graph of a document."""
    return read_document(expect(said, dict, "A graph"), find_library(file))


def find_library(file: FileReader) -> Library:
    """What names in a file stand for; one for all of its graphs, which share what they may ask for."""
    if "library" not in file.shared:
        kinds = [kind for kind in file.own if is_of_graphs(kind)]
        file.shared["library"] = Library(kinds, file.functions)
    return file.shared["library"]


def is_of_graphs(kind: Any) -> bool:
    """Whether something of the user's own may be in a graph; the rest is of fits."""
    bases = AbstractNode | AbstractCoupling | AbstractFamily
    return isinstance(kind, AbstractExpansion) or issubclass(kind, bases)


def write_compiled(labels: Labels, file: FileWriter) -> dict[str, Any]:
    """The graph and the settings that were compiled, and a sign of how all was laid out."""
    return {
        "graph": write_graph(labels.graph, file),
        "settings": settings_to_dict(labels.settings),
        "layout": sign((labels.groups, labels.edges, labels.wires)),
    }


def read_compiled(said: Mapping[str, Any], file: FileReader) -> tuple[Program, Labels]:
    """The graph of a file, compiled as it was.

    Raises
    ------
    FormatError
        It is laid out otherwise here, so that the numbers would go to the wrong places.
    """
    graph = read_graph(said["graph"], file)
    settings = find_library(file).read_settings(expect(said["settings"], dict, "settings"))
    program, labels = compile_program(graph, graph.settings.revise(**settings), ClosedForm())
    if said["layout"] != sign((labels.groups, labels.edges, labels.wires)):
        raise FormatError(
            "This pynodes lays the network out otherwise than the one that wrote the file, so the numbers "
            "would go to the wrong places. Read it with the pynodes that wrote it."
        )
    return program, labels


def write_network(network: Network, file: FileWriter) -> dict[str, Any]:
    """A network's graph with all its numbers: parameters, wiring and switches."""
    program = network.program
    switched = program.edges_on is not None
    leaves = write_tree(program, "The network", file)
    return write_compiled(network.labels, file) | {"switched": switched, "program": leaves}


def read_network(said: Any, file: FileReader) -> Network:
    """The network of a file."""
    said = take(said, "A network", "graph", "settings", "layout", "switched", "program")
    program, labels = read_compiled(said, file)
    if expect(said["switched"], bool, "switched"):
        program = make_switchable(program, labels)
    network = Network(labels=labels, program=program)
    filled = read_tree(program, said["program"], "The network", file, cast=True)
    check_wiring(filled, program)
    return dataclasses.replace(network, program=filled)


def check_wiring(found: Program, expected: Program) -> None:
    """Whole numbers say who is joined to whom: they are those of the graph, which was compiled again.

    Raises
    ------
    FormatError
        They are others.
    """
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if np.asarray(other).dtype.kind in "iu" and not (np.asarray(one) == other).all():
            raise FormatError("The wiring of the network in this file is not that of its graph.")


def write_state(state: State, file: FileWriter) -> dict[str, Any]:
    """A state's graph and what its nodes remember."""
    return write_compiled(state.labels, file) | {"groups": write_memories(state, file)}


def write_memories(state: State, file: FileWriter) -> dict[str, dict[str, int]]:
    """What nodes remember.

    Raises
    ------
    FormatError
        Batches of some nodes are not those of others.
    """
    labels, batches = state.labels, set[tuple[int, ...]]()
    for names, belief, ranks in zip(labels.groups, state.groups, labels.ranks, strict=True):
        if belief is not None:
            pairs = zip(jax.tree.leaves(belief), jax.tree.leaves(ranks), strict=True)
            own = len(names) > 1
            batches |= {np.shape(leaf)[: np.ndim(leaf) - rank - own] for leaf, rank in pairs}
    if len(batches) > 1:
        raise FormatError(
            f"This state is a batch of {quote(sorted(batches))} at once. Its nodes must be of one batch."
        )
    return write_tree(state.groups, "The state", file)


def read_state(said: Any, file: FileReader) -> State:
    """The state of a file."""
    said = take(said, "A state", "graph", "settings", "layout", "groups")
    program, labels = read_compiled(said, file)
    return make_state(program, labels, said["groups"], file)


def make_state(program: Program, labels: Labels, said: Any, file: FileReader) -> State:
    """A state with the numbers of a file, of a program that was compiled again."""
    like = jax.eval_shape(sweeps.start, program)
    return State(labels=labels, groups=read_tree(like, said, "The state", file))


STATUS = ("alive", "bounded", "failed", "grown")
"""The arrays of a status."""


def write_beliefs(beliefs: Trajectories, file: FileWriter) -> dict[str, Any]:
    """All that was recorded, where it ended, and what happened."""
    refuse_traced(beliefs, "What was believed")
    couplings = beliefs.couplings
    return write_compiled(beliefs.labels, file) | {
        "kept": [[group, None if at is None else list(at)] for group, at in beliefs.kept],
        "records": write_groups(beliefs.records, file),
        "surprises": write_groups({g: {"": a} for g, a in beliefs.surprises.items()}, file),
        "observed": write_groups({g: {"": a} for g, a in beliefs.observed.items()}, file),
        "values": write_groups({g: {"": a} for g, a in beliefs.values.items()}, file),
        "interval": file.array(beliefs.interval, "interval"),
        "frozen": file.array(beliefs.frozen, "frozen"),
        "status": {name: file.array(getattr(beliefs.found, name), name) for name in STATUS},
        "final": write_memories(beliefs.final, file),
        "couplings": None
        if couplings is None
        else write_tree(couplings, "What was believed", file),
    }


def read_beliefs(said: Any, file: FileReader) -> Trajectories:
    """The trajectories of a file."""
    said = take(
        *(said, "Trajectories", "graph", "settings", "layout", "kept", "records", "surprises"),
        *("values", "observed", "interval", "frozen", "status", "final", "couplings"),
    )
    program, labels = read_compiled(said, file)
    status = read_status(said["status"], labels, file)
    steps = np.shape(status.alive)
    kept = read_kept(said["kept"], labels)
    rows = {group: len(labels.groups[group]) if at is None else len(at) for group, at in kept}
    every = {group: len(names) for group, names in enumerate(labels.groups)}
    records: dict[int, Any] = read_group_arrays(said["records"], rows, steps, file)
    interval = file.array(said["interval"], "interval")
    if interval.dtype.kind != "f" or interval.shape != steps:
        raise FormatError("'interval' is no series of times, one per step.")
    couplings = said["couplings"]
    return Trajectories(
        labels=labels,
        kept=kept,
        records={group: records.get(group, {}) for group, _ in kept},
        surprises=drop_fields(
            read_group_arrays(said["surprises"], every | {JOINT: 1}, steps, file)
        ),
        values=drop_fields(read_group_arrays(said["values"], every, steps, file)),
        observed=drop_fields(read_group_arrays(said["observed"], every, steps, file)),
        final=make_state(program, labels, said["final"], file),
        found=status,
        interval=interval,
        frozen=read_flags(said["frozen"], "frozen", steps, file),
        couplings=None
        if couplings is None
        else read_tree(keep_couplings(program.couplings), couplings, "What was believed", file),
    )


def read_status(said: Any, labels: Labels, file: FileReader) -> Status:
    """What happened in a run."""
    said = take(said, "A status", *STATUS)
    alive = read_flags(said["alive"], "alive", None, file)
    nodes = (*alive.shape[:-1], len(labels.nodes))
    return Status(
        labels=labels,
        alive=alive,
        bounded=read_flags(said["bounded"], "bounded", alive.shape, file),
        failed=read_flags(said["failed"], "failed", nodes, file),
        grown=read_flags(said["grown"], "grown", nodes, file),
    )


def read_flags(said: Any, name: str, shape: tuple[int, ...] | None, file: FileReader) -> Any:
    """Truth values of a shape; one per step at least, if none is given."""
    array = file.array(said, name)
    if array.dtype != bool or not array.ndim or (shape is not None and array.shape != shape):
        raise FormatError(
            f"{name!r} in a file holds no truth values of the shape that belongs there."
        )
    return array


def write_forecast(forecast: Forecast, file: FileWriter) -> dict[str, Any]:
    """Draws of the future, and of the parameters that they came with."""
    refuse_traced(forecast, "What was drawn")
    return write_compiled(forecast.labels, file) | {
        "kept": [[group, None if at is None else list(at)] for group, at in forecast.kept],
        "records": write_groups({g: {"": a} for g, a in forecast.records.items()}, file),
        "parameters": file.value(forecast.parameters, dict[str, np.ndarray], "parameters"),
    }


def read_forecast(said: Any, file: FileReader) -> Forecast:
    """The draws of a file."""
    said = take(said, "A forecast", "graph", "settings", "layout", "kept", "records", "parameters")
    _, labels = read_compiled(said, file)
    kept = read_kept(said["kept"], labels)
    rows = {group: len(labels.groups[group]) if at is None else len(at) for group, at in kept}
    return Forecast(
        labels=labels,
        kept=kept,
        records=drop_fields(read_group_arrays(said["records"], rows, None, file)),
        parameters=file.value(said["parameters"], dict[str, np.ndarray], "parameters"),
    )


def write_interaction(lived: Interaction, file: FileWriter) -> dict[str, Any]:
    """What an agent believed and did; the environment's state, if it is made of arrays and names."""
    refuse_traced(lived, "What was done")
    arrays = dict[str, np.ndarray]
    return {
        "beliefs": write_beliefs(lived.beliefs, file),
        "actions": file.plain(lived.actions, "actions"),
        "inputs": file.value(lived.inputs, arrays, "inputs"),
        "shown": file.value(lived.shown, arrays, "shown"),
        "world": file.plain(lived.world, "The state of the environment"),
    }


def read_interaction(said: Any, file: FileReader) -> Interaction:
    """The interaction of a file."""
    said = take(said, "An interaction", "beliefs", "actions", "inputs", "shown", "world")
    arrays = dict[str, np.ndarray]
    return Interaction(
        beliefs=read_beliefs(said["beliefs"], file),
        actions=file.plain(said["actions"], "actions"),
        inputs=file.value(said["inputs"], arrays, "inputs"),
        shown=file.value(said["shown"], arrays, "shown"),
        world=file.plain(said["world"], "world"),
    )


def take(said: Any, what: str, *keys: str) -> dict[str, Any]:
    """An object with these entries and no others.

    Raises
    ------
    FormatError
        It is something else.
    """
    expect(said, dict, what)
    if said.keys() != set(keys):
        raise FormatError(f"{what} in a file has other entries than {quote(keys)}.")
    return said


def write_groups(
    groups: Mapping[int, Mapping[str, Any]], file: FileWriter
) -> list[tuple[int, str, dict[str, int]]]:
    """Arrays by group and field, as a list."""
    return [
        (group, field, file.array(values, f"{field or 'A series'} of group {group}"))
        for group, fields in groups.items()
        for field, values in fields.items()
    ]


def read_group_arrays(
    said: Any, members: Mapping[int, int], steps: tuple[int, ...] | None, file: FileReader
) -> dict[int, dict[str, np.ndarray]]:
    """Arrays by group and field: of a step each, and of as many nodes as there are.

    Raises
    ------
    FormatError
        Arrays of other shapes, or of groups that are not there.
    """
    found: dict[int, dict[str, np.ndarray]] = {}
    for each in expect(said, list, "A list of arrays"):
        if not isinstance(each, list) or len(each) != 3 or each[0] not in members:
            raise FormatError(f"{format_value(each)} is no array of a group.")
        group, field, number = each
        array = file.array(number, f"{field!r} of group {group}")
        steps = array.shape[:2] if steps is None else steps
        several = (members[group],) * (members[group] > 1)
        expected = (*steps, *several)
        if array.shape[: len(expected)] != expected or array.dtype.kind not in "fb":
            raise FormatError(
                f"{field!r} of group {group} is {array.dtype} of shape {array.shape}, where real numbers of "
                f"a shape that begins with {expected} belong."
            )
        found.setdefault(group, {})[expect(field, str, "The name of a field")] = array
    check_precision(
        [array for fields in found.values() for array in fields.values()], "The records"
    )
    return found


def drop_fields(groups: Mapping[int, Mapping[str, np.ndarray]]) -> dict[int, Any]:
    """The only array of every group."""
    return {group: next(iter(fields.values())) for group, fields in groups.items()}


def read_kept(said: Any, labels: Labels) -> Kept:
    """The groups whose nodes are kept, and at which positions."""
    found: list[tuple[int, tuple[int, ...] | None]] = []
    for each in expect(said, list, "kept"):
        group, at = expect(each, list, "kept")
        positions = (
            range(len(labels.groups[expect(group, int, "A group")])) if group >= 0 else range(0)
        )
        if at is not None and not all(type(place) is int and place in positions for place in at):
            raise FormatError(f"{format_value(at)} are no positions in group {group}.")
        found.append((group, None if at is None else tuple(at)))
    return tuple(found)


def write_tree(tree: Any, what: str, file: FileWriter) -> dict[str, dict[str, int]]:
    """The numbers of a tree, by the way to each.

    Raises
    ------
    FormatError
        Traced numbers, leaves that are no numbers, or of batches that differ.
    """
    refuse_traced(tree, what)
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {keystr(path): file.array(leaf, f"{what}{keystr(path)}") for path, leaf in leaves}


def read_tree(like: Any, said: Any, what: str, file: FileReader, *, cast: bool = False) -> Any:
    """A tree of the same form as another, with the numbers of a file; in that one's precision if cast.

    Raises
    ------
    FormatError
        Numbers that belong elsewhere, too few of them, or of other types than there.
    """
    expect(said, dict, what)
    paths, form = jax.tree_util.tree_flatten_with_path(like)
    names = [keystr(path) for path, _ in paths]
    if set(names) != said.keys():
        differ = sorted(set(names) ^ said.keys())
        raise FormatError(
            f"{what} in this file has another form than here: they differ in {differ[0]}. It was made by "
            "another pynodes, or by other kinds than those that were given."
        )
    arrays = [file.array(said[name], f"{what}{name}") for name in names]
    batches = {
        find_batch(name, array, leaf, what)
        for name, array, (_, leaf) in zip(names, arrays, paths, strict=True)
    }
    if len(batches) > 1 or 0 in next(iter(batches), ()):
        raise FormatError(f"{what} in this file is a batch of {quote(sorted(batches))} at once.")
    if cast:
        arrays = [cast_array(array, leaf) for array, (_, leaf) in zip(arrays, paths, strict=True)]
    else:
        check_precision(arrays, what)
    return jax.tree.unflatten(form, arrays)


def cast_array(array: np.ndarray, like: Any) -> Any:
    """Numbers of a file in the precision of others, on the device where they are many."""
    if array.dtype.kind != "f":
        return array
    if array.ndim and array.size > LARGE:
        return jnp.asarray(array, jnp.result_type(float))
    return np.asarray(array, like.dtype)


def find_batch(name: str, array: np.ndarray, like: Any, what: str) -> tuple[int, ...]:
    """The batch that comes before the shape of an array, which is of the type and shape that belong there."""
    shape, count = like.shape, array.ndim - len(like.shape)
    same = array.dtype.kind == like.dtype.kind and array.dtype.itemsize in (
        like.dtype.itemsize,
        4,
        8,
    )
    if count < 0 or array.shape[count:] != shape or not same:
        raise FormatError(
            f"{what} in this file has {array.dtype} numbers of shape {array.shape} at {name}, where "
            f"{like.dtype} of shape {shape} belong."
        )
    return array.shape[:count]


def check_precision(arrays: Sequence[np.ndarray], what: str) -> None:
    """Real numbers are all of one precision.

    Raises
    ------
    FormatError
        They are of several.
    """
    found = {array.dtype for array in arrays if array.dtype.kind == "f"}
    if len(found) > 1:
        raise FormatError(
            f"{what} in this file has numbers of {quote(map(str, found))} side by side."
        )


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """Settings as plain values, as a graph's document has them."""
    return to_dict(Graph().with_settings(**vars(settings)))["settings"]


def sign(layout: object) -> int:
    """A number by which a layout is known again."""
    return zlib.crc32(repr(layout).encode())


KEEPERS: dict[type, Keeper] = {
    Graph: Keeper(write_graph, read_graph),
    Network: Keeper(write_network, read_network),
    State: Keeper(write_state, read_state),
    Trajectories: Keeper(write_beliefs, read_beliefs),
    Forecast: Keeper(write_forecast, read_forecast),
    Interaction: Keeper(write_interaction, read_interaction),
}
"""How everything is kept that belongs to no fit."""
