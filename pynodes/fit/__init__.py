"""Fit: from a data frame to estimates, evidence, a comparison and regressors."""

from pynodes.fit._prior import AbstractPrior as AbstractPrior
from pynodes.fit.agent import Agent as Agent
from pynodes.fit.average import ParameterAverage as ParameterAverage
from pynodes.fit.average import parameter_average as parameter_average
from pynodes.fit.comparison import Comparison as Comparison
from pynodes.fit.comparison import compare as compare
from pynodes.fit.confusion import ModelRecovery as ModelRecovery
from pynodes.fit.confusion import model_recovery as model_recovery
from pynodes.fit.map import fit_map as fit_map
from pynodes.fit.map_fit import MapFit as MapFit
from pynodes.fit.priors import AbstractGaussianPrior as AbstractGaussianPrior
from pynodes.fit.priors import Beta as Beta
from pynodes.fit.priors import Fixed as Fixed
from pynodes.fit.priors import Gamma as Gamma
from pynodes.fit.priors import HalfNormal as HalfNormal
from pynodes.fit.priors import LogitNormal as LogitNormal
from pynodes.fit.priors import LogNormal as LogNormal
from pynodes.fit.priors import Normal as Normal
from pynodes.fit.random_effects import RandomEffects as RandomEffects
from pynodes.fit.random_effects import random_effects_bms as random_effects_bms
from pynodes.fit.recovery import ParameterRecovery as ParameterRecovery
from pynodes.fit.recovery import parameter_recovery as parameter_recovery
from pynodes.fit.simulation import Simulation as Simulation
from pynodes.fit.simulation import simulate as simulate
from pynodes.fit.trials import Trials as Trials
