"""adaptive: parameters as states of the graph, which are learned while filtering."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError, nearest
from pynodes._graph.edges import name_edges
from pynodes._graph.graph import Graph
from pynodes._inference.priors import AbstractPrior, Normal
from pynodes.couplings import AbstractCoupling, Volatility
from pynodes.nodes import ContinuousState, Regressor

SLOW = -9.0
"""Log variance that a parameter gains per unit of time by default: a thousand steps move it by 0.35.

One that cannot move never comes back from a first belief that was far too narrow; and it gets no better than
a drift of this size leaves it."""


@boundary
def adaptive(graph: Graph, priors: Mapping[str, AbstractPrior], *, drift: float = SLOW) -> Graph:
    """A graph in which parameters are slow states, learned while it is filtered.

    A tonic volatility becomes a volatility parent; the strength of a known regressor becomes a state whose
    own strength is the regressor: give its values under that name.

    Parameters
    ----------
    graph
        The graph.
    priors
        A normal prior of every parameter that adapts, by name: ``"x.tonic_volatility"`` of a state, or
        ``"r->u.strength"`` of an edge from a regressor.
    drift
        Log variance that parameters gain per unit of time; by default so much that a thousand steps move
        them by 0.35.

    Returns
    -------
    The graph. Its new states are ``x_tonic_volatility``, whose mean is the parameter's, and ``r_u_strength``,
    which takes the regressor's series as ``"r_u_strength->u.strength"``.

    Raises
    ------
    ParameterError
        A parameter that the graph does not have or that no state can stand for, or a prior that is not
        normal.

    Examples
    --------
    >>> import pynodes as pn
    >>> graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")
    >>> slow = pn.structure.adaptive(graph, {"x.tonic_volatility": pn.Normal(-2.0, 1.0)})
    >>> beliefs = slow.compile(expansion="structured").filter({"u": [0.3, 1.2, -0.5]})
    >>> float(beliefs["x_tonic_volatility"].predicted_mean[0])
    -2.0

    Source: for a volatility Mathys et al. (2011), doi 10.3389/fnhum.2011.00039; how near both are to a bank
    of filters and to the maximum of the likelihood is in docs/theory/structure.md.
    """
    for name, prior in priors.items():
        if not isinstance(prior, Normal):
            raise ParameterError(
                f"{name!r} needs a normal prior, as in pn.Normal(0.0, 1.0), not {prior!r}."
            )
        owner, _, field = name.rpartition(".")
        state = ContinuousState(
            tonic_volatility=float(drift),
            initial_mean=float(np.asarray(prior.mean)),
            initial_precision=float(np.asarray(prior.standard_deviation)) ** -2,
        )
        if field == "tonic_volatility":
            graph = adapt_volatility(graph, owner, state)
        elif field == "strength":
            graph = adapt_strength(graph, owner, state)
        else:
            raise ParameterError(
                f"{name!r} cannot be a state. Those that can are tonic volatilities of states, and strengths "
                "of edges from regressors; for others use pn.structure.bank."
            )
    return graph


def adapt_volatility(graph: Graph, owner: str, state: ContinuousState) -> Graph:
    """A graph in which a state's tonic volatility is a parent of it."""
    node: Any = graph.nodes.get(owner)
    if node is None or Volatility.inlet not in node.inlets:
        able = [name for name, one in graph.nodes.items() if Volatility.inlet in one.inlets]
        raise ParameterError(
            f"No state {owner!r} has a tonic volatility that a parent could be. {nearest(owner, able)}"
        )
    revised = graph.revise({owner: dataclasses.replace(node, tonic_volatility=0.0)})
    name = f"{owner}_tonic_volatility"
    return revised.add({name: state}).couple(name, owner, Volatility())


def adapt_strength(graph: Graph, edge: str, state: ContinuousState) -> Graph:
    """A graph in which the strength of an edge from a regressor is a state."""
    named = dict(zip(name_edges(graph.edges), graph.edges, strict=True))
    if edge not in named:
        raise ParameterError(f"The graph has no edge {edge!r}. {nearest(edge, named)}")
    parent, child, coupling = named[edge]
    if not isinstance(graph.nodes[parent], Regressor) or not multiplies(coupling):
        raise ParameterError(
            f"The strength of {edge!r} cannot be a state: that takes a regressor as the parent, whose values "
            "are known, and a coupling without a function. Use RegressionInput, or pn.structure.bank."
        )
    name = f"{parent}_{child}_strength"
    found = graph.uncouple(parent, child).add({name: state})
    found = found.couple(name, child, dataclasses.replace(coupling, strength=1.0))  # type: ignore[call-arg]
    return found if found.children(parent) else found.remove(parent)


def multiplies(coupling: AbstractCoupling) -> bool:
    """Whether a coupling contributes its strength times its parent."""
    fields = {field.name: field for field in dataclasses.fields(coupling)}  # type: ignore[arg-type]
    function = getattr(coupling, "function", None)
    return "strength" in fields and (
        "function" not in fields or function == fields["function"].default
    )
