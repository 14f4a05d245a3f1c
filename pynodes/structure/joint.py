"""Joint scores: the evidence of whole graphs, strengths and other parameters integrated by Laplace's method.

A mask multiplies strengths, so that one compiled program scores every graph. A strength that is off keeps its
prior, which integrates to one: it costs nothing, and all graphs have the same number of free values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import parameters_of
from pynodes._engine.closed_form import ClosedForm
from pynodes._engine.feed import Feed
from pynodes._graph.graph import Graph
from pynodes._inference.laplace import LaplacePosterior, Modes, approximate_posteriors, find_modes
from pynodes._inference.newton import Blocks
from pynodes._inference.priors import AbstractPrior
from pynodes._inference.sharding import map_over_devices
from pynodes._runtime.derivatives import total_surprise
from pynodes._runtime.parameters import get_parameter, replace_parameters
from pynodes._runtime.switches import make_switchable
from pynodes._typing import Array
from pynodes.couplings import AbstractVolatilityCoupling
from pynodes.structure.score import AbstractScore
from pynodes.structure.space import Space

STARTS = 4
"""Places from the prior that are looked at; the search begins at the best."""


@dataclasses.dataclass(frozen=True)
class FreeLayout:
    """Where the free values of a search go. Static: part of the compiled program.

    Attributes
    ----------
    strengths
        Names of the candidates' strengths.
    drawn
        Places among the candidates of those strengths that are free.
    switched
        Numbers of the edges that have no strength, and their places among the candidates.
    free
        Names of the other parameters.
    blocks
        Numbers of the free values of every part of the graph that shares none with the others; none where
        there is only one part.
    owners
        For every input, the number of its part.
    """

    strengths: tuple[str, ...]
    placed: tuple[int, ...]
    drawn: tuple[int, ...]
    switched: tuple[tuple[int, int], ...]
    free: tuple[str, ...]
    blocks: Blocks = ()
    owners: tuple[int, ...] = ()


@dataclasses.dataclass(eq=False)
class JointScore(AbstractScore):
    """Evidence of graphs by Laplace's method, or of the filter alone where nothing is free.

    Attributes
    ----------
    space
        The graphs.
    feed
        The series.
    seed
        Of the places at which searches start.
    lanes
        How many graphs are scored by one call.
    known
        What was scored: log evidence, and mean and variance of the strengths, by set of edges.
    """

    space: Space
    feed: Feed
    seed: int = 0
    lanes: int = 32
    known: dict[bytes, tuple[float, np.ndarray, np.ndarray]] = dataclasses.field(
        default_factory=dict
    )

    @cached_property
    def layout(self) -> FreeLayout:
        """Where the free values go."""
        space, labels = self.space, self.space.network.labels
        with_strength = [
            i
            for i, edge in enumerate(space.edges)
            if "strength" in parameters_of(space.named[edge][2])
        ]
        drawn = tuple(i for i in with_strength if space.edges[i] in space.strength)
        blocks, owners = divide_values(space, [space.keys[i][1] for i in drawn], self.feed)
        return FreeLayout(
            strengths=tuple(f"{space.edges[i]}.strength" for i in with_strength),
            placed=tuple(with_strength),
            drawn=drawn,
            switched=tuple(
                (labels.wires[key].number, i)
                for i, key in enumerate(space.keys)
                if i not in with_strength
            ),
            free=tuple(space.free),
            blocks=blocks,
            owners=owners,
        )

    @cached_property
    def program(self) -> Program:
        """The program with all edges, those without a strength ready to be switched."""
        network = self.space.network
        if self.layout.switched:
            return make_switchable(network.program, network.labels)
        return network.program

    @cached_property
    def priors(self) -> tuple[AbstractPrior, ...]:
        """Of every free value: strengths first."""
        space = self.space
        drawn = [space.strength[space.edges[i]] for i in self.layout.drawn]
        return (*drawn, *space.free.values())

    def how(self) -> tuple[str, ...]:
        """How every edge is scored."""
        way = "laplace" if self.priors else "filter"
        volatile = [
            isinstance(self.space.named[edge][2], AbstractVolatilityCoupling)
            for edge in self.space.edges
        ]
        turns = self.program.schedule.turns is not None
        return tuple(
            f"{way}, filter evidence of a volatility edge"
            if one
            else way
            if turns or not composite(self.space, edge)
            else f"{way}, composite"
            for one, edge in zip(volatile, range(len(self.space.edges)), strict=True)
        )

    def evidence(self, masks: np.ndarray) -> np.ndarray:
        """Log evidence of some graphs."""
        masks = np.asarray(masks, bool)
        new = {mask.tobytes(): mask for mask in masks if mask.tobytes() not in self.known}
        for first in range(0, len(new), self.lanes):
            part = np.array(list(new.values())[first : first + self.lanes])
            self.remember(part)
        return np.array([self.known[mask.tobytes()][0] for mask in masks])

    def remember(self, masks: np.ndarray) -> None:
        """Score some graphs, no more than one call takes, and keep what came out."""
        padded = np.concatenate([masks, np.repeat(masks[-1:], self.lanes - len(masks), axis=0)])
        log, mean, variance = self.compute(padded)
        for number, mask in enumerate(masks):
            self.known[mask.tobytes()] = (float(log[number]), mean[number], variance[number])

    def compute(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log evidence, and mean and variance of strengths, of as many graphs as one call takes."""
        common = (self.program, self.feed, self.priors, jax.random.key(self.seed % 2**32))
        settings = {"labels": self.space.network.labels, "layout": self.layout}
        none = np.full(masks.shape, np.nan)
        if not self.priors:
            found = map_over_devices(measure_masks, common, masks, **settings)
            return -np.asarray(found, float), none, none
        modes = map_over_devices(search_masks, common, masks, **settings)
        sd = np.array([float(np.asarray(prior.unconstrained_sd)) for prior in self.priors])
        posterior = approximate_posteriors(Modes(**{f: getattr(modes, f) for f in FIELDS}), sd)
        log = np.asarray(posterior.log_evidence, float)
        fine = np.asarray(posterior.definite) & np.isfinite(log)
        mean, variance = self.read_strengths(posterior)
        return np.where(fine, log, np.where(np.isfinite(log), log, -np.inf)), mean, variance

    def read_strengths(self, posterior: LaplacePosterior) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the strengths that are free, by the slope of their transforms."""
        shape = (len(posterior.log_evidence), len(self.space.edges))
        mean, variance = np.full(shape, np.nan), np.full(shape, np.nan)
        place: Any = np.asarray(posterior.unconstrained, float)
        spread = np.einsum("gii->gi", np.asarray(posterior.covariance, float))
        for number, edge in enumerate(self.layout.drawn):
            transform = self.priors[number].transform
            value: Any = np.asarray(transform.constrain(place[:, number]), float)
            slope = np.exp(-np.asarray(transform.log_jacobian(value), float))
            mean[:, edge], variance[:, edge] = value, slope**2 * spread[:, number]
        return mean, variance

    def strengths(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of every strength that is free, in some graphs that were scored."""
        self.evidence(masks)
        found = [self.known[mask.tobytes()] for mask in np.asarray(masks, bool)]
        return (
            np.array([one[1] for one in found]) * np.where(masks, 1.0, 0.0),
            np.array([one[2] for one in found]) * np.where(masks, 1.0, 0.0),
        )

    @property
    def failed(self) -> int:
        """Of how many graphs there is no evidence, because the filter fails."""
        return sum(not np.isfinite(one[0]) for one in self.known.values())


