"""Windows: what slides over an array, in sizes by axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pynodes._errors import CouplingError, format_value

Sizes: TypeAlias = int | tuple[int, ...]
"""One size for all axes of space, or one each."""

Sides: TypeAlias = list[tuple[int, int]]
"""How many zeros are put before and after, by axis."""


def check_sizes(kind: str, name: str, sizes: object, least: int = 1) -> None:
    """Sizes are whole numbers.

    Raises
    ------
    CouplingError
        They are something else, or too small.
    """
    several = sizes if isinstance(sizes, tuple) and sizes else (sizes,)
    for size in several:
        if not isinstance(size, int) or isinstance(size, bool) or size < least:
            what = "positive whole number" if least else "whole number from 0"
            raise CouplingError(
                f"{kind}: {name} must be a {what}, or one for each axis, not {format_value(sizes)}."
            )


def repeat_size(sizes: Sizes, axes: int) -> tuple[int, ...]:
    """A size for each axis.

    Raises
    ------
    CouplingError
        There are more or fewer than axes.
    """
    found = (sizes,) * axes if isinstance(sizes, int) else tuple(sizes)
    if len(found) != axes:
        raise CouplingError(
            f"{sizes} gives {len(found)} sizes for {axes} axes of space. Give one number, or one for each."
        )
    return found


def pad_sides(
    padding: str | Sizes, size: Sequence[int], window: Sequence[int], stride: Sequence[int]
) -> Sides:
    """The zeros before and after every axis; ``"same"`` leaves size / stride places, rounded up."""
    if padding == "valid":
        return [(0, 0)] * len(size)
    if padding != "same":
        return [(p, p) for p in repeat_size(padding, len(size))]  # type: ignore[arg-type]
    totals = [
        max((-(-n // s) - 1) * s + w - n, 0) for n, w, s in zip(size, window, stride, strict=True)
    ]
    return [(total // 2, total - total // 2) for total in totals]


def slide(
    size: Sequence[int], window: Sequence[int], stride: Sequence[int], sides: Sides
) -> tuple[int, ...]:
    """At how many places a window lies, by axis.

    Raises
    ------
    CouplingError
        It is larger than the array.
    """
    padded = tuple(n + low + high for n, (low, high) in zip(size, sides, strict=True))
    if any(n < w for n, w in zip(padded, window, strict=True)):
        around = "" if padded == tuple(size) else f", {padded} with the zeros around it"
        raise CouplingError(
            f"A window of {tuple(window)} is larger than the space of {tuple(size)} that it slides over"
            f"{around}. Take a smaller kernel or window, or zeros around the array (padding)."
        )
    return tuple((n - w) // s + 1 for n, w, s in zip(padded, window, stride, strict=True))


def transpose_sides(
    sides: Sides,
    large: Sequence[int],
    small: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int],
) -> Sides:
    """The zeros around the smaller array, its elements a stride apart, that give back the larger one."""
    before = [w - 1 - low for w, (low, _) in zip(window, sides, strict=True)]
    after = [
        n + w - 1 - ((m - 1) * s + 1) - low
        for n, m, w, s, low in zip(large, small, window, stride, before, strict=True)
    ]
    return list(zip(before, after, strict=True))
