"""Fields: how a response names the beliefs that it reads, and how it reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import Module, is_traced
from pynodes._errors import FieldError, InputError, PynodesError, UnknownNodeError, nearest, quote
from pynodes._typing import Array


class Beliefs(Protocol):
    """What a response can read: an object with the fields of a node, by the node's name.

    :class:`~pynodes.Trajectories` are this, and so is a plain mapping from names to objects that have
    ``predicted_mean``, ``predicted_precision``, and, once the trial is over, ``mean`` and ``precision``.
    """

    def __getitem__(self, name: str, /) -> Any:
        """The beliefs of one node."""
        ...


def field(default: Any) -> Any:
    """Declare which belief a response reads: ``"node.field"``, a tuple of them, or None."""
    return dataclasses.field(default=default, metadata={"static": True, "reads": "field"})


def node(default: str) -> Any:
    """Declare which node a response reads several fields of, by its name."""
    return dataclasses.field(default=default, metadata={"static": True, "reads": "node"})


def read_by(response: Module) -> tuple[str, ...]:
    """Names of the nodes that a response reads, each once."""
    names: list[str] = []
    for declared in dataclasses.fields(response):
        if "reads" in declared.metadata:
            names += [address.partition(".")[0] for address in given(response, declared.name)]
    return tuple(dict.fromkeys(names))


def given(response: Module, name: str) -> tuple[str, ...]:
    """What a declared field holds, as a tuple; empty for None."""
    value = getattr(response, name)
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def check(response: Module) -> str | None:
    """What is wrong with the beliefs that a response is to read; None if nothing is."""
    for declared in dataclasses.fields(response):
        kind = declared.metadata.get("reads")
        if kind is None or (getattr(response, declared.name) is None and declared.default is None):
            continue
        for address in given(response, declared.name) or (getattr(response, declared.name),):
            if not is_address(kind, address):
                wanted = (
                    "'node.field', as in 'u.predicted_mean'" if kind == "field" else "a node's name"
                )
                return f"{declared.name} must be {wanted}, not {address!r}."
    return None


def is_address(kind: str, address: Any) -> bool:
    """Whether an address names a node, or a node and a field."""
    if not isinstance(address, str):
        return False
    name, dot, of_it = address.partition(".")
    return bool(name) and (bool(of_it) if kind == "field" else not dot)


ROUNDING = 1e-5
"""So far outside of [0, 1] a probability may be by rounding alone."""


class Reader:
    """Beliefs as a response's rule reads them: every field is an array over the trials.

    Parameters
    ----------
    beliefs
        Where to read.
    shape
        The shape of the trials, with which the shape of every field begins; None if not known.
    """

    def __init__(self, beliefs: Beliefs, shape: tuple[int, ...] | None) -> None:
        self._beliefs, self._shape = beliefs, shape

    def __getitem__(self, name: str) -> NodeReader:
        return NodeReader(self, name)

    def __call__(self, address: str) -> Array:
        """The belief at an address such as ``"x2.mean"``."""
        name, _, of_it = address.partition(".")
        return self.read(name, of_it)

    def read(self, name: str, of_it: str) -> Array:
        """One field of one node.

        Raises
        ------
        UnknownNodeError, FieldError
            There is no such node or field here.
        InputError
            The field covers other trials than the responses.
        """
        values = jnp.asarray(read_field(read_node(self._beliefs, name), name, of_it), float)
        shape = self._shape
        if shape is not None and values.shape[: len(shape)] != shape:
            raise InputError(
                f"{name}.{of_it} has shape {values.shape}, but the responses cover trials of shape {shape}. "
                "Responses and beliefs cover the same trials; NaN is a missing response."
            )
        return values

    def probability(self, address: str) -> Array:
        """A belief that is a probability; traced numbers outside of [0, 1] become NaN.

        Raises
        ------
        InputError
            It is none, such as a logit.
        """
        values = self(address)
        low, high = -ROUNDING, 1 + ROUNDING
        if is_traced(values):
            return jnp.where((values < low) | (values > high), jnp.nan, values)
        wrong = (np.asarray(values) < low) | (np.asarray(values) > high)
        if wrong.any():
            found = float(np.asarray(values)[wrong].flat[0])
            raise InputError(
                f"The response reads {address} as a probability, but it is {found:g} in one of the trials. "
                "The mean of a state above a binary input is a logit: read the input's predicted_mean, or "
                "let a function of your own (OwnResponse) turn the one into the other."
            )
        return values

    def stacked(self, addresses: str | Iterable[str]) -> Array:
        """Several beliefs along a last axis; a single address names a field that has one already."""
        if isinstance(addresses, str):
            return self(addresses)
        return jnp.stack([self(address) for address in addresses], axis=-1)


class NodeReader:
    """The fields of one node, as attributes."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader, self._name = reader, name

    def __getattr__(self, of_it: str) -> Array:
        if of_it.startswith("__"):
            raise AttributeError(of_it)
        return self._reader.read(self._name, of_it)


def read_node(beliefs: Beliefs, name: str) -> Any:
    """The beliefs of one node; a mapping's own complaint is put into words."""
    try:
        return beliefs[name]
    except PynodesError:
        raise
    except KeyError as error:
        known = list(beliefs) if isinstance(beliefs, Iterable) else []
        raise UnknownNodeError(
            f"The response reads a node {name!r}, which is not there. {nearest(name, known)}"
        ) from error


def read_field(found: Any, name: str, of_it: str) -> Any:
    """One field of what a node believes."""
    try:
        value = getattr(found, of_it)
    except PynodesError:
        raise
    except AttributeError as error:
        raise FieldError(missing(found, name, of_it)) from error
    if value is None:
        raise FieldError(missing(found, name, of_it))
    return value


def missing(found: Any, name: str, of_it: str) -> str:
    """The message about a field that is not there."""
    usual = ("predicted_mean", "predicted_precision", "mean", "precision")
    there = [known for known in usual if getattr(found, known, None) is not None]
    return (
        f"The response reads {of_it!r} of {name!r}, which is not there, only {quote(there)}. Before a "
        "trial's outcome is seen there are predictions only."
    )
