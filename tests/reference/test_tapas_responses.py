"""pynodes beside 33 recorded response models of the TAPAS HGF toolbox 7.1.2, on recorded beliefs.

29 match directly (``DIRECT``): same beliefs, same parameters, same log likelihood in every trial. 4 match
by explanation (``EXPLAINED``): the toolbox computes something else than its own definition or than the
model implies, and the record is had again by asking for just that.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from pynodes import responses as pr
from tests.few import few
from tests.oracles import tapas_records
from tests.oracles.tapas_responses import (
    NAMES,
    ResponseRecord,
    categorical_rows,
    recorded_beliefs,
    response_record,
    stored,
)
from tests.reference.test_tapas import believed

ARMS = ("arm1", "arm2", "arm3")
OPTIONS = tuple(f"{arm}.predicted_mean" for arm in ARMS)
PAIR = ("arm1.predicted_mean", "arm2.predicted_mean")


def of_options(values, **fields) -> dict:
    """Beliefs about several options, by the last axis of some arrays."""
    return {
        f"arm{i + 1}": SimpleNamespace(
            predicted_mean=values[:, i], **{name: array[:, i] for name, array in fields.items()}
        )
        for i in range(values.shape[1])
    }


def beliefs_of(run: str) -> dict:
    """The recorded beliefs of a run."""
    if run in ("rw_binary__base", "sutton_k1_binary__base", "kf__base"):
        return {"u": SimpleNamespace(predicted_mean=stored(run)["predicted"])}
    if run == "rw_binary_dual__base":
        return of_options(stored(run)["predicted"])
    if run == "hgf_binary_mab__b3":
        values = stored(run)
        arms = of_options(values["predicted"], mean=values["posterior"])
        return arms | {"x3": SimpleNamespace(mean=values["volatility"])}
    if run == "hgf_binary_pu__base":
        return {"u": SimpleNamespace(mean=stored(run)["posterior"])}
    return recorded_beliefs(run)


def transitions(record: ResponseRecord) -> dict:
    """Beliefs about the transition that happened; the state before the first trial is the first."""
    values = stored("hgf_whatworld__base")
    now = record.inputs.astype(int) - 1
    before = np.concatenate([[0], now[:-1]])

    def flat(array):
        return array.reshape(len(array), -1)

    beliefs = {
        "all": SimpleNamespace(predicted_mean=flat(values["predicted"]), mean=np.ones((96, 16))),
        "logits": SimpleNamespace(
            mean=flat(values["logit"]), precision=1 / flat(values["logit_variance"])
        ),
        "x3": SimpleNamespace(mean=values["volatility"]),
    }
    return pr.select(beliefs, now * 4 + before, transition="all", state="logits")


def past(record: ResponseRecord) -> dict:
    """Covariates of the trial before."""
    return {
        "previous_choice": pr.previous(record.responses - 1),
        "previous_reward": pr.previous(record.outcomes),
    }


def reaction_time(kind, names, values, variance):
    """A log reaction time with its weights in the toolbox's order."""
    return kind(**dict(zip(names, map(float, values), strict=True)), variance=variance)


def squared_error(record, belief):
    """The squared error as a Gaussian response: what was seen takes the place of what was done."""
    return pr.GaussianResponse(belief=belief, variance=record.parameters[0])


BINARY = ("intercept", "surprise", "outcome_uncertainty")
UNCERTAIN = ("informational_uncertainty", "environmental_uncertainty")
SPEED = ("intercept_one", "intercept_zero", "gain", "variance")


