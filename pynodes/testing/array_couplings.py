"""Laws of couplings between arrays."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._graph.graph import Graph
from pynodes.couplings import AbstractArrayCoupling
from pynodes.nodes import AbstractNode
from pynodes.testing.shapes import finite, same, single

STEP = 1e-5
"""By how much values move where slopes are compared with differences."""


def check_array_coupling(
    coupling: AbstractArrayCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    values: Any = None,
    seed: int = 0,
) -> None:
    """Check a coupling between two arrays; see :func:`pynodes.testing.check_coupling`."""
    rng = np.random.default_rng(seed)
    bound = coupling.bind(parent, child, 0)
    mismatch = bound.incompatibility(parent, child)
    if mismatch:
        raise AssertionError(f"The parent {mismatch}")
    returns_from_its_document(coupling, parent, child)
    drawn = draws_by_its_key(bound, seed)
    moved = {name: np.asarray(getattr(drawn, name)) for name in drawn.learnable}
    moved = {name: each + 0.1 * rng.normal(size=each.shape) for name, each in moved.items()}
    drawn = dataclasses.replace(drawn, **moved)
    if values is None:
        values = rng.normal(size=(4, *parent.value_shape))
    values = np.asarray(values, float)
    single("contribution(x)", jax.jit(drawn.contribution)(values[0]), child.value_shape)
    samples_are_independent(drawn, values)
    slopes_are_differences(drawn, values[0], child, rng)
    if drawn.spreads:
        spread_is_square_of_slopes(drawn, values[0], rng)
        evidence_is_slope(drawn, parent, child, values[0], rng)


def returns_from_its_document(
    coupling: AbstractArrayCoupling, parent: AbstractNode, child: AbstractNode
) -> None:
    """A graph with it comes back from text as it was."""
    nodes = {"parent": dataclasses.replace(parent), "child": child}
    graph = Graph().extend(nodes, [("parent", "child", coupling)])
    functions = {}
    if hasattr(coupling, "function"):
        functions = {getattr(coupling.function, "__name__", ""): coupling.function}  # type: ignore[attr-defined]
    kinds: list[Any] = [type(coupling), type(parent), type(child)]
    if Graph.from_json(graph.to_json(), kinds=kinds, functions=functions) != graph:
        raise AssertionError("A graph with the coupling does not come back from its document.")


def draws_by_its_key(bound: AbstractArrayCoupling, seed: int) -> AbstractArrayCoupling:
    """Whatever is undrawn is drawn, of its shape, and the same by the same key."""
    one, other = (bound.draw(jax.random.key(seed)) for _ in range(2))
    for name in one.learnable:
        found = getattr(one, name)
        if np.shape(found) != np.shape(getattr(bound, name)):
            raise AssertionError(
                f"{name} is drawn with shape {np.shape(found)}, not {np.shape(getattr(bound, name))}."
            )
        finite(f"{name} as drawn", found)
        same(f"{name} is drawn by its key", found, getattr(other, name), rtol=1e-12)
    return one


def samples_are_independent(coupling: AbstractArrayCoupling, values: Any) -> None:
    """What one sample contributes does not depend on the others of a batch."""
    together = jax.jit(jax.vmap(coupling.contribution))(values)
    contribute = jax.jit(coupling.contribution)
    alone = np.stack([contribute(one) for one in values])
    same("a batch is what its samples are alone", together, alone, rtol=1e-9, atol=1e-10)


def slopes_are_differences(
    coupling: AbstractArrayCoupling, x: Any, child: AbstractNode, rng: np.random.Generator
) -> None:
    """Slopes along the parent and along every array, by ``jax.vjp``, equal central differences."""
    force = rng.normal(size=child.value_shape)
    places = {name: np.asarray(getattr(coupling, name)) for name in coupling.learnable}
    places["the parent"] = np.asarray(x)

    @jax.jit
    def look(places: dict[str, Any]) -> tuple[Any, Any]:
        def total(places: dict[str, Any]) -> Any:
            arrays = {name: value for name, value in places.items() if name != "the parent"}
            made = dataclasses.replace(coupling, **arrays).contribution(places["the parent"])
            return jnp.sum(force * made)

        return jax.value_and_grad(total)(places)

    slopes = look(places)[1]
    for name, at in places.items():
        direction = rng.normal(size=at.shape)
        ahead, behind = (look(places | {name: at + s * STEP * direction})[0] for s in (1, -1))
        same(
            f"the slope along {name} is a difference",
            np.sum(slopes[name] * direction),
            (ahead - behind) / (2 * STEP),
            rtol=1e-5,
            atol=1e-6,
        )


def spread_is_square_of_slopes(
    coupling: AbstractArrayCoupling, x: Any, rng: np.random.Generator
) -> None:
    """Variances of the parent become sums of them, weighed by squared slopes."""
    variance = rng.gamma(2.0, 0.5, x.shape)

    @jax.jit
    def look(x: Any, variance: Any) -> tuple[Any, Any]:
        return jax.jacobian(coupling.contribution)(x), coupling.spread(x, variance)

    slopes, found = look(x, variance)
    expected = np.tensordot(np.square(slopes), variance, x.ndim)
    same("variances spread by squared slopes", found, expected, rtol=1e-8)


def evidence_is_slope(
    coupling: AbstractArrayCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    x: Any,
    rng: np.random.Generator,
) -> None:
    """Its evidence has the slope of its log density."""
    variance = rng.gamma(2.0, 0.5, x.shape)
    move = rng.normal(size=child.value_shape)

    @jax.jit
    def look(x: Any, variance: Any, move: Any) -> tuple[Any, Any]:
        start: Any = parent.init()
        above = start.predicted(x, variance=variance)
        inlet: dict[str, Any] = dict.fromkeys(child.inlets, jnp.asarray(0.0))
        inlet |= coupling.predict(above, 1.0)
        before: Any = child.init()
        below: Any = child.predict(before, inlet, jnp.ones(()))
        if child.has_memory:
            below = below.updated(below.predicted_mean + move, 0.5 * below.predicted_variance)
        else:
            value = child.sample(jax.random.key(0), below)
            below = child.observe(below, value, jnp.asarray(True))
        slope = jax.grad(lambda x: coupling.log_density(x, above, below, 1.0))(x)
        return coupling.evidence(above, below, 1.0), slope

    found, expected = look(x, variance, move)
    same(
        "the evidence's gradient is the density's slope",
        found.gradient,
        expected,
        rtol=1e-8,
        atol=1e-10,
    )
    finite("the evidence's curvature", found.curvature)
