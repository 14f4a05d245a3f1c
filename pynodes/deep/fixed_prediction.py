"""FixedPrediction: the slopes of backpropagation from local messages; and Backpropagation, the twin."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Labels
from pynodes._typing import Array
from pynodes.deep.energy import Values, apply_rule, sum_block_inlets, total_energy
from pynodes.deep.layout import FREE, Layout
from pynodes.deep.messages import Forces, edge_slopes, find_forces, split_fed
from pynodes.deep.numbers import Numbers, Weights, insert_weights, select_weights
from pynodes.deep.problem import PointProblem, PointResult, Record
from pynodes.deep.scheme import AbstractPointScheme

PASS_ONLY = "Take a scheme that settles, such as pynodes.deep.Settle()."
"""What is said to whom asks a forward pass for the slopes of what is fed back."""


class FixedPrediction(AbstractPointScheme):
    """Messages that go up once, with all predictions held where the forward pass put them.

    A free node comes to rest where its own error balances what its children say; with predictions held,
    that error is what backpropagation would send it. So the weights' slopes are those of
    backpropagation, from local messages alone.

    Source: Millidge et al. (2020), arXiv 2006.04182; Salvatori et al. (2021), arXiv 2103.03725.
    """

    def take_turns(self, labels: Labels, roles: dict[str, str]) -> dict[str, int] | None:
        del roles
        labels.refuse_feedback(self, PASS_ONLY)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        del key, record
        return at_start(problem)

    def gradients(self, problem: PointProblem, found: PointResult) -> Weights:
        del found
        layout, numbers = problem.layout, problem.numbers
        # What is free of a node that is given in part is at its prediction, as free nodes are.
        weighs = problem.data_weighs()
        values, heard = problem.predict(), find_child_slopes(problem)
        forces: dict[int, Forces] = {}
        for index in layout.terms:
            if not layout.blocks[index].slots:
                continue
            if layout.blocks[index].role != FREE:
                forces[index] = find_forces(layout, numbers, values, weighs, index)
            if index in heard:
                pulled = pull_through(layout, numbers, values, heard[index], index)
                own = forces.get(index, dict.fromkeys(pulled, 0.0))
                forces[index] = {inlet: own[inlet] + force for inlet, force in pulled.items()}
        return edge_slopes(layout, numbers, values, forces, problem.count)


def find_child_slopes(problem: PointProblem) -> dict[int, Array]:
    """What the children of every variable say to it, all predictions held at the forward pass.

    It is the slope of the energy along the variable's error, where no error is: how far the variable
    would go against its own precision.
    """
    nothing = {index: jnp.zeros_like(value) for index, value in problem.start().items()}
    return jax.grad(lambda errors: total_energy(problem.forward(errors)[1]))(nothing)


def pull_through(
    layout: Layout, numbers: Numbers, values: Values, heard: Array, index: int
) -> Forces:
    """The force at a block whose errors are in balance with what its children say."""
    fed, unfed = split_fed(sum_block_inlets(layout, numbers, values, index))

    def back(node: Any, heard: Array, fed: Any) -> Forces:
        def mean(fed: Any) -> Array:
            return node.predict(node.init(), unfed | fed, jnp.ones(())).predicted_mean

        return jax.vjp(mean, fed)[1](heard)[0]

    return apply_rule(back, layout.blocks[index].size)(numbers.nodes[index], heard, fed)


class Backpropagation(AbstractPointScheme):
    """The twin for every comparison: derivatives of what is given along the forward pass of the same graph.

    It infers nothing; free nodes stay at their predictions.
    """

    def take_turns(self, labels: Labels, roles: dict[str, str]) -> dict[str, int] | None:
        del roles
        labels.refuse_feedback(self, PASS_ONLY)

    def find(self, problem: PointProblem, key: Array, record: Record | None = None) -> PointResult:
        del key, record
        return at_start(problem)

    def gradients(self, problem: PointProblem, found: PointResult) -> Weights:
        del found
        layout = problem.layout
        given = [i for i in layout.terms if layout.blocks[i].role != FREE]
        asked = dataclasses.replace(problem, weighs=problem.data_weighs())

        def mean(weights: Weights) -> Array:
            moved = dataclasses.replace(asked, numbers=insert_weights(asked.numbers, weights))
            terms = moved.forward({})[1]
            return total_energy({index: terms[index] for index in given}) / problem.count

        return jax.grad(mean)(select_weights(problem.numbers))


def at_start(problem: PointProblem) -> PointResult:
    """The forward pass as what was found: nothing is left to move, by this scheme."""
    variables = problem.start()
    layout = problem.layout
    nothing = {
        i: jnp.zeros(() if layout.blocks[i].size == 1 else layout.blocks[i].size) for i in variables
    }
    return PointResult(variables=variables, first=nothing, last=nothing)
