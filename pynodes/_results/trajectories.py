"""Trajectories: what every node believed at every step, by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from pynodes._boundary import boundary
from pynodes._compiler.labels import Kept, Labels
from pynodes._core.modules import Module, aside, choice, namespace_of
from pynodes._errors import FieldError, quote
from pynodes._graph.edges import find_edge
from pynodes._results.edge_beliefs import EdgeBeliefs, EdgeMessages
from pynodes._results.node_beliefs import NodeBeliefs
from pynodes._results.state import State
from pynodes._results.status import Status
from pynodes._typing import Array

if TYPE_CHECKING:
    from pathlib import Path

    import pandas
    import xarray

    from pynodes._runtime.network import Network
    from pynodes.explorer import Explorer
    from pynodes.plotting.panels import Panels


class KeptByName(Module):
    """A collection of the names of the nodes of which something was kept, in the graph's order."""

    labels: Labels = choice()
    kept: Kept = choice()

    @property
    def names(self) -> list[str]:
        """Names of the nodes of which something was kept, in the graph's order."""
        return [name for name in self.labels.nodes if self._column(name) is not None]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def _column(self, name: str) -> tuple[int, int | None] | None:
        """Group of a node, and its column in what was kept of the group; None if nothing was."""
        return self.labels.column(name, self.kept)


