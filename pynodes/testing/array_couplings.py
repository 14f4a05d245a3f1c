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
    values = jnp.asarray(values, float)
    single("contribution(x)", drawn.contribution(values[0]), child.value_shape)
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
        same(f"{name} is drawn by its key", found, getattr(other, name), rtol=0)
    return one


def samples_are_independent(coupling: AbstractArrayCoupling, values: Any) -> None:
    """What one sample contributes does not depend on the others of a batch."""
    together = jax.jit(jax.vmap(coupling.contribution))(values)
    alone = jnp.stack([coupling.contribution(one) for one in values])
    same("a batch is what its samples are alone", together, alone, rtol=1e-9, atol=1e-10)


def slopes_are_differences(
    coupling: AbstractArrayCoupling, x: Any, child: AbstractNode, rng: np.random.Generator
) -> None:
    """Slopes along the parent and along every array, by ``jax.vjp``, equal central differences."""
    force = jnp.asarray(rng.normal(size=child.value_shape))
    arrays = {name: jnp.asarray(getattr(coupling, name)) for name in coupling.learnable}

    @jax.jit
    def total(arrays: Any, x: Any) -> Any:
        return jnp.sum(force * dataclasses.replace(coupling, **arrays).contribution(x))

    slopes: Any = jax.grad(total, argnums=(0, 1))(arrays, x)
    for name, at in {**arrays, "the parent": x}.items():
        direction = jnp.asarray(rng.normal(size=at.shape))
        if name == "the parent":
            ahead, behind = (total(arrays, x + s * STEP * direction) for s in (1, -1))
            slope = slopes[1]
        else:
            ahead, behind = (total(arrays | {name: at + s * STEP * direction}, x) for s in (1, -1))
            slope = slopes[0][name]
        same(
            f"the slope along {name} is a difference",
            jnp.sum(slope * direction),
            (ahead - behind) / (2 * STEP),
            rtol=1e-5,
            atol=1e-6,
        )


def spread_is_square_of_slopes(
    coupling: AbstractArrayCoupling, x: Any, rng: np.random.Generator
) -> None:
    """Variances of the parent become sums of them, weighed by squared slopes."""
    variance = jnp.asarray(rng.gamma(2.0, 0.5, x.shape))
    slopes = jax.jacobian(coupling.contribution)(x)
    expected = jnp.tensordot(slopes**2, variance, x.ndim)
    same("variances spread by squared slopes", coupling.spread(x, variance), expected, rtol=1e-8)


def evidence_is_slope(
    coupling: AbstractArrayCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    x: Any,
    rng: np.random.Generator,
) -> None:
    """Its evidence has the slope of its log density."""
    variance = jnp.asarray(rng.gamma(2.0, 0.5, x.shape))
    start: Any = parent.init()
    above = start.predicted(x, variance=variance)
    inlet: dict[str, Any] = dict.fromkeys(child.inlets, jnp.asarray(0.0))
    inlet |= coupling.predict(above, 1.0)
    before: Any = child.init()
    below: Any = child.predict(before, inlet, jnp.ones(()))
    move = jnp.asarray(rng.normal(size=child.value_shape))
    if child.has_memory:
        below = below.updated(below.predicted_mean + move, 0.5 * below.predicted_variance)
    else:
        value = child.sample(jax.random.key(0), below)
        below = child.observe(below, value, jnp.asarray(True))
    found = coupling.evidence(above, below, 1.0)
    expected = jax.grad(lambda x: coupling.log_density(x, above, below, 1.0))(x)
    same(
        "the evidence's gradient is the density's slope",
        found.gradient,
        expected,
        rtol=1e-8,
        atol=1e-10,
    )
    finite("the evidence's curvature", found.curvature)
