"""search: which edges a graph has, as probabilities."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import CheckpointError, GraphError, InputError, quote
from pynodes._progress import Progress
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.series import Series, to_flags
from pynodes._runtime.times import read_times
from pynodes.structure.agents import search_agent
from pynodes.structure.algorithms import (
    GraphSearchState,
    Keep,
    Outcome,
    decomposes,
    fits_in_tables,
    forget,
    search_all,
    search_by_gibbs,
    search_exactly,
    search_greedily,
    search_parents,
)
from pynodes.structure.checkpoint import SearchCheckpoint, files_of
from pynodes.structure.found import Found
from pynodes.structure.joint import JointScore
from pynodes.structure.lagged import fill_in_lags, in_double
from pynodes.structure.local import LocalScore, is_local, make_local_score
from pynodes.structure.request import Request
from pynodes.structure.score import AbstractScore
from pynodes.structure.space import Space, seed_of
from pynodes.structure.subjects import (
    FoundSubjects,
    divide_frame,
    is_table,
    search_each,
)

MOST_LISTED = 4096
"""Of so many graphs all are scored."""

WAYS = ("auto", "exact", "all", "greedy", "gibbs")
"""How a space may be searched."""

LARGEST = 1e140
"""Larger numbers have no squares in double precision that could be summed."""

SWEEPS = 400
"""How often chains of Gibbs visit every edge."""


@dataclasses.dataclass(frozen=True)
class SearchPlan:
    """How a search goes.

    Attributes
    ----------
    by
        In which way.
    seed, starts, sweeps, most
        Of its random numbers; from how many starts; how often chains visit every edge; how many graphs.
    """

    by: str
    seed: int
    starts: int
    sweeps: int
    most: int | None


@boundary
def search(
    space: Space,
    inputs: Mapping[str, Series],
    *,
    by: str = "auto",
    key: Any = 0,
    dt: Series | float = 1.0,
    observed: Mapping[str, Series] | None = None,
    frozen: Series | None = None,
    starts: int = 4,
    sweeps: int = SWEEPS,
    most: int | None = None,
    agent: Any = None,
    subject: str | None = None,
    resume: Found | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Found | FoundSubjects:
    """Find out which of a space's edges are there.

    Parameters
    ----------
    space
        The graphs, and how probable each is before the data.
    inputs
        Series by name, as :meth:`pynodes.Network.filter` takes them; those of lagged regressors need not
        be given. Those of several subjects by their names, or as a frame with ``subject=``; with
        ``agent=`` the trials.
    by
        ``"exact"``: all parents of every child, by themselves; ``"all"``: every graph; ``"greedy"``: the best
        single move, again and again; ``"gibbs"``: edges drawn given all others. ``"auto"`` takes the first
        that the space allows, exact, then all up to 4,096 graphs, then Gibbs; ``found.by`` says which.
    key
        A JAX random key, or a seed: the same key is the same search.
    dt, observed, frozen
        As for :meth:`pynodes.Network.filter`.
    starts
        How many chains or climbs.
    sweeps
        How often chains of Gibbs visit every edge; a fifth of the visits is not counted.
    most
        How many graphs may be scored; the search is then cut short, and says so.
    agent
        A :class:`pynodes.Agent`, for the graph in participants' heads: graphs are scored by the evidence
        of what they did, and ``inputs`` are trials.
    subject
        The column that says whose a row is, where ``inputs`` is a frame of several subjects.
    resume
        What an interrupted search of the same space and series found: it goes on from there, to the same end
        as if it had not been interrupted.
    checkpoint
        A file in which the search is kept while it goes on, as :func:`pynodes.save` writes it. Where it is
        there already, the search goes on from it, whatever ended it. Of several subjects each has a file of
        its own: ``search.s01.npz`` beside ``search.npz``.
    progress
        Whether to show progress; by default in a terminal or a notebook, once it takes a second.

    Returns
    -------
    Probabilities of edges and graphs, strengths, and how far they can be trusted.

    Raises
    ------
    InputError
        Series that do not fit the graph, an unknown way to search, or a space that it cannot search.
    CheckpointError
        A file of something else, or of another search.

    Examples
    --------
    >>> import numpy as np
    >>> import pynodes as pn
    >>> rng = np.random.default_rng(0)
    >>> a, noise = rng.normal(size=101), rng.normal(size=101)
    >>> b = np.append(0.0, 0.9 * a[:-1]) + noise
    >>> space = pn.structure.space(pn.structure.lagged(["a", "b"]), probability=0.2)
    >>> found = pn.structure.search(space, {"a": a, "b": b})
    >>> [edge for edge, probability in found.edge_probability.items() if probability > 0.5]
    ['lag1_a->b']
    """
    check_search(space, by, starts, sweeps, most)
    seed = seed_of(key)
    table: Any = inputs if subject is None else divide_frame(inputs, subject)
    if agent is not None:
        return search_agent(space, inputs, agent, seed % 2**31, checkpoint, progress)
    if is_table(table):
        ways = {"by": by, "key": seed, "dt": dt, "starts": starts, "sweeps": sweeps, "most": most}
        files = files_of(checkpoint, list(table))

        def one(name: Any, series: Any) -> Any:
            return search(space, series, checkpoint=files[name], **ways)  # type: ignore[arg-type]

        return search_each(space, table, one, progress)
    settings = {"by": by, "starts": starts, "sweeps": sweeps, "most": most}
    request = Request(read_search_series(inputs), dt, observed, frozen, settings, seed)
    score, plan, series = begin_search(space, request)

    def conclude(outcome: Outcome) -> Found:
        return Found.of(space, score, plan, request, outcome, series)

    kept = None if checkpoint is None else SearchCheckpoint(checkpoint, conclude, Found)
    state = (
        GraphSearchState() if resume is None else read_resumed_state(space, resume, plan, request)
    )
    if kept is not None and kept.found is not None:
        state = read_kept_search(kept, space, plan, request)
    if plan.by == "exact":
        assert isinstance(score, LocalScore)
        found = conclude(search_exactly(score))
    else:
        with Progress(total_of(space, plan), "graphs", progress) as bar:
            keep = forget if kept is None else kept.keep
            found = conclude(run_search(score, plan, state, bar, keep))
    if kept is not None:
        kept.write(found)
    return found


def begin_search(
    space: Space, request: Request
) -> tuple[AbstractScore, SearchPlan, dict[str, np.ndarray]]:
    """What scores the graphs, how the search goes, and the series with those of lagged regressors."""
    series, dt, masks, frozen = prepare(
        space, request.inputs, request.dt, request.observed, request.frozen
    )
    score = make_score(space, series, dt, masks, frozen, request.seed)
    settings = dict(request.settings)
    by = choose(space, score, settings.pop("by"))
    return score, SearchPlan(by, request.seed, **settings), series


def run_search(
    score: AbstractScore, plan: SearchPlan, state: GraphSearchState, bar: Progress, keep: Keep
) -> Outcome:
    """Search in the way that was chosen, graph by graph."""
    if plan.by == "all":
        return search_all(score, state, bar, keep)
    if plan.by == "greedy":
        return search_greedily(score, plan.seed, plan.starts, plan.most, state, bar, keep)
    if sampled_apart(score) and plan.most is None:
        assert isinstance(score, LocalScore)
        return search_parents(score, plan.seed, plan.starts, plan.sweeps)
    return search_by_gibbs(score, plan.seed, plan.starts, plan.sweeps, plan.most, state, bar, keep)


def sampled_apart(score: AbstractScore) -> bool:
    """Whether the compiled sampler of parents can be used."""
    return (
        isinstance(score, LocalScore)
        and not score.space.rules
        and all(child.regression is not None for child in score.children)
    )


def choose(space: Space, score: AbstractScore, by: str) -> str:
    """The way to search.

    Raises
    ------
    InputError
        One that the space does not allow.
    """
    exact = decomposes(score) and fits_in_tables(score)
    if by == "exact" and not exact:
        raise InputError(
            "by='exact' needs children that are scored apart: each a RegressionInput on what is known, with "
            "no more than 16 candidate parents, nothing else free, and no rule about two children. Use "
            "'gibbs'."
        )
    if by == "all" and space.count > 1 << 16:
        raise InputError(f"by='all' would score {space.count} graphs. Use 'gibbs' or 'greedy'.")
    if by != "auto":
        return by
    if exact:
        return "exact"
    return "all" if space.count <= MOST_LISTED else "gibbs"


def total_of(space: Space, plan: SearchPlan) -> int | None:
    """How many graphs will be scored, where that is known."""
    return len(space.masks()) if plan.by == "all" else plan.most


def prepare(
    space: Space,
    inputs: Mapping[str, Series],
    dt: Any,
    observed: Mapping[str, Series] | None,
    frozen: Any,
) -> tuple[dict[str, np.ndarray], Any, dict[str, np.ndarray], Any]:
    """Series with those of lagged regressors, times, and which observations count."""
    given = read_search_series(inputs)
    series, silenced, first = fill_in_lags(space.graph, given)
    steps = len(next(iter(series.values()))) if series else 0
    read_times(dt, steps + first)
    unknown = [name for name in observed or {} if name not in series]
    if unknown:
        raise InputError(f"observed= has a mask for {quote(unknown)}, without a series.")
    masks = {
        name: np.asarray(to_flags(f"observed[{name!r}]", mask, steps + first))[first:]
        for name, mask in (observed or {}).items()
    }
    for name, silent in silenced.items():
        masks[name] = masks.get(name, np.ones(steps, bool)) & ~silent
    if np.ndim(dt):
        dt = np.asarray(dt, float)[first:]
    if frozen is not None:
        frozen = to_flags("frozen", frozen, steps + first)[first:]
    check_children(space, series)
    check_squares(series)
    return series, dt, masks, frozen


def read_search_series(inputs: Any) -> dict[str, np.ndarray]:
    """Series by name, in double precision.

    Raises
    ------
    InputError
        Something without names, or without numbers.
    """
    if not hasattr(inputs, "keys"):
        raise InputError(
            f"Give the series by name, as in {{'a': values}}, not a {type(inputs).__name__}."
        )
    return {str(name): in_double(name, inputs[name]) for name in inputs.keys()}  # noqa: SIM118, a frame has keys too


def check_squares(series: Mapping[str, np.ndarray]) -> None:
    """Squares of a series can be summed.

    Raises
    ------
    InputError
        Numbers that are too large.
    """
    for name, values in series.items():
        most = np.max(np.abs(values), initial=0.0, where=np.isfinite(values))
        if most > LARGEST:
            raise InputError(
                f"{name!r} reaches {most:.1g}, of which squares cannot be summed. Give it in larger "
                "units, or standardise it (pn.structure.standardise)."
            )


def check_children(space: Space, series: Mapping[str, np.ndarray]) -> None:
    """Every candidate leads to something that data can reach, and is there or not at all steps.

    Raises
    ------
    GraphError
        An edge below which nothing is observed, by construction.
    InputError
        A series for the strength of a candidate.
    """
    graph = space.graph
    known = [edge for edge in space.edges if f"{edge}.strength" in series]
    if known:
        raise InputError(
            f"The strength of {quote(known)} is known per step, but it is a candidate, which is on or off at "
            "all of them. Leave the series out, or the edge out of edges=."
        )
    for edge, (_, child, _) in zip(space.edges, space.keys, strict=True):
        below, queue = {child}, [child]
        for name in queue:
            fresh = [other for other in graph.children(name) if other not in below]
            below |= set(fresh)
            queue += fresh
        if not any(graph.nodes[name].observable or name in series for name in below):
            raise GraphError(
                f"{edge!r} leads to nothing that is observed, so that no series can speak for or against it. "
                f"Give {child!r} an input, or leave the edge out of edges=."
            )


def make_score(
    space: Space,
    series: dict[str, np.ndarray],
    dt: Any,
    observed: dict[str, np.ndarray],
    frozen: Any,
    seed: int,
) -> AbstractScore:
    """What scores the graphs of a space: exactly child by child where that is possible."""
    if is_local(space):
        return make_local_score(space, series, dt, observed or None, frozen)
    feed = read_inputs(space.network.labels, series, dt, observed or None, frozen)
    return JointScore(space=space, feed=feed, seed=seed)


def read_resumed_state(
    space: Space, found: Found, plan: SearchPlan, request: Request
) -> GraphSearchState:
    """Where an interrupted search was.

    Raises
    ------
    InputError
        A search of another space or of other series, or in another way.
    """
    if not isinstance(found, Found):
        raise InputError(f"resume= is what a search found, not a {type(found).__name__}.")
    if not space.is_same(found.space):
        raise InputError("resume= is a search of another space. Search the same one on.")
    if not request.is_same(found.request):
        raise InputError("resume= is a search of other series. Search on in the same ones.")
    if found.plan.by != plan.by or found.plan.seed != plan.seed or found.plan.starts != plan.starts:
        raise InputError(
            f"resume= is a search by {found.plan.by!r} from {found.plan.starts} starts with another key or "
            f"way than {plan.by!r}. Search on with the same."
        )
    return GraphSearchState() if found.state is None else found.state


def read_kept_search(
    kept: SearchCheckpoint, space: Space, plan: SearchPlan, request: Request
) -> GraphSearchState:
    """Where the search in a file was.

    Raises
    ------
    CheckpointError
        It is another search.
    """
    assert kept.found is not None
    try:
        return read_resumed_state(space, kept.found, plan, request)
    except InputError as error:
        raise CheckpointError(
            f"{kept.path!r} holds another search than this one: its space, series, way, starts or key "
            "differ. Name another file, or delete it."
        ) from error


def check_search(space: object, by: str, starts: int, sweeps: int, most: int | None) -> None:
    """What is asked of a search can be done.

    Raises
    ------
    InputError
        Something that cannot.
    """
    if not isinstance(space, Space):
        raise InputError(
            f"search takes a space, made by pn.structure.space(graph, ...), not a {type(space).__name__}."
        )
    if by not in WAYS:
        raise InputError(f"by must be one of {quote(WAYS)}, not {by!r}.")
    for name, value in (("starts", starts), ("sweeps", sweeps), ("most", most)):
        if value is None and name == "most":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} must be a positive whole number, not {value!r}.")
