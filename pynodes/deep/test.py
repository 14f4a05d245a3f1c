"""Test: how well a network predicts what it is not told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import InputError, quote
from pynodes._runtime.network import Network
from pynodes._typing import Array
from pynodes.deep.energy import node_at, node_energies
from pynodes.deep.layout import Layout
from pynodes.deep.numbers import Numbers, lay_out_numbers
from pynodes.deep.problem import measure_status
from pynodes.deep.reading import Data, as_values, make_point_problem, read_data, read_whole_number
from pynodes.deep.scheme import AbstractPointScheme
from pynodes.deep.settle import Settle
from pynodes.deep.settled import (
    UNSETTLED,
    check_network,
    lay_out_for,
    make_key,
    require_scheme,
    warn_of,
)
from pynodes.nodes import BinaryLayer, CategoricalLayer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True)
class TestReport:
    """What a network predicted of targets that it did not see.

    Attributes
    ----------
    predictions
        By target node: the mean of its prediction, samples first; probabilities of outcomes.
    energy
        Mean surprise of the targets, summed over nodes, in nats per sample.
    energies
        The same by target node.
    accuracies
        By target node with outcomes: the share of them whose most probable one came true.
    confusions
        By categorical target: counts of samples, true outcomes by rows, predicted ones by columns.
    rmse
        By real-valued target: the root mean square error.
    status
        By node that was free: how steep the energy still was, relative to the start.
    """

    __test__ = False

    predictions: dict[str, np.ndarray]
    energies: dict[str, float]
    accuracies: dict[str, float]
    confusions: dict[str, np.ndarray]
    rmse: dict[str, float]
    status: dict[str, float]

    @property
    def energy(self) -> float:
        """Mean surprise of all targets."""
        return sum(self.energies.values())

    @property
    def accuracy(self) -> float:
        """The accuracy of the only target with outcomes."""
        return only(self.accuracies, "accuracy")

    @property
    def confusion(self) -> np.ndarray:
        """The confusion matrix of the only categorical target."""
        return only(self.confusions, "confusion matrix")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the confusion matrix of the only categorical target, in shares of the true outcome."""
        from pynodes.plotting.deep import plot_outcomes

        return plot_outcomes(self, ax=ax)

    def __repr__(self) -> str:
        said = [f"energy={self.energy:.4g}"]
        said += [f"{name}: {share:.2%} right" for name, share in self.accuracies.items()]
        said += [f"{name}: rmse {error:.4g}" for name, error in self.rmse.items()]
        return f"TestReport({', '.join(said)})"


def only(found: Mapping[str, Any], what: str) -> Any:
    """The one that there is."""
    if len(found) != 1:
        there = f"{quote(found)} have one each" if found else "no target has outcomes"
        raise InputError(f"There is no single {what}: {there}. Look measures up by name.")
    return next(iter(found.values()))


@boundary
def test(
    network: Network,
    values: Mapping[str, Any],
    targets: Mapping[str, Any],
    scheme: AbstractPointScheme | None = None,
    *,
    batch: int = 1024,
    key: Array | int = 0,
) -> TestReport:
    """Predict targets from values, and compare.

    Targets are never given to the network: they are compared with what it predicts without them.

    Parameters
    ----------
    network
        The network.
    values
        What is given, by node name.
    targets
        What is to be predicted, by node name.
    scheme
        How free values are found where the forward pass is not the answer; 100 steps of
        :class:`Settle` by default.
    batch
        Samples that are looked at together.
    key
        A JAX random key or a seed, for schemes that draw.

    Raises
    ------
    InputError
        A target that is among the values, or values and targets that do not fit.
    """
    check_network(network)
    scheme = Settle(steps=100) if scheme is None else require_scheme(scheme)
    batch = read_whole_number("test", "batch", batch)
    return test_with(network, values, targets, scheme, batch, make_key(key))


test.__test__ = False  # type: ignore[attr-defined]


def read_test(
    network: Network, values: Mapping[str, Any], targets: Mapping[str, Any]
) -> tuple[Data, Data]:
    """What is given, and what is to be predicted beside it.

    Raises
    ------
    InputError
        A target that is among the values or has gaps, or values and targets that do not fit.
    """
    data, wanted = read_data(network.labels, values), read_data(network.labels, targets, "targets")
    both = [name for name in wanted.arrays if name in data.arrays]
    if both:
        raise InputError(
            f"{quote(both)} cannot be given and predicted at once. Leave targets out of the values."
        )
    if not wanted.arrays:
        raise InputError("There are no targets to compare with. Give them by node name.")
    if wanted.masks or len(wanted.arrays) < len(targets):
        gaps = [name for name in targets if name in wanted.masks or name not in wanted.arrays]
        raise InputError(
            f"Targets of {quote(gaps)} hold NaN, and nothing can be compared with it. Leave those samples "
            "out."
        )
    if wanted.count != data.count and data.arrays:
        raise InputError(
            f"There are {data.count} samples of the values and {wanted.count} of the targets."
        )
    return data, wanted


