"""What lies beside the edges of a bundle, and rules applied to all of them; of the structured expansion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Program, Wiring, places
from pynodes._core.structured import Structure
from pynodes._engine.edges import apply_to_group, lay_beside
from pynodes._typing import Scalar


def over_edges(rule: Callable[..., Any], size: int, fan: int) -> Callable[..., Any]:
    """A rule of what lies beside an edge and what lies beside its node, applied to all edges of a bundle."""

    def axis(leaf: Any) -> int | None:
        return 0 if jnp.ndim(leaf) else None

    if fan > 1:
        rule = jax.vmap(rule, in_axes=(0, None))
    if size == 1:
        return rule
    inner = rule
    return lambda edge, node: jax.vmap(
        inner, in_axes=(jax.tree.map(axis, edge), jax.tree.map(axis, node)), axis_size=size
    )(edge, node)


def gather_parents(
    program: Program,
    index: int,
    number: int,
    view: Callable[[Any], Any],
    beliefs: Mapping[int, Any],
) -> Any:
    """What is to be seen of the parents in one bundle of a group, beside its edges."""
    group, wiring = program.schedule.groups[index], program.down[index][number]
    bundle = group.down[number]
    return lay_beside(
        [view(beliefs[end]) for end in bundle.ends.sources],
        [places(program.schedule.groups[end].size, 1) for end in bundle.ends.sources],
        bundle.ends,
        wiring.ends,
        places(group.size, bundle.fan),
    )


def lay_of_children(
    program: Program, index: int, bundle: Bundle, wiring: Wiring, facts: Sequence[Any]
) -> Any:
    """What the children in a bundle have for every bundle of their parents, beside the edges of this one."""
    groups, stacks = program.schedule.groups, program.schedule.stacks
    (child,) = bundle.ends.sources
    at = {down.couplings.sources[0]: number for number, down in enumerate(groups[child].down)}
    sources = bundle.couplings.sources
    return lay_beside(
        [facts[at[stack]] for stack in sources],
        [stacks[stack] for stack in sources],
        bundle.couplings,
        wiring.couplings,
        places(groups[index].size, bundle.fan),
    )


def lay_couplings(program: Program, bundle: Bundle, wiring: Wiring, shape: tuple[int, ...]) -> Any:
    """The couplings of a bundle towards children, beside its edges."""
    stacks = bundle.couplings.sources
    return lay_beside(
        [program.couplings[stack] for stack in stacks],
        [program.schedule.stacks[stack] for stack in stacks],
        bundle.couplings,
        wiring.couplings,
        shape,
    )


def know(belief: Any, **facts: Any) -> Any:
    """A belief that knows something more."""
    old = Structure() if belief.structured is None else belief.structured
    return dataclasses.replace(belief, structured=dataclasses.replace(old, **facts))


def node_gain(program: Program, index: int, node: Any, dt: Scalar) -> tuple[Any, Any]:
    """Of a group: how much of its value, and of its variance, a step keeps."""
    if not node.has_memory:
        return 0.0, 0.0
    return apply_to_group(program, index, type(node).kept_share)(node, dt)
