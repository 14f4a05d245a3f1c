"""MAP and Laplace's evidence: exact where they can be, beside a grid where not, and said where in doubt."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pynodes as pn
from pynodes._inference.laplace import Modes, approximate_posteriors, find_subject_modes
from pynodes._inference.newton import minimise
from pynodes.fit import Agent, Beta, LogNormal, Normal, Trials, fit_map
from tests.fit.cases import FREE, chooser, table, watcher

SUBJECTS = ((14, 11), (9, 13), (20, 6))


def trials(data, **options):
    given = {"inputs": "u", "actions": "y", "by": ["subject", "session"]} | options
    return Trials(data, **given)


@functools.cache
def fitted():
    return fit_map(chooser(), trials(table(SUBJECTS)))


def linear_agent(prior):
    """Ratings of a state that moves by itself, with an offset: Gaussian in the offset."""
    graph = pn.models.continuous_hgf(2)
    rating = pn.responses.GaussianResponse(belief="x1.predicted_mean", variance=0.4)
    return Agent(graph, rating, free={"offset": prior})


def linear_trials(count=12, seed=4):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=count)
    return Trials({"u": inputs, "y": random.normal(0.7, 1, count)}, inputs="u", actions="y")


@pytest.mark.versions
def test_evidence_posterior_and_mode_are_exact_where_all_is_gaussian():
    """Responses around known beliefs with an unknown offset are jointly normal."""
    data, prior = linear_trials(), Normal(-0.3, 1.7)
    fit = fit_map(linear_agent(prior), data)

    beliefs = linear_agent(prior).network.filter({"u": data.columns["u"]})
    errors = data.columns["y"] - np.asarray(beliefs["x1"].predicted_mean)
    count = len(errors)
    covariance = 0.4 * np.eye(count) + 1.7**2
    evidence = stats.multivariate_normal(np.full(count, -0.3), covariance).logpdf(errors)
    precision = count / 0.4 + 1 / 1.7**2
    mean = (errors.sum() / 0.4 - 0.3 / 1.7**2) / precision

    assert fit.lme == pytest.approx(evidence, abs=1e-10)
    assert fit.estimates["offset"] == pytest.approx(mean, abs=1e-10)
    np.testing.assert_allclose(fit.covariance, [[1 / precision]], rtol=1e-10)
    assert fit.accuracy - fit.complexity == pytest.approx(evidence, abs=1e-10)


@pytest.mark.slow
def test_evidence_is_near_the_integral_on_real_data():
    """By a grid over both values, on choices of a person."""
    outcomes, choices = pn.data.association()
    data = Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")
    fit = fit_map(chooser(), data)
    spread = np.sqrt(np.diag(fit.covariance))
    grid = np.linspace(-6, 6, 61)
    density = chooser().log_density(data)
    places = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2) * spread

    values = jax.jit(jax.vmap(density))(jnp.asarray(places + fit.unconstrained))

    cell = np.prod(spread) * (grid[1] - grid[0]) ** 2
    integral = jax.scipy.special.logsumexp(values) + np.log(cell)
    assert fit.lme == pytest.approx(float(integral), abs=0.05)


@pytest.mark.slow
def test_the_mode_is_one():
    """The gradient is zero there, and the Hessian that of the log joint density."""
    fit = fitted()
    for place, subject in enumerate(fit.subjects):
        density = chooser().log_density(trials(table(SUBJECTS)).only(subject=subject))
        at = jnp.asarray(fit.unconstrained[place])
        slope, bend = jax.jit(jax.grad(density))(at), jax.jit(jax.hessian(density))(at)

        assert np.max(np.abs(slope)) < 1e-5
        np.testing.assert_allclose(-bend, fit.hessian[place], rtol=1e-8)
        np.testing.assert_allclose(fit.covariance[place] @ fit.hessian[place], np.eye(2), atol=1e-9)
        assert fit.log_joint[place] == pytest.approx(float(density(at)), abs=1e-10)


@pytest.mark.slow
def test_who_is_fitted_beside_a_subject_does_not_matter():
    alone = fit_map(chooser(), trials(table(SUBJECTS)).only(subject="s1"))
    among = fitted()["s1"]

    assert alone.lme == pytest.approx(among.lme, abs=1e-9)
    np.testing.assert_allclose(alone.unconstrained, among.unconstrained, atol=1e-7)


@pytest.mark.slow
def test_the_order_of_free_values_does_not_matter():
    turned = Agent(
        pn.models.binary_hgf(2),
        pn.responses.UnitSquareSigmoid(),
        free=dict(reversed(FREE.items())),
    )
    fit = fit_map(turned, trials(table(SUBJECTS)))

    np.testing.assert_allclose(fit.lme, fitted().lme, atol=1e-9)
    for name in FREE:
        np.testing.assert_allclose(fit.estimates[name], fitted().estimates[name], rtol=1e-5)


def test_another_subject_seed_or_data_set_compiles_nothing():
    fitted()
    fit_map(chooser(), trials(table(SUBJECTS)).only(subject="s0"))
    before = find_subject_modes._cache_size()

    for subject in ("s0", "s1", "s2"):
        for seed in (0, 5):
            fit = fit_map(
                chooser(), trials(table(SUBJECTS, seed=3)).only(subject=subject), seed=seed
            )
            assert fit.converged

    assert find_subject_modes._cache_size() == before


def test_without_responses_it_finds_what_is_least_surprising():
    outcomes = pn.data.association().outcomes[:160]
    fit = fit_map(watcher(), Trials({"u": outcomes}, inputs="u"))

    grid = np.linspace(-6, 2, 401)

    def joint(value):
        network = watcher().network.replace({"x2.tonic_volatility": value})
        prior = stats.norm(-3, 2)
        return -network.surprise({"u": outcomes}), prior

    surprises = jax.vmap(lambda value: joint(value)[0])(jnp.asarray(grid))
    best = grid[np.argmax(np.asarray(surprises) + stats.norm(-3, 2).logpdf(grid))]
    assert fit.estimates["x2.tonic_volatility"] == pytest.approx(best, abs=0.02)
    assert fit.observations == 160


@pytest.mark.slow
def test_several_modes_are_told_apart():
    """An even function of the unknown has two modes of one height; starts end in both."""

    def even(beliefs, response, shift):
        return -0.5 * (response - shift**2) ** 2 / 0.1

    graph = pn.models.continuous_hgf(2)
    agent = Agent(
        graph, pn.responses.OwnResponse.of(even, shift=0.0), free={"shift": Normal(0.2, 2)}
    )
    data = Trials({"u": np.zeros(8), "y": np.full(8, 2.0)}, inputs="u", actions="y")
    fit = fit_map(agent, data, refine=8)

    assert fit.estimates["shift"] == pytest.approx(np.sqrt(2), abs=0.01)
    assert 0 < fit.agreeing < 8


def test_many_minima_are_found_at_once_in_hard_valleys():
    """Rosenbrock's valley from far starts, every lane by itself."""

    def valley(at):
        x, y = at[..., 0], at[..., 1]
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    starts = jnp.array([[-1.2, 1.0], [3.0, -2.0], [0.0, 10.0], [1.0, 1.0], [-4.0, -4.0]])

    found = jax.jit(lambda start: minimise(valley, start, 100))(starts)

    assert bool(jnp.all(found.converged))
    np.testing.assert_allclose(found.place, np.ones((5, 2)), atol=1e-6)
    np.testing.assert_allclose(found.hessian[0], [[802, -400], [-400, 200]], rtol=1e-5)


