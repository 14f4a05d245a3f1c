"""Pictures. The only package that imports matplotlib."""

from pynodes.plotting.beliefs import plot_beliefs as plot_beliefs
from pynodes.plotting.graph import plot_graph as plot_graph
