"""Documents of somebody else's: what cannot be meant is refused in words, before memory or time is spent."""

import copy
import json

import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases
from tests.small import paired, tracked

TEXT = tracked().to_json(indent=None)


def entry(family, **choices):
    """The text of a graph of one node that asks for something of a family."""
    node = {"name": "a", "kind": "ExponentialFamilyState", "choices": {"family": family, **choices}}
    return json.dumps({"format": "pynodes-graph", "version": 1, "nodes": [node]})


def many(count, outcomes):
    """The text of a graph of many nodes that each ask for much."""
    nodes = [
        {"name": f"n{i}", "kind": "CategoricalState", "choices": {"outcomes": outcomes}}
        for i in range(count)
    ]
    return json.dumps({"format": "pynodes-graph", "version": 1, "nodes": nodes})


def changed(old, new):
    """A graph's text with something else in it."""
    assert old in TEXT
    return TEXT.replace(old, new, 1)


DIGITS = "9" * 400
HOSTILE = {
    "lists without end": ("[" * 100_000, pn.FormatError, "nested"),
    "objects without end": ('{"a":' * 100_000, pn.FormatError, "nested"),
    "lists that are closed": ("[" * 90 + "]" * 90, pn.FormatError, "more than 50 deep"),
    "version of 5000 digits": (
        changed('"version": 1', '"version": ' + "1" * 5000),
        pn.FormatError,
        "5000 digits",
    ),
    "version that is true": (changed('"version": 1', '"version": true'), pn.FormatError, "True"),
    "version of a fraction": (changed('"version": 1', '"version": 1.0'), pn.FormatError, "1.0"),
    "parameter of 400 digits": (changed("-4.0", DIGITS), pn.FormatError, "400 digits"),
    "parameter of 300 digits": (
        changed('"initial": {"mean": 0.0', '"initial": {"mean": ' + "1" * 300 + "0000000000"),
        pn.FormatError,
        "310 digits",
    ),
    "exponent without end": (changed("-4.0", "-1e400"), pn.FormatError, "-1e400 is beyond"),
    "infinite parameter": (changed("-4.0", "Infinity"), pn.ParameterError, "must be finite"),
    "section twice": (TEXT[:-1] + ', "nodes": []}', pn.FormatError, "'nodes' stands twice"),
    "parameter twice": (
        changed('"tonic_volatility": -4.0', '"tonic_volatility": -4.0, "tonic_volatility": 3.0'),
        pn.FormatError,
        "'tonic_volatility' stands twice",
    ),
    "rows of different lengths": (
        entry({"name": "Normal"}).replace(
            '"choices"', '"initial": {"statistics": [[1], [1, 2]]}, "choices"'
        ),
        pn.ParameterError,
        "array of them as lists",
    ),
    "dimension": (
        entry({"name": "MultivariateNormal", "dimension": 100_000}),
        pn.FormatError,
        "would hold 5000150000 numbers",
    ),
    "outcomes": (
        entry({"name": "Categorical", "outcomes": 10**9}),
        pn.FormatError,
        "'outcomes' is",
    ),
    "many outcomes": (many(30, 10**6), pn.FormatError, "more than a document can ask for"),
    "components": (
        json.dumps(
            {
                "format": "pynodes-graph",
                "version": 1,
                "nodes": [
                    {
                        "name": "a",
                        "kind": "DirichletProcessState",
                        "choices": {"components": 10**5, "hypotheses": 10**5},
                    }
                ],
            }
        ),
        pn.FormatError,
        "numbers, more than",
    ),
    "choice that is a list": (entry({"name": "Normal"}, growing=[]), pn.FormatError, "a word or"),
    "bytes that are no text": (b"\xff\xfe\x00", pn.FormatError, "not JSON"),
    "nothing": ("", pn.FormatError, "not JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_in_words(name):
    text, error, said = HOSTILE[name]

    with pytest.raises(error, match=said):
        pn.Graph.from_json(text)


VALUES = {
    "nothing": None,
    "truth": True,
    "negative": -1,
    "beyond 64 bits": 2**63,
    "beyond floats": -(10**400),
    "beyond texts": 10**5000,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "text": "a->b",
    "half of a letter": "\ud800",
    "list": [],
    "ragged": [[1], [1, 2]],
    "mixed": [1, "a"],
    "object": {"name": "Normal"},
    "array": np.zeros((0, 3)),
    "thing": object(),
}


def ways(document, at=()):
    """The way to every entry of a document."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inside:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from ways(value, (*at, key))


def one_of_each():
    """The document of a graph with nodes of many kinds, families and couplings."""
    graph = paired().add(
        many=pn.ExponentialFamilyState(family=pn.families.MultivariateNormal(dimension=2)),
        clusters=pn.DirichletProcessState(components=3),
        markov=pn.HiddenMarkov(),
        seen=pn.CategoricalInput(outcomes=3),
        chosen=pn.ContinuousState(memory="exact", expansion=pn.Enhanced()),
    )
    return graph.couple("chosen", "seen", pn.Category(outcome=1)).to_dict()


@pytest.mark.parametrize(
    "document", [cases.rich_graph().to_dict(), one_of_each()], ids=["rich", "each"]
)
@pytest.mark.parametrize("value", few(VALUES, 6))
def test_whatever_stands_in_a_document_it_is_read_or_refused(value, document):
    """Every entry in turn is something else. There is never an error of another kind."""
    for *above, key in ways(document):
        found = copy.deepcopy(document)
        place = found
        for step in above:
            place = place[step]
        place[key] = VALUES[value]
        try:
            graph = pn.Graph.from_dict(found)
            pn.Graph.from_json(graph.to_json())
        except pn.PynodesError:
            continue


def test_a_number_that_is_only_large_is_read():
    """Infinity is written as such; the largest and the smallest number are themselves."""
    graph = pn.Graph.from_json(
        json.dumps(
            {
                "format": "pynodes-graph",
                "version": 1,
                "nodes": [
                    {"name": "u", "kind": "ContinuousInput", "parameters": {"precision": np.inf}},
                    {"name": "c", "kind": "ConstantState", "parameters": {"value": 1.7e308}},
                    {"name": "d", "kind": "ConstantState", "parameters": {"value": 10**300}},
                ],
            }
        )
    )

    assert graph.nodes["u"].precision == np.inf
    assert graph.nodes["c"].value == 1.7e308
    assert graph.nodes["d"].value == 1e300


@pytest.mark.parametrize("number", [10**400, -(10**5000)], ids=["400 digits", "5000 digits"])
def test_a_whole_number_beyond_all_floats_is_refused_where_it_is_given(number):
    """Python's whole numbers have no end; those of a series, a time or a parameter have."""
    network = pn.models.continuous_hgf().compile()

    with pytest.raises(pn.InputError, match="'u' is not a series"):
        network.filter({"u": [number, 1]})
    with pytest.raises(pn.InputError, match="dt"):
        network.filter({"u": [1.0, 2.0]}, dt=[number, 1])
    with pytest.raises(pn.InputError, match="frozen"):
        network.filter({"u": [1.0, 2.0]}, frozen=[number, 1])
    with pytest.raises(pn.ParameterError, match=r"tonic_volatility.*beyond"):
        pn.Graph().add(x=pn.ContinuousState(tonic_volatility=number))
    with pytest.raises(pn.DataError, match="row 0"):
        pn.Trials({"u": [number, 1], "y": [0, 1]}, inputs="u", actions="y")
