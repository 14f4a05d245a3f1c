"""Space: the graphs that are searched, and how probable each is before the data."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._core.modules import parameters_of
from pynodes._errors import GraphError, InputError, ParameterError, UnknownEdgeError, nearest, quote
from pynodes._graph.edges import Key, name_edges
from pynodes._graph.graph import Graph
from pynodes._inference.priors import AbstractPrior, Normal
from pynodes._runtime.network import Network
from pynodes.couplings import AbstractCoupling, Term
from pynodes.structure.lagged import find_lagged_source
from pynodes.structure.rules import Rule, admits

EVERY = 1 << 16
"""So many sets of edges are looked at one by one for those that the rules allow."""

TRIES = 1000
"""So often 256 graphs are drawn until enough of them keep the rules."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Space:
    """Graphs that differ in some edges. Made by :func:`space`.

    Attributes
    ----------
    graph
        The graph with all edges.
    edges
        Names of those that may be absent.
    probability
        Of each, before the data and the rules.
    strength
        Prior of the strength of an edge that is on, by its name; edges without one keep what the graph says.
    free
        Priors of other parameters that are integrated, by name.
    rules
        What the edges of a graph must be like.
    """

    graph: Graph
    edges: tuple[str, ...]
    probability: np.ndarray
    strength: Mapping[str, AbstractPrior]
    free: Mapping[str, AbstractPrior]
    rules: tuple[Rule, ...]

    @cached_property
    def network(self) -> Network:
        """The network of the graph with all edges."""
        return self.graph.compile()

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Parent, child and inlet of every candidate."""
        found = [self.named[name] for name in self.edges]
        return tuple((parent, child, coupling.inlet) for parent, child, coupling in found)

    @cached_property
    def named(self) -> dict[str, tuple[str, str, AbstractCoupling]]:
        """Every edge of the graph by name: parent, child and coupling."""
        return dict(zip(name_edges(self.graph.edges), self.graph.edges, strict=True))

    @cached_property
    def places(self) -> tuple[tuple[Rule, np.ndarray], ...]:
        """Every rule, with the places of its edges among the candidates."""
        return tuple((rule, match_edges(self.edges, rule.edges)) for rule in self.rules)

    @cached_property
    def ends(self) -> np.ndarray:
        """Numbers of every candidate's parent and child; a lagged regressor has that of its series."""
        names = [(find_lagged_source(parent)[0] or parent, child) for parent, child, _ in self.keys]
        return np.unique(np.array(names), return_inverse=True)[1].reshape(-1, 2)

    def admits(self, masks: np.ndarray) -> np.ndarray:
        """Which sets of edges the rules allow."""
        masks = np.asarray(masks, bool)
        fine = np.ones(len(masks), bool)
        for rule, where in self.places:
            fine &= admits(rule, where, masks, self.ends)
        return fine

    def log_prior(self, masks: np.ndarray) -> np.ndarray:
        """Log probability of sets of edges before the data; rules only cut some off, and change no odds."""
        odds = np.log(self.probability) - np.log1p(-self.probability)
        log = np.asarray(masks, float) @ odds + np.sum(np.log1p(-self.probability))
        return np.where(self.admits(masks), log, -np.inf)

    @cached_property
    def units(self) -> tuple[np.ndarray, ...]:
        """Edges that are on or off together, most by themselves."""
        group = np.arange(len(self.edges))
        for rule, where in self.places:
            if rule.kind == "together":
                group[np.isin(group, group[where])] = group[where].min()
        return tuple(np.flatnonzero(group == first) for first in np.unique(group))

    @property
    def count(self) -> int:
        """Number of sets of edges, not counting what rules cut off but those that go together."""
        return 2 ** len(self.units)

    def masks(self) -> np.ndarray:
        """Every set of edges that the rules allow, of shape (graphs, edges).

        Raises
        ------
        GraphError
            There is none, or there are too many to be listed.
        """
        if self.count > EVERY:
            raise GraphError(f"There are {self.count} sets of edges, too many to be listed.")
        every = np.zeros((self.count, len(self.edges)), bool)
        bits = np.array(list(itertools.product([False, True], repeat=len(self.units))), bool)
        for number, unit in enumerate(self.units):
            every[:, unit] = bits[:, number, None]
        found = every[self.admits(every)]
        if not len(found):
            raise GraphError(
                "The rules exclude every graph, the one without edges included. Drop a rule."
            )
        return found

    def is_same(self, other: Space) -> bool:
        """Whether another space has the same graphs, with the same priors."""
        mine, theirs = (
            (one.graph, one.edges, one.rules, repr(dict(one.strength)), repr(dict(one.free)))
            for one in (self, other)
        )
        return mine == theirs and np.array_equal(self.probability, other.probability)

    def child_of(self, edge: int) -> str:
        """The child of a candidate."""
        return self.keys[edge][1]

    def graph_of(self, mask: np.ndarray) -> Graph:
        """The graph with some of the candidates."""
        graph = self.graph
        for name, on in zip(self.edges, mask, strict=True):
            if not on:
                parent, child, coupling = self.named[name]
                graph = graph.uncouple(parent, child, type(coupling))
        return graph

    @boundary
    def sample(self, key: Any, graphs: int = 1) -> np.ndarray:
        """Sets of edges drawn from the prior, of shape (graphs, edges).

        Parameters
        ----------
        key
            A JAX random key, or a seed.
        graphs
            How many.
        """
        rng = np.random.default_rng(seed_of(key))
        drawn: list[np.ndarray] = []
        for _ in range(TRIES):
            masks = np.zeros((256, len(self.edges)), bool)
            for unit in self.units:
                odds = np.prod(self.probability[unit]) / np.prod(1 - self.probability[unit])
                masks[:, unit] = (rng.random(256) < odds / (1 + odds))[:, None]
            drawn += list(masks[self.admits(masks)])
            if len(drawn) >= graphs:
                return np.array(drawn[:graphs])
        raise GraphError("The rules exclude nearly every graph that is drawn. Drop a rule.")

    def __repr__(self) -> str:
        return f"Space({len(self.edges)} candidate edges of {self.graph!r})"


