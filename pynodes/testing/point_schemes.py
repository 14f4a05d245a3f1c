"""Laws of schemes on points, by which deep networks settle."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes import deep
from pynodes._graph.graph import Graph
from pynodes._runtime.network import Network
from pynodes.couplings import Dense
from pynodes.nodes import CategoricalLayer, Layer
from pynodes.testing.shapes import same

SAMPLES, PRECISION = 3, 1.5
SIZES = {"x": 3, "a": 4, "b": 3, "y": 2}
PARENTS = {"a": ("x",), "b": ("x", "a"), "y": ("a", "b")}
"""Two hidden layers with a skip, so that one child has two parents that are to be found."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Weights of the network by edge, its data, and what its forward pass makes of them."""

    weights: dict[tuple[str, str], np.ndarray]
    values: dict[str, np.ndarray]
    forward: dict[str, np.ndarray]


def check_point_scheme(scheme: deep.AbstractPointScheme, *, tolerance: float, seed: int) -> None:
    """Check a scheme on points against the laws that :func:`check_scheme` lists.

    Parameters
    ----------
    scheme
        An instance of the scheme.
    tolerance
        How near numbers come that should be equal.
    seed
        Seed of the weights and of the data.

    Raises
    ------
    AssertionError
        A law is broken; names it.
    """
    case = draw_case(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", deep.UnsettledWarning)
        # Half of the samples have leaves as the forward pass predicts them.
        found = deep.settle(make_small_network(case), case.values, scheme)
        given_values_stay(found, case)
        if not scheme.draws:  # what is drawn has no least energy, and every draw its own numbers
            forward_passes_are_kept(found, case, tolerance)
            if not isinstance(scheme, deep.Nudged):  # whose energy weighs the leaves otherwise
                energies_fall(found, case)
                least_energies_are_kept(scheme, case)
            samples_are_apart(scheme, found, case, tolerance)
            order_changes_nothing(scheme, found, case, tolerance)
            gaps_are_left_out(scheme, case, tolerance)
        shallow_networks_learn_alike(scheme, case, tolerance)


def draw_case(seed: int) -> Case:
    """A network and data; of every other sample the leaf is as the forward pass predicts it."""
    rng = np.random.default_rng(seed)
    weights = {
        (parent, child): rng.normal(size=(SIZES[child], SIZES[parent])) / math.sqrt(SIZES[parent])
        for child, parents in PARENTS.items()
        for parent in parents
    }
    forward = {"x": np.repeat(rng.normal(size=(SAMPLES, SIZES["x"])), 2, axis=0)}
    for child, parents in PARENTS.items():
        sent = [np.tanh(forward[parent]) @ weights[parent, child].T for parent in parents]
        forward[child] = np.sum(sent, axis=0)
    leaf = forward["y"] + rng.normal(size=forward["y"].shape)
    leaf[1::2] = forward["y"][1::2]
    return Case(weights, {"x": forward["x"], "y": leaf}, forward)


def make_small_network(
    case: Case, *, backward: bool = False, rows: tuple[int, ...] = (0, 1)
) -> Network:
    """The network, defined from front to back or the other way, with some elements of its leaf."""
    nodes = {name: Layer(shape=size, precision=PRECISION) for name, size in SIZES.items()}
    nodes["y"] = Layer(shape=len(rows))
    edges: list[Any] = []
    for (parent, child), weights in case.weights.items():
        chosen = weights[list(rows)] if child == "y" else weights
        edges.append((parent, child, Dense(weights=chosen, bias=None, function=jnp.tanh)))
    if backward:
        nodes, edges = dict(reversed(nodes.items())), edges[::-1]
    return Graph().extend(nodes, edges).compile()


def given_values_stay(found: deep.Settled, case: Case) -> None:
    """Law: what is given stays, to the last bit."""
    for name, value in case.values.items():
        if not np.array_equal(found[name].value, value):
            raise AssertionError(f"what is given stays: {name} was moved.")


def forward_passes_are_kept(found: deep.Settled, case: Case, tolerance: float) -> None:
    """Law: where leaves are as predicted nothing pushes, and the forward pass is kept."""
    for name in ("a", "b"):
        what = f"the forward pass is kept where leaves are as predicted: {name}"
        same(what, found[name].value[1::2], case.forward[name][1::2], tolerance, 1e-8)


def energies_fall(found: deep.Settled, case: Case) -> None:
    """Law: the energy at what is found is not above that of the forward pass."""
    hidden = (SIZES["a"] + SIZES["b"]) * math.log(2 * math.pi / PRECISION)
    errors = case.values["y"] - case.forward["y"]
    before = 0.5 * (hidden + SIZES["y"] * math.log(2 * math.pi) + np.sum(errors**2, axis=-1))
    rise = np.asarray(found.energy) - before
    if not (rise <= 1e-6 * (1 + before)).all():
        raise AssertionError(
            "the energy at what is found is not above that of the forward pass: it is by "
            f"{np.max(rise):.3g} nats."
        )


def least_energies_are_kept(scheme: deep.AbstractPointScheme, case: Case) -> None:
    """Law: begun where the energy is least, a scheme stays there."""
    network = make_small_network(case)
    least = deep.settle(network, case.values, deep.Errors(steps=3000))
    start = {name: least[name].value for name in ("a", "b")}
    again = deep.settle(network, case.values, scheme, start=start)
    for name, value in start.items():
        same(f"the least energy is kept: {name}", again[name].value, value, 1e-6, 1e-6)


def samples_are_apart(
    scheme: deep.AbstractPointScheme, found: deep.Settled, case: Case, tolerance: float
) -> None:
    """Law: a sample settles as it would alone."""
    one = {name: value[2:3] for name, value in case.values.items()}
    alone = deep.settle(make_small_network(case), one, scheme)
    for name in ("a", "b"):
        what = f"a sample settles as it would alone: {name}"
        same(what, alone[name].value[0], found[name].value[2], tolerance)


def order_changes_nothing(
    scheme: deep.AbstractPointScheme, found: deep.Settled, case: Case, tolerance: float
) -> None:
    """Law: the order of definition changes nothing."""
    other = deep.settle(make_small_network(case, backward=True), case.values, scheme)
    for name in ("a", "b"):
        what = f"the order of definition changes nothing: {name}"
        same(what, other[name].value, found[name].value, tolerance)


def gaps_are_left_out(scheme: deep.AbstractPointScheme, case: Case, tolerance: float) -> None:
    """Law: an element of a leaf that is missing is as in a network without it."""
    leaf = case.values["y"].copy()
    leaf[:, 1] = np.nan
    gaps, without = ({"x": case.values["x"], "y": values} for values in (leaf, leaf[:, :1]))
    found = deep.settle(make_small_network(case), gaps, scheme)
    expected = deep.settle(make_small_network(case, rows=(0,)), without, scheme)
    for name in ("a", "b"):
        what = f"a missing element is as in a network without it: {name}"
        same(what, found[name].value, expected[name].value, tolerance)


def shallow_networks_learn_alike(
    scheme: deep.AbstractPointScheme, case: Case, tolerance: float
) -> None:
    """Law: without hidden layers nothing is to be found, and weights learn as backpropagation says."""
    x, weights = case.values["x"], case.weights["x", "b"]
    graph = Graph().add(x=Layer(shape=SIZES["x"]), y=CategoricalLayer(outcomes=SIZES["b"]))
    network = graph.couple("x", "y", Dense(weights=weights, bias=None)).compile()
    codes = np.arange(len(x)) % SIZES["b"]
    shares = np.exp(x @ weights.T)
    force = shares / shares.sum(-1, keepdims=True) - np.eye(SIZES["b"])[codes]
    same(
        "without hidden layers weights learn as backpropagation says",
        deep.gradients(network, {"x": x, "y": codes}, scheme)["x->y.weights"],
        force.T @ x / len(x),
        tolerance,
    )
