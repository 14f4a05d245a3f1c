"""Equations: what a graph says of itself in LaTeX is whole, balanced, and what it computes."""

import dataclasses
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.laws import cases

CONTROLS = {
    "discrete": pn.ContinuousState(tonic_volatility=-1.5, tonic_drift=0.3, autoconnection=0.7),
    "walk": pn.ContinuousState(tonic_volatility=-2.0, tonic_drift=-0.2),
    "exact": pn.ContinuousState(memory="exact", autoconnection=0.6, tonic_drift=0.4),
    "memoryless drift": pn.ContinuousState(memory="exact", tonic_drift=0.4),
}
"""States that walk in every way."""


def balanced(latex):
    """Whether every bracket, brace and environment that opens is closed in order."""
    tokens = re.findall(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\left\b|\\right\b|\\[{}]|[{}]", latex)
    opened = []
    for token in tokens:
        if token in ("\\{", "\\}"):
            continue
        if token.startswith("\\begin") or token in ("\\left", "{"):
            opened.append(token)
            continue
        closes = {"\\right": "\\left", "}": "{"}.get(token) or token.replace("end", "begin")
        if not opened or opened.pop() != closes:
            return False
    return not opened and latex.count("$") % 2 == 0


def value_of(latex, known):
    """A formula of numbers and known symbols, computed."""
    for symbol in sorted(known, key=len, reverse=True):
        latex = latex.replace(symbol, f"({known[symbol]!r})")
    rules = [
        (r"\\left|\\right|\\;", ""),
        (r"\\,", "*"),
        (r"\\(exp|ln|tanh|sin|max)\b", r" \1"),
        (r"\^\{([^{}]*)\}", r"**(\1)"),
        (r"\^(\d)", r"**\1"),
        (r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))"),
    ]
    for pattern, replacement in rules:
        latex = re.sub(pattern, replacement, latex)
    latex = re.sub(r"(?<=[\d)])\s*(?=\()", "*", latex)
    latex = re.sub(r"(?<=[\d)])\s+(?=exp|ln|tanh|sin|max)", "*", latex)
    latex = re.sub(r"(?<=\*\*\()(\d)(?=\()", r"\1*", latex)
    latex = re.sub(r"\b(tanh|sin|ln) *(\(?-?[\d.e-]+\)?)", r"\1(\2)", latex)
    names = {name: getattr(math, name) for name in ("exp", "tanh", "sin")}
    return eval(latex, {"__builtins__": {}}, names | {"ln": math.log, "max": max, "e": math.e})


def normal_of(equations, symbol):
    """Mean and variance in the line that says how a quantity moves."""
    line = next(line for line in equations.lines if line.startswith(f"{symbol}^{{(t)}} &"))
    inside = line.split(r"\mathcal{N}\left( ")[1].removesuffix(r" \right)")
    mean, variance = inside.split(r",\; ")
    return mean, variance


@pytest.mark.parametrize(
    "function", few(["identity", "tanh", "sin", "relu", "softplus", "square", "exp"], 2)
)
@pytest.mark.parametrize("kind", CONTROLS)
def test_a_walk_is_written_as_it_is_predicted(kind, function):
    """All parents known: mean and variance of a step are what the equation says, in any time."""
    graph = (
        pn.Graph()
        .add(x=CONTROLS[kind], a=pn.ConstantState(value=0.8), b=pn.ConstantState(value=-0.5))
        .couple("a", "x", pn.Drift(strength=-1.4, function=function))
        .couple("b", "x", pn.Drift(strength=0.3))
        .couple(["a", "b"], "x", pn.Volatility(strength=0.9))
    )
    network = graph.compile().replace({"x.initial_mean": 1.2, "x.initial_precision": 1e12})
    dt = 1.7
    _, found = network.step(network.start(), {"x": math.nan}, dt=dt)
    mean, variance = normal_of(graph.equations(numbers=True), "x")
    known = {r"\tau_t": dt, "x^{(t-1)}": 1.2, "a^{(t)}": 0.8, "b^{(t)}": -0.5}

    np.testing.assert_allclose(value_of(mean, known), found["x"].predicted_mean, rtol=1e-9)
    np.testing.assert_allclose(
        value_of(variance, known), 1 / found["x"].predicted_precision, rtol=1e-9
    )


@pytest.mark.parametrize("precision", [2.0, math.inf])
def test_an_input_is_written_as_it_is_predicted(precision):
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(precision=precision))
        .add(a=pn.ConstantState(value=0.8), b=pn.ConstantState(value=-0.5))
        .couple("a", "u", pn.Observation(strength=1.3))
        .couple("a", "u", pn.Drift(strength=-0.4))
        .couple("b", "u", pn.Noise(strength=0.6))
    )
    _, found = graph.compile().step(graph.compile().start(), {"u": math.nan}, dt=0.6)
    mean, variance = normal_of(graph.equations(numbers=True), "u")
    known = {r"\tau_t": 0.6, "a^{(t)}": 0.8, "b^{(t)}": -0.5}

    np.testing.assert_allclose(value_of(mean, known), found["u"].predicted_mean, rtol=1e-9)
    np.testing.assert_allclose(
        value_of(variance, known), 1 / found["u"].predicted_precision, rtol=1e-9
    )


