"""Premade agents: nothing their priors allow makes filtering fail, and most of it makes sense."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import agents, responses
from pynodes.agents._usual import PRECISION
from pynodes.fit import Agent, Fixed, LogNormal, Normal, Trials, check_priors, fit_map, simulate
from pynodes.fit.agent.arrays import design_arrays
from tests.few import few

OUTCOMES = pn.data.association().outcomes
RATES = pn.data.usd_chf()
CODES = np.random.default_rng(1).integers(0, 3, 320).astype(float)
STATES = np.where(np.random.default_rng(2).random(320) < 0.2, CODES, np.arange(320) % 4)
ARMS = pn.models.bandit_inputs(CODES, OUTCOMES, arms=3)
MONEY = np.round(np.random.default_rng(3).normal(50, 20, 320), 2)

CASES = {
    "binary_hgf, 2 levels": (lambda: agents.binary_hgf(2), {"u": OUTCOMES}),
    "binary_hgf": (agents.binary_hgf, {"u": OUTCOMES}),
    "binary_hgf, free precision": (
        lambda: agents.binary_hgf(initial_precision="free"),
        {"u": OUTCOMES},
    ),
    "binary_hgf, 4 levels": (lambda: agents.binary_hgf(4), {"u": OUTCOMES}),
    "rescorla_wagner": (agents.rescorla_wagner, {"u": OUTCOMES}),
    "pearce_hall": (agents.pearce_hall, {"u": OUTCOMES}),
    "sutton_k1": (agents.sutton_k1, {"u": OUTCOMES}),
    "dual_rescorla_wagner": (agents.dual_rescorla_wagner, {"u": OUTCOMES, "u.choice": CODES % 2}),
    "continuous_hgf": (lambda: agents.continuous_hgf(series=RATES), {"u": RATES}),
    "continuous_hgf, 3 levels": (lambda: agents.continuous_hgf(3, series=RATES), {"u": RATES}),
    "kalman_filter": (lambda: agents.kalman_filter(series=RATES), {"u": RATES}),
    "jget": (lambda: agents.jget(series=RATES), {"u": RATES}),
    "categorical_hgf": (agents.categorical_hgf, {"u": CODES}),
    "categorical_hgf, normalised": (lambda: agents.categorical_hgf(normalised=True), {"u": CODES}),
    "transition_hgf": (agents.transition_hgf, pn.models.transition_inputs(STATES, states=4)),
    "bandit_hgf": (agents.bandit_hgf, ARMS),
    "bandit_hgf, continuous": (lambda: agents.bandit_hgf(rewards="continuous"), ARMS),
    "bandit_hgf, money": (
        lambda: agents.bandit_hgf(rewards="continuous", series=MONEY),
        pn.models.bandit_inputs(CODES, MONEY, arms=3),
    ),
    "bandit_rescorla_wagner": (agents.bandit_rescorla_wagner, ARMS),
    "bandit_rescorla_wagner, money": (
        lambda: agents.bandit_rescorla_wagner(
            rewards="continuous", series=MONEY, separate_rates=True
        ),
        pn.models.bandit_inputs(CODES, MONEY, arms=3),
    ),
    "delta_rule": (lambda: agents.delta_rule(series=RATES), {"u": RATES}),
}
"""Every premade agent, and something for it to see."""

LARGE = [
    *("transition_hgf", "bandit_hgf, continuous", "categorical_hgf", "binary_hgf, 4 levels"),
    *("bandit_hgf, money", "bandit_rescorla_wagner, money", "binary_hgf, free precision"),
]
"""Agents that take long to compile, or are much like others."""


def design(series, **options):
    return Trials(series, inputs={name: name for name in series}, **options)


def test_there_is_a_case_for_every_agent():
    public = {name for name, found in vars(agents).items() if callable(found)}

    assert {case.partition(",")[0] for case in CASES} == public


@pytest.mark.parametrize("case", few([case for case in CASES if case not in LARGE], 3))
def test_no_draw_from_the_priors_fails(case):
    """None of a thousand; and hardly any has beliefs that run away."""
    make, series = CASES[case]
    found = check_priors(make(), design(series), n=1000, seed=5)

    assert found.failing.shape == (1, 1000)
    assert (found.failures, found.problems()) == (0, [])
    assert found.runaways <= 100


@pytest.mark.slow
@pytest.mark.parametrize("case", LARGE)
def test_no_draw_from_the_priors_of_a_large_agent_fails(case):
    test_no_draw_from_the_priors_fails(case)


@pytest.mark.slow
def test_no_draw_fails_in_single_precision():
    """The same, in a process without the suite's double precision."""
    code = (
        "from tests.fit.test_agents import CASES, check_priors, design\n"
        "import jax; jax.config.update('jax_enable_x64', False)\n"
        "for case, (make, series) in CASES.items():\n"
        "    found = check_priors(make(), design(series), n=1000, seed=6)\n"
        "    assert next(iter(found.values.values())).dtype == 'float32'\n"
        "    assert found.failures == 0, (case, found.problems())\n"
        "print('fine')\n"
    )
    root = Path(__file__).resolve().parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
    )

    assert said.stdout == "fine\n"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["binary_hgf", "bandit_hgf", "categorical_hgf, normalised"])
