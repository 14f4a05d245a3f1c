"""EM: populations from data, by turns between units' modes and what these say of the population."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pynodes._core.modules import Module
from pynodes._typing import Array
from pynodes.fit.agent._model import Model
from pynodes.fit.agent._sharding import over_devices
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.group._likeness import Likeness, likened
from pynodes.fit.group._marginal import (
    SCATTER,
    columns_of,
    marginal,
    means_of,
    scale_of,
    scatter_of,
    weight_prior,
)
from pynodes.fit.group._population import Population

LOOKS = 4
"""Random positions beside which every turn compares where a unit was, so that better modes are found."""

SEARCHING = 5
"""Turns in which that is done."""

STEPS = 30
"""Newton steps that a maximisation takes at most; late ones need one or two."""

FRACTIONS = (1.0, 0.5, 0.2, 0.05, 0.01)
"""A step is tried in full, and these parts of it."""

FARTHEST = 1.5
"""No coordinate of the scatter changes by more in one turn: likelihoods were looked at from where it was."""


class View(Module):
    """What the units' likelihoods say of a population around some scatter.

    Attributes
    ----------
    value, gradient, hessian
        Log probability of the data given the scatter, without the likelihoods at the modes; its slope, and
        minus its second derivative.
    weights, slopes
        Posterior mean of coefficients and effects, and how it changes with the scatter.
    precision
        Posterior precision of coefficients and effects, given the scatter.
    mean, scale
        What is expected of every unit, and the Cholesky factor of how units scatter around it.
    """

    value: Array
    gradient: Array
    hessian: Array
    weights: Array
    slopes: Array
    precision: Array
    mean: Array
    scale: Array


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A population as it was found.

    Attributes
    ----------
    scatter
        Coordinates of deviations and correlations, in a row.
    view, likeness
        The population there, and the units.
    turns
        How many turns were taken.
    moved
        By how much the last one changed expectations, in deviations, or coordinates of the scatter.
    converged
        Whether that was little enough.
    """

    scatter: np.ndarray
    view: View
    likeness: Likeness
    turns: int
    moved: float
    converged: bool


def found_population(
    model: Model,
    sequences: Sequences,
    population: Population,
    key: Array,
    *,
    most: int,
    tolerance: float,
    turned: Callable[[float], None] = lambda moved: None,
) -> Found:
    """The population under which data are the most probable, and its units, after so many turns at most.

    After every turn ``turned`` is told by how much it moved.
    """
    first = begun(population)
    scatter, weights, mean, scale = np.asarray(first[0]), *first[1:]
    positions = mean
    turn, moved, settled = 0, np.inf, False
    view: Any = None
    likeness: Any = None
    while turn < most and not (settled and moved < tolerance):
        own = (sequences, mean, positions, places(turn, key, mean, scale, positions))
        likeness = over_devices(looked, (model, scale), own)
        now, view, settled = climbed(partial(viewed, population, likeness, weights), scatter)
        change = np.max(np.abs(now - scatter), initial=0.0)
        deviations = np.sqrt(np.sum(np.asarray(scale) ** 2, axis=1))
        shift = np.max(np.abs(np.asarray(view.mean - mean)) / deviations)
        moved, turn = float(max(change, shift)), turn + 1
        scatter, weights, mean, scale = now, view.weights, view.mean, view.scale
        positions = likeness.position
        turned(moved)
    converged = bool(settled and moved < tolerance)
    return Found(
        scatter=scatter,
        view=jax.tree.map(np.asarray, view),
        likeness=likeness,
        turns=turn,
        moved=moved,
        converged=converged,
    )


@jax.jit
def begun(population: Population) -> tuple[Array, Array, Array, Array]:
    """Scatter, weights, means and scale at which a search begins: what the agent's priors suppose."""
    initial = population.initial()
    wide = {name: initial[name] for name in SCATTER}
    wide["log_deviations"] = jnp.log(jnp.asarray(population.spreads, float))
    scatter, _ = ravel_pytree(wide)
    weights, _, _ = weight_prior(population, wide)
    mean = means_of(columns_of(population), weights)
    return scatter, weights, mean, scale_of(population, wide)


