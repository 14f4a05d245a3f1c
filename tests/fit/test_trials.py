"""Trials and agents: every row counts once, in its place, or is refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from pynodes.fit import Agent, Fixed, LogitNormal, LogNormal, Normal, Trials
from tests.fit import cases
from tests.fit.cases import VALUES, chooser, table, watcher

KEYS = ["subject", "session"]


def trials(data, **options):
    given = {"inputs": "u", "actions": "y", "by": KEYS} | options
    return Trials(data, **given)


def by_hand(data, values, *, rows=None, **options):
    """Log likelihood of every row of a run by the network and the response themselves."""
    network = chooser().network.replace({"x2.tonic_volatility": values["x2.tonic_volatility"]})
    response = pn.responses.UnitSquareSigmoid(inverse_temperature=values["inverse_temperature"])
    rows = slice(None) if rows is None else rows
    beliefs = network.filter({"u": data["u"][rows]}, **options)
    return response.log_likelihood(beliefs, data["y"][rows], frozen=options.get("frozen"))


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def expected_of(data, values=VALUES, by=KEYS):
    """What every row should have, session by session."""
    found = np.full(len(data["u"]), np.nan)
    for rows in cases.sessions_of(data, by):
        found[rows] = by_hand(data, values, rows=rows)
    return found


@pytest.mark.slow
def test_sessions_of_unequal_length_are_run_one_by_one():
    data = table()
    found = chooser().pointwise_log_likelihood(VALUES, trials(data))

    same(found, expected_of(data))
    same(chooser().log_likelihood(VALUES, trials(data)), np.sum(found))


def test_rows_of_subjects_may_be_mixed():
    data = table()
    mixed = np.argsort(data["trial"], kind="stable")
    shuffled = {name: column[mixed] for name, column in data.items()}

    same(chooser().pointwise_log_likelihood(VALUES, trials(shuffled)), expected_of(data)[mixed])


def test_beliefs_may_be_carried_over():
    data = table()
    found = chooser().pointwise_log_likelihood(VALUES, trials(data, carry_over=True))

    same(found, expected_of(data, by=["subject"]))


def test_without_keys_all_is_one_series():
    data = table()
    one = Trials({"u": data["u"], "y": data["y"]}, inputs="u", actions="y")

    same(chooser().pointwise_log_likelihood(VALUES, one), by_hand(data, VALUES))
    assert one.key_frame()["trial"].tolist() == list(range(len(one)))


def test_beliefs_start_afresh_where_they_are_reset():
    data = table(((12,),))
    fresh = np.isin(np.arange(12), (5, 9))
    found = chooser().pointwise_log_likelihood(VALUES, trials(data | {"new": fresh}, reset="new"))

    parts = [by_hand(data, VALUES, rows=slice(*ends)) for ends in ((0, 5), (5, 9), (9, 12))]
    same(found, np.concatenate(parts))


def test_each_subject_may_have_values_of_its_own():
    data = table()
    values = {"x2.tonic_volatility": np.array([-1.0, -4.0, -2.0]), "inverse_temperature": 2.0}
    found = chooser().pointwise_log_likelihood(values, trials(data))

    for number, name in enumerate(("s0", "s1", "s2")):
        mine = {"x2.tonic_volatility": values["x2.tonic_volatility"][number]}
        rows = data["subject"] == name
        same(found[rows], expected_of(data, VALUES | mine | {"inverse_temperature": 2.0})[rows])


def test_a_missing_response_is_learned_from_but_has_no_likelihood():
    data = table(((12,),))
    data["y"][[2, 7]] = np.nan
    found = chooser().pointwise_log_likelihood(VALUES, trials(data))

    full = by_hand(data | {"y": np.ones(12)}, VALUES)
    assert np.all(found[np.array([2, 7])] == 0)
    chosen = np.where(data["y"] == 1, full, np.log1p(-np.exp(full)))
    same(found[data["y"] == data["y"]], chosen[data["y"] == data["y"]])


def test_an_unseen_input_lets_beliefs_drift():
    data = table(((12,),))
    data["u"][4] = np.nan
    seen = np.arange(12) != 4
    found = chooser().pointwise_log_likelihood(VALUES, trials(data))

    same(found, by_hand(data, VALUES, observed=seen))
    assert found[4] < 0


@pytest.mark.parametrize("how", ["marked", "unseen"])
def test_a_frozen_trial_might_as_well_not_be_there(how):
    data = table(((12,),))
    left_out = np.arange(12) == 4
    if how == "unseen":
        data["u"][4] = np.nan
    options = {"frozen": "skip"} if how == "marked" else {"unseen": "frozen"}
    found = chooser().pointwise_log_likelihood(VALUES, trials(data | {"skip": left_out}, **options))

    assert found[4] == 0
    same(found[~left_out], by_hand(data, VALUES, rows=~left_out))


def test_nothing_that_is_ignored_is_looked_at():
    """Whatever stands in a frozen row, it is neither refused nor does it matter."""
    data = table(((12,),))
    left_out = np.arange(12) == 4
    odd = {name: np.where(left_out, 7.0, data[name]) for name in ("u", "y")}

    found = chooser().pointwise_log_likelihood(
        VALUES, trials(data | odd | {"skip": left_out}, frozen="skip")
    )

    same(found[~left_out], by_hand(data, VALUES, rows=~left_out))


def test_times_are_a_number_or_a_column():
    data = table(((12,),))
    times = np.linspace(2, 0.5, 12)

    same(
        chooser().pointwise_log_likelihood(VALUES, trials(data | {"gap": times}, dt="gap")),
        by_hand(data, VALUES, dt=times),
    )
    same(
        chooser().pointwise_log_likelihood(VALUES, trials(data, dt=2.0)),
        by_hand(data, VALUES, dt=2.0),
    )


def test_without_responses_the_likelihood_is_that_of_what_was_seen():
    data = table()
    found = watcher().log_likelihood({"x2.tonic_volatility": -2.5}, trials(data, actions=None))

    network = watcher().network.replace({"x2.tonic_volatility": -2.5})
    parts = [network.surprise({"u": data["u"][rows]}) for rows in cases.sessions_of(data)]
    same(found, -sum(parts))


def test_responses_may_come_in_streams_with_gaps_and_covariates_of_their_own():
    data = table()
    data["rt"] = np.random.default_rng(1).normal(6, 0.2, len(data["u"]))
    data["rt"][3], data["y"][5] = np.nan, np.nan
    data["win"] = np.full(len(data["u"]), 2.0)
    streams = {
        "choice": pn.responses.BinarySoftmax(),
        "time": pn.responses.MinimalLogReactionTime(surprise=0.1, variance=0.05),
    }
    agent = Agent(
        pn.models.binary_hgf(2),
        streams,
        free={"time.surprise": Normal(0.0, 1.0), "choice.inverse_temperature": LogNormal(0, 1)},
    )
    values = {"time.surprise": 0.2, "choice.inverse_temperature": 1.5}
    together = trials(data, actions={"choice": "y", "time": "rt"}, covariates={"reward_one": "win"})
    found = agent.pointwise_log_likelihood(values, together)

    expected = np.empty(len(data["u"]))
    for rows in cases.sessions_of(data):
        beliefs = agent.network.filter({"u": data["u"][rows]})
        choice = streams["choice"].replace({"inverse_temperature": 1.5})
        time = streams["time"].replace({"surprise": 0.2})
        expected[rows] = choice.log_likelihood(
            beliefs, data["y"][rows], covariates={"reward_one": data["win"][rows]}
        ) + time.log_likelihood(beliefs, data["rt"][rows])
    same(found, expected)


def test_tied_and_fixed_parameters():
    agent = Agent(
        pn.models.binary_hgf(3),
        pn.responses.UnitSquareSigmoid(),
        free={"rate": Normal(-4.0, 1.0), "inverse_temperature": Fixed(2.0)},
        tied={"rate": ["x2.tonic_volatility", "x3.tonic_volatility"]},
    )

    network, response = agent.instantiate({"rate": -3.5})

    assert agent.names == ("rate",)
    assert network["x2.tonic_volatility"] == network["x3.tonic_volatility"] == -3.5
    assert response.inverse_temperature == 2


def test_the_likelihood_has_derivatives():
    data = trials(table())

    def at(volatility, temperature):
        values = {"x2.tonic_volatility": volatility, "inverse_temperature": temperature}
        return chooser().log_likelihood(values, data)

    slopes = jax.grad(at, argnums=(0, 1))(-2.5, 3.0)

    for number, step in enumerate(np.eye(2) * 1e-5):
        change = (at(*(np.array([-2.5, 3]) + step)) - at(*(np.array([-2.5, 3]) - step))) / 2e-5
        assert slopes[number] == pytest.approx(float(change), rel=1e-6)


@pytest.mark.slow
def test_the_log_density_is_a_plain_function_of_positions():
    """It compiles and batches; its Jacobians are those of the priors."""
    one = trials(table()).only(subject="s1")
    density = chooser().log_density(one)
    positions = jnp.array([-2.5, np.log(3.0)])

    batch = jax.jit(jax.vmap(density))(jnp.stack([positions, positions + 0.1]))

    prior = chooser().log_prior(VALUES) + np.log(3.0)
    same(batch[0], chooser().log_likelihood(VALUES, one) + prior)
    assert jnp.all(jnp.isfinite(jax.grad(density)(positions)))


def test_an_unstable_value_has_likelihood_zero_and_no_slope():
    graph = pn.models.binary_hgf(3, expansion="standard")
    free = {"x3.tonic_volatility": Normal(-6.0, 4.0)}
    agent = Agent(graph, pn.responses.UnitSquareSigmoid(), free=free)
    data = trials(table(((40,),)))

    def at(volatility):
        return agent.log_likelihood({"x3.tonic_volatility": volatility}, data)

    assert at(0.0) == -jnp.inf
    assert jax.grad(at)(0.0) == 0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_both_precisions_agree(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        found = Agent(
            pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=cases.FREE
        ).log_likelihood(VALUES, trials(table()))

        assert found.dtype == dtype
    np.testing.assert_allclose(found, np.sum(expected_of(table())), rtol=1e-5)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda data: pd.DataFrame(data).convert_dtypes()])
def test_frames_are_read_with_their_own_signs_for_what_is_missing(frame):
    data = table()
    gap = data["y"].copy()
    gap[2] = np.nan
    read = trials(frame(data | {"y": gap}))

    same(read.numbers("y"), gap)
    assert read.unanswered.sum() == 1
    assert read.subjects == ("s0", "s1", "s2")


def test_trials_say_what_they_hold():
    data = table()
    data["y"][2] = data["u"][3] = np.nan
    data["skip"] = np.arange(len(data["u"])) == 7
    read = trials(data, frozen="skip")

    assert repr(read) == (
        "Trials(41 trials, 3 subjects, 6 blocks, 1 without response, 1 unseen, 1 frozen)"
    )
    assert "s2" in read._repr_html_()
    assert len(read) == 41


def test_a_part_is_taken_by_key():
    read = trials(table())

    assert len(read.only(subject="s1")) == 14
    assert len(read.only(subject=["s0", "s2"], session=1)) == 10
    assert read.only(subject="s1").key_frame()["trial"].tolist() == [*range(5), *range(9)]


def broken(**changes):
    return table() | changes


def replaced(name, row, value):
    column = table()[name].astype(object)
    column[row] = value
    return broken(**{name: column})


READING = {
    "no column": (lambda: trials(table(), inputs="v"), "inputs is to be the column 'v'"),
    "near name": (lambda: trials(table(), by=["Subject"]), "Did you mean 'subject'"),
    "text": (lambda: trials(replaced("u", 3, "left")), "row 3 is 'left'"),
    "number as text": (lambda: trials(replaced("u", 3, "1")), "row 3 is '1'"),
    "no key": (lambda: trials(replaced("subject", 4, None)), "Row 4 has no 'subject'"),
    "twice": (
        lambda: trials(replaced("trial", 4, 3)),
        "'s0', session 0 has trial 3 again in rows 3",
    ),
    "order": (lambda: trials(replaced("trial", 4, 1)), "trial 1 after trial 3 in rows 3 and 4"),
    "time": (lambda: trials(broken(gap=np.zeros(41)), dt="gap"), "row 0 is 0"),
    "time's size": (lambda: trials(table(), dt=-1.0), "dt must be a positive number or a column"),
    "truth": (lambda: trials(table(), reset="age"), "row 0 is 30"),
    "lengths": (lambda: trials(broken(v=np.zeros(3))), "different lengths"),
    "empty": (lambda: Trials({"u": []}, inputs="u"), "no rows"),
    "no frame": (lambda: Trials([1, 2], inputs="u"), "not as a list"),
    "mode": (lambda: trials(table(), unseen="skip"), "'drift' or 'frozen', not 'skip'"),
    "only": (lambda: trials(table()).only(subject="s9"), "No trial has subject 's9'"),
    "only key": (lambda: trials(table()).only(age=30), "not keyed by 'age'"),
}


@pytest.mark.parametrize(("make", "said"), READING.values(), ids=READING)
def test_what_cannot_be_read_is_refused_by_name(make, said):
    with pytest.raises(pn.DataError, match=said):
        make()


def at(agent, data):
    return agent.log_likelihood(dict.fromkeys(agent.names, 1.0), data)


FITTING = {
    "value": (
        lambda: at(chooser(), trials(replaced("u", 12, 2.0))),
        "subject 's0', session 1 has 2.0 in column 'u', row 12, but a BinaryInput takes",
    ),
    "response": (
        lambda: at(chooser(), trials(replaced("y", 12, 0.5))),
        "session 1 has 0.5 in column 'y', row 12, but UnitSquareSigmoid takes 0 or 1",
    ),
    "no action": (lambda: at(chooser(), trials(table(), actions=None)), "none was named"),
    "stream": (lambda: at(chooser(), trials(table(), actions={"y": "y"})), "'y' were named"),
    "input": (lambda: at(chooser(), trials(table(), inputs={"v": "u"})), "no input 'v'"),
    "columns": (lambda: at(chooser(), trials(table(), inputs={"u": ["u", "y"]})), "takes 1 column"),
    "covariate": (lambda: at(chooser(), trials(table(), covariates=["age"])), "They take none"),
    "subjects": (lambda: chooser().log_density(trials(table())), "are of 3 subjects"),
}


@pytest.mark.parametrize(("make", "said"), FITTING.values(), ids=FITTING)
def test_trials_that_do_not_fit_an_agent_are_refused_by_name(make, said):
    with pytest.raises(pn.PynodesError, match=said):
        make()


def agent(**options):
    return Agent(pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), **options)


AGENTS = {
    "unknown": (
        lambda: agent(free={"x2.volatility": Normal(0, 1)}),
        "no parameter 'x2.volatility'",
    ),
    "no prior": (lambda: agent(free={"x2.tonic_volatility": -3}), "must be a prior"),
    "range": (
        lambda: agent(free={"inverse_temperature": Normal(1.0, 2.0)}),
        "allows 'inverse_temperature' to be -5, which it cannot be",
    ),
    "twice": (
        lambda: agent(
            free={"a": Normal(0, 1), "x2.tonic_volatility": Normal(0, 1)},
            tied={"a": ["x2.tonic_volatility"]},
        ),
        "set twice, by 'a' and by 'x2.tonic_volatility'",
    ),
    "tied to nothing": (lambda: agent(tied={"a": ["x2.tonic_volatility"]}), "has no prior"),
    "no graph": (lambda: Agent("hgf"), "needs a graph"),
    "no response": (lambda: Agent(pn.models.binary_hgf(2), "sigmoid"), "one of pynodes.responses"),
    "absent": (
        lambda: chooser().instantiate({"x2.tonic_volatility": 0.0}),
        "No value was given for",
    ),
    "odd value": (lambda: chooser().instantiate(VALUES | {"x": 1.0}), "no free value 'x'"),
    "impossible": (
        lambda: chooser().instantiate(VALUES | {"inverse_temperature": -1.0}),
        "knows values between 0 and inf only",
    ),
}


@pytest.mark.parametrize(("make", "said"), AGENTS.values(), ids=AGENTS)
def test_an_agent_that_cannot_be_is_refused(make, said):
    with pytest.raises(pn.ParameterError, match=said):
        make()


def test_a_name_in_both_parts_is_asked_for():
    """A stream called like a node has parameters of the same name."""
    streams = {"u": pn.responses.GaussianResponse(belief="x.predicted_mean")}
    graph = pn.Graph().add(u=pn.RescorlaWagner(), x=pn.ContinuousState())

    class Rated(pn.responses.AbstractNormalResponse):
        learning_rate: pn.Scalar = pn.parameter(0.5)

        def mean(self, beliefs, given):
            return beliefs("u.predicted_mean") * self.learning_rate

    streams = {"u": Rated()}
    free = {"u.learning_rate": LogitNormal(0, 1)}
    with pytest.raises(pn.ParameterError, match=r"Write 'network:u.learning_rate' or"):
        Agent(graph, streams, free=free)

    one = Agent(graph, streams, free={"response:u.learning_rate": LogitNormal(0, 1)})
    network, response = one.instantiate({"response:u.learning_rate": 0.25})
    assert response.parameters()["u.learning_rate"] == 0.25
    assert network["u.learning_rate"] != 0.25
