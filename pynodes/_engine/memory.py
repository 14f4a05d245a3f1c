"""Memory: what a network carries from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynodes._compiler.program import Program
from pynodes._engine import conditionals
from pynodes._engine.edges import apply_to_group

State = tuple[Any, ...]
"""What every group remembers of the previous step; None for groups that remember nothing."""


def start(program: Program) -> State:
    """The state before the first step."""
    return tuple(
        initial(program, index) if node.has_memory else None
        for index, node in enumerate(program.nodes)
    )


def initial(program: Program, index: int) -> Any:
    """The initial beliefs of a group."""
    node = program.nodes[index]
    begun = apply_to_group(program, index, type(node).init)(node)
    if not node.has_memory:
        return begun
    return conditionals.begin_group(program, index, begun)


def recall(program: Program, state: State, index: int) -> Any:
    """What a group predicts from: what it remembers, or its initial beliefs where it remembers nothing."""
    return state[index] if program.nodes[index].has_memory else initial(program, index)


def carry(program: Program, beliefs: Mapping[int, Any]) -> State:
    """The part of the belief from which the next step starts."""
    nodes = enumerate(program.nodes)
    return tuple(beliefs[index].carry() if node.has_memory else None for index, node in nodes)
