"""NoisyBinaryInput beside three recorded runs of the TAPAS HGF toolbox with perceptual uncertainty.

All three match, but for one number that the toolbox shows and that enters nothing else: its classic
models give the outcome the variance of its probability after the update, times that of its logit; its
enhanced one gives none. Ours is that of the outcome given the reading.
"""

import functools

import numpy as np
import pytest

import pynodes as pn
from tests.oracles.tapas_records import FOLDER, part, worst

RUNS = ("hgf_binary_pu__base", "ehgf_binary_pu__base", "hgf_binary_pu_tbt__base")


@functools.cache
def believed(name):
    """Beliefs with a run's parameters, and what the toolbox believed."""
    data = np.load(FOLDER / f"percept_{name}.npz")
    values, series = data["parameters"], data["u"]
    (_, *means), (_, *variances), _, strengths, (_, *tonic) = np.split(values[:14], [3, 6, 9, 11])
    varied = series.ndim == 2
    noise, low, high = (1.0, *values[14:]) if varied else values[14:]
    graph = pn.models.binary_hgf(
        tonic_volatility=tonic,
        initial_mean=means,
        initial_precision=1 / np.array(variances),
        probability_strength=strengths[0],
        volatility_strength=strengths[1],
        expansion="enhanced" if name.startswith("e") else "standard",
        marginalise=False,
        probability_clip=1e-12,
    )
    percept = pn.NoisyBinaryInput(low=low, high=high, variance=noise)
    network = pn.Graph(**settings(graph)).extend({**graph.nodes, "u": percept}, graph.edges)
    inputs = {"u": series[:, 0], "u.variance": series[:, 1]} if varied else {"u": series}
    return network.compile().filter(inputs), part(data, "trajectories")


def settings(graph):
    """The settings of a graph, for another."""
    names = ("expansion", "marginalise", "probability_clip")
    return {name: getattr(graph.settings, name) for name in names}


@pytest.mark.parametrize("name", RUNS)
def test_beliefs_match(name):
    beliefs, recorded = believed(name)
    for column, node in enumerate(("u", "x2", "x3")):
        found = beliefs[node]
        assert worst(found.mean, recorded["mu"][:, column]) < 1e-8
        assert worst(found.predicted_mean, recorded["muhat"][:, column]) < 1e-8
        assert worst(1 / found.predicted_precision, recorded["sahat"][:, column]) < 1e-8
        if node != "u":
            assert worst(1 / found.precision, recorded["sa"][:, column]) < 1e-8


@pytest.mark.parametrize("name", RUNS)
def test_the_variance_that_the_toolbox_gives_an_outcome_is_of_something_else(name):
    beliefs, recorded = believed(name)
    probability = 1 / (1 + np.exp(-np.asarray(beliefs["x2"].mean)))
    product = probability * (1 - probability) / np.asarray(beliefs["x2"].precision)
    shown = np.zeros(len(product)) if name.startswith("e") else product
    np.testing.assert_allclose(recorded["sa"][:, 0], shown, rtol=1e-8)


@pytest.mark.parametrize("name", RUNS)
def test_learning_rates_match(name):
    """ψ, ε and ``wt``. Its first column the classic models divide by the error that was heard, as we do.

    The enhanced one divides by what the reading, not the percept, still differs from the probability.
    """
    beliefs, recorded = believed(name)
    for column, edge in ((1, "x2->u"), (2, "x3->x2")):
        found = beliefs.edge(edge)
        assert worst(found.precision_weight, recorded["psi"][:, column]) < 1e-8
        assert worst(found.weighted_error, recorded["epsi"][:, column]) < 1e-8
        assert worst(found.learning_rate, recorded["wt"][:, column]) < 1e-8
    edge = beliefs.edge("x2->u")
    rate = edge.implied_learning_rate
    if name.startswith("e"):
        moved = rate * edge.error
        rate = moved / (beliefs["u"].reading - beliefs["u"].predicted_mean - moved)
    assert worst(rate, recorded["wt"][:, 0]) < 1e-8
