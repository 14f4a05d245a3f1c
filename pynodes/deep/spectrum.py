"""Spectrum: how curved the energy is, and which steps are safe."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.errors import curvature_at, inner_product, no_errors, scale_errors
from pynodes.deep.layout import Layout
from pynodes.deep.numbers import Numbers, lay_out_numbers
from pynodes.deep.problem import Variables
from pynodes.deep.reading import make_point_problem, read_data
from pynodes.deep.settle import Settle
from pynodes.deep.settled import check_network, lay_out_for

TURNS = 100
"""Turns of power iteration."""


@dataclasses.dataclass(frozen=True)
class Spectrum:
    """Largest curvature of the energy at the forward pass, sample by sample.

    Attributes
    ----------
    states
        Along values of free nodes: a simultaneous step is safe below 2 over it.
    errors
        Along errors of free nodes, the bend of the network left out: what ``Errors`` steps by.
    """

    states: Array
    errors: Array

    @property
    def safe_step(self) -> float:
        """The largest step of ``Settle`` in the simultaneous order that no sample forbids."""
        return float(2 / jnp.max(self.states))

    @property
    def safe_error_step(self) -> float:
        """The same for ``Errors``."""
        return float(2 / jnp.max(self.errors))


@boundary
def spectrum(network: Network, values: Mapping[str, Any]) -> Spectrum:
    """How curved the energy of a network is where a scheme would start.

    Parameters
    ----------
    network
        The network.
    values
        What is given, by node name.

    Raises
    ------
    InputError
        Values that do not fit, or that leave nothing to be found by a scheme.
    """
    check_network(network)
    data = read_data(network.labels, values)
    layout = lay_out_for(network, data, Settle())
    if not layout.variables:
        raise InputError(
            "Nothing is to be found by a scheme: all that is free lies below what is given, and the forward "
            "pass is the answer. Give the leaves too."
        )
    numbers = lay_out_numbers(network, layout)
    return Spectrum(*run_spectrum(layout, numbers, data.arrays, data.masks, data.count))


@partial(jax.jit, static_argnames=("layout", "count"))
def run_spectrum(
    layout: Layout, numbers: Numbers, arrays: dict[str, Any], masks: dict[str, Any], count: int
) -> tuple[Array, Array]:
    """Largest curvatures along states and along errors."""
    problem = make_point_problem(layout, numbers, arrays, masks, count)
    start = problem.start()

    def along_states(vector: Variables) -> Variables:
        return jax.jvp(lambda z: problem.slopes(z)[0], (start,), (vector,))[1]

    along_errors = curvature_at(problem, no_errors(problem))
    return largest(layout, along_states, start, count), largest(layout, along_errors, start, count)


def largest(layout: Layout, apply: Any, like: Variables, count: int) -> Array:
    """The largest eigenvalue of a linear map, in size, for every sample."""
    keys = jax.random.split(jax.random.key(0), len(like))
    begin = {
        index: jax.random.normal(key, value.shape, value.dtype)
        for key, (index, value) in zip(keys, like.items(), strict=True)
    }

    def turn(_: Any, held: tuple[Variables, Array]) -> tuple[Variables, Array]:
        vector, _ = held
        size = jnp.sqrt(inner_product(layout, vector, vector))
        image = apply(scale_errors(layout, 1 / jnp.where(size > 0, size, 1.0), vector))
        return image, jnp.sqrt(inner_product(layout, image, image))

    return lax.fori_loop(0, TURNS, turn, (begin, jnp.ones(count)))[1]
