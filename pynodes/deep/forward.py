"""Forward: values that follow from those that are known, parents first, and their energies on the way.

Edges that are fed back are no part of the pass; what they add to energies follows once all values are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._typing import Array
from pynodes.deep.energy import (
    Values,
    apply_rule,
    beside,
    contribute,
    node_at,
    node_energies,
    sum_block_inlets,
)
from pynodes.deep.layout import BARREN, Layout, Where
from pynodes.deep.numbers import Numbers
from pynodes.deep.stages import Link, Repetition, find_stages


def predict_forward(
    layout: Layout,
    numbers: Numbers,
    known: Values,
    masks: Values,
    count: int,
    errors: Values,
    weighs: Values,
) -> tuple[dict[int, Array], dict[int, Array], dict[int, Any]]:
    """Values that follow from those that are known, and the energies of all nodes that count.

    Parameters
    ----------
    layout, numbers
        The graph.
    known
        Values of blocks; of those that are masked where they are.
    masks
        Which elements are known, for blocks of which some are.
    count
        Number of samples.
    errors
        By how much the values of blocks lie beside their predictions.
    weighs
        By what energies are multiplied.

    Returns
    -------
    A value of every block; the energy of every node that counts, sample by sample; and what came in at
    every block with parents that was visited.
    """
    return Forward(layout, numbers, known, masks, count, errors, weighs).run()


class Forward:
    """One forward pass, node by node; what is known of each block in pieces."""

    def __init__(
        self,
        layout: Layout,
        numbers: Numbers,
        known: Values,
        masks: Values,
        count: int,
        errors: Values,
        weighs: Values,
    ) -> None:
        self.layout, self.numbers, self.count = layout, numbers, count
        self.known, self.masks, self.errors, self.weighs = known, masks, errors, weighs
        self.whole = {index: value for index, value in known.items() if index not in masks}
        self.values: dict[int, dict[int, Array]] = {}
        self.terms: dict[int, dict[int, Array]] = {}
        self.inlets: dict[int, dict[int, Any]] = {}

    def run(self) -> tuple[dict[int, Array], dict[int, Array], dict[int, Any]]:
        """All stages, then everything block by block."""
        rootless = [
            i
            for i in self.whole
            if not self.layout.blocks[i].slots or self.layout.blocks[i].role == BARREN
        ]
        for stage in find_stages(self.layout, frozenset(rootless)):
            if isinstance(stage, Repetition):
                self.loop(stage)
            else:
                self.visit(stage)
        values, terms = dict(self.whole), {}
        for index, block in enumerate(self.layout.blocks):
            if index not in self.whole:
                values[index] = self.assemble(index, self.values[index])
            if block.role == BARREN:
                continue
            if index in self.terms:
                terms[index] = self.assemble(index, self.terms[index])
            else:
                terms[index] = self.measure_roots(index)
        inlets = {
            index: self.assemble(index, pieces)
            for index, pieces in self.inlets.items()
            if self.layout.blocks[index].slots
        }
        self.feed_back(values, terms, inlets)
        return values, terms, inlets

    def feed_back(
        self, values: dict[int, Array], terms: dict[int, Array], inlets: dict[int, Any]
    ) -> None:
        """Put in what is fed back, now that all values are there."""
        twice = [index for index in terms if self.layout.blocks[index].bidirectional]
        if not twice:
            return
        for index in twice:
            came = sum_block_inlets(self.layout, self.numbers, values, index)
            inlets[index] = inlets.get(index, {}) | {"feedback": came["feedback"]}
        terms |= node_energies(self.layout, self.numbers, values, self.weighs, twice)

    def assemble(self, index: int, pieces: Mapping[int, Any]) -> Any:
        """Pieces of a block, by their first position, as one."""
        if self.layout.blocks[index].size == 1:
            return jax.tree.map(lambda leaf: leaf[0], pieces[0])
        parts = [pieces[first] for first in sorted(pieces)]
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)

    def measure_roots(self, index: int) -> Array:
        """Energies of known nodes without parents."""
        node = self.numbers.nodes[index]
        inlet = dict.fromkeys(node.inlets, 0.0)

        def measure(node: Any, value: Array, weigh: Any) -> Array:
            term = node.energy(value, inlet)
            return jnp.sum(term if weigh is None else term * weigh)

        rule = apply_rule(measure, self.layout.blocks[index].size)
        return rule(node, self.whole[index], self.weighs.get(index))

    def value_of(self, where: Where) -> Array:
        """The value of a node that was visited or is known."""
        index, position = where
        if index in self.whole:
            return node_at(self.layout.blocks[index].size, position, self.whole[index])
        pieces = self.values[index]
        first = max(first for first in pieces if first <= position)
        return pieces[first][position - first]

    def visit(self, where: Where) -> None:
        """One node."""
        index, position = where
        block = self.layout.blocks[index]
        slots = [block.slots[number] for number in block.ahead]
        parents = [self.value_of(slot.parents[position]) for slot in slots]
        own = node_at(block.size, position, self.inputs_of(index))
        for kept, found in zip(self.kept(), self.compute(own, parents), strict=True):
            kept.setdefault(index, {})[position] = jax.tree.map(lambda leaf: leaf[None], found)

    def kept(self) -> tuple[dict[int, dict[int, Any]], ...]:
        """Where what is found of nodes goes."""
        return self.values, self.terms, self.inlets

    def inputs_of(self, index: int) -> dict[str, Any]:
        """What a block brings to the computation of its nodes; None for what it lacks."""
        couplings = self.numbers.couplings[index]
        return {
            "node": self.numbers.nodes[index],
            "couplings": tuple(couplings[number] for number in self.layout.blocks[index].ahead),
            "known": self.known.get(index),
            "mask": self.masks.get(index),
            "error": self.errors.get(index),
            "weigh": self.weighs.get(index),
        }

    def compute(
        self, own: Mapping[str, Any], parents: list[Array]
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Value and energy of one node, and what came in."""
        node = own["node"]
        inlet: dict[str, Any] = dict.fromkeys(node.inlets, 0.0)
        for coupling, parent in zip(own["couplings"], parents, strict=True):
            for name, sent in apply_rule(contribute, 1)(coupling, parent).items():
                inlet[name] = inlet[name] + sent
        value = own["known"]
        if value is None or own["mask"] is not None:
            value = predict_mean(node, inlet, self.count)
            if own["error"] is not None:
                value = value + own["error"]
        if own["mask"] is not None:
            value = jnp.where(beside(own["mask"], value), own["known"], value)

        def measure(node: Any, value: Array, inlet: Any, weigh: Any) -> Array:
            term = node.energy(value, inlet)
            return jnp.sum(term if weigh is None else term * weigh)

        term = apply_rule(measure, 1)(node, value, inlet, own["weigh"])
        return value, term, {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}

    def loop(self, run: Repetition) -> None:
        """Many repetitions of the same nodes, in a loop whose program does not grow with their number."""
        own = [
            take_rows(self.inputs_of(index), places)
            for index, places in zip(run.blocks, run.positions, strict=True)
        ]
        apart = [
            [self.gather(link) if link.lag < 0 else None for link in links] for links in run.links
        ]
        begin = tuple(
            tuple(self.before(run, member, lag) for member in range(len(run.blocks)))
            for lag in range(1, run.reach + 1)
        )

        def repeat(carry: Any, now: Any) -> tuple[Any, Any]:
            inputs, others = now
            values: list[Array] = []
            rest: list[Any] = []
            for links, mine, outside in zip(run.links, inputs, others, strict=True):
                parents = [
                    other
                    if link.lag < 0
                    else values[link.member]
                    if link.lag == 0
                    else carry[link.lag - 1][link.member]
                    for link, other in zip(links, outside, strict=True)
                ]
                value, *others = self.compute(mine, parents)
                values.append(value)
                rest.append((value, *others))
            moved = (tuple(values), *carry)[: run.reach]
            return moved, rest

        _, found = lax.scan(repeat, begin, (own, apart))
        for index, places, parts in zip(run.blocks, run.positions, found, strict=True):
            for kept, rows in zip(self.kept(), parts, strict=True):
                self.store(kept, index, places, rows)

    def store(
        self, pieces: dict[int, dict[int, Any]], index: int, places: tuple[int, ...], rows: Any
    ) -> None:
        """Keep what a loop found, in one piece if its places are in a row."""
        own = pieces.setdefault(index, {})
        if places == tuple(range(places[0], places[0] + len(places))):
            own[places[0]] = rows
            return
        for number, place in enumerate(places):
            own[place] = jax.tree.map(lambda leaf, at=number: leaf[at][None], rows)

    def gather(self, link: Link) -> Array:
        """Parents outside of a run, repetition by repetition."""
        return jnp.stack([self.value_of(where) for where in link.outside])

    def before(self, run: Repetition, member: int, lag: int) -> Array:
        """The value that stands for a node of a repetition before the first."""
        for links in run.links:
            for link in links:
                if link.member == member and link.lag >= lag:
                    return self.value_of(link.outside[link.lag - lag])
        shape = self.numbers.nodes[run.blocks[member]].value_shape
        return jnp.zeros((self.count, *shape), jnp.result_type(float))


def take_rows(tree: Any, places: tuple[int, ...]) -> Any:
    """The rows of some nodes of a block, in their order."""
    first = places[0]
    if places == tuple(range(first, first + len(places))):
        return jax.tree.map(lambda leaf: leaf[first : first + len(places)], tree)
    return jax.tree.map(lambda leaf: jnp.take(leaf, jnp.array(places), axis=0), tree)


def predict_mean(node: Any, inlet: Mapping[str, Any], count: int) -> Array:
    """The mean that one node's parents predict, for every sample."""

    def mean(inlet: Any) -> Array:
        return node.predict(node.init(), inlet, jnp.ones(())).predicted_mean

    axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, dict(inlet))
    return jax.vmap(mean, in_axes=(axes,), axis_size=count)(dict(inlet))
