"""Kinds of node: what one node believes."""

from pynodes.nodes._base import AbstractNode as AbstractNode
from pynodes.nodes._base import Inlets as Inlets
from pynodes.nodes._learner import AbstractLearner as AbstractLearner
from pynodes.nodes.binary_input import BinaryInput as BinaryInput
from pynodes.nodes.binary_layer import BinaryLayer as BinaryLayer
from pynodes.nodes.binary_state import BinaryState as BinaryState
from pynodes.nodes.categorical_input import CategoricalInput as CategoricalInput
from pynodes.nodes.categorical_layer import CategoricalLayer as CategoricalLayer
from pynodes.nodes.categorical_state import CategoricalState as CategoricalState
from pynodes.nodes.constant_state import ConstantState as ConstantState
from pynodes.nodes.continuous_input import ContinuousInput as ContinuousInput
from pynodes.nodes.continuous_state import ContinuousState as ContinuousState
from pynodes.nodes.delta_rule import DeltaRule as DeltaRule
from pynodes.nodes.dirichlet_process_state import DirichletProcessState as DirichletProcessState
from pynodes.nodes.dual_rescorla_wagner import DualRescorlaWagner as DualRescorlaWagner
from pynodes.nodes.exponential_family_state import (
    ExponentialFamilyState as ExponentialFamilyState,
)
from pynodes.nodes.hidden_markov import HiddenMarkov as HiddenMarkov
from pynodes.nodes.kalman_filter import KalmanFilter as KalmanFilter
from pynodes.nodes.layer import Layer as Layer
from pynodes.nodes.noisy_binary_input import NoisyBinaryInput as NoisyBinaryInput
from pynodes.nodes.pearce_hall import PearceHall as PearceHall
from pynodes.nodes.regression_input import RegressionInput as RegressionInput
from pynodes.nodes.regressor import Regressor as Regressor
from pynodes.nodes.rescorla_wagner import RescorlaWagner as RescorlaWagner
from pynodes.nodes.sutton_k1 import SuttonK1 as SuttonK1
from pynodes.nodes.volatile_layer import VolatileLayer as VolatileLayer
from pynodes.nodes.volatile_state import VolatileState as VolatileState
