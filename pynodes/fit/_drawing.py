"""Drawing: figures of what was fitted, as methods; matplotlib is imported when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pynodes.plotting.panels import Panels


class Drawing:
    """A fit that can be drawn. Axes are returned; nothing is shown or saved."""

    def plot_correlation(self: Any, *, ax: Axes | None = None) -> Axes:
        """Draw posterior correlations of parameters; see :func:`pynodes.plotting.plot_correlation`."""
        from pynodes.plotting import plot_correlation

        return plot_correlation(self, ax=ax)

    def plot_residuals(self: Any, *, draws: int = 50, seed: int = 0, axes: Any = None) -> Panels:
        """Draw what the fit leaves unexplained; see :func:`pynodes.plotting.plot_residuals`."""
        from pynodes.plotting import plot_residuals

        return plot_residuals(self, draws=draws, seed=seed, axes=axes)
