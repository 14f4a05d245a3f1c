"""Searches in files: the space, what was asked, what was found, and where the search can go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pynodes._errors import FormatError
from pynodes._inference.priors import AbstractPrior
from pynodes._keeping.contents import read_graph, take, write_graph
from pynodes._keeping.records import FileReader, FileWriter, Keeper, expect
from pynodes.structure.algorithms import GraphSearchState, Outcome
from pynodes.structure.found import Found
from pynodes.structure.gibbs import Chains
from pynodes.structure.joint import JointScore
from pynodes.structure.request import Request
from pynodes.structure.rules import Rule
from pynodes.structure.space import Space
from pynodes.structure.subjects import FoundSubjects

ARRAYS = {"masks": "b", "log_evidence": "f", "probability": "f", "edge_probability": "f"}
NUMBERS = ("log_evidence_of_all", "tried", "seen", "disagreement", "complete")
"""What an outcome is made of."""


def write_space(space: Space, file: FileWriter) -> dict[str, Any]:
    """A space as its graph, its candidates and its priors."""
    return {
        "graph": write_graph(space.graph, file),
        "edges": list(space.edges),
        "probability": file.array(space.probability, "probability"),
        "strength": write_priors(space.strength),
        "free": write_priors(space.free),
        "rules": [[rule.kind, list(rule.edges), rule.count] for rule in space.rules],
    }


def read_space(said: Any, file: FileReader) -> Space:
    """The space of a file."""
    said = take(said, "A space", "graph", "edges", "probability", "strength", "free", "rules")
    space = Space(
        graph=read_graph(said["graph"], file),
        edges=tuple(expect(said["edges"], list, "edges")),
        probability=file.array(said["probability"], "probability"),
        strength=read_priors(said["strength"], file),
        free=read_priors(said["free"], file),
        rules=tuple(
            Rule(kind, tuple(edges), count)
            for kind, edges, count in expect(said["rules"], list, "rules")
        ),
    )
    unknown = [name for name in space.edges if name not in space.named]
    if unknown or space.probability.shape != (len(space.edges),):
        raise FormatError("The candidates in this file are not edges of its graph.")
    return space


def write_priors(priors: Mapping[str, AbstractPrior]) -> dict[str, Any]:
    """Priors by name."""
    from pynodes.fit.keeping.agents import write_module

    return {name: write_module(prior) for name, prior in priors.items()}


def read_priors(said: Any, file: FileReader) -> dict[str, AbstractPrior]:
    """The priors of a file, by name."""
    from pynodes.fit.keeping.agents import read_prior

    return {name: read_prior(one, file) for name, one in expect(said, dict, "priors").items()}


def write_found(found: Found, file: FileWriter) -> dict[str, Any]:
    """A search as what was asked, what was found, and where it can go on."""
    outcome, request = found.outcome, found.request
    return {
        "space": write_space(found.space, file),
        "request": {
            "inputs": file.plain(dict(request.inputs), "inputs"),
            "dt": file.plain(request.dt, "dt"),
            "observed": file.plain(request.observed, "observed"),
            "frozen": file.plain(request.frozen, "frozen"),
            "settings": file.plain(dict(request.settings), "settings"),
            "seed": request.seed,
        },
        "outcome": {name: file.array(getattr(outcome, name), name) for name in ARRAYS}
        | {name: getattr(outcome, name) for name in NUMBERS},
        "state": None if found.state is None else write_search_state(found.state, file),
        "known": write_known(found.score, file),
    }


def read_found(said: Any, file: FileReader) -> Found:
    """The search of a file; the series are prepared again, nothing is scored."""
    from pynodes.structure.search import begin_search

    said = take(said, "A search", "space", "request", "outcome", "state", "known")
    asked = expect(said["request"], dict, "request")
    request = Request(
        **{n: file.plain(asked[n], n) for n in ("inputs", "dt", "observed", "frozen", "settings")},
        seed=expect(asked["seed"], int, "seed"),
    )
    space = read_space(said["space"], file)
    score, plan, series = begin_search(space, request)
    if said["known"] is not None and isinstance(score, JointScore):
        score.known.update(read_known(said["known"], len(space.edges), file))
    return Found.of(
        space=space,
        score=score,
        plan=plan,
        request=request,
        outcome=read_outcome(said["outcome"], said["state"], len(space.edges), file),
        series=series,
    )


def read_outcome(said: Any, state: Any, edges: int, file: FileReader) -> Outcome:
    """What was found."""
    said = take(said, "What was found", *ARRAYS, *NUMBERS)
    arrays = {name: file.array(said[name], name) for name in ARRAYS}
    graphs = len(arrays["log_evidence"])
    shapes = {"masks": (graphs, edges), "edge_probability": (edges,)}
    for name, array in arrays.items():
        if array.dtype.kind != ARRAYS[name] or array.shape != shapes.get(name, (graphs,)):
            raise FormatError(f"{name!r} in this file does not go with its {edges} candidates.")
    return Outcome(
        **arrays,
        **{name: said[name] for name in NUMBERS},
        state=None if state is None else read_search_state(state, edges, file),
    )


def write_search_state(state: GraphSearchState, file: FileWriter) -> dict[str, Any]:
    """Where a search is."""
    chains = state.chains
    return {
        "graphs": file.array(stack_keys(state.known), "graphs"),
        "log_evidence": file.array(np.array(list(state.known.values()), float), "log evidence"),
        "climbed": state.climbed,
        "chains": None
        if chains is None
        else {
            "masks": file.array(chains.masks, "chains"),
            "total": file.array(chains.total, "totals"),
            "counted": chains.counted,
            "sweeps": chains.sweeps,
        },
    }


def read_search_state(said: Any, edges: int, file: FileReader) -> GraphSearchState:
    """Where the search of a file was."""
    said = take(said, "The state of a search", "graphs", "log_evidence", "climbed", "chains")
    masks, log = file.array(said["graphs"], "graphs"), file.array(said["log_evidence"], "evidence")
    chains = said["chains"]
    if chains is not None:
        chains = take(chains, "Chains", "masks", "total", "counted", "sweeps")
        chains = Chains(
            masks=file.array(chains["masks"], "chains").copy(),
            total=file.array(chains["total"], "totals").copy(),
            counted=expect(chains["counted"], int, "counted"),
            sweeps=expect(chains["sweeps"], int, "sweeps"),
        )
    return GraphSearchState(
        known=dict(zip(nest_keys(masks, edges), map(float, log), strict=True)),
        chains=chains,
        climbed=expect(said["climbed"], int, "climbed"),
    )


def write_known(score: Any, file: FileWriter) -> dict[str, Any] | None:
    """What was scored by Laplace's method: log evidence, means and variances of strengths."""
    if not isinstance(score, JointScore) or not score.known:
        return None
    log, mean, variance = zip(*score.known.values(), strict=True)
    return {
        "graphs": file.array(stack_keys(score.known), "graphs"),
        "log_evidence": file.array(np.array(log), "log evidence"),
        "mean": file.array(np.array(mean), "means"),
        "variance": file.array(np.array(variance), "variances"),
    }


