"""Reading: values that a user gives by name, as arrays of samples and masks of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._core.modules import is_traced
from pynodes._errors import InputError, ParameterError, format_value, nearest, quote
from pynodes._typing import AnyArray, Array
from pynodes.couplings import AbstractArrayCoupling
from pynodes.deep.layout import BARREN, PARTLY, Layout, find_roles
from pynodes.deep.numbers import Numbers
from pynodes.deep.problem import PointProblem
from pynodes.nodes import AbstractNode, CategoricalLayer


class Data:
    """What is given, by node name.

    Attributes
    ----------
    arrays
        Samples first; codes of outcomes as whole numbers. A safe number where something is missing.
    masks
        For nodes of which something is missing, what is there: by element, or by sample where a node takes
        one outcome.
    count
        Number of samples.
    single
        Whether one sample was given, without an axis for samples.
    """

    def __init__(
        self, arrays: dict[str, Any], masks: dict[str, Any], count: int, single: bool
    ) -> None:
        self.arrays, self.masks, self.count, self.single = arrays, masks, count, single

    @property
    def whole(self) -> tuple[str, ...]:
        """Names of the nodes that are given as a whole."""
        return tuple(name for name in self.arrays if name not in self.masks)


def read_data(labels: Labels, values: Mapping[str, Any], what: str = "values") -> Data:
    """Values by node name, checked.

    Raises
    ------
    InputError
        No mapping, unknown names, other shapes, different numbers of samples, or values that a node
        cannot take.
    """
    if not isinstance(values, Mapping):
        raise InputError(
            f"Give {what} by node name, as in {{'x': images}}, not a {type(values).__name__}."
        )
    arrays: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    counts: dict[str, int | None] = {}
    for name, value in values.items():
        if name not in labels.nodes:
            raise InputError(f"The network has no node {name!r}. {nearest(name, labels.nodes)}")
        node = labels.graph.nodes[name]
        array, counts[name] = read_array(name, node, value)
        check_values(name, node, array)
        check_embedded(labels, name, array)
        array, mask = split_absent(node, array)
        if mask is not None and not mask.any():
            continue  # it is free as a whole
        arrays[name] = array
        if mask is not None:
            masks[name] = mask
    count, single = count_samples(counts)
    if single:
        arrays = {name: array[None] for name, array in arrays.items()}
        masks = {name: mask[None] for name, mask in masks.items()}
    return Data(arrays, masks, count, single)


def read_whole_number(kind: str, name: str, value: Any, least: int = 1) -> int:
    """A whole number that a user gives, whatever library it comes from.

    Raises
    ------
    ParameterError
        Something else, or a smaller one.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ParameterError(
            f"{kind}: {name} must be a whole number of at least {least}, not {format_value(value)}."
        )
    return int(value)


def check_taught(labels: Labels, data: Data) -> None:
    """What is given says something of at least one edge that learns, if there is any.

    Raises
    ------
    InputError
        All such edges lead to nodes below which nothing is given.
    """
    edges = [
        (child, f"{parent}->{child}")
        for parent, child, coupling in labels.graph.edges
        if isinstance(coupling, AbstractArrayCoupling) and coupling.learnable
    ]
    roles = find_roles(labels, data.whole, tuple(data.masks), False)
    if edges and all(roles[child] == BARREN for child, _ in edges):
        raise InputError(
            f"Nothing can be learned from {quote(data.arrays)} alone: no error reaches the weights of "
            f"{quote([edge for _, edge in edges])}, below which nothing is given. Give their children too."
        )


def check_seen(values: Mapping[str, Any], data: Data) -> None:
    """Data to learn from say something of every node that they name, and of every element of it.

    Raises
    ------
    InputError
        A node, or an element of one, that is NaN in all samples.
    """
    for name in values:
        if name not in data.arrays:
            raise InputError(
                f"{name!r} is NaN in all samples, so that nothing can be learned of it. NaN is a missing "
                f"element: leave {name!r} out of the data if the whole node is meant to be free."
            )
        if name not in data.masks:
            continue
        seen = np.asarray(data.masks[name]).any(0)
        if not seen.all():
            places = [list(map(int, place)) for place in np.argwhere(~seen)]
            shown = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
            raise InputError(
                f"{len(places)} of {seen.size} elements of {name!r} are NaN in all samples ({shown}), so "
                "that nothing can be learned of them. Give the layer the elements that were measured."
            )


