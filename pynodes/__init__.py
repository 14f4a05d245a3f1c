"""pynodes: belief propagation over graphs of value and volatility nodes."""

from pynodes._core.beliefs import Gaussian as Gaussian
from pynodes._core.expansions import AbstractExpansion as AbstractExpansion
from pynodes._core.expansions import Enhanced as Enhanced
from pynodes._core.expansions import Standard as Standard
from pynodes._core.expansions import Unbounded as Unbounded
from pynodes._core.modules import choice as choice
from pynodes._core.modules import parameter as parameter
from pynodes._errors import *
from pynodes._graph.graph import Graph as Graph
from pynodes.couplings import *
from pynodes.nodes import *