@pytest.mark.parametrize("coupled", cases.COUPLED, ids=repr)
@pytest.mark.parametrize(
    "style", [{}, {"numbers": True}, {"complete": True, "timed": False}], ids=str
)
def test_every_coupling_is_written(coupled, style):
    graph = cases.graph_of(coupled, pn.Unbounded())
    equations = graph.equations(**style)
    text = str(equations)

    assert balanced(text)
    assert balanced(equations.aligned)
    assert ("\\tau_t" in text) == (style.get("timed", True) and "tau" in text)
    target = cases.target_of(coupled)
    own = "u" if target == "u" else r"\mathrm{child}"
    if not style.get("numbers"):
        assert any(rf"\mathrm{{parent}} \to {own}" in symbol for symbol in equations.values)
    else:
        assert f"{abs(coupled.coupling.strength):g}" in equations.aligned


@pytest.mark.parametrize("kind", cases.KINDS, ids=repr)
def test_every_kind_is_written_with_every_parameter(kind):
    """Complete, each parameter has a symbol of its own, which is in the equations and has its value."""
    graph = pn.Graph().add(node=kind)
    equations = graph.equations(complete=True)
    fields = dataclasses.fields(kind)
    declared = [field.name for field in fields if "parameter" in field.metadata]
    given = [*kind.required, *([kind.given] if kind.given else []), *getattr(kind, "unused", ())]

    assert balanced(str(equations))
    absent = [name for name in declared if getattr(kind, name) is None and name not in given]
    assert len(equations.values) == len(declared) - len(given) - len(absent)
    assert all(symbol in equations.aligned for symbol in equations.values)
    assert pn.node_equations.dispatch(type(kind)) is not pn.node_equations.dispatch(object)


def test_all_kinds_of_the_package_write_their_own():
    """In ``pynodes/_equations``: a method on a kind would be asked by nobody."""
    kinds = [k for k in vars(pn).values() if isinstance(k, type) and issubclass(k, pn.AbstractNode)]
    couplings = [k for k in vars(pn.couplings).values() if isinstance(k, type)]
    couplings = [kind for kind in couplings if issubclass(kind, pn.AbstractCoupling)]
    families = [k for k in vars(pn.families).values() if isinstance(k, type)]
    found = {
        write: [kind for kind in some if not kind.__name__.startswith("Abstract")]
        for write, some in (
            (pn.node_equations, kinds),
            (pn.coupling_term, couplings),
            (pn.family_equation, families),
        )
    }
    mute = [
        kind
        for write, some in found.items()
        for kind in some
        if write.dispatch(kind) is write.dispatch(object)
    ]

    assert all(len(some) >= least for some, least in zip(found.values(), (16, 8, 6), strict=True))
    assert not mute
    assert not [k for some in found.values() for k in some if {"equations", "term"} & set(vars(k))]


FAMILIES = [
    *(pn.families.Normal(), pn.families.Normal(freedom=3.0), pn.families.MultivariateNormal()),
    *(pn.families.Poisson(), pn.families.Exponential(), pn.families.Bernoulli()),
    pn.families.Categorical(),
]


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_every_family_is_written(family):
    graph = pn.Graph().add(
        one=pn.ExponentialFamilyState(family=family, growing=True),
        two=pn.DirichletProcessState(family=family),
    )
    text = str(graph.equations())

    assert balanced(text)
    assert text.count(type(family).__name__) >= 2


def test_values_are_those_of_the_graph():
    graph = pn.models.binary_hgf(tonic_volatility=[-2.5, -6.25], volatility_strength=0.75)
    values = graph.equations().values

    assert values[r"\omega_{x_{2}}"] == "-2.5"
    assert values[r"\omega_{x_{3}}"] == "-6.25"
    assert values[r"\kappa_{x_{3} \to x_{2}}"] == "0.75"


def test_copies_are_folded_into_one_line():
    one = pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState(), s=pn.ContinuousState())
    one = one.couple("x", "u").couple("s", "x", pn.Volatility(strength=0.5))
    few, many = (one.repeat(times, shared=["s"]).equations() for times in (2, 40))

    assert len(few.lines) == len(many.lines) == len(one.equations().lines)
    assert r"u_{k}^{(t)} &" in many.aligned
    assert r"k = 0, \dots, 39" in many.aligned
    assert r"\kappa_{s \to x_{k}}" in many.values