def response_of(name: str, record: ResponseRecord):
    """The response of ours that a recorded one is."""
    model, case = name.split("__")
    p = record.parameters
    if model == "unitsq_sgm":
        where = "u.mean" if case == "post_pu" else "u.predicted_mean"
        return pr.UnitSquareSigmoid(probability=where, inverse_temperature=p[0])
    if model == "softmax":
        fields = tuple(f"{arm}.mean" for arm in ARMS) if case == "mab_post" else OPTIONS
        return pr.Softmax(options=PAIR if case == "rwdual" else fields, inverse_temperature=p[0])
    if model.startswith("rs_"):
        values = dict(zip(SPEED, p, strict=True))
        return pr.ResponseSpeed(attention=model.removeprefix("rs_"), **values)
    where = {"hgf": "x1.predicted_mean"}.get(case, "u.predicted_mean")
    return {
        "unitsq_sgm_mu3": lambda: pr.UnitSquareSigmoid(log_temperature="x3.predicted_mean"),
        "softmax_binary": lambda: pr.BinarySoftmax(inverse_temperature=p[0]),
        "softmax_2beta": lambda: pr.TwoTemperatureSoftmax(
            options=PAIR, inverse_temperature_one=p[0], inverse_temperature_zero=p[1]
        ),
        "softmax_mu3_wld": lambda: pr.StayShiftSoftmax(
            options=OPTIONS, log_temperature="x3.mean", win_bias=p[0], loss_bias=p[1]
        ),
        "softmax_wld": lambda: pr.StayShiftSoftmax(
            options=OPTIONS, inverse_temperature=p[0], win_bias=p[1], loss_bias=p[2]
        ),
        "condhalluc_obs": lambda: pr.ConditionedHallucination(inverse_temperature=p[0]),
        "beta_obs": lambda: pr.BetaResponse(precision=p[0]),
        "gaussian_obs": lambda: pr.GaussianResponse(belief=where, variance=p[0]),
        "squared_pe": lambda: squared_error(record, where),
        "logrt_linear_binary": lambda: reaction_time(
            pr.LogReactionTime, (*BINARY, *UNCERTAIN), p[:5], p[5]
        ),
        # The toolbox's own parameters are four, but it reads the variance as the sixth; it was 0.09.
        "logrt_linear_binary_minimal": lambda: reaction_time(
            pr.MinimalLogReactionTime, BINARY, p[:3], 0.09
        ),
        "logrt_linear_whatworld": lambda: reaction_time(
            pr.TransitionLogReactionTime, (*BINARY[:2], *UNCERTAIN), p[:4], p[4]
        ),
    }[model]()


def covariates_of(name: str, record: ResponseRecord) -> dict:
    """What a recorded response knew besides beliefs."""
    model = name.split("__")[0]
    if model == "condhalluc_obs":
        return {"detection_rate": record.inputs[:, 1]}
    if model == "softmax_2beta":
        return {"condition": record.outcomes}
    return past(record) if model.endswith("_wld") else {}


def responses_of(name: str, record: ResponseRecord) -> np.ndarray:
    """What was done, as our response counts it."""
    model = name.split("__")[0]
    if model == "squared_pe":
        return record.outcomes
    if model == "beta_obs":
        return pr.squeeze(record.responses)
    return (
        record.responses - 1
        if model.startswith("softmax") and "binary" not in model
        else record.responses
    )


def likelihood(name: str, response=None, beliefs=None) -> np.ndarray:
    """Our log likelihood of a recorded series, by default of the response it is."""
    record = response_record(name)
    if beliefs is None:
        beliefs = transitions(record) if "whatworld" in name else beliefs_of(record.run)
    response = response_of(name, record) if response is None else response
    return np.asarray(
        response.log_likelihood(
            beliefs,
            responses_of(name, record),
            covariates=covariates_of(name, record),
            frozen=record.ignored,
        )
    )


def gap(name: str, found: np.ndarray) -> float:
    """Largest gap to a record, relative where the record is large; zero stands for an irregular trial."""
    expected = np.nan_to_num(response_record(name).log_likelihood, nan=0.0)
    assert found.shape == expected.shape
    return float(np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))))


PSEUDO = tuple(name for name in NAMES if name.startswith("bayes_optimal"))
"""Surprise under another name: what was seen takes the place of what was done."""

EXPLAINED = {
    "softmax_wld__mab": (
        "The toolbox reads the bias after a win where the log inverse temperature is, and that after a "
        "loss where the bias after a win is."
    ),
    "beta_obs__rw": (
        "The toolbox puts the value of a Rescorla-Wagner learner, a probability already, through a "
        "logistic function."
    ),
    "bayes_optimal__jget": (
        "The toolbox scores an input by the variance of its noise, without that of the predicted state."
    ),
    "bayes_optimal__hgf": (
        "The toolbox scores an input by the predicted variance of its state, without the noise with "
        "which the filter of the same run takes it to be observed."
    ),
}
"""Records that pynodes deliberately does not repeat, and why."""

DIRECT = tuple(name for name in NAMES if name not in EXPLAINED)


def test_every_record_is_accounted_for():
    """Each matches directly or is explained."""
    assert (len(DIRECT), len(EXPLAINED)) == (29, 4)
    assert set(EXPLAINED) <= set(NAMES)


@pytest.mark.parametrize(
    "name", few([n for n in DIRECT if n not in PSEUDO and n != "softmax__cat"], 9)
)
def test_the_log_likelihood_matches_the_record(name):
    """In every trial, irregular ones included."""
    assert gap(name, likelihood(name)) < 1e-8


def test_the_softmax_of_a_categorical_node_matches_the_record():
    """The options are the last axis of one field."""
    name, record = "softmax__cat", response_record("softmax__cat")
    response = pr.Softmax(options="u.predicted_mean", inverse_temperature=record.parameters[0])

    found = response.log_likelihood(
        {"u": SimpleNamespace(predicted_mean=categorical_rows())}, record.responses - 1
    )

    assert gap(name, np.asarray(found)) < 1e-8


