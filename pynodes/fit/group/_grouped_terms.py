"""Grouped terms of a formula, such as ``(1|site)``: effects of the levels of a factor."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynodes._errors import FormulaError
from pynodes.fit.data.trials import Trials
from pynodes.fit.group._design import Grouped
from pynodes.fit.group._formula_terms import labels_of, size_of


def grouped_of(
    group: Any, trials: Trials, parameter: str, spread: float
) -> tuple[tuple[Grouped, ...], dict[str, tuple[str, ...]]]:
    """The grouped effects, all of one factor together, and names of the factors' levels."""
    factors: dict[str, list[Any]] = {}
    for term in group.terms.values() if group is not None else ():
        factors.setdefault(term.factor.name, []).append(term)
    found: list[Grouped] = []
    levels: dict[str, tuple[str, ...]] = {}
    for factor, terms in factors.items():
        one = one_grouped(factor, terms, len(trials.subjects), spread)
        if is_scatter(one, factor, trials, parameter):
            continue
        found.append(one)
        levels[factor] = tuple(str(level) for level in terms[0].groups)
    return tuple(found), levels


def one_grouped(factor: str, terms: list[Any], units: int, spread: float) -> Grouped:
    """The effects of one factor's levels."""
    count = len(terms[0].groups)
    columns: list[str] = []
    wholes: list[np.ndarray] = []
    spreads: list[float] = []
    for term in terms:
        data = term.data.toarray() if hasattr(term.data, "toarray") else term.data
        whole = np.asarray(data, float).reshape(units, count, -1)
        names = ["1"] if term.kind == "intercept" else labels_of(term.expr)
        columns += names
        wholes.append(whole)
        spreads += [spread / size_of(c, term.kind) for c in whole.sum(axis=1).T]
    every = np.concatenate(wholes, axis=2)
    return Grouped(
        factor=factor,
        columns=tuple(columns),
        levels=count,
        level=np.abs(every).sum(axis=2).argmax(axis=1),
        values=every.sum(axis=1),
        spreads=np.array(spreads),
    )


def is_scatter(part: Grouped, factor: str, trials: Trials, parameter: str) -> bool:
    """Whether effects of a factor are those of single units, which scatter anyway.

    Raises
    ------
    FormulaError
        A factor that groups nothing, or columns whose effects cannot be told from the units' scatter.
    """
    said = f"The formula of {parameter!r} has effects of {factor!r}"
    if part.levels == 1:
        raise FormulaError(f"{said}, which is the same for all units. Leave them out.")
    if part.levels < len(trials.subjects):
        return False
    if part.columns == ("1",) and set(factor.split(":")) <= set(trials.roles.by):
        return True
    raise FormulaError(
        f"{said}, of which every unit has one of its own: they cannot be told from the scatter of the units, "
        f"which is always there. {finer_units(trials)}"
    )


def finer_units(trials: Trials) -> str:
    """What makes units of which a factor has several."""
    finer = trials.roles.by[trials.roles.keyed :]
    if finer:
        return f"With Trials(..., unit={finer[0]!r}) a subject has several units."
    return "Leave them out."
