"""Docstrings as the site shows them: results have no types before them, and pages are linked."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx


def returning(lines: list[str]) -> list[str]:
    """The docstring with what is returned as a field, of which the annotation says the type."""
    text = "\n".join(lines)
    section = re.compile(r"^Returns\n-+\n((?:.+\n?)+)", flags=re.MULTILINE)
    return section.sub(lambda found: f":returns: {indented(found[1])}\n", text).split("\n")


def indented(text: str) -> str:
    """A paragraph whose lines after the first stand below the first's text."""
    return text.strip().replace("\n", "\n    ")


def linked(lines: list[str]) -> list[str]:
    """The docstring with names of pages as links to them."""
    return [re.sub(r"\bdocs/([\w/]+)\.md\b", r":doc:`/\1`", line) for line in lines]


def process(
    _app: Sphinx, _what: str, _name: str, _found: Any, _options: Any, lines: list[str]
) -> None:
    """Rewrite a docstring in place, before its sections are read."""
    lines[:] = linked(returning(lines))


def setup(app: Sphinx) -> dict[str, Any]:
    """Rewrite docstrings before napoleon does, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
