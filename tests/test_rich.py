"""What shows itself in a notebook and in a terminal: short, escaped, and right."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases

PRIORS = [
    *(pn.Normal(-3.0, 2.0), pn.LogNormal(1.0, 0.5), pn.LogitNormal(0.3, 1.0), pn.Beta(2.0, 3.0)),
    *(pn.Gamma(2.0, 1.0), pn.HalfNormal(1.0)),
]
RESPONSES = [
    pn.responses.UnitSquareSigmoid(),
    pn.responses.Softmax(),
    pn.responses.LogReactionTime(),
    pn.responses.GaussianResponse(),
]
COUPLINGS = [case.coupling for case in cases.COUPLED]
MODULES = [*cases.KINDS, *COUPLINGS, *PRIORS, *RESPONSES]


def text_of(page):
    """The words of a page, without its tags."""
    return re.sub(r"<[^>]*>", " ", page)


@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_kinds_couplings_priors_and_responses_say_what_they_are(module):
    page = module._repr_html_()

    assert type(module).__name__ in page
    assert "color" not in page
    for name, value in module.parameters().items() if hasattr(module, "parameters") else ():
        assert name in text_of(page)
        if np.ndim(value) == 0:
            assert f"{float(value):.6g}" in text_of(page)
    assert len(repr(module)) < 300


def test_parameters_are_shown_with_symbols_and_values():
    page = pn.ContinuousState(tonic_volatility=-2.25, autoconnection=0.875)._repr_html_()

    assert "<td>tonic_volatility</td><td>ω</td><td>-2.25</td>" in page
    assert "<td>autoconnection</td><td>λ</td><td>0.875</td>" in page
    assert "<td>memory</td><td></td><td>&#x27;discrete&#x27;</td>" in page


def test_a_network_shows_its_parameters_as_they_are():
    network = pn.models.binary_hgf().compile().replace({"x3.tonic_volatility": -7.125})
    page = network._repr_html_()

    assert "3 nodes and 2 edges" in page
    assert "tonic_volatility -7.125" in page
    assert "<td>x2</td><td>ContinuousState</td>" in page
    assert page.count("<tr>") == 4


def test_a_large_graph_and_its_network_are_cut():
    graph = pn.Graph().add({f"x{number}": pn.ContinuousState() for number in range(100)})

    assert "and 60 more" in graph._repr_html_()
    assert "and 70 more" in graph.compile()._repr_html_()


@pytest.mark.parametrize("name", ["<x>", "a&b", '"quoted"'])
def test_names_are_escaped_everywhere(name):
    graph = pn.Graph().add({"u": pn.ContinuousInput(), name: pn.ContinuousState()})
    graph = graph.couple(name, "u")
    beliefs = graph.compile().filter({"u": [1.0, 2.0]})
    shown = [graph, graph.compile(), beliefs, beliefs[name], beliefs.edge(f"{name}->u")]

    for thing in shown:
        page = thing._repr_html_()
        assert "<x>" not in page
        assert not re.search(r"&(?!amp;|lt;|gt;|quot;|#x27;)", page)


def test_beliefs_of_a_node_are_told_in_numbers():
    beliefs = pn.models.binary_hgf().compile().filter({"u": [1.0, 0.0, 1.0, 1.0]})
    means = np.asarray(beliefs["x2"].mean)
    page = beliefs["x2"]._repr_html_()
    expected = [f"{number:.4g}" for number in (means.min(), means.mean(), means.max(), means[-1])]

    assert "<td>mean</td><td>(4)</td>" + "".join(f"<td>{n}</td>" for n in expected) in page
    assert "a ContinuousState" in text_of(page).replace("&#x27;", "")


def test_errors_of_an_edge_are_told_in_numbers():
    beliefs = pn.models.binary_hgf().compile().filter({"u": [1.0, 0.0, 1.0]})
    edge = beliefs.edge("x2->u")

    assert repr(edge) == "EdgeBeliefs('x2->u', a Probability)"
    assert f"{float(np.max(edge.precision_weight)):.4g}" in edge._repr_html_()


def test_a_batch_is_shown_by_its_shape():
    network = pn.models.binary_hgf().compile()
    runs = jax.vmap(lambda u: network.filter({"u": u}))(jnp.ones((3, 5)))

    assert "(3, 5)" in runs._repr_html_()
    assert "<td>mean</td><td>(3, 5)</td>" in runs["x2"]._repr_html_()
    many = jax.vmap(lambda v: network.replace({"x2.tonic_volatility": v}))(jnp.arange(-3.0, 0.0))
    assert "tonic_volatility of shape (3,)" in many._repr_html_()


def test_what_is_traced_is_shown_as_such():
    def shown(value):
        assert "traced" in pn.ContinuousState(tonic_volatility=value)._repr_html_()
        return value

    assert jax.grad(shown)(2.0) == 1.0


def test_an_agent_shows_its_priors_and_what_is_fixed():
    agent = pn.agents.binary_hgf() if hasattr(pn.agents, "binary_hgf") else None
    agent = agent or pn.Agent(
        pn.models.binary_hgf(),
        pn.responses.UnitSquareSigmoid(),
        free={"x2.tonic_volatility": pn.Normal(-3.0, 2.0)},
    )
    page = agent._repr_html_()

    for name, prior in agent.priors.items():
        assert name in page
        assert repr(prior) in page
    for name in agent.fixed:
        assert name.replace(">", "&gt;") in page
    assert page.count("<tr>") == 1 + len(agent.names) + len(agent.fixed)
