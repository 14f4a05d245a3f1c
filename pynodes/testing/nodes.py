"""Laws of node kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.groups import with_settings
from pynodes._core.modules import parameters_of
from pynodes._errors import InputError, PynodesError
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes._results.node_beliefs import NodeBeliefs
from pynodes._results.trajectories import Trajectories
from pynodes._runtime.network import Network
from pynodes.couplings import Emission
from pynodes.nodes import AbstractNode, BinaryInput, ContinuousInput
from pynodes.testing.shapes import (
    check_instance,
    finite,
    numerical_slope,
    observes_one,
    predicts_for_one,
    same,
)
from pynodes.testing.structured import averages_what_it_predicts, keeps_what_it_says

STEPS, FEWEST = 24, 8


def check_node(
    node: AbstractNode,
    *,
    series: Sequence[float] | None = None,
    outcomes: Sequence[float] | None = None,
    seed: int = 0,
) -> None:
    """Check a kind of node against the laws, on a small network of its own.

    The network is the node by itself if it is observable, else the node above a ContinuousInput, or
    a BinaryInput if its value is one of several.

    * beliefs have the shape of the node's value, and the surprise is a number: a kind is written for one
      node;
    * it filters in float32 and float64, with finite beliefs;
    * a missing observation leaves every belief at its prediction, with no surprise;
    * two chunks with the state carried over are one run;
    * an infinite observation, which is what a refused one becomes where JAX traces it, is no belief;
    * gradients of the surprise are finite where observations are missing, and equal central differences, for
      every parameter;
    * what it says to the Structured expansion in words of its own is so: ``kept_share`` is the slopes of its
      prediction in the belief before, and an ``average`` over parents that are known is the prediction;
    * with ``outcomes``: the predictive probabilities sum to one.

    Parameters
    ----------
    node
        An instance of the kind.
    series
        Observations it can take, at least eight; by default simulated by the node if it can be
        simulated, else a random series of zeros and ones.
    outcomes
        All values a discrete input may take with more than negligible probability.
    seed
        Seed of the simulation.

    Raises
    ------
    AssertionError
        A law is broken; names it.
    """
    check_instance(node, AbstractNode)
    one = with_settings(node, Settings())
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            predicts_for_one(one)
    with jax.enable_x64(True):
        network = make_network(node)
        event = node.event_shape if node.observable else ()
        values = check_series(observations(network, seed) if series is None else series, event)
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            if node.observable:
                observes_one(one, values[0])
    with jax.enable_x64(True):
        keeps_what_it_says(one, seed)
        averages_what_it_predicts(one, seed)
        filter_series(network, values, "beliefs are finite")
    for bits, rtol in ((32, 1e-4), (64, 1e-9)):
        with jax.enable_x64(bits == 64):
            gaps_leave_predictions(make_network(node), values, rtol, f"float{bits}")
    with jax.enable_x64(True):
        check_trajectories(network, values)
        check_chunks(network, values)
        gradients_are_slopes(network, values)
        if outcomes is not None:
            probabilities_sum_to_one(network, values, outcomes)


def make_network(node: AbstractNode) -> Network:
    """The smallest network with this node and an input ``u``."""
    if node.observable:
        return Graph().add(u=node).compile()
    return add_input(Graph().add(node=node), "node").compile()


def add_input(graph: Graph, name: str) -> Graph:
    """A graph in which a hidden node has an input ``u`` below it that suits its value."""
    support = graph.nodes[name].support
    if graph.nodes[name].value_shape and support:
        emission = Emission(probabilities=np.linspace(0.1, 0.9, len(support)))
        return graph.add(u=BinaryInput()).couple(name, "u", emission)
    return graph.add(u=ContinuousInput()).couple(name, "u")


def constant_series(network: Network, steps: int) -> dict[str, np.ndarray]:
    """Series of what must be known at every step, constant at what it is."""
    node = network.graph.nodes.get("u")
    told = () if node is None else node.required
    return {f"u.{field}": np.full(steps, float(getattr(node, field))) for field in told}


def inputs(network: Network, values: Any) -> dict[str, Any]:
    """A series of the input, with what must be known beside it."""
    return {"u": values} | constant_series(network, len(values))


def observations(network: Network, seed: int) -> np.ndarray:
    """A series that the network's input can take."""
    try:
        told = constant_series(network, STEPS)
        return np.asarray(network.sample(jax.random.key(seed), STEPS, inputs=told)["u"])
    except PynodesError:
        return np.random.default_rng(seed).integers(0, 2, STEPS).astype(float)


def check_series(series: Any, event: tuple[int, ...] = ()) -> np.ndarray:
    """A series long enough to have gaps and chunks."""
    values = np.asarray(series, float)
    if values.shape != (len(values), *event) or len(values) < FEWEST:
        each = f"observations of shape {event}" if event else "numbers"
        raise InputError(
            f"series must be at least {FEWEST} {each}, not an array of shape {values.shape}."
        )
    return values


def filter_series(network: Network, values: np.ndarray, what: str, **options: Any) -> Trajectories:
    """Beliefs about a series, all of them finite."""
    beliefs = network.filter(inputs(network, values), throw=False, **options)
    if not beliefs.status.ok:
        raise AssertionError(
            f"{what}: at step {beliefs.status.step} that of {beliefs.status.node!r} is not finite, or its "
            "variance is negative."
        )
    finite(what, beliefs.records)
    return beliefs


