"""The size of our own code: files and functions that a reader can hold in mind."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "pynodes"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]


def functions(path):
    """Every function and method of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def code_lines(function):
    """Lines from the first statement to the last, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_module_is_longer_than_three_hundred_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_function_is_longer_than_sixty_lines(path):
    """Of code; a docstring may be as long as it needs to be."""
    assert not {f.name: code_lines(f) for f in functions(path) if code_lines(f) > 60}


def test_the_engine_fits_on_one_page():
    """It is what a newcomer reads first."""
    path = PACKAGE / "_runtime" / "sweeps.py"

    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_module_is_named_for_nothing(path):
    """A file is named for what is in it."""
    assert path.stem.strip("_") not in {"utils", "util", "helpers", "misc", "common", "manager"}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_says_what_it_is(path):
    """In one line that ends with a full stop; concepts are named, not praised."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))

    assert said
    assert said.splitlines()[0].endswith(".")


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_comment_is_a_banner_or_leftover(path):
    """No rulers, no work to do, no code that was commented out."""
    text = path.read_text(encoding="utf-8")

    assert not re.findall(r"^\s*#\s*(?:[-=#*]{4,}|TODO|FIXME|XXX).*$", text, flags=re.MULTILINE)
    assert not re.findall(r"^\s*#\s*(?:def |return |import |from \w+ import ).*$", text, flags=re.M)