def test_most_draws_predict_no_worse_than_chance(case):
    """Nine tenths of draws are surprised by a quarter more than dice would be at most; others run away."""
    make, series = CASES[case]
    agent = make()
    blocks = jax.tree.map(lambda leaf: leaf[0, 0], design_arrays(agent.model, design(series)))

    def surprise(key):
        network, _ = agent.instantiate(agent.draw(key))
        return jnp.sum(network.filter(blocks.inputs, frozen=blocks.frozen, throw=False).surprise)

    surprises = jax.jit(jax.vmap(surprise))(jax.random.split(jax.random.key(2), 400))

    chance = 320 * np.log(3.0 if case.startswith("categorical") else 2.0)
    assert np.quantile(surprises, 0.9) < 1.25 * chance


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["sutton_k1", "dual_rescorla_wagner", "kalman_filter", "categorical_hgf, normalised"]
)
def test_an_agent_simulates_and_is_fitted(case):
    """In the trials of its case, cut short; binary filters are fitted elsewhere."""
    make, series = CASES[case]
    agent = make()
    short = {name: np.asarray(values)[:120] for name, values in series.items()}

    found = simulate(agent, design(short), seed=1)
    fit = fit_map(agent, found.trials, starts=4, refine=1)

    assert fit.converged
    assert np.isfinite(fit.lme)


@pytest.mark.slow
def test_one_that_watches_is_fitted_to_what_it_sees():
    fit = fit_map(agents.binary_hgf(2, response=None), design({"u": OUTCOMES}))

    assert fit.names == ("x2.tonic_volatility",)
    assert fit.converged


def test_priors_of_ones_own_come_before_the_usual_ones():
    own = {
        "x3.tonic_volatility": Fixed(-6.0),
        "x2.tonic_volatility": Normal(-2.0, 1.0),
        "x2.initial_mean": Normal(0.0, 1.0),
    }
    agent = agents.binary_hgf(free=own)

    assert set(agent.names) == {"x2.tonic_volatility", "inverse_temperature", "x2.initial_mean"}
    assert float(agent.priors["x2.tonic_volatility"].unconstrained_mean) == -2
    assert float(agent.network.parameters()["x3.tonic_volatility"]) == -6


