"""Every sort of input and response through agents and trials, beside the network and response themselves."""

import jax
import numpy as np
import pytest

import pynodes as pn
from pynodes import responses
from pynodes.fit import Agent, Gamma, Normal, Trials, fit_map
from pynodes.fit.agent.arrays import to_arrays
from tests.few import few

STEPS = 24
RANDOM = np.random.default_rng(8)
CODES = RANDOM.integers(0, 3, STEPS).astype(float)
ONES = RANDOM.integers(0, 2, STEPS).astype(float)
NUMBERS = np.cumsum(RANDOM.normal(size=STEPS))
SIZES = RANDOM.uniform(0.5, 2, STEPS)


def bandit():
    inputs = pn.models.bandit_inputs(CODES, ONES, 3)
    agent = Agent(
        pn.models.bandit_hgf(3),
        responses.Softmax(options=tuple(f"u_{arm}.predicted_mean" for arm in range(3))),
        free={"inverse_temperature": Gamma(4.0, 1.0)},
    )
    return agent, inputs, list(inputs), CODES, {"inverse_temperature": 3.0}, {}


def category():
    agent = Agent(
        pn.models.categorical_hgf(3),
        responses.Softmax(options="u.predicted_mean"),
        free={"x3.tonic_volatility": Normal(-6.0, 0.5)},
    )
    return agent, {"u": CODES}, "u", CODES[::-1], {"x3.tonic_volatility": -6.2}, {}


def driven():
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(), r=pn.Regressor())
    agent = Agent(
        graph.couple("x", "u").couple("r", "x", pn.Drift(strength=0.5)),
        responses.GaussianResponse(belief="x.mean", variance=0.3),
        free={"r->x.strength": Normal(0.4, 0.2)},
    )
    return agent, {"u": NUMBERS, "r": SIZES}, ["u", "r"], NUMBERS, {"r->x.strength": 0.3}, {}


def noise_that_is_known():
    agent = Agent(
        pn.models.continuous_hgf(2),
        responses.GaussianResponse(belief="x1.mean", variance=0.3),
        free={"x1.tonic_volatility": Normal(-3.0, 1.0)},
    )
    inputs = {"u": NUMBERS, "u.precision": SIZES}
    return agent, inputs, {n: n for n in inputs}, NUMBERS, {"x1.tonic_volatility": -2.0}, {}


def staying():
    agent = Agent(
        pn.models.bandit_hgf(2),
        responses.StayShiftSoftmax(options=("u_0.predicted_mean", "u_1.predicted_mean")),
        free={"win_bias": Normal(0.0, 1.0)},
    )
    inputs = pn.models.bandit_inputs(ONES, SIZES > 1, 2)
    before = {
        "previous_choice": responses.previous(ONES),
        "previous_reward": responses.previous((SIZES > 1).astype(float)),
    }
    return agent, inputs, list(inputs), ONES, {"win_bias": 0.7}, before


CASES = {f.__name__: f for f in (bandit, category, driven, noise_that_is_known, staying)}


@pytest.fixture(params=few(CASES.values(), 3), ids=CASES)
def case(request):
    return request.param()


def trials(inputs, names, actions, known, **more):
    given = {"frozen": "skip"} if "skip" in more else {}
    return Trials(
        inputs | {"y": actions} | known | more,
        inputs=names,
        actions="y",
        covariates=list(known),
        **given,
    )


def by_hand(agent, inputs, actions, values, known, **options):
    network, response = agent.instantiate(values)
    return response.log_likelihood(
        network.filter(inputs, **options), actions, covariates=known or None, **options
    )


