"""Weights of an equinox module, brought into a network by shape; nothing of equinox is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._graph.edges import name_edges
from pynodes._runtime.network import Network
from pynodes.couplings import AbstractArrayCoupling

PROJECTIONS = {
    "query": "query_proj",
    "key": "key_proj",
    "value": "value_proj",
    "weights": "output_proj",
}
"""Fields of attention, and the layers of equinox that hold them."""


@boundary
def from_equinox(network: Network, module: Any) -> Network:
    """A network with the weights of an equinox module.

    The module's layers, in the order of its fields, go to the edges with weights, in the order in which they
    were coupled: ``Linear`` to Dense, ``Conv`` to Convolution, ``LayerNorm`` to Normalisation, ``Embedding``
    to Embedding, ``MultiheadAttention`` to Attention. Parts of a Compose count one by one.

    Parameters
    ----------
    network
        A compiled network.
    module
        An equinox module, or a list of its layers.

    Raises
    ------
    ParameterError
        More or fewer layers than edges, or a shape that is not the edge's; names both.
    """
    targets = list(list_targets(network))
    layers = list(find_layers(module))
    if len(layers) != len(targets):
        raise ParameterError(
            f"The module has {len(layers)} layers with weights, and the network {len(targets)} edges to take "
            f"them: {', '.join(name for name, _ in targets) or 'none'}."
        )
    values: dict[str, Any] = {}
    for (name, coupling), layer in zip(targets, layers, strict=True):
        values |= match_layer(name, coupling, layer)
    return network.replace(values)


def list_targets(network: Network) -> Iterator[tuple[str, AbstractArrayCoupling]]:
    """Edges, and parts of edges, that have weights, with the beginning of their parameters' names."""
    edges = network.graph.edges
    for name, (_, _, coupling) in zip(name_edges(edges), edges, strict=True):
        if not isinstance(coupling, AbstractArrayCoupling):
            continue
        parts: Sequence[Any] = getattr(coupling, "parts", ())
        inner = [(f"{name}.{number}", part) for number, part in enumerate(parts)]
        yield from ((n, c) for n, c in inner or [(name, coupling)] if c.learnable)


def find_layers(module: Any) -> Iterator[Any]:
    """Everything in a module that has weights of its own, in the order of fields."""
    if hasattr(module, "query_proj") or hasattr(module, "weight"):
        yield module
    elif isinstance(module, list | tuple):
        for part in module:
            yield from find_layers(part)
    elif dataclasses.is_dataclass(module):
        for field in dataclasses.fields(module):
            yield from find_layers(getattr(module, field.name, None))


def match_layer(name: str, coupling: AbstractArrayCoupling, layer: Any) -> dict[str, np.ndarray]:
    """The arrays of a layer by the names of an edge's parameters.

    Raises
    ------
    ParameterError
        An array that is absent, too much, or of another shape.
    """
    kind = type(layer).__name__
    found: dict[str, np.ndarray] = {}
    for field in coupling.learnable:
        expected = np.shape(getattr(coupling, field))
        array = read_layer_array(layer, field)
        if array is None:
            raise ParameterError(f"{name}: {kind} has no {field}, which the edge has.")
        array = np.asarray(array, float)
        if field == "bias":
            array = array.reshape(-1)
        if array.shape != expected:
            raise ParameterError(
                f"{name}: {field} has shape {expected}, and that of {kind} has {array.shape}."
            )
        found[f"{name}.{field}"] = array
    if "bias" not in coupling.learnable and read_layer_array(layer, "bias") is not None:
        raise ParameterError(
            f"{name}: {kind} has a bias, and the edge has none. Give it bias=True."
        )
    return found


def read_layer_array(layer: Any, field: str) -> Any:
    """The array of a layer that belongs in a field of a coupling."""
    if hasattr(layer, "query_proj"):
        inner = getattr(layer, PROJECTIONS.get(field, "output_proj"))
        return inner.bias if field == "bias" else inner.weight
    return getattr(layer, "bias" if field == "bias" else "weight", None)
