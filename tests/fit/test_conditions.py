"""Parameters that differ by condition: the sum over blocks by hand, and what is exact in both directions."""

import jax
import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.environments import Bandit
from pynodes.fit import Agent, Fixed, LogitNormal, LogNormal, Normal, Trials
from pynodes.responses import GaussianResponse, UnitSquareSigmoid
from tests.few import few
from tests.fit.cases import chooser, table
from tests.fit.drawn import gaussian_modes

HALF = 16
BLOCKS = np.repeat(["calm", "wild"], HALF)
LEVELS = ["calm", "wild"]


def learner(**streams):
    """An agent that learns the probability of an outcome, whose state is as volatile as the block."""
    agent = Agent(
        pn.models.binary_hgf(2),
        {"choice": UnitSquareSigmoid(), "report": GaussianResponse(belief="u.predicted_mean")},
        free={
            "x2.tonic_volatility": Normal(-3, 1),
            "choice.inverse_temperature": LogNormal(1, 1),
            "report.variance": LogNormal(-1, 1),
        },
    )
    return agent.split(["x2.tonic_volatility", "choice.inverse_temperature"], by="b", levels=LEVELS)


def blocks(**columns):
    """Trials of one subject in two blocks."""
    random = np.random.default_rng(3)
    frame = {
        "u": random.integers(0, 2, 2 * HALF) * 1.0,
        "y": random.integers(0, 2, 2 * HALF) * 1.0,
        "r": random.random(2 * HALF),
        "b": BLOCKS,
    }
    frame["y"][5] = np.nan
    return Trials(frame | columns, inputs="u", actions={"choice": "y", "report": "r"})


def level_values(calm, wild, variance=0.3):
    """Values by name of volatility and temperature in both blocks."""
    names = "x2.tonic_volatility", "choice.inverse_temperature"
    pairs = zip(LEVELS, (calm, wild), strict=True)
    found = {f"{n}[{level}]": v for level, pair in pairs for n, v in zip(names, pair, strict=True)}
    return found | {"report.variance": variance}


@pytest.mark.slow
def test_blocks_add_up_as_they_do_by_hand():
    """The first block under its parameters, and the second from where the first ended under others."""
    data, agent, total, start = blocks(), learner(), [], None
    pairs = {"calm": (-5.0, 2.0), "wild": (-1.0, 0.7)}
    means = []
    for level, (volatility, temperature) in pairs.items():
        own = level == BLOCKS
        network = agent.network.replace({"x2.tonic_volatility": volatility})
        beliefs = network.filter({"u": data.columns["u"][own]}, start=start)
        start = beliefs.final
        means.append(np.asarray(beliefs["x2"].mean))
        choice = UnitSquareSigmoid(inverse_temperature=temperature)
        report = GaussianResponse(belief="u.predicted_mean", variance=0.3)
        total.append(
            choice.log_likelihood(beliefs, data.columns["y"][own])
            + report.log_likelihood(beliefs, data.columns["r"][own])
        )
    values = level_values(*pairs.values())
    found = agent.pointwise_log_likelihood(values, data)

    np.testing.assert_allclose(found, np.concatenate(total), rtol=1e-12, atol=1e-13)
    density = agent.log_density(data)
    at = np.array([float(p.unconstrain(values[n])) for n, p in agent.priors.items()])
    summed, slopes = jax.jit(jax.value_and_grad(density))(at)
    prior = agent.model.log_prior(at)
    assert float(summed - prior) == pytest.approx(np.concatenate(total).sum(), rel=1e-12)

    fit = gaussian_modes(agent, data)
    fit.posterior.unconstrained[:] = at
    np.testing.assert_allclose(fit.beliefs()["x2"].mean, np.concatenate(means), rtol=1e-12)

    # Of levels with equal values it is that of the agent without levels, and slopes add up.
    equal = level_values((-3.0, 2.0), (-3.0, 2.0))
    plain = {"x2.tonic_volatility": -3.0, "choice.inverse_temperature": 2.0, "report.variance": 0.3}
    whole = unsplit()
    np.testing.assert_allclose(
        agent.pointwise_log_likelihood(equal, data),
        whole.pointwise_log_likelihood(plain, data),
        rtol=1e-12,
        atol=1e-13,
    )
    at = np.array([float(p.unconstrain(equal[n])) for n, p in agent.priors.items()])
    one = np.array([float(p.unconstrain(plain[n])) for n, p in whole.priors.items()])
    slopes = jax.jit(jax.grad(lambda x: density(x) - agent.model.log_prior(x)))(at)
    free = whole.log_density(data)
    expected = jax.jit(jax.grad(lambda x: free(x) - whole.model.log_prior(x)))(one)
    joined = [slopes[0] + slopes[1], slopes[2] + slopes[3], slopes[4]]
    np.testing.assert_allclose(joined, expected, rtol=1e-10, atol=1e-12)


