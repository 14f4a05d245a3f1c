"""Documents: agents as plain values that a file can hold, and back.

A graph is written as elsewhere (docs/format.md). Responses and priors are written by the name of their
class and their fields; classes and functions of one's own are given by whoever reads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import pynodes.fit.prior.priors
import pynodes.responses
from pynodes._errors import FormatError, nearest
from pynodes._graph.library import Library
from pynodes._keeping.contents import graph_content, settings_to_dict
from pynodes._runtime.network import Network
from pynodes.fit.agent.agent import Agent
from pynodes.fit.prior._prior import AbstractPrior
from pynodes.responses import AbstractResponse, JointResponse


def agent_document(agent: Agent) -> dict[str, Any]:
    """An agent as plain values.

    Raises
    ------
    FormatError
        Something in it that cannot be written down.
    """
    return {
        "network": network_document(agent.network),
        "response": None if agent.response is None else response_document(agent.response),
        "free": {name: written(prior) for name, prior in agent.priors.items()},
        "places": {
            name: [f"{part}:{parameter}" for part, parameter in targets]
            for name, targets in agent.model.places
        },
    }


def network_document(network: Network) -> dict[str, Any]:
    """A network as its graph and settings, and as the parameters and switches that differ from these."""
    graph, settings = network.graph, network.labels.settings
    fresh = graph.compile(**vars(settings)).parameters()
    now = {name: np.asarray(value) for name, value in network.parameters().items()}
    switches = network.switches
    return graph_content(graph).said | {
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


def response_document(response: Any) -> dict[str, Any]:
    """A response, or several by stream."""
    if isinstance(response, JointResponse):
        return {"streams": {name: written(part) for name, part in response.streams.items()}}
    return written(response)


def written(module: Any) -> dict[str, Any]:
    """A response or a prior by the name of its class and its fields."""
    fields = [f.name for f in dataclasses.fields(module) if f.name != "_class"]
    owner = type(module).__name__
    return {"kind": owner} | {
        "fields": {name: plain(getattr(module, name), f"{owner}.{name}") for name in fields}
    }


def plain(value: Any, whose: str) -> Any:
    """A field as plain values; functions by name.

    Raises
    ------
    FormatError
        Something else.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [plain(each, whose) for each in value]
    if isinstance(value, Mapping):
        return {str(name): plain(each, whose) for name, each in value.items()}
    if callable(value):
        return {"function": getattr(value, "__name__", "function")}
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise FormatError(f"{whose} is {value!r}, which cannot be written to a file.")
    return array.tolist()


@dataclasses.dataclass(frozen=True)
class Reviver:
    """Reads with classes and functions of the user's own.

    Attributes
    ----------
    kinds
        Classes of nodes, couplings, families, responses and priors, and expansions.
    functions
        Functions by name.
    """

    kinds: Iterable[Any] = ()
    functions: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def agent(self, said: Mapping[str, Any]) -> Agent:
        """The agent of a document."""
        free = {name: self.prior(entry) for name, entry in said["free"].items()}
        response = None if said["response"] is None else self.response(said["response"])
        return Agent(self.network(said["network"]), response, free=free, tied=said["places"])

    def network(self, said: Mapping[str, Any]) -> Network:
        """The network of a document."""
        from pynodes._graph.document import from_dict

        own = [kind for kind in self.kinds if not is_ours(kind)]
        graph = from_dict(said["graph"], own, self.functions)
        settings = Library(own, self.functions).settings(said["settings"])
        network = graph.compile(**settings).replace(said["parameters"])
        return network.switch(said["switches"]) if said["switches"] else network

    def response(self, said: Mapping[str, Any]) -> Any:
        """The response of a document."""
        if "streams" in said:
            return JointResponse.of(**{n: self.response(e) for n, e in said["streams"].items()})
        return self.revived(said, known_in(pynodes.responses, AbstractResponse), "response")

    def prior(self, said: Mapping[str, Any]) -> AbstractPrior:
        """The prior of a document."""
        return self.revived(said, known_in(pynodes.fit.prior.priors, AbstractPrior), "prior")

    def revived(self, said: Mapping[str, Any], ours: dict[str, Any], what: str) -> Any:
        """A response or a prior of its class, with its fields."""
        known = ours | {kind.__name__: kind for kind in self.kinds if is_ours(kind)}
        name = said["kind"]
        if name not in known:
            raise FormatError(
                f"The file names the {what} {name!r}, which is not known here. {nearest(name, known)} A "
                "class of your own is named in kinds=[...]."
            )
        return known[name](**{field: self.value(given) for field, given in said["fields"].items()})

    def value(self, said: Any) -> Any:
        """A field's value."""
        if isinstance(said, list):
            return tuple(self.value(each) for each in said)
        if isinstance(said, Mapping) and set(said) == {"function"}:
            return self.function(said["function"])
        return {n: self.value(v) for n, v in said.items()} if isinstance(said, Mapping) else said

    def function(self, name: str) -> Any:
        """A function of the user's own."""
        if name not in self.functions:
            raise FormatError(
                f"The file names the function {name!r}, and holds no code. Give it in functions="
                f"{{{name!r}: function}}."
            )
        return self.functions[name]


def is_ours(kind: Any) -> bool:
    """Whether something is a class of responses or of priors, not of what graphs are made of."""
    return isinstance(kind, type) and issubclass(kind, AbstractResponse | AbstractPrior)


def known_in(module: Any, base: type) -> dict[str, Any]:
    """The classes of a kind in a module of ours."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    return {
        name: cls
        for name, cls in found.items()
        if issubclass(cls, base) and not getattr(cls, "__abstractmethods__", None)
    }
