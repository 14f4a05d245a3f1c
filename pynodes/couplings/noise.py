"""Noise: the parent is the log variance of an input's noise."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._typing import Array, Scalar
from pynodes.couplings.volatility import AbstractLogVariance


class Noise(AbstractLogVariance):
    """Volatility coupling into an input: adds ``strength parent`` to the log of its noise variance.

    The input's value parents are updated first, so that the evidence weighs the observation's
    squared distance from the posterior of its mean, plus the variance of that posterior.

    Parameters
    ----------
    strength
        Log noise variance per unit of the parent (κ).

    Source: the jget model of the TAPAS HGF toolbox; docs/theory/volatility.md. pyhgf 0.3.2 adds the
    sensory variance where the posterior variance of the mean belongs.
    """

    inlet: ClassVar = "log_noise"
    after_value_parents: ClassVar = True

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        return super().predict(parent, dt) | {"noise_parents": jnp.ones_like(parent.predicted_mean)}
