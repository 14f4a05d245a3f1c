"""Parameters: free values as parameters of a network and of its responses, once names and priors fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pynodes._errors import InputError, ParameterError, nearest, quote
from pynodes._inference.priors import AbstractPrior, Fixed
from pynodes._runtime.inputs import check_name
from pynodes._runtime.network import Network
from pynodes.fit.agent.conditions import Split, Target, label_level
from pynodes.fit.agent.model import Model
from pynodes.fit.data.frames import is_missing

PARTS = ("network", "response")


def make_model(
    network: Network, response: Any, free: dict[str, Any], tied: dict[str, Sequence[str]]
) -> Model:
    """The model of an agent, once all names and priors are found to fit."""
    for name in tied:
        if name not in free:
            raise ParameterError(
                f"tied names {name!r}, which has no prior. {nearest(name, free)} Give it one in free."
            )
    every = find_targets(network, response, free, tied)
    fixed = {name: prior.value for name, prior in free.items() if isinstance(prior, Fixed)}
    whole = Model(targets=every, network=network, response=response, priors=())
    for name, targets in every:
        check_prior(whole, name, targets, free[name])
    setter = dataclasses.replace(whole, targets=tuple(t for t in every if t[0] in fixed))
    network, response = setter.instantiate(fixed)
    kept = tuple(t for t in every if t[0] not in fixed)
    priors = tuple(free[name] for name, _ in kept)
    return Model(targets=kept, network=network, response=response, priors=priors)


def find_targets(
    network: Network, response: Any, free: dict[str, Any], tied: dict[str, Sequence[str]]
) -> tuple[tuple[str, tuple[Target, ...]], ...]:
    """The parameters that every free value sets.

    Raises
    ------
    ParameterError
        A name that is unknown, ambiguous or set twice.
    """
    found: list[tuple[str, tuple[Target, ...]]] = []
    taken: dict[Target, str] = {}
    for name in free:
        own = tied.get(name, (name,))
        if isinstance(own, str) or not own:
            raise ParameterError(f"tied[{name!r}] must be a list of names, not {own!r}.")
        targets = tuple(find_target(network, response, one) for one in own)
        for target in targets:
            if target in taken:
                raise ParameterError(
                    f"{target[1]!r} is set twice, by {taken[target]!r} and by {name!r}."
                )
            taken[target] = name
        found.append((name, targets))
    return tuple(found)


def split_model(
    model: Model, names: Sequence[str], column: Any, levels: Sequence[Any], own: Mapping[str, Any]
) -> Model:
    """A model in which some free values differ by the level of a column.

    Raises
    ------
    ParameterError
        A value that is not free, or cannot differ between trials; levels that are none; a prior of something
        else, or of values that the parameter cannot take.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ParameterError(
            f"names must say which free values differ, of {quote(model.names)}, not {list(names)!r}."
        )
    if not isinstance(own, Mapping):
        raise ParameterError(f"free must be priors by name, not {own!r}.")
    labels = check_levels(model, column, levels)
    known = {f"{name}[{level}]" for name in names for level in labels}
    for name in own:
        if name not in known:
            raise ParameterError(f"free names {name!r}, which is no level. {nearest(name, known)}")
    for name in names:
        model = split_value(model, name, column, labels, own)
    return model


def check_levels(model: Model, column: Any, levels: Any) -> tuple[str, ...]:
    """The levels of a column, as texts.

    Raises
    ------
    ParameterError
        Fewer than two, one twice, something else, or others than this column has already.
    """
    if not isinstance(column, str) or not column:
        raise ParameterError(f"by must name a column of the data, not {column!r}.")
    listed = levels.tolist() if hasattr(levels, "tolist") else levels
    listed = [] if isinstance(listed, str) or not isinstance(listed, Sequence) else list(listed)
    labels = tuple(label_level(level) for level in listed)
    blank = any(is_missing(level) or level != level or level == "" for level in listed)
    if len(labels) < 2 or len(set(labels)) < len(labels) or blank:
        raise ParameterError(
            f"levels must list two or more different values of the column {column!r}, such as "
            f"['stable', 'volatile'], not {levels!r}."
        )
    for split in model.splits:
        if split.column == column and split.levels != labels:
            raise ParameterError(
                f"{split.name!r} differs by {column!r} already, with the levels {quote(split.levels)}. Give "
                "the same levels in the same order."
            )
    return labels


