"""History: what happened while a network was trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import MissingExtraError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True)
class History:
    """Measures of a run, by name.

    Attributes
    ----------
    per_epoch
        Arrays of shape (epochs,): ``"energy"``, ``"seconds"``, ``"rate"``, ``"status"`` (how steep the
        energy still was where values were taken); ``"accuracy"`` of predictions before labels were seen,
        where a forward pass makes them; ``"validation_..."`` where there is one, NaN between.
    by_layer
        Mean energy of every node, of shape (epochs,).
    per_batch
        Arrays of shape (batches,): ``"energy"`` before the weights moved, ``"energy_after"``,
        ``"accuracy"``.
    per_step
        Energy of every node before each step of the scheme and after the last, of shape
        (batches, steps + 1), if ``record="steps"``.
    """

    per_epoch: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    by_layer: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    per_batch: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    per_step: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(next(iter(self.per_epoch.values()), ()))

    def extend(
        self,
        measures: Mapping[str, float],
        by_layer: Mapping[str, float],
        per_batch: Mapping[str, np.ndarray],
        per_step: Mapping[str, np.ndarray],
    ) -> History:
        """The history with one more epoch."""
        names = {**self.per_epoch, **measures}
        epochs = self.epochs
        return History(
            per_epoch={
                name: np.append(
                    self.per_epoch.get(name, np.full(epochs, np.nan)), measures.get(name, np.nan)
                )
                for name in names
            },
            by_layer={
                name: np.append(self.by_layer.get(name, np.zeros(0)), energy)
                for name, energy in by_layer.items()
            },
            per_batch={
                name: np.append(self.per_batch.get(name, np.zeros(0)), values)
                for name, values in per_batch.items()
            },
            per_step={
                name: np.concatenate([self.per_step[name], values])
                if name in self.per_step
                else values
                for name, values in per_step.items()
            },
        )

    def to_pandas(self) -> pandas.DataFrame:
        """One row per epoch; energies of nodes as ``energy.<name>``."""
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError(
                "A table needs pandas: pip install '.[tables]' from a copy of the repository."
            ) from error
        columns: dict[str, Any] = dict(self.per_epoch)
        columns |= {f"energy.{name}": energy for name, energy in self.by_layer.items()}
        return pandas.DataFrame(columns).rename_axis("epoch")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the energy of every node over epochs, each above its lowest."""
        from pynodes.plotting.deep import plot_energies

        return plot_energies(self, ax=ax)

    def __repr__(self) -> str:
        last = {name: values[-1] for name, values in self.per_epoch.items() if len(values)}
        said = ", ".join(f"{name}={value:.4g}" for name, value in last.items())
        return f"History({self.epochs} epochs{'; last: ' + said if said else ''})"