def unsplit():
    """The agent of which some values differ, before they did."""
    split = learner().model.splits
    names = {level: one.name for one in split for level in one.names}
    free = {names.get(name, name): prior for name, prior in learner().priors.items()}
    return Agent(learner().network, learner().response, free=free)


def test_evidence_of_two_offsets_is_exact_and_a_constant_condition_is_no_condition():
    """Ratings around known beliefs are jointly normal: levels are offsets that do not know of each other."""
    graph = pn.Graph().add(u=pn.DeltaRule(learning_rate=0.3))
    response = GaussianResponse(belief="u.predicted_mean", variance=0.4)
    agent = Agent(graph, response, free={"offset": Normal(-0.3, 1.7)})
    random, count = np.random.default_rng(2), 12
    frame = {
        "subject": np.repeat(["both", "one"], count),
        "u": random.normal(size=2 * count),
        "y": random.normal(0.7, 1, 2 * count),
        "b": np.concatenate([np.tile([1, 0, 0], count // 3), np.zeros(count, int)]),
    }
    data = Trials(frame, inputs="u", actions="y", by="subject")
    split = agent.split("offset", by="b", levels=[0, 1], free={"offset[1]": Normal(2.0, 0.5)})
    fit = pn.fit_map(split, data, starts=1, refine=1)

    priors = {0: (-0.3, 1.7), 1: (2.0, 0.5)}
    for subject, found in zip(data.subjects, fit.lme, strict=True):
        own = frame["subject"] == subject
        errors = frame["y"][own] - np.asarray(
            agent.network.filter({"u": frame["u"][own]})["u"].predicted_mean
        )
        evidence = 0.0
        for level, (mean, sd) in priors.items():
            here = errors[frame["b"][own] == level]
            if here.size:
                covariance = 0.4 * np.eye(here.size) + sd**2
                evidence += stats.multivariate_normal(np.full(here.size, mean), covariance).logpdf(
                    here
                )
            precision = here.size / 0.4 + sd**-2
            expected = (here.sum() / 0.4 + mean / sd**2) / precision
            index = list(data.subjects).index(subject)
            assert fit.estimates[f"offset[{level}]"][index] == pytest.approx(expected, abs=1e-9)
        assert found == pytest.approx(evidence, abs=1e-9)
    assert fit.problems() == [
        "Subject 'one': no trial has '1' in 'b': the estimate of 'offset[1]' is what was supposed before."
    ]
    assert fit["one"].estimates["offset[1]"] == pytest.approx(2.0, abs=1e-9)


def acting(way):
    """An agent, a design and an environment, for each of the ways in which responses are simulated."""
    names = {"bandit": "arms.learning_rate"}.get(way, "u.learning_rate")
    habit = way == "in turn"
    agent = (
        pn.agents.bandit_rescorla_wagner(2)
        if way == "bandit"
        else pn.agents.rescorla_wagner(perseveration=habit)
    )
    rates = {f"{names}[calm]": LogitNormal(-4, 1)}
    agent = agent.split([names, "inverse_temperature"], by="b", levels=LEVELS, free=rates)
    count = 8
    frame = {"subject": np.repeat(np.arange(count), 2 * HALF), "b": np.tile(BLOCKS, count)}
    blank = np.full(2 * HALF * count, np.nan)
    if way == "bandit":
        frame |= {"u_0": blank, "u_1": blank}
        world = Bandit(arms=("u_0", "u_1"), probabilities=np.array([0.9, 0.2]))
        return agent, Trials(frame, inputs=["u_0", "u_1"], by="subject"), world, names
    frame |= {"u": np.random.default_rng(1).integers(0, 2, blank.size) * 1.0, "previous": blank}
    covariates = {"previous_choice": "previous"} if habit else ()
    return agent, Trials(frame, inputs="u", by="subject", covariates=covariates), None, names


@pytest.mark.parametrize("way", few(["in turn", "bandit", "at once"], 1))
def test_whoever_is_greedy_in_one_block_only_acts_so_there(way):
    """A choice without noise has probability one, one without a reason a half, under what was learned."""
    agent, design, world, rate = acting(way)
    values = {f"{rate}[calm]": 0.02, f"{rate}[wild]": 0.6}
    values |= {"inverse_temperature[calm]": 1e7, "inverse_temperature[wild]": 1e-9}
    if way == "in turn":
        values["perseveration"] = 0.0
    made = pn.simulate(agent, design, values, environment=world, seed=1).trials
    each = np.asarray(agent.pointwise_log_likelihood(values, made))
    calm = made.columns["b"] == "calm"
    alike = (
        np.abs(each[calm] + np.log(2)) < 1e-6
    )  # both options are worth the same, as at the beginning

    np.testing.assert_allclose(np.where(alike, 0.0, each[calm]), 0.0, atol=1e-6)
    assert alike.mean() < 0.2
    np.testing.assert_allclose(each[~calm], -np.log(2), atol=1e-6)
    chosen = made.columns["action"][~calm]
    assert abs(chosen.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(chosen.size)


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        ("x2.tonic", {}, "no free value 'x2.tonic'"),
        ("x2.tonic_volatility", {"levels": ["calm"]}, "two or more different"),
        ("x2.tonic_volatility", {"levels": "calm"}, "two or more different"),
        ("x2.tonic_volatility", {"levels": [0, 0.0]}, "two or more different"),
        ("x2.tonic_volatility", {"by": 3}, "by must name a column"),
        ("x2.tonic_volatility", {"free": {"x2.tonic_volatility[clam]": Normal(0, 1)}}, r"\[calm\]"),
        (
            "inverse_temperature",
            {"free": {"inverse_temperature[calm]": Normal(0, 1)}},
            "within the",
        ),
        (
            "inverse_temperature",
            {"free": {f"inverse_temperature[{level}]": Fixed(1.0) for level in LEVELS}},
            "Leave one free",
        ),
        (["inverse_temperature"] * 2, {}, "one column of both"),
        ([], {}, "names must say which free values"),
        (None, {}, "names must say which free values"),
        ("inverse_temperature", {"levels": ["calm", None]}, "two or more different"),
        ("inverse_temperature", {"levels": [0.0, np.nan]}, "two or more different"),
        ("inverse_temperature", {"free": [1]}, "free must be priors by name"),
    ],
)
def test_what_cannot_differ_is_refused(names, options, said):
    with pytest.raises(pn.ParameterError, match=said):
        chooser().split(names, **{"by": "b", "levels": LEVELS} | options)


def test_levels_may_be_what_a_column_holds():
    agent = chooser().split("inverse_temperature", by="b", levels=np.unique(BLOCKS))
    assert agent.names[1:] == ("inverse_temperature[calm]", "inverse_temperature[wild]")


def test_strengths_of_couplings_differ_by_trial_and_beginnings_do_not():
    """A strength that is zero in a block is a parent who says nothing there."""
    free = {"x3->x2.strength": LogNormal(0, 1), "x2.initial_mean": Normal(0, 1)}
    agent = Agent(pn.models.binary_hgf(3), free=free)
    with pytest.raises(pn.ParameterError, match="from trial to trial"):
        agent.split("x2.initial_mean", by="b", levels=LEVELS)
    name, outcomes = "x3->x2.strength", blocks().columns["u"]
    split = agent.split(name, by="b", levels=LEVELS)
    data = Trials({"u": outcomes, "b": BLOCKS}, inputs="u")
    values = {f"{name}[calm]": 1.0, f"{name}[wild]": 0.2, "x2.initial_mean": 0.0}
    calm = agent.network.filter({"u": outcomes[:HALF]})
    wild = agent.network.replace({name: 0.2}).filter({"u": outcomes[HALF:]}, start=calm.final)

    found = split.pointwise_log_likelihood(values, data)
    expected = -np.concatenate([calm.surprise, wild.surprise])
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (None, "'b', which the data do not have"),
        (np.where(np.arange(2 * HALF) == 7, None, BLOCKS.astype(object)), "no value.*row 7"),
        (np.where(BLOCKS == "calm", "clam", BLOCKS), "'clam'.*row 0.*'calm' and 'wild'"),
        (np.full(2 * HALF, "calm"), "No trial has 'wild'"),
    ],
    ids=["no column", "missing", "unknown", "never seen"],
)
def test_trials_of_no_condition_are_refused(column, said):
    agent = chooser().split("inverse_temperature", by="b", levels=LEVELS)
    frame = {name: blocks().columns[name] for name in ("u", "y")}
    data = Trials(frame if column is None else frame | {"b": column}, inputs="u", actions="y")
    with pytest.raises(pn.DataError, match=said):
        pn.fit_map(agent, data)


