"""Observation: the parent is what the child shows, up to noise."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from pynodes._core.beliefs import Gaussian
from pynodes._typing import Scalar
from pynodes.couplings._shift import AbstractShift


class Observation(AbstractShift):
    """Value coupling into an input: adds ``strength f(parent)`` to the predicted observation.

    Parameters
    ----------
    strength
        Observed units per unit of f(parent) (α).
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    curvature
        How the bend of f enters the evidence: ``"gauss_newton"`` or ``"regression"``, under which no
        precision falls, or ``"exact"``.

    Raises
    ------
    CouplingError
        A function that is unknown or cannot be traced, or an unknown curvature.

    Source: HierarchicalGaussianFiltering.jl, ObservationCoupling; Weber et al. (2023), arXiv 2305.10937.
    """

    inlet: ClassVar = "location"

    def reach(self, child: Gaussian, dt: Scalar) -> Scalar:
        return jnp.ones_like(child.predicted_mean)
