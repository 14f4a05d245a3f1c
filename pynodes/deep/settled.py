"""Settled: the values of a graph that a scheme found, by node name; and the call that finds them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._compiler.labels import Labels
from pynodes._errors import InputError, UnknownNodeError, nearest, quote
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.energy import apply_rule, node_energies, predicted_means, sum_block_inlets
from pynodes.deep.layout import VARIABLE, Layout, find_roles, lay_out
from pynodes.deep.numbers import Numbers, lay_out_numbers
from pynodes.deep.problem import PointResult, Record, measure_status
from pynodes.deep.reading import Data, as_values, count_codes, make_point_problem, read_data
from pynodes.deep.scheme import AbstractPointScheme, check_numbers
from pynodes.deep.settle import Settle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNSETTLED = 0.1
"""Share of the largest slope at the start above which a node has not settled."""


class UnsettledWarning(UserWarning):
    """Values that were still moving when a scheme stopped."""


@dataclasses.dataclass(frozen=True)
class SettledNode:
    """What was found of one node.

    Attributes
    ----------
    value
        Its values, samples first.
    error
        Value minus what its parents predict.
    force
        Slope of its energy along what comes in from its parents, by inlet.
    energy
        Its energy, sample by sample; zero where nothing depends on it.
    """

    value: Array
    error: Array
    force: dict[str, Array]
    energy: Array


@dataclasses.dataclass(frozen=True)
class Settled(Mapping[str, SettledNode]):
    """Values of a graph, found by a scheme; by node name.

    Attributes
    ----------
    energy
        Energy, summed over nodes, sample by sample.
    energies
        By node, as a mean over samples; zero where nothing depends on a node.
    status
        By node that was free: how steep the energy still was, relative to the steepest node at the start.
        0 is settled, 1 has not begun.
    trace
        By node, the mean energy before each step and after the last, if ``record="steps"``.
    path
        By node that was free, its values before each step and after the last, if ``record="values"``.
    """

    nodes: dict[str, SettledNode]
    energy: Array
    energies: dict[str, Array]
    status: dict[str, float]
    trace: dict[str, Array] | None = None
    path: dict[str, Array] | None = None

    def __getitem__(self, name: str) -> SettledNode:
        if name not in self.nodes:
            raise UnknownNodeError(f"There is no node {name!r}. {nearest(name, self.nodes)}")
        return self.nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def settled(self) -> bool:
        """Whether no node is still moving by much."""
        return all(np.all(share <= UNSETTLED) for share in self.status.values())

    def plot(self, node: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw energies over steps, or the values of a node's units, as far as they were recorded."""
        from pynodes.plotting.deep import plot_settling

        return plot_settling(self, node, ax=ax)

    def __repr__(self) -> str:
        return f"Settled({len(self.nodes)} nodes, energy {float(np.mean(self.energy)):.4g})"


@boundary
def settle(
    network: Network,
    values: Mapping[str, Any],
    scheme: AbstractPointScheme | None = None,
    *,
    start: Mapping[str, Any] | None = None,
    key: Array | int = 0,
    record: str | None = None,
) -> Settled:
    """Find the values of all nodes that are not given.

    Where all that is free lies below what is given, the forward pass is the answer and no scheme runs.

    Parameters
    ----------
    network
        The network.
    values
        Values by node name, samples first. An element that is NaN is free.
    scheme
        How; 100 steps of :class:`Settle` by default.
    start
        Values of free nodes to begin at; by default the forward pass.
    key
        A JAX random key or a seed, for schemes that draw.
    record
        ``"steps"`` for energies before each step, ``"values"`` for values too.

    Raises
    ------
    InputError
        Values that do not fit their nodes.
    """
    check_network(network)
    scheme = Settle(steps=100) if scheme is None else require_scheme(scheme)
    data = read_data(network.labels, values)
    begun = read_start(network.labels, start or {}, data)
    layout = lay_out_for(network, data, scheme)
    numbers = lay_out_numbers(network, layout)
    parts, found = run_settle(
        layout,
        numbers,
        scheme,
        data.arrays,
        data.masks,
        data.count,
        begun.arrays,
        make_key(key),
        read_record(record, scheme),
    )
    settled = collect(layout, parts, found, data)
    if not settled.settled:
        warn_of(settled.status)
    return settled