class Trajectories(KeptByName):
    """Beliefs by node name and field: ``beliefs["x2"].mean`` has shape (time,).

    A pytree: under ``jax.vmap`` the batch comes first. Only the beliefs that were recorded are there.

    Attributes
    ----------
    records
        Reported fields of the nodes that were kept, by group.
    surprises
        Surprise of the inputs, by group; under Structured and JointNewton also, by -1, what all
        together add to it.
    values, observed
        What the inputs were given, by group, and which of it was observed.
    interval, frozen
        Time since the previous step, and which steps were frozen; None of beliefs about a step to come.
    final
        The state after the last step; pass it as ``start=`` to continue.
    found
        What the loop found out about its steps; see :attr:`status`.
    couplings
        What the edges were, for learning rates; None where the beliefs are no run of a filter.
    origin
        The call that made them. Beliefs that went through a transformation of JAX have none.

    Examples
    --------
    >>> import pynodes as pn
    >>> network = pn.models.binary_hgf().compile()
    >>> beliefs = network.filter({"u": [1.0, 0.0, 1.0, 1.0]})
    >>> list(beliefs), beliefs["x3"].mean.shape
    (['u', 'x2', 'x3'], (4,))
    >>> more = network.filter({"u": [0.0, 0.0]}, start=beliefs.final)
    >>> more.surprise.shape
    (2,)
    """

    records: dict[int, dict[str, Array]]
    surprises: dict[int, Array]
    values: dict[int, Any]
    observed: dict[int, Any]
    final: State
    found: Status
    interval: Any = None
    frozen: Any = None
    couplings: tuple[Any, ...] | None = None
    origin: Any = aside()

    @property
    def status(self) -> Status:
        """Whether every step went well and is plausible; if not, where, and what to do."""
        return dataclasses.replace(self.found, beliefs=self)

    @property
    def time(self) -> Array:
        """Time since the beginning at every step, of shape (time,); no time passes at frozen steps."""
        xp = namespace_of(self.found.alive)
        shape = jnp.shape(self.found.alive)
        interval = xp.ones(shape) if self.interval is None else xp.asarray(self.interval, float)
        passed = interval if self.frozen is None else xp.where(self.frozen, 0.0, interval)
        return xp.cumsum(xp.atleast_1d(passed), axis=-1)

    @property
    def surprise(self) -> Array:
        """Surprise of every step, summed over the inputs, in nats; zero where all were missing.

        Its sum over time is minus the log evidence of the network if no two inputs share a parent
        that is uncertain within a step; otherwise it is a composite, the product of each input's own
        predictive density (docs/theory/surprise.md).
        """
        parts = [
            part if group < 0 or len(self.labels.groups[group]) == 1 else part.sum(axis=-1)
            for group, part in self.surprises.items()
        ]
        if parts:
            return sum(parts[1:], start=parts[0])
        return namespace_of(self.found.alive).zeros(jnp.shape(self.found.alive))

    @boundary
    def __getitem__(self, name: str) -> NodeBeliefs:
        self.labels.place(name)
        if self._column(name) is None:
            raise FieldError(
                f"The beliefs of {name!r} were not recorded, only those of {quote(self.names)}."
            )
        return NodeBeliefs(self, name)

    @boundary
    def edge(self, name: str) -> EdgeBeliefs:
        """Prediction errors and learning rates of an edge, named as in ``"x2->u"``.

        Raises
        ------
        FieldError
            The beliefs of the parent or of the child were not kept.
        GraphError
            No such edge.
        """
        parent, child, slot = find_edge(self.labels.graph, name)
        return EdgeBeliefs(self, parent, child, slot)

    @boundary
    def messages(self) -> dict[str, EdgeMessages]:
        """Messages along every edge at every step, by the edge's name, as in ``"x2->u"``.

        Messages are not recorded; the run is made again, with the inputs that it had.

        Raises
        ------
        FieldError
            Beliefs that ``network.filter`` did not return just so: a batch, a part, or out of a file.
        """
        if self.origin is None:
            raise FieldError(
                "These beliefs no longer know the inputs of their run: they are a batch, a part, or out "
                "of a file. Take the beliefs that network.filter returns, or call network.messages(inputs)."
            )
        return self.origin.messages()

    def squeezed(self) -> Trajectories:
        """A run of a single step with fields of shape ()."""
        names = ("records", "surprises", "values", "observed", "interval", "frozen")
        parts = {name: getattr(self, name) for name in names}
        alive, bounded, parts = jax.tree.map(
            lambda leaf: leaf[0], (self.found.alive, self.found.bounded, parts)
        )
        found = dataclasses.replace(self.found, alive=alive, bounded=bounded)
        return dataclasses.replace(self, found=found, origin=None, **parts)

    def transfer(
        self,
        network: Network,
        *,
        names: Mapping[str, str] | None = None,
        restart: str | Iterable[str] = (),
    ) -> State:
        """``.final`` transferred to another network, such as an edited one.

        Parameters and errors as for :meth:`State.transfer`.
        """
        return self.final.transfer(network, names=names, restart=restart)

    @boundary
    def to_pandas(self) -> pandas.DataFrame:
        """A table with a row per step and a column per node and field, such as ``"x2.mean"``.

        The components of an array have a column each, such as ``"u.mean[0]"``.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        ValueError
            A batch of runs: index one of them first, or use :meth:`to_xarray`.
        """
        from pynodes._results.tables import to_pandas

        return to_pandas(self)

    @boundary
    def to_xarray(self, dims: tuple[str, ...] = ()) -> xarray.Dataset:
        """A dataset with dimensions (..., time, node) and a variable per field.

        Arrays have a variable each, such as ``"u.mean"``, with dimensions of their own at the end.

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

    @boundary
    def plot(self, nodes: Any = None, **options: Any) -> Panels:
        """Draw the beliefs, a panel for every node; see :func:`pynodes.plotting.plot_beliefs`."""
        from pynodes.plotting import plot_beliefs

        return plot_beliefs(self, nodes, **options)

    def plot_node(self, name: str, **options: Any) -> Panels:
        """Draw one node in detail; see :func:`pynodes.plotting.plot_node`."""
        from pynodes.plotting import plot_node

        return plot_node(self, name, **options)

    def animate(self, path: str | Path, **options: Any) -> Path:
        """Write a film of belief propagation; see :func:`pynodes.plotting.animate_beliefs`."""
        from pynodes.plotting import animate_beliefs

        return animate_beliefs(self, path, **options)

    @boundary
    def explore(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        nodes: str | Iterable[str] | None = None,
        title: str | None = None,
        time: Any = None,
        time_name: str | None = None,
        responses: Mapping[str, Any] | None = None,
    ) -> Explorer:
        """An interactive HTML page of the run (docs/explorer.md).

        The page holds all it needs, numbers and charts, and asks nothing of the network. In a notebook
        it is shown in place.

        Parameters
        ----------
        path
            Where to write it; by default nowhere.
        nodes
            Names of the nodes to show; by default all whose beliefs were kept.
        title
            What it is headed by.
        time
            When every step was, numbers or dates, for the axes; by default the time that passed, or the step.
        time_name
            What to call it, with its unit, as in ``"time (s)"``.
        responses
            What an agent did, by name, each of shape (time,) with NaN where nothing.

        Raises
        ------
        MissingExtraError
            Bokeh is not installed: ``pip install '.[explore]'`` in a copy of the repository.
        InputError
            No node, more numbers than a page can hold, times or responses of another length.
        FieldError
            A batch of runs, a single step, or a node whose beliefs were not kept.
        UnknownNodeError
            A name that no node has.
        OSError
            The file cannot be written.
        """
        from pynodes.explorer import make_explorer

        return make_explorer(
            self, path, nodes, title, time=time, time_name=time_name, responses=responses
        )

    def __repr__(self) -> str:
        shape = jnp.shape(self.found.alive)
        return f"Trajectories({len(self)} nodes, shape {shape}, {self.status!r})"

    def _repr_html_(self) -> str:
        from pynodes._results.html import trajectories_to_html

        return trajectories_to_html(self)
