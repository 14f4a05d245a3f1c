"""Docstrings as the site shows them: what is returned, sources, and pages that are named."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

PARAGRAPH = r"(.+(?:\n.+)*)"


def returning(text: str) -> str:
    """The docstring with what is returned as a field; its type is in the signature."""
    section = re.compile(rf"^Returns\n-+\n{PARAGRAPH}", flags=re.MULTILINE)
    return section.sub(lambda found: f":returns: {indented(found[1])}", text)


def ended(text: str) -> str:
    """The docstring with sections that end, at two empty lines, where unindented text goes on."""
    end = re.compile(r"^( +\S.*\n)\n(?=\S)(?!.+\n-{3,}\n)", flags=re.MULTILINE)
    return end.sub(r"\1\n\n", text)


def indented(text: str) -> str:
    """A paragraph whose lines after the first stand below the first's text."""
    return text.replace("\n", "\n    ")


def sourced(text: str) -> str:
    """The docstring with its source as a section of its own."""
    paragraph = re.compile(rf"^Source: {PARAGRAPH}", flags=re.MULTILINE)
    return paragraph.sub(lambda found: f"References\n----------\n{found[1]}\n", text)


def linked(text: str) -> str:
    """The docstring with names of pages as links to them."""
    return re.sub(r"\bdocs/([\w/]+)\.md\b", r":doc:`/\1`", text)


def process(
    _app: Sphinx, what: str, _name: str, _found: Any, _options: Any, lines: list[str]
) -> None:
    """Rewrite a docstring in place, before its sections are read."""
    lines[:] = linked(ended(sourced(returning("\n".join(lines))))).split("\n")
    if what in ("attribute", "data", "property"):
        lines[:0] = [
            "..",
            "",
        ]  # or what stands before a colon in the first line is taken for a type


def setup(app: Sphinx) -> dict[str, Any]:
    """Rewrite docstrings before napoleon does, whose priority is 500."""
    app.connect("autodoc-process-docstring", process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
