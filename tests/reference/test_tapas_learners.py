"""Reference learners beside ten recorded runs of the TAPAS HGF toolbox.

Nine match in every field that they share with ours. Three numbers mean something else, each pinned: after
an ignored trial the toolbox's Pearce-Hall rule has no associability left (one run); its hidden Markov
models show the last posterior where we show the prediction; its Sutton K1 shows β, here a logit.
"""

import numpy as np
import pytest

import pynodes as pn
from tests.oracles.tapas_records import FOLDER, part


def run_of(name):
    """Inputs, parameters and trajectories of a recorded run."""
    data = np.load(FOLDER / f"learner_{name}.npz")
    return data["u"], data["parameters"], part(data, "trajectories")


def learned(node, series, **given):
    """What a learner makes of a series."""
    network = pn.Graph().add(u=node).compile()
    return network.filter({"u": series} | {f"u.{k}": v for k, v in given.items()})["u"]


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["rw_binary__base", "rw_binary__ignored"])
def test_rescorla_wagner_matches(name):
    series, (start, rate), recorded = run_of(name)
    found = learned(pn.RescorlaWagner(initial_mean=start, learning_rate=rate), series)

    same(found.mean, recorded["v"])
    same(found.predicted_mean, recorded["vhat"])
    same(found.value_error, recorded["da"])


def test_dual_rescorla_wagner_matches():
    data = np.load(FOLDER / "learner_rw_binary_dual__base.npz")
    series, values, recorded = run_of("rw_binary_dual__base")
    node = pn.DualRescorlaWagner(
        initial_mean=values[:2], learning_rate=values[2], counterfactual=values[3]
    )
    found = learned(node, series, choice=data["y"] - 1)

    same(found.mean, recorded["v"])
    same(found.predicted_mean, recorded["vhat"])
    same(found.value_error, recorded["da"])


def pearce_hall(values):
    start, associability, salience = values
    return pn.PearceHall(initial_mean=start, initial_associability=associability, salience=salience)


def test_pearce_hall_matches():
    series, values, recorded = run_of("ph_binary__base")
    found = learned(pearce_hall(values), series)

    same(found.mean, recorded["v"])
    same(found.predicted_mean, recorded["vhat"])
    same(found.value_error, recorded["da"])
    same(found.predicted_associability, recorded["al"])


def rule_by_hand(series, values, *, forgets):
    """The rule of Pearce and Hall in plain Python; with or without an associability after a gap."""
    mean, associability, salience = values
    means = []
    for outcome in series:
        if np.isnan(outcome):
            associability = 0.0 if forgets else associability
        else:
            error = outcome - mean
            mean, associability = mean + salience * associability * error, abs(error)
        means.append(mean)
    return np.array(means)


def test_pearce_hall_keeps_its_associability_over_a_gap_where_the_toolbox_forgets_it():
    series, values, recorded = run_of("ph_binary__ignored")
    found = learned(pearce_hall(values), series)

    same(rule_by_hand(series, values, forgets=True), recorded["v"])
    same(rule_by_hand(series, values, forgets=False), found.mean)
    assert np.abs(found.mean - recorded["v"]).max() > 0.05


@pytest.mark.parametrize("name", ["sutton_k1_binary__base", "sutton_k1_binary__ignored"])
def test_sutton_k1_matches(name):
    """The toolbox shows the trace before each trial, and β, the logit of the rate plus ln R."""
    series, (meta, noise, start, trace), recorded = run_of(name)
    found = learned(pn.SuttonK1(meta_rate=meta, initial_mean=start, initial_trace=trace), series)

    same(found.mean, recorded["v"])
    same(found.predicted_mean, recorded["vhat"])
    same(found.value_error, recorded["da"])
    same(found.learning_rate, recorded["al"])
    same(found.predicted_trace, recorded["h"])
    rate = np.asarray(found.predicted_learning_rate)[: len(recorded["be"])]
    same(np.log(rate / (1 - rate)) + np.log(noise), recorded["be"])


def test_the_kalman_filter_matches():
    """The toolbox's initial gain is the initial variance in units of the observation's."""
    series, (gain, start, volatility, precision), recorded = run_of("kf__base")
    node = pn.KalmanFilter(
        tonic_volatility=volatility,
        precision=precision,
        initial_mean=start,
        initial_precision=precision / gain,
    )
    found = learned(node, series)

    same(found.mean, recorded["mu"])
    same(found.predicted_mean, recorded["muhat"])
    same(found.value_error, recorded["da"])
    same(found.gain, recorded["g"])


TRUE, FALSE = (0.15, 0.85), (0.85, 0.15)
"""Probabilities of the outcomes 1 and 2 in the two states of the toolbox's example."""


def hidden_markov(values):
    first, stays, comes = values
    transition = [[stays, 1 - stays], [comes, 1 - comes]]
    return pn.HiddenMarkov(
        initial=[first, 1 - first], transition=transition, emission=[TRUE, FALSE]
    )


def hierarchy(values):
    """Two regions that follow each other in turn, of two states each."""
    regions = [
        pn.models.Region(parts=[TRUE, FALSE], entry=values[14 + at : 16 + at], transition=rows)
        for at, rows in ((0, values[5:9].reshape(2, 2)), (2, values[10:14].reshape(2, 2)))
    ]
    root = pn.models.Region(
        parts=regions, entry=values[[4, 9]], transition=values[:4].reshape(2, 2)
    )
    return pn.models.hierarchical_markov(root).nodes["u"]


@pytest.mark.parametrize(
    ("name", "made"), [("hmm__base", hidden_markov), ("hhmm__base", hierarchy)]
)
def test_hidden_markov_models_match(name, made):
    """The posteriors do; where the toolbox shows the last one as a prediction, ours has moved on."""
    series, values, recorded = run_of(name)
    node = made(values)
    found = learned(node, series - 1)

    same(found.mean, recorded["alpr"])
    same(recorded["alprhat"][1:], recorded["alpr"][:-1])
    same(found.predicted_mean[1:], recorded["alprhat"][1:] @ np.asarray(node.transition))
    same(found.predicted_mean[0], recorded["alprhat"][0])
