"""The premade graphs are those of the literature."""

import inspect
import itertools
import math

import numpy as np
import pytest

import pynodes as pn


def edges(graph):
    """Coupling class and strength by parent and child."""
    return {(a, b): (type(c).__name__, float(c.strength)) for a, b, c in graph.edges}


def of(graph, field):
    """A parameter of every state, in order."""
    states = [n for n in graph.nodes.values() if isinstance(n, pn.ContinuousState)]
    return [float(getattr(node, field)) for node in states]


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_the_binary_hgf_is_a_ladder(levels):
    """An outcome, its logit, and above each state the log of its volatility."""
    graph = pn.models.binary_hgf(levels)

    names = [f"x{level}" for level in range(2, levels + 1)]
    assert list(graph.nodes) == ["u", *names]
    assert isinstance(graph.nodes["u"], pn.BinaryInput)
    expected = {("x2", "u"): ("Probability", 1.0)}
    expected |= {pair[::-1]: ("Volatility", 1.0) for pair in itertools.pairwise(names)}
    assert edges(graph) == expected


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_the_continuous_hgf_is_a_ladder(levels):
    graph = pn.models.continuous_hgf(levels)

    names = [f"x{level}" for level in range(1, levels + 1)]
    assert list(graph.nodes) == ["u", *names]
    assert isinstance(graph.nodes["u"], pn.ContinuousInput)
    expected = {("x1", "u"): ("Observation", 1.0)}
    expected |= {pair[::-1]: ("Volatility", 1.0) for pair in itertools.pairwise(names)}
    assert edges(graph) == expected


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_jget_is_two_ladders_on_one_input(levels):
    """One for the mean, one for the log of the noise; no noise besides."""
    graph = pn.models.jget(levels, noise_strength=0.8, noise_volatility_strength=0.5)

    assert graph.nodes["u"].precision == math.inf
    found = edges(graph)
    assert found.pop(("x1", "u")) == ("Observation", 1.0)
    assert found.pop(("a1", "u")) == ("Noise", 0.8)
    for letter, strength in (("x", 1.0), ("a", 0.5)):
        for level in range(1, levels):
            pair = (f"{letter}{level + 1}", f"{letter}{level}")
            assert found.pop(pair) == ("Volatility", strength)
    assert not found


def test_tonic_noise_comes_from_a_constant():
    """A log noise variance that is always there."""
    graph = pn.models.jget(1, tonic_noise=-2.0)

    assert isinstance(graph.nodes["bias"], pn.ConstantState)
    assert edges(graph)["bias", "u"] == ("Noise", -2.0)
    assert "bias" not in pn.models.jget(1).nodes
    # exp(a1 - 2): with a1 certain to be 0, the noise variance is exp(-2).
    network = graph.compile(marginalise=False).replace({"x1.tonic_volatility": -60.0})
    network = network.replace({"x1.initial_precision": 1e12})
    predicted = network.filter({"u": [0.0]})["u"].predicted_precision[0]
    np.testing.assert_allclose(predicted, np.exp(2.0), rtol=1e-9)


def test_defaults_of_the_binary_hgf_are_those_of_tapas():
    """Prior means of hgf_binary in the toolbox (7.1): mu_0 0, 1; sa_0 0.1, 1; om -3, -6."""
    graph = pn.models.binary_hgf(3)

    assert of(graph, "initial_mean") == [0.0, 1.0]
    assert of(graph, "initial_precision") == [10.0, 1.0]
    assert of(graph, "tonic_volatility") == [-3.0, -6.0]


def test_one_value_or_one_per_level():
    """Lowest first."""
    same = pn.models.continuous_hgf(3, tonic_volatility=-2.0, volatility_strength=0.5)
    each = pn.models.continuous_hgf(
        3,
        tonic_volatility=(-2.0, -3.0, -4.0),
        initial_mean=np.array([1.0, 2.0, 3.0]),
        volatility_strength=[0.5, 0.7],
        input_precision=9.0,
    )

    assert of(same, "tonic_volatility") == [-2.0] * 3
    assert of(each, "tonic_volatility") == [-2.0, -3.0, -4.0]
    assert of(each, "initial_mean") == [1.0, 2.0, 3.0]
    assert edges(same)["x3", "x2"] == ("Volatility", 0.5)
    assert edges(each)["x3", "x2"] == ("Volatility", 0.7)
    assert each.nodes["u"].precision == 9.0


def test_states_drift_and_are_drawn():
    """A state keeps a share of its mean and moves by its drift: 0.8 · 2 + 0.3, then on."""
    for model, state in ((pn.models.continuous_hgf, "x1"), (pn.models.binary_hgf, "x2")):
        graph = model(2, tonic_drift=0.3, autoconnection=0.8, initial_mean=2.0)
        beliefs = graph.compile().filter({"u": [np.nan, np.nan]})
        np.testing.assert_allclose(
            beliefs[state].predicted_mean, [1.9, 0.8 * 1.9 + 0.3], rtol=1e-12
        )


