"""The documentation hangs together: links lead somewhere, and equations survive Markdown."""

import ast
import os
import re
import runpy
import shutil
import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import pynodes as pn
from tests.pages import ROOT, blocks, executed

PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md"))]
THEORY = [page for page in PAGES if page.startswith("docs/theory/")]
TRIED = ["README.md", "docs/extending.md", "docs/format.md", "docs/responses.md"]
"""Pages whose code is run where its results are looked at."""

SOURCES = [str(source.relative_to(ROOT)) for source in sorted(ROOT.glob("pynodes/**/*.py"))]


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def targets(page: str) -> list[str]:
    """Where the links and images of a page lead, other sites left out."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    repeated = Counter(slugs)
    return {*slugs, *(f"{slug}-{n}" for slug in slugs for n in range(1, repeated[slug]))}


def displayed(page: str) -> list[str]:
    """The equations of a page that stand by themselves."""
    return re.findall(r"\$\$(.+?)\$\$", prose(page), flags=re.DOTALL)


def inline(page: str) -> list[str]:
    """The equations of a page that stand in its sentences."""
    text = re.sub(r"`[^`\n]*`", "", re.sub(r"\$\$.+?\$\$", "", prose(page), flags=re.DOTALL))
    assert text.count("$") % 2 == 0, f"{page} has a dollar sign without another"
    return re.findall(r"\$([^$]+)\$", text)


def equations(page: str) -> list[str]:
    """All equations of a page."""
    return [*displayed(page), *inline(page)]


def test_there_are_pages():
    """So that the tests below speak of something."""
    assert len(THEORY) >= 10
    assert all(equations(page) for page in THEORY if not page.endswith("README.md"))
    assert any("#" in target for page in THEORY for target in targets(page))


def leads_somewhere(page: str, target: str) -> bool:
    """Whether a link's file exists, beside its page or below it, with the heading that is named."""
    name, _, anchor = target.partition("#")
    place = (ROOT / page).parent / name if name else ROOT / page
    if not place.exists():
        return False
    return not anchor or anchor in anchors(str(place.resolve().relative_to(ROOT)))


def broken(equation: str) -> bool:
    """Whether GitHub would not show an equation as it is meant.

    It reads Markdown inside of equations. A backslash before punctuation loses its effect or its partner,
    an underscore after a brace or a bracket may begin emphasis, an asterisk does, and some commands are
    refused.
    """
    taken = re.search(r"\\[!-/:-@\[-`{-~]|[)}\]]_|\*|\\operatorname|[<>]", equation)
    return bool(taken) or equation.count("{") != equation.count("}")


def test_every_link_leads_somewhere():
    links = [(page, target) for page in PAGES for target in targets(page)]

    assert len(links) > 300
    assert not [f"{page}: {target}" for page, target in links if not leads_somewhere(page, target)]


def test_every_page_that_a_docstring_names_exists():
    """So that a reader who is sent to a page finds it."""
    named = {
        (source, page)
        for source in SOURCES
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", (ROOT / source).read_text(encoding="utf-8"))
    }

    assert len(named) > 30
    assert not [f"{source}: {page}" for source, page in named if not (ROOT / page).is_file()]


def test_indexes_list_every_page():
    """A page that no index links to is never read."""
    for index in ("docs/README.md", "docs/theory/README.md", "docs/notebooks/README.md"):
        beside = {page.name for page in (ROOT / index).parent.glob("*.md")}
        assert beside - {"README.md", "index.md"} <= set(targets(index)), index


def test_the_readers_route_names_every_file_on_the_way():
    """From a graph to a figure; imports apart."""
    route = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    route = route.split("## A reader's route")[1].split("**From a data frame")[0]
    named = set(re.findall(r"`([\w/]+\.py)`", route))
    package, entered = str(ROOT / "pynodes") + os.sep, set()

    def look(frame, event, _):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(package) and not is_import(frame):
            entered.add(Path(file).relative_to(package).as_posix())

    def is_import(frame):
        while frame and not (
            frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(package)
        ):
            frame = frame.f_back
        return frame is not None

    sys.setprofile(look)
    try:
        graph = pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState(), y=pn.ContinuousState())
        graph = graph.couple("x", "u").couple("y", "x", pn.Volatility())
        graph.compile().filter({"u": [1.0, 0.0]}).plot()
    finally:
        sys.setprofile(None)

    assert len(entered) > 30
    assert not entered - named


