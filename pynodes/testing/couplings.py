"""Laws of couplings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.groups import completed
from pynodes._core.beliefs import Gaussian
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling
from pynodes.nodes import AbstractNode, ContinuousState
from pynodes.testing._comparison import finite, same, same_beliefs, slope
from pynodes.testing.nodes import observations, watched
from pynodes.testing.shapes import check_instance, feeds_one, says_one

DRAWS = 8


def check_coupling(
    coupling: AbstractCoupling,
    *,
    parent: AbstractNode | None = None,
    child: AbstractNode,
    series: Sequence[float] | None = None,
    seed: int = 0,
) -> None:
    """Check a kind of coupling against the laws, on a small network of its own.

    The network is the parent over the child, and an input under the child unless the child is observed
    itself: a ContinuousInput, or a BinaryInput if the child's value is one of several.

    * what it predicts is a number for each of some inlets that the child has, or an array in the shape
      of its value;
    * its evidence is the derivatives of its log density, for random beliefs;
    * if the child is observed, the slope of that density is minus the slope of the child's surprise,
      were the parent known;
    * if the parent is one of several alternatives, the density differs between any two of them as the
      child's surprise does, were the parent known;
    * if it moves a variance, so does the parent in the child's own prediction;
    * at strength zero it is silent: without it, the child believes the same, and so do the child's
      other parents;
    * the gradient of the surprise in its strength equals central differences.

    Parameters
    ----------
    coupling
        An instance of the coupling.
    parent
        The node above; a ContinuousState unless given.
    child
        The node below.
    series
        Observations the child, or its input, can take; by default simulated if it can be simulated,
        else a random series of zeros and ones.
    seed
        Seed of the random beliefs and of the simulation.

    Raises
    ------
    AssertionError
        A law is broken; names it.
    """
    above: Any = ContinuousState() if parent is None else parent
    check_instance(coupling, AbstractCoupling)
    check_instance(above, AbstractNode)
    check_instance(child, AbstractNode)
    with jax.enable_x64(True):
        upper: Any = completed(above, Settings())
        lower: Any = completed(child, Settings())
        network = joined(coupling, upper, lower).compile()
        coupling = coupling.suited(lower, 0)
        feeds_one(coupling, upper, lower)
        values = np.asarray(observations(network, seed) if series is None else series, float)
        if upper.support is None:
            evidence_is_derivative(coupling, upper, lower, values, seed)
        elif lower.observable:
            density_is_likelihood(coupling, upper, lower, values, seed)
        if "strength" in {field.name for field in dataclasses.fields(coupling)}:
            zero_is_silent(coupling, upper, lower, values)
            gradient_is_slope(network, values)


def joined(coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode) -> Graph:
    """Parent over child, and an input ``u`` under the child unless it is one."""
    if child.observable:
        return Graph().add(parent=parent, u=child).couple("parent", "u", coupling)
    graph = Graph().add(parent=parent, child=child)
    return watched(graph, "child").couple("parent", "child", coupling)


def moments(
    coupling: AbstractCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    values: np.ndarray,
    seed: int,
) -> list[tuple[Gaussian, Gaussian, Gaussian, Array]]:
    """Parent's belief, child's before and after a step, and its value, from random states."""
    rng = np.random.default_rng(seed)
    found = []
    for value in rng.choice(values[np.isfinite(values)], DRAWS):
        above = anywhere(parent, rng)
        inlet: dict[str, Any] = dict.fromkeys(child.inlets, 0.0)
        inlet |= coupling.predict(above, jnp.asarray(1.3))
        before = child.init().updated(jnp.asarray(rng.normal()), jnp.asarray(rng.gamma(2.0, 0.5)))
        below = child.predict(before, inlet, jnp.asarray(1.3))
        shrunk = below.predicted_variance * rng.uniform(0.2, 0.9)
        if child.observable:
            after = child.observe(below, jnp.asarray(value), True)
        else:
            after = below.updated(
                below.predicted_mean + rng.normal() * jnp.sqrt(below.predicted_variance), shrunk
            )
        found.append((above, before, after, jnp.asarray(value)))
    return found


def anywhere(parent: AbstractNode, rng: np.random.Generator) -> Gaussian:
    """A parent predicted at random."""
    if parent.support is not None:
        logits = jnp.asarray(rng.normal(size=parent.value_shape))
        return parent.predict(parent.init(), dict.fromkeys(parent.inlets, logits), jnp.ones(()))
    variance = jnp.asarray(rng.gamma(2.0, 0.5))
    return parent.init().predicted(jnp.asarray(rng.normal()), variance=variance)


def density_is_likelihood(
    coupling: AbstractCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    values: np.ndarray,
    seed: int,
) -> None:
    """Log densities differ between alternatives as the child's surprise does."""
    dt = jnp.asarray(1.3)
    for above, before, below, value in moments(coupling, parent, child, values, seed):
        found, expected = [], []
        for x in parent.support or ():
            inlet = dict.fromkeys(child.inlets, jnp.asarray(0.0))
            sent = coupling.predict(parent.become(above, jnp.asarray(x)), dt)
            known = child.observe(child.predict(before, inlet | sent, dt), value, True)
            expected.append(-child.surprise(known))
            found.append(coupling.log_density(jnp.asarray(x), above, below, dt))
        same(
            "the density differs between alternatives as the child's surprise does",
            np.asarray(found) - found[0],
            np.asarray(expected) - expected[0],
            rtol=1e-8,
        )


