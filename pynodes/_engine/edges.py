"""What goes along the edges in one step: contributions down, evidence up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.program import (
    Bundle,
    Program,
    Selection,
    Wiring,
    active_places,
    places,
    switches_of,
)
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.expansions import ChildEvidence
from pynodes._core.messages import Evidence, VolatilityMessage
from pynodes._engine.gates import OPEN, Gates, edge_powers, raise_to_power
from pynodes._typing import Array, Scalar
from pynodes.couplings import AbstractArrayCoupling

Beliefs = dict[int, Any]
"""Belief of every group, by its number."""

Evident = Mapping[int, Any]
"""Whether each group's nodes learned from an observation in this step; True and False are static."""


def apply_to_group(program: Program, index: int, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for one node, applied to every node of a group; plain numbers go to all of them."""
    size = program.schedule.groups[index].size
    if size == 1:
        return rule

    def axis(leaf: Any) -> int | None:
        return 0 if jnp.ndim(leaf) else None

    return lambda *args: jax.vmap(rule, in_axes=jax.tree.map(axis, args), axis_size=size)(*args)


def sum_inlets(
    program: Program, index: int, beliefs: Mapping[int, Any], dt: Scalar, state: Any = None
) -> dict[str, Any]:
    """What a group's parents contribute, summed; zero, unstacked, at inlets that nobody feeds.

    Parents through lagged edges are as the state has them, or as they remember having been.
    """
    group = program.schedule.groups[index]
    totals: dict[str, Any] = dict.fromkeys(program.nodes[index].inlets, 0.0)
    for number, bundle in enumerate(group.down):
        last = len(places(group.size, bundle.fan)) - 1
        for inlet, sent in contributions(program, index, number, beliefs, dt, state).items():
            totals[inlet] = totals[inlet] + (jnp.sum(sent, last) if bundle.fan > 1 else sent)
    return totals


def contributions(
    program: Program,
    index: int,
    number: int,
    beliefs: Mapping[int, Any],
    dt: Scalar,
    state: Any = None,
) -> dict[str, Array]:
    """What the parents in one bundle contribute to a group, edge by edge, by inlet."""
    group, wiring = program.schedule.groups[index], program.down[index][number]
    bundle = group.down[number]
    shape = places(group.size, bundle.fan)
    parents = lay_beside(
        [see_parent(beliefs, state, end, lagged=bundle.lagged) for end in bundle.ends.sources],
        [places(program.schedule.groups[end].size, 1) for end in bundle.ends.sources],
        bundle.ends,
        wiring.ends,
        shape,
    )
    coupling = program.couplings[bundle.couplings.sources[0]]
    send = mute_if_off(type(coupling).predict)
    for _ in shape:
        send = jax.vmap(send, in_axes=(0, 0, 0, None))
    taken = active_places(program, wiring)
    return {
        inlet: sent if taken is None else jnp.where(alongside(taken, sent), sent, 0.0)
        for inlet, sent in send(switches_of(program, wiring), coupling, parents, dt).items()
    }


def see_parent(beliefs: Mapping[int, Any], state: Any, end: int, *, lagged: bool) -> Any:
    """What couplings see of a group above: its prediction, or what it believed a step before."""
    if not lagged:
        return beliefs[end].parent_view()
    before = beliefs[end].remembered if state is None else state[end]
    return Gaussian(
        mean=before.mean,
        variance=before.variance,
        predicted_mean=before.mean,
        predicted_variance=before.variance,
    )


def repredict_children(program: Program, index: int, beliefs: Beliefs, dt: Scalar) -> Beliefs:
    """Children of a group that hear their value parents again, as those are now, before it hears them."""
    children = {end for bundle in program.schedule.groups[index].up for end in bundle.repredicts}
    if not children:
        return {}
    now = {number: belief.as_prior() for number, belief in beliefs.items()}
    return {
        child: apply_to_group(program, child, type(program.nodes[child]).repredict)(
            program.nodes[child], beliefs[child], sum_inlets(program, child, now, dt), dt
        )
        for child in children
    }


def collect_evidence(
    program: Program,
    index: int,
    beliefs: Mapping[int, Any],
    informed: Evident,
    dt: Scalar,
    gates: Gates = OPEN,
    *,
    before: Any = None,
) -> tuple[ChildEvidence, Any]:
    """Evidence that a group has from its children, and which of its nodes have any and may learn.

    Through edges that act within a step; or, of what the group believed ``before``, through lagged ones.
    """
    values: list[Evidence] = []
    messages: list[VolatilityMessage] = []
    supports: list[Any] = []
    any_active: Any = False
    for bundle, wiring in zip(program.schedule.groups[index].up, program.up[index], strict=True):
        if bundle.lagged != (before is not None):
            continue
        flags = active_edges(program, index, bundle, wiring, informed)
        if flags is False:
            continue
        children = ChildMessages(program, index, bundle, wiring, beliefs, flags, before, gates)
        if program.nodes[index].support is not None:
            supports.append(children.support(dt))
        elif bundle.volatile:
            messages.append(children.message())
        else:
            values.append(children.evidence(dt))
        any_active = combine_or(any_active, children.any_active())
    evidence = ChildEvidence(
        value=jax.tree.map(lambda *parts: sum(parts), *values) if values else None,
        volatility=concatenate(messages, beliefs[index]),
        support=sum(supports) if supports else None,
    )
    heard = combine_and(any_active, gates.get(index, True))
    return raise_to_power(evidence, gates.powers.get(index)), heard


def observe_group(
    program: Program, index: int, belief: Any, seen: tuple[Any, Any], gates: Gates
) -> Any:
    """A group's belief once its nodes were observed, to the power that their gates say."""
    node, power = program.nodes[index], gates.powers.get(index)
    if power is None:
        return apply_to_group(program, index, type(node).observe)(node, belief, *seen)
    return apply_to_group(program, index, type(node).observe_in_part)(node, belief, *seen, power)


class ChildMessages:
    """Messages from the children in one bundle, aligned with their parents."""

    def __init__(
        self,
        program: Program,
        index: int,
        bundle: Bundle,
        wiring: Wiring,
        beliefs: Mapping[int, Any],
        flags: Array | bool,
        before: Any = None,
        gates: Gates = OPEN,
    ) -> None:
        group, groups = program.schedule.groups[index], program.schedule.groups
        self.fan, self.size, self.nodes = bundle.fan, group.size, len(places(group.size, 1))
        # What the elements of a child's array did is in its belief; here it matters whether any did.
        self.flags, self.active = flags, any_beyond(flags, self.nodes + (bundle.fan > 1))
        self.switches = switches_of(program, wiring)
        shape = places(group.size, bundle.fan)
        self.parent = beliefs[index] if before is None else before
        self.support_values = program.nodes[index].support

        def lay(parts: Sequence[Any], ranks: Sequence[tuple[int, ...]]) -> Any:
            return lay_beside(parts, ranks, bundle.ends, wiring.ends, shape)

        self.powers = edge_powers(program, bundle, beliefs, gates, lay)
        self.children = lay(
            drop_lacking([beliefs[end] for end in bundle.ends.sources]),
            [places(groups[end].size, 1) for end in bundle.ends.sources],
        )
        self.coupling = lay_beside(
            [program.couplings[stack] for stack in bundle.couplings.sources],
            [program.schedule.stacks[stack] for stack in bundle.couplings.sources],
            bundle.couplings,
            wiring.couplings,
            shape,
        )

    def evidence(self, dt: Scalar) -> Evidence:
        """Evidence of the bundle's value edges at the parents' predicted means, summed per parent."""
        return jax.tree.map(self.sum_edges, self.edge_evidence(dt))

    def edge_evidence(self, dt: Scalar, *, summed: bool = True) -> Evidence:
        """Evidence of the bundle's value edges at the parents' predicted means, edge by edge.

        Of the elements of an array below a number their sum, or each by itself.
        """

        def evidence(coupling: Any, parent: Gaussian, child: Gaussian, dt: Scalar) -> Evidence:
            sent = coupling.evidence(parent, child, dt)
            elements = tuple(range(jnp.ndim(parent.mean), jnp.ndim(sent.gradient)))
            if not summed:
                return sent
            return jax.tree.map(lambda part: jnp.sum(part, elements) if elements else part, sent)

        return jax.tree.map(self.weigh, self.apply(evidence, dt))

    def message(self) -> VolatilityMessage:
        """The bundle's volatility messages; those of children that say nothing have strength zero."""
        message = self.apply(
            lambda coupling, parent, child, _: coupling.message(parent, child), None, instead=1.0
        )
        silenced = dataclasses.replace(message, strength=self.silence(message.strength))
        if self.powers is not None:
            weight = jnp.broadcast_to(
                alongside(self.powers, message.strength), jnp.shape(message.strength)
            )
            silenced = dataclasses.replace(silenced, weight=weight)
        return jax.tree.map(self.put_messages_last, silenced)

    def put_messages_last(self, sent: Array) -> Array:
        """Numbers of the messages to every parent, along a last axis, if they are several.

        A parent that is a number hears the elements of an array apart, as it would hear as many children.
        """
        nodes = self.nodes
        own = jnp.ndim(self.parent.mean) - nodes
        elements = jnp.ndim(sent) - nodes - (self.fan > 1)
        if own and self.fan > 1:
            return jnp.moveaxis(sent, nodes, -1)
        return jnp.reshape(sent, (*jnp.shape(sent)[:nodes], -1)) if elements > own else sent

    def support(self, dt: Scalar) -> Array:
        """Log density of the children at each value that the parents may take, along the last axis."""
        return self.sum_edges(self.edge_support(dt))

    def edge_support(self, dt: Scalar) -> Array:
        """The same, edge by edge."""

        def at(x: float) -> Array:
            def log_density(coupling: Any, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
                return coupling.log_density(x, parent, child, dt)

            return self.weigh(self.apply(log_density, dt))

        return jnp.stack([at(x) for x in self.support_values], axis=-1)

    def apply(self, rule: Callable[..., Any], dt: Scalar | None, instead: float = 0.0) -> Any:
        """A rule for one edge, applied to all of them; edges that are off send something else."""
        rule = mute_if_off(rule, instead)
        if self.fan > 1:
            rule = jax.vmap(rule, in_axes=(0, 0, None, 0, None))
        if self.size > 1:
            rule = jax.vmap(rule, in_axes=(0, 0, 0, 0, None))
        return rule(self.switches, self.coupling, self.parent, self.children, dt)

    def silence(self, sent: Array) -> Array:
        """What was sent by children that have something to say; zero from the others."""
        return sent if self.active is True else jnp.where(alongside(self.active, sent), sent, 0.0)

    def weigh(self, sent: Array) -> Array:
        """The same of log densities and their derivatives, each as often as its child's gate says."""
        sent = self.silence(sent)
        return sent if self.powers is None else sent * alongside(self.powers, sent)

    def sum_edges(self, sent: Array) -> Array:
        """Sum over the edges of each parent."""
        return jnp.sum(sent, axis=self.nodes) if self.fan > 1 else sent

    def any_active(self) -> Any:
        """Which parents have a child that says something; element by element where they hear it so."""
        if isinstance(self.flags, bool):
            return self.flags
        elements = jnp.ndim(self.parent.mean) - self.nodes
        apart = elements and not isinstance(self.coupling, AbstractArrayCoupling)
        flags = self.flags if apart else self.active
        return jnp.any(flags, axis=self.nodes) if self.fan > 1 else flags


def active_edges(
    program: Program, index: int, bundle: Bundle, wiring: Wiring, informed: Evident
) -> Any:
    """Which edges of a bundle lead to a child that learned something in this step."""
    sources = [informed[end] for end in bundle.ends.sources]
    if all(source is False for source in sources):
        return False
    taken = active_places(program, wiring)
    if all(source is True for source in sources):
        return True if taken is None else taken
    groups = program.schedule.groups
    shapes = [places(groups[end].size, 1) for end in bundle.ends.sources]
    ranks = [jnp.ndim(source) - len(shape) for source, shape in zip(sources, shapes, strict=True)]
    if min(ranks) < max(ranks):
        sources = [
            any_beyond(source, len(shape)) for source, shape in zip(sources, shapes, strict=True)
        ]
    active = lay_beside(
        [
            jnp.broadcast_to(source, (*shape, *jnp.shape(source)[len(shape) :]))
            for source, shape in zip(sources, shapes, strict=True)
        ],
        shapes,
        bundle.ends,
        wiring.ends,
        places(groups[index].size, bundle.fan),
    )
    return active if taken is None else active & alongside(taken, active)


def mute_if_off(rule: Callable[..., Any], instead: float = 0.0) -> Callable[..., Any]:
    """A rule for one edge, which first is told whether the edge is on; None says that it always is.

    An edge that is off sends a number in place of every number it would have sent. Whatever that would
    have been, no derivative goes through it, infinite ones included: they are cut off where the
    rule's arguments come in as well as where its result goes out.
    """

    def send(on: Array | None, *arguments: Any) -> Any:
        if on is None:
            return rule(*arguments)
        sent = rule(*jax.tree.map(lambda leaf: stop_gradient_unless(on, leaf), arguments))
        return jax.tree.map(lambda leaf: jnp.where(on, leaf, jnp.full_like(leaf, instead)), sent)

    return send


def stop_gradient_unless(on: Array, leaf: Any) -> Any:
    """A number that moves where an edge is on."""
    if not isinstance(leaf, jax.Array) or not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    return jnp.where(on, leaf, lax.stop_gradient(leaf))


def lay_beside(
    stacks: Sequence[Any],
    shapes: Sequence[tuple[int, ...]],
    selection: Selection,
    index: Any,
    shape: tuple[int, ...],
) -> Any:
    """Elements of some stacks laid beside the edges of a bundle."""
    if selection.layout == "aligned" and shapes[0] == shape:
        return stacks[0]

    def lay(*leaves: Array) -> Array:
        flat = [
            jnp.reshape(leaf, (-1, *jnp.shape(leaf)[len(rank) :]))
            for leaf, rank in zip(leaves, shapes, strict=True)
        ]
        whole = flat[0] if len(flat) == 1 else jnp.concatenate(flat)
        if selection.layout == "listed":
            return jnp.take(whole, index, axis=0, mode="clip")
        if selection.layout == "shared":
            return jnp.broadcast_to(whole, (*shape, *whole.shape[1:]))
        if selection.layout == "transposed":
            return jnp.swapaxes(jnp.reshape(whole, (*shape[::-1], *whole.shape[1:])), 0, 1)
        count = 1
        for length in shape:
            count *= length
        return jnp.reshape(
            jnp.broadcast_to(whole, (count, *whole.shape[1:])), (*shape, *whole.shape[1:])
        )

    return jax.tree.map(lay, *stacks)


def drop_lacking(beliefs: Sequence[Any]) -> list[Any]:
    """Beliefs without the fields that some of them lack."""
    names = [field.name for field in dataclasses.fields(beliefs[0])]
    lacking = [name for name in names if any(getattr(belief, name) is None for belief in beliefs)]
    return [dataclasses.replace(belief, **dict.fromkeys(lacking)) for belief in beliefs]


def concatenate(messages: Sequence[VolatilityMessage], parent: Any) -> VolatilityMessage | None:
    """The messages of several bundles to one group as those of one."""
    if len(messages) < 2:
        return messages[0] if messages else None
    rank = jnp.ndim(parent.mean)
    if any(message.weight is not None for message in messages):
        messages = [
            dataclasses.replace(message, weight=jnp.ones_like(message.strength))
            if message.weight is None
            else message
            for message in messages
        ]
    wide = [
        jax.tree.map(lambda leaf: leaf[..., None] if jnp.ndim(leaf) == rank else leaf, message)
        for message in messages
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=-1), *wide)


def any_beyond(flags: Any, rank: int) -> Any:
    """Flags of so many dimensions, true where any of the elements beyond is."""
    if isinstance(flags, bool) or jnp.ndim(flags) <= rank:
        return flags
    return jnp.any(flags, axis=tuple(range(rank, jnp.ndim(flags))))


def combine_and(one: Any, other: Any) -> Any:
    """Logical and, static where it can be; flags of nodes hold for all elements of their arrays."""
    if one is False or other is False:
        return False
    if one is True:
        return other
    if other is True:
        return one
    return alongside(one, other) & alongside(other, one)


def combine_or(one: Any, other: Any) -> Any:
    """Logical or, static where it can be; flags of nodes hold for all elements of their arrays."""
    if one is True or other is True:
        return True
    if one is False:
        return other
    if other is False:
        return one
    return alongside(one, other) | alongside(other, one)
