"""Environments: what answers an agent's actions with observations."""

from pynodes.environments._base import AbstractEnvironment as AbstractEnvironment
from pynodes.environments.bandit import Bandit as Bandit
from pynodes.environments.replay import Replay as Replay
from pynodes.environments.restless_bandit import RestlessBandit as RestlessBandit
