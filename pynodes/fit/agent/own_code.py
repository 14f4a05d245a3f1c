"""Own code: functions and classes of the user's in an agent, and what they read besides their arguments."""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any

from pynodes._core.besides import Besides, find_own_code, read_besides
from pynodes._errors import ParameterError
from pynodes._runtime.network import Network
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model

COMPILED: weakref.WeakKeyDictionary[Any, Besides] = weakref.WeakKeyDictionary()
"""What functions and classes in networks read when an agent was first made of them."""


def refresh_model(model: Model) -> Model:
    """A model that says what the code of its responses reads besides, so that programs are those of now.

    Raises
    ------
    ParameterError
        What code in the network reads is no longer what it was: its programs are kept by the network.
    """
    check_network_code(model.network)
    parts = streams_of(model.response).values() if model.response is not None else ()
    besides = tuple(
        known for part in parts for code in find_own_code(part) if (known := read_besides(code))
    )
    return model if besides == model.besides else dataclasses.replace(model, besides=besides)


def check_network_code(network: Network) -> None:
    """Code of the user's in a network reads what it read when it was compiled.

    Raises
    ------
    ParameterError
        It does not.
    """
    graph = network.graph
    modules = [*graph.nodes.values(), *(coupling for _, _, coupling in graph.edges)]
    for module in modules:
        for code in find_own_code(module):
            now = read_besides(code)
            if not now:
                continue
            before = COMPILED.setdefault(code, now)
            if now != before:
                changed = sorted(name for name, _ in set(now) ^ set(before))
                raise ParameterError(
                    f"{code.__name__!r}, which the network computes with, reads {changed[0]!r}, and that has "
                    "changed since it was compiled. Define the function again after the change, or let what "
                    "changes be a parameter."
                )
