"""Problems: what speaks against taking the probabilities of a search at their word, in sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pynodes._errors import PynodesError, quote
from pynodes.nodes import RegressionInput
from pynodes.structure.algorithms import decomposes, fits_in_tables, search_exactly
from pynodes.structure.lagged import find_lagged_source
from pynodes.structure.local import LocalScore

if TYPE_CHECKING:
    from pynodes.structure.found import Found

APART = 0.05
"""Starts whose probabilities of an edge differ by more have not agreed."""

SURE = 3.5
"""Standard errors beyond which a correlation is reported."""

SAME = 0.999
"""Correlation beyond which two parents are one."""


def list_problems(found: Found) -> list[str]:
    """What speaks against taking the probabilities of a search at their word."""
    return [
        *problems_of_search(found),
        *problems_of_series(found),
        *problems_of_scores(found),
        *problems_of_priors(found),
        *problems_of_errors(found),
    ]


def problems_of_search(found: Found) -> Iterable[str]:
    """A search that was cut short, or whose starts do not agree."""
    if not found.complete:
        yield (
            f"The search was cut short after {found.tried} graphs, {100 * found.seen:.2g} % of all: "
            "probabilities are relative to those. Go on with search(..., resume=found)."
        )
    if found.by == "greedy":
        yield (
            "A greedy search looks at few graphs, and probabilities are relative to those. Search by='gibbs' "
            "for probabilities of all."
        )
    if found.disagreement > APART:
        yield (
            f"Starts disagree by up to {found.disagreement:.2f} in the probability of an edge. Give more "
            "sweeps=."
        )
    failed = found.score.failed
    if failed:
        yield f"The filter failed under {failed} graphs, which are taken to be impossible."


def problems_of_series(found: Found) -> Iterable[str]:
    """Series that say nothing, or too few things."""
    for name, values in found.series.items():
        seen = values[np.isfinite(values)]
        source = find_lagged_source(name)[0]
        if source in found.series and not np.isfinite(found.series[source]).any():
            continue  # said of the series itself
        if len(seen) and not varies(values):
            yield f"{name!r} never changes: no series can speak for or against its edges."
        elif not len(seen):
            followers = {find_lagged_source(other)[0] for other in found.series}
            yield (
                f"{name!r} was never observed: its edges keep their prior"
                + (
                    ", and so do those of all that may depend on it. Leave it out."
                    if name in followers
                    else "."
                )
            )
    if isinstance(found.score, LocalScore):
        for child in found.score.children:
            if child.regression is not None:
                yield from problems_of_terms(found, child)


def problems_of_terms(found: Found, child: object) -> Iterable[str]:
    """Parents of one child that are the same, or more than its observations."""
    regression, edges = child.regression, child.edges  # type: ignore[attr-defined]
    name, certain = child.name, child.certain  # type: ignore[attr-defined]
    if regression.count < len(edges):
        yield (
            f"{name!r} has {regression.count:.0f} observations and {len(edges)} candidate parents: what is "
            "found rests on the prior."
        )
    gram = regression.gram[certain:, certain:]
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    alike = np.abs(np.triu(gram / np.outer(size, size), 1)) > SAME
    for first, second in np.argwhere(alike & (np.minimum.outer(size, size) > 1e-100)):
        yield (
            f"{found.space.edges[edges[first]]!r} and {found.space.edges[edges[second]]!r} are nearly "
            f"the same series: which of them is a parent cannot be told."
        )
    if not alike.any() and regression.count >= len(edges) > 2:
        yield from problems_of_sums(found.space.edges, edges, gram / np.outer(size, size))


def problems_of_sums(
    names: tuple[str, ...], edges: np.ndarray, correlations: np.ndarray
) -> Iterable[str]:
    """Parents that are sums of one another, as shares of a whole are."""
    sizes, axes = np.linalg.eigh(correlations)
    if sizes[0] > 1 - SAME or np.diag(correlations).min() < 0.5:  # one that is zero throughout
        return
    joined = [names[edges[i]] for i in np.flatnonzero(np.abs(axes[:, 0]) > 0.1)]
    if len(joined) > 2:
        yield (
            f"{quote(joined)} are nearly sums of one another: which of them are parents cannot be told. "
            "Leave one out."
        )


def problems_of_scores(found: Found) -> Iterable[str]:
    """Edges that are not judged by their exact evidence."""
    composite = [name for name, how in found.how.items() if "composite" in how]
    if composite:
        more = " and more" if len(composite) > 6 else ""
        yield (
            f"{quote(composite[:6])}{more} act within a step, where the sum of surprises is not the "
            "evidence: they are not judged. Compile with evidence='in_turn'."
        )
    volatile = [name for name, how in found.how.items() if "volatility" in how]
    if volatile and found.space.network.program.structured is None:
        yield (
            f"The filter's evidence of volatility edges ({quote(volatile[:6])}) is approximate: 3 to 5 "
            "nats too low where there is one, with a standard deviation of 3 to 5 (docs/performance.md). "
            "Under expansion='structured' it is right within one."
        )


def problems_of_priors(found: Found) -> Iterable[str]:
    """Edges that would be reported under another prior and are not, or the other way round."""
    now = np.array(list(found.edge_probability.values())) > 0.5
    for name, other in vary_priors(found).items():
        crossed = [
            e for e, one, two in zip(found.space.edges, now, other > 0.5, strict=True) if one != two
        ]
        if crossed:
            yield f"With {name} {quote(crossed[:6])} would cross one half."


def vary_priors(found: Found) -> dict[str, np.ndarray]:
    """Edge probabilities at half and double the prior odds, and prior sd of strengths where that is cheap."""
    odds = found.sensitivity()
    varied = {
        "half the prior odds": odds["half_odds"],
        "double the prior odds": odds["double_odds"],
    }
    score = found.score
    if not (isinstance(score, LocalScore) and decomposes(score) and fits_in_tables(score)):
        return varied
    if any(child.regression is None for child in score.children):
        return varied
    for name, factor in (("half", 0.5), ("double", 2.0)):
        children = tuple(
            dataclasses.replace(child, regression=child.regression.with_spread(factor))
            for child in score.children
            if child.regression is not None
        )
        other = search_exactly(dataclasses.replace(score, children=children))
        varied[f"{name} the prior sd of strengths"] = other.edge_probability
    return varied


def problems_of_errors(found: Found) -> Iterable[str]:
    """Prediction errors of the median graph that are not as independent as the model has them."""
    errors = {
        name: error for name, error in standard_errors(found).items() if varies(found.series[name])
    }
    for name, error in errors.items():
        squared = error**2 - np.mean(error**2)
        strength = standardise_correlation(squared[:-1], squared[1:])
        if strength > SURE:
            yield (
                f"Large prediction errors of {name!r} follow one another (z = {strength:.1f}): its "
                "volatility changes. Edges are then found too often; give it a volatility parent."
            )
        strength = standardise_correlation(error[:-1], error[1:])
        if abs(strength) > SURE:
            yield (
                f"Prediction errors of {name!r} predict the next one (z = {strength:.1f}): noise in what is "
                "observed, or longer lags. Regressions on noisy series find edges that are not there; "
                "give it a hidden state."
            )
    names = list(errors)
    for i, first in enumerate(names):
        for second in names[:i]:
            strength = standardise_correlation(errors[first], errors[second])
            if abs(strength) > SURE:
                yield (
                    f"{second!r} and {first!r} are wrong together (z = {strength:.1f}): something drives "
                    "both within a step."
                )


def standard_errors(found: Found) -> dict[str, np.ndarray]:
    """Prediction errors of every regression under the median graph, in units of their deviation."""
    graph = found.median
    names = [n for n, node in graph.nodes.items() if isinstance(node, RegressionInput)]
    if not names:
        return {}
    series = {name: found.series[name] for name in graph.inputs}
    try:
        beliefs = graph.compile().filter(series, record=names)
    except PynodesError:
        return {}
    return {
        name: np.asarray(beliefs[name].value_error) * np.sqrt(beliefs[name].predicted_precision)
        for name in names
    }


def varies(values: np.ndarray) -> bool:
    """Whether a series has two different numbers."""
    return len(np.unique(values[np.isfinite(values)])) > 1


def standardise_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """A correlation in units of its standard error."""
    spread = np.std(one) * np.std(other) if len(one) >= 10 else 0.0
    if not spread > 0:
        return 0.0
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread * np.sqrt(len(one)))
