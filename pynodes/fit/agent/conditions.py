"""Conditions: parameters that differ from trial to trial, by the level of a column of the data.

Of a network they are series of its feed, one number per step. Of a response they are a choice among as many
responses as there are levels, by a covariate that says which level a trial is of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError, ParameterError, quote
from pynodes._typing import AnyArray, Array, Scalar
from pynodes.fit.data.frames import find_column, is_missing
from pynodes.fit.data.layout import Sequences, key_label
from pynodes.fit.data.trials import Trials
from pynodes.responses import JointResponse
from pynodes.responses._conditional import ConditionalResponse

Target = tuple[str, str]
"""``"network"`` or ``"response"``, and the name of a parameter there."""

PREFIX = "level of "
"""Begins the name of the covariate that says of which level of a column a trial is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """A value that differs by the level of a column.

    Attributes
    ----------
    name
        What it is called.
    targets
        The parameters that it sets.
    column, levels
        The column, and the texts that it holds.
    fixed
        For every level the value that it is fixed at; None where it is free.
    """

    name: str
    targets: tuple[Target, ...]
    column: str
    levels: tuple[str, ...]
    fixed: tuple[float | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of the value of every level."""
        return tuple(f"{self.name}[{level}]" for level in self.levels)

    @property
    def free(self) -> tuple[str, ...]:
        """The names of those that are free."""
        return tuple(n for n, known in zip(self.names, self.fixed, strict=True) if known is None)

    def take(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The value of every level, of free values by name."""
        pairs = zip(self.names, self.fixed, strict=True)
        return tuple(values[name] if known is None else known for name, known in pairs)


def apply_splits(
    splits: tuple[Split, ...], values: Mapping[str, Any], response: Any, block: Sequences
) -> tuple[Any, Sequences]:
    """Responses, and a block, in which parameters have the values of every trial's levels."""
    series: dict[str, AnyArray] = {}
    tables: dict[str, tuple[str, tuple[Scalar, ...]]] = {}
    for split in splits:
        levels = split.take(values)
        for part, parameter in split.targets:
            if part == "network":
                series[parameter] = pick_levels(levels, block.conditions[split.column])
            else:
                tables[parameter] = PREFIX + split.column, levels
    known = {PREFIX + split.column: block.conditions[split.column] for split in splits}
    block = dataclasses.replace(
        block,
        inputs=block.inputs | series,
        covariates=block.covariates | (known if tables else {}),
    )
    return vary_response(response, tables), block


def pick_levels(levels: tuple[Any, ...], codes: AnyArray) -> Array:
    """The value of the level of every trial."""
    found = jnp.broadcast_to(jnp.asarray(levels[0], float), jnp.shape(codes))
    for code, value in enumerate(levels[1:], start=1):
        found = jnp.where(codes == code, value, found)
    return found


def vary_response(response: Any, tables: Mapping[str, tuple[str, tuple[Scalar, ...]]]) -> Any:
    """A response, or those streams of it, whose parameters differ by a covariate."""
    if not tables:
        return response
    if isinstance(response, JointResponse):
        own = {
            stream: {
                name.partition(".")[2]: table
                for name, table in tables.items()
                if name.partition(".")[0] == stream
            }
            for stream in response.streams
        }
        return JointResponse(
            streams={
                stream: vary_response(part, own[stream])
                for stream, part in response.streams.items()
            }
        )
    return ConditionalResponse(
        response=response,
        differing=tuple((name, covariate) for name, (covariate, _) in tables.items()),
        values=tuple(values for _, values in tables.values()),
    )


def fix_levels(
    splits: tuple[Split, ...], values: Mapping[str, Any], levels: Mapping[str, Any] | None
) -> dict[Target, Any]:
    """Parameters as they are under some levels, one of each column.

    Raises
    ------
    ParameterError
        A column of which no level is named, or of which there is no such level.
    """
    levels = {} if levels is None else levels
    columns = {split.column: split.levels for split in splits}
    strange = [name for name in levels if name not in columns]
    if strange:
        raise ParameterError(
            f"No parameter of the agent differs by {strange[0]!r}, only by {quote(columns) or 'nothing'}."
        )
    found: dict[Target, Any] = {}
    for split in splits:
        label = label_level(levels[split.column]) if split.column in levels else None
        if label not in split.levels:
            raise ParameterError(
                f"{split.name!r} differs by {split.column!r}. Say under which level: "
                f"levels={{{split.column!r}: {split.levels[0]!r}}}, of {quote(split.levels)}."
            )
        value = split.take(values)[split.levels.index(label)]
        found |= dict.fromkeys(split.targets, value)
    return found


def label_level(value: Any) -> str:
    """A level as it stands in the names of values; whole numbers without a point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def condition_rows(splits: Iterable[Split], trials: Trials) -> dict[str, np.ndarray]:
    """For every column by which something differs the number of the level, by row.

    Raises
    ------
    DataError
        A column that is not there, or a trial that counts and is of none of the levels.
    """
    return {split.column: level_rows(split, trials) for split in splits}


def level_rows(split: Split, trials: Trials) -> np.ndarray:
    """The number of the level of every row; 0 where a trial is frozen."""
    column = find_column(trials.columns, split.column, f"what {split.name!r} differs by")
    codes = {level: code for code, level in enumerate(split.levels)}
    found = np.zeros(len(trials), int)
    for row, value in enumerate(column.tolist()):
        if trials.frozen[row]:
            continue
        blank = is_missing(value) or value != value
        label = "" if blank else label_level(value)
        if label not in codes:
            whose = key_label(trials.roles.by, trials.keys[row]).strip()
            what = "no value" if blank else f"{value!r}"
            advice = "Fill it in." if blank else "Correct it, or name all levels in split(levels=)."
            raise DataError(
                f"{whose} has {what} in column {split.column!r}, row {row}, by which {split.name!r} differs: "
                f"every trial that is not frozen has one of {quote(split.levels)}. {advice}"
            )
        found[row] = codes[label]
    return found


def check_levels_seen(splits: Iterable[Split], trials: Trials) -> None:
    """Every level is that of some trial, so that there is something to learn about it.

    Raises
    ------
    DataError
        One is not.
    """
    for split in splits:
        lacking = [split.levels[code] for code in find_unseen(split, trials)]
        if lacking:
            raise DataError(
                f"No trial has {quote(lacking)} in column {split.column!r}, by which {split.name!r} differs. "
                "Give trials of every level, or leave it out of split(levels=)."
            )


def lacking_levels(splits: Iterable[Split], trials: Trials) -> dict[str, tuple[str, str]]:
    """Free values of levels that no trial is of, with column and level."""
    return {
        split.names[code]: (split.column, split.levels[code])
        for split in splits
        for code in find_unseen(split, trials)
        if split.fixed[code] is None
    }


def find_unseen(split: Split, trials: Trials) -> list[int]:
    """The numbers of the levels that no trial is of."""
    seen = np.unique(level_rows(split, trials)[~trials.frozen])
    return [code for code in range(len(split.levels)) if code not in seen]
