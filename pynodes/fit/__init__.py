"""Fit: from a data frame to estimates, evidence, a comparison and regressors."""

from pynodes.fit._prior import AbstractPrior as AbstractPrior
from pynodes.fit.agent import Agent as Agent
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
from pynodes.fit.trials import Trials as Trials