def test_copies_that_differ_are_written_apart_and_their_values_are_told():
    one = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")
    other = one.repeat(2).revise({"x[1]": pn.ContinuousState(tonic_volatility=-1.0)})
    drifting = one.repeat(2).revise({"x[1]": pn.ContinuousState(tonic_drift=0.5)})

    assert other.equations().values[r"\omega_{x_{k}}"] == "-4, -1"
    assert any(line.startswith("x_{1}^{(t)}") for line in drifting.equations().lines)
    assert any(line.startswith("x_{1}^{(t)}") for line in other.equations(numbers=True).lines)


def test_parents_that_are_copies_are_summed():
    one = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")

    assert r"\sum_{j=0}^{4} x_{j}^{(t)}" in one.repeat(5, shared=["u"]).equations().aligned


def test_nested_copies_are_folded():
    one = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(), s=pn.ContinuousState())
    one = one.couple("x", "u").couple("s", "x", pn.Drift())
    twice = one.repeat(2, shared=["s"]).repeat(3)

    assert len(twice.equations().lines) == len(one.equations().lines)
    assert "s_{l}^{(t)}" in twice.equations().aligned


def test_names_that_would_look_alike_are_kept_apart():
    graph = pn.Graph().add(
        {"x2": pn.ContinuousState(), "x_2": pn.ContinuousState(), "x[2]": pn.ContinuousState()}
    )
    symbols = {line.split("^{(t)}")[0] for line in graph.equations().lines if "^{(t)} &" in line}

    assert len(symbols) == 3


@pytest.mark.parametrize("name", ["a_b", "50%", "a&b", "x{1}", "Überraschung", "a^b", "a\\b", "$"])
def test_any_name_can_be_written(name):
    graph = pn.Graph().add({name: pn.ContinuousState(expansion=pn.Standard())})

    assert balanced(str(graph.equations()).replace("\\$", ""))


class Pull(pn.ContinuousState):
    """A kind that says nothing of its own equations."""


class Odd(pn.AbstractNode):
    """A kind from scratch."""

    speed: float = pn.parameter(0.25)

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        return belief


def test_a_kind_of_ones_own_is_written_by_name_unless_it_says_more():
    graph = pn.Graph().add(p=Pull(), o=Odd())
    equations = graph.equations()

    assert (
        r"o^{(t)} &\sim \mathrm{Odd}\left( o^{(t-1)}, \mathrm{speed}_{o} \right)" in equations.lines
    )
    assert equations.values[r"\mathrm{speed}_{o}"] == "0.25"
    assert r"\omega_{p}" in equations.values


def test_expansions_and_choices_of_nodes_are_named():
    graph = pn.Graph(expansion="enhanced", marginalise=False).add(
        x=pn.ContinuousState(), y=pn.ContinuousState(expansion=pn.Standard())
    )
    text = graph.equations().text

    assert "enhanced expansion ($\\mathrm{y}$: standard)" in text
    assert "left out the uncertainty" in text


def test_a_notebook_shows_both_forms():
    equations = pn.models.binary_hgf().equations()

    assert equations._repr_latex_().startswith("\\begin{align*}")
    assert equations._repr_markdown_().startswith("$$\n\\begin{aligned}")
    assert repr(equations) == str(equations)


def test_what_is_traced_is_written_by_its_symbol():
    def written(value):
        graph = pn.Graph().add(x=pn.ContinuousState(tonic_volatility=value))
        assert r"\omega_{x}" in graph.equations(numbers=True).aligned
        return value

    assert jax.grad(written)(jnp.asarray(1.0)) == 1.0


def test_a_hidden_alternative_decides_which_probability_is_meant():
    graph = pn.Graph().add(z=pn.BinaryState(), u=pn.BinaryInput())
    graph = graph.couple("z", "u", pn.Emission(probabilities=[0.2, 0.7]))

    assert r"\operatorname{logit} \left[ p_{z \to u} \right]_{z^{(t)}}" in graph.equations().aligned
    assert graph.equations().values[r"p_{z \to u}"] == "(0.2, 0.7)"


def test_parents_of_statistics_are_written_at_their_components():
    """The components are counted from 1 in equations, as in the theory."""
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(), x=pn.ContinuousState())
    followed = graph.couple("x", "u", pn.Statistic(component=1, strength=2.0)).equations()
    counted = graph.couple("x", "u", pn.PseudoCount(strength=0.5)).equations()

    assert (
        r"\left[ \hat{\xi}_{u}^{(t)} \right]_{2} &= \alpha_{x \to u} \, x^{(t)}" in followed.lines
    )
    assert (
        r"\left[ \hat{\xi}_{u}^{(t)} \right]_{1} &= \left[ \xi_{u}^{(t-1)} \right]_{1}"
        in followed.lines
    )
    assert r"\nu_{u} \exp\left( \kappa_{x \to u} \, x^{(t)} \right)" in counted.aligned
