"""Growth of variance: the exponential of a log growth that cannot overflow."""

from __future__ import annotations

import jax.numpy as jnp

from pynodes._typing import Array

LIMIT = 64.0
"""Log growth up to here is untouched. exp(64) is 6e27 per step: no unit of measurement needs it."""

REACH = 16.0
"""How far above the limit log growth may still rise. exp(80) is finite in float32, its square root too."""


CEILING = LIMIT + REACH
"""No log growth exceeds this."""


def bounded(log_growth: Array) -> Array:
    """Log growth, bent smoothly above :data:`LIMIT` so that it never exceeds ``LIMIT + REACH``.

    The identity below the limit; above it a parabola of slope one that levels off, so that value
    and first derivative are continuous and no parameter draw makes a variance infinite.
    """
    top = LIMIT + 2 * REACH
    capped = jnp.where(log_growth < top, log_growth, top)
    excess = jnp.where(capped > LIMIT, capped - LIMIT, 0.0)
    return capped - excess * excess / (4 * REACH)
