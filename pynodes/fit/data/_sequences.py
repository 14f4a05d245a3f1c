"""Sequences: what was seen and done, as arrays."""

from __future__ import annotations

from typing import Any

from pynodes._core.modules import Module
from pynodes._typing import AnyArray


class Sequences(Module):
    """What was seen and done, of shape (subjects, blocks, steps, ...), or of a part of that.

    Attributes
    ----------
    inputs
        Series by name, as :meth:`pynodes.Network.filter` takes them.
    actions
        Responses, or responses by stream; None if there are none.
    covariates
        What responses must know besides, by name.
    frozen
        Trials that are ignored, and steps that only fill a block up.
    dt
        Time since the previous step; None where it is one.
    """

    inputs: dict[str, AnyArray]
    actions: Any
    covariates: dict[str, AnyArray]
    frozen: AnyArray
    dt: AnyArray | None = None
