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
from tests.test_docs import broken, displayed, equations, inline, prose, targets

HEADINGS = {
    "kinds": ["Generative model", "Update"],
    "couplings": ["Effect on the child", "Evidence for the parent"],
}
COMMON = ["Parameters", "Example", "Other toolboxes", "Source"]


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
    "graph_from_series",
    "contexts",
    "graph_in_mind",
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


def test_the_indexes_list_every_page():
    for folder in HEADINGS:
        listed = {name for name in targets(f"docs/{folder}/README.md") if "/" not in name}

        assert {f"docs/{folder}/{name}" for name in listed} == {
            page for page in DESCRIBED if page.startswith(f"docs/{folder}/")
        }


def test_pages_have_the_sections_of_all_others():
    """Title, formulas, parameters, an example that draws, other toolboxes, source; in this order."""
    for page, kind in DESCRIBED.items():
        text, folder = prose(page), page.split("/")[1]
        code = f"pynodes/{'nodes' if folder == 'kinds' else folder}/{page.split('/')[-1][:-3]}.py"

        assert re.findall(r"^# (.+)$", text, flags=re.MULTILINE) == [kind.__name__], page
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == HEADINGS[folder] + COMMON, page
        assert len(displayed(page)) + len(inline(page)) >= 1, page
        assert re.search(r"\.plot\(|subplots\(", "".join(cells(page))), page
        assert f"`{code}`" in section(page, "Source"), page


def test_pages_have_the_parameters_that_the_code_has():
    """Names, symbols and defaults; and each has a unit or a range, and a meaning."""
    for page, kind in DESCRIBED.items():
        table = rows(section(page, "Parameters"))

        assert {tuple(row[:3]) for row in table} == declared(kind), page
        assert all(len(row) == 5 and all(row[3:]) for row in table), page


def test_examples_use_what_their_pages_describe():
    """By name, not only as what a plain coupling means."""
    for page, kind in DESCRIBED.items():
        called = ast.walk(ast.parse("\n".join(cells(page))))

        assert kind.__name__ in {one.attr for one in called if isinstance(one, ast.Attribute)}, page


def test_cells_can_be_read_and_equations_survive():
    """Cells are Python, and nothing in an equation is taken for Markdown."""
    for page in EXECUTED:
        for cell in cells(page):
            ast.parse(cell, page)
    assert len(EXECUTED) > 40
    assert not [(page, one) for page in EXECUTED for one in equations(page) if broken(one)]
    assert not [(page, one) for page in EXECUTED for one in inline(page) if "\n" in one]


def test_notebooks_ask_show_and_leave_exercises():
    """A question, one idea with an equation, figures, what is learned, two exercises."""
    for page in (f"docs/notebooks/{name}.md" for name in NOTEBOOKS):
        text = prose(page)

        assert text.index("**The question.**") < text.index("**The idea.**"), page
        assert displayed(page), page
        assert re.search(r"subplots\(|\.plot\w*\(", "\n".join(cells(page))), page
        assert "## Summary" in text, page
        assert len(re.findall(r"^\d\. ", section(page, "Exercises"), re.MULTILINE)) == 2, page


def test_the_page_of_models_has_every_model_with_its_parameters():
    """Graphs by function, with the defaults of the signature; what makes their inputs is named."""
    functions = {name: value for name, value in vars(models).items() if inspect.isfunction(value)}
    assert len(functions) >= 6

    for name, function in functions.items():
        signature = inspect.signature(function)
        if signature.return_annotation != "Graph":
            assert f"`pn.models.{name}" in prose("docs/models.md")
            continue
        table = {row[0]: row[1] for row in rows(section("docs/models.md", name))}

        assert table == {
            f"`{one.name}`": "any" if one.kind is one.VAR_KEYWORD else written_default(one.default)
            for one in signature.parameters.values()
        }, name


def test_the_page_of_environments_has_every_environment_with_its_fields():
    for kind in concrete(environments, environments.AbstractEnvironment):
        table = rows(section("docs/environments.md", kind.__name__))

        assert {tuple(row[:3]) for row in table} == declared(kind), kind


def test_the_page_of_responses_names_every_response():
    text = text_of("docs/responses.md")
    names = [kind.__name__ for kind in concrete(responses, responses.AbstractResponse)]

    assert len(names) > 5
    assert not [name for name in names if f"`{name}" not in text]


def test_the_page_of_families_names_every_family():
    """With its choices and their defaults."""
    listed = {row[0].split("(")[0]: row[-1] for row in rows(text_of("docs/families.md"))}

    for family in concrete(families, families.AbstractFamily):
        choices = {
            f"`{field.name}={field.default!r}`"
            for field in dataclasses.fields(family)
            if field.name != "_class"
        }

        assert set(filter(None, listed[f"`{family.__name__}"].split(", "))) == choices, family


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


def test_a_term_of_the_field_leads_to_one_page():
    """The index of the site, which its search shows first."""
    code = (ROOT / "docs" / "extensions" / "words.py").read_text(encoding="utf-8")
    (words,) = [  # not imported, for that needs the extra docs
        ast.literal_eval(statement.value)
        for statement in ast.parse(code).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "WORDS"
    ]
    every = [word.lower() for page in words.values() for word in page]

    assert all((ROOT / "docs" / f"{page}.md").exists() for page in words)
    assert len(set(every)) == len(every) > 80