def test_a_search_leaves_a_saddle_and_keeps_away_from_where_there_is_no_value():
    def saddle(at):
        x, y = at[..., 0], at[..., 1]
        value = x**2 + 0.25 * y**4 - 0.5 * y**2
        return jnp.where(y > 1.5, jnp.inf, value)

    found = minimise(saddle, jnp.array([[0.5, 1e-4], [2.0, -3.0], [1.0, 3.0]]), 60)

    np.testing.assert_allclose(found.place[:2], [[0, 1], [0, -1]], atol=1e-6)
    assert found.converged.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"y": np.nan}, "no trial bears on the likelihood"),
        ({"y": 1.0}, None),
        ({"u": 1.0}, None),
        ({"u": np.nan}, None),
    ],
    ids=["no responses", "constant responses", "constant inputs", "no inputs"],
)
def test_data_that_say_little_leave_the_prior(change, what):
    data = table(((9, 7),))
    data |= {name: np.full(16, value) for name, value in change.items()}
    fit = fit_map(chooser(), trials(data))

    assert fit.converged
    assert fit.definite
    assert np.isfinite(fit.lme)
    if what:
        assert what in fit.problems()[0]
        assert fit.lme == pytest.approx(0, abs=1e-9)
        np.testing.assert_allclose(fit.unconstrained, [-3, 1], atol=1e-6)
        np.testing.assert_allclose(fit.covariance, np.diag([4.0, 1.0]), rtol=1e-9)


