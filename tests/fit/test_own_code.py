"""Functions of one's own that read a global number: a change of it is seen, or refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._core.besides import read_besides

LAPSE = 0.1
SCALE = 1.0


def rate():
    return LAPSE


def lapsing(beliefs, response, inverse_temperature):
    chance = jax.nn.sigmoid(inverse_temperature * (beliefs["u"].predicted_mean - 0.5))
    chosen = jnp.where(response > 0.5, chance, 1 - chance)
    return jnp.log(rate() / 2 + (1 - rate()) * chosen)


def squash(x):
    return SCALE * jnp.tanh(x)


class Weighting:
    """A function that is an object."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        return self.weight * x


def make_noting(record):
    """A function that keeps a record of its calls, as those who count traces do."""
    return lambda x: record.append(x)


def make_counting():
    """A function that counts its calls, and one that says how many."""
    calls = 0

    def count():
        nonlocal calls
        calls += 1

    return count, lambda: calls


def test_a_second_look_sees_a_global_that_has_changed(monkeypatch):
    """With lapses in every trial choices are coin flips, whatever is believed."""
    outcomes, choices = (np.asarray(v)[:40] for v in pn.data.association())
    data = pn.Trials({"u": outcomes, "y": choices}, inputs="u", actions="y")
    response = pn.responses.OwnResponse.of(lapsing, inverse_temperature=2.0)
    free = {"inverse_temperature": pn.LogNormal(1, 1)}
    agent = pn.Agent(pn.Graph().add(u=pn.RescorlaWagner()), response, free=free)

    def score():
        return float(agent.log_likelihood({"inverse_temperature": 2.0}, data))

    first = score()
    program = agent.model
    assert agent.model == program or agent.model.besides == program.besides
    monkeypatch.setitem(globals(), "LAPSE", 1.0)

    assert score() == pytest.approx(-len(choices) * np.log(2))
    assert agent.model.besides != program.besides
    monkeypatch.setitem(globals(), "LAPSE", 0.1)
    assert score() == first


def test_a_gate_sees_a_global_that_has_changed(monkeypatch):
    network = pn.models.binary_hgf(2).compile()
    series = {"u": np.ones(4)}

    def gate(predictions, observed):
        return {"x2": SCALE > 0.5}

    learned = network.filter(series, gate=gate)["x2"].mean
    monkeypatch.setitem(globals(), "SCALE", 0.0)
    kept = network.filter(series, gate=gate)["x2"].mean

    assert float(learned[-1]) > 0
    np.testing.assert_array_equal(kept, np.zeros(4))


def test_a_closed_loop_sees_a_global_that_has_changed(monkeypatch):
    """In its environment, which pays what a global number says."""

    class Payer(pn.environments.AbstractEnvironment):
        def begin(self, key):
            return jnp.zeros(())

        def answer(self, key, state, action):
            return state, {"u": jnp.asarray(SCALE, float)}

    network = pn.Graph().add(u=pn.DeltaRule()).compile()

    def paid():
        run = network.interact(
            Payer(), lambda key, beliefs: jnp.zeros(()), jax.random.key(1), steps=3
        )
        return np.asarray(run.inputs["u"])

    np.testing.assert_array_equal(paid(), np.ones(3))
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    np.testing.assert_array_equal(paid(), np.full(3, 5.0))

    agent = pn.agents.delta_rule()
    design = pn.Trials({"u": np.full(4, np.nan)}, inputs="u")
    for scale in (1.0, 2.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        made = pn.simulate(agent, design, environment=Payer(), seed=1).trials
        np.testing.assert_array_equal(made.columns["u"], np.full(4, scale))


def test_a_global_of_a_coupling_that_has_changed_is_refused(monkeypatch):
    graph = pn.Graph().add(u=pn.ContinuousInput(), x1=pn.ContinuousState())
    graph = graph.couple("x1", "u", pn.Observation(function=squash))
    agent = pn.Agent(graph, free={"x1.tonic_volatility": pn.Normal(-3, 1)})
    assert agent.names == ("x1.tonic_volatility",)
    network = graph.compile()
    network.start()
    monkeypatch.setitem(globals(), "SCALE", 2.0)

    with pytest.raises(pn.ParameterError, match=r"'squash'.*'SCALE'.*Define the function again"):
        agent.check_values({"x1.tonic_volatility": -3.0}) and agent.model
    with pytest.raises(pn.ParameterError, match="'SCALE'"):
        pn.Agent(graph, free={"x1.tonic_volatility": pn.Normal(-3, 1)})
    for run in (network.filter, network.surprise, graph.compile().smooth):
        with pytest.raises(pn.ParameterError, match=r"'squash'.*'SCALE'"):
            run({"u": np.zeros(3)})


def test_what_is_read_besides_is_found_wherever_it_stands():
    """Closures, defaults, partial functions, arrays, containers and methods."""

    def make(weights, depth=2, **named):
        def compute(x, *, size=depth):
            return (lambda: weights["a"][0] * x * size)() + LAPSE

        return compute

    one, other = make({"a": [1.0]}), make({"a": [2.0]})
    assert read_besides(one) == read_besides(make({"a": [1.0]}))
    assert read_besides(one) != read_besides(other)
    assert read_besides(one) != read_besides(make({"a": [1.0]}, depth=3))
    assert read_besides(make(np.arange(3))) != read_besides(make(np.arange(1, 4)))
    partials = [read_besides(functools.partial(one, size=size)) for size in (1, 2, 1)]
    assert partials[0] == partials[2] != partials[1]

    class Kind:
        def read(self):
            return SCALE

    assert dict(read_besides(Kind)) == {"read.SCALE": ("float", "1.0")}
    counted = []
    noting = make_noting(counted)
    before = read_besides(noting)
    noting(0.0)
    assert counted
    assert read_besides(noting) == before  # a record, by which nothing goes
    counting, calls = make_counting()
    before = read_besides(counting)
    counting()
    assert calls() == 1
    assert read_besides(counting) == before
    held = Weighting(1.0)
    before = read_besides(held)
    held.weight = 2.0
    assert read_besides(held) != before
    assert read_besides(np.tanh) == read_besides(len) == ()
    assert hash(read_besides(one))


def test_attributes_are_not_taken_for_globals_of_the_same_name(monkeypatch):
    """A belief's mean is not the mean of a notebook's first cell."""

    def read(belief):
        return belief.SCALE + rate()

    before = read_besides(read)
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert read_besides(read) == before
    monkeypatch.setitem(globals(), "LAPSE", 0.2)
    assert read_besides(read) != before
