"""Premade graphs of the models that the literature uses most."""

from pynodes.models.bandit_hgf import bandit_hgf as bandit_hgf
from pynodes.models.bandit_hgf import bandit_inputs as bandit_inputs
from pynodes.models.binary_hgf import binary_hgf as binary_hgf
from pynodes.models.categorical_hgf import categorical_hgf as categorical_hgf
from pynodes.models.continuous_hgf import continuous_hgf as continuous_hgf
from pynodes.models.continuous_hgf import scaled_to as scaled_to
from pynodes.models.hierarchical_markov import Region as Region
from pynodes.models.hierarchical_markov import hierarchical_markov as hierarchical_markov
from pynodes.models.jget import jget as jget
from pynodes.models.transition_hgf import transition_hgf as transition_hgf
from pynodes.models.transition_hgf import transition_inputs as transition_inputs