def test_the_biases_of_the_toolbox_are_read_from_the_wrong_places():
    """With what it reads, the record is matched; with what was meant, it is not."""
    name = "softmax_wld__mab"
    sharp, win, _ = response_record(name).parameters
    slipped = pr.StayShiftSoftmax(
        options=OPTIONS, inverse_temperature=sharp, win_bias=np.log(sharp), loss_bias=win
    )

    assert gap(name, likelihood(name, slipped)) < 1e-8
    assert gap(name, likelihood(name)) > 0.1


def test_the_toolbox_squashes_a_probability_again():
    """With another logistic function the record is matched; without, it is not."""
    name = "beta_obs__rw"
    again = pr.BetaResponse(precision=response_record(name).parameters[0], link="sigmoid")

    assert gap(name, likelihood(name, again)) < 1e-8
    assert gap(name, likelihood(name)) > 0.1


def gaussian_log_density(values, mean, variance):
    """Log density of a normal distribution."""
    return -0.5 * ((values - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def test_the_toolbox_leaves_the_noise_of_an_input_out():
    """The network's surprise has it; the recorded variance, with it, gives that surprise."""
    name = "bayes_optimal__hgf"
    record, values = response_record(name), recorded_beliefs("hgf__demo2l")["x1"]
    noise = 1 / tapas_records.record("hgf__demo2l").parameters["pi_u"]
    state = 1 / values.predicted_precision

    theirs = gaussian_log_density(record.inputs, values.predicted_mean, state)
    ours = gaussian_log_density(record.inputs, values.predicted_mean, state + noise)
    assert gap(name, theirs) < 1e-8
    np.testing.assert_allclose(-believed("hgf__demo2l").surprise, ours, rtol=1e-8, atol=1e-8)
    assert gap(name, ours) > 0.1


def test_the_toolbox_leaves_the_uncertainty_of_a_jget_state_out():
    """The network's surprise has it; the recorded variances, both of them, give that surprise."""
    name = "bayes_optimal__jget"
    record, run = response_record(name), tapas_records.record("hgf_jget__base")
    values, mean = run.trajectories, run.trajectories["muxhat"][:, 0]
    noise = np.exp(run.parameters["kau"] * values["muahat"][:, 0] + run.parameters["omu"])

    theirs = gaussian_log_density(record.inputs, mean, noise)
    ours = gaussian_log_density(record.inputs, mean, noise + values["saxhat"][:, 0])
    assert gap(name, theirs) < 1e-8
    np.testing.assert_allclose(-believed("hgf_jget__base").surprise, ours, rtol=1e-8, atol=1e-8)
    assert gap(name, ours) > 0.1


def test_bayes_optimal_is_the_surprise_of_the_network():
    """A pseudo response is no response: the network has it without any."""
    assert (
        gap("bayes_optimal_binary__base", -np.asarray(believed("hgf_binary__demo").surprise)) < 1e-8
    )


def test_bayes_optimal_is_the_surprise_at_a_transition():
    """Of the transition that happened, among sixteen."""
    name = "bayes_optimal_whatworld__base"
    happened = transitions(response_record(name))["transition"]

    assert gap(name, -np.asarray(pr.regressors.surprise(happened))) < 1e-8


END_TO_END = [
    name
    for name in DIRECT
    if response_record(name).run in ("hgf_binary__demo", "ehgf_binary__demo", "hgf_binary__ignored")
    and name not in PSEUDO
]


@pytest.mark.parametrize("name", END_TO_END)
def test_filtering_and_responding_match_the_record(name):
    """With beliefs of our own filter, from inputs to likelihoods."""
    run = response_record(name).run
    assert len(END_TO_END) == 12
    assert gap(name, likelihood(name, beliefs=believed(run))) < 1e-7


PROBABILITY_OF_ONE = [
    n for n in DIRECT if n.startswith(("softmax_binary", "gaussian", "logrt", "rs_", "beta"))
]


@pytest.mark.parametrize("name", PROBABILITY_OF_ONE)
def test_the_prediction_matches_the_record(name):
    """Where the toolbox's prediction is that of the response; elsewhere it is a belief or a choice's."""
    record = response_record(name)
    beliefs = transitions(record) if "whatworld" in name else beliefs_of(record.run)
    found = response_of(name, record).predict(beliefs, covariates=covariates_of(name, record))
    there = ~np.isnan(record.log_likelihood)

    np.testing.assert_allclose(np.asarray(found)[there], record.prediction[there], rtol=1e-8)
