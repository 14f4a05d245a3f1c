"""Kinds of node: what one node believes."""

from pynodes.nodes._base import AbstractNode as AbstractNode
from pynodes.nodes._base import Inlets as Inlets
from pynodes.nodes._learner import AbstractLearner as AbstractLearner
from pynodes.nodes.binary_input import BinaryInput as BinaryInput
from pynodes.nodes.binary_state import BinaryState as BinaryState
from pynodes.nodes.categorical_input import CategoricalInput as CategoricalInput
from pynodes.nodes.categorical_state import CategoricalState as CategoricalState
from pynodes.nodes.constant_state import ConstantState as ConstantState
from pynodes.nodes.continuous_input import ContinuousInput as ContinuousInput
from pynodes.nodes.continuous_state import ContinuousState as ContinuousState
from pynodes.nodes.regressor import Regressor as Regressor
