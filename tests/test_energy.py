"""The energy of a graph, and the scheme as an exchangeable part of a network."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._engine import sweeps
from pynodes._engine.energy import group_energy


def normal(x, mean, variance):
    """Minus the log density of a normal distribution."""
    return 0.5 * (math.log(2 * math.pi * variance) + (x - mean) ** 2 / variance)


def test_energy_is_minus_the_log_density_of_the_values():
    """Written out: every node given its parents at their values, and its own belief of the step before."""
    graph = pn.Graph().add(
        u=pn.ContinuousInput(precision=4.0),
        b=pn.BinaryInput(),
        x=pn.ContinuousState(
            tonic_volatility=-1.0, tonic_drift=0.3, initial_mean=0.5, initial_precision=2.0
        ),
        v=pn.ContinuousState(tonic_volatility=-2.0),
    )
    graph = graph.couple("x", "u").couple("x", "b", pn.Probability(strength=2.0))
    network = graph.couple("v", "x", pn.Volatility(strength=0.7)).compile()
    values = {"u": 1.5, "b": 1.0, "x": 0.8, "v": -0.4}

    found = network.energy(values, dt=0.5)

    assert list(found) == ["u", "b", "x", "v"]
    growth = 0.5 * math.exp(-1.0 + 0.7 * -0.4)
    np.testing.assert_allclose(found["u"], normal(1.5, 0.8, 0.25), rtol=1e-12)
    np.testing.assert_allclose(found["b"], math.log1p(math.exp(-1.6)), rtol=1e-12)
    np.testing.assert_allclose(found["x"], normal(0.8, 0.5 + 0.5 * 0.3, 0.5 + growth), rtol=1e-12)
    np.testing.assert_allclose(found["v"], normal(-0.4, 0.0, 1 + 0.5 * math.exp(-2.0)), rtol=1e-12)


def test_energy_of_an_array_is_that_of_its_elements():
    weights = np.array([[1.0, -0.5], [0.3, 0.8], [0.0, 2.0]])
    graph = pn.Graph().add(u=pn.ContinuousInput(shape=3), x=pn.ContinuousState(shape=2))
    network = graph.couple("x", "u", pn.Dense(weights=weights, function="tanh")).compile()
    x, u = np.array([0.2, -1.0]), np.array([0.1, 0.4, -2.0])

    found = network.energy({"x": x, "u": u})

    expected = sum(normal(a, m, 1.0) for a, m in zip(u, weights @ np.tanh(x), strict=True))
    np.testing.assert_allclose(found["u"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "coupling"),
    [
        (
            pn.ContinuousInput(precision=3.0),
            pn.Observation(strength=0.7, function="tanh", curvature="exact"),
        ),
        (pn.ContinuousInput(precision=3.0), pn.Drift(strength=0.7)),
        (pn.BinaryInput(), pn.Probability(strength=1.3)),
        (
            pn.ContinuousState(tonic_volatility=-1.0),
            pn.Drift(strength=0.4, function="softplus", curvature="exact"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_its_slope_along_an_edge_is_minus_the_evidence(kind, coupling):
    """The message is a derivative of one term of the energy: slope and curvature, at a known parent."""
    network = (
        pn.Graph()
        .add(c=kind, p=pn.ContinuousState())
        .couple("p", "c", coupling)
        .compile(marginalise=False)
    )
    (child, _), (parent, _) = network.labels.nodes["c"], network.labels.nodes["p"]
    program, begin = network.program, sweeps.start(network.program)
    value, at = jnp.asarray(1.0), jnp.asarray(0.3)

    def term(x):
        return group_energy(program, {child: value, parent: x}, begin, 0.5)[child]

    def view(index, belief):
        return pn.Gaussian.certain(at) if index == parent else belief

    predicted = sweeps.predict(program, begin, 0.5, view)[child]
    node = program.nodes[child]
    seen = node.observe(predicted, value, True)
    bound = program.couplings[0]
    evidence = bound.evidence(pn.Gaussian.certain(at), seen, 0.5)

    np.testing.assert_allclose(jax.grad(term)(at), -evidence.gradient, rtol=1e-12)
    np.testing.assert_allclose(jax.hessian(term)(at), evidence.curvature, rtol=1e-10)


def test_energies_are_differentiable_and_batched():
    network = pn.models.binary_hgf(levels=3).compile()

    def total(x2):
        return sum(network.energy({"u": 1.0, "x2": x2, "x3": 0.0}).values())

    slopes = jax.vmap(jax.grad(total))(jnp.array([-1.0, 0.0, 1.0]))
    central = [(total(x + 1e-5) - total(x - 1e-5)) / 2e-5 for x in (-1.0, 0.0, 1.0)]
    np.testing.assert_allclose(slopes, central, rtol=1e-7)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"u": 1.0, "x2": 0.0}, "needs a value for 'x3', a ContinuousState"),
        ({"u": 1.0, "x2": 0.0, "x3": 0.0, "x4": 0.0}, "no node 'x4'. Known here"),
        ({"u": 0.5, "x2": 0.0, "x3": 0.0}, "'u' takes 0 or 1, not 0.5"),
        ({"u": 1.0, "x2": [0.0, 1.0], "x3": 0.0}, r"'x2' has values of shape \(\), not \(2,\)"),
        ({"u": 1.0, "x2": "high", "x3": 0.0}, "'x2' is at a real number"),
        ({"u": 1.0, "x2": np.nan, "x3": 0.0}, "'x2' takes finite numbers"),
        ([1.0, 0.0, 0.0], "Give values by node name"),
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(values, words):
    with pytest.raises(pn.InputError, match=words):
        pn.models.binary_hgf(levels=3).compile().energy(values)


# Schemes


def test_the_closed_form_keeps_the_laws():
    pn.testing.check_scheme(pn.ClosedForm())


@dataclasses.dataclass(frozen=True)
class Deaf(pn.AbstractScheme):
    """Beliefs stay as they are predicted, whatever is observed."""

    def infer(self, program, beliefs, seen, dt, gates):
        return beliefs, dict.fromkeys(beliefs, False)


@dataclasses.dataclass(frozen=True)
class Impatient(pn.AbstractScheme):
    """The closed form, half of the way."""

    def infer(self, program, beliefs, seen, dt, gates):
        after, evident = sweeps.update(program, beliefs, seen, dt, gates)

        def halfway(index):
            if index in seen:
                return after[index]
            mean = 0.5 * (beliefs[index].mean + after[index].mean)
            return after[index].updated(mean, after[index].variance)

        return {index: halfway(index) for index in after}, evident


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        (Deaf(), "an observed node is where it was seen"),
        (Impatient(), "moves to its posterior mean"),
    ],
    ids=["deaf", "impatient"],
)
def test_schemes_that_break_a_law_are_named(scheme, words):
    with pytest.raises(AssertionError, match=words):
        pn.testing.check_scheme(scheme)


def test_the_scheme_is_part_of_the_structure():
    """Another scheme is another program; the same one, made again, is the same."""
    graph = pn.models.binary_hgf(levels=2)
    plain, named = graph.compile(), graph.compile(scheme=pn.ClosedForm())

    assert jax.tree.structure(plain) == jax.tree.structure(named)
    assert jax.tree.structure(plain) != jax.tree.structure(graph.compile(scheme=Impatient()))
    assert graph.with_settings(scheme=Impatient()).compile().program.scheme == Impatient()


def test_a_scheme_comes_back_from_text():
    """By its name; one of one's own is named in kinds."""
    text = pn.models.binary_hgf().with_settings(scheme=pn.ClosedForm()).to_json()
    own = pn.models.binary_hgf().with_settings(scheme=Impatient()).to_json()

    assert pn.Graph.from_json(text).settings.scheme == pn.ClosedForm()
    assert pn.Graph.from_json(own, kinds=[Impatient]).settings.scheme == Impatient()
    with pytest.raises(pn.FormatError, match=r"No scheme is named 'Impatient'.*kinds"):
        pn.Graph.from_json(own)


def test_what_is_no_scheme_is_refused():
    with pytest.raises(
        pn.GraphError, match=r"scheme must be a scheme, such as pynodes\.ClosedForm"
    ):
        pn.models.binary_hgf().compile(scheme="closed form")
