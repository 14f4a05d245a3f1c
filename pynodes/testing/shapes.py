"""Comparison of numbers and of runs, with messages that say what was compared."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.beliefs import Gaussian
from pynodes._core.messages import Evidence
from pynodes._results.trajectories import Trajectories
from pynodes.couplings import AbstractCoupling
from pynodes.nodes import AbstractNode
from pynodes.nodes._learner import LearnerBelief


def same(what: str, actual: Any, expected: Any, rtol: float, atol: float = 1e-10) -> None:
    """Fail with a sentence unless two numbers or arrays agree."""
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    if actual.shape != expected.shape:
        raise AssertionError(f"{what}: shape {actual.shape}, expected {expected.shape}.")
    wrong = ~np.isclose(actual, expected, rtol=rtol, atol=atol)
    if wrong.any():
        gaps = np.where(wrong, np.abs(actual - expected) / (atol / rtol + np.abs(expected)), 0.0)
        worst = np.unravel_index(np.nanargmax(np.where(np.isnan(gaps), np.inf, gaps)), gaps.shape)
        at = f" at {', '.join(map(str, worst))}" if worst else ""
        raise AssertionError(
            f"{what}{at}: {actual[worst]:.9g} is not {expected[worst]:.9g} "
            f"(relative gap {gaps[worst]:.1e}, allowed {rtol:.0e})."
        )


def same_beliefs(what: str, one: Trajectories, other: Trajectories, rtol: float) -> None:
    """Fail unless two runs agree in every field of every node that both have."""
    for name in one:
        if name in other:
            for field in one[name].fields:
                same(
                    f"{what}: {name}.{field}",
                    getattr(one[name], field),
                    getattr(other[name], field),
                    rtol,
                )


def numerical_slope(function: Callable[[float], Any], at: float, step: float = 1e-5) -> float:
    """A derivative by central differences."""
    return float((function(at + step) - function(at - step)) / (2 * step))


def finite(what: str, tree: Any) -> None:
    """Fail unless every number of a tree is finite."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not np.all(np.isfinite(np.asarray(leaf, float))):
            where = "".join(str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey))
            raise AssertionError(f"{what}: {where + ' ' if where else ''}is not finite: {leaf}.")


def check_instance(value: object, base: type) -> None:
    """What is checked is an instance of a kind, not the class and not something else."""
    if inspect.isclass(value):
        raise TypeError(f"Give an instance, {value.__name__}(), not the class.")
    if not isinstance(value, base):
        raise TypeError(f"{value!r} is no {base.__name__}; subclass it.")


def single(what: str, value: Any, shape: tuple[int, ...] = ()) -> None:
    """Fail unless a value is one number of the present precision, or an array of the node's own shape."""
    expected = jnp.result_type(float)
    try:
        array = jnp.asarray(value)
    except TypeError:
        raise AssertionError(f"{what} is {value!r}, not a number.") from None
    if array.shape != shape:
        raise AssertionError(
            f"{what} has shape {array.shape}. A kind is written for one node or edge: every number "
            f"has shape {shape}."
        )
    if array.dtype != expected:
        raise AssertionError(f"{what} is {array.dtype}, where {expected} is computed with.")


def a_belief(what: str, belief: Any, fields: tuple[str, ...], shape: tuple[int, ...] = ()) -> None:
    """Fail unless something is a belief about one node, with a finite mean and a variance."""
    if isinstance(belief, LearnerBelief):
        a_memory(what, belief)
        return
    if not isinstance(belief, Gaussian):
        raise AssertionError(
            f"{what} must return a belief, such as belief.predicted(mean, variance=...), not {belief!r}."
        )
    for field in fields:
        value = getattr(belief, field)
        single(f"{field} of {what}", value, shape)
        if not np.all(np.isfinite(value)) or ("variance" in field and np.any(value < 0)):
            raise AssertionError(f"{field} of {what} is {value}.")


