"""Wrong uses of responses: each raises at the wrong call and names the culprit and the remedy."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

import pynodes as pn
from pynodes import responses as pr
from tests.responses.cases import TRIALS, beliefs
from tests.small import OUTCOMES, STEPS, binary, network

SIGMOID = pr.UnitSquareSigmoid()
ONES = np.ones(TRIALS)
MEMORY = pr.StayShiftSoftmax(options=("u.predicted_mean", "x2.mean"))
HALLUCINATION = pr.ConditionedHallucination()


def filtered():
    """Beliefs of the binary network."""
    return network(binary()).filter({"u": OUTCOMES})


def scored(response, responses=ONES, **options):
    """A likelihood on the beliefs of the cases."""
    return response.log_likelihood(beliefs(), responses, **options)


def joint(**options):
    """Two streams with the same responses."""
    both = pr.JointResponse.of(choice=SIGMOID, report=HALLUCINATION)
    return both.log_likelihood(beliefs(), {"choice": ONES, "report": ONES}, **options)


def prepared(response):
    """A response on beliefs that do not have what it reads."""
    return response.log_likelihood({"u": SimpleNamespace(predicted_mean=ONES * 0.5)}, ONES)


def unweighed(beliefs, response):
    """A response function that takes no parameters."""
    return response


WRONG = {
    "a misspelt parameter": (
        lambda: pr.UnitSquareSigmoid(inverse_temprature=2.0),
        pn.ParameterError,
        ["UnitSquareSigmoid", "inverse_temprature", "Did you mean 'inverse_temperature'"],
    ),
    "a negative temperature": (
        lambda: pr.Softmax(inverse_temperature=-1.0),
        pn.ParameterError,
        ["Softmax", "inverse_temperature", "positive", "-1.0"],
    ),
    "a text for a number": (
        lambda: pr.GaussianResponse(offset="much"),
        pn.ParameterError,
        ["offset", "'much'"],
    ),
    "a node without its field": (
        lambda: pr.UnitSquareSigmoid(probability="u"),
        pn.ParameterError,
        ["probability", "'node.field'", "'u'"],
    ),
    "a field where a node is meant": (
        lambda: pr.LogReactionTime(outcome="u.mean"),
        pn.ParameterError,
        ["outcome", "'u.mean'"],
    ),
    "nothing where a field is needed": (
        lambda: pr.UnitSquareSigmoid(probability=None),
        pn.ParameterError,
        ["probability", "None"],
    ),
    "one option": (
        lambda: pr.Softmax(options=["u.mean"]),
        pn.ParameterError,
        ["options", "two"],
    ),
    "an unknown kind of attention": (
        lambda: pr.ResponseSpeed(attention="precison"),
        pn.ParameterError,
        ["attention", "'precison'", "Did you mean 'precision'"],
    ),
    "an unknown link": (
        lambda: pr.BetaResponse(link="probit"),
        pn.ParameterError,
        ["link", "'probit'", "sigmoid"],
    ),
    "an exponent that is no number": (
        lambda: pr.CumulativeGaussian(exponent="half"),
        pn.ParameterError,
        ["exponent", "'half'"],
    ),
    "a term without weight": (
        lambda: pr.LinearResponse(terms=["u.mean", "x2.mean"], weights={"u.mean": 1.0}),
        pn.ParameterError,
        ["'x2.mean'", "weight"],
    ),
    "a term that is no belief": (
        lambda: pr.LinearResponse(terms=["u"], weights={"u": 1.0}),
        pn.ParameterError,
        ["term", "'u'"],
    ),
    "no terms": (
        lambda: pr.LinearResponse(terms=[], weights={}),
        pn.ParameterError,
        ["term"],
    ),
    "a function that does not take its parameter": (
        lambda: pr.OwnResponse.of(unweighed, slope=1.0),
        pn.ParameterError,
        ["'slope'", "unexpected keyword"],
    ),
    "no function": (
        lambda: pr.OwnResponse.of(3.0),
        pn.ParameterError,
        ["function", "3.0"],
    ),
    "replacing an unknown parameter": (
        lambda: SIGMOID.replace({"temperature": 1.0}),
        pn.ParameterError,
        ["temperature", "inverse_temperature"],
    ),
    "replacing by a value out of range": (
        lambda: SIGMOID.replace({"inverse_temperature": 0.0}),
        pn.ParameterError,
        ["inverse_temperature", "positive"],
    ),
    "an unknown node": (
        lambda: pr.UnitSquareSigmoid(probability="v.predicted_mean").total(filtered(), OUTCOMES),
        pn.UnknownNodeError,
        ["'v'", "Known here"],
    ),
    "an unknown node of a mapping": (
        lambda: prepared(pr.UnitSquareSigmoid(probability="x2.predicted_mean")),
        pn.UnknownNodeError,
        ["'x2'", "'u'"],
    ),
    "an unknown field": (
        lambda: pr.UnitSquareSigmoid(probability="u.average").total(filtered(), OUTCOMES),
        pn.FieldError,
        ["'u'", "'average'"],
    ),
    "a posterior before there is one": (
        lambda: prepared(pr.UnitSquareSigmoid(probability="u.mean")),
        pn.FieldError,
        ["'mean'", "'u'", "'predicted_mean'", "predictions only"],
    ),
    "a choice of 2 among two": (
        lambda: scored(SIGMOID, np.where(np.arange(TRIALS) == 4, 2.0, 1.0)),
        pn.InputError,
        ["2.0", "trial 4", "0 or 1"],
    ),
    "an option that is not there": (
        lambda: scored(pr.Softmax(options="v.predicted_mean"), ONES * 4),
        pn.InputError,
        ["4.0", "trial 0", "from 0"],
    ),
    "a fraction of an option": (
        lambda: scored(pr.Softmax(options="v.predicted_mean"), ONES * 0.5),
        pn.InputError,
        ["0.5", "option"],
    ),
    "a rating at the end of its scale": (
        lambda: scored(pr.BetaResponse()),
        pn.InputError,
        ["1.0", "trial 0", "squeeze"],
    ),
    "an infinite reaction time": (
        lambda: scored(pr.LogReactionTime(), ONES * np.inf),
        pn.InputError,
        ["inf", "finite"],
    ),
    "words for responses": (
        lambda: scored(SIGMOID, ["left"] * TRIALS),
        pn.InputError,
        ["'responses'", "numbers"],
    ),
    "too few responses": (
        lambda: SIGMOID.total(filtered(), np.ones(STEPS - 1)),
        pn.InputError,
        ["responses", f"({STEPS - 1},)", f"({STEPS},)"],
    ),
    "too few responses for a mapping": (
        lambda: scored(SIGMOID, np.ones(TRIALS - 1)),
        pn.InputError,
        ["u.predicted_mean", f"({TRIALS},)", f"({TRIALS - 1},)"],
    ),
    "one response for many trials": (
        lambda: SIGMOID.total(filtered(), 1.0),
        pn.InputError,
        ["one number", f"({STEPS},)"],
    ),
    "no covariate": (
        lambda: scored(HALLUCINATION),
        pn.InputError,
        ["'detection_rate'", "covariates="],
    ),
    "an unknown covariate": (
        lambda: scored(HALLUCINATION, covariates={"detection_rate": 0.5, "rewards": ONES}),
        pn.InputError,
        ["'rewards'", "detection_rate"],
    ),
    "a covariate for a response that takes none": (
        lambda: scored(SIGMOID, covariates={"reward": ONES}),
        pn.InputError,
        ["'reward'", "none"],
    ),
    "a covariate out of range": (
        lambda: scored(HALLUCINATION, covariates={"detection_rate": ONES * 2}),
        pn.InputError,
        ["'detection_rate'", "2.0", "trial 0"],
    ),
    "a covariate of another length": (
        lambda: scored(HALLUCINATION, covariates={"detection_rate": np.ones(3)}),
        pn.InputError,
        ["'detection_rate'", "(3,)", f"({TRIALS},)"],
    ),
    "covariates without names": (
        lambda: scored(HALLUCINATION, covariates=ONES),
        pn.InputError,
        ["by name"],
    ),
    "a previous choice without its reward": (
        lambda: scored(MEMORY, covariates={"previous_choice": ONES}),
        pn.InputError,
        ["'previous_reward'"],
    ),
    "frozen trials that are not truth values": (
        lambda: scored(SIGMOID, frozen=ONES * 3),
        pn.InputError,
        ["'frozen'", "3.0", "truth values"],
    ),
    "a stream without responses": (
        lambda: pr.JointResponse.of(a=SIGMOID, b=SIGMOID).total(beliefs(), {"a": ONES}),
        pn.InputError,
        ["'a' and 'b'", "'a'"],
    ),
    "responses without streams": (
        lambda: pr.JointResponse.of(a=SIGMOID, b=SIGMOID).total(beliefs(), ONES),
        pn.InputError,
        ["'a' and 'b'", "by name"],
    ),
    "a covariate that no stream takes": (
        lambda: joint(covariates={"detection_rate": 0.5, "reward": ONES}),
        pn.InputError,
        ["'reward'", "'detection_rate'"],
    ),
    "no stream": (
        lambda: pr.JointResponse.of(),
        pn.ParameterError,
        ["one stream"],
    ),
    "a stream that is no response": (
        lambda: pr.JointResponse.of(choice=3.0),
        pn.ParameterError,
        ["'choice'", "3.0"],
    ),
    "a parameter of no stream": (
        lambda: pr.JointResponse.of(a=SIGMOID).replace({"b.inverse_temperature": 1.0}),
        pn.ParameterError,
        ["'b.inverse_temperature'", "'a.inverse_temperature'"],
    ),
    "no key": (
        lambda: SIGMOID.sample(3, beliefs()),
        pn.InputError,
        ["key"],
    ),
    "a selection beyond the last": (
        lambda: pr.select(beliefs(), ONES * 2, chosen=["left", "right"]),
        pn.InputError,
        ["2.0", "trial 0", "0 to 1"],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_use_is_named_with_its_remedy(what):
    use, error, words = WRONG[what]
    with pytest.raises(error) as caught:
        use()

    for word in words:
        assert word in str(caught.value)


def test_parameters_of_many_values_point_to_vmap():
    with pytest.raises(pn.ParameterError, match="one number"):
        SIGMOID.replace({"inverse_temperature": jax.numpy.ones(3)})
