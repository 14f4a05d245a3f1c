"""Premade agents: the models that the literature fits most, with responses and default priors."""

from pynodes.agents.bandits import bandit_hgf as bandit_hgf
from pynodes.agents.bandits import bandit_rescorla_wagner as bandit_rescorla_wagner
from pynodes.agents.bandits import dual_rescorla_wagner as dual_rescorla_wagner
from pynodes.agents.categories import categorical_hgf as categorical_hgf
from pynodes.agents.categories import transition_hgf as transition_hgf
from pynodes.agents.choices import binary_hgf as binary_hgf
from pynodes.agents.choices import pearce_hall as pearce_hall
from pynodes.agents.choices import rescorla_wagner as rescorla_wagner
from pynodes.agents.choices import sutton_k1 as sutton_k1
from pynodes.agents.ratings import continuous_hgf as continuous_hgf
from pynodes.agents.ratings import delta_rule as delta_rule
from pynodes.agents.ratings import jget as jget
from pynodes.agents.ratings import kalman_filter as kalman_filter
