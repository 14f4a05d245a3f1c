"""Small graphs and networks that the tests of the public surface share; each is compiled once."""

from __future__ import annotations

from functools import cache

import numpy as np

import pynodes as pn

STEPS = 6
"""One number of steps for all, since every other one is compiled anew."""

VALUES = np.array([0.3, -0.2, 0.8, 1.1, 0.6, 0.9])
"""A series for a continuous input."""

OUTCOMES = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
"""A series for a binary input."""


@cache
def tracked() -> pn.Graph:
    """A state ``x`` and its observations ``u``."""
    return pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")


@cache
def driven() -> pn.Graph:
    """The same with a regressor ``r`` that drives the state."""
    return tracked().add(r=pn.Regressor()).couple("r", "x", pn.Drift(strength=0.5))


@cache
def paired() -> pn.Graph:
    """Two inputs ``u`` and ``v`` of states ``x`` and ``y`` under one volatility parent ``top``."""
    return (
        pn.Graph()
        .add(u=pn.ContinuousInput(), v=pn.ContinuousInput(precision=2.0))
        .add(x=pn.ContinuousState(tonic_volatility=-2.0), y=pn.ContinuousState())
        .add(top=pn.ContinuousState(tonic_volatility=-3.0))
        .couple("x", "u")
        .couple("y", "v")
        .couple("top", ["x", "y"], pn.Volatility(strength=0.7))
    )


@cache
def binary() -> pn.Graph:
    """The binary HGF of three levels."""
    return pn.models.binary_hgf()


@cache
def network(graph: pn.Graph) -> pn.Network:
    """The network of a graph."""
    return graph.compile()