def read_start(labels: Labels, start: Mapping[str, Any], data: Data) -> Data:
    """Values to begin at: whole ones, of nodes that are free, of as many samples as are given.

    Raises
    ------
    InputError
        Others.
    """
    begun = read_data(labels, start, "start")
    given = [name for name in start if name in data.whole]
    if given:
        raise InputError(
            f"start says where {quote(given)} begins, and the values give it. Leave it out of one of both."
        )
    gaps = [name for name in start if name in begun.masks or name not in begun.arrays]
    if gaps:
        raise InputError(f"start has NaN in {quote(gaps)}. Give a number for every element.")
    if begun.arrays and data.arrays and (begun.count, begun.single) != (data.count, data.single):
        raise InputError(
            f"start has {begun.count} samples and the values {data.count}. Give a start for each."
        )
    return begun


def read_question(
    network: Network, values: Mapping[str, Any], scheme: object, key: Any
) -> tuple[Layout, Numbers, AbstractPointScheme, dict[str, Any], dict[str, Any], int, Array]:
    """What a program needs to find free values: layout, numbers, scheme, arrays, masks, count and key."""
    check_network(network)
    asked = require_scheme(scheme)
    data = read_data(network.labels, values)
    layout = lay_out_for(network, data, asked)
    numbers = lay_out_numbers(network, layout)
    return layout, numbers, asked, data.arrays, data.masks, data.count, make_key(key)


def check_network(network: object) -> None:
    """Refuse what is no network."""
    if not isinstance(network, Network):
        raise InputError(
            f"A network is needed, as graph.compile(key=0) makes one, not a {type(network).__name__}."
        )


def require_scheme(scheme: object) -> AbstractPointScheme:
    """Refuse what is no scheme on points."""
    if not isinstance(scheme, AbstractPointScheme):
        raise InputError(
            f"scheme must be a scheme on points, such as pynodes.deep.Settle(steps=20), not {scheme!r}."
        )
    check_numbers(scheme, arrays=True)
    return scheme


def make_key(key: Any) -> Array:
    """A random key, from one or from a seed."""
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return jax.random.key(key)
    if not isinstance(key, jax.Array):
        raise InputError(
            f"key must be a whole number or a JAX random key, such as jax.random.key(0), not {key!r}."
        )
    return key


def read_record(record: str | None, scheme: Any) -> Record | None:
    """What is kept of a scheme's steps."""
    if record is None:
        return None
    if record not in ("steps", "values"):
        raise InputError(f"record must be 'steps', 'values' or None, not {record!r}.")
    return Record(int(getattr(scheme, "steps", 0)), record == "values")


def lay_out_for(network: Network, data: Data, scheme: AbstractPointScheme) -> Layout:
    """The layout of a network for what is given, in the turns of a scheme."""
    labels = network.labels
    partly = tuple(data.masks)
    roles = find_roles(labels, data.whole, partly, scheme.draws)
    coded = {n for n, _, coupling in labels.graph.edges if count_codes(coupling)}
    for name, role in roles.items():
        if role in VARIABLE and name in coded:
            raise InputError(
                f"{name!r} holds codes, which an edge looks up, and is not given as a whole: codes cannot be "
                f"found by steps. Give {name!r}."
            )
        if role in VARIABLE and labels.graph.nodes[name].discrete:
            raise InputError(
                f"{name!r} is a {type(labels.graph.nodes[name]).__name__} that is not given as a whole, "
                "and what is given depends on it: one of a few values cannot be found by steps. Give it, "
                "or make it a Layer."
            )
    turns = scheme.take_turns(labels, roles)
    return lay_out(labels, data.whole, partly, turns, scheme.draws)


