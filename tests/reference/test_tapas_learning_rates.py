"""Weights, weighted errors and learning rates of edges beside those that the TAPAS HGF toolbox shows.

``psi``, ``epsi`` and ``wt`` of every recorded run of its HGFs, at every fifth trial, and ``lrx`` of its jget
models. All follow from beliefs; where our beliefs mean something else, those of the toolbox are taken
(``believed_as_toolbox``). Three things are called otherwise, and pinned here: a strength that the toolbox
leaves out, an interval that it leaves in, and an implied learning rate over what is left of the error.
"""

import numpy as np
import pytest

from tests.oracles.tapas_records import FOLDER, record
from tests.reference.test_tapas import DIRECT, believed, believed_as_toolbox

RATES = np.load(FOLDER / "learning_rates.npz")
NAMES = sorted({key.partition("/")[0] for key in RATES.files})
LADDERS = [name for name in NAMES if "jget" not in name]
EVERY = 5


def beliefs_of(name):
    """Beliefs with the toolbox's numbers."""
    return believed(name) if name in DIRECT else believed_as_toolbox(name)


def edges(name):
    """The edges of a run by the column in which the toolbox shows them."""
    run = record(name)
    if run.kind == "continuous":
        return {0: "x1->u"} | {j: f"x{j + 1}->x{j}" for j in range(1, run.levels)}
    return {1: "x2->u"} | {j: f"x{j + 1}->x{j}" for j in range(2, run.levels)}


def assert_close(actual, expected, ignored=None):
    """Equal to 1e-8 of the value, or of the typical size of the series; NaN on ignored trials at most."""
    actual = np.asarray(actual)[::EVERY]
    if ignored is not None:
        assert not np.any(np.isnan(expected) & ~ignored[::EVERY])
        actual, expected = actual[~ignored[::EVERY]], expected[~ignored[::EVERY]]
    size = np.maximum(np.abs(expected), max(np.median(np.abs(expected)), 1e-3))
    assert actual.shape == expected.shape
    assert np.all(np.abs(actual - expected) < 1e-8 * size)


def test_all_runs_are_there():
    assert len(LADDERS) >= 24
    assert len(NAMES) - len(LADDERS) == 5


@pytest.mark.parametrize("name", LADDERS)
def test_weights_and_weighted_errors_match(name):
    """ψ and ε of every level."""
    for column, edge in edges(name).items():
        found = beliefs_of(name).edge(edge)
        # At an ignored trial the toolbox repeats the errors of the one before; here there are none.
        ignored = np.isnan(record(name).series)
        assert_close(found.precision_weight, RATES[f"{name}/psi"][:, column], ignored)
        assert_close(found.weighted_error, RATES[f"{name}/epsi"][:, column], ignored)
        np.testing.assert_allclose(np.asarray(found.error)[ignored], 0, atol=1e-14)


@pytest.mark.parametrize("name", LADDERS)
def test_learning_rates_match(name):
    """``wt`` of every level: without κ₁, and with the interval that the second level's variance forgets."""
    run = record(name)
    for column, edge in edges(name).items():
        rate = np.asarray(beliefs_of(name).edge(edge).learning_rate)
        if edge == "x2->u":
            rate = rate / run.parameters["ka"][0]
        if edge == "x3->x2" and run.kind != "continuous":
            rate = rate * run.times
        assert_close(rate, RATES[f"{name}/wt"][:, column], np.isnan(run.series))


@pytest.mark.parametrize("name", [name for name in LADDERS if record(name).kind != "continuous"])
def test_implied_learning_rates_are_over_what_is_left_of_the_error(name):
    """The toolbox divides by the error after the update; where nothing is clipped it shows r/(1 - r).

    Where the second level drifts or is attracted, its numerator also starts from before that.
    """
    run, shown = record(name), RATES[f"{name}/wt"][:, 0]
    node = beliefs_of(name)["u"]
    rate = np.asarray(beliefs_of(name).edge("x2->u").implied_learning_rate)[::EVERY]
    predicted = np.asarray(node.predicted_mean)[::EVERY]
    logit, implied = beliefs_of(name)["x2"], shown / (1 + shown)
    there = np.isfinite(shown) & ~np.isnan(run.series[::EVERY])
    there &= np.abs(predicted - 0.5) < 0.5 - max(run.clip + 1e-9, 1e-12)
    assert there.sum() >= 7
    if not np.allclose(logit.predicted_mean[1:4], logit.mean[:3]):
        assert not np.allclose(rate[there], implied[there], rtol=1e-4)
    else:
        np.testing.assert_allclose(rate[there], implied[there], rtol=1e-7)


@pytest.mark.parametrize("name", [name for name in NAMES if "jget" in name])
def test_learning_rates_of_a_location_match(name):
    """``lrx``: of the location from the input, and of each volatility level."""
    shown = RATES[f"{name}/lrx"]
    beliefs = beliefs_of(name)
    for column in range(shown.shape[1]):
        edge = f"x{column + 1}->x{column}" if column else "x1->u"
        ignored = np.isnan(record(name).series)
        assert_close(beliefs.edge(edge).learning_rate, shown[:, column], ignored)
