"""Tables of a fit to a group, as frames of pandas and for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from pynodes._html import table
from pynodes._results.tables import extra
from pynodes.fit.data._columns import Columns
from pynodes.fit.group import _group

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.group.group_fit import GroupFit

REACH = float(ndtri(0.95))
"""Standard deviations from the centre to both ends of an interval of nine tenths."""


def population_table(fit: GroupFit) -> pandas.DataFrame:
    """A row per coefficient, deviation and correlation."""
    return extra("pandas").DataFrame(population_rows(fit))


def population_rows(fit: GroupFit) -> list[dict[str, Any]]:
    """The same as a list."""
    estimates, errors = fit._named
    count = len(fit.populated.population.coefficient_names)
    rows: list[dict[str, Any]] = []
    for place, (name, value, error) in enumerate(
        zip(fit.estimates, estimates.tolist(), errors.tolist(), strict=True)
    ):
        if place < count:
            low, high = value - REACH * error, value + REACH * error
        elif "correlation(" in name:
            centre, away = np.arctanh(value), REACH * error / (1 - value**2)
            low, high = np.tanh(centre - away), np.tanh(centre + away)
        else:
            away = np.exp(REACH * error / value)
            low, high = value / away, value * away
        rows.append(
            {"term": name, "estimate": value, "deviation": error}
            | {"lower": float(low), "upper": float(high)}
        )
    return rows


def effect_table(fit: GroupFit) -> pandas.DataFrame:
    """A row per level of a factor and column with grouped effects."""
    weights = np.asarray(fit.found.view.weights, float)
    errors = np.sqrt(np.diagonal(_group.joint_covariance(fit.found)))
    rows: list[dict[str, Any]] = []
    place = 0
    for name, design in zip(fit.names, fit.populated.population.designs, strict=True):
        place += len(design.terms)
        for part in design.grouped:
            for level in fit.populated.levels[f"{name}:{part.factor}"]:
                for effect in part.names:
                    value, error = float(weights[place]), float(errors[place])
                    rows.append(
                        {"parameter": name, "term": effect, "level": level}
                        | {"estimate": value, "deviation": error}
                        | {"lower": value - REACH * error, "upper": value + REACH * error}
                    )
                    place += 1
    columns = ["parameter", "term", "level", "estimate", "deviation", "lower", "upper"]
    return extra("pandas").DataFrame(rows, columns=columns)


def expected_table(fit: GroupFit, columns: Columns) -> pandas.DataFrame:
    """A row per row of some covariates and parameter."""
    weights = np.asarray(fit.found.view.weights, float)
    covariance = _group.joint_covariance(fit.found)
    rows: list[dict[str, Any]] = []
    start = 0
    for (name, prior), design in zip(
        fit.agent.priors.items(), fit.populated.population.designs, strict=True
    ):
        wide = fit.populated.parts[name].columns_for(columns)
        own = slice(start, start + len(design.terms))
        positions = wide @ weights[own]
        errors = np.sqrt(np.einsum("ri,ij,rj->r", wide, covariance[own, own], wide))
        ends = {"estimate": 0.0, "lower": -REACH, "upper": REACH}
        numbers = {
            key: np.asarray(prior.constrain(positions + away * errors))
            for key, away in ends.items()
        } | {"position": positions, "deviation": errors}
        rows += [
            {key: column[row] for key, column in columns.items()}
            | {"parameter": name}
            | {key: float(found[row]) for key, found in numbers.items()}
            for row in range(len(positions))
        ]
        start += len(design.terms) + sum(g.levels * len(g.columns) for g in design.grouped)
    return extra("pandas").DataFrame(rows)


def unit_table(fit: GroupFit, mass: float) -> pandas.DataFrame:
    """A row per unit and free parameter."""
    own, shrinkage = fit.individuals, fit.shrinkage
    intervals = own.interval(mass)
    rows: list[dict[str, Any]] = []
    for index, subject in enumerate(fit.subjects):
        for place, name in enumerate(fit.names):
            low, high = (float(end[index]) for end in intervals[name])
            rows.append(
                fit.trials.key_of(subject)
                | {"parameter": name, "estimate": float(own._values[name][index])}
                | {"lower": low, "upper": high}
                | {"position": float(own.posterior.position[index, place])}
                | {"deviation": float(own._deviations[index, place])}
                | {"expected": float(fit.expected[index, place])}
                | {"shrinkage": float(shrinkage[name][index])}
            )
    return extra("pandas").DataFrame(rows)


def group_to_html(fit: GroupFit) -> str:
    """What is known of the population, as a table with what may mislead below it."""
    rows = population_rows(fit)
    said = f"{len(fit)} units, {fit.observations} trials, log evidence {fit.log_evidence:.6g}"
    return table(said, list(rows[0]), [list(row.values()) for row in rows], notes=fit.problems())
