"""Health: whether the weights of a deep network still learn, layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import InputError
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.energy import sum_block_inlets
from pynodes.deep.fixed_prediction import Backpropagation
from pynodes.deep.layout import Layout, sort_nodes
from pynodes.deep.messages import send_up, split_fed
from pynodes.deep.numbers import Numbers, Weights, name_weights
from pynodes.deep.reading import make_point_problem
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.deep.settle import Settle
from pynodes.deep.settled import read_question
from pynodes.deep.train import TrainingRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SILENT = 1e-6
"""Share of what the units of a layer pass on by which one that passes on less is silent."""


@dataclasses.dataclass(frozen=True)
class Health:
    """How weights learn at the values that a scheme finds, in the order of depth.

    Attributes
    ----------
    cosines
        By edge: the cosine of the angle between what its weights learn and what backpropagation would teach
        them. NaN where one of both is nothing.
    slopes
        By edge: the root mean square of the slopes of its weights.
    silent
        By node with children: the share of its units on which nothing below depends, in any sample, such as
        units of a ``relu`` that are below zero throughout. Such units neither hear nor teach.
    """

    cosines: dict[str, float]
    slopes: dict[str, float]
    silent: dict[str, float]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the cosines by depth."""
        from pynodes.plotting.deep import plot_cosines

        return plot_cosines(self, ax=ax)

    def __repr__(self) -> str:
        least = min(self.cosines.values())
        most = max(self.silent.values())
        return (
            f"Health({len(self.cosines)} edges, cosines from {least:.2f}, silent up to {most:.0%})"
        )


@boundary
def health(
    run: TrainingRun | Network,
    values: Mapping[str, Any],
    scheme: AbstractPointScheme | None = None,
    *,
    key: Array | int = 0,
) -> Health:
    """Compare what the weights of a network learn from a batch with what backpropagation teaches them.

    Parameters
    ----------
    run
        A training run, or a network.
    values
        What is given, by node name, samples first, targets among it.
    scheme
        How the values of the other nodes are found; by default as in the run, or by 20 steps of
        :class:`Settle`.
    key
        A JAX random key or a seed, for schemes that draw.

    Raises
    ------
    InputError
        Values that do not fit, or a network without weights that learn.
    """
    if isinstance(run, TrainingRun):
        network, usual = run.network, run.scheme
        usual = usual if isinstance(usual, AbstractPointScheme) else run.training.test_with
    else:
        network, usual = run, Settle()
    scheme = usual if scheme is None else scheme
    network.labels.refuse_feedback(Backpropagation(), "Its slopes have no twin to compare with.")
    layout, *rest = read_question(network, values, scheme, key)
    slopes, twin, passed = run_health(layout, *rest)
    depth = {name: number for number, name in enumerate(sort_nodes(network.labels))}
    edges = [
        (depth[key[1]], name)
        for block in layout.blocks
        for slot in block.slots
        for name, key in zip(slot.names, slot.edges, strict=True)
    ]
    found, expected = (join_by_edge(name_weights(layout, tree)) for tree in (slopes, twin))
    if not found:
        raise InputError("No weights of this network learn, so that there is no health to look at.")
    order = [name for _, name in sorted(edges) if name in found]
    return Health(
        cosines={name: cosine(found[name], expected[name]) for name in order},
        slopes={name: float(np.sqrt(np.mean(found[name] ** 2))) for name in order},
        silent=share_silent(layout, passed, depth),
    )


@partial(jax.jit, static_argnames=("layout", "count"))
def run_health(
    layout: Layout,
    numbers: Numbers,
    scheme: AbstractPointScheme,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    count: int,
    key: Array,
) -> tuple[Weights, Weights, dict[tuple[int, int], Array]]:
    """Slopes of the weights by a scheme and by its twin, and what units pass on along every slot."""
    problem = make_point_problem(layout, numbers, arrays, masks, count)
    found = scheme.find_free(problem, key)
    twin = Backpropagation()
    return (
        scheme.gradients(problem, found),
        twin.gradients(problem, twin.find(problem, key)),
        pass_on(layout, numbers, problem.finish(found.variables), key),
    )


def pass_on(
    layout: Layout, numbers: Numbers, values: Mapping[int, Array], key: Array
) -> dict[tuple[int, int], Array]:
    """Mean square, over samples, of what random forces at children say to their parents' units.

    It is zero where no child depends on a unit, whatever the errors are. By block and slot, one row for
    every node of the block.
    """
    found = {}
    for index, block in enumerate(layout.blocks):
        fed, _ = split_fed(sum_block_inlets(layout, numbers, values, index))
        forces = {
            name: jax.random.normal(jax.random.fold_in(key, index), sent.shape, sent.dtype)
            for name, sent in fed.items()
        }
        for slot in range(len(block.slots)):
            sent = send_up(layout, numbers, values, forces, index, slot)
            rows = sent if block.size > 1 else sent[None]
            found[index, slot] = jnp.mean(rows**2, axis=1)
    return found


def join_by_edge(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """All numbers that an edge learns as one vector, by the edge's name."""
    found: dict[str, list[np.ndarray]] = {}
    for name, value in weights.items():
        found.setdefault(name.rsplit(".", 1)[0], []).append(np.ravel(np.asarray(value, float)))
    return {edge: np.concatenate(parts) for edge, parts in found.items()}


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two vectors; NaN if one of them is zero."""
    sizes = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / sizes if sizes > 0 else np.nan


def share_silent(
    layout: Layout, passed: Mapping[tuple[int, int], Array], depth: Mapping[str, int]
) -> dict[str, float]:
    """By node with children, the share of its units that pass on next to nothing."""
    total: dict[str, Any] = {}
    for (index, slot), rows in passed.items():
        for row, (parent, place) in zip(
            np.asarray(rows), layout.blocks[index].slots[slot].parents, strict=True
        ):
            name = layout.blocks[parent].names[place]
            total[name] = total.get(name, 0.0) + row
    return {
        name: float(np.mean(total[name] <= SILENT**2 * np.mean(total[name])))
        for name in sorted(total, key=depth.__getitem__)
    }
