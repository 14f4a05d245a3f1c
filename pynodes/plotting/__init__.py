"""Pictures. The only package that imports matplotlib, and the figure of a run imports no fitting."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from pynodes.plotting.animation import animate_beliefs as animate_beliefs
    from pynodes.plotting.beliefs import plot_beliefs as plot_beliefs
    from pynodes.plotting.checks import plot_check as plot_check
    from pynodes.plotting.checks import plot_predictions as plot_predictions
    from pynodes.plotting.checks import plot_subject as plot_subject
    from pynodes.plotting.clusters import plot_clusters as plot_clusters
    from pynodes.plotting.comparisons import plot_comparison as plot_comparison
    from pynodes.plotting.comparisons import plot_frequencies as plot_frequencies
    from pynodes.plotting.comparisons import plot_influence as plot_influence
    from pynodes.plotting.correlations import plot_correlation as plot_correlation
    from pynodes.plotting.correlations import (
        plot_trajectory_correlation as plot_trajectory_correlation,
    )
    from pynodes.plotting.deep import plot_cosines as plot_cosines
    from pynodes.plotting.deep import plot_receptive_fields as plot_receptive_fields
    from pynodes.plotting.deep import plot_reconstructions as plot_reconstructions
    from pynodes.plotting.densities import plot_densities as plot_densities
    from pynodes.plotting.forecasts import plot_forecast as plot_forecast
    from pynodes.plotting.graph import plot_graph as plot_graph
    from pynodes.plotting.groups import plot_groups as plot_groups
    from pynodes.plotting.node_detail import plot_node as plot_node
    from pynodes.plotting.panels import Panels as Panels
    from pynodes.plotting.population import plot_population as plot_population
    from pynodes.plotting.population import plot_shrinkage as plot_shrinkage
    from pynodes.plotting.posteriors import plot_draws as plot_draws
    from pynodes.plotting.posteriors import plot_posteriors as plot_posteriors
    from pynodes.plotting.recovery import plot_confusion as plot_confusion
    from pynodes.plotting.recovery import plot_design as plot_design
    from pynodes.plotting.recovery import plot_recovery as plot_recovery
    from pynodes.plotting.residuals import plot_residuals as plot_residuals
    from pynodes.plotting.runs import plot_batch as plot_batch
    from pynodes.plotting.runs import plot_runs as plot_runs
    from pynodes.plotting.structure import plot_edge_calibration as plot_edge_calibration
    from pynodes.plotting.structure import plot_structure as plot_structure
    from pynodes.plotting.style import paper as paper
    from pynodes.plotting.transitions import plot_transitions as plot_transitions

_MODULES = {
    "Panels": "panels",
    "animate_beliefs": "animation",
    "paper": "style",
    "plot_batch": "runs",
    "plot_beliefs": "beliefs",
    "plot_check": "checks",
    "plot_clusters": "clusters",
    "plot_comparison": "comparisons",
    "plot_confusion": "recovery",
    "plot_correlation": "correlations",
    "plot_cosines": "deep",
    "plot_densities": "densities",
    "plot_design": "recovery",
    "plot_draws": "posteriors",
    "plot_edge_calibration": "structure",
    "plot_forecast": "forecasts",
    "plot_frequencies": "comparisons",
    "plot_graph": "graph",
    "plot_groups": "groups",
    "plot_influence": "comparisons",
    "plot_node": "node_detail",
    "plot_population": "population",
    "plot_posteriors": "posteriors",
    "plot_predictions": "checks",
    "plot_receptive_fields": "deep",
    "plot_reconstructions": "deep",
    "plot_recovery": "recovery",
    "plot_residuals": "residuals",
    "plot_runs": "runs",
    "plot_shrinkage": "population",
    "plot_structure": "structure",
    "plot_subject": "checks",
    "plot_trajectory_correlation": "correlations",
    "plot_transitions": "transitions",
}
"""The module of every figure, which is imported when the figure is first asked for."""


def __getattr__(name: str) -> _Any:
    if name in _MODULES:
        return getattr(_import_module(f"pynodes.plotting.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'pynodes.plotting' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_MODULES)