def test_initial_precisions_are_free_where_they_are_asked_for():
    """Around 3 in units of the data, one for all arms or logits, and beside it nothing changes."""
    made = {
        "x2": (agents.binary_hgf, ["x2"], 1.0),
        "logits": (agents.categorical_hgf, ["x2_0", "x2_1", "x2_2"], 1.0),
        "arms": (
            lambda **own: agents.bandit_hgf(2, rewards="continuous", series=MONEY, **own),
            ["x1_0", "x1_1"],
            float(np.var(MONEY[:20])),
        ),
        "x1": (
            lambda **own: agents.continuous_hgf(series=MONEY, **own),
            ["x1"],
            np.var(MONEY[:20]),
        ),
        "u": (lambda **own: agents.kalman_filter(series=MONEY, **own), ["u"], np.var(MONEY[:20])),
    }
    for owner, (make, states, unit) in made.items():
        agent, name = make(initial_precision="free"), f"{owner}.initial_precision"
        assert set(agent.names) - set(make().names) == {name}
        prior = agent.priors[name]
        assert float(prior.constrain(prior.unconstrained_mean)) == pytest.approx(3 / unit)
        values = {n: float(p.constrain(p.unconstrained_mean)) for n, p in agent.priors.items()}
        network, _ = agent.instantiate(values | {name: 7.0})
        assert [float(network[f"{state}.initial_precision"]) for state in states] == [7.0] * len(
            states
        )
        assert not {f"{state}.initial_precision" for state in states} & set(agent.fixed)
        assert f"{states[0]}.initial_precision" in make().fixed
    with pytest.raises(pn.ParameterError, match="'free', or numbers"):
        agents.binary_hgf(initial_precision="fixed")
    assert agents.binary_hgf().fixed["x2.initial_precision"] == PRECISION
    assert agents.bandit_hgf(2).fixed["x2_1.initial_precision"] == PRECISION
    assert "x1.initial_precision" in agents.jget(initial_precision="free").names
    assert agents.jget(initial_precision=2.0).fixed["x2.initial_precision"] == 2.0


def test_shared_volatilities_are_one_number():
    network, _ = agents.bandit_hgf(2).instantiate(
        {"arms.tonic_volatility": -1.5, "x3.tonic_volatility": -6.0, "inverse_temperature": 1.0}
    )

    found = network.parameters()
    assert [float(found[f"x2_{arm}.tonic_volatility"]) for arm in (0, 1)] == [-1.5, -1.5]


def test_joint_responses_have_priors_by_stream():
    streams = {
        "choice": responses.UnitSquareSigmoid(),
        "time": responses.MinimalLogReactionTime(),
    }
    agent = agents.binary_hgf(2, response=streams)

    assert "choice.inverse_temperature" in agent.names
    assert {"time.intercept", "time.surprise", "time.variance"} < set(agent.names)


def test_a_response_in_units_of_the_data_needs_priors():
    rating = responses.BetaResponse(belief="u.predicted_mean")
    with pytest.raises(pn.ParameterError, match=r"Nothing usual is known .* free=: 'precision'"):
        agents.binary_hgf(response=rating)

    with pytest.raises(
        pn.ParameterError, match=r"'x3', which is no node .*one of them by volatility="
    ):
        agents.binary_hgf(2, response={"time": responses.LogReactionTime()})

    agent = agents.binary_hgf(response=rating, free={"precision": LogNormal(3.0, 1.0)})
    assert "precision" in agent.names


def test_priors_of_quantities_move_with_the_units_of_the_series():
    """A series that is ten times as large has priors that are as much wider: the same draws, in its units."""
    one, ten = (agents.continuous_hgf(series=scale * RATES) for scale in (1.0, 10.0))

    for name, shift in {
        "x1.tonic_volatility": 2 * np.log(10),
        "u.precision": -2 * np.log(10),
        "variance": 2 * np.log(10),
        "x2.tonic_volatility": 0.0,
    }.items():
        moved = float(ten.priors[name].unconstrained_mean - one.priors[name].unconstrained_mean)
        assert moved == pytest.approx(shift, abs=1e-9), name
    key = jax.random.key(0)
    runs = [
        agent.instantiate(agent.draw(key))[0].filter({"u": scale * RATES})["x2"].mean
        for agent, scale in ((one, 1.0), (ten, 10.0))
    ]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-6)


