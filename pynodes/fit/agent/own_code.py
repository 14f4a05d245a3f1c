"""Own code: functions and classes of the user's in an agent, and what they read besides their arguments."""

from __future__ import annotations

import dataclasses

from pynodes._core.besides import find_own_code, read_besides
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model


def refresh_model(model: Model) -> Model:
    """A model that says what the code of its responses reads besides, so that programs are those of now.

    Raises
    ------
    ParameterError
        What code in the network reads is no longer what it was: its programs are kept by the network.
    """
    model.network.labels.refuse_changed_code()
    parts = streams_of(model.response).values() if model.response is not None else ()
    besides = tuple(
        known for part in parts for code in find_own_code(part) if (known := read_besides(code))
    )
    return model if besides == model.besides else dataclasses.replace(model, besides=besides)
