"""Addressed: a compiled graph whose parameters and edges are reached by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from pynodes._boundary import boundary
from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module, choice
from pynodes._graph.graph import Graph
from pynodes._runtime.replacement import element, replaced
from pynodes._runtime.switches import switch_states, switched
from pynodes._typing import Array, Scalar


class Addressed(Module):
    """A program with its labels: what a network is made of."""

    labels: Labels = choice()
    program: Program

    @property
    def graph(self) -> Graph:
        """The graph that was compiled."""
        return self.labels.graph

    def parameters(self) -> dict[str, Array]:
        """Every parameter by name: ``"node.field"`` and ``"parent->child.strength"``; a batch comes first."""
        return {name: self[name] for name in self.labels.parameters}

    def __getitem__(self, name: str) -> Array:
        """The value of a parameter, by name; of a batch of networks one each, the batch first."""
        return element(self.program, self.labels.address(name))

    @boundary
    def replace(self, values: Mapping[str, Scalar]) -> Self:
        """A network with some parameters changed; it runs the same compiled program.

        Of a batch of networks, as ``jax.vmap`` makes one, all are changed alike.

        Parameters
        ----------
        values
            New values by parameter name, of shape (); traced ones as well.

        Raises
        ------
        ParameterError
            An unknown name, or a value outside the parameter's range.

        Examples
        --------
        >>> import pynodes as pn
        >>> network = pn.models.binary_hgf(levels=2).compile()
        >>> slow = network.replace({"x2.tonic_volatility": -6.5})
        >>> float(slow.parameters()["x2.tonic_volatility"])
        -6.5
        """
        program = replaced(self.program, self.labels, values)
        return dataclasses.replace(self, program=program)

    @property
    def switches(self) -> dict[str, Any]:
        """Whether each edge is on, by name: ``"x3->x2"``, or ``"x3->x2.Volatility"`` if there are two."""
        return switch_states(self.program, self.labels)

    @boundary
    def switch(self, edges: Mapping[str, Any]) -> Self:
        """A network in which some edges are on or off; one that is off might as well not be there.

        The first switch makes a network whose program can be switched, even if it switches nothing.
        From there on no switch compiles anything: truth values may be traced, so that ``jax.vmap``
        tries many graphs at once. The graph, and the names of parameters, stay as they are.

        Parameters
        ----------
        edges
            Whether an edge is on, by its name; edges that are not named stay as they are.

        Raises
        ------
        UnknownEdgeError, UnknownNodeError
            The name of an edge that is not there.
        ParameterError
            Something else than a truth value of shape (); or a node that cannot be filtered without
            the edge, such as an input of infinite precision without its noise.
        """
        program = switched(self.program, self.labels, edges)
        return dataclasses.replace(self, program=program)
