"""Premade graphs of the models that the literature uses most."""

from pynodes.models.binary_hgf import binary_hgf as binary_hgf
from pynodes.models.continuous_hgf import continuous_hgf as continuous_hgf
from pynodes.models.continuous_hgf import scaled_to as scaled_to
from pynodes.models.jget import jget as jget
