"""Laws of couplings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.groups import with_settings
from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._core.modules import choices_of
from pynodes._graph.graph import Graph
from pynodes._graph.settings import Settings
from pynodes._runtime.network import Network
from pynodes.couplings import (
    AbstractArrayCoupling,
    AbstractCoupling,
    AbstractVolatilityCoupling,
)
from pynodes.nodes import AbstractNode, ContinuousState
from pynodes.testing.array_couplings import check_array_coupling
from pynodes.testing.nodes import add_input, observations
from pynodes.testing.shapes import check_instance, feeds_one, finite, same, same_beliefs, says_one
from pynodes.testing.structured import (
    leans_as_it_predicts,
    moves_as_it_says,
    tilts_as_it_says,
)

DRAWS = 8
DT = 1.3
"""Time of the steps at which couplings are looked at."""

CURVATURE = "the evidence's curvature is minus the density's"
DIFFERENTIABLE = "the density is differentiable"
TOLERANCES = {CURVATURE: (1e-7, 1e-10), DIFFERENTIABLE: (1e-4, 1e-6)}
"""Relative and absolute, where they are others than 1e-8 and 1e-10."""

Pairs = dict[tuple[str, int], tuple[Any, Any]]
"""What was found and what was expected, by the law and where it was asked."""


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
    * what it says to the Structured expansion in words of its own is so: a ``tilt``'s gradient, curvature and
      slope in the variance are derivatives of its log evidence, and an ``elasticity`` is the slope of the
      child's log variance;
    * at strength zero it is silent: without it, the child believes the same, and so do the child's
      other parents;
    * the gradient of the surprise in its strength equals central differences.

    Of a coupling between arrays (give a parent and a child with shapes): its parameters are drawn by their
    key, with the shapes that its ends need; it makes arrays of the child's shape, of every sample by itself;
    its slopes along the parent and along every array equal central differences; variances spread by
    squared slopes, if it says how they spread, and its evidence has the slope of its density; a graph with
    it comes back from its document.

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
        else a random series of zeros and ones. Of a coupling between arrays, values of the parent, by default
        normal ones.
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
        if isinstance(coupling, AbstractArrayCoupling):
            below: Any = with_settings(child, Settings())
            check_array_coupling(coupling, with_settings(above, Settings()), below, series, seed)
            return
        upper: Any = with_settings(above, Settings())
        lower: Any = with_settings(child, Settings())
        network = make_pair(coupling, upper, lower).compile()
        coupling = coupling.bind(upper, lower, 0)
        feeds_one(coupling, upper, lower)
        values = np.asarray(observations(network, seed) if series is None else series, float)
        if upper.support is None:
            evidence_is_derivative(coupling, upper, lower, values, seed)
        elif lower.observable:
            density_is_likelihood(coupling, upper, lower, values, seed)
        if "strength" in {field.name for field in dataclasses.fields(coupling)}:
            zero_is_silent(coupling, upper, lower, values)
            gradient_is_slope(network, values)


def make_pair(coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode) -> Graph:
    """Parent over child, and an input ``u`` under the child unless it is one."""
    if child.observable:
        return Graph().add(parent=parent, u=child).couple("parent", "u", coupling)
    graph = Graph().add(parent=parent, child=child)
    return add_input(graph, "child").couple("parent", "child", coupling)


def draw_moments(
    parent: AbstractNode, values: np.ndarray, seed: int, draws: int = DRAWS
) -> dict[str, np.ndarray]:
    """Random numbers of which :func:`moment` makes beliefs, one row per moment."""
    rng = np.random.default_rng(seed)
    return {
        "value": rng.choice(values[np.isfinite(values)], draws),
        "logits": rng.normal(size=(draws, *parent.value_shape)),
        "parent_mean": rng.normal(size=draws),
        "parent_variance": rng.gamma(2.0, 0.5, draws),
        "mean": rng.normal(size=draws),
        "variance": rng.gamma(2.0, 0.5, draws),
        "move": rng.normal(size=draws),
        "shrinkage": rng.uniform(0.2, 0.9, draws),
    }


def moment(
    coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode, drawn: dict[str, Any]
) -> tuple[Gaussian, Gaussian, Gaussian]:
    """Parent's belief, and child's before and after a step, as they were drawn."""
    if parent.support is not None:
        logits: Any = dict.fromkeys(parent.inlets, drawn["logits"])
        above: Any = parent.predict(parent.init(), logits, jnp.ones(()))
    else:
        above = parent.init().predicted(drawn["parent_mean"], variance=drawn["parent_variance"])
    inlet: dict[str, Any] = dict.fromkeys(child.inlets, jnp.asarray(0.0))
    inlet |= coupling.predict(above, DT)
    before = child.init().updated(drawn["mean"], drawn["variance"])
    below = child.predict(before, inlet, DT)
    if child.observable:
        return above, before, child.observe(below, drawn["value"], jnp.asarray(True))
    mean = below.predicted_mean + drawn["move"] * jnp.sqrt(below.predicted_variance)
    return above, before, below.updated(mean, below.predicted_variance * drawn["shrinkage"])


def density_is_likelihood(
    coupling: AbstractCoupling,
    parent: AbstractNode,
    child: AbstractNode,
    values: np.ndarray,
    seed: int,
) -> None:
    """Log densities differ between alternatives as the child's surprise does."""

    @jax.jit
    @jax.vmap
    def both(drawn: dict[str, Any]) -> tuple[Any, Any]:
        above, before, below = moment(coupling, parent, child, drawn)
        found, expected = [], []
        for x in parent.support or ():
            inlet = dict.fromkeys(child.inlets, jnp.asarray(0.0))
            sent = coupling.predict(parent.known_as(above, jnp.asarray(x)), DT)
            known = child.predict(before, inlet | sent, DT)
            expected.append(-child.surprise(child.observe(known, drawn["value"], True)))
            found.append(coupling.log_density(jnp.asarray(x), above, below, DT))
        return jnp.stack(found) - found[0], jnp.stack(expected) - expected[0]

    same(
        "the density differs between alternatives as the child's surprise does",
        *both(draw_moments(parent, values, seed)),
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
    drawn = draw_moments(parent, values, seed)
    first = {name: jnp.asarray(numbers[0]) for name, numbers in drawn.items()}
    above, before, below = moment(coupling, parent, child, first)
    says_one(coupling, above, below, DT)
    leans_as_it_predicts(coupling, above)
    moves_as_it_says(coupling, above, before, child)
    tilts_as_it_says(coupling, above, before, child, first["value"])

    @jax.jit
    @jax.vmap
    def compared(drawn: dict[str, Any]) -> Pairs:
        return compare_derivatives(coupling, parent, child, drawn)

    for (what, _), (actual, expected) in compared(drawn).items():
        finite(what, expected)
        rtol, atol = TOLERANCES.get(what, (1e-8, 1e-10))
        same(what, actual, expected, rtol=rtol, atol=atol)


def compare_derivatives(
    coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode, drawn: dict[str, Any]
) -> Pairs:
    """What the coupling says at one moment, beside what its densities and its child say."""
    above, before, below = moment(coupling, parent, child, drawn)
    point = above.predicted_mean

    def predict_if_known(x: Any) -> Gaussian:
        inlet = dict.fromkeys(child.inlets, jnp.asarray(0.0))
        return child.predict(before, inlet | coupling.predict(Gaussian.certain(x), DT), DT)

    def density(x: Any) -> Any:
        return coupling.log_density(x, above, below, DT)

    def surprise(x: Any) -> Any:
        return child.surprise(child.observe(predict_if_known(x), drawn["value"], jnp.asarray(True)))

    exact: Any = coupling
    if "curvature" in choices_of(coupling):
        exact = dataclasses.replace(coupling, curvature="exact")  # type: ignore[call-arg]
    pairs = compare_evidence(exact.evidence(above, below, DT), density, point, 0)
    if child.observable:
        slopes = jax.grad(density)(point), -jax.grad(surprise)(point)
        pairs[
            "the density's slope is minus that of the child's surprise, were the parent known", 0
        ] = slopes
    if isinstance(coupling, AbstractVolatilityCoupling):
        message = coupling.message(above, below)
        pairs |= compare_evidence(message.predicted(), message.predicted_log_density, point, 1)
        for number, x in enumerate((point - 1.1, point, point + 0.7), start=2):
            pairs |= compare_evidence(message.known(x), message.log_density, x, number)
            growth = message.growth_at(x), predict_if_known(x).variance_parts.added_variance
            pairs["the message's growth is the child's, were the parent known", number] = growth
    return pairs


def compare_evidence(
    evidence: Evidence, log_density: Callable[[Any], Any], x: Any, number: int
) -> Pairs:
    """Evidence beside the derivatives of a density at a point."""
    gradient, step = jax.grad(log_density), 1e-5
    difference = (log_density(x + step) - log_density(x - step)) / (2 * step)
    return {
        ("the evidence's gradient is the density's slope", number): (
            evidence.gradient,
            gradient(x),
        ),
        (CURVATURE, number): (evidence.curvature, -jax.grad(gradient)(x)),
        (DIFFERENTIABLE, number): (gradient(x), difference),
    }


def zero_is_silent(
    coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode, values: np.ndarray
) -> None:
    """A parent attached with strength zero changes nothing."""
    silent = dataclasses.replace(coupling, strength=0.0)
    target = "u" if child.observable else "child"
    graph = make_pair(coupling, parent, child)
    attached = graph.add(silent=parent).couple("silent", target, silent)
    one = graph.compile().filter({"u": values})
    other = attached.compile().filter({"u": values})
    same_beliefs("a coupling of strength zero is silent", one, other, rtol=1e-10)


def gradient_is_slope(network: Network, values: np.ndarray) -> None:
    """The gradient of the surprise in the strength equals central differences, at zero and through gaps."""
    name = next(n for n in network.parameters() if n.startswith("parent->"))
    gappy = np.where(np.arange(len(values)) % 5 == 3, np.nan, values)

    @jax.jit
    @jax.vmap
    def surprise(strength: Any) -> Any:
        return jax.value_and_grad(
            lambda value: network.replace({name: value}).surprise({"u": gappy})
        )(strength)

    step = 1e-5
    for at in (float(network[name]), 0.0, 0.4):
        (ahead, _, behind), (_, gradient, _) = surprise(np.array([at + step, at, at - step]))
        same(
            f"gradient in the strength at {at}",
            gradient,
            (ahead - behind) / (2 * step),
            rtol=1e-4,
            atol=1e-5,
        )
