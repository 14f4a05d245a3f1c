"""Naming: free values as parameters of a network and of its responses, once names and priors fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pynodes._errors import ParameterError, nearest
from pynodes._runtime.network import Network
from pynodes.fit.agent._model import Model, Place
from pynodes.fit.prior._prior import AbstractPrior
from pynodes.fit.prior.priors import Fixed

PARTS = ("network", "response")


def modelled(
    network: Network, response: Any, free: dict[str, Any], tied: dict[str, Sequence[str]]
) -> Model:
    """The model of an agent, once all names and priors are found to fit."""
    for name in tied:
        if name not in free:
            raise ParameterError(
                f"tied names {name!r}, which has no prior. {nearest(name, free)} Give it one in free."
            )
    places: list[tuple[str, tuple[Place, ...]]] = []
    taken: dict[Place, str] = {}
    for name in free:
        targets = tied.get(name, (name,))
        if isinstance(targets, str) or not targets:
            raise ParameterError(f"tied[{name!r}] must be a list of names, not {targets!r}.")
        found = tuple(placed_at(network, response, target) for target in targets)
        for place in found:
            if place in taken:
                raise ParameterError(
                    f"{place[1]!r} is set twice, by {taken[place]!r} and by {name!r}."
                )
            taken[place] = name
        places.append((name, found))
    fixed = {name: prior.value for name, prior in free.items() if isinstance(prior, Fixed)}
    every = Model(places=tuple(places), network=network, response=response, priors=())
    for name, targets in places:
        check_prior(every, name, targets, free[name])
    kept = tuple((name, targets) for name, targets in places if name not in fixed)
    set_now = Model(
        places=tuple((name, targets) for name, targets in places if name in fixed),
        network=network,
        response=response,
        priors=(),
    )
    network, response = set_now.placed(fixed)
    priors = tuple(free[name] for name, _ in kept)
    return Model(places=kept, network=network, response=response, priors=priors)


def set_in(model: Model, values: Mapping[str, Any]) -> Model:
    """A model with other values of parameters that are not free.

    Raises
    ------
    ParameterError
        A name that is unknown, or of a parameter that is free; a value that cannot be.
    """
    taken = {place: name for name, targets in model.places for place in targets}
    places: list[tuple[str, tuple[Place, ...]]] = []
    for name in values:
        place = placed_at(model.network, model.response, name)
        if place in taken:
            raise ParameterError(f"{name!r} is free: it is set by {taken[place]!r}.")
        places.append((name, (place,)))
    setter = dataclasses.replace(model, places=tuple(places), priors=())
    network, response = setter.placed(dict(values))
    return dataclasses.replace(model, network=network, response=response)


def placed_at(network: Network, response: Any, name: Any) -> Place:
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


def check_prior(model: Model, name: str, targets: tuple[Place, ...], prior: Any) -> None:
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
    alone = Model(
        places=((name, targets),), network=model.network, response=model.response, priors=()
    )
    for steps in (-3.0, 0.0, 3.0):
        value = float(prior.constrain(prior.centre + steps * prior.spread))
        try:
            alone.placed({name: value})
        except ParameterError as error:
            raise ParameterError(
                f"{prior!r} allows {name!r} to be {value:g}, which it cannot be: {error} Choose a prior "
                "within the parameter's range: LogNormal for positive ones, LogitNormal between bounds."
            ) from error
