"""Probability: the parent is the logit of a binary child."""

from __future__ import annotations

from typing import ClassVar

from pynodes._core.beliefs import Gaussian
from pynodes._core.logistic import LogitBelief
from pynodes._typing import Array, Scalar
from pynodes.couplings._logit import AbstractLogit


class Probability(AbstractLogit):
    """Value coupling into a binary node: adds ``strength f(parent)`` to its logit.

    The prediction takes the parent's mean; it does not average the sigmoid over its uncertainty.

    Parameters
    ----------
    strength
        Logits per unit of f(parent).
    function
        Coupling function f: a name (``pynodes.couplings.FUNCTIONS``) or a function that JAX can trace.
    curvature
        How the bend of f enters the evidence: ``"gauss_newton"`` or ``"regression"``, under which no
        precision falls, or ``"exact"``.

    Raises
    ------
    CouplingError
        A function that is unknown or cannot be traced, or an unknown curvature.

    Source: Mathys et al. (2011), doi 10.3389/fnhum.2011.00039; pyhgf 0.3.2 ignores strength and
    function in the prediction.
    """

    inlet: ClassVar = "logit"

    def predict(self, parent: Gaussian, dt: Scalar) -> dict[str, Array]:
        return {"logit": self.contribution(parent)}

    def logit_of(self, child: Gaussian) -> LogitBelief:
        return child.logit

    def outcome_of(self, child: Gaussian) -> tuple[Array, Array, Array]:
        return child.mean, child.predicted_mean, child.predicted_variance
