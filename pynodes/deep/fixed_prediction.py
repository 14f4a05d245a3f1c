"""FixedPrediction: the slopes of backpropagation from local messages; and Backpropagation, the twin."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._typing import Array
from pynodes.deep.energy import energies, node_at, sum_inlets, total_energy, value_at
from pynodes.deep.layout import FREE, GIVEN, LEAF, Where
from pynodes.deep.messages import Forces, edge_slopes, force, send_up
from pynodes.deep.numbers import Weights, insert_weights, select_weights
from pynodes.deep.problem import Found, Problem, Record
from pynodes.deep.scheme import AbstractPointScheme


class FixedPrediction(AbstractPointScheme):
    """Messages that go up once, with all predictions held where the forward pass put them.

    A free node comes to rest where its own error balances what its children say; with predictions held,
    that error is what backpropagation would send it. So the weights' slopes are those of
    backpropagation, from local messages alone.

    Source: Millidge et al. (2020), arXiv 2006.04182; Salvatori et al. (2021), arXiv 2103.03725.
    """

    def find(self, problem: Problem, key: Array, record: Record | None = None) -> Found:
        del key, record
        return at_start(problem)

    def gradients(self, problem: Problem, found: Found) -> Weights:
        del found
        layout, numbers, values = problem.layout, problem.numbers, problem.predict()
        weighs, sizes = problem.all_weighs(), [block.size for block in layout.blocks]
        heard: dict[Where, Array] = {}
        forces: dict[Where, Forces] = {}
        inlets = {
            i: sum_inlets(layout, numbers, values, i)
            for i in layout.terms
            if layout.blocks[i].slots
        }
        for where in reversed(layout.order):
            index, position = where
            block = layout.blocks[index]
            if index not in inlets:
                continue
            node = node_at(block.size, position, numbers.nodes[index])
            inlet = {
                name: node_at(block.size, position, sent) if jnp.ndim(sent) else sent
                for name, sent in inlets[index].items()
            }
            if block.role in (GIVEN, LEAF):
                weigh = node_at(block.size, position, weighs.get(index))
                forces[where] = force(node, value_at(values, sizes, where), inlet, weigh)
            elif block.role == FREE:
                forces[where] = pull_through(node, inlet, heard[where])
            for slot, coupling in zip(block.slots, numbers.couplings[index], strict=True):
                parent = slot.parents[position]
                own = node_at(block.size, position, coupling)
                sent = send_up(own, value_at(values, sizes, parent), forces[where])
                heard[parent] = sent + heard[parent] if parent in heard else sent
        return edge_slopes(layout, numbers, values, forces, problem.count)


def pull_through(node: Any, inlet: dict[str, Any], heard: Array) -> Forces:
    """What the children of a node say about what comes in at it, its error fixed in balance with them."""
    fed = {name: sent for name, sent in inlet.items() if jnp.ndim(sent)}
    unfed = {name: sent for name, sent in inlet.items() if not jnp.ndim(sent)}

    def back(fed: Any, heard: Array) -> Forces:
        def mean(fed: Any) -> Array:
            return node.predict(node.init(), unfed | fed, jnp.ones(())).predicted_mean

        return jax.vjp(mean, fed)[1](heard)[0]

    return jax.vmap(back)(fed, heard)


class Backpropagation(AbstractPointScheme):
    """The twin for every comparison: derivatives of what is given along the forward pass of the same graph.

    It infers nothing; free nodes stay at their predictions.
    """

    def find(self, problem: Problem, key: Array, record: Record | None = None) -> Found:
        del key, record
        return at_start(problem)

    def gradients(self, problem: Problem, found: Found) -> Weights:
        del found
        layout = problem.layout
        given = [i for i in layout.terms if layout.blocks[i].role in (GIVEN, LEAF)]

        def mean(weights: Weights) -> Array:
            moved = dataclasses.replace(problem, numbers=insert_weights(problem.numbers, weights))
            values = moved.predict()
            terms = energies(layout, moved.numbers, values, problem.all_weighs(), given)
            return total_energy(terms) / problem.count

        return jax.grad(mean)(select_weights(problem.numbers))


def at_start(problem: Problem) -> Found:
    """The forward pass as what was found: nothing is left to move, by this scheme."""
    variables = problem.start()
    layout = problem.layout
    nothing = {
        i: jnp.zeros(() if layout.blocks[i].size == 1 else layout.blocks[i].size) for i in variables
    }
    return Found(variables=variables, first=nothing, last=nothing)
