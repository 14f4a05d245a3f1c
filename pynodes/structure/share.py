"""share: which states share a volatility parent; depth: how many levels there are."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._engine.closed_form import ClosedForm
from pynodes._errors import FilterError, GraphError, InputError, ParameterError, quote
from pynodes._graph.edges import name_edges
from pynodes._graph.graph import Graph
from pynodes._inference.priors import AbstractPrior
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.series import Series
from pynodes.couplings import AbstractCoupling, AbstractVolatilityCoupling, Drift, Volatility
from pynodes.nodes import AbstractNode, ContinuousState
from pynodes.structure.joint import JointScore, find_parts
from pynodes.structure.rules import needs
from pynodes.structure.space import Space, seed_of
from pynodes.structure.space import space as make_space

if TYPE_CHECKING:
    import pandas

NONE = -1
"""The group of a state without such a parent."""

ALL = 5000
"""Of so many groupings all are scored."""

PART = 16
"""So many groupings are scored between two reports of progress."""

Grouping = tuple[int, ...]
"""Of every state, the number of the first one that has the same parent; -1 for none."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Shared:
    """Groupings of states by the parent they share. Made by :func:`share`.

    Attributes
    ----------
    states
        Names of the states.
    groupings
        Of every grouping, by state, the number of the first state with the same parent; -1 for none.
    log_evidence, probability
        Of every grouping; probability among those that were scored.
    """

    states: tuple[str, ...]
    groupings: tuple[Grouping, ...]
    log_evidence: np.ndarray
    probability: np.ndarray

    @property
    def best(self) -> Grouping:
        """The most probable grouping."""
        return self.groupings[int(np.argmax(self.probability))]

    @property
    def together(self) -> np.ndarray:
        """Probability that two states share a parent; on the diagonal, that one has any."""
        groups = np.array(self.groupings)
        same = (groups[:, :, None] == groups[:, None, :]) & (groups[:, :, None] != NONE)
        return np.einsum("g,gij->ij", self.probability, same)

    @property
    def table(self) -> pandas.DataFrame:
        """A row per grouping, the most probable first.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        order = np.argsort(-self.probability, kind="stable")
        return extra("pandas").DataFrame(
            {
                "groups": [describe_grouping(self.states, self.groupings[i]) for i in order],
                "log_evidence": self.log_evidence[order],
                "probability": self.probability[order],
            }
        )

    def __repr__(self) -> str:
        shown = describe_grouping(self.states, self.best)
        return f"Shared({shown} with probability {self.probability.max():.2f})"


def describe_grouping(states: Sequence[str], grouping: Grouping) -> str:
    """A grouping in words."""
    groups = [
        "{" + ", ".join(s for s, g in zip(states, grouping, strict=True) if g == first) + "}"
        for first in dict.fromkeys(g for g in grouping if g != NONE)
    ]
    return " ".join(groups) or "no parents"


@boundary
def share(
    graph: Graph,
    inputs: Mapping[str, Series],
    states: Iterable[str] | None = None,
    *,
    by: str = "volatility",
    parent: AbstractNode | None = None,
    coupling: AbstractCoupling | None = None,
    free: Mapping[str, AbstractPrior] | None = None,
    probability: float = 0.5,
    starts: int = 4,
    key: Any = 0,
    dt: Series | float = 1.0,
    progress: bool | None = None,
) -> Shared:
    """Find out which states share a parent that is not in the graph, and which have none.

    Parents are exchangeable: a group is known by its first member, and the scale of a parent's effect is
    in its own volatility, not in a strength.

    Parameters
    ----------
    graph
        The graph without such parents.
    inputs, dt
        As for :func:`search`.
    states
        Names of the states that may have one; by default all that take the coupling.
    by
        ``"volatility"`` or ``"value"``: what kind of parent.
    parent, coupling
        What a parent is like, and how it is coupled; by default a ContinuousState and strength 1.
    free
        Priors of parameters that are integrated, by name or pattern, as for :func:`space`; those of parents
        by a pattern such as ``"shared*.tonic_volatility"``.
    probability
        Prior probability that a state has such a parent; groupings of the states that have one are as
        probable as one another.
    starts, key
        Of the climb where there are too many groupings to score all.
    progress
        Whether to show progress.

    Raises
    ------
    GraphError
        States that cannot have such a parent, or one state.
    ParameterError
        What is no probability.
    """
    if by not in ("volatility", "value"):
        raise InputError(f"by must be 'volatility' or 'value', not {by!r}.")
    if not 0 < probability < 1:
        raise ParameterError(f"probability must lie between 0 and 1, not {probability!r}.")
    kind = coupling or (Volatility() if by == "volatility" else Drift())
    inlet = type(kind).inlet
    able = [n for n, node in graph.nodes.items() if inlet in node.inlets and not node.observable]
    names = tuple(able if states is None else states)
    unable = [name for name in names if name not in able]
    if unable or len(names) < 2:
        raise GraphError(
            f"{quote(unable) if unable else 'One state'} cannot share a {by} parent. Name two states "
            f"or more of {quote(able)}."
        )
    apart = are_apart(graph, names)
    places = [0] if apart else range(len(names))
    space = share_space(graph, names, places, parent or ContinuousState(), kind, free or {})
    feed = read_inputs(space.network.labels, dict(inputs), dt)
    score = JointScore(space=space, feed=feed, seed=seed_of(key), lanes=8 if apart else 16)
    measure = partial(sum_groups if apart else measure_groupings, score, names)
    prior = (float(probability), len(names))
    with Progress(None, "groupings", progress) as bar:
        found = score_groupings(measure, prior, starts, seed_of(key), bar)
    groupings = tuple(found)
    log = np.array([found[g] for g in groupings])
    weights = log + np.array([log_prior_of(g, prior) for g in groupings])
    weights = np.exp(weights - float(np.asarray(logsumexp(weights))))
    return Shared(names, groupings, log, weights)


def are_apart(graph: Graph, names: tuple[str, ...]) -> bool:
    """Whether nothing that learns joins any two of the states, so that evidence is a sum over groups."""
    most = max(len(part.intersection(names)) for part in find_parts(graph))
    return most == 1 and isinstance(graph.compile().program.scheme, ClosedForm)


def share_space(
    graph: Graph,
    names: tuple[str, ...],
    places: Iterable[int],
    parent: AbstractNode,
    coupling: AbstractCoupling,
    free: Mapping[str, AbstractPrior],
) -> Space:
    """The graph with parents, numbered for the first states they may lead to: that one and all later ones."""
    edges = [
        (f"shared{first}", names[place], coupling)
        for first in places
        for place in range(first, len(names))
    ]
    whole = graph.extend(dict.fromkeys([name for name, _, _ in edges], parent), edges)
    suffix = f".{type(coupling).__name__}"
    every = {f"{a}->{b}" for a, b, _ in edges} | {f"{a}->{b}{suffix}" for a, b, _ in edges}
    candidates = [name for name in name_edges(whole.edges) if name in every]
    return make_space(whole, candidates, probability=0.5, free=free)


Measure = Callable[[list[Grouping]], np.ndarray]
"""Log evidence of some groupings."""


def measure_groupings(
    score: JointScore, names: tuple[str, ...], groupings: list[Grouping]
) -> np.ndarray:
    """Log evidence of groupings, each scored as a whole."""
    wanted = [
        {(f"shared{group}", names[i]) for i, group in enumerate(one) if group != NONE}
        for one in groupings
    ]
    return score.evidence(
        np.array([[key[:2] in on for key in score.space.keys] for on in wanted], bool)
    )


def sum_groups(score: JointScore, names: tuple[str, ...], groupings: list[Grouping]) -> np.ndarray:
    """The same where nothing else joins states: what each group by itself adds to no parents at all.

    One parent in the graph then is enough for all groups, whose evidence is found once each.

    Raises
    ------
    FilterError
        The filter fails without parents.
    """
    order = [names.index(child) for _, child, _ in score.space.keys]
    groups = [
        [np.equal(one, group)[order] for group in sorted(set(one) - {NONE})] for one in groupings
    ]
    masks = [np.zeros(len(names), bool), *(mask for one in groups for mask in one)]
    bare, *found = score.evidence(np.array(masks))
    if not np.isfinite(bare):
        raise FilterError("The filter fails where no state has such a parent. Look at its status.")
    gains = iter(np.array(found) - bare)
    return np.array([bare + sum(next(gains) for _ in one) for one in groups])


def score_groupings(
    measure: Measure, prior: tuple[float, int], starts: int, seed: int, bar: Progress
) -> dict[Grouping, float]:
    """Log evidence of all groupings, or of those that a climb from several starts meets."""
    count = prior[1]
    found: dict[Grouping, float] = {}

    def ask(groupings: list[Grouping]) -> None:
        new = [g for g in dict.fromkeys(groupings) if g not in found]
        for first in range(0, len(new), PART):
            part = new[first : first + PART]
            found.update(zip(part, map(float, measure(part)), strict=True))
            bar.advance(len(part))

    if bell_number(count + 1) <= ALL:
        ask(list_groupings(count))
        return found
    rng = np.random.default_rng(seed)
    for start in range(starts):
        here = canonical([NONE] * count if not start else list(rng.integers(-1, count, count)))
        ask([here])
        while True:
            moves = list_groupings_nearby(here)
            ask(moves)
            best = max(moves, key=lambda g: found[g] + log_prior_of(g, prior))
            if found[best] + log_prior_of(best, prior) <= found[here] + log_prior_of(here, prior):
                break
            here = best
    return found


def list_groupings(count: int) -> list[Grouping]:
    """All groupings of some states, some of which may be in none."""
    found: list[list[int]] = [[]]
    for place in range(count):
        found = [
            [*grouping, group]
            for grouping in found
            for group in [NONE, *dict.fromkeys(g for g in grouping if g != NONE), place]
        ]
    return [tuple(grouping) for grouping in found]


def list_groupings_nearby(grouping: Grouping) -> list[Grouping]:
    """All groupings in which one state is elsewhere, and those in which two groups are one."""
    count, found = len(grouping), []
    for place in range(count):
        for group in [NONE, *range(count)]:
            other = list(grouping)
            other[place] = group if group in (NONE, *grouping) else count + place
            found.append(canonical(other))
    groups = [g for g in dict.fromkeys(grouping) if g != NONE]
    for one in groups:
        for two in groups:
            found.append(canonical([one if g == two else g for g in grouping]))
    return [g for g in dict.fromkeys(found) if g != grouping]


def canonical(groups: Sequence[int]) -> Grouping:
    """A grouping in which every group is known by its first member."""
    first: dict[int, int] = {}
    return tuple(
        NONE if group == NONE else first.setdefault(int(group), place)
        for place, group in enumerate(groups)
    )


def bell_number(count: int) -> int:
    """How many ways there are to divide so many things among groups."""
    row = [1]
    for _ in range(count - 1):
        following = [row[-1]]
        for value in row:
            following.append(following[-1] + value)
        row = following
    return row[-1]


def log_prior_of(grouping: Grouping, prior: tuple[float, int]) -> float:
    """Log prior of a grouping: who has a parent, then all ways to divide those."""
    probability, count = prior
    on = sum(group != NONE for group in grouping)
    divided = np.log(bell_number(on)) if on else 0.0
    return float(on * np.log(probability) + (count - on) * np.log1p(-probability) - divided)


@boundary
def depth(graph: Graph, levels: Iterable[int] | None = None, **settings: Any) -> Space:
    """The space of graphs that have fewer levels of volatility parents: two, three, four, ...

    Parameters
    ----------
    graph
        The deepest graph, with one chain of volatility edges.
    levels
        How many levels there may be, counting the state below the first volatility edge as one and the
        input as none; by default all from one to those that the graph has. They must follow one another.
    settings
        As for :func:`space`: ``strength=``, ``free=``.

    Returns
    -------
    A space in which every depth is as probable as the others, to be searched by :func:`search`.

    Raises
    ------
    GraphError
        No chain of volatility edges, or levels that the graph does not have.

    Examples
    --------
    >>> import pynodes as pn
    >>> graph = pn.models.continuous_hgf(levels=3)
    >>> pn.structure.depth(graph)
    Space(2 candidate edges of Graph(4 nodes, 3 edges))
    """
    chain = volatility_chain(graph)
    deepest = len(chain) + 1
    wanted = list(range(1, deepest + 1)) if levels is None else sorted(levels)
    if wanted != list(range(wanted[0], wanted[-1] + 1)) or wanted[0] < 1 or wanted[-1] != deepest:
        raise GraphError(
            f"levels must follow one another and end with the {deepest} that the graph has, not {wanted}."
        )
    candidates = chain[wanted[0] - 1 :]
    if not candidates:
        raise GraphError("There is one depth only: nothing to search. Give fewer levels too.")
    rules = [needs(above, below) for below, above in itertools.pairwise(candidates)]
    return make_space(graph, candidates, probability=0.5, rules=rules, **settings)


def volatility_chain(graph: Graph) -> list[str]:
    """Names of the volatility edges of a graph, the lowest first, each above the one before."""
    named = dict(zip(name_edges(graph.edges), graph.edges, strict=True))
    volatile = {
        child: (name, parent)
        for name, (parent, child, coupling) in named.items()
        if isinstance(coupling, AbstractVolatilityCoupling)
    }
    parents = {parent for _, parent in volatile.values()}
    lowest = [child for child in volatile if child not in parents]
    count = sum(isinstance(c, AbstractVolatilityCoupling) for _, _, c in graph.edges)
    chain: list[str] = []
    if len(lowest) == 1:
        child = lowest[0]
        while child in volatile:
            name, child = volatile[child]
            chain.append(name)
    if not chain or len(chain) != count:
        raise GraphError(
            "depth needs a graph with one chain of volatility edges, such as a premade HGF."
        )
    return chain