def test_with(
    network: Network,
    values: Mapping[str, Any],
    targets: Mapping[str, Any],
    scheme: AbstractPointScheme,
    batch: int,
    key: Array,
) -> TestReport:
    """The report of a test."""
    data, wanted = read_test(network, values, targets)
    layout = lay_out_for(network, data, scheme)
    numbers = lay_out_numbers(network, layout)
    parts, moving = [], []
    for first in range(0, wanted.count, batch):
        rows = slice(first, min(first + batch, wanted.count))
        own = {name: array[rows] for name, array in data.arrays.items()}
        masks = {name: mask[rows] for name, mask in data.masks.items()}
        aims = {name: array[rows] for name, array in wanted.arrays.items()}
        found = predict_targets(
            layout, numbers, scheme, own, masks, aims, rows.stop - rows.start, key
        )
        parts.append(found[:2])
        moving.append(found[2])
    predictions = {n: np.concatenate([np.asarray(p[0][n]) for p in parts]) for n in wanted.arrays}
    surprises = {n: np.concatenate([np.asarray(p[1][n]) for p in parts]) for n in wanted.arrays}
    status = {
        layout.blocks[i].names[p]: max(float(np.ravel(m[i])[p]) for m in moving)
        for i in moving[0]
        for p in range(layout.blocks[i].size)
    }
    if any(not share <= UNSETTLED for share in status.values()):
        warn_of(status)
    return make_report(network, wanted, predictions, surprises, status)


@partial(jax.jit, static_argnames=("layout", "count"))
def predict_targets(
    layout: Layout,
    numbers: Numbers,
    scheme: AbstractPointScheme,
    arrays: dict[str, Any],
    masks: dict[str, Any],
    targets: dict[str, Any],
    count: int,
    key: Array,
) -> Any:
    """Predictions of targets, their surprise beside them, and how steep the energy still was."""
    problem = make_point_problem(layout, numbers, arrays, masks, count)
    found = scheme.find_free(problem, key)
    status = {} if scheme.draws else measure_status(problem, found)
    values = problem.finish(found.variables)
    places = layout.places
    predictions, surprises = {}, {}
    for name, target in targets.items():
        index, position = places[name]
        block = layout.blocks[index]
        node = node_at(block.size, position, numbers.nodes[index])
        aim = as_values(node, target)
        beside = aim if block.size == 1 else values[index].at[position].set(aim)
        terms = node_energies(layout, numbers, {**values, index: beside}, {}, [index])[index]
        predictions[name] = node_at(block.size, position, values[index])
        surprises[name] = terms if block.size == 1 else terms[position]
    return predictions, surprises, status


def make_report(
    network: Network,
    wanted: Data,
    predictions: dict[str, np.ndarray],
    surprises: dict[str, np.ndarray],
    status: dict[str, float],
) -> TestReport:
    """Predictions beside what came true."""
    accuracies, confusions, rmse = {}, {}, {}
    for name, predicted in predictions.items():
        node, target = network.labels.graph.nodes[name], np.asarray(wanted.arrays[name])
        if isinstance(node, CategoricalLayer):
            truth = target if target.ndim == 1 else target.argmax(-1)
            guess = predicted.argmax(-1)
            accuracies[name] = float(np.mean(truth == guess))
            counts = np.zeros((node.outcomes, node.outcomes), int)
            np.add.at(counts, (truth.astype(int), guess), 1)
            confusions[name] = counts
        elif isinstance(node, BinaryLayer):
            accuracies[name] = float(np.mean((predicted > 0.5) == (target > 0.5)))
        else:
            rmse[name] = float(np.sqrt(np.mean((predicted - target) ** 2)))
    return TestReport(
        predictions=predictions,
        energies={name: float(np.mean(surprise)) for name, surprise in surprises.items()},
        accuracies=accuracies,
        confusions=confusions,
        rmse=rmse,
        status=status,
    )


test_with.__test__ = False  # type: ignore[attr-defined]
