"""Agents as plain values that a file can hold, and back.

A graph is written as elsewhere (docs/format.md). Responses and priors are written by the name of their
class and their fields; classes and functions of one's own are given by whoever reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

import pynodes._inference.priors
import pynodes.responses
from pynodes._errors import FormatError, format_value, nearest
from pynodes._graph.library import list_kinds
from pynodes._inference.priors import AbstractPrior, Fixed
from pynodes._keeping.contents import find_library, read_graph, settings_to_dict, write_graph
from pynodes._keeping.records import LARGEST, FileReader, FileWriter, expect, refuse_traced
from pynodes._runtime.network import Network
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.conditions import Split
from pynodes.responses import AbstractResponse, JointResponse


def write_agent(agent: Agent, file: FileWriter) -> dict[str, Any]:
    """An agent as plain values.

    Raises
    ------
    FormatError
        Something in it that cannot be written down.
    """
    return {
        "network": write_named_network(agent.network, file),
        "response": None if agent.response is None else write_response(agent.response),
        "free": {name: write_module(prior) for name, prior in agent.priors.items()},
        "places": {
            name: [f"{part}:{parameter}" for part, parameter in targets]
            for name, targets in agent.model.targets
        },
        "splits": [write_split(split) for split in agent.model.splits],
    }


def read_agent(said: Any, file: FileReader) -> Agent:
    """The agent of a document."""
    expect(said, dict, "An agent")
    free = {
        name: read_prior(entry, file) for name, entry in expect(said["free"], dict, "free").items()
    }
    response = None if said["response"] is None else read_response(said["response"], file)
    network = read_named_network(said["network"], file)
    places = expect(said["places"], dict, "places")
    splits = expect(said.get("splits", []), list, "splits")
    whole = join_levels(free, splits), join_levels(places, splits)
    agent = Agent(network, response, free=whole[0], tied=whole[1])
    for split in splits:
        fixed = {n: Fixed(v) for n, v in expect(split["fixed"], dict, "fixed").items()}
        own = {n: p for n, p in free.items() if n in level_names(split)} | fixed
        agent = agent.split(split["name"], by=split["by"], levels=split["levels"], free=own)
    return agent


def write_split(split: Split) -> dict[str, Any]:
    """What differs by conditions, as plain values."""
    pairs = zip(split.names, split.fixed, strict=True)
    return {
        "name": split.name,
        "by": split.column,
        "levels": list(split.levels),
        "fixed": {name: value for name, value in pairs if value is not None},
    }


def level_names(split: Any) -> list[str]:
    """The names of the values of levels, of a document."""
    expect(split, dict, "A split")
    return [f"{split['name']}[{level}]" for level in expect(split["levels"], list, "levels")]


def join_levels(named: dict[str, Any], splits: list[Any]) -> dict[str, Any]:
    """What stands by name, once for every value that differs: what its first level has."""
    owner = {level: split["name"] for split in splits for level in level_names(split)}
    found: dict[str, Any] = {}
    for name, value in named.items():
        found.setdefault(owner.get(name, name), value)
    return found


def write_named_network(network: Network, file: FileWriter) -> dict[str, Any]:
    """A network as its graph and settings, and as the parameters and switches that differ from these."""
    graph, settings = network.graph, network.labels.settings
    refuse_traced(network.program, "The network of the agent")
    fresh = graph.compile(**vars(settings)).parameters()
    now = {name: np.asarray(value) for name, value in network.parameters().items()}
    switches = network.switches
    return {
        "graph": write_graph(graph, file),
        "settings": settings_to_dict(settings),
        "parameters": {
            name: value.tolist()
            for name, value in now.items()
            if not np.array_equal(value, np.asarray(fresh[name]))
        },
        "switches": {}
        if all(map(bool, switches.values()))
        else {n: bool(v) for n, v in switches.items()},
    }


def read_named_network(said: Any, file: FileReader) -> Network:
    """The network of a document."""
    graph = read_graph(expect(said, dict, "A network")["graph"], file)
    settings = find_library(file).read_settings(expect(said["settings"], dict, "settings"))
    network = graph.compile(**settings).replace(expect(said["parameters"], dict, "parameters"))
    return network.switch(said["switches"]) if said["switches"] else network


def write_response(response: Any) -> dict[str, Any]:
    """A response, or several by stream."""
    if isinstance(response, JointResponse):
        return {"streams": {name: write_module(part) for name, part in response.streams.items()}}
    return write_module(response)


def read_response(said: Any, file: FileReader) -> Any:
    """The response of a document."""
    if "streams" in expect(said, dict, "A response"):
        streams = expect(said["streams"], dict, "streams")
        return JointResponse.of(
            **{name: read_response(each, file) for name, each in streams.items()}
        )
    known = list_kinds(pynodes.responses, AbstractResponse)
    return read_module(said, known, "response", file)


def read_prior(said: Any, file: FileReader) -> AbstractPrior:
    """The prior of a document."""
    return read_module(said, list_kinds(pynodes._inference.priors, AbstractPrior), "prior", file)


def write_module(module: Any) -> dict[str, Any]:
    """A response or a prior by the name of its class and its fields."""
    fields = [f.name for f in dataclasses.fields(module) if f.name != "_class"]
    owner = type(module).__name__
    refuse_traced(module, owner)
    return {"kind": owner} | {
        "fields": {
            name: write_module_field(getattr(module, name), f"{owner}.{name}") for name in fields
        }
    }


def read_module(said: Any, ours: dict[str, Any], what: str, file: FileReader) -> Any:
    """A response or a prior of its class, with its fields."""
    own = {kind.__name__: kind for kind in file.own if is_ours(kind)}
    known, name = ours | own, expect(said, dict, f"A {what}").get("kind")
    if not isinstance(name, str) or name not in known:
        raise FormatError(
            f"The file names the {what} {format_value(name)}, which is not known here. "
            f"{nearest(name, known)} A class of your own is named in kinds=[...]."
        )
    fields = expect(said["fields"], dict, f"The fields of a {what}")
    return known[name](**{field: read_module_field(given, file) for field, given in fields.items()})


def write_module_field(value: Any, whose: str) -> Any:
    """A field as plain values; functions by name.

    Raises
    ------
    FormatError
        Something else.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [write_module_field(each, whose) for each in value]
    if isinstance(value, Mapping):
        return {str(name): write_module_field(each, whose) for name, each in value.items()}
    if callable(value):
        return {"function": getattr(value, "__name__", "function")}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise FormatError(f"{whose} is {format_value(value)}, which cannot be written to a file.")
    return array.tolist()


def read_module_field(said: Any, file: FileReader) -> Any:
    """A field's value."""
    if isinstance(said, list):
        return tuple(read_module_field(each, file) for each in said)
    if isinstance(said, dict) and said.keys() == {"function"}:
        return find_function(said["function"], file)
    if isinstance(said, dict):
        return {name: read_module_field(each, file) for name, each in said.items()}
    return float(said) if type(said) is int and abs(said) >= LARGEST else said


def find_function(name: Any, file: FileReader) -> Any:
    """A function of the user's own."""
    if not isinstance(name, str) or name not in file.functions:
        raise FormatError(
            f"The file names the function {format_value(name)}, and holds no code. Give it in functions="
            f"{{{format_value(name)}: function}}."
        )
    return file.functions[name]


def is_ours(kind: Any) -> bool:
    """Whether something is a class of responses or of priors, not of what graphs are made of."""
    return isinstance(kind, type) and issubclass(kind, AbstractResponse | AbstractPrior)