def read_array(name: str, node: AbstractNode, value: Any) -> tuple[AnyArray, int | None]:
    """One node's values, and how many samples they are; None for one without an axis for samples."""
    if isinstance(value, np.ma.MaskedArray):
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data)
    try:
        array: Any = value if isinstance(value, np.ndarray | jax.Array) else np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name!r} has rows of different lengths: {error}.") from error
    if array.dtype.kind not in "fiub" and not jnp.issubdtype(array.dtype, jnp.floating):
        raise InputError(
            f"{name!r} must hold real numbers, not {array.dtype} ({format_value(value, 60)})."
        )
    expected, shape = node.value_shape, tuple(array.shape)
    if isinstance(node, CategoricalLayer):
        return read_outcomes(name, node, array)
    if shape == expected:
        return array, None
    if shape[1:] == expected and len(shape) == len(expected) + 1:
        if not shape[0]:
            raise InputError(f"{name!r} holds no samples.")
        return array, shape[0]
    raise InputError(
        f"{name!r} is a {type(node).__name__} of shape {expected}; its values must have shape "
        f"{describe_shape(expected)}, samples first, not {shape}.{flat_hint(expected, shape)}"
    )


def describe_shape(expected: tuple[int, ...]) -> str:
    """The shape of samples, as a message shows it."""
    return f"({', '.join(['samples', *map(str, expected)])}{'' if expected else ','})"