def leave_gaps(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A series in which every third observation is missing, and which are there."""
    seen = np.ones(len(values), bool)
    seen[::3] = False
    return np.where(seen.reshape(-1, *(1,) * (values.ndim - 1)), values, np.nan), seen


def gaps_leave_predictions(network: Network, values: np.ndarray, rtol: float, kind: str) -> None:
    """A missing observation leaves every belief at its prediction, with no surprise."""
    gappy, seen = leave_gaps(values)
    what = "a missing observation leaves the prediction"
    through = f"{kind}: beliefs are finite through gaps"
    for beliefs in (
        filter_series(network, gappy, through),
        filter_series(network, values, through, observed=seen),
    ):
        for name in beliefs:
            node = beliefs[name]
            for field in list_predicted_fields(node):
                expected = getattr(node, f"predicted_{field}")[~seen]
                same(f"{what}: {name}.{field}", getattr(node, field)[~seen], expected, rtol)
        silence = np.zeros(np.sum(~seen))
        same("a missing observation has no surprise", beliefs.surprise[~seen], silence, rtol)


def list_predicted_fields(node: NodeBeliefs) -> list[str]:
    """The fields that a node both predicts and then knows; an input's precision is that of its noise."""
    fields = [field for field in node.fields if f"predicted_{field}" in node.fields]
    return [field for field in fields if field != "precision" or "surprise" not in node.fields]


def check_trajectories(network: Network, values: np.ndarray) -> None:
    """Gradients are finite through gaps; where an observation is infinite the run has failed.

    By way of all beliefs, in one program.
    """

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True, allow_int=True)
    def follow(network: Network, values: Any) -> Any:
        beliefs = network.filter(inputs(network, values), throw=False)
        return beliefs.surprise.sum(), beliefs

    finite("the gradient through gaps", follow(network, leave_gaps(values)[0])[1].parameters())
    if not next(iter(network.graph.nodes.values())).observable:
        return
    last = np.array(values)
    last[-1] = np.inf
    beliefs = follow(network, last)[0][1]
    if np.any(beliefs.status.ok) or np.isfinite(beliefs.surprise[-1]):
        raise AssertionError(
            "an infinite observation is no belief: after one it is still valid. Let observe() leave "
            "something that is not finite in it, or check the value in is_valid()."
        )


def check_chunks(network: Network, values: np.ndarray) -> None:
    """Two chunks with the state carried over are one run."""
    half = len(values) // 2
    whole = network.filter(inputs(network, values))
    first = network.filter(inputs(network, values[:half]), start=network.start())
    second = network.filter(inputs(network, values[half:]), start=first.final)
    for name in whole:
        for field in list_predicted_fields(whole[name]):
            parts = [getattr(part[name], field) for part in (first, second)]
            what = f"two chunks are one run: {name}.{field}"
            same(what, np.concatenate(parts), getattr(whole[name], field), rtol=1e-9)


def gradients_are_slopes(network: Network, values: np.ndarray) -> None:
    """Gradients of the surprise through gaps are finite; for every parameter of the node, the slopes."""
    own, gappy = movable(network), leave_gaps(values)[0]
    others = {name: value for name, value in network.parameters().items() if may_vary(value)}
    at = others | own

    @jax.jit
    @jax.value_and_grad
    def look(at: dict[str, Any]) -> Any:
        return network.replace(at).surprise(inputs(network, gappy))

    def surprise(at: dict[str, Any]) -> Any:
        return look(at)[0]

    gradients = look(at)[1]
    finite("the gradient through gaps", gradients)
    for address, inside in own.items():
        gradient = np.asarray(gradients[address])
        for place in np.ndindex(inside.shape):
            where = f"{address}{list(place) if place else ''}"
            expected = numerical_slope(
                partial(move_parameter, surprise, at, address, place), float(inside[place])
            )
            same(f"gradient of {where}", gradient[place], expected, rtol=1e-4, atol=1e-6)


def may_vary(value: Any) -> bool:
    """Whether a parameter is of real numbers, all of them known."""
    return jnp.issubdtype(jnp.result_type(value), jnp.floating) and bool(np.all(np.isfinite(value)))


def movable(network: Network) -> dict[str, np.ndarray]:
    """The parameters of the node that can be moved, inside of where they may be; None is no place."""
    name, node = next(iter(network.graph.nodes.items()))
    found: dict[str, np.ndarray] = {}
    for field, spec in parameters_of(node).items():
        if getattr(node, field) is None:
            continue
        at = np.asarray(network[f"{name}.{field}"], float)
        if not spec["whole"] and np.all(np.isfinite(at)):
            low, high = bounds(network, name, field)
            found[f"{name}.{field}"] = np.asarray(np.clip(at, low + 1e-3, high - 1e-3))
    return found


def move_parameter(
    function: Callable[..., Any],
    at: dict[str, Any],
    address: str,
    place: tuple[int, ...],
    x: float,
) -> Any:
    """A function of parameters with one of the numbers that it takes moved elsewhere."""
    there = np.array(at[address])
    there[place] = x
    return function(at | {address: there})


def bounds(network: Network, name: str, field: str) -> tuple[float, float]:
    """The range in which a parameter may be moved."""
    spec = parameters_of(network.graph.nodes[name])[field]
    low, high = spec["bounds"]
    return (max(low, 0.0), high) if spec["positive"] else (low, high)


def probabilities_sum_to_one(
    network: Network, values: np.ndarray, outcomes: Sequence[float]
) -> None:
    """The predictive probabilities of all outcomes sum to one."""

    @jax.jit
    @jax.vmap
    def surprise(outcome: Any) -> Any:
        last = jnp.asarray(values).at[-1].set(outcome)
        return network.filter(inputs(network, last)).surprise[-1]

    surprises = np.asarray(surprise(np.asarray(outcomes, float)))
    same("the predictive probabilities sum to one", np.sum(np.exp(-surprises)), 1.0, rtol=1e-6)