def failing():
    graph = pn.models.binary_hgf(3, expansion="standard")
    free = {"x2.tonic_volatility": Normal(-3.0, 4.0), "x3.tonic_volatility": Normal(-6.0, 4.0)}
    return Agent(graph, responses.UnitSquareSigmoid(), free=free)


@pytest.fixture(scope="module")
def checked():
    who = np.repeat(["anna", "bert"], 160)
    trials = Trials({"u": OUTCOMES, "who": who}, inputs="u", by="who")
    return check_priors(failing(), trials, n=200, seed=1)


@pytest.mark.slow
def test_failures_are_counted_as_filtering_fails(checked):
    """Draw by draw beside single runs, whose status says it."""
    assert 0 < checked.failures < 200
    for draw in (*np.flatnonzero(checked.failing[0])[:3], *np.flatnonzero(~checked.failing[0])[:3]):
        values = {name: float(found[draw]) for name, found in checked.values.items()}
        network, _ = checked.agent.instantiate(values)
        status = network.filter({"u": OUTCOMES[:160]}, throw=False).status
        assert bool(status.ok) != checked.failing[0, draw]


def test_a_failure_names_subject_trial_and_parameter(checked):
    first, second = checked.problems()
    draw = int(np.argmax(checked.failing[1]))
    network, _ = checked.agent.instantiate({n: float(v[draw]) for n, v in checked.values.items()})
    step = network.filter({"u": OUTCOMES[160:]}, throw=False).status.step

    assert "'anna'" in first
    assert "'bert'" in second
    assert f"in trial {step} (row {160 + step})" in second
    assert "'x2.tonic_volatility' is" in first
    assert "see .problems()" in repr(checked)
    assert checked.table["failing"].to_numpy().sum() == checked.failing.sum()


@pytest.mark.slow
def test_a_fit_beside_a_failing_region_says_where(checked):
    trials = Trials({"u": OUTCOMES, "y": pn.data.association().choices}, inputs="u", actions="y")
    agent = failing()
    fit = fit_map(agent, trials, starts=4)

    said = [sentence for sentence in fit.problems() if "filtering fails (in trial" in sentence]
    assert said
    assert any("where the belief of 'x3' breaks down" in sentence for sentence in said)


def test_priors_can_be_checked_only_where_there_are_some():
    agent = Agent(pn.models.binary_hgf(2), responses.UnitSquareSigmoid())
    with pytest.raises(pn.ParameterError, match="needs an agent with free values"):
        check_priors(agent, design({"u": OUTCOMES}))


@pytest.mark.parametrize("make", [agents.bandit_rescorla_wagner, agents.bandit_hgf])
def test_bandits_paid_in_cents_are_fitted_as_in_money(make):
    """All that has units is placed by the series: the likelihood of choices under it is the same."""
    arms = 2
    scores = []
    for unit in (1.0, 100.0):
        paid = MONEY[:60] * unit
        more = {"separate_rates": True} if make is agents.bandit_rescorla_wagner else {}
        agent = make(arms, rewards="continuous", series=paid, **more)
        series = pn.models.bandit_inputs(CODES[:60] % 2, paid, arms=arms)
        trials = Trials(
            series | {"y": CODES[:60] % 2}, inputs={name: name for name in series}, actions="y"
        )
        values = {
            name: prior.constrain(prior.unconstrained_mean) for name, prior in agent.priors.items()
        }
        scores.append(float(agent.log_likelihood(values, trials)))

    assert scores[1] == pytest.approx(scores[0], rel=1e-9)
    assert scores[0] != pytest.approx(60 * np.log(0.5))


def test_units_of_binary_rewards_are_refused():
    with pytest.raises(pn.ParameterError, match="rewards='continuous'"):
        agents.bandit_hgf(2, series=[1.0, 2.0])
