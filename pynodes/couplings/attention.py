"""Attention: every place of a sequence takes from the others what its question asks for."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.functions import Function, identity, look_up_function
from pynodes._core.modules import choice, parameter
from pynodes._errors import CouplingError
from pynodes._typing import Array, Scalar
from pynodes.couplings._array import AbstractArrayCoupling, read_optional_array
from pynodes.couplings._windows import check_sizes


class Attention(AbstractArrayCoupling):
    """Self-attention with several heads, of sequences of shape (positions, features).

    Parameters
    ----------
    query, key, value
        Of shape (width, features of the parent); drawn unless given.
    weights
        Of shape (features of the child, width): what is made of all heads together.
    bias
        Of shape (features of the child,); False for none.
    scale
        By what all of it is multiplied. It is not learned.
    heads
        How many heads share the width.
    width
        Of queries, keys and values of all heads together; the parent's features unless given.
    causal
        Whether a place takes from itself and earlier ones alone.
    function
        Coupling function f of the parent.
    initial, learned, name, inlet, curvature
        As for every array coupling.

    Raises
    ------
    CouplingError
        Ends that are no sequences of one length, or a width that does not fall into heads.

    Source: Vaswani et al. (2017), arXiv 1706.03762, section 3.2.
    """

    query: Any = parameter(None, symbol="Q", rank=2)
    key: Any = parameter(None, symbol="K", rank=2)
    value: Any = parameter(None, symbol="V", rank=2)
    weights: Any = parameter(None, symbol="W", rank=2)
    bias: Any = parameter(True, symbol="b", rank=1)
    scale: Scalar = parameter(1.0, symbol="a")
    heads: int = choice(1)
    width: int | None = choice(None)
    causal: bool = choice(False)
    function: Function = choice(identity)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "function", look_up_function(self.function))
        object.__setattr__(self, "bias", read_optional_array(self.bias))
        check_sizes("Attention", "heads", self.heads)
        if self.width is not None:
            check_sizes("Attention", "width", self.width)

    def contribution(self, x: Array) -> Array:
        sequence = self.function(x)
        query, key, value = (
            self.split(part, sequence) for part in (self.query, self.key, self.value)
        )
        scores = jnp.einsum("qhd,khd->hqk", query, key) / math.sqrt(query.shape[-1])
        if self.causal:
            earlier = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            scores = jnp.where(earlier, scores, -jnp.inf)
        taken = jnp.einsum("hqk,khd->qhd", jax.nn.softmax(scores, axis=-1), value)
        total = taken.reshape((x.shape[0], -1)) @ jnp.asarray(self.weights).T
        return self.scale * (total if self.bias is None else total + jnp.asarray(self.bias)[None])

    def split(self, weights: Any, sequence: Array) -> Array:
        """What some weights make of a sequence, head by head."""
        return (sequence @ jnp.asarray(weights).T).reshape((len(sequence), self.heads, -1))

    def shapes(self, parent: tuple[int, ...], child: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(parent) != 2 or len(child) != 2 or parent[0] != child[0]:
            raise CouplingError(
                f"Attention joins sequences of one length, of shape (places, features), not {parent} "
                f"and {child}."
            )
        if parent[0] == 1:
            raise CouplingError(
                f"Attention over the only place of an array of shape {parent} has nothing to choose from. "
                "Use Dense, or give the sequence more places."
            )
        width = parent[1] if self.width is None else self.width
        if width % self.heads:
            raise CouplingError(
                f"Attention: a width of {width} does not fall into {self.heads} heads. Choose heads that "
                "divide it, or another width."
            )
        inward = dict.fromkeys(("query", "key", "value"), (width, parent[1]))
        outward = {"weights": (child[1], width)}
        return inward | outward | ({} if self.bias is None else {"bias": child[1:]})

    def output_shape(self, parent: tuple[int, ...]) -> tuple[int, ...]:
        return parent
