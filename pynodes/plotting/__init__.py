"""Pictures. The only package that imports matplotlib."""

from pynodes.plotting.beliefs import plot_beliefs as plot_beliefs
from pynodes.plotting.checks import plot_check as plot_check
from pynodes.plotting.comparisons import plot_comparison as plot_comparison
from pynodes.plotting.correlations import plot_correlation as plot_correlation
from pynodes.plotting.designs import plot_design as plot_design
from pynodes.plotting.frequencies import plot_frequencies as plot_frequencies
from pynodes.plotting.graph import plot_graph as plot_graph
from pynodes.plotting.population import plot_population as plot_population
from pynodes.plotting.posteriors import plot_draws as plot_draws
from pynodes.plotting.posteriors import plot_posteriors as plot_posteriors
from pynodes.plotting.recovered import plot_confusion as plot_confusion
from pynodes.plotting.recovered import plot_recovery as plot_recovery
from pynodes.plotting.residuals import plot_residuals as plot_residuals
from pynodes.plotting.shrinkage import plot_shrinkage as plot_shrinkage
from pynodes.plotting.subject import plot_subject as plot_subject
