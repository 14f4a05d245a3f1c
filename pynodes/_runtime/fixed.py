"""Functions of the user's that take part in compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynodes._core.modules import Module, choice


class Fixed(Module):
    """A function of the user's, part of the structure: another function is another program."""

    function: Callable[..., Any] = choice()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)


def in_structure(function: Callable[..., Any]) -> Any:
    """A function as JAX can carry it: modules as they are, with their numbers; others as structure."""
    return function if isinstance(function, Module) else Fixed(function=function)


def plain(function: Any) -> Callable[..., Any]:
    """The function of the user's that is carried."""
    return function.function if isinstance(function, Fixed) else function