def seed_of(key: Any) -> int:
    """A seed from a seed or a JAX random key.

    Raises
    ------
    InputError
        Something else.
    """
    if isinstance(key, int | np.integer):
        return int(key)
    if not hasattr(key, "dtype"):
        raise InputError(f"key must be a JAX random key or a whole number, not {key!r}.")
    if jnp.issubdtype(jnp.result_type(key), jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return int.from_bytes(np.asarray(key, np.uint32).tobytes(), "little")


def match_edges(known: tuple[str, ...], wanted: Iterable[str] | str) -> np.ndarray:
    """Places of the edges that some names or patterns mean.

    Raises
    ------
    UnknownEdgeError
        A name or pattern that means none.
    """
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    found: list[int] = []
    for pattern in patterns:
        here = [i for i, name in enumerate(known) if name == pattern or fnmatchcase(name, pattern)]
        if not here:
            raise UnknownEdgeError(
                f"No edge that may be absent is named {pattern!r}. {nearest(pattern, known)}"
            )
        found += here
    return np.array(list(dict.fromkeys(found)), int)


def spread_over(names: tuple[str, ...], given: Any, what: str) -> dict[str, Any]:
    """One value for every name, from one for all or from a mapping of patterns; the last one counts.

    Raises
    ------
    UnknownEdgeError
        A pattern that means no name.
    """
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given)
    found: dict[str, Any] = {}
    for pattern, value in given.items():
        here = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
        if not here:
            raise UnknownEdgeError(
                f"{what} names {pattern!r}, which no edge that may be absent is. {nearest(pattern, names)}"
            )
        found |= dict.fromkeys(here, value)
    return found


@boundary
def space(
    graph: Graph,
    edges: str | Iterable[str] = "*",
    *,
    probability: float | Mapping[str, float] = 0.1,
    strength: AbstractPrior | Mapping[str, AbstractPrior] | None = None,
    free: Mapping[str, AbstractPrior] | None = None,
    rules: Rule | Iterable[Rule] = (),
) -> Space:
    """The graphs that have some of a graph's edges.

    Parameters
    ----------
    graph
        A graph in which every candidate edge is present.
    edges
        Names or patterns of the edges that may be absent; all others are taken for granted.
    probability
        Prior probability of an edge, in (0, 1); or by name or pattern.
    strength
        Prior of the strength of an edge that is on; or by name or pattern. Of edges into a
        :class:`RegressionInput`, whose strengths are beliefs, a Normal says what is believed before the first
        step (with learned noise: in units of its standard deviation). By default strengths are as the graph
        has them.
    free
        Priors of other parameters that are integrated out, by name or pattern.
    rules
        What the edges must be like: :func:`at_most_one`, :func:`together`, :func:`acyclic`, ...

    Raises
    ------
    UnknownEdgeError
        A name or pattern that no edge has.
    ParameterError
        Something that is no probability or no prior; an edge without one.
    GraphError
        Rules that exclude every graph.

    Examples
    --------
    >>> import pynodes as pn
    >>> graph = pn.structure.lagged(["a", "b", "c"])
    >>> pn.structure.space(graph, edges="lag*->*", probability=0.3)
    Space(9 candidate edges of Graph(6 nodes, 9 edges))
    """
    if not isinstance(graph, Graph):
        raise GraphError(f"A space is one of a graph's edges, not of a {type(graph).__name__}.")
    every = tuple(name_edges(graph.edges))
    if not every:
        raise GraphError("The graph has no edges: there is nothing to search.")
    chosen = tuple(every[i] for i in np.sort(match_edges(every, edges)))
    if not chosen:
        raise GraphError(
            f"edges= names no edge. Name those that may be absent, of {quote(every[:6])}."
        )
    named = dict(zip(every, graph.edges, strict=True))
    strengths = read_strengths(chosen, named, strength)
    beliefs = {name: p for name, p in strengths.items() if isinstance(named[name][2], Term)}
    graph = revise_beliefs(graph, named, beliefs)
    found = Space(
        graph=graph,
        edges=chosen,
        probability=read_probability(chosen, probability),
        strength={name: prior for name, prior in strengths.items() if name not in beliefs},
        free=read_free(graph, free or {}),
        rules=(rules,) if isinstance(rules, Rule) else tuple(rules),
    )
    if not all(isinstance(rule, Rule) for rule in found.rules):
        raise GraphError("rules are made by at_most_one, at_most, together, acyclic and needs.")
    if found.places and found.count <= EVERY:
        found.masks()
    return found


