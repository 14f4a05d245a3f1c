"""Every kind, coupling, model, environment and response has a page that says what the code says."""

import ast
import dataclasses
import inspect
import re

import pytest

import pynodes as pn
from pynodes import couplings, environments, families, models, nodes, responses
from pynodes._core.modules import parameters_of
from tests.pages import ROOT
from tests.test_docs import displayed, equations, inline, prose, targets

HEADINGS = {
    "kinds": ["What it supposes", "How it learns"],
    "couplings": ["What it says", "What the parent hears"],
}
COMMON = ["Parameters", "Example", "Elsewhere", "Source"]


def concrete(module, base):
    """The public classes of a package that are of a kind and can be made."""
    found = [value for name, value in vars(module).items() if not name.startswith("_")]
    classes = [value for value in found if inspect.isclass(value) and issubclass(value, base)]
    return [one for one in dict.fromkeys(classes) if not inspect.isabstract(one)]


DESCRIBED = {
    f"docs/{folder}/{one.__module__.rsplit('.', 1)[-1]}.md": one
    for folder, module, base in (
        ("kinds", nodes, pn.AbstractNode),
        ("couplings", couplings, pn.AbstractCoupling),
    )
    for one in concrete(module, base)
}
"""Kinds and couplings by the page that is theirs."""

WRITTEN = sorted(
    str(path.relative_to(ROOT))
    for folder in HEADINGS
    for path in ROOT.glob(f"docs/{folder}/*.md")
    if path.name != "README.md"
)
EXECUTED = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob("docs/**/*.md")
    if "```{code-cell}" in path.read_text(encoding="utf-8")
)
NOTEBOOKS = [
    "first_network",
    "binary_learning",
    "continuous_series",
    "changing_noise",
    "categories",
    "exponential_families",
    "bandits",
    "custom_node",
    "large_graphs",
    "exploring_beliefs",
]


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def cells(page):
    """The code of a page that the build of the site runs."""
    found = re.findall(
        r"^```\{code-cell\}[^\n]*\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL
    )
    return [re.sub(r"^:\w[^\n]*\n", "", cell, flags=re.MULTILINE) for cell in found]


