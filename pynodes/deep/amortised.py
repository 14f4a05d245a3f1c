"""Amortised: a scheme that begins where another network guesses, which learns from what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._errors import GraphError, ParameterError, quote
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.energy import node_at
from pynodes.deep.layout import FREE, GIVEN, lay_out
from pynodes.deep.numbers import (
    Weights,
    as_floats,
    lay_out_numbers,
    name_weights,
    select_weights,
)
from pynodes.deep.problem import PointProblem, PointResult, Record
from pynodes.deep.scheme import AbstractPointScheme, check_inner
from pynodes.deep.settle import Settle


class Amortised(AbstractPointScheme):
    """Values begin where a second network guesses them from what is given, and settle from there.

    The guessing network has nodes of the same names and arrows the other way: in a generative network
    from causes to data, from data to causes. In training it learns from the settled values, as fixed targets;
    the run's ``scheme`` then holds it as it became.

    Parameters
    ----------
    by
        The guessing network, compiled. It has every node that is given and guesses those that it has besides.
    scheme
        How values settle from there; 20 steps of :class:`Settle` by default.

    Raises
    ------
    ParameterError
        No network, or no scheme on points.

    Source: Tschantz et al. (2023), doi 10.1371/journal.pcbi.1011280.
    """

    by: Any = None
    scheme: Any = None

    def __post_init__(self) -> None:
        if self.scheme is None:
            object.__setattr__(self, "scheme", Settle())
        check_inner(self, self.scheme)
        if not isinstance(self.by, Network) and type(self.by) is not object:
            raise ParameterError(
                "Amortised: by must be a network that guesses, as graph.compile(key=0) makes one, not "
                f"{self.by!r}."
            )

    @property
    def steps(self) -> Any:
        """Number of steps of the inner scheme."""
        return getattr(self.scheme, "steps", 0)

    @property
    def draws(self) -> bool:
        """Whether what the inner scheme finds are draws."""
        return self.scheme.draws

    def take_turns(self, labels: Labels, roles: dict[str, str]) -> dict[str, int] | None:
        check_guess(self.by.labels, labels, roles)
        return self.scheme.take_turns(labels, roles)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        return self.scheme.find(self.begin(problem), key, record)

    def gradients(self, problem: PointProblem, found: PointResult) -> Weights:
        return self.scheme.gradients(problem, found)

    def begin(self, problem: PointProblem) -> PointProblem:
        """The same problem, begun where the other network guesses, unless the user says where."""
        if problem.begun is not None:
            return problem
        places = problem.layout.places
        known = {
            name: node_at(problem.layout.blocks[index].size, position, problem.given[index])
            for name, (index, position) in places.items()
            if problem.layout.blocks[index].role == GIVEN and name in self.by.labels.nodes
        }
        guesses = predict_values(self.by, known, problem.count)
        begun = {
            index: tuple(guesses.get(name) for name in block.names)
            for index, block in enumerate(problem.layout.blocks)
            if block.role == FREE and any(name in guesses for name in block.names)
        }
        return dataclasses.replace(problem, begun=begun)

    def own_weights(self) -> dict[str, Any]:
        layout = lay_out(self.by.labels, tuple(self.by.labels.nodes))
        return dict(
            name_weights(layout, select_weights(as_floats(lay_out_numbers(self.by, layout))))
        )

    def with_own_weights(self, weights: dict[str, Any]) -> Amortised:
        return dataclasses.replace(self, by=self.by.replace(weights))

    def own_slopes(self, problem: PointProblem, found: PointResult) -> dict[str, Any]:
        values = problem.complete(found.variables)
        targets = {
            name: node_at(problem.layout.blocks[index].size, position, values[index])
            for name, (index, position) in problem.layout.places.items()
            if index in values and name in self.by.labels.nodes
        }
        settled = pose(self.by, targets, problem.count)
        return dict(name_weights(settled.layout, settled.weight_slopes({})))


def pose(network: Network, known: Mapping[str, Array], count: int) -> PointProblem:
    """A network of which some nodes are known, sample by sample."""
    layout = lay_out(network.labels, tuple(known))
    given = {
        index: known[block.names[0]]
        if block.size == 1
        else jnp.stack([known[name] for name in block.names])
        for index, block in enumerate(layout.blocks)
        if block.role == GIVEN
    }
    numbers = lay_out_numbers(network, layout)
    return PointProblem(
        layout=layout, count=count, numbers=numbers, given=given, masks={}, weighs={}
    )


def predict_values(network: Network, known: Mapping[str, Array], count: int) -> dict[str, Array]:
    """What a network predicts of all its other nodes, by name."""
    problem = pose(network, known, count)
    values = problem.predict()
    return {
        name: node_at(problem.layout.blocks[index].size, position, values[index])
        for name, (index, position) in problem.layout.places.items()
        if name not in known
    }


def check_guess(guess: Labels, labels: Labels, roles: Mapping[str, str]) -> None:
    """A guessing network has nodes of the other one, its roots are given, and nothing is fed back in it.

    Raises
    ------
    GraphError
        It has others, of another shape, a root that is not given, or an edge that is fed back.
    """
    guess.refuse_feedback("Amortised(by=...)", "Guess by a network without such edges.")
    for name, node in guess.graph.nodes.items():
        there = labels.graph.nodes.get(name)
        if there is None or there.value_shape != node.value_shape:
            what = "has no such node" if there is None else f"has it of shape {there.value_shape}"
            raise GraphError(
                f"Amortised: the guessing network has a node {name!r} of shape {node.value_shape}, and the "
                f"network {what}. Guess its own nodes alone."
            )
    free = [
        name for name in guess.graph.nodes if not guess.graph.parents(name) and roles[name] != GIVEN
    ]
    if free:
        raise GraphError(
            f"Amortised: the guessing network begins at {quote(free)}, which is not given as a whole. Begin "
            f"it at what is: {quote([n for n, role in roles.items() if role == GIVEN])}."
        )
