"""Subjects: the structures of many, one for all of them or one of its own for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from pynodes._boundary import boundary
from pynodes._errors import GraphError, InputError, quote
from pynodes._inference.random_effects import RandomEffects, infer_frequencies
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes.structure.found import Found
from pynodes.structure.space import Space

if TYPE_CHECKING:
    import pandas

MOST = 4096
"""Of so many graphs all are scored for every subject."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FoundSubjects:
    """What a search found out about many subjects. Made by :func:`search` of several series, or of trials.

    Attributes
    ----------
    space
        The graphs, the same for all.
    subjects
        Their names.
    masks
        The graphs that were scored for all, of shape (graphs, edges); none where there are too many.
    log_evidence
        Of every graph for every subject, of shape (subjects, graphs).
    edge_probability
        Of every edge in every subject by itself, of shape (subjects, edges).
    found
        What was found in every subject by itself, by name; empty for agents.
    trusted
        For agents, whether a mode was found, and by more than one search, of shape (subjects, graphs).
    asked
        For agents, a fingerprint of the agent, the trials and the key.
    """

    space: Space
    subjects: tuple[Any, ...]
    masks: np.ndarray
    log_evidence: np.ndarray
    edge_probability: np.ndarray
    found: Mapping[Any, Found]
    trusted: np.ndarray | None = None
    asked: str = ""

    def __getitem__(self, subject: Any) -> Found:
        """What was found in one subject."""
        if subject not in self.found:
            raise InputError(f"There is no search of subject {subject!r} by itself.")
        return self.found[subject]

    @property
    def table(self) -> pandas.DataFrame:
        """A row per subject, a column per edge: its probability in that subject by itself.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        pd = extra("pandas")
        index = pd.Index(self.subjects, tupleize_cols=False, name="subject")
        return pd.DataFrame(self.edge_probability, columns=list(self.space.edges), index=index)

    @property
    def fixed_effects(self) -> dict[str, float]:
        """Probability of every edge, if one structure is right for all subjects."""
        self.check_listed()
        log = self.log_evidence.sum(axis=0) + self.space.log_prior(self.masks)
        weights = np.exp(log - float(np.asarray(logsumexp(log))))
        return dict(zip(self.space.edges, map(float, weights @ self.masks), strict=True))

    @property
    def random_effects(self) -> RandomEffects:
        """How frequent every graph is among subjects, each of whom may have another one.

        Graphs are named by their edges, joined by commas.
        """
        self.check_listed()
        names = tuple(
            ", ".join(e for e, on in zip(self.space.edges, mask, strict=True) if on) or "none"
            for mask in self.masks
        )
        return infer_frequencies(self.log_evidence, names)

    def edge_frequency(self, edge: str) -> RandomEffects:
        """How frequent an edge is among subjects, each of whom may have it or not.

        Parameters
        ----------
        edge
            Its name. All other edges are averaged over, in each subject by itself.
        """
        if edge not in self.space.edges:
            raise InputError(f"{edge!r} is none of the edges that may be absent.")
        place = self.space.edges.index(edge)
        probability = np.clip(self.edge_probability[:, place], 1e-15, 1 - 1e-15)
        prior = self.space.probability[place]
        factor = np.log(probability / (1 - probability)) - np.log(prior / (1 - prior))
        evidence = np.stack([np.zeros_like(factor), factor], axis=1)
        return infer_frequencies(evidence, ("absent", "present"))

    @boundary
    def problems(self) -> list[str]:
        """What speaks against taking the probabilities at their word, subject by subject, in sentences."""
        said = [f"{name}: {one}" for name, found in self.found.items() for one in found.problems()]
        if self.trusted is None:
            return said
        for name, trusted in zip(self.subjects, self.trusted, strict=True):
            if not trusted.all():
                said.append(
                    f"{name}: under {np.sum(~trusted)} of {len(trusted)} graphs no mode was found, or by one "
                    "search only. Evidence may be too low there, and speak for other graphs: fit the subject "
                    "under these with more starts=, and compare."
                )
        return said

    def check_listed(self) -> None:
        """All graphs were scored for all subjects.

        Raises
        ------
        GraphError
            There are too many of them.
        """
        if not len(self.masks):
            raise GraphError(
                f"This space has more than {MOST} graphs, so they were not all scored for every subject. Ask "
                "of an edge (edge_frequency), or take fewer candidates."
            )

    def __repr__(self) -> str:
        return (
            f"FoundSubjects({len(self.subjects)} subjects, {len(self.space.edges)} candidate edges)"
        )


def is_table(inputs: Any) -> bool:
    """Whether there are series of several subjects, by their names."""
    return (
        isinstance(inputs, Mapping)
        and bool(inputs)
        and all(isinstance(one, Mapping) for one in inputs.values())
    )


def divide_frame(frame: Any, subject: str) -> dict[Any, dict[str, np.ndarray]]:
    """The columns of a frame, subject by subject.

    Raises
    ------
    InputError
        No such column.
    """
    columns: list[Any] = list(getattr(frame, "columns", ()))
    if subject not in columns:
        raise InputError(f"There is no column {subject!r}; there are {quote(map(str, columns))}.")
    whose = np.asarray(frame[subject])
    return {
        who: {name: np.asarray(frame[name])[whose == who] for name in columns if name != subject}
        for who in dict.fromkeys(whose.tolist())
    }


def search_each(
    space: Space, table: Mapping[Any, Any], one: Callable[[Any, Any], Found], progress: bool | None
) -> FoundSubjects:
    """Search every subject by itself, and score all graphs for all of them where they are few."""
    found: dict[Any, Found] = {}
    with Progress(len(table), "subjects", progress) as bar:
        for name, inputs in table.items():
            found[name] = one(name, inputs)
            bar.advance()
    few = space.count <= MOST
    masks = space.masks() if few else np.zeros((0, len(space.edges)), bool)
    log = [each.score.evidence(masks) if few else np.zeros(0) for each in found.values()]
    return FoundSubjects(
        space=space,
        subjects=tuple(found),
        masks=masks,
        log_evidence=np.array(log),
        edge_probability=np.array(
            [list(each.edge_probability.values()) for each in found.values()]
        ),
        found=found,
    )
