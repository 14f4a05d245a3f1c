"""Exponential families: what a node that learns sufficient statistics may observe."""

from pynodes.families._base import AbstractFamily as AbstractFamily
from pynodes.families.bernoulli import Bernoulli as Bernoulli
from pynodes.families.categorical import Categorical as Categorical
from pynodes.families.exponential import Exponential as Exponential
from pynodes.families.multivariate_normal import MultivariateNormal as MultivariateNormal
from pynodes.families.normal import Normal as Normal
from pynodes.families.poisson import Poisson as Poisson