def split_value(
    model: Model, name: str, column: str, levels: tuple[str, ...], own: Mapping[str, Any]
) -> Model:
    """A model in which one free value differs by the level of a column."""
    for split in model.splits:
        if name in (split.name, *split.names):
            raise ParameterError(
                f"{split.name!r} differs by {split.column!r} already. For two conditions at once make one "
                "column of both, such as 'stable, high', and split by that."
            )
    if name not in model.names:
        hint = nearest(name, model.names) if model.names else "It has none."
        raise ParameterError(
            f"The agent has no free value {name!r} that could differ by {column!r}. {hint}"
        )
    place = model.names.index(name)
    targets = model.targets[place][1]
    for part, parameter in targets:
        if part == "network":
            check_can_differ(model.network, name, parameter)
    priors = [own.get(f"{name}[{level}]", model.priors[place]) for level in levels]
    fixed = tuple(float(p.value) if isinstance(p, Fixed) else None for p in priors)
    split = Split(name=name, targets=targets, column=column, levels=levels, fixed=fixed)
    if not split.free:
        raise ParameterError(f"Every level of {name!r} is fixed. Leave one free at least.")
    pairs = list(zip(split.names, priors, strict=True))
    for level, prior in pairs:
        check_prior(model, level, targets, prior)
    free = [(level, prior) for level, prior in pairs if not isinstance(prior, Fixed)]
    return dataclasses.replace(
        model,
        targets=(
            *model.targets[:place],
            *((level, targets) for level, _ in free),
            *model.targets[place + 1 :],
        ),
        priors=(*model.priors[:place], *(p for _, p in free), *model.priors[place + 1 :]),
        splits=(*model.splits, split),
    )


def check_can_differ(network: Network, name: str, parameter: str) -> None:
    """A parameter of a network may be another at every step.

    Raises
    ------
    ParameterError
        It is an array, or of the beliefs before the first step; or the network must be given it.
    """
    if parameter in network.labels.required:
        raise ParameterError(f"{parameter!r} is given at every step: it is no free value.")
    try:
        check_name(network.labels, parameter)
    except InputError as error:
        raise ParameterError(
            f"{name!r} cannot differ from trial to trial: {error} What differs by session takes "
            "Trials(parameters_per=...)."
        ) from error


def fix_values(model: Model, values: Mapping[str, Any]) -> Model:
    """A model with other values of parameters that are not free.

    Raises
    ------
    ParameterError
        A name that is unknown, or of a parameter that is free; a value that cannot be.
    """
    taken: dict[Target, list[str]] = {}
    for name, own in model.targets:
        for target in own:
            taken.setdefault(target, []).append(name)
    targets: list[tuple[str, tuple[Target, ...]]] = []
    for name in values:
        target = find_target(model.network, model.response, name)
        if target in taken:
            raise ParameterError(f"{name!r} is free: it is set by {quote(taken[target])}.")
        targets.append((name, (target,)))
    setter = dataclasses.replace(model, targets=tuple(targets), priors=(), splits=())
    network, response = setter.instantiate(dict(values))
    return dataclasses.replace(model, network=network, response=response)


def find_target(network: Network, response: Any, name: Any) -> Target:
    """Where a parameter is.

    Raises
    ------
    ParameterError
        Nowhere, in both, or an array.
    """
    known = {
        "network": set(network.labels.parameters),
        "response": set() if response is None else set(response.parameters()),
    }
    part, colon, own = str(name).partition(":")
    if colon and part in PARTS and own in known[part]:
        found = [part]
    else:
        own = str(name)
        found = [part for part in PARTS if own in known[part]]
    if len(found) > 1:
        raise ParameterError(
            f"Both the network and the response have a parameter {name!r}. Write 'network:{name}' or "
            f"'response:{name}', and tie both if they are to be the same."
        )
    if not found:
        every = [*network.labels.parameters, *sorted(known["response"])]
        raise ParameterError(f"The agent has no parameter {name!r}. {nearest(name, every)}")
    if found[0] == "network" and network.labels.parameters[own].rank:
        raise ParameterError(f"{name!r} is an array. Only single numbers can be free or tied.")
    return found[0], own


def check_prior(model: Model, name: str, targets: tuple[Target, ...], prior: Any) -> None:
    """A prior is one, and of values that the parameters can take.

    Raises
    ------
    ParameterError
        Something else.
    """
    if isinstance(prior, Fixed):
        return
    if not isinstance(prior, AbstractPrior):
        raise ParameterError(
            f"free[{name!r}] must be a prior, such as pynodes.fit.Normal(-3, 4), or Fixed(value), not "
            f"{prior!r}."
        )
    alone = dataclasses.replace(model, targets=((name, targets),), splits=())
    for sds in (-3.0, 0.0, 3.0):
        value = float(prior.constrain(prior.unconstrained_mean + sds * prior.unconstrained_sd))
        try:
            alone.instantiate({name: value})
        except ParameterError as error:
            raise ParameterError(
                f"{prior!r} allows {name!r} to be {value:g}, which it cannot be: {error} Choose a prior "
                "within the parameter's range: LogNormal for positive ones, LogitNormal between bounds."
            ) from error
