"""Gates: which nodes may learn in a step, and to which power what they learn from counts.

A gate between 0 and 1 makes a likelihood p of it p^gate: the log density of what an input saw, or of what a
state's children did, counts so many times. Such a power is what a responsibility is in a mixture of filters
(Ghahramani and Hinton 2000, doi 10.1162/089976600300015619): noise of precision times the responsibility.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.program import Bundle, Program, places
from pynodes._core.beliefs import Gaussian, alongside
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import Module
from pynodes._typing import AnyArray, Array


class Gates(Module):
    """What gates say of a step, by group; groups whose nodes may all learn are left out.

    Attributes
    ----------
    opened
        Whether a group's nodes may learn.
    powers
        To which power their likelihoods count, for groups of which some gate is a number between 0 and 1.
    """

    opened: Mapping[int, AnyArray] = dataclasses.field(default_factory=dict)
    powers: Mapping[int, AnyArray] = dataclasses.field(default_factory=dict)

    def get(self, index: int, otherwise: Any = True) -> Any:
        """Whether a group's nodes may learn."""
        return self.opened.get(index, otherwise)


OPEN = Gates()


def raise_to_power(evidence: ChildEvidence, power: AnyArray | None) -> ChildEvidence:
    """Evidence to a power: log densities of which every derivative counts so many times."""
    if power is None:
        return evidence

    def scale(part: Any) -> Any:
        return part * alongside(power, part)

    message = evidence.volatility
    if message is not None:
        weight = jnp.ones_like(message.strength) if message.weight is None else message.weight
        message = dataclasses.replace(message, weight=scale(weight))
    return dataclasses.replace(
        evidence,
        value=jax.tree.map(scale, evidence.value),
        volatility=message,
        support=jax.tree.map(scale, evidence.support),
    )


def edge_powers(
    program: Program,
    bundle: Bundle,
    beliefs: Mapping[int, Any],
    gates: Gates,
    lay: Any,
) -> Array | None:
    """To which power a parent hears each child in a bundle; None if it hears all of them wholly.

    A hidden child whose value is integrated out says less by itself when it has learned less. What an input
    says, and what is an expected log density, counts as often as the child's gate says.
    """
    sources: Sequence[int] = bundle.ends.sources
    found = [
        None
        if not bundle.volatile and integrates(program.nodes[end], beliefs[end])
        else gates.powers.get(end)
        for end in sources
    ]
    if all(power is None for power in found):
        return None
    shapes = [places(program.schedule.groups[end].size, 1) for end in sources]
    whole = [
        jnp.ones(shape) if power is None else jnp.broadcast_to(power, shape)
        for power, shape in zip(found, shapes, strict=True)
    ]
    return lay(whole, shapes)


def integrates(node: Any, belief: Any) -> bool:
    """Whether a node tells its value parents what its own evidence makes of theirs."""
    return not node.observable and isinstance(belief, Gaussian) and belief.averaged