def test_the_readers_route_names_what_is_there():
    """Every file of the route exists, and defines what is to be read in it."""
    route = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    route = route.split("## A reader's route")[1].split("\n## ")[0]
    steps = re.findall(r"^\|[^|]*\| `([\w/]+\.py)` \| (.+) \|$", route, flags=re.MULTILINE)
    assert len(steps) == len(re.findall(r"^\| .*`.*\|$", route, flags=re.MULTILINE))
    missing = []
    for file, names in steps:
        path = ROOT / "pynodes" / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.parse("")
        there = {getattr(node, "name", None) for node in tree.body}
        missing += [(file, name) for name in re.findall(r"`(\w+)`", names) if name not in there]

    assert len(steps) > 40
    assert not missing


def test_equations_survive_markdown():
    """Nothing in them is taken for Markdown, and only those that are displayed span several lines."""
    assert not [(page, one) for page in THEORY for one in equations(page) if broken(one)]
    assert not [(page, one) for page in THEORY for one in inline(page) if "\n" in one]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page not in TRIED])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    """Block after block, as a reader would, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    assert executed(page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("exactness", ["--series", "2", "--steps", "5"]),
        ("calibration", ["--series", "1", "--steps", "5", "--particles", "200"]),
    ],
)
def test_the_tables_can_be_made_again(name, size, monkeypatch, capsys, tmp_path):
    """The examples still print the rows that the pages show, and draw them."""
    script = str(ROOT / "examples" / f"{name}.py")
    monkeypatch.setattr("sys.argv", [script, *size, "--out", str(tmp_path)])
    monkeypatch.setattr("sys.path", list(sys.path))

    runpy.run_path(script, run_name="__main__")

    page = (ROOT / "docs" / "theory" / f"{name}.md").read_text(encoding="utf-8")
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    for row in rows:
        model, kind, *_ = (cell.strip() for cell in row.strip("|").split("|"))
        assert f"| {model} | {kind.split(',')[0]}" in page, row
    assert min(plt.imread(tmp_path / f"{name}.png").shape[:2]) > 500


def test_the_page_on_recovery_shows_the_numbers_that_were_kept(monkeypatch, capsys, tmp_path):
    """Its tables are those of the recorded agents, and its figure is drawn from them."""
    shutil.copy(ROOT / "docs/figures/exact_agents.json", tmp_path)
    script = str(ROOT / "examples/exact_agents.py")
    monkeypatch.setattr("sys.argv", [script, "--draw", "--out", str(tmp_path)])

    runpy.run_path(script, run_name="__main__")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 35
    assert set(lines) <= set(
        (ROOT / "docs/theory/recovery.md").read_text(encoding="utf-8").splitlines()
    )
    assert min(plt.imread(tmp_path / "exact_agents.png").shape[:2]) > 500


def test_every_equation_is_drawn_without_a_network(monkeypatch):
    """The site has MathML: well-formed, without a command of LaTeX that was not understood."""
    monkeypatch.syspath_prepend(str(ROOT / "docs/extensions"))
    to_mathml = __import__("mathematics").to_mathml

    for page in PAGES:
        for text in displayed(page):
            assert to_mathml(text, display=True).startswith("<math")
        for text in inline(page):
            assert to_mathml(text, display=False).startswith("<math")
    assert "<mo>&#x0223C;</mo>" in to_mathml(r"x \sim y", display=False)
    with pytest.raises(ValueError, match="LaTeX is left"):
        to_mathml(r"\nosuchcommand x", display=False)
