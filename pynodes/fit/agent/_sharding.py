"""Sharding: subjects are shared out over all devices of all processes that JAX knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "subjects"
"""Name of the axis that is shared out."""


def over_devices(compute: Callable[..., Any], common: Any, own: Any, **settings: Any) -> Any:
    """What a compiled function finds for subjects that do not depend on one another, as NumPy arrays.

    With several devices each takes its share. With several processes (``jax.distributed``) every one makes
    the same call with the same data, and has all results.

    Parameters
    ----------
    compute
        A compiled function of ``common``, ``own`` and ``settings``, whose results have the subjects as
        their first axis.
    common
        What all subjects share.
    own
        Arrays whose first axis are the subjects.
    settings
        What the program depends on.
    """
    devices = jax.devices()
    count = jax.tree.leaves(own)[0].shape[0]
    if len(devices) == 1 or count == 1:
        return jax.tree.map(np.asarray, compute(common, own, **settings))
    mesh = Mesh(np.array(devices), (AXIS,))
    own = jax.tree.map(partial(filled, multiple=len(devices)), own)
    found = shared_out(
        on_devices(common, NamedSharding(mesh, PartitionSpec())),
        on_devices(own, NamedSharding(mesh, PartitionSpec(AXIS))),
        compute,
        mesh,
        tuple(settings.items()),
    )
    if jax.process_count() > 1:
        found = multihost_utils.process_allgather(found, tiled=True)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], found)


@partial(jax.jit, static_argnums=(2, 3, 4))
def shared_out(
    common: Any,
    own: Any,
    compute: Callable[..., Any],
    mesh: Mesh,
    settings: tuple[tuple[str, Any], ...],
) -> Any:
    """Results of every device's share."""
    each = partial(compute, **dict(settings))
    everywhere, split = PartitionSpec(), PartitionSpec(AXIS)
    return jax.shard_map(
        each, mesh=mesh, in_specs=(everywhere, split), out_specs=split, check_vma=False
    )(common, own)


def on_devices(tree: Any, sharding: NamedSharding) -> Any:
    """Arrays that every process has, on the devices of all processes."""

    def placed(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(placed(jax.random.key_data(leaf)))
        known = np.asarray(leaf, dtype=jnp.result_type(leaf))
        return jax.make_array_from_callback(known.shape, sharding, known.__getitem__)

    return jax.tree.map(placed, tree)


def filled(leaf: Any, multiple: int) -> np.ndarray:
    """An array whose last subject is repeated until there are a multiple of some number."""
    leaf = np.asarray(leaf)
    missing = -len(leaf) % multiple
    return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)]) if missing else leaf
