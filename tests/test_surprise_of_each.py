"""The surprise of every input and of every step, and parameters as one array."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.small import OUTCOMES, STEPS, VALUES, binary, network, paired

NAMES = ("x.tonic_volatility", "top.tonic_volatility", "top->x.strength", "v.precision")
"""Parameters of a node, of a node above, of an edge and of an input."""

SERIES = {"u": VALUES, "v": np.where(np.arange(STEPS) == 2, np.nan, 1.0 - VALUES)}
"""Two inputs, one of which misses a step."""


def logs_of_densities(beliefs):
    """Surprise by input and step, from what was predicted: minus the logarithm of a Gaussian's density."""

    def surprise(name, value):
        mean, precision = beliefs[name].predicted_mean, beliefs[name].predicted_precision
        squared = np.asarray(precision) * (value - np.asarray(mean)) ** 2
        each = 0.5 * (np.log(2 * np.pi) - np.log(np.asarray(precision)) + squared)
        return np.where(np.isnan(value), 0.0, each)

    return {name: surprise(name, value) for name, value in SERIES.items()}


def test_each_is_what_the_predictions_say():
    two = network(paired())
    expected = logs_of_densities(two.filter(SERIES))
    by_input = two.surprise(SERIES, each="input")
    assert set(by_input) == {"u", "v"}
    for name, each in expected.items():
        np.testing.assert_allclose(by_input[name], each.sum(), rtol=1e-12)
    steps = two.surprise(SERIES, each="step")
    np.testing.assert_allclose(steps, expected["u"] + expected["v"], rtol=1e-12)
    np.testing.assert_allclose(two.surprise(SERIES), sum(by_input.values()), rtol=1e-13)


@pytest.mark.parametrize("each", few(["input", "step"], 1))
def test_gradients_of_each_are_central_differences(each):
    two = network(paired())

    @jax.jit
    def surprise(values):
        found = two.replace({NAMES: values}).surprise(SERIES, each=each)
        return jnp.stack([found["u"], found["v"]]) if each == "input" else found

    at = two.vector(NAMES)
    steps = 1e-6 * np.eye(len(NAMES))
    differences = np.stack([(surprise(at + step) - surprise(at - step)) / 2e-6 for step in steps])
    for derive in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(derive(surprise)(at).T, differences, rtol=1e-6, atol=1e-8)


def test_a_frozen_step_has_no_surprise():
    frozen = np.arange(STEPS) == 3
    steps = network(binary()).surprise({"u": OUTCOMES}, frozen=frozen, each="step")
    assert np.flatnonzero(np.asarray(steps) == 0.0).tolist() == [3]


def test_other_words_for_each_are_refused():
    with pytest.raises(pn.InputError, match="each must be"):
        network(binary()).surprise({"u": OUTCOMES}, each="node")


def test_one_array_replaces_as_many_numbers_would():
    two = network(paired())
    values = jnp.asarray([-2.5, -3.5, 0.4, 3.0])
    at_once = two.replace({NAMES: values})
    np.testing.assert_array_equal(at_once.vector(NAMES), values)
    one_by_one = two.replace(dict(zip(NAMES, values, strict=True)))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, at_once, one_by_one))
    reverse = two.replace({NAMES[::-1]: values[::-1]})
    assert jax.tree.all(jax.tree.map(jnp.array_equal, at_once, reverse))


def test_many_names_are_few_operations():
    """The program of a replacement does not grow with the number of names, of which all are of one kind."""

    def count_operations(states):
        graph = pn.Graph().add(u=pn.ContinuousInput())
        names = [f"x{number}" for number in range(states)]
        graph = graph.add(**{name: pn.ContinuousState() for name in names}).couple(names, "u")
        compiled = graph.compile()
        wanted = tuple(f"{name}.tonic_volatility" for name in names)

        def replace(values):
            return jax.tree.leaves(compiled.replace({wanted: values}))

        return len(jax.make_jaxpr(replace)(compiled.vector(wanted)).eqns)

    assert count_operations(40) == count_operations(5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({NAMES: jnp.zeros(3)}, "shape \\(4,\\)"),
        ({("x.volatility",): jnp.zeros(1)}, "x.volatility"),
        ({("x.tonic_volatility", "x.tonic_volatility"): jnp.zeros(2)}, "twice"),
        ({("v.precision",): jnp.asarray([-1.0])}, "v.precision"),
        ({("v.precision",): jnp.ones(1), "v.precision": 2.0}, "twice"),
    ],
)
def test_arrays_that_do_not_fit_their_names_are_refused(values, words):
    with pytest.raises(pn.ParameterError, match=words):
        network(paired()).replace(values)
