"""A probability from its logit, kept away from zero and one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pynodes._typing import Array


def clipped_sigmoid(logit: Array, clip: float) -> Array:
    """A probability from its logit, kept within [clip, 1 - clip]."""
    probability = jax.nn.sigmoid(logit)
    return jnp.where(
        probability > clip, jnp.where(probability < 1 - clip, probability, 1 - clip), clip
    )