def test_likelihoods_are_those_of_network_and_response(case):
    agent, inputs, names, actions, values, known = case
    found = agent.pointwise_log_likelihood(values, trials(inputs, names, actions, known))

    expected = by_hand(agent, inputs, actions, values, known)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_ignored_trials_may_hold_nothing(case):
    agent, inputs, names, actions, values, known = case
    skip = np.arange(STEPS) == 7
    gaps = {name: np.where(skip, np.nan, column) for name, column in inputs.items()}
    found = agent.pointwise_log_likelihood(
        values, trials(gaps, names, np.where(skip, np.nan, actions), known, skip=skip)
    )

    expected = by_hand(agent, inputs, actions, values, known, frozen=skip)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_sum_inside_the_loop_is_that_of_all_trials(case):
    """With a frozen trial, a missing response, and a trial whose covariates are missing."""
    agent, inputs, names, actions, values, known = case
    skip, steps = np.arange(STEPS) == 7, np.arange(STEPS)
    known = {name: np.where(steps == 11, np.nan, series) for name, series in known.items()}
    data = trials(inputs, names, np.where(steps == 3, np.nan, actions), known, skip=skip)

    @jax.jit
    def total(values, sequences):
        blocks = jax.tree.map(lambda leaf: leaf[0], sequences)
        return agent.model.log_likelihood(values, blocks)

    found = total(values, to_arrays(agent.model, data))
    expected = agent.pointwise_log_likelihood(values, data).sum()
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_the_sum_inside_the_loop_covers_streams_and_what_is_seen():
    """Two streams, of which one reads a surprise; and an agent that only watches."""
    streams = responses.JointResponse.of(
        choice=responses.UnitSquareSigmoid(), time=responses.LogReactionTime(surprise=0.3)
    )
    watching = {"u": np.where(np.arange(STEPS) == 5, np.nan, ONES)}
    both = {"choice": ONES[::-1], "time": np.where(ONES > 0, np.nan, 6.2 + 0.1 * NUMBERS)}
    for response, acted in ((streams, both), (None, {})):
        agent = Agent(
            pn.models.binary_hgf(3), response, free={"x2.tonic_volatility": Normal(-4.0, 1.0)}
        )
        data = Trials(watching | acted, inputs="u", actions={n: n for n in acted} or None)
        blocks = jax.tree.map(lambda leaf: leaf[0], to_arrays(agent.model, data))
        values = {"x2.tonic_volatility": -3.0}

        found = jax.jit(agent.model.log_likelihood)(values, blocks)
        expected = np.sum([np.sum(part) for part in parts_of(agent, values, data)])
        assert found == pytest.approx(float(expected), rel=1e-12)


def parts_of(agent, values, data):
    """Log likelihoods of all trials, of every stream."""
    network, response = agent.instantiate(values)
    beliefs = network.filter({"u": data.columns["u"]})
    if response is None:
        return [-beliefs.surprise]
    return [
        part.log_likelihood(beliefs, data.columns[name]) for name, part in response.streams.items()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_they_are_fitted_and_shown(make):
    agent, inputs, names, actions, _, known = make()
    fit = fit_map(agent, trials(inputs, names, actions, known))
    frame = fit.trajectories()

    assert fit.converged
    assert fit.definite
    assert len(frame) == STEPS
    assert frame.notna().to_numpy().all()


@pytest.mark.slow
def test_components_of_an_array_have_a_column_each():
    agent, inputs, names, actions, _, known = category()
    frame = fit_map(agent, trials(inputs, names, actions, known)).trajectories(["u.predicted_mean"])

    assert list(frame.columns) == ["trial", *(f"u.predicted_mean[{k}]" for k in range(3))]


@pytest.mark.parametrize(
    ("make", "change", "said"),
    [
        (category, {"u": 3.0}, "row 5, but a CategoricalInput takes"),
        (category, {"y": 3.0}, "row 5, but Softmax takes the number of an option"),
        (driven, {"r": np.nan}, "'r' is known in every trial"),
        (noise_that_is_known, {"u.precision": -1.0}, "'u.precision' must be positive"),
        (staying, {"previous_choice": np.inf}, "'previous_choice' lies between"),
    ],
)
def test_what_cannot_be_is_refused_by_column_and_row(make, change, said):
    agent, inputs, names, actions, values, known = make()
    columns = inputs | {"y": actions} | known
    ((name, value),) = change.items()
    columns[name] = np.where(np.arange(STEPS) == 5, value, columns[name])
    data = Trials(columns, inputs=names, actions="y", covariates=list(known))

    with pytest.raises(pn.DataError, match=said):
        agent.log_likelihood(values, data)


@pytest.mark.slow
def test_a_long_series_and_many_subjects_are_no_trouble():
    """Ten thousand trials of one; one trial each of three hundred."""
    outcomes = (np.random.default_rng(0).random(10_000) < 0.7).astype(float)
    agent = Agent(
        pn.models.binary_hgf(2),
        responses.UnitSquareSigmoid(),
        free={"x2.tonic_volatility": Normal(-3.0, 1.0)},
    )
    long = fit_map(agent, Trials({"u": outcomes, "y": outcomes}, inputs="u", actions="y"))
    who = np.arange(300)
    many = {"who": who, "u": outcomes[:300], "y": outcomes[300:600]}
    short = fit_map(agent, Trials(many, inputs="u", actions="y", by="who"))

    assert long.converged
    assert short.converged.all()
    np.testing.assert_allclose(short.lme, np.log(0.5), atol=1e-9)