FIELDS = ("unconstrained", "log_joint", "log_likelihood", "curvature", "converged", "agreeing")
"""What is known of modes."""


def composite(space: Space, edge: int) -> bool:
    """Whether an edge joins inputs within a step, so that the summed surprise does not judge it."""
    graph = space.graph
    parent, child, inlet = space.keys[edge]
    coupling = graph._edges[parent, child, inlet]
    return graph.nodes[parent].learns and not getattr(coupling, "lag", 0)


def revise(
    program: Program, labels: Labels, layout: FreeLayout, values: Sequence[Any], mask: Array
) -> Program:
    """A program under one set of edges, with values of what is free."""
    drawn = dict(zip(layout.drawn, values, strict=False))
    names = {**dict(zip(layout.placed, layout.strengths, strict=True))}
    changes: dict[Any, Any] = {}
    if names:
        own = jnp.stack(
            [
                jnp.asarray(drawn.get(i, read_parameter(program, labels, name)), float)
                for i, name in names.items()
            ]
        )
        changes[layout.strengths] = own * mask[np.array(layout.placed)]
    if layout.free:
        changes[layout.free] = jnp.stack(
            [jnp.asarray(v, float) for v in values[len(layout.drawn) :]]
        )
    revised = replace_parameters(program, labels, changes)
    if not layout.switched:
        return revised
    numbers, places = (np.array(part) for part in zip(*layout.switched, strict=True))
    on = jnp.asarray(revised.edges_on).at[numbers].set(mask[places] > 0)
    return dataclasses.replace(revised, edges_on=on)