def evidence_is_derivative(
    coupling: AbstractCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    values: np.ndarray,
    seed: int,
) -> None:
    """Evidence is the first derivative, and minus the second, of the log density."""
    dt = jnp.asarray(1.3)
    for above, before, below, value in moments(coupling, parent, child, values, seed):
        point = above.predicted_mean
        evidence = says_one(coupling, above, below, dt)

        def density(x: Any, above: Gaussian = above, below: Gaussian = below) -> Any:
            return coupling.log_density(x, above, below, dt)

        def surprise(x: Any, before: Gaussian = before, value: Array = value) -> Any:
            known = predicted_if_known(coupling, child, before, x, dt)
            return child.surprise(child.observe(known, value, jnp.asarray(True)))

        compare(evidence, density, point)
        if child.observable:
            same(
                "the density's slope is minus that of the child's surprise, were the parent known",
                jax.grad(density)(point),
                -jax.grad(surprise)(point),
                rtol=1e-8,
            )
        if isinstance(coupling, AbstractVolatilityCoupling):
            message = coupling.message(above, below)
            compare(message.predicted(), message.predicted_log_density, point)
            for x in (point - 1.1, point, point + 0.7):
                compare(message.known(x), message.log_density, x)
                same(
                    "the message's growth is the child's, were the parent known",
                    message.growth_at(x),
                    predicted_if_known(coupling, child, before, x, dt).spread.growth,
                    rtol=1e-8,
                )


def predicted_if_known(
    coupling: AbstractCoupling, child: AbstractNode, before: Gaussian, x: Any, dt: Any
) -> Gaussian:
    """What the child predicts if its only parent is known to be at x."""
    inlet = dict.fromkeys(child.inlets, jnp.asarray(0.0))
    return child.predict(before, inlet | coupling.predict(Gaussian.certain(x), dt), dt)


def compare(evidence: Any, log_density: Callable[[Any], Any], x: Any) -> None:
    """Evidence against the derivatives of a density at a point."""
    gradient = jax.grad(log_density)
    finite("the density's slope", gradient(x))
    same(
        "the evidence's gradient is the density's slope", evidence.gradient, gradient(x), rtol=1e-8
    )
    same(
        "the evidence's curvature is minus the density's",
        evidence.curvature,
        -jax.grad(gradient)(x),
        rtol=1e-7,
    )
    same(
        "the density is differentiable",
        gradient(x),
        slope(log_density, float(x)),
        rtol=1e-4,
        atol=1e-6,
    )


def zero_is_silent(
    coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode, values: np.ndarray
) -> None:
    """A parent attached with strength zero changes nothing."""
    silent = dataclasses.replace(coupling, strength=0.0)
    target = "u" if child.observable else "child"
    graph = joined(coupling, parent, child)
    attached = graph.add(silent=parent).couple("silent", target, silent)
    one = graph.compile().filter({"u": values})
    other = attached.compile().filter({"u": values})
    same_beliefs("a coupling of strength zero is silent", one, other, rtol=1e-10)


def gradient_is_slope(network: Network, values: np.ndarray) -> None:
    """The gradient of the surprise in the strength equals central differences, at zero and through gaps."""
    name = next(n for n in network.parameters() if n.startswith("parent->"))
    gappy = np.where(np.arange(len(values)) % 5 == 3, np.nan, values)

    def surprise(strength: Any) -> Any:
        return network.replace({name: strength}).surprise({"u": gappy})

    for at in (float(network[name]), 0.0, 0.4):
        gradient = jax.grad(surprise)(np.float64(at))
        same(
            f"gradient in the strength at {at}", gradient, slope(surprise, at), rtol=1e-4, atol=1e-5
        )