def read_probability(edges: tuple[str, ...], given: Any) -> np.ndarray:
    """Prior probability of every candidate."""
    spread = spread_over(edges, given, "probability")
    absent = [name for name in edges if name not in spread]
    if absent:
        raise ParameterError(
            f"{quote(absent)} may be absent, but have no prior probability. Give one."
        )
    for name, value in spread.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
            raise ParameterError(
                f"The prior probability of {name!r} must lie between 0 and 1, not be {value!r}. An edge that "
                "is certain is left out of edges=, one that is impossible out of the graph."
            )
    return np.array([spread[name] for name in edges], float)


def read_strengths(
    edges: tuple[str, ...], named: Mapping[str, tuple[str, str, AbstractCoupling]], given: Any
) -> dict[str, AbstractPrior]:
    """Prior of the strength of every candidate that has one."""
    if given is None:
        return {}
    spread = spread_over(edges, given, "strength")
    for name, prior in spread.items():
        if not isinstance(prior, AbstractPrior):
            raise ParameterError(
                f"The strength of {name!r} needs a prior, such as pn.Normal(0.0, 0.4), not {prior!r}."
            )
        if "strength" not in parameters_of(named[name][2]):
            raise ParameterError(
                f"{name!r} is a {type(named[name][2]).__name__}, which has no strength to give a prior to."
            )
    return spread


def revise_beliefs(
    graph: Graph,
    named: Mapping[str, tuple[str, str, AbstractCoupling]],
    beliefs: Mapping[str, AbstractPrior],
) -> Graph:
    """A graph whose regressions believe what priors say before the first step."""
    revised: dict[str, dict[str, np.ndarray]] = {}
    for name, prior in beliefs.items():
        _, child, coupling = named[name]
        if not isinstance(prior, Normal):
            raise ParameterError(
                f"The strength of {name!r} is a belief of {child!r}, whose prior is a Normal, not {prior!r}."
            )
        node: Any = graph.nodes[child]
        fields = revised.setdefault(
            child,
            {
                "initial_mean": np.array(node.initial_mean, float),
                "initial_variance": np.array(node.initial_variance, float),
            },
        )
        place = int(coupling.component)  # type: ignore[attr-defined]
        fields["initial_mean"][place] = float(np.asarray(prior.mean))
        fields["initial_variance"][place] = float(np.asarray(prior.standard_deviation)) ** 2
    if not revised:
        return graph
    return graph.revise(
        {name: dataclasses.replace(graph.nodes[name], **fields) for name, fields in revised.items()}
    )


def read_free(graph: Graph, given: Mapping[str, AbstractPrior]) -> dict[str, AbstractPrior]:
    """Priors of parameters that are integrated, by name."""
    if not given:
        return {}
    names = tuple(graph.compile().labels.parameters)
    found: dict[str, AbstractPrior] = {}
    for pattern, prior in given.items():
        here = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
        if not here:
            raise ParameterError(
                f"free names {pattern!r}, which no parameter is. {nearest(pattern, names)}"
            )
        if not isinstance(prior, AbstractPrior):
            raise ParameterError(
                f"{pattern!r} needs a prior, such as pn.Normal(-2.0, 1.0), not {prior!r}."
            )
        found |= dict.fromkeys(here, prior)
    return found
