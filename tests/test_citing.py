"""Citing: every part is cited by the paper that its description names; versions and settings are told."""

import platform
import re
from importlib import metadata
from pathlib import Path

import jax
import pytest

import pynodes as pn
import pynodes._citing
from pynodes._citing.citation import METHODS, PROGRAMS
from pynodes._citing.references import read_references
from tests.fit.cases import chooser, table

LIBRARY = read_references()


def concrete(package, base):
    """The public classes of a package that can be made."""
    found = [k for k in vars(package).values() if isinstance(k, type) and issubclass(k, base)]
    return [kind for kind in dict.fromkeys(found) if not kind.__name__.startswith("Abstract")]


PARTS = [
    *concrete(pn.nodes, pn.AbstractNode),
    *concrete(pn.couplings, pn.AbstractCoupling),
    *concrete(pn, pn.AbstractExpansion),
    *concrete(pn.families, pn.AbstractFamily),
    *concrete(pn.responses, pn.responses.AbstractResponse),
]


def source_of(kind):
    """What a description names as its source."""
    return re.sub(r"\s+", " ", (kind.__doc__ or "").partition("Source:")[2])


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_every_identifier_in_a_source_is_in_the_library(kind):
    """The DOIs and numbers of preprints, as they stand in the description."""
    said = source_of(kind)
    dois = [doi.rstrip(".,;:)") for doi in re.findall(r"doi (10\.\d+/\S+)", said)]
    preprints = re.findall(r"arXiv (\d{4}\.\d{5})", said)

    assert set(dois) <= {one.fields.get("doi") for one in LIBRARY.values()}
    assert set(preprints) <= {one.fields.get("eprint") for one in LIBRARY.values()}


def test_every_reference_is_named_by_some_part():
    """A paper that nothing is after would never be cited."""
    sources = [source_of(kind) for kind in PARTS]
    behind = {*PROGRAMS, *(key for keys in METHODS.values() for key in keys)}

    assert behind <= set(LIBRARY)
    for key in set(LIBRARY) - behind:
        assert any(LIBRARY[key].is_named_in(source) for source in sources), key


def test_entries_are_whole():
    text = Path(pynodes._citing.__path__[0], "references.bib").read_text("utf-8")

    assert len(LIBRARY) == text.count("\n@") + text.startswith("@")
    for key, one in LIBRARY.items():
        assert {"author", "title", "year"} <= set(one.fields)
        assert one.bibtex.count("{") == one.bibtex.count("}")
        assert one.bibtex.startswith(f"@{one.kind}{{{key},")
        assert one.marks or one.bibtex in text


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("kalman1960", "Kalman 1960"),
        ("rescorla1972", "Rescorla and Wagner 1972"),
        ("delmoral2006", "Del Moral et al. 2006"),
        ("frassle2021", "Frässle et al. 2021"),
        ("pynodes", "the pynodes developers 2026"),
    ],
)
def test_a_text_cites_family_names_and_year(key, expected):
    assert LIBRARY[key].cited == expected


def cited(*things):
    return {one.key for one in pn.cite(*things).references}


def test_a_model_cites_the_papers_of_its_parts_and_no_others():
    binary = pn.models.binary_hgf(expansion="standard")

    assert cited(binary) == {"pynodes", "jax2018", "mathys2011", "mathys2014", "weber2023"}
    assert "rescorla1972" in cited(pn.Graph().add(u=pn.RescorlaWagner()))
    assert cited(pn.Unbounded()) == {"pynodes", "jax2018", "legrand2024"}
    assert cited(pn.RescorlaWagner()) == {"pynodes", "jax2018", "rescorla1972", "frank2007"}
    assert {"diaconis1979"} < cited(
        pn.Graph().add(u=pn.ExponentialFamilyState(family=pn.families.Poisson()))
    )


def test_an_agent_cites_its_responses_too():
    agent = pn.Agent(
        pn.models.binary_hgf(),
        {"choice": pn.responses.UnitSquareSigmoid(), "time": pn.responses.LogReactionTime()},
    )

    assert {"lawson2017", "mathys2011"} <= cited(agent)
    assert "lawson2017" not in cited(agent.network)


@pytest.mark.slow
def test_a_fit_cites_how_it_was_made_and_tells_its_settings():
    trials = pn.Trials(table(), inputs="u", actions="y", by=["subject", "session"])
    fit = pn.fit_map(chooser(), trials, starts=2, refine=1, seed=71)
    citation = pn.cite(fit)

    assert citation.provenance["seed"] == 71
    assert citation.provenance["method"] == "map"
    assert (
        "most probable values of every subject, with seed 71, starts 2, refine 1." in citation.text
    )


def test_samplers_are_cited():
    assert METHODS["nuts"] == ("hoffman2014",)
    assert set(METHODS) == {"nuts", "smc", "pathfinder"}


def test_versions_are_those_of_what_is_installed():
    citation = pn.cite()

    assert citation.provenance["jax"] == metadata.version("jax")
    assert citation.provenance["numpy"] == metadata.version("numpy")
    assert citation.provenance["python"] == platform.python_version()
    assert f"pynodes {pn.__version__}" in citation.text
    assert ("double" if jax.config.jax_enable_x64 else "single") in citation.text
    assert str(citation) == f"{citation.text}\n\n{citation.bibtex}"
    assert "```bibtex" in citation._repr_markdown_()


def test_a_kind_of_ones_own_cites_what_it_is_made_from():
    class Faster(pn.ContinuousState):
        """A state without a source of its own."""

    class Named(pn.ContinuousState):
        """A state with one.

        Source: Kalman (1960), doi 10.1115/1.3662552.
        """

    assert "weber2023" in cited(Faster())
    assert cited(Named()) == {"pynodes", "jax2018", "kalman1960"}


@pytest.mark.parametrize("thing", [3, "graph", {"u": [1.0]}, None])
def test_what_has_no_sources_is_refused(thing):
    with pytest.raises(pn.InputError, match="has no sources"):
        pn.cite(thing)