def read_parameter(program: Program, labels: Labels, name: str) -> Any:
    """What the program has for a parameter."""
    return get_parameter(program, labels.address(name))


@partial(jax.jit, static_argnames=("labels", "layout"))
def measure_masks(common: Any, masks: Array, *, labels: Labels, layout: FreeLayout) -> Array:
    """Surprise under some sets of edges, where nothing is free."""
    program, feed, _, _ = common

    def one(mask: Array) -> Array:
        return total_surprise(revise(program, labels, layout, (), mask), feed, None)

    return jax.vmap(one)(masks.astype(float))


@partial(jax.jit, static_argnames=("labels", "layout"))
def search_masks(common: Any, masks: Array, *, labels: Labels, layout: FreeLayout) -> Modes:
    """Modes of the free values under some sets of edges."""
    program, feed, priors, key = common

    def log_joint(unconstrained: Array, mask: Array) -> Array:
        values = [prior.constrain(unconstrained[i]) for i, prior in enumerate(priors)]
        parts = [p.unconstrained_log_density(unconstrained[i]) for i, p in enumerate(priors)]
        revised = revise(program, labels, layout, values, mask)
        if not layout.blocks:
            return sum(parts[1:], start=parts[0]) - total_surprise(revised, feed, None)
        own = jnp.stack([sum(parts[i] for i in block) for block in layout.blocks])
        return own.at[np.array(layout.owners)].add(-total_surprise(revised, feed, None, "input"))

    # Nested tangents of a filter that solves equations in every step take a minute to compile.
    slow = program.structured is not None
    return find_modes(
        log_joint,
        masks.astype(float),
        priors,
        key,
        starts=STARTS,
        refine=1,
        blocks=layout.blocks,
        by_differences=slow,
    )


def find_parts(graph: Graph) -> list[set[str]]:
    """The parts of a graph that nothing that learns joins, by the names of their nodes."""
    import networkx

    joined = networkx.Graph()
    joined.add_nodes_from(name for name, node in graph.nodes.items() if node.learns)
    joined.add_edges_from((a, b) for a, b, _ in graph.edges if a in joined)
    return list(networkx.connected_components(joined))


def divide_values(
    space: Space, children: Sequence[str], feed: Feed
) -> tuple[Blocks, tuple[int, ...]]:
    """Which free values belong together, and to which of these parts every input belongs.

    Parts are joined by nothing but nodes that learn nothing; evidence of inputs is then a sum over parts, as
    long as the surprise is that of inputs one by one.

    Parameters
    ----------
    space
        The graphs.
    children
        Of every strength that is free, the child.
    feed
        The series.
    """
    graph, network = space.graph, space.network
    owners = [*children, *(name.rpartition(".")[0].rpartition("->")[2] for name in space.free)]
    apart = network.program.structured is None and isinstance(network.program.scheme, ClosedForm)
    if not apart or not all(name in graph.nodes and graph.nodes[name].learns for name in owners):
        return (), ()
    part = {name: number for number, names in enumerate(find_parts(graph)) for name in names}
    found: dict[int, list[int]] = {}
    for value, owner in enumerate(owners):
        found.setdefault(part[owner], []).append(value)
    if len(found) < 2:
        return (), ()
    numbers = {one: number for number, one in enumerate(found)}
    inputs = [name for group in sorted(feed.series.values) for name in network.labels.groups[group]]
    # What no free value moves may be counted anywhere.
    return tuple(map(tuple, found.values())), tuple(numbers.get(part[n], 0) for n in inputs)