@pytest.mark.slow
def test_a_subject_with_one_trial():
    data = {"u": [1.0], "y": [1.0]}
    fit = fit_map(chooser(), Trials(data, inputs="u", actions="y"))

    assert fit.converged
    assert fit.lme == pytest.approx(np.log(0.5), abs=1e-6)


@pytest.mark.slow
def test_a_model_that_fails_everywhere_says_so():
    graph = pn.models.binary_hgf(3, expansion="standard", tonic_volatility=[0.0, 0.0])
    agent = Agent(
        graph, pn.responses.UnitSquareSigmoid(), free={"inverse_temperature": LogNormal(0, 1)}
    )
    fit = fit_map(agent, trials(table(((40,),))))

    assert fit.lme == -np.inf
    assert fit.complexity == np.inf
    assert not fit.summary().select_dtypes("number").isna().to_numpy().any()
    assert not fit.converged
    assert "filtering failed at every start" in fit.problems()[0]


@pytest.mark.slow
def test_an_estimate_at_the_edge_of_what_can_be_is_named():
    """Who always follows the last outcome has a learning rate of one."""
    outcomes = np.tile([1.0, 0, 0, 1, 1, 0], 60)
    data = {"u": outcomes, "y": np.r_[1.0, outcomes[:-1]]}
    graph = pn.Graph().add(u=pn.RescorlaWagner(initial_mean=0.5))
    free = {"u.learning_rate": Beta(1e-3, 1e-3), "inverse_temperature": LogNormal(1.0, 0.3)}
    agent = Agent(graph, pn.responses.BinarySoftmax(), free=free)

    fit = fit_map(agent, Trials(data, inputs="u", actions="y"))

    assert fit.at_edge["u.learning_rate"]
    assert any("'u.learning_rate' is at a bound" in said for said in fit.problems())


def test_the_summary_shows_what_the_data_said():
    fit = fitted()
    frame = fit.summary(mass=0.9)

    assert frame["subject"].tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    row = frame[(frame.subject == "s1") & (frame.parameter == "inverse_temperature")].iloc[0]
    deviation = np.sqrt(fit.covariance[1, 1, 1])
    position = fit.unconstrained[1, 1]
    assert row.estimate == pytest.approx(np.exp(position))
    assert row.lower == pytest.approx(np.exp(position + stats.norm.ppf(0.05) * deviation))
    assert row.upper == pytest.approx(np.exp(position + stats.norm.ppf(0.95) * deviation))
    assert row.shrinkage == pytest.approx(1 - deviation**2)
    assert list(fit.table()["lme"]) == list(fit.lme)


def test_criteria_follow_their_definitions():
    fit = fitted()

    np.testing.assert_allclose(fit.aic, 4 - 2 * fit.accuracy)
    np.testing.assert_allclose(fit.bic, 2 * np.log([25, 22, 26]) - 2 * fit.accuracy)
    np.testing.assert_allclose(fit.accuracy - fit.complexity, fit.lme)
    np.testing.assert_allclose(np.diagonal(fit.correlation, axis1=1, axis2=2), 1)
    assert np.abs(fit.correlation).max() <= 1 + 1e-12
    np.testing.assert_allclose(fit.pointwise_log_likelihood().sum(), fit.accuracy.sum())


