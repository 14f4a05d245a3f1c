"""Trajectories: what every node believed at every step, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Kept, Labels
from pynodes._core.modules import Module, choice
from pynodes._errors import FieldError, listed, nearest
from pynodes._graph.edge_names import edge_named
from pynodes._results.edge_beliefs import EdgeBeliefs
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._typing import Array

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure

    from pynodes._runtime.network import Network


class Trajectories(Module):
    """Beliefs by node name and field: ``beliefs["x2"].mean`` has shape (time,).

    A pytree: under ``jax.vmap`` the batch comes first. Only the beliefs that were recorded are there.

    Attributes
    ----------
    final
        The state after the last step; pass it as ``start=`` to continue.
    status
        Whether every step went well.
    couplings
        What the edges were, for learning rates; None where the beliefs are no run of a filter.
    """

    labels: Labels = choice()
    kept: Kept = choice()
    records: dict[int, dict[str, Array]]
    surprises: dict[int, Array]
    observed: dict[int, Any]
    final: State
    status: Status
    couplings: tuple[Any, ...] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the nodes whose beliefs were kept, in the graph's order."""
        return [name for name in self.labels.nodes if self._column(name) is not None]

    @property
    def surprise(self) -> Array:
        """Surprise of every step, summed over the inputs, in nats; zero where all were missing.

        Its sum over time is minus the log evidence of the network if no two inputs share a parent
        that is uncertain within a step; otherwise it is a composite, the product of each input's own
        predictive density (docs/theory/surprise.md).
        """
        parts = [
            part if len(self.labels.groups[group]) == 1 else jnp.sum(part, axis=-1)
            for group, part in self.surprises.items()
        ]
        return sum(parts[1:], start=parts[0]) if parts else jnp.zeros(jnp.shape(self.status.alive))

    def __getitem__(self, name: str) -> NodeBeliefs:
        self.labels.place(name)
        if self._column(name) is None:
            raise FieldError(
                f"The beliefs of {name!r} were not kept, only those of {listed(self.names)}."
            )
        return NodeBeliefs(self, name)

    def edge(self, name: str) -> EdgeBeliefs:
        """What a parent learned from a child, as learning rates; named as in ``"x2->u"``.

        Raises
        ------
        FieldError
            The beliefs of the parent or of the child were not kept.
        GraphError
            No such edge.
        """
        parent, child, inlet = edge_named(self.labels.graph, name)
        return EdgeBeliefs(self, parent, child, inlet)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def _column(self, name: str) -> tuple[int, int | None] | None:
        """Group of a node, and its column in the group's records; None if it was not kept."""
        return self.labels.column(name, self.kept)

    def squeezed(self) -> Trajectories:
        """A run of a single step with fields of shape ()."""
        parts = (self.records, self.surprises, self.observed, self.status)
        records, surprises, observed, status = jax.tree.map(lambda leaf: leaf[0], parts)
        return dataclasses.replace(
            self, records=records, surprises=surprises, observed=observed, status=status
        )

    def transfer(
        self,
        network: Network,
        *,
        names: Mapping[str, str] | None = None,
        restart: str | Iterable[str] = (),
    ) -> State:
        """Where another network can continue from: :attr:`final`, carried over to it.

        Parameters and errors as for :meth:`State.transfer`.
        """
        return self.final.transfer(network, names=names, restart=restart)

    def to_pandas(self) -> pandas.DataFrame:
        """A table with a row per step and a column per node and field, such as ``"x2.mean"``.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        ValueError
            A batch of runs: index one of them first, or use :meth:`to_xarray`.
        """
        from pynodes._results.tables import to_pandas

        return to_pandas(self)

    def to_xarray(self, dims: tuple[str, ...] = ()) -> xarray.Dataset:
        """A dataset with dimensions (..., time, node) and a variable per field.

        Parameters
        ----------
        dims
            Names of the batch dimensions, outermost first.

        Raises
        ------
        MissingExtraError
            xarray is not installed.
        """
        from pynodes._results.tables import to_xarray

        return to_xarray(self, dims)

    def plot(self, nodes: Any = None, **options: Any) -> Figure:
        """Draw the beliefs, a panel for every node; see :func:`pynodes.plotting.plot_beliefs`."""
        from pynodes.plotting import plot_beliefs

        return plot_beliefs(self, nodes, **options)

    def __repr__(self) -> str:
        shape = jnp.shape(self.status.alive)
        return f"Trajectories({len(self)} nodes, shape {shape}, {self.status!r})"

    def _repr_html_(self) -> str:
        from pynodes._results.html import trajectories_to_html

        return trajectories_to_html(self)


