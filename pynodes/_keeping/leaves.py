"""Leaves: the numbers of any tree, by where they are in it, and back into a tree of the same form."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.tree_util import keystr

from pynodes._core.tracing import traced
from pynodes._errors import FormatError
from pynodes._keeping.container import NUMBERS

Leaves = dict[str, np.ndarray]
"""Arrays by where they are in a tree."""


def leaves_of(tree: Any, what: str) -> Leaves:
    """The numbers of a tree, by the way to each.

    Raises
    ------
    FormatError
        Traced numbers, whose values are not known yet; or leaves that are no numbers.
    """
    check_plain(tree, what)
    found: Leaves = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        array = (
            np.asarray(leaf) if np.dtype(getattr(leaf, "dtype", float)).kind in NUMBERS else None
        )
        if array is None:
            raise FormatError(
                f"{what} holds {leaf.dtype} at {keystr(path)}, which is no number that a file can hold."
            )
        found[keystr(path)] = array
    return found


def check_plain(tree: Any, what: str) -> None:
    """Numbers are known when they are written down."""
    if traced(tree):
        raise FormatError(
            f"{what} is being traced: its numbers are not known yet. Return it from jax.jit, jax.vmap or "
            "jax.grad, and save it outside."
        )


def tree_of(like: Any, leaves: Leaves, what: str) -> Any:
    """A tree of the same form as another, with numbers of its own.

    Raises
    ------
    FormatError
        Numbers that belong elsewhere, or too few of them.
    """
    paths, form = jax.tree_util.tree_flatten_with_path(like)
    names = [keystr(path) for path, _ in paths]
    if set(names) != set(leaves):
        differ = sorted(set(names) ^ set(leaves))
        raise FormatError(
            f"{what} in this file has another form than here: they differ in {differ[0]}. It was made by "
            "another pynodes, or by other kinds than those that were given."
        )
    for name, (_, leaf) in zip(names, paths, strict=True):
        check_fits(name, leaves[name], leaf.shape, leaf.dtype, what)
    return jax.tree.unflatten(form, [leaves[name] for name in names])


def check_fits(
    name: str, array: np.ndarray, shape: tuple[int, ...], kind: np.dtype, what: str
) -> None:
    """An array of the shape and the kind that belong there; a batch comes before the shape."""
    own = array.shape[max(array.ndim - len(shape), 0) :]
    if own != shape or array.dtype.kind != kind.kind:
        raise FormatError(
            f"{what} in this file has {array.dtype} numbers of shape {array.shape} at {name}, where "
            f"{kind} of shape {shape} belong."
        )
