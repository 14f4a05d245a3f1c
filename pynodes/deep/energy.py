"""Energy of a layout at values: the sum of the surprises of its nodes, their parents at their values.

Everything that schemes, learning and inspection need is a derivative of one term of that sum. Rules are
written for one node and one sample; samples are a ``vmap`` with shared weights, so that every edge is one
matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._typing import Array
from pynodes.couplings import AbstractArrayCoupling
from pynodes.deep.layout import Layout, Slot, Where
from pynodes.deep.numbers import Numbers

Values: TypeAlias = Mapping[int, Array]
"""Values of blocks, samples first; of a block of several nodes, the nodes before the samples."""


def node_energies(
    layout: Layout,
    numbers: Numbers,
    values: Values,
    weighs: Values,
    terms: Sequence[int] | None = None,
) -> dict[int, Array]:
    """Energy of every node that counts, sample by sample.

    Parameters
    ----------
    layout, numbers
        The graph.
    values
        A value of every block.
    weighs
        By what the energy of a block's elements is multiplied; those that are not there count in full.
    terms
        Blocks to look at; all that count by default.

    Returns
    -------
    By block, of shape (samples,) or (nodes, samples).
    """
    found = {}
    for index in layout.terms if terms is None else terms:
        node = numbers.nodes[index]
        inlet = sum_block_inlets(layout, numbers, values, index)

        def measure(node: Any, value: Array, inlet: Any, weigh: Any) -> Array:
            term = node.energy(value, inlet)
            return jnp.sum(term if weigh is None else term * weigh)

        rule = apply_rule(measure, layout.blocks[index].size)
        found[index] = rule(node, values[index], inlet, weighs.get(index))
    return found


def total_energy(terms: Mapping[int, Array]) -> Array:
    """The sum over nodes and samples."""
    return sum((jnp.sum(term) for term in terms.values()), start=jnp.zeros(()))


def sum_block_inlets(
    layout: Layout, numbers: Numbers, values: Values, index: int
) -> dict[str, Any]:
    """What the parents of a block's nodes contribute, summed by inlet; zero where nobody does."""
    block = layout.blocks[index]
    totals: dict[str, Any] = dict.fromkeys(numbers.nodes[index].inlets, 0.0)
    for slot, coupling in zip(block.slots, numbers.couplings[index], strict=True):
        parents = gather_slot(layout, values, slot)
        for inlet, sent in apply_rule(contribute, block.size)(coupling, parents).items():
            totals[inlet] = totals[inlet] + sent
    return totals


def contribute(coupling: Any, value: Array) -> dict[str, Array]:
    """What a parent at a value adds to its child, by inlet; one edge, one sample."""
    if isinstance(coupling, AbstractArrayCoupling):
        return {coupling.inlet: coupling.contribution(value)}
    return coupling.predict(Gaussian.certain(value), jnp.ones(()))


def apply_rule(rule: Callable[..., Any], size: int) -> Callable[..., Any]:
    """A rule for one node or edge and one sample, applied to all of a block's and to all samples.

    The first argument is the node or coupling, alike for all samples.
    """

    def apply(module: Any, *args: Any) -> Any:
        axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, args)
        count = next(jnp.shape(leaf)[size > 1] for leaf in jax.tree.leaves(args) if jnp.ndim(leaf))
        over = jax.vmap(rule, in_axes=(None, *axes), axis_size=count)
        if size == 1:
            return over(module, *args)
        return jax.vmap(over, in_axes=(0, *axes), axis_size=size)(module, *args)

    return apply


def gather_slot(layout: Layout, values: Values, slot: Slot) -> Array:
    """The values of the parents along one slot, in the order of its edges."""
    sizes = [block.size for block in layout.blocks]
    if len(slot.parents) == 1:
        return value_at(values, sizes, slot.parents[0])
    ranges: list[tuple[int, int, int]] = []
    for index, position in slot.parents:
        if ranges and ranges[-1][0] == index and ranges[-1][2] == position:
            ranges[-1] = (index, ranges[-1][1], position + 1)
        else:
            ranges.append((index, position, position + 1))
    parts = [
        (values[index] if sizes[index] > 1 else values[index][None])[first:last]
        for index, first, last in ranges
    ]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def value_at(values: Values, sizes: Sequence[int], where: Where) -> Array:
    """The value of one node."""
    index, position = where
    return values[index] if sizes[index] == 1 else values[index][position]


def predicted_means(layout: Layout, numbers: Numbers, values: Values, index: int) -> Array:
    """What the parents of a block's nodes predict of them, at values."""
    inlet = sum_block_inlets(layout, numbers, values, index)

    def mean(node: Any, value: Array, inlet: Any) -> Array:
        del value
        return node.predict(node.init(), inlet, jnp.ones(())).predicted_mean

    return apply_rule(mean, layout.blocks[index].size)(numbers.nodes[index], values[index], inlet)


def node_at(size: int, position: int, tree: Any) -> Any:
    """What belongs to one node of a block."""
    return tree if size == 1 else jax.tree.map(lambda leaf: leaf[position], tree)


def beside(mask: Array, value: Array) -> Array:
    """A mask of samples, or of their elements, in the dimensions of values."""
    return jnp.reshape(mask, (*jnp.shape(mask), *(1,) * (jnp.ndim(value) - jnp.ndim(mask))))