def flat_hint(expected: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What to do with images that were not made flat, if that is what they are."""
    if len(shape) > 1 and len(expected) == 1 and np.prod(shape[1:]) == expected[0]:
        return f" Reshape them: values.reshape(len(values), {expected[0]})."
    return ""


def read_outcomes(
    name: str, node: CategoricalLayer, array: AnyArray
) -> tuple[AnyArray, int | None]:
    """Outcomes as codes, or as vectors with shares that sum to one."""
    whole, shape = array.dtype.kind in "iub", tuple(array.shape)
    if shape[-1:] == (node.outcomes,) and len(shape) == 2:
        return array, shape[0]
    if whole and len(shape) <= 1:
        return array, shape[0] if shape else None
    if not whole and shape == (node.outcomes,):
        return array, None
    if not whole and len(shape) <= 1:
        raise InputError(
            f"{name!r} is a CategoricalLayer, whose outcomes are codes, and these are {array.dtype} of shape "
            f"{shape}. Give whole numbers, as in labels.astype(int), or one row of {node.outcomes} numbers "
            "per sample; a missing outcome is a row of NaN."
        )
    raise InputError(
        f"{name!r} is a CategoricalLayer of {node.outcomes} outcomes: give codes of shape (samples,), or "
        f"rows of shape (samples, {node.outcomes}), not {shape}."
    )


def check_values(name: str, node: AbstractNode, array: AnyArray) -> None:
    """Values that are known are ones that their node can take."""
    if is_traced(array):
        return
    host = read_local_samples(array)
    if isinstance(node, CategoricalLayer):
        check_codes(name, node, host)
        return
    if np.isinf(host).any():
        raise InputError(f"{name!r} holds infinite values; a missing element is NaN.")
    there = ~np.isnan(host) if host.dtype.kind == "f" else np.ones(host.shape, bool)
    wrong = there & ~node.accepts(np.where(there, host, 0))
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name!r}, a {type(node).__name__}, takes {node.expects}; element {list(first)} is "
            f"{host[first]}."
        )


def check_embedded(labels: Labels, name: str, array: AnyArray) -> None:
    """Values that an edge looks up in a table are codes that it has.

    Raises
    ------
    InputError
        Missing ones, fractions, or codes beyond the last.
    """
    tables: list[tuple[str, Any]] = [
        (child, coupling)
        for parent, child, coupling in labels.graph.edges
        if parent == name and count_codes(coupling)
    ]
    if not tables or is_traced(array):
        return
    host = read_local_samples(array)
    for child, coupling in tables:
        fine = (host >= 0) & (host < coupling.codes) & (host == np.round(host))
        if not fine.all():
            first = tuple(int(i) for i in np.argwhere(~fine)[0])
            raise InputError(
                f"{name!r} -> {child!r}: {type(coupling).__name__} looks up {coupling.codes} codes, whole "
                f"numbers from 0 to {coupling.codes - 1}, and element {list(first)} of {name!r} is "
                f"{host[first]}. Give it codes that there are; none may be missing."
            )


def count_codes(coupling: Any) -> int | None:
    """How many codes an edge looks up; None where it takes numbers."""
    return coupling.codes if isinstance(coupling, AbstractArrayCoupling) else None


def read_local_samples(array: AnyArray) -> np.ndarray:
    """An array on the host; of one that is shared out over processes, the samples that this one holds."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return np.concatenate([np.asarray(shard.data) for shard in array.addressable_shards])
    return np.asarray(array)


def check_codes(name: str, node: CategoricalLayer, host: np.ndarray) -> None:
    """Codes are among the outcomes; shares are none below zero and sum to one."""
    codes = host.ndim < 2 and host.dtype.kind in "iub"
    if codes and host.size and (host.min() < 0 or host.max() >= node.outcomes):
        worst = host.max() if host.max() >= node.outcomes else host.min()
        raise InputError(
            f"{name!r} has {node.outcomes} outcomes, whose codes are 0 to {node.outcomes - 1}, and is given "
            f"the code {worst}. Give the layer as many outcomes as there are classes."
        )
    if codes:
        return
    missing = np.asarray(np.isnan(host.astype(float)).any(-1))
    sums = np.where(missing, 1.0, host.sum(-1))
    if (np.where(missing[..., None], 0, host) < 0).any() or not np.allclose(sums, 1, atol=1e-3):
        raise InputError(
            f"Rows of {name!r} must be shares of {node.outcomes} outcomes, none below zero, that sum to 1."
        )


def split_absent(node: AbstractNode, array: AnyArray) -> tuple[AnyArray, AnyArray | None]:
    """An array without NaN, and what is there; None for all."""
    if is_traced(array) or array.dtype.kind != "f":
        return array, None
    host = read_local_samples(array)
    missing = np.isnan(host)
    if not missing.any():
        return array, None
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        raise InputError(
            f"An array of shape {array.shape} that is shared out over processes holds NaN. What is missing "
            "is found by looking at whole arrays: give them whole to every process."
        )
    safe = np.where(missing, 0.0, host).astype(host.dtype)
    if isinstance(node, CategoricalLayer):
        missing = np.asarray(missing.any(-1))
    return safe, np.logical_not(missing)


def count_samples(counts: Mapping[str, int | None]) -> tuple[int, bool]:
    """How many samples there are, and whether it is one without an axis.

    Raises
    ------
    InputError
        Different numbers.
    """
    found = set(counts.values())
    if len(found) > 1:
        said = ", ".join(
            f"{name!r} {'one without an axis' if count is None else count}"
            for name, count in counts.items()
        )
        raise InputError(f"All values must have the same number of samples, not {said}.")
    count = next(iter(found), None)
    return (1, True) if count is None else (count, False)


def make_point_problem(
    layout: Layout,
    numbers: Numbers,
    arrays: Mapping[str, Any],
    masks: Mapping[str, Any],
    count: int,
    weighs: Mapping[int, Array] | None = None,
) -> PointProblem:
    """A problem from data by name; traced."""
    given: dict[int, Any] = {}
    kept: dict[int, Any] = {}
    for index, block in enumerate(layout.blocks):
        there = [name for name in block.names if name in arrays]
        if not there:
            continue
        node = numbers.nodes[index]
        parts = [as_values(node, arrays[name]) for name in block.names]
        given[index] = parts[0] if block.size == 1 else jnp.stack(parts)
        if block.role == PARTLY or block.names[0] in masks:
            flags = [jnp.asarray(masks[name]) for name in block.names]
            kept[index] = flags[0] if block.size == 1 else jnp.stack(flags)
    return PointProblem(
        layout=layout,
        count=count,
        numbers=numbers,
        given=given,
        masks=kept,
        weighs=dict(weighs or {}),
    )


def as_values(node: Any, array: Any) -> Array:
    """Samples as a node's belief holds them: codes as vectors."""
    array = jnp.asarray(array)
    if isinstance(node, CategoricalLayer) and array.ndim == 1:
        return jax.nn.one_hot(array, node.outcomes, dtype=jnp.result_type(float))
    return array.astype(jnp.result_type(float))
