"""The form of our own code: files, functions and classes that a reader can hold in mind."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "pynodes"
TEXTS = {
    str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(text, name) for name, text in TEXTS.items()}

INHERITED = {"Callback", "Gaussian", "KeptByName", "Module", "Title"}
"""Classes that others inherit from although they are not abstract. Let it become shorter, not longer."""


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement to the last, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_module_is_longer_than_seven_hundred_lines():
    lengths = {name: len(text.splitlines()) for name, text in TEXTS.items()}

    assert len(lengths) > 100
    assert not {name: length for name, length in lengths.items() if length > 700}


def test_no_function_is_longer_than_sixty_lines():
    """Of code; a docstring may be as long as it needs to be."""
    lengths = {
        f"{name}: {node.name}": code_lines(node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert len(lengths) > 500
    assert not {name: length for name, length in lengths.items() if length > 60}


def test_no_class_is_cut_into_pieces_by_inheritance():
    """Who is inherited from is abstract, and says so in its name, or is an error or a warning."""
    classes = [
        node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    bases = {
        name
        for node in classes
        for base in node.bases
        if (name := ast.unparse(base).split("[")[0].rpartition(".")[2]) != node.name
    }
    concrete = {
        name
        for name in bases & {node.name for node in classes}
        if not re.match(r"Abstract|\w+(Error|Warning)$", name)
    }

    assert concrete - INHERITED == set()
    assert INHERITED - concrete == set(), "no longer inherited from: take them off the list"


def test_the_engine_fits_on_one_page():
    """It is what a newcomer reads first."""
    assert len(TEXTS["_engine/sweeps.py"].splitlines()) < 200


def test_no_module_is_named_for_nothing():
    """A file is named for what is in it."""
    nothing = {"utils", "util", "helpers", "misc", "common", "manager"}

    assert not [name for name in TEXTS if Path(name).stem.strip("_") in nothing]


def test_every_module_says_what_it_is():
    """In one line that ends with a full stop; concepts are named, not praised."""
    firsts = {
        name: (ast.get_docstring(tree) or "\n").splitlines()[0] for name, tree in TREES.items()
    }

    assert not {name: first for name, first in firsts.items() if not first.endswith(".")}


def test_no_comment_is_a_banner_or_leftover():
    """Ruff finds work to do (FIX) and most code that was commented out (ERA), but not these."""
    unwanted = re.compile(r"^\s*#\s*(?:[-=#*]{4,}|def |class ).*$", flags=re.MULTILINE)
    found = {name: unwanted.findall(text) for name, text in TEXTS.items()}

    assert not {name: lines for name, lines in found.items() if lines}


TWICE = {"__dir__", "__getattr__", "_"}
TWICE |= {"Normal"}  # the prior, and the family of distributions
TWICE |= {"binary_hgf", "continuous_hgf", "categorical_hgf", "transition_hgf", "bandit_hgf", "jget"}
"""Names of two things: ``pn.models.binary_hgf`` makes a network, ``pn.agents.binary_hgf`` an agent."""

PARTICIPLE = re.compile(r"[a-z]+(ed|wn|ept|old|aid|ought)")
"""How a word ends that says what has been done; a function is named for what it does."""


def definitions() -> list[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Functions and classes of every module, with its name."""
    return [
        (name, node)
        for name, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]


def test_no_name_is_defined_in_two_modules():
    """One word for one thing: who searches for a name finds what is meant."""
    homes: dict[str, set[str]] = {}
    for name, node in definitions():
        homes.setdefault(node.name, set()).add(name)

    twice = {name: sorted(modules) for name, modules in homes.items() if len(modules) > 1}
    assert not {name: modules for name, modules in twice.items() if name not in TWICE}
    assert TWICE - set(twice) == set(), "defined once: take them off the list"


def test_no_function_is_named_by_a_participle():
    """``read``, not ``given``; adjectives before a noun are another thing."""
    found = {
        f"{name}: {node.name}"
        for name, node in definitions()
        if isinstance(node, ast.FunctionDef) and PARTICIPLE.fullmatch(node.name)
    }

    assert found == {"structure/lagged.py: lagged"}  # the regression on lagged series