def section(page, heading):
    """What stands under a heading of the second rank."""
    parts = re.split(r"^## (.+)$", text_of(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def rows(text):
    """Cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def written_default(default):
    """A default as a page writes it."""
    if default in (dataclasses.MISSING, inspect.Parameter.empty):
        return "required"
    return f"`{getattr(default, '__name__', None) or repr(default)}`"


def declared(kind):
    """Name, symbol and default of every field of a kind, as its page must have them."""
    symbols = {name: spec["symbol"] for name, spec in parameters_of(kind).items()}
    fields = [field for field in dataclasses.fields(kind) if field.name != "_class"]
    return {
        (f"`{field.name}`", symbols.get(field.name, ""), written_default(field.default))
        for field in fields
    }


def test_every_kind_and_coupling_has_a_page_and_every_page_a_kind():
    assert len(DESCRIBED) >= 27
    assert sorted(DESCRIBED) == WRITTEN


@pytest.mark.parametrize("folder", HEADINGS)
def test_the_index_lists_every_page(folder):
    listed = {
        f"docs/{folder}/{name}" for name in targets(f"docs/{folder}/README.md") if "/" not in name
    }

    assert listed == {page for page in DESCRIBED if page.startswith(f"docs/{folder}/")}


@pytest.mark.parametrize("page", DESCRIBED)
def test_a_page_has_the_sections_of_all_others(page):
    """Title, formulas, parameters, an example that draws, other toolboxes, source; in this order."""
    text = prose(page)
    folder = page.split("/")[1]

    assert re.findall(r"^# (.+)$", text, flags=re.MULTILINE) == [DESCRIBED[page].__name__]
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS[folder] + COMMON
    assert len(displayed(page)) + len(inline(page)) >= 1
    assert re.search(r"\.plot\(|subplots\(", "".join(cells(page)))
    code = f"pynodes/{'nodes' if folder == 'kinds' else folder}/{page.split('/')[-1][:-3]}.py"
    assert f"`{code}`" in section(page, "Source")


@pytest.mark.parametrize("page", DESCRIBED)
def test_a_page_has_the_parameters_that_the_code_has(page):
    """Names, symbols and defaults; and each has a unit or a range, and a meaning."""
    table = rows(section(page, "Parameters"))

    assert {tuple(row[:3]) for row in table} == declared(DESCRIBED[page])
    assert all(len(row) == 5 and all(row[3:]) for row in table)


@pytest.mark.parametrize("page", DESCRIBED)
def test_an_example_uses_what_its_page_describes(page):
    """By name, not only as what a plain coupling means."""
    called = ast.walk(ast.parse("\n".join(cells(page))))
    names = {node.attr for node in called if isinstance(node, ast.Attribute)}

    assert DESCRIBED[page].__name__ in names


@pytest.mark.parametrize("page", EXECUTED)
def test_cells_can_be_read_and_equations_survive(page):
    """Cells are Python, and nothing in an equation is taken for Markdown."""
    for cell in cells(page):
        ast.parse(cell)
    for equation in equations(page):
        broken = re.search(r"\\[!-/:-@\[-`{-~]|[)}\]]_|\*|\\operatorname|[<>]", equation)
        assert not broken, equation
        assert equation.count("{") == equation.count("}"), equation
    assert all("\n" not in equation for equation in inline(page))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_asks_shows_and_leaves_exercises(name):
    """A question, one idea with an equation, figures, what is learned, two exercises."""
    page = f"docs/notebooks/{name}.md"
    text = prose(page)

    assert text.index("**The question.**") < text.index("**The idea.**")
    assert displayed(page)
    assert re.search(r"subplots\(|\.plot\w*\(", "\n".join(cells(page)))
    assert "## What to take along" in text
    assert len(re.findall(r"^\d\. ", section(page, "Exercises"), flags=re.MULTILINE)) == 2


@pytest.mark.parametrize(
    "name", [name for name, value in vars(models).items() if inspect.isfunction(value)]
)
def test_the_page_of_models_has_every_model_with_its_parameters(name):
    """Graphs by function, with the defaults of the signature; what makes their inputs is named."""
    function = getattr(models, name)
    if inspect.signature(function).return_annotation != "Graph":
        assert f"`pn.models.{name}" in prose("docs/models.md")
        return
    table = {row[0]: row[1] for row in rows(section("docs/models.md", name))}
    takes = inspect.signature(function).parameters.values()

    assert table == {
        f"`{one.name}`": "any" if one.kind is one.VAR_KEYWORD else written_default(one.default)
        for one in takes
    }


@pytest.mark.parametrize("kind", concrete(environments, environments.AbstractEnvironment))
def test_the_page_of_environments_has_every_environment_with_its_fields(kind):
    table = rows(section("docs/environments.md", kind.__name__))

    assert {tuple(row[:3]) for row in table} == declared(kind)


@pytest.mark.parametrize("response", concrete(responses, responses.AbstractResponse))
def test_the_page_of_responses_names_every_response(response):
    assert f"`{response.__name__}" in text_of("docs/responses.md")


@pytest.mark.parametrize("family", concrete(families, families.AbstractFamily))
def test_the_page_of_families_names_every_family(family):
    """With its choices and their defaults."""
    choices = {
        f"`{field.name}={field.default!r}`"
        for field in dataclasses.fields(family)
        if field.name != "_class"
    }
    listed = {row[0].split("(")[0]: row[-1] for row in rows(text_of("docs/families.md"))}

    assert set(filter(None, listed[f"`{family.__name__}"].split(", "))) == choices


def extension_points(base):
    """What a subclass may say: public attributes and methods of a base class."""
    own = {**vars(base), **base.__annotations__}
    return sorted(name for name in own if not name.startswith("_"))


@pytest.mark.parametrize(
    ("base", "heading"), [(pn.AbstractNode, "of a node"), (pn.AbstractCoupling, "of a coupling")]
)
def test_the_page_on_extending_names_all_that_a_kind_may_say(base, heading):
    """In the first column of the table that is about it."""
    part = section("docs/extending.md", "What a kind may say")
    table = part[part.index(f"| {heading} |") :].split("\n\n")[0]
    first = "".join(line.split("|")[1] for line in table.splitlines())

    named = set(re.findall(r"`(\w+)", first))

    assert set(extension_points(base)) <= named


def meant(child, word):
    """The coupling that a word means into a kind of child, by name; nothing where it means none."""
    graph = pn.Graph().add(child=child(), parent=pn.ContinuousState())
    try:
        return f"`{type(graph.couple('parent', 'child', word).edges[0][2]).__name__}`"
    except pn.CouplingError:
        return ""


def test_the_index_of_couplings_says_which_one_a_word_means():
    """For every kind that takes parents, and no other."""
    table = rows(section("docs/couplings/README.md", "Which one?"))
    said = {name: tuple(row[1:]) for row in table for name in re.findall(r"`(\w+)`", row[0])}
    kinds = [one for one in concrete(nodes, pn.AbstractNode) if one.inlets]

    assert said == {one.__name__: (meant(one, "value"), meant(one, "volatility")) for one in kinds}
