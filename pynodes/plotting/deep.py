"""Figures of deep networks: energies, settling, confusion, what was filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pynodes._errors import InputError
from pynodes.plotting import style

if TYPE_CHECKING:
    from pynodes.deep import Health, History, Settled, TestReport, TrainingRun

MOST_NAMED = 12
"""Edges up to which an axis names each of them."""


@style.rules()
def plot_energies(history: History | TrainingRun, ax: Axes | None = None) -> Axes:
    """Draw the energy of every node over epochs, each above its lowest, and their sum.

    Constants of densities make energies of layers large and their course small; so what is drawn is how far
    each was above where it was least.

    Parameters
    ----------
    history
        Of a run, or the run.
    ax
        Where to draw; a new figure by default.
    """
    kept: Any = getattr(history, "history", history)
    ax = start_axes(ax)
    epochs = np.arange(1, kept.epochs + 1)
    curves = {n: e for n, e in kept.by_layer.items() if np.ptp(e) > 0}
    for name, energy in {**curves, "total": kept.per_epoch["energy"]}.items():
        line: dict[str, Any] = {"color": style.INK, "linewidth": 2} if name == "total" else {}
        ax.plot(epochs, energy - np.min(energy), label=name, **line)
    ax.set(xlabel="epoch", ylabel="energy above its lowest, nats")
    ax.legend(frameon=False)
    return ax


@style.rules()
def plot_settling(
    settled: Settled, node: str | None = None, units: Iterable[int] | None = None, *,
    sample: int = 0, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw energies over the steps of a scheme; or the values of some units of a node.

    Parameters
    ----------
    settled
        What was found with ``record="steps"``, or ``"values"`` to draw units.
    node
        Whose units to draw; energies by default.
    units
        Which of them, as numbers along the flattened array; at most 12 by default.
    sample
        Of which sample.
    ax
        Where to draw; a new figure by default.

    Raises
    ------
    InputError
        Nothing of the kind was recorded.
    """
    ax = start_axes(ax)
    if node is None:
        trace = check_recorded(settled.trace, "steps")
        for name, energy in trace.items():
            if np.ptp(energy) > 0:
                ax.plot(np.asarray(energy) - np.min(energy), label=name)
        ax.set(xlabel="step", ylabel="energy above its lowest, nats")
        ax.legend(frameon=False)
        return ax
    path = check_recorded(settled.path, "values")
    if node not in path:
        raise InputError(f"{node!r} was not free. These were: {', '.join(path)}.")
    values = np.asarray(path[node])[:, sample].reshape(len(path[node]), -1)
    chosen = list(range(min(12, values.shape[1]))) if units is None else list(units)
    ax.plot(values[:, chosen])
    ax.set(xlabel="step", ylabel=f"units of {node}")
    return ax


@style.rules()
def plot_outcomes(report: TestReport | np.ndarray, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: true outcomes by rows, predicted ones by columns, in shares of a row.

    Parameters
    ----------
    report
        Of a test, or the matrix of counts.
    ax
        Where to draw; a new figure by default.
    """
    counts: Any = getattr(report, "confusion", report)
    ax = start_axes(ax, (4.5, 4.0))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        dark = shares[row, column] > 0.5
        ax.text(
            column, row, counts[row, column], ha="center", va="center", color="w" if dark else "k"
        )
    ax.set(xlabel="predicted", ylabel="true", xticks=range(len(counts)), yticks=range(len(counts)))
    return ax


@style.rules()
def plot_cosines(health: Health | Mapping[str, Health], ax: Axes | None = None) -> Axes:
    """Draw by depth how near what weights learn is to backpropagation.

    Parameters
    ----------
    health
        Of one network; or of several, by the names that a legend shows.
    ax
        Where to draw; a new figure by default.
    """
    ax = start_axes(ax)
    several: Any = {"": health} if hasattr(health, "cosines") else health
    for label, one in several.items():
        ax.plot(range(1, len(one.cosines) + 1), list(one.cosines.values()), "o-", ms=4, label=label)
    longest = max((list(one.cosines) for one in several.values()), key=len)
    if len(longest) <= MOST_NAMED:
        ax.set_xticks(range(1, len(longest) + 1), longest, rotation=30, ha="right")
    ax.axhline(1.0, color=style.PALE, linewidth=1, zorder=0)
    ax.set(xlabel="edge, by depth", ylabel="cosine with backpropagation")
    if "" not in several:
        ax.legend(frameon=False)
    return ax


@style.rules()
def plot_reconstructions(
    given: Any, found: Any, shape: tuple[int, int], *, samples: int = 8
) -> np.ndarray:
    """Draw images as they were given above those that were found; what was missing stays white.

    Parameters
    ----------
    given, found
        Arrays of samples, with NaN where nothing was given.
    shape
        Height and width of an image.
    samples
        How many to draw.

    Returns
    -------
    The axes, of shape (2, samples).
    """
    count = min(samples, len(given))
    _, axes = plt.subplots(
        2, count, figsize=(0.9 * count, 1.9), squeeze=False, layout="constrained"
    )
    for row, images in zip(axes, (given, found), strict=True):
        for ax, image in zip(row, images, strict=False):
            ax.imshow(np.reshape(image, shape), cmap="gray_r")
            ax.set_axis_off()
    return axes


@style.rules()
def plot_receptive_fields(
    weights: Any, shape: tuple[int, int], *, units: int = 16, columns: int = 8
) -> np.ndarray:
    """Draw the weights of some units as images over what they weigh.

    Parameters
    ----------
    weights
        Of shape (units, pixels), or an array whose first axis is units.
    shape
        Height and width of an image.
    units, columns
        How many to draw, and how many in a row.

    Returns
    -------
    The axes.
    """
    shown = np.asarray(weights)[:units].reshape(-1, *shape)
    rows = -(-len(shown) // columns)
    _, axes = plt.subplots(
        rows, columns, figsize=(0.9 * columns, 0.95 * rows), squeeze=False, layout="constrained"
    )
    reach = np.abs(shown).max()
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image in zip(axes.flat, shown, strict=False):
        ax.imshow(image, cmap="RdBu_r", vmin=-reach, vmax=reach)
    return axes


def check_recorded(found: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    """What was recorded.

    Raises
    ------
    InputError
        It was not.
    """
    if found is None:
        raise InputError(f"Nothing of the kind was recorded. Settle with record={what!r}.")
    return found


def start_axes(ax: Axes | None, size: tuple[float, float] = (6.0, 3.5)) -> Axes:
    """The axes to draw in, with our colours."""
    ax = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    ax.set_prop_cycle(color=style.MANY)
    return ax
