"""The errors pynodes raises: one class per kind of mistake, all of them PynodesError."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class PynodesError(Exception):
    """Base class of every error that pynodes raises on purpose."""


class GraphError(PynodesError, ValueError):
    """A graph was given something that it cannot hold."""


class DuplicateNodeError(GraphError):
    """Two nodes, or two edges of one kind between the same nodes, would share a name."""


class UnknownNodeError(GraphError, KeyError):
    """A name that no node of the graph carries."""

    __str__ = Exception.__str__  # KeyError would show the message inside quotes


class UnknownEdgeError(GraphError, KeyError):
    """Two nodes that no edge joins, or none of the kind that was named."""

    __str__ = Exception.__str__


class CycleError(GraphError):
    """An edge would make a node its own ancestor."""


class CouplingError(GraphError):
    """A coupling that does not fit the two nodes it should join."""


class ParameterError(PynodesError, ValueError):
    """A parameter that is unknown, of the wrong type, or outside its range."""


class FormatError(PynodesError, ValueError):
    """A text or a networkx graph that does not describe a pynodes graph."""


class InputError(PynodesError, ValueError):
    """Observations, time steps or masks that do not fit the network."""


class DataError(InputError):
    """A table of trials that does not fit the roles of its columns."""


class FormulaError(InputError):
    """A formula that cannot be read, or that the columns of the data do not go with."""


class StateError(PynodesError, ValueError):
    """A state that belongs to another network."""


class BatchError(PynodesError, ValueError):
    """A batch of networks where one is needed."""


class FieldError(PynodesError, AttributeError):
    """A field that a node's beliefs do not have."""


class FilterError(PynodesError, ArithmeticError):
    """A belief failed while filtering: a precision fell to zero or below.

    Attributes
    ----------
    beliefs
        What was believed up to there, as with ``throw=False``: Trajectories; None where nothing was kept.
    """

    beliefs: Any = None


class UnknownPanelError(PynodesError, KeyError):
    """A name that no panel of a figure carries."""

    __str__ = Exception.__str__


class CheckpointError(PynodesError, ValueError):
    """A folder of checkpoints that is damaged, or of another run."""


class SamplingError(PynodesError, RuntimeError):
    """A chain of a sampler that is stuck."""


class PrecisionWarning(UserWarning):
    """Numbers whose differences single precision does not hold."""


class SamplingWarning(UserWarning):
    """Draws that are not yet, or may never be, from the posterior that was asked for."""


class SmoothingError(PynodesError, TypeError):
    """A graph with nodes of a kind that cannot be smoothed."""


class MissingExtraError(PynodesError, ImportError):
    """An optional package that the call needs is not installed."""


def format_value(value: object, most: int = 200) -> str:
    """A value in a message: its repr, cut where it is long; its type where it has none."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, lists without end
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= most else f"{text[:most]}..."


def quote(names: Iterable[object]) -> str:
    """Names as prose: ``'a', 'b' and 'c'``; long lists are cut."""
    quoted = [repr(name) for name in names]
    if not quoted:
        return "nothing"
    if len(quoted) > 12:
        quoted = [*quoted[:11], f"{len(quoted) - 11} more"]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def nearest(name: object, known: Iterable[str]) -> str:
    """The sentence that ends a message about an unknown name: a likely one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(
        format_value(name) if not isinstance(name, str) else name, known, n=1, cutoff=0.6
    )
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {quote(known)}."
