"""One piece: a small computation that runs where it is called, as a single kernel.

XLA's CPU runtime runs a program as a graph of kernels. If there are more than a handful, and a loop
comes with many that unpack its parameters and lay out its results, it hands them to other threads and
waits, which can take longer than a small network takes to filter a series. But a loop over little
data becomes one kernel. So the computation is made the body of a loop of one turn (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

SMALL = 65_536
"""Results of more numbers than this are not made in one piece: the loop first fills them with zeros."""


def in_one_piece(compute: Callable[..., Any], *arguments: Any) -> Any:
    """What a function computes from arrays, as the one turn of a loop. Not differentiable backward.

    Barriers hide from the compiler that there is one turn, and that the arguments are the same in
    all: it would unroll the loop, or move its contents out, and leave nothing in one piece.
    """
    compute = jax.jit(compute)  # so that finding the shapes does not trace it twice
    shapes = jax.eval_shape(compute, *arguments)
    if sum(int(np.prod(part.shape)) for part in jax.tree.leaves(shapes)) > SMALL:
        return compute(*arguments)

    def turn(number: Any, _: Any) -> Any:
        _, here = lax.optimization_barrier((number, arguments))
        return compute(*here)

    begin = jax.tree.map(lambda part: jnp.zeros(part.shape, part.dtype), shapes)
    return lax.fori_loop(0, lax.optimization_barrier(jnp.int32(1)), turn, begin)
