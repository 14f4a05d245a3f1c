"""Groupwise: rules written for one node, applied to every node of a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Program


def each(program: Program, index: int, rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for one node, applied to every node of a group; plain numbers go to all of them."""
    size = program.schedule.groups[index].size
    if size == 1:
        return rule
    return lambda *args: jax.vmap(rule, in_axes=jax.tree.map(axis_of, args), axis_size=size)(*args)


def axis_of(leaf: Any) -> int | None:
    """The axis along which a leaf is stacked over the nodes of a group, if it is."""
    return 0 if jnp.ndim(leaf) else None
