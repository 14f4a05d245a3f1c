"""Drift: the parent sets how fast the child's mean moves."""

from __future__ import annotations

from typing import ClassVar

from pynodes._core.beliefs import Gaussian
from pynodes._typing import Scalar
from pynodes.couplings._shift import AbstractShift


class Drift(AbstractShift):
    """Value coupling into a state: adds ``dt strength f(parent)`` to the child's mean.

    Into an input it does the same to the predicted observation.

    Parameters
    ----------
    strength
        Drift per unit of f(parent) and of time (α).
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    curvature
        How the bend of f enters the evidence: ``"gauss_newton"`` or ``"regression"``, under which no
        precision falls, or ``"exact"``.

    Raises
    ------
    CouplingError
        A function that is unknown or cannot be traced, or an unknown curvature.

    Source: Weber et al. (2023), arXiv 2305.10937. The evidence carries the time step that the
    prediction has, which pyhgf 0.3.2 leaves out (docs/theory/value.md).
    """

    inlet: ClassVar = "drift"

    def reach(self, child: Gaussian, dt: Scalar) -> Scalar:
        return dt if child.interval is None else child.interval