def read_known(
    said: Any, edges: int, file: FileReader
) -> dict[bytes, tuple[float, np.ndarray, np.ndarray]]:
    """What the file says of graphs that were scored."""
    said = take(said, "Scored graphs", "graphs", "log_evidence", "mean", "variance")
    masks, log, mean, variance = (file.array(said[name], name) for name in said)
    return {
        key: (float(one), *parts)
        for key, one, *parts in zip(nest_keys(masks, edges), log, mean, variance, strict=True)
    }


def stack_keys(known: Mapping[bytes, Any]) -> np.ndarray:
    """Sets of edges that are known by their bytes, as an array."""
    rows = [np.frombuffer(key, bool) for key in known]
    return np.array(rows, bool).reshape(len(rows), -1)


def nest_keys(masks: np.ndarray, edges: int) -> list[bytes]:
    """The same the other way round.

    Raises
    ------
    FormatError
        Sets of other edges.
    """
    if masks.dtype != bool or masks.ndim != 2 or (len(masks) and masks.shape[1] != edges):
        raise FormatError(f"The graphs in this file are not sets of its {edges} candidates.")
    return [mask.tobytes() for mask in masks]


def write_subjects(found: FoundSubjects, file: FileWriter) -> dict[str, Any]:
    """A search of many subjects: the graphs' evidence, and the search of each by itself if there is one."""
    return {
        "space": write_space(found.space, file),
        "subjects": file.plain(list(found.subjects), "subjects"),
        "masks": file.array(found.masks, "masks"),
        "log_evidence": file.array(found.log_evidence, "log evidence"),
        "edge_probability": file.array(found.edge_probability, "edge probability"),
        "found": [write_found(one, file) for one in found.found.values()],
        "trusted": None if found.trusted is None else file.array(found.trusted, "trusted"),
        "asked": found.asked,
    }


def read_subjects(said: Any, file: FileReader) -> FoundSubjects:
    """The search of many subjects of a file."""
    arrays = ("masks", "log_evidence", "edge_probability")
    said = take(said, "A search", "space", "subjects", *arrays, "found", "trusted", "asked")
    subjects = tuple(file.plain(said["subjects"], "subjects"))
    alone = [read_found(one, file) for one in expect(said["found"], list, "found")]
    trusted = None if said["trusted"] is None else file.array(said["trusted"], "trusted")
    found = FoundSubjects(
        space=read_space(said["space"], file),
        subjects=subjects,
        found=dict(zip(subjects, alone, strict=bool(alone))),
        trusted=trusted,
        asked=expect(said["asked"], str, "asked"),
        **{name: file.array(said[name], name) for name in arrays},
    )
    graphs, edges = len(found.masks), len(found.space.edges)
    nest_keys(found.masks, edges)
    fits = found.log_evidence.shape == (len(subjects), graphs)
    fits &= trusted is None or trusted.shape == (len(subjects), graphs)
    if not fits or found.edge_probability.shape != (len(subjects), edges):
        raise FormatError("What this file says of its subjects does not go together.")
    return found


KEEPERS: dict[type, Keeper] = {
    Space: Keeper(write_space, read_space),
    Found: Keeper(write_found, read_found),
    FoundSubjects: Keeper(write_subjects, read_subjects),
}
"""How spaces and searches are kept."""
