"""Inputs: from what a user gives by name to a feed, with every mistake named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import SETTLE_INSTEAD, Address, Labels
from pynodes._core.modules import blank_invalid, is_traced, parameters_of
from pynodes._engine.feed import Feed, Given, Moment
from pynodes._errors import InputError, nearest, quote
from pynodes._graph.edges import name_edges
from pynodes._graph.library import INITIAL
from pynodes._runtime.gate import Gate, read_gate
from pynodes._runtime.parameters import check_new_value
from pynodes._runtime.series import (
    Series,
    count_steps,
    group_observations,
    positive,
    stack_series,
    to_flags,
    to_numbers,
    warn_of_rounding,
)
from pynodes._runtime.times import read_times
from pynodes._typing import AnyArray
from pynodes.nodes import AbstractNode

Inputs: TypeAlias = Mapping[str, Series]
"""Series by name: of every input, of every regressor, of any state that was observed directly, and of
any parameter of a node or a coupling that is known per step, under its full name."""


def read_inputs(
    labels: Labels,
    inputs: Inputs,
    dt: Series | float = 1.0,
    observed: Mapping[str, Series] | Series | None = None,
    frozen: Series | None = None,
    gate: Gate | None = None,
) -> Feed:
    """The feed of some inputs.

    Raises
    ------
    InputError
        A name that is absent or unknown; a series that is empty, of another length, not numeric,
        infinite or of values its node cannot take; times that are not positive; masks that fit none.
    """
    labels.refuse_feedback(labels.settings.scheme, SETTLE_INSTEAD)
    labels.refuse_flat_roots()
    series = {
        name: to_numbers(name, inputs[name], shape_of(labels, name))
        for name in check_input_names(labels, inputs)
    }
    for name, values in series.items():
        warn_of_rounding(name, values)
    steps = count_steps(series, dt)
    times, interval = read_times(dt, steps)
    masks = read_masks(labels, series, observed, steps)
    series = fill_unneeded(labels, series, masks)
    values, seen = group_observations(labels, series, masks)
    rule, gates = read_gate(labels, gate, steps, series)
    moment = Moment(
        values=values,
        observed=seen,
        given=read_given_parameters(labels, series),
        interval=times,
        frozen=None if frozen is None else to_flags("frozen", frozen, steps),
        gates=gates,
    )
    return Feed(steps=steps, series=moment, interval=interval, gate=rule)


def read_simulation(
    labels: Labels, inputs: Inputs | None, dt: Series | float, steps: int | None
) -> Feed:
    """The feed of a simulation: what is given is read, nothing is observed.

    Raises
    ------
    InputError
        A name that nothing can be given for, series that do not fit, or no number of steps.
    """
    inputs = {} if inputs is None else inputs
    check_mapping(labels, inputs)
    for name in inputs:
        if name in labels.nodes and not labels.graph.nodes[name].given:
            raise InputError(
                f"{name!r} is simulated; give series of regressors and parameters only."
            )
        check_name(labels, name)
    check_nothing_missing(labels, inputs)
    series = {name: to_numbers(name, inputs[name], shape_of(labels, name)) for name in inputs}
    if steps is None:
        steps = count_steps(series, dt)
    steps = positive("steps", steps)
    for name, values in series.items():
        if values.shape[0] != steps:
            raise InputError(
                f"{name!r} has {values.shape[0]} steps, not {steps}. Give one value per step, or leave "
                "steps out."
            )
    times, interval = read_times(dt, steps)
    moment = Moment(
        values={}, observed={}, given=read_given_parameters(labels, series), interval=times
    )
    return Feed(steps=steps, series=moment, interval=interval)


def check_input_names(labels: Labels, inputs: Any) -> list[str]:
    """The names in some inputs, once none is absent or unknown."""
    check_mapping(labels, inputs)
    found = dict.fromkeys(inputs.keys())
    names = tuple(found)
    if names in labels.checked:
        return list(names)
    for name in found:
        check_name(labels, name)
        if name in labels.nodes and not accepts(labels.graph.nodes[name]):
            raise InputError(
                f"{name!r} is a {type(labels.graph.nodes[name]).__name__}, which cannot be observed. "
                f"The network's inputs: {quote(labels.graph.inputs)}."
            )
    absent = [name for name in labels.graph.inputs if name not in found]
    if absent:
        raise InputError(
            f"No series was given for {quote(absent)}. Give one each; an input that was never observed "
            "gets a series of NaN, a regressor a value at every step."
        )
    check_nothing_missing(labels, found)
    labels.checked.add(names)
    return list(names)


def check_nothing_missing(labels: Labels, found: Mapping[str, Any]) -> None:
    """Parameters that mean nothing by themselves are given."""
    absent = [name for name in labels.required if name not in found]
    if absent:
        raise InputError(
            f"No series was given for {quote(absent)}. Give one each, with a value at every step."
        )


def check_mapping(labels: Labels, inputs: Any) -> None:
    """Series are given by name."""
    if not hasattr(inputs, "keys") or not hasattr(inputs, "__getitem__"):
        example = next(iter(labels.graph.inputs), "u")
        raise InputError(
            f"Give the series by name, as in {{{example!r}: values}}, not a {type(inputs).__name__}."
        )


def check_name(labels: Labels, name: Any) -> None:
    """A series is for a node, or for a parameter of a node or a coupling that matters at every step."""
    if name in labels.nodes:
        return
    where = labels.parameters.get(name)
    if where is None:
        known = labels.parameters if "." in str(name) else labels.graph.inputs
        raise InputError(f"The network has no input {name!r}. {nearest(name, known)}")
    if where.rank:
        raise InputError(
            f"{name!r} is an array, which is the same at every step. Set it with network.replace."
        )
    if where.field.startswith(INITIAL):
        raise InputError(
            f"{name!r} is about the belief before the first step. Set it with network.replace."
        )


def single_step(labels: Labels, inputs: Any) -> dict[str, Any]:
    """Series of one step, from one number per input."""
    check_mapping(labels, inputs)
    for name in inputs:
        expected = shape_of(labels, name)
        if np.shape(inputs[name]) != expected:
            wanted = f"of shape {expected}" if expected else "one number"
            raise InputError(
                f"{name!r} must be {wanted} for one step, not of shape {np.shape(inputs[name])}. For a "
                "series use network.filter."
            )
    return {
        name: jnp.asarray(inputs[name])[None] if is_traced(inputs[name]) else [inputs[name]]
        for name in inputs
    }


def shape_of(labels: Labels, name: str) -> tuple[int, ...]:
    """Shape of what a series gives at one step."""
    node = labels.graph.nodes.get(name)
    return () if node is None else node.event_shape


def accepts(node: AbstractNode) -> bool:
    """Whether a series may be given under a node's name."""
    return node.given is not None or type(node).surprise is not AbstractNode.surprise