def places(turn: int, key: Array, mean: Array, scale: Array, positions: Array) -> Array:
    """Where units are looked for besides where they were, of shape (units, looks, parameters).

    At what is expected of them and at random positions in the first turns; later nowhere else. A unit that
    has two modes could else go to and fro between them for ever, and the population with it.
    """
    if turn >= SEARCHING:
        return jnp.repeat(positions[:, None], 1 + LOOKS, axis=1)
    random = jax.random.normal(jax.random.fold_in(key, turn), (len(mean), LOOKS, len(scale)))
    return jnp.concatenate([mean[:, None], mean[:, None] + random @ scale.T], axis=1)


@jax.jit
def looked(common: tuple[Model, Array], own: tuple[Sequences, Array, Array, Array]) -> Likeness:
    """Likelihoods of units around the modes of their posteriors, the population being known.

    Every unit begins at where it was, at what is expected of it, or at the best of some random positions.

    Parameters
    ----------
    common
        The agent, and the scale of the population.
    own
        What every unit saw and did, what is expected of it, where it was, and where else to look.
    """
    (model, scale), (sequences, mean, positions, others) = common, own
    starts = jnp.concatenate([positions[None], jnp.swapaxes(others, 0, 1)])
    return likened(model, sequences, mean, scale, starts)


@jax.jit
def viewed(population: Population, likeness: Likeness, weights: Array, scatter: Array) -> View:
    """What units say of a population around some scatter; second derivatives by differences of first."""
    columns = columns_of(population)
    _, unravel = scatter_of(population)

    def at(scatter: Array) -> tuple[Array, tuple[Array, Array]]:
        found = marginal(population, likeness, columns, weights, unravel(scatter))
        return found.value, (found.weights, found.precision)

    step = float(np.cbrt(jnp.finfo(scatter.dtype).eps))
    away = step * jnp.eye(scatter.size, dtype=scatter.dtype)
    lanes = jnp.concatenate([scatter[None], scatter[None] + away, scatter[None] - away])
    (values, (found, precisions)), gradients = jax.vmap(jax.value_and_grad(at, has_aux=True))(lanes)
    ahead, behind = slice(1, scatter.size + 1), slice(scatter.size + 1, None)
    curved = (gradients[behind] - gradients[ahead]) / (2 * step)
    return View(
        value=values[0],
        gradient=gradients[0],
        hessian=0.5 * (curved + curved.T),
        weights=found[0],
        slopes=(found[ahead] - found[behind]).T / (2 * step),
        precision=precisions[0],
        mean=means_of(columns, found[0]),
        scale=scale_of(population, unravel(scatter)),
    )


def climbed(view: Callable[[Array], View], start: np.ndarray) -> tuple[np.ndarray, View, bool]:
    """The scatter to which Newton steps lead from a start, the view there, and whether it is a summit."""
    at, here = start, view(jnp.asarray(start))
    for _ in range(STEPS):
        move, promised = uphill(np.asarray(here.gradient, float), np.asarray(here.hessian, float))
        error = float(np.finfo(start.dtype).eps) * (1 + abs(float(here.value)))
        if promised < error:
            return at, here, True
        for fraction in FRACTIONS:
            there = np.clip(at + fraction * move, start - FARTHEST, start + FARTHEST)
            there = there.astype(start.dtype)
            seen = view(jnp.asarray(there))
            if seen.value > here.value:
                break
        else:
            return at, here, promised < 1e4 * error
        if np.array_equal(there, at):
            return at, here, False
        at, here = there, seen
    return at, here, False


def uphill(gradient: np.ndarray, hessian: np.ndarray) -> tuple[np.ndarray, float]:
    """A step that leads up, and by how much it promises to."""
    sizes, axes = np.linalg.eigh(hessian)
    along = axes.T @ gradient
    firm = np.maximum(np.abs(sizes), 1e-3)
    return axes @ (along / firm), float(0.5 * np.sum(along**2 / firm))