def test_states_side_by_side_may_begin_apart():
    """The lowest level of several states takes a list; a state above has one value as before."""
    beginning = [np.log([0.5, 0.3, 0.2]).tolist(), 1.5]
    graph = pn.models.categorical_hgf(3, 3, normalised=True, initial_mean=beginning)
    assert [graph.nodes[f"x2_{code}"].initial_mean for code in range(3)] == beginning[0]
    assert graph.nodes["x3"].initial_mean == 1.5
    arms = pn.models.bandit_hgf(2, 2, initial_mean=[[0.4, -0.4]], initial_precision=[[1.0, 4.0]])
    assert [arms.nodes[f"x2_{arm}"].initial_precision for arm in range(2)] == [1.0, 4.0]
    with pytest.raises(pn.GraphError, match="initial_mean of the lowest level has 2 values"):
        pn.models.categorical_hgf(3, 3, initial_mean=[[0.0, 1.0], 1.0])


def test_settings_go_to_the_graph():
    graph = pn.models.binary_hgf(expansion="standard", marginalise=False, probability_clip=0.01)

    assert graph.settings.expansion == pn.Standard()
    assert not graph.settings.marginalise
    assert graph.settings.probability_clip == 0.01


def test_scaled_parameters_fit_the_units_of_the_series():
    """The same series in other units gives the same beliefs, in those units.

    Under Unbounded, which is not chaotic on three levels of this series.
    """
    rates = pn.data.usd_chf()
    scale, shift = 1000.0, 250.0

    def run(series):
        network = pn.models.continuous_hgf(**pn.models.scaled_to(series, 3)).compile(
            expansion="unbounded"
        )
        return network.filter({"u": series})

    one, other = run(rates), run(scale * rates + shift)

    np.testing.assert_allclose(other["x1"].mean, scale * one["x1"].mean + shift, rtol=1e-9)
    np.testing.assert_allclose(other["x2"].mean, one["x2"].mean, rtol=1e-7)
    change = len(rates) * np.log(scale)
    np.testing.assert_allclose(np.sum(other.surprise), np.sum(one.surprise) + change, rtol=1e-8)


def test_the_scale_is_that_of_the_first_twenty_values():
    """As TAPAS places its priors; NaN is no value."""
    series = np.concatenate([[np.nan], np.arange(20.0), [1000.0]])

    found = pn.models.scaled_to(series)

    variance = np.var(np.arange(20.0))
    np.testing.assert_allclose(found["input_precision"], 1 / variance)
    np.testing.assert_allclose(found["tonic_volatility"], [np.log(variance), -4.0])
    assert found["initial_mean"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: pn.models.binary_hgf(1), "at least 2, not 1"),
        (lambda: pn.models.binary_hgf(2.0), "whole number of at least 2, not 2.0"),
        (lambda: pn.models.binary_hgf(True), "not True"),
        (lambda: pn.models.continuous_hgf(0), "at least 1, not 0"),
        (lambda: pn.models.jget(-1), "at least 1, not -1"),
        (
            lambda: pn.models.binary_hgf(3, tonic_volatility=(-3.0, -6.0, -6.0)),
            "tonic_volatility has 3 values, but there are 2",
        ),
        (
            lambda: pn.models.jget(2, noise_volatility_strength=(1.0, 2.0)),
            "volatility_strength has 2 values",
        ),
        (lambda: pn.models.scaled_to(np.ones(30)), "shows no variance"),
        (lambda: pn.models.scaled_to([np.nan, 1.0]), "shows no variance"),
        (lambda: pn.models.binary_hgf(expansion="ehgf"), "No expansion is named 'ehgf'"),
    ],
)
def test_what_makes_no_model_is_refused(wrong, sentence):
    with pytest.raises(pn.GraphError, match=sentence):
        wrong()


def test_a_parameter_outside_its_range_is_refused():
    with pytest.raises(pn.ParameterError, match="'x2': initial_precision must be positive, not 0"):
        pn.models.continuous_hgf(2, initial_precision=(1.0, 0.0))


@pytest.mark.parametrize("model", ["binary_hgf", "continuous_hgf", "jget"])
def test_every_model_filters_and_names_its_source(model):
    """With its defaults, on a series that suits it."""
    build = getattr(pn.models, model)
    beliefs = build().compile().filter({"u": [1.0, 0.0, np.nan, 1.0]})

    assert np.isfinite(beliefs.surprise).all()
    assert "Source:" in inspect.getdoc(build)