def read_masks(
    labels: Labels, series: Mapping[str, Any], observed: Any, steps: int
) -> dict[str, AnyArray]:
    """Which values were observed, by name, as far as a mask was given."""
    if observed is None:
        return {}
    watched = [
        name for name in series if name in labels.nodes and not labels.graph.nodes[name].given
    ]
    if not isinstance(observed, Mapping):
        mask = to_flags("observed", observed, steps)
        return dict.fromkeys(watched, mask)
    for name in observed:
        if name in series and name not in watched:
            raise InputError(
                f"observed has a mask for {name!r}, which is given, not observed: leave it out."
            )
        if name not in watched:
            raise InputError(
                f"observed has a mask for {name!r}, which has no series. {nearest(name, watched)}"
            )
    return {name: to_flags(f"observed[{name!r}]", mask, steps) for name, mask in observed.items()}


def fill_unneeded(
    labels: Labels, series: Mapping[str, Any], masks: Mapping[str, AnyArray]
) -> dict[str, Any]:
    """Series in which required parameters have some value where their node was not observed.

    There they matter to nothing: who missed a trial neither chose nor saw an outcome.
    """
    found = dict(series)
    for name in labels.required:
        owner, _, field = name.partition(".")
        mask = masks.get(owner, np.True_)
        array = jnp if is_traced((series[name], series[owner], mask)) else np
        seen = ~array.isnan(series[owner]) & mask
        low = parameters_of(labels.graph.nodes[owner])[field]["bounds"][0]
        found[name] = array.where(array.isnan(series[name]) & ~seen, low, series[name])
    return found


def read_given_parameters(labels: Labels, series: Mapping[str, Any]) -> tuple[Given, ...]:
    """The parameters that are known per step."""
    found: dict[tuple[str, int, str], dict[int, Any]] = {}
    for name, array in series.items():
        if name in labels.nodes and not labels.graph.nodes[name].given:
            continue
        address, spec = specify_given(labels, name)
        if isinstance(array, np.ndarray):
            check_given(name, array, spec)
            if address.section == "nodes":
                check_new_value(labels.graph, name.partition(".")[0], address.field, array.min())
        elif is_traced(array):
            array = blank_invalid(array, spec | {"infinite": False})
        parts = found.setdefault((address.section, address.stack, address.field), {})
        if address.position in parts:
            raise InputError(
                f"{name!r} is given twice: by its node's name and by its own. Give one."
            )
        parts[address.position] = array
    return tuple(
        Given(
            section=section,
            stack=stack,
            field=field,
            positions=tuple(parts) if several(labels, section, stack) else None,
            values=stack_series(list(parts.values()))
            if several(labels, section, stack)
            else parts[0],
        )
        for (section, stack, field), parts in found.items()
    )


def specify_given(labels: Labels, name: str) -> tuple[Address, dict[str, Any]]:
    """Where a parameter that is known per step lives, and what it may be; by its node's name or its own."""
    if name in labels.nodes:
        name = f"{name}.{labels.graph.nodes[name].given}"
    address = labels.parameters[name]
    owner = name.removesuffix(f".{address.field}")
    if address.section == "nodes":
        return address, parameters_of(labels.graph.nodes[owner])[address.field]
    edges = labels.graph.edges
    coupling = dict(zip(name_edges(edges), edges, strict=True))[owner][2]
    return address, parameters_of(coupling)[address.field]


def several(labels: Labels, section: str, stack: int) -> bool:
    """Whether a stack has more than one node or coupling."""
    return len(labels.groups[stack]) > 1 if section == "nodes" else bool(labels.stacks[stack])


def check_given(name: str, values: np.ndarray, spec: dict[str, Any]) -> None:
    """What is given is known at every step, and within the parameter's range."""
    low, high = spec["bounds"]
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise InputError(
            f"{name!r} {first_of(values, wrong)}. What is given must be known at every step: fill the gap, "
            "or make the step frozen."
        )
    wrong = (values < low) | (values > high) | (spec["positive"] & (values <= 0))
    wrong |= spec["whole"] & (values != np.floor(values))
    if wrong.any():
        expected = "be positive" if spec["positive"] else f"lie in [{low}, {high}]"
        expected += " and be whole" if spec["whole"] else ""
        raise InputError(f"{name!r} must {expected}, but {first_of(values, wrong)}.")


def first_of(values: np.ndarray, wrong: np.ndarray) -> str:
    """The first wrong value, its step and its element, in words."""
    step, *element = (int(index) for index in np.argwhere(wrong)[0])
    place = f" at index {', '.join(map(str, element))}" if element else ""
    return f"is {values[(step, *element)]:g} at step {step}{place}"
