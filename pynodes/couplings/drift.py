"""Drift: the parent sets how fast the child's mean moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pynodes._core.beliefs import Gaussian
from pynodes._core.modules import choice
from pynodes._typing import Scalar
from pynodes.couplings._base import check_lag, lag_incompatibility
from pynodes.couplings._shift import AbstractShift

if TYPE_CHECKING:
    from pynodes.nodes import AbstractNode


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
        How the second derivative of f enters the evidence: ``"gauss_newton"`` or ``"regression"``, under
        which no precision falls, or ``"exact"``.
    lag
        1 for the parent's value of the previous step: such edges may close cycles.
    upward
        Whether the child's evidence updates the parent through a lagged edge.

    Raises
    ------
    CouplingError
        A function that is unknown or cannot be traced, or an unknown curvature.

    Source: Weber et al. (2023), arXiv 2305.10937. The evidence contains the time step, as the
    prediction does; pyhgf 0.3.2 leaves it out (docs/theory/value.md).
    """

    inlet: ClassVar = "drift"

    lag: int = choice(0)
    upward: bool = choice(True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_lag(self, self.lag, self.upward)

    def incompatibility(self, parent: AbstractNode, child: AbstractNode) -> str | None:
        return lag_incompatibility(self, parent) or super().incompatibility(parent, child)

    def reach(self, child: Gaussian, dt: Scalar) -> Scalar:
        return dt if child.interval is None else child.interval