def a_memory(what: str, belief: LearnerBelief) -> None:
    """Fail unless everything that a learner holds is finite, and of the present precision."""
    expected = jnp.result_type(float)
    for path, leaf in jax.tree_util.tree_leaves_with_path(belief):
        found, name = jnp.asarray(leaf), jax.tree_util.keystr(path)
        if found.dtype not in (expected, bool):
            raise AssertionError(
                f"{name} of {what} is {found.dtype}, where {expected} is computed with."
            )
        if not np.all(np.isfinite(found)):
            raise AssertionError(f"{name} of {what} is {leaf}.")


def predicts_for_one(node: AbstractNode) -> Gaussian:
    """The first prediction of a node without parents, found to be about one node."""
    kind, nothing = type(node).__name__, dict.fromkeys(node.inlets, jnp.asarray(0.0))
    start: Any = node.init()
    a_belief(f"{kind}.init()", start, ("mean", "variance"), node.value_shape)
    belief: Any = node.predict(start, nothing, jnp.asarray(1.0))
    fields = ("mean", "variance", "predicted_mean", "predicted_variance")
    a_belief(f"{kind}.predict()", belief, fields, node.value_shape)
    return belief


def observes_one(node: AbstractNode, value: Any) -> None:
    """What a node makes of an observation, and of none, is finite, and a surprise one number."""
    kind, belief = type(node).__name__, predicts_for_one(node)

    def observe(belief: Any, number: Any, seen: Any) -> tuple[Any, Any]:
        after = node.observe(belief, number, seen)
        return after, node.surprise(after) if isinstance(belief, LearnerBelief) else None

    # A learner's many operations are made into one program sooner than each into its own.
    look: Any = jax.jit(observe) if isinstance(belief, LearnerBelief) else observe
    for seen, case in ((False, "a missing value"), (True, "a value")):
        number = jnp.asarray(value, float) if seen else jnp.zeros(node.event_shape)
        after, surprise = look(belief, number, jnp.asarray(seen))
        a_belief(f"{kind}.observe() of {case}", after, ("mean", "variance"), node.value_shape)
    single(f"{kind}.surprise()", node.surprise(after) if surprise is None else surprise)


def feeds_one(coupling: AbstractCoupling, parent: AbstractNode, child: AbstractNode) -> None:
    """What a coupling predicts suits each of some inlets that the child has.

    One number, or an array in the shape of the child's value.
    """
    kind = type(coupling).__name__
    sent: Any = coupling.predict(predicts_for_one(parent), jnp.asarray(1.0))
    if not isinstance(sent, Mapping):
        raise AssertionError(
            f"{kind}.predict() must return contributions by inlet, as in "
            f"{{{coupling.inlet!r}: ...}}, not {sent!r}."
        )
    for inlet, value in sent.items():
        if inlet not in child.inlets:
            raise AssertionError(
                f"{kind} predicts {inlet!r}, which {type(child).__name__} does not list in inlets."
            )
        shape = child.value_shape if np.ndim(value) else ()
        single(f"{inlet!r} of {kind}.predict()", value, shape)


def says_one(coupling: AbstractCoupling, parent: Gaussian, child: Gaussian, dt: Any) -> Evidence:
    """A coupling's evidence, it and its density being one number each."""
    kind = type(coupling).__name__
    density = coupling.log_density(parent.predicted_mean, parent, child, dt)
    single(f"{kind}.log_density()", density)
    if not np.isfinite(density):
        raise AssertionError(f"{kind}.log_density() is {density} at the parent's predicted mean.")
    found: Any = coupling.evidence(parent, child, dt)
    if not isinstance(found, Evidence):
        raise AssertionError(f"{kind}.evidence() must return an Evidence, not {found!r}.")
    single(f"gradient of {kind}.evidence()", found.gradient)
    single(f"curvature of {kind}.evidence()", found.curvature)
    return found
