"""pynodes: belief propagation over graphs of value and volatility nodes.

Build a :class:`Graph` from node kinds and couplings, compile it to a :class:`Network`, filter series
through it, and look at what every node believed.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from pynodes import data as data
from pynodes import families as families
from pynodes import models as models
from pynodes._citing.citation import Citation as Citation
from pynodes._citing.citation import cite as cite
from pynodes._core.beliefs import AbstractBelief as AbstractBelief
from pynodes._core.beliefs import Gaussian as Gaussian
from pynodes._core.beliefs import VarianceParts as VarianceParts
from pynodes._core.expansions import AbstractExpansion as AbstractExpansion
from pynodes._core.expansions import ChildEvidence as ChildEvidence
from pynodes._core.expansions import Enhanced as Enhanced
from pynodes._core.expansions import Standard as Standard
from pynodes._core.expansions import Unbounded as Unbounded
from pynodes._core.messages import Evidence as Evidence
from pynodes._core.messages import VolatilityMessage as VolatilityMessage
from pynodes._core.modules import choice as choice
from pynodes._core.modules import index as index
from pynodes._core.modules import parameter as parameter
from pynodes._core.scheme import AbstractScheme as AbstractScheme
from pynodes._core.structured import Structured as Structured
from pynodes._engine.closed_form import ClosedForm as ClosedForm
from pynodes._engine.joint import JointNewton as JointNewton
from pynodes._equations.couplings import coupling_term as coupling_term
from pynodes._equations.graph import Equations as Equations
from pynodes._equations.nodes import family_equation as family_equation
from pynodes._equations.nodes import node_equations as node_equations
from pynodes._errors import BatchError as BatchError
from pynodes._errors import CheckpointError as CheckpointError
from pynodes._errors import CouplingError as CouplingError
from pynodes._errors import CycleError as CycleError
from pynodes._errors import DataError as DataError
from pynodes._errors import DuplicateNodeError as DuplicateNodeError
from pynodes._errors import FieldError as FieldError
from pynodes._errors import FilterError as FilterError
from pynodes._errors import FormatError as FormatError
from pynodes._errors import FormulaError as FormulaError
from pynodes._errors import GraphError as GraphError
from pynodes._errors import InputError as InputError
from pynodes._errors import MissingExtraError as MissingExtraError
from pynodes._errors import ParameterError as ParameterError
from pynodes._errors import PrecisionWarning as PrecisionWarning
from pynodes._errors import PynodesError as PynodesError
from pynodes._errors import SamplingError as SamplingError
from pynodes._errors import SamplingWarning as SamplingWarning
from pynodes._errors import SmoothingError as SmoothingError
from pynodes._errors import StateError as StateError
from pynodes._errors import UnknownEdgeError as UnknownEdgeError
from pynodes._errors import UnknownNodeError as UnknownNodeError
from pynodes._errors import UnknownPanelError as UnknownPanelError
from pynodes._files import load as load
from pynodes._files import save as save
from pynodes._graph.graph import Graph as Graph
from pynodes._results.edge_beliefs import EdgeBeliefs as EdgeBeliefs
from pynodes._results.node_beliefs import NodeBeliefs as NodeBeliefs
from pynodes._results.simulations import Forecast as Forecast
from pynodes._results.simulations import Interaction as Interaction
from pynodes._results.state import State as State
from pynodes._results.status import Status as Status
from pynodes._results.trajectories import Trajectories as Trajectories
from pynodes._runtime.network import Network as Network
from pynodes._runtime.programs import cache_programs as cache_programs
from pynodes._typing import Array as Array
from pynodes._typing import Scalar as Scalar
from pynodes.couplings import AbstractArrayCoupling as AbstractArrayCoupling
from pynodes.couplings import AbstractCoupling as AbstractCoupling
from pynodes.couplings import AbstractVolatilityCoupling as AbstractVolatilityCoupling
from pynodes.couplings import Attention as Attention
from pynodes.couplings import Category as Category
from pynodes.couplings import Compose as Compose
from pynodes.couplings import Convolution as Convolution
from pynodes.couplings import Dense as Dense
from pynodes.couplings import Drift as Drift
from pynodes.couplings import Embedding as Embedding
from pynodes.couplings import Emission as Emission
from pynodes.couplings import Noise as Noise
from pynodes.couplings import Normalisation as Normalisation
from pynodes.couplings import Observation as Observation
from pynodes.couplings import Pooling as Pooling
from pynodes.couplings import Probability as Probability
from pynodes.couplings import PseudoCount as PseudoCount
from pynodes.couplings import Residual as Residual
from pynodes.couplings import Statistic as Statistic
from pynodes.couplings import Term as Term
from pynodes.couplings import Volatility as Volatility
from pynodes.families import AbstractFamily as AbstractFamily
from pynodes.nodes import AbstractLearner as AbstractLearner
from pynodes.nodes import AbstractNode as AbstractNode
from pynodes.nodes import BinaryInput as BinaryInput
from pynodes.nodes import BinaryLayer as BinaryLayer
from pynodes.nodes import BinaryState as BinaryState
from pynodes.nodes import CategoricalInput as CategoricalInput
from pynodes.nodes import CategoricalLayer as CategoricalLayer
from pynodes.nodes import CategoricalState as CategoricalState
from pynodes.nodes import ConstantState as ConstantState
from pynodes.nodes import ContinuousInput as ContinuousInput
from pynodes.nodes import ContinuousState as ContinuousState
from pynodes.nodes import DeltaRule as DeltaRule
from pynodes.nodes import DirichletProcessState as DirichletProcessState
from pynodes.nodes import DualRescorlaWagner as DualRescorlaWagner
from pynodes.nodes import ExponentialFamilyState as ExponentialFamilyState
from pynodes.nodes import HiddenMarkov as HiddenMarkov
from pynodes.nodes import Inlets as Inlets
from pynodes.nodes import KalmanFilter as KalmanFilter
from pynodes.nodes import Layer as Layer
from pynodes.nodes import NoisyBinaryInput as NoisyBinaryInput
from pynodes.nodes import PearceHall as PearceHall
from pynodes.nodes import RegressionInput as RegressionInput
from pynodes.nodes import Regressor as Regressor
from pynodes.nodes import RescorlaWagner as RescorlaWagner
from pynodes.nodes import SuttonK1 as SuttonK1
from pynodes.nodes import VolatileLayer as VolatileLayer
from pynodes.nodes import VolatileState as VolatileState
from pynodes.nodes._learner import LearnerBelief as LearnerBelief

if _TYPE_CHECKING:
    from pynodes import agents as agents
    from pynodes import deep as deep
    from pynodes import environments as environments
    from pynodes import fit as fit
    from pynodes import plotting as plotting
    from pynodes import responses as responses
    from pynodes import structure as structure
    from pynodes import testing as testing
    from pynodes.fit import Agent as Agent
    from pynodes.fit import Beta as Beta
    from pynodes.fit import Fixed as Fixed
    from pynodes.fit import Gamma as Gamma
    from pynodes.fit import HalfNormal as HalfNormal
    from pynodes.fit import LogitNormal as LogitNormal
    from pynodes.fit import LogNormal as LogNormal
    from pynodes.fit import Normal as Normal
    from pynodes.fit import Trials as Trials
    from pynodes.fit import check_priors as check_priors
    from pynodes.fit import compare as compare
    from pynodes.fit import compare_groups as compare_groups
    from pynodes.fit import design_analysis as design_analysis
    from pynodes.fit import fit_em as fit_em
    from pynodes.fit import fit_map as fit_map
    from pynodes.fit import fit_nuts as fit_nuts
    from pynodes.fit import fit_pathfinder as fit_pathfinder
    from pynodes.fit import fit_smc as fit_smc
    from pynodes.fit import model_recovery as model_recovery
    from pynodes.fit import parameter_average as parameter_average
    from pynodes.fit import parameter_recovery as parameter_recovery
    from pynodes.fit import prior_predictive as prior_predictive
    from pynodes.fit import random_effects_bms as random_effects_bms
    from pynodes.fit import simulate as simulate

__version__ = "0.1.0"

_LATE = (
    *("agents", "deep", "environments", "fit", "plotting", "responses"),
    *("structure", "testing"),
)
"""Subpackages that are imported when they are first used: they need matplotlib, or time."""

_FITTING = (
    "Agent",
    "Beta",
    "Fixed",
    "Gamma",
    "HalfNormal",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "Trials",
    "check_priors",
    "compare",
    "compare_groups",
    "design_analysis",
    "fit_em",
    "fit_map",
    "fit_nuts",
    "fit_pathfinder",
    "fit_smc",
    "model_recovery",
    "parameter_average",
    "parameter_recovery",
    "prior_predictive",
    "random_effects_bms",
    "simulate",
)
"""Names of ``pynodes.fit``, which is imported when the first of them is used."""

_RENAMED = {
    "Heard": "pynodes.ChildEvidence",
    "Learning": "pynodes.LearnerBelief",
    "Spread": "pynodes.VarianceParts",
    "load_fit": "pynodes.load, which reads everything that pynodes.save wrote",
}
"""Names of version 0.1.0 that are gone, and what to use instead."""


def _say_new_name(name: str) -> str:
    return f". It is now {_RENAMED[name]}." if name in _RENAMED else ""


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        return _import_module(f"pynodes.{name}")
    if name in _FITTING:
        return getattr(_import_module("pynodes.fit"), name)
    raise AttributeError(f"module 'pynodes' has no attribute {name!r}{_say_new_name(name)}")


def __dir__() -> list[str]:
    return sorted([*(name for name in globals() if not name.startswith("_")), *_LATE, *_FITTING])
