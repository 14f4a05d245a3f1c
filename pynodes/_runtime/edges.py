"""What goes along the edges in one step: contributions down, evidence up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Program
from pynodes._compiler.schedule import Bundle, Selection
from pynodes._compiler.wiring import Wiring, places
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.expansions import Heard
from pynodes._core.messages import Evidence, VolatilityMessage
from pynodes._runtime.groupwise import each
from pynodes._runtime.switches import unless_off
from pynodes._typing import Array, Scalar

Beliefs = dict[int, Gaussian]
"""Belief of every group, by its number."""

Informed = dict[int, Array | bool]
"""Whether each group's nodes learned from an observation in this step; True and False are static."""


def inlets(
    program: Program, index: int, beliefs: Mapping[int, Gaussian], dt: Scalar
) -> dict[str, Any]:
    """What a group's parents contribute, summed; zero, unstacked, at inlets that nobody feeds."""
    group = program.schedule.groups[index]
    totals: dict[str, Any] = dict.fromkeys(program.nodes[index].inlets, 0.0)
    for number, bundle in enumerate(group.down):
        last = len(places(group.size, bundle.fan)) - 1
        for inlet, sent in sent_down(program, index, number, beliefs, dt).items():
            totals[inlet] = totals[inlet] + (jnp.sum(sent, last) if bundle.fan > 1 else sent)
    return totals


def sent_down(
    program: Program, index: int, number: int, beliefs: Mapping[int, Gaussian], dt: Scalar
) -> dict[str, Array]:
    """What the parents in one bundle contribute to a group, edge by edge, by inlet."""
    group, wiring = program.schedule.groups[index], program.down[index][number]
    bundle = group.down[number]
    shape = places(group.size, bundle.fan)
    parents = beside(
        [beliefs[end].facing_down() for end in bundle.ends.sources],
        [places(program.schedule.groups[end].size, 1) for end in bundle.ends.sources],
        bundle.ends,
        wiring.ends,
        shape,
    )
    coupling = program.couplings[bundle.couplings.sources[0]]
    send = over(unless_off(type(coupling).predict), shape, (0, 0, 0, None))
    taken = wiring.present
    return {
        inlet: sent if taken is None else jnp.where(alongside(taken, sent), sent, 0.0)
        for inlet, sent in send(wiring.switches, coupling, parents, dt).items()
    }


def settled(program: Program, index: int, beliefs: Beliefs, dt: Scalar) -> Beliefs:
    """Children of a group that hear their value parents again, as those are now, before it hears them."""
    children = {end for bundle in program.schedule.groups[index].up for end in bundle.settles}
    if not children:
        return {}
    now = {number: belief.as_prediction() for number, belief in beliefs.items()}
    return {
        child: each(program, child, type(program.nodes[child]).settle)(
            program.nodes[child], beliefs[child], inlets(program, child, now, dt), dt
        )
        for child in children
    }


def heard(
    program: Program, index: int, beliefs: Mapping[int, Gaussian], informed: Informed, dt: Scalar
) -> tuple[Heard, Array | bool]:
    """What a group hears from its children, and which of its nodes hear anything."""
    values: list[Evidence] = []
    messages: list[VolatilityMessage] = []
    supports: list[Any] = []
    listening: Array | bool = False
    for bundle, wiring in zip(program.schedule.groups[index].up, program.up[index], strict=True):
        loud = reached(program, index, bundle, wiring, informed)
        if loud is False:
            continue
        voice = Voice(program, index, bundle, wiring, beliefs, loud)
        if program.nodes[index].support is not None:
            supports.append(voice.support(dt))
        elif bundle.volatile:
            messages.append(voice.message())
        else:
            values.append(voice.evidence(dt))
        listening = either(
            listening, loud if loud is True else jnp.any(loud, -1) if bundle.fan > 1 else loud
        )
    return Heard(
        value=jax.tree.map(lambda *parts: sum(parts), *values) if values else None,
        volatility=joined(messages),
        support=sum(supports) if supports else None,
    ), listening


