"""Linked: a belief whose predicted mean is a nonlinear function of what its parents add up to."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from pynodes._core.beliefs import PREDICTED, Gaussian
from pynodes._core.messages import Evidence
from pynodes._typing import Array


class Linked(Gaussian):
    """A Gaussian belief that knows how steep its link is where it was predicted.

    Attributes
    ----------
    steepness
        Slope of the predicted mean along what the parents add up to, element by element.
    """

    steepness: Array = PREDICTED

    @classmethod
    def around(cls, belief: Gaussian, steepness: Array) -> Linked:
        """A belief with the slope of its link."""
        names = [field.name for field in dataclasses.fields(belief) if field.name != "_class"]
        own: dict[str, Any] = {name: getattr(belief, name) for name in names}
        own["steepness"] = steepness
        return cls(**own)

    def shift_evidence(self) -> Evidence:
        """What the belief says about a shift of what the parents add up to, the link taken as straight."""
        heard = super().shift_evidence()
        through = jnp.square(self.steepness)
        return Evidence(
            gradient=self.steepness * heard.gradient, curvature=through * heard.curvature
        )
