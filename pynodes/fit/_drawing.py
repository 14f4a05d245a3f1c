"""Drawing: figures of what was fitted, as methods; matplotlib is imported when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawing:
    """A fit that can be drawn. Figures are returned; nothing is shown or saved."""

    def plot_correlation(self: Any) -> Figure:
        """Draw posterior correlations of parameters; see :func:`pynodes.plotting.plot_correlation`."""
        from pynodes.plotting import plot_correlation

        return plot_correlation(self)

    def plot_residuals(self: Any, *, draws: int = 50, seed: int = 0) -> Figure:
        """Draw what the fit leaves unexplained; see :func:`pynodes.plotting.plot_residuals`."""
        from pynodes.plotting import plot_residuals

        return plot_residuals(self, draws=draws, seed=seed)
