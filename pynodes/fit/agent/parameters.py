"""Parameters: free values as parameters of a network and of its responses, once names and priors fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pynodes._errors import ParameterError, nearest
from pynodes._inference.priors import AbstractPrior, Fixed
from pynodes._runtime.network import Network
from pynodes.fit.agent.model import Model, Target

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


def fix_values(model: Model, values: Mapping[str, Any]) -> Model:
    """A model with other values of parameters that are not free.

    Raises
    ------
    ParameterError
        A name that is unknown, or of a parameter that is free; a value that cannot be.
    """
    taken = {target: name for name, targets in model.targets for target in targets}
    targets: list[tuple[str, tuple[Target, ...]]] = []
    for name in values:
        target = find_target(model.network, model.response, name)
        if target in taken:
            raise ParameterError(f"{name!r} is free: it is set by {taken[target]!r}.")
        targets.append((name, (target,)))
    setter = dataclasses.replace(model, targets=tuple(targets), priors=())
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
    alone = dataclasses.replace(model, targets=((name, targets),))
    for sds in (-3.0, 0.0, 3.0):
        value = float(prior.constrain(prior.unconstrained_mean + sds * prior.unconstrained_sd))
        try:
            alone.instantiate({name: value})
        except ParameterError as error:
            raise ParameterError(
                f"{prior!r} allows {name!r} to be {value:g}, which it cannot be: {error} Choose a prior "
                "within the parameter's range: LogNormal for positive ones, LogitNormal between bounds."
            ) from error