class Voice:
    """One bundle as the group above it hears it: parent, children and couplings side by side."""

    def __init__(
        self,
        program: Program,
        index: int,
        bundle: Bundle,
        wiring: Wiring,
        beliefs: Mapping[int, Gaussian],
        loud: Array | bool,
    ) -> None:
        group, groups = program.schedule.groups[index], program.schedule.groups
        self.fan, self.loud, self.size = bundle.fan, loud, group.size
        self.switches = wiring.switches
        shape = places(group.size, bundle.fan)
        self.parent, self.support_values = beliefs[index], program.nodes[index].support
        self.children = beside(
            alike([beliefs[end] for end in bundle.ends.sources]),
            [places(groups[end].size, 1) for end in bundle.ends.sources],
            bundle.ends,
            wiring.ends,
            shape,
        )
        self.coupling = beside(
            [program.couplings[stack] for stack in bundle.couplings.sources],
            [program.schedule.stacks[stack] for stack in bundle.couplings.sources],
            bundle.couplings,
            wiring.couplings,
            shape,
        )

    def evidence(self, dt: Scalar) -> Evidence:
        """Evidence of the bundle's value edges at the parents' predicted means, summed per parent."""
        return jax.tree.map(lambda part: summed(part, self.fan), self.evidences(dt))

    def evidences(self, dt: Scalar) -> Evidence:
        """Evidence of the bundle's value edges at the parents' predicted means, edge by edge."""
        return jax.tree.map(self.gated, self.over(type(self.coupling).evidence, dt))

    def message(self) -> VolatilityMessage:
        """The bundle's volatility messages; those of unheard children have strength zero."""
        message = self.over(
            lambda coupling, parent, child, _: coupling.message(parent, child), None, instead=1.0
        )
        return dataclasses.replace(message, strength=self.gated(message.strength))

    def support(self, dt: Scalar) -> Array:
        """Log density of the children at each value that the parents may take, along the last axis."""
        return summed(self.supports(dt), self.fan, axis=-2)

    def supports(self, dt: Scalar) -> Array:
        """The same, edge by edge."""

        def at(x: float) -> Array:
            def log_density(coupling: Any, parent: Gaussian, child: Gaussian, dt: Scalar) -> Array:
                return coupling.log_density(x, parent, child, dt)

            return self.gated(self.over(log_density, dt))

        return jnp.stack([at(x) for x in self.support_values], axis=-1)

    def over(self, rule: Callable[..., Any], dt: Scalar | None, instead: float = 0.0) -> Any:
        """A rule for one edge, applied to all of them; edges that are off send something else."""
        rule = unless_off(rule, instead)
        if self.fan > 1:
            rule = jax.vmap(rule, in_axes=(0, 0, None, 0, None))
        if self.size > 1:
            rule = jax.vmap(rule, in_axes=(0, 0, 0, 0, None))
        return rule(self.switches, self.coupling, self.parent, self.children, dt)

    def gated(self, sent: Array) -> Array:
        """What was sent by children that have something to say; zero from the others."""
        return sent if self.loud is True else jnp.where(self.loud, sent, 0.0)


def reached(
    program: Program, index: int, bundle: Bundle, wiring: Wiring, informed: Informed
) -> Any:
    """Which edges of a bundle lead to a child that learned something in this step."""
    sources = [informed[end] for end in bundle.ends.sources]
    if all(source is False for source in sources):
        return False
    if all(source is True for source in sources):
        return True if wiring.present is None else wiring.present
    groups = program.schedule.groups
    shapes = [places(groups[end].size, 1) for end in bundle.ends.sources]
    flags = [jnp.broadcast_to(source, shape) for source, shape in zip(sources, shapes, strict=True)]
    loud = beside(
        flags,
        shapes,
        bundle.ends,
        wiring.ends,
        places(program.schedule.groups[index].size, bundle.fan),
    )
    return loud if wiring.present is None else loud & wiring.present


def beside(
    stacks: Sequence[Any],
    shapes: Sequence[tuple[int, ...]],
    selection: Selection,
    index: Any,
    shape: tuple[int, ...],
) -> Any:
    """Elements of some stacks laid beside the edges of a bundle."""
    if not selection.listed and shapes[0] == shape:
        return stacks[0]

    def lay(*leaves: Array) -> Array:
        flat = [
            jnp.reshape(leaf, (-1, *jnp.shape(leaf)[len(rank) :]))
            for leaf, rank in zip(leaves, shapes, strict=True)
        ]
        whole = flat[0] if len(flat) == 1 else jnp.concatenate(flat)
        if selection.listed:
            return jnp.take(whole, index, axis=0, mode="clip")
        count = 1
        for length in shape:
            count *= length
        return jnp.reshape(
            jnp.broadcast_to(whole, (count, *whole.shape[1:])), (*shape, *whole.shape[1:])
        )

    return jax.tree.map(lay, *stacks)


def alike(beliefs: Sequence[Gaussian]) -> list[Gaussian]:
    """Beliefs without the fields that some of them lack."""
    names = [field.name for field in dataclasses.fields(beliefs[0])]
    lacking = [name for name in names if any(getattr(belief, name) is None for belief in beliefs)]
    return [dataclasses.replace(belief, **dict.fromkeys(lacking)) for belief in beliefs]


def joined(messages: Sequence[VolatilityMessage]) -> VolatilityMessage | None:
    """The messages of several bundles as those of one."""
    if len(messages) < 2:
        return messages[0] if messages else None
    rank = min(jnp.ndim(message.strength) for message in messages)
    wide = [
        jax.tree.map(lambda leaf: leaf[..., None] if jnp.ndim(leaf) == rank else leaf, message)
        for message in messages
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=-1), *wide)


def over(rule: Callable[..., Any], shape: tuple[int, ...], axes: tuple[int | None, ...]) -> Any:
    """A rule for one place, applied to all places of a shape."""
    for _ in shape:
        rule = jax.vmap(rule, in_axes=axes)
    return rule


def summed(sent: Array, fan: int, axis: int = -1) -> Array:
    """Sum over a node's places."""
    return jnp.sum(sent, axis=axis) if fan > 1 else sent


def both(one: Any, other: Any) -> Any:
    """Logical and, static where it can be."""
    if one is False or other is False:
        return False
    if one is True:
        return other
    return one if other is True else one & other


def either(one: Array | bool, other: Array | bool) -> Array | bool:
    """Logical or, static where it can be."""
    if one is True or other is True:
        return True
    if one is False:
        return other
    return one if other is False else one | other