@partial(jax.jit, static_argnames=("layout", "count", "record"))
def run_settle(
    layout: Layout,
    numbers: Numbers,
    scheme: AbstractPointScheme,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    count: int,
    begun: dict[str, Any],
    key: Array,
    record: Record | None,
) -> Any:
    """What a scheme finds, and what there is to say of every block."""
    problem = make_point_problem(layout, numbers, arrays, masks, count)
    if begun:
        problem = dataclasses.replace(problem, begun=place_start(layout, numbers, begun))
    found = scheme.find_free(problem, key, record if layout.variables else None)
    values = problem.finish(found.variables)
    terms = node_energies(layout, numbers, values, problem.all_weighs())
    errors, forces = {}, {}
    for index in range(len(layout.blocks)):
        errors[index], forces[index] = find_errors(layout, numbers, values, index)
    status = {} if scheme.draws else measure_status(problem, found)
    return (values, errors, forces, terms, status), found


def place_start(layout: Layout, numbers: Numbers, begun: Mapping[str, Any]) -> dict[int, Any]:
    """Values to begin at, by block and position; None where there are none."""
    return {
        index: tuple(
            as_values(numbers.nodes[index], begun[name]) if name in begun else None
            for name in block.names
        )
        for index, block in enumerate(layout.blocks)
        if any(name in begun for name in block.names)
    }


def find_errors(
    layout: Layout, numbers: Numbers, values: Mapping[int, Array], index: int
) -> tuple[Array, dict[str, Array]]:
    """How far a block is from its prediction, and the force at its inlets."""
    node, inlet = numbers.nodes[index], sum_block_inlets(layout, numbers, values, index)
    fed = {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}
    unfed = {name: sent for name, sent in inlet.items() if not jnp.ndim(sent)}

    def look(node: Any, value: Array, fed: Any) -> Any:
        return jax.grad(lambda fed: jnp.sum(node.energy(value, unfed | fed)))(fed)

    force = apply_rule(look, layout.blocks[index].size)(node, values[index], fed)
    return values[index] - predicted_means(layout, numbers, values, index), force


def collect(layout: Layout, parts: Any, found: PointResult, data: Data) -> Settled:
    """Everything by name, on the host unless traced."""
    values, errors, forces, terms, steepness = parts

    def of(tree: Any, index: int, position: int, axis: int = 0) -> Any:
        block = layout.blocks[index]

        def take(leaf: Any) -> Any:
            return leaf if block.size == 1 else jnp.take(leaf, position, axis)

        return jax.tree.map(take, tree)

    def sample(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[0], tree) if data.single else tree

    nodes, means = {}, {}
    for name, (index, position) in layout.places.items():
        value = of(values[index], index, position)
        energy = of(terms[index], index, position) if index in terms else jnp.zeros(data.count)
        nodes[name] = SettledNode(
            value=sample(value),
            error=sample(of(errors[index], index, position)),
            force=sample(of(forces[index], index, position)),
            energy=sample(energy),
        )
        means[name] = jnp.mean(energy)
    status = name_status(layout, steepness)
    by_name = None if found.trace is None else split_blocks(layout, found.trace, 1)
    path = None if found.path is None else split_blocks(layout, found.path, 1)
    return Settled(
        nodes=nodes,
        energy=sum((node.energy for node in nodes.values()), start=jnp.zeros(())),
        energies=means,
        status=status,
        trace=by_name,
        path=path,
    )


def split_blocks(layout: Layout, blocks: Mapping[int, Array], axis: int) -> dict[str, Array]:
    """What is there by block, by name; positions along an axis."""
    return {
        name: blocks[index]
        if layout.blocks[index].size == 1
        else jnp.take(blocks[index], position, axis)
        for name, (index, position) in layout.places.items()
        if index in blocks
    }


def name_status(layout: Layout, steepness: Mapping[int, Array]) -> dict[str, float]:
    """How steep the energy is, by name."""
    return {
        layout.blocks[index].names[position]: float(np.ravel(size)[position])
        for index, size in steepness.items()
        for position in range(layout.blocks[index].size)
    }


def warn_of(status: Mapping[str, float]) -> None:
    """Say which nodes were still moving."""
    moving = [name for name, share in status.items() if not share <= UNSETTLED]
    most = max(status[name] for name in moving)
    warnings.warn(
        f"{quote(moving)} had not settled: the energy was still {most:.2g} times as steep as at the start. "
        "Take more steps, or a scheme that needs fewer, such as GaussNewton.",
        UnsettledWarning,
        stacklevel=4,
    )