def test_frozen_trials_need_no_condition_and_levels_of_a_column_are_the_same_everywhere():
    agent = chooser().split("inverse_temperature", by="session", levels=[0, 1])
    with pytest.raises(pn.ParameterError, match="the same levels in the same order"):
        agent.split("x2.tonic_volatility", by="session", levels=[1, 0])
    columns = table()
    columns["skipped"] = columns["trial"] == 2
    columns["session"] = np.where(columns["skipped"], np.nan, columns["session"])
    columns["run"] = table()["session"]
    data = Trials(columns, inputs="u", actions="y", by=["subject", "run"], frozen="skipped")
    values = {"x2.tonic_volatility": -3.0} | {f"inverse_temperature[{k}]": 2.0 for k in (0, 1)}
    assert np.isfinite(agent.log_likelihood(values, data))
    with pytest.raises(pn.ParameterError, match="Say under which level"):
        agent.instantiate(values)
    _, response = agent.instantiate(values | {"inverse_temperature[1]": 5.0}, levels={"session": 1})
    assert response.inverse_temperature == 5.0
    with pytest.raises(pn.ParameterError, match=r"is free.*\[0\].*\[1\]"):
        agent.replace({"inverse_temperature": 1.0})


@pytest.mark.slow
def test_two_levels_are_recovered():
    """Intervals of nine tenths have the true values nine times in ten, and differences are seen."""
    agent = pn.agents.rescorla_wagner().split("u.learning_rate", by="b", levels=LEVELS)
    count = 160
    outcomes = np.asarray(pn.data.association().outcomes)[: 2 * count]
    design = Trials({"u": outcomes, "b": np.repeat(LEVELS, count)}, inputs="u")
    found = pn.parameter_recovery(agent, design, n=200, seed=3, starts=4, refine=1)

    inside = np.abs(found.scores) < stats.norm.ppf(0.95)
    error = np.sqrt(0.9 * 0.1 / len(inside))
    assert np.all(np.abs(inside.mean(axis=0) - 0.9) < 4 * error)
    true = found.true[:, 1] - found.true[:, 0]
    estimate = np.asarray(found.posterior.unconstrained)
    assert np.corrcoef(true, estimate[:, 1] - estimate[:, 0])[0, 1] > 0.5


def test_formulas_lead_to_conditions_and_back():
    """Who names a column that changes from trial to trial is told of levels; who has these names each."""
    columns = table() | {"block": np.where(table()["trial"] < 3, "calm", "wild")}
    data = Trials(columns, inputs="u", actions="y", by=["subject", "session"])
    with pytest.raises(pn.FormulaError, match=r"agent\.split\('inverse_temperature', by='block'"):
        pn.fit_em(chooser(), data, formulas={"inverse_temperature": "block"})
    agent = chooser().split("inverse_temperature", by="block", levels=LEVELS)
    with pytest.raises(pn.ParameterError, match=r"each level.*\[calm\].*\[wild\]"):
        pn.fit_em(agent, data, formulas={"inverse_temperature": "age"})
