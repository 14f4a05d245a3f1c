"""Kinds of coupling: what one edge says."""

from pynodes._core.functions import FUNCTIONS as FUNCTIONS
from pynodes.couplings._array import AbstractArrayCoupling as AbstractArrayCoupling
from pynodes.couplings._base import AbstractCoupling as AbstractCoupling
from pynodes.couplings._base import AbstractVolatilityCoupling as AbstractVolatilityCoupling
from pynodes.couplings.category import Category as Category
from pynodes.couplings.dense import Dense as Dense
from pynodes.couplings.drift import Drift as Drift
from pynodes.couplings.emission import Emission as Emission
from pynodes.couplings.initial import AbstractInitialiser as AbstractInitialiser
from pynodes.couplings.initial import Constant as Constant
from pynodes.couplings.initial import DepthScaled as DepthScaled
from pynodes.couplings.initial import Glorot as Glorot
from pynodes.couplings.initial import He as He
from pynodes.couplings.initial import LeCun as LeCun
from pynodes.couplings.initial import Orthogonal as Orthogonal
from pynodes.couplings.initial import RandomNormal as RandomNormal
from pynodes.couplings.noise import Noise as Noise
from pynodes.couplings.observation import Observation as Observation
from pynodes.couplings.probability import Probability as Probability
from pynodes.couplings.pseudo_count import PseudoCount as PseudoCount
from pynodes.couplings.statistic import Statistic as Statistic
from pynodes.couplings.term import Term as Term
from pynodes.couplings.volatility import Volatility as Volatility
