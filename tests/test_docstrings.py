"""Examples in docstrings show what happens, and every public name has its entry on the site."""

import ast
import doctest
import importlib
import operator
import re
from pathlib import Path

import jax
import pytest

import pynodes as pn
from tests.pages import ROOT

pytestmark = pytest.mark.versions

PACKAGE = Path(pn.__file__).resolve().parent
SLOW = {"pynodes.fit.mode.map.fit_map"}
MAIN = [
    *("Graph", "Graph.add", "Graph.couple", "Network.filter", "Network.surprise", "Network.step"),
    *("Network.replace", "Network.sample", "Trajectories", "Trials", "Agent", "fit_map"),
    *("LogNormal.constrain", "models.binary_hgf", "data.association"),
]
"""Names that a reader meets first."""


def examples() -> list[doctest.DocTest]:
    """All examples of the package, by the name of what they are examples of."""
    finder, found = doctest.DocTestFinder(exclude_empty=True), []
    for source in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in source.read_text(encoding="utf-8"):
            name = ".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts)
            module = importlib.import_module(name.removesuffix(".__init__"))
            found += [test for test in finder.find(module, globs={}) if test.examples]
    return found


def parameter(test: doctest.DocTest) -> object:
    """An example as a parameter of a test."""
    return pytest.param(test, id=test.name, marks=[pytest.mark.slow] if test.name in SLOW else [])


@pytest.mark.parametrize("test", [parameter(test) for test in examples()])
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_an_example_shows_what_happens(test, double):
    report = []
    with jax.enable_x64(double):
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
            test, out=report.append, clear_globs=False
        )

    assert not report, "".join(report)


def test_what_a_reader_meets_first_has_an_example():
    documented = {name: operator.attrgetter(name)(pn).__doc__ for name in MAIN}

    assert not [name for name, doc in documented.items() if ">>> import pynodes as pn\n" not in doc]


def entries() -> set[str]:
    """The names that the pages of the API list, from ``pynodes`` on."""
    found: set[str] = set()
    for page in ROOT.glob("docs/api/*.md"):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```\{eval-rst\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            module = re.search(r"currentmodule:: ([\w.]+)", block)
            listed = re.findall(r"^   ([\w.]+)$", block, re.MULTILINE) if module else []
            found |= {f"{module[1]}.{name}" for name in listed}
            found |= set(re.findall(r"(?:py:data|automodule):: (pynodes[\w.]*)", block))
    return found


def exported(module: str) -> dict[str, object]:
    """What a package hands on under its own name, or makes itself, without its submodules."""
    source = Path(importlib.import_module(module).__file__).read_text(encoding="utf-8")
    names: set[str] = set()
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.ImportFrom):
            names |= {name.name for name in statement.names if name.asname == name.name}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names.add(statement.name)
    package = importlib.import_module(module)
    return {f"{module}.{name}": getattr(package, name) for name in names if name[0] != "_"}


def packages() -> list[str]:
    """The public packages."""
    inner = PACKAGE.glob("[a-z]*/__init__.py")
    return ["pynodes", *(f"pynodes.{path.parent.name}" for path in inner)]


def test_every_public_name_has_an_entry():
    """Under its own name, or under another for the same thing."""
    known = entries()
    public = {name: thing for package in packages() for name, thing in exported(package).items()}
    shown = {id(thing) for name, thing in public.items() if name in known}
    missing = {
        name
        for package in set(packages()) - {"pynodes.command"}
        for name, thing in exported(package).items()
        if name not in known
        and id(thing) not in shown
        and f"pynodes.{name.rpartition('.')[2]}" not in packages()
    }

    assert not missing, f"Add to a page of docs/api: {', '.join(sorted(missing))}"


def test_entries_are_public_names():
    """So that the pages list nothing that is gone."""
    public = {name for package in packages() for name in exported(package)}

    assert len(entries()) > 200
    assert entries() <= public