class NodeBeliefs:
    """What one node believed, field by field; every field has shape (time,), after any batch.

    Parameters
    ----------
    trajectories
        Where the beliefs are kept.
    name
        The node's name.
    """

    def __init__(self, trajectories: Trajectories, name: str) -> None:
        self._trajectories, self._name = trajectories, name

    @property
    def fields(self) -> list[str]:
        """Names of the fields that this node has."""
        errors = list(self._errors()) if self._has_parents() else []
        observed = ["surprise", "observed"] if self._observed() else []
        return list(dict.fromkeys([*self._recorded(), *errors, *observed]))

    @property
    def mean(self) -> Array:
        """Posterior mean; of an input, what was observed, or its predicted mean where nothing was."""
        return self._field("mean")

    @property
    def precision(self) -> Array:
        """Posterior precision; of an input, the precision of an observation given its parents."""
        return self._field("precision")

    @property
    def predicted_mean(self) -> Array:
        """Mean before the step's evidence."""
        return self._field("predicted_mean")

    @property
    def predicted_precision(self) -> Array:
        """1 / variance of the prediction; of an input, of its predictive density, noise included."""
        return self._field("predicted_precision")

    @property
    def value_error(self) -> Array:
        """How far the posterior mean is from the prediction; of a binary node, over its variance (δ)."""
        return self._field("value_error")

    @property
    def volatility_error(self) -> Array:
        """How much larger the squared move was than predicted, relative to the prediction (Δ)."""
        return self._field("volatility_error")

    @property
    def effective_precision(self) -> Array:
        """The share of the predicted variance that grew in this step (γ)."""
        return self._field("effective_precision")

    @property
    def surprise(self) -> Array:
        """Minus the log predictive density of what was observed, in nats; zero where nothing was."""
        return self._field("surprise")

    @property
    def observed(self) -> Array:
        """Whether a value was observed."""
        return self._field("observed")

    def __getattr__(self, field: str) -> Array:
        if field.startswith("_"):
            raise AttributeError(field)
        return self._field(field)

    def _field(self, field: str) -> Array:
        fields = self._recorded()
        if self._observed():
            fields = fields | {
                "surprise": self._own(self._trajectories.surprises),
                "observed": self._mask(),
            }
        if field not in fields and self._has_parents():
            fields = fields | self._errors()
        if field in fields:
            return jnp.asarray(fields[field])
        if field in ("value_error", "volatility_error") and not self._has_parents():
            raise FieldError(
                f"{self._name!r} has no parents, so it has no {field}: nothing would hear it."
            )
        raise FieldError(f"{self._name!r} has no field {field!r}. {nearest(field, self.fields)}")

    def _own(self, groups: dict[int, Array]) -> Array:
        """The node's part of what is kept by group."""
        group, position = self._trajectories.labels.nodes[self._name]
        single = len(self._trajectories.labels.groups[group]) == 1
        return groups[group] if single else groups[group][..., position]

    def _mask(self) -> Array:
        """Whether a value was observed, by step."""
        if self._trajectories.labels.nodes[self._name][0] in self._trajectories.observed:
            return self._own(self._trajectories.observed)
        return jnp.ones(jnp.shape(self._own(self._trajectories.surprises)), dtype=bool)

    def _recorded(self) -> dict[str, Array]:
        column = self._trajectories._column(self._name)
        if column is None:
            return {}
        group, position = column
        whole = self._trajectories.records[group]
        if position is None:
            return whole
        axis = np.ndim(self._trajectories.status.alive)
        return {
            field: values[(slice(None),) * axis + (position,)] for field, values in whole.items()
        }

    def _errors(self) -> dict[str, Array]:
        return self._trajectories.labels.graph.nodes[self._name].errors(self._recorded())

    def _observed(self) -> bool:
        return self._trajectories.labels.nodes[self._name][0] in self._trajectories.surprises

    def _has_parents(self) -> bool:
        return bool(self._trajectories.labels.graph.parents(self._name))

    def __repr__(self) -> str:
        return f"NodeBeliefs({self._name!r}, fields {listed(self.fields)})"