def test_trajectories_merge_with_the_data_on_their_keys():
    data = table(SUBJECTS)
    data["rt"] = np.arange(len(data["u"]))
    frame = pd.DataFrame(data)
    fit = fit_map(chooser(), trials(frame))
    fields = ["x2.predicted_mean", "x2.mean", "u.value_error", "x2->u.learning_rate", "surprise"]

    merged = frame.merge(fit.trajectories(fields), on=["subject", "session", "trial"])

    assert len(merged) == len(frame)
    assert merged["rt"].tolist() == list(range(len(frame)))
    for place, subject in enumerate(("s0", "s1", "s2")):
        estimate = fit.estimates["x2.tonic_volatility"][place]
        network = chooser().network.replace({"x2.tonic_volatility": estimate})
        rows = merged[(merged.subject == subject) & (merged.session == 1)]
        beliefs = network.filter({"u": rows["u"].to_numpy()})
        np.testing.assert_allclose(rows["x2.mean"], beliefs["x2"].mean, rtol=1e-10)
        np.testing.assert_allclose(rows["surprise"], beliefs.surprise, rtol=1e-10)
        rates = beliefs.edge("x2->u").learning_rate
        np.testing.assert_allclose(rows["x2->u.learning_rate"], rates, rtol=1e-10)
    assert list(fit.trajectories().columns)[3:] == [
        *("u.predicted_mean", "u.mean", "x2.predicted_mean", "x2.mean")
    ]


@pytest.mark.slow
def test_several_agents_are_fitted_by_name():
    fits = fit_map({"two": chooser(2), "watcher": watcher()}, trials(table(SUBJECTS)))

    np.testing.assert_allclose(fits["two"].lme, fitted().lme, atol=1e-9)
    assert fits["watcher"].names == ("x2.tonic_volatility",)


@pytest.mark.slow
def test_single_precision_agrees_as_far_as_it_goes():
    with jax.enable_x64(False):
        agent = Agent(pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=FREE)
        fit = fit_map(agent, trials(table(SUBJECTS)))

    assert fit.converged.all()
    assert fit.lme.dtype == np.float32
    np.testing.assert_allclose(fit.lme, fitted().lme, atol=1e-3)


def test_a_fit_prints_and_can_be_written():
    fit = fitted()

    assert repr(fit).startswith("MapFit(3 subjects, mean of x2.tonic_volatility")
    assert json.dumps(fit["s0"].estimates)
    assert isinstance(fit["s0"].lme, float)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fit_map("hgf", trials(table())), "Give an agent"),
        (lambda: fit_map(Agent(pn.models.binary_hgf(2)), trials(table())), "no free values"),
        (lambda: fit_map(chooser(), trials(table()), starts=0), "starts must be a positive"),
        (lambda: fit_map(chooser(), trials(table()), seed=-1), "seed must be a whole number"),
        (lambda: fitted()["s9"], "No subject 's9' was fitted"),
        (lambda: fitted().trajectories("x2.mean"), "must be a list"),
        (lambda: fitted().trajectories(["x2.meen"]), "no field 'meen'"),
        (lambda: fitted().trajectories(["mean"]), "A field is 'node.field'"),
    ],
)
def test_what_cannot_be_fitted_or_shown_is_refused(make, said):
    with pytest.raises(pn.PynodesError, match=said):
        make()


def test_a_flat_direction_beside_a_steep_one_leaves_the_evidence_finite():
    """In single precision a product of such curvatures is no number; where one is lost, the prior's stays."""
    steep = np.array([[[4.7e9, 0.0], [0.0, -37.0]]], np.float32)
    one = np.zeros(1, np.float32)
    found = Modes(
        unconstrained=np.zeros((1, 2), np.float32),
        log_joint=one,
        log_likelihood=one,
        curvature=steep,
        converged=one == 0,
        agreeing=one,
    )

    posterior = approximate_posteriors(found, np.array([1.0, 2.0]))

    assert not posterior.definite[0]
    assert posterior.log_evidence[0] == pytest.approx(
        np.log(2 * np.pi) - 0.5 * np.log(4.7e9) + np.log(2.0), rel=1e-6
    )
    np.testing.assert_allclose(posterior.covariance[0], np.diag([1 / 4.7e9, 4.0]), rtol=1e-6)
