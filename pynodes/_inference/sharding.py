"""Sharding: problems are dealt out to all devices of all processes that JAX knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "problems"
"""Name of the axis that is sharded."""


def map_over_devices(compute: Callable[..., Any], common: Any, own: Any, **settings: Any) -> Any:
    """Compute something of problems that do not depend on one another, as NumPy arrays.

    With several devices each takes its share. With several processes (``jax.distributed``) every one makes
    the same call with the same data, and has all results.

    Parameters
    ----------
    compute
        A compiled function of ``common``, ``own`` and ``settings``, whose results have the problems as
        their first axis.
    common
        What all problems share.
    own
        Arrays whose first axis are the problems.
    settings
        What the program depends on.
    """
    devices = jax.devices()
    count = jax.tree.leaves(own)[0].shape[0]
    if len(devices) == 1 or count == 1:
        return jax.tree.map(np.asarray, compute(common, own, **settings))
    mesh = Mesh(np.array(devices), (AXIS,))
    own = jax.tree.map(partial(pad_to_multiple, multiple=len(devices)), own)
    results = compute_shards(
        place_on_devices(common, NamedSharding(mesh, PartitionSpec())),
        place_on_devices(own, NamedSharding(mesh, PartitionSpec(AXIS))),
        compute,
        mesh,
        tuple(settings.items()),
    )
    if jax.process_count() > 1:
        results = multihost_utils.process_allgather(results, tiled=True)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], results)


@partial(jax.jit, static_argnums=(2, 3, 4))
def compute_shards(
    common: Any,
    own: Any,
    compute: Callable[..., Any],
    mesh: Mesh,
    settings: tuple[tuple[str, Any], ...],
) -> Any:
    """Compute every device's share."""
    each = partial(compute, **dict(settings))
    everywhere, split = PartitionSpec(), PartitionSpec(AXIS)
    return jax.shard_map(
        each, mesh=mesh, in_specs=(everywhere, split), out_specs=split, check_vma=False
    )(common, own)


def place_on_devices(tree: Any, sharding: NamedSharding) -> Any:
    """Place arrays that every process has on the devices of all processes."""

    def place(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(leaf)))
        array = np.asarray(leaf, dtype=jnp.result_type(leaf))
        return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)

    return jax.tree.map(place, tree)


def pad_to_multiple(leaf: Any, multiple: int) -> np.ndarray:
    """Repeat the last problem until there are a multiple of some number."""
    leaf = np.asarray(leaf)
    missing = -len(leaf) % multiple
    return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)]) if missing else leaf
