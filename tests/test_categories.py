"""Nodes of several outcomes: what they predict, what is surprising, and what their parents learn."""

import itertools

import jax
import numpy as np
import pytest
from scipy import special, stats

import pynodes as pn
from tests.test_scale import equations

FORMS = pytest.mark.parametrize("normalised", [False, True])


def certain(logits, normalised, **settings):
    """A categorical input whose logits are known."""
    names = [f"c{code}" for code in range(len(logits))]
    graph = pn.Graph(**settings).add(
        u=pn.CategoricalInput(outcomes=len(logits), normalised=normalised)
    )
    constants = dict(zip(names, map(constant, logits), strict=True))
    return graph.add(constants).couple(names, "u").compile()


def constant(value):
    return pn.ConstantState(value=value)


def learning(outcomes=3, normalised=False, **parameters):
    """A categorical input under two levels of states."""
    return pn.models.categorical_hgf(outcomes, 2, normalised=normalised, **parameters).compile()


@FORMS
def test_probabilities_are_those_of_the_logits(normalised):
    """Of each by itself, or of one softmax (scipy)."""
    logits = np.array([0.3, -1.2, 2.0, 0.0])
    beliefs = certain(logits, normalised).filter({"u": [2, np.nan]})

    expected = special.softmax(logits) if normalised else special.expit(logits)
    np.testing.assert_allclose(beliefs["u"].predicted_mean, [expected] * 2, rtol=1e-12)
    np.testing.assert_allclose(beliefs["u"].mean, [[0, 0, 1, 0], expected], rtol=1e-12)


def test_the_surprise_of_one_softmax_is_that_of_the_outcome():
    logits = np.array([0.3, -1.2, 2.0])
    beliefs = certain(logits, True).filter({"u": [0, 1, 2, np.nan]})

    np.testing.assert_allclose(
        beliefs.surprise, [*-special.log_softmax(logits), 0.0], rtol=1e-12, atol=1e-15
    )


def test_the_surprise_of_single_outcomes_is_that_of_all_of_them():
    """And, given that exactly one of them happened, it is the surprise of the softmax."""
    logits = np.array([0.3, -1.2, 2.0])
    found = np.asarray(certain(logits, False).filter({"u": [0, 1, 2]}).surprise)

    chances = special.expit(logits)
    happened = np.eye(3, dtype=bool)
    joint = np.prod(np.where(happened, chances, 1 - chances), axis=1)
    np.testing.assert_allclose(found, -np.log(joint), rtol=1e-12)
    np.testing.assert_allclose(joint / joint.sum(), special.softmax(logits), rtol=1e-12)


@FORMS
def test_draws_come_as_often_as_the_softmax_says(normalised):
    """Exactly one outcome happens, in both forms (chi-square)."""
    logits = np.array([0.3, -1.2, 1.0, 0.0])
    drawn = np.asarray(certain(logits, normalised).sample(jax.random.key(1), 4000)["u"])

    counts = np.bincount(drawn.astype(int), minlength=4)
    assert stats.chisquare(counts, 4000 * special.softmax(logits)).pvalue > 1e-3


def test_with_one_logit_a_softmax_of_two_is_a_binary_input():
    """The other outcome's logit is zero: learned from exactly as the logit of a coin."""
    outcomes = np.random.default_rng(0).integers(0, 2, 60).astype(float)
    outcomes[[5, 20]] = np.nan
    states = {"x": pn.ContinuousState(tonic_volatility=-2.0), "v": pn.ContinuousState()}
    graph = pn.Graph().extend(states, [("v", "x", "volatility")])
    coin = graph.add(u=pn.BinaryInput()).couple("x", "u")
    pair = graph.add(u=pn.CategoricalInput(normalised=True)).couple(
        "x", "u", pn.Category(outcome=1)
    )

    one, two = (g.compile().filter({"u": outcomes}) for g in (coin, pair))

    for name in states:
        np.testing.assert_allclose(one[name].mean, two[name].mean, rtol=1e-12)
        np.testing.assert_allclose(one[name].precision, two[name].precision, rtol=1e-12)
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=1e-12)


def test_outcomes_judged_one_by_one_are_as_many_binary_inputs():
    """Each logit learns from the indicator of its outcome."""
    codes = np.random.default_rng(1).integers(0, 3, 50).astype(float)
    codes[[3, 30]] = np.nan
    graph = pn.models.categorical_hgf(3)
    indicators = {f"u{k}": np.where(np.isnan(codes), np.nan, codes == k) for k in range(3)}
    flat = graph.remove("u").add({name: pn.BinaryInput() for name in indicators})
    for k in range(3):
        flat = flat.couple(f"x2_{k}", f"u{k}")

    one, two = graph.compile().filter({"u": codes}), flat.compile().filter(indicators)

    for name in two.names:
        if name.startswith("x"):
            np.testing.assert_allclose(one[name].mean, two[name].mean, rtol=1e-12)
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=1e-12)


@FORMS
def test_relabelling_outcomes_relabels_beliefs(normalised):
    codes = np.random.default_rng(2).integers(0, 4, 40)
    order = np.array([2, 0, 3, 1])
    network = pn.models.categorical_hgf(4, normalised=normalised).compile()

    one = network.filter({"u": codes.astype(float)})
    other = network.filter({"u": order[codes].astype(float)})

    np.testing.assert_allclose(one["x3"].mean, other["x3"].mean, rtol=1e-10)
    for code in range(4):
        np.testing.assert_allclose(
            one[f"x2_{code}"].mean, other[f"x2_{order[code]}"].mean, rtol=1e-9
        )


@FORMS
def test_a_parent_may_feed_with_strength_and_function(normalised):
    """The logit is strength * f(parent); what others feed to the same outcome adds."""
    graph = (
        pn.Graph()
        .add(
            u=pn.CategoricalInput(outcomes=3, normalised=normalised),
            a=constant(0.5),
            b=constant(-1.0),
        )
        .couple("a", "u", pn.Category(outcome=2, strength=0.7, function="square"))
        .couple("b", "u", pn.Category(outcome=2, strength=2.0))
    )
    predicted = graph.compile().filter({"u": [0]})["u"].predicted_mean[0]

    logits = np.array([0.0, 0.0, 0.7 * 0.25 - 2.0])
    expected = special.softmax(logits) if normalised else special.expit(logits)
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


@FORMS
def test_a_clip_keeps_probabilities_off_the_ends_and_parents_learning(normalised):
    network = learning(3, normalised, initial_mean=[-80.0], probability_clip=0.01)
    network = network.replace({"x2_0.initial_mean": 80.0})
    beliefs = network.filter({"u": [1.0]})

    predicted = np.asarray(beliefs["u"].predicted_mean[0])
    assert np.all(predicted >= 0.0098)
    assert predicted[0] > 0.97
    assert beliefs.surprise[0] < -3 * np.log(0.0098)
    assert beliefs["x2_1"].mean[0] > -79.5
    if normalised:
        np.testing.assert_allclose(predicted.sum(), 1.0, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("expansion", ["standard", "enhanced", "unbounded"])
def test_the_softmax_is_calibrated_on_its_own_simulations(expansion):
    """Bands of nine tenths hold about as often, and probabilities are right on average."""
    network = learning(3, True, tonic_volatility=-4.0, initial_precision=4.0, expansion=expansion)
    drawn = jax.vmap(lambda key: network.sample(key, 60))(jax.random.split(jax.random.key(3), 150))
    beliefs = jax.vmap(lambda u: network.filter({"u": u}))(drawn["u"])

    inside = [
        np.abs(drawn[name] - beliefs[name].mean) < 1.645 / np.sqrt(beliefs[name].precision)
        for name in ("x2_0", "x2_1", "x2_2")
    ]
    assert 0.8 < np.mean(inside) < 0.97
    chance = np.asarray(beliefs["u"].predicted_mean)
    happened = np.asarray(drawn["u"])[..., None] == np.arange(3)
    for low, high in itertools.pairwise([0.0, 0.2, 0.3, 0.4, 1.0]):
        where = (chance >= low) & (chance < high)
        assert abs(np.mean(happened[where]) - np.mean(chance[where])) < 0.03


def hidden(normalised, *children):
    """A hidden alternative with known logits and some binary inputs."""
    graph = pn.Graph().add(w=pn.CategoricalState(outcomes=3, normalised=normalised))
    graph = graph.add(a=constant(0.4), b=constant(-0.3), c=constant(1.1))
    graph = graph.couple(["a", "b", "c"], "w")
    for number, probabilities in enumerate(children):
        graph = graph.add({f"u{number}": pn.BinaryInput()})
        graph = graph.couple("w", f"u{number}", pn.Emission(probabilities=probabilities))
    return graph.compile()


@FORMS
def test_a_hidden_alternative_is_inferred_by_the_rule_of_bayes(normalised):
    """Two readings of it, by enumeration; and what the prediction of a reading averages over."""
    readings = np.array([[0.1, 0.6, 0.8], [0.7, 0.2, 0.5]])
    beliefs = hidden(normalised, *readings).filter(
        {"u0": [1, 0, np.nan], "u1": [0, np.nan, np.nan]}
    )

    logits = np.array([0.4, -0.3, 1.1])
    prior = special.softmax(logits) if normalised else special.expit(logits)
    weights = prior / prior.sum()
    both = prior * readings[0] * (1 - readings[1])
    first = prior * (1 - readings[0])
    expected = [both / both.sum(), first / first.sum(), prior]
    np.testing.assert_allclose(beliefs["w"].mean, expected, rtol=1e-10)
    np.testing.assert_allclose(
        beliefs["u0"].predicted_mean, [weights @ readings[0]] * 3, rtol=1e-10
    )


def test_two_alternatives_are_a_binary_state():
    """A softmax of two with one logit, and a coin, under the same emission."""
    values = np.random.default_rng(4).integers(0, 2, 40).astype(float)
    emission = pn.Emission(probabilities=[0.2, 0.7])
    graph = pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState(tonic_volatility=-2.0))
    coin = graph.add(w=pn.BinaryState()).couple("x", "w").couple("w", "u", emission)
    pair = graph.add(w=pn.CategoricalState(normalised=True))
    pair = pair.couple("x", "w", pn.Category(outcome=1)).couple("w", "u", emission)

    one, two = (g.compile().filter({"u": values}) for g in (coin, pair))

    np.testing.assert_allclose(one["w"].mean, two["w"].mean[:, 1], rtol=1e-10)
    np.testing.assert_allclose(one["x"].mean, two["x"].mean, rtol=1e-10)
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=1e-10)


def test_a_hidden_alternative_is_simulated_with_its_readings():
    """How often a reading is 1, given the alternative that was drawn."""
    readings = np.array([0.1, 0.6, 0.8])
    drawn = hidden(True, readings).sample(jax.random.key(5), 3000)

    w, u = (np.asarray(drawn[name]).astype(int) for name in ("w", "u0"))
    expected = 3000 * special.softmax([0.4, -0.3, 1.1])
    assert stats.chisquare(np.bincount(w, minlength=3), expected).pvalue > 1e-3
    for code, chance in enumerate(readings):
        assert (
            stats.binomtest(int(u[w == code].sum()), int((w == code).sum()), chance).pvalue > 1e-3
        )


def test_gradients_in_emission_probabilities_are_slopes():
    network = hidden(True, [0.1, 0.6, 0.8])
    values = np.random.default_rng(6).integers(0, 2, 20).astype(float)
    values[4] = np.nan

    def surprise(probabilities):
        return network.replace({"w->u0.probabilities": probabilities}).surprise({"u0": values})

    at = np.array([0.1, 0.6, 0.8])
    slopes = [(surprise(at + step) - surprise(at - step)) / 2e-6 for step in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(jax.grad(surprise)(at), slopes, rtol=1e-5)


@FORMS
def test_many_outcomes_are_one_group(normalised):
    """As many equations for thirty outcomes as for five."""

    def size(count):
        network = learning(count, normalised)
        return equations(jax.make_jaxpr(lambda n: n.surprise({"u": [0.0, 1.0]}))(network).jaxpr)

    assert size(30) == size(5) > 20


@FORMS
def test_float32_is_near_float64(normalised):
    codes = np.random.default_rng(7).integers(0, 3, 50).astype(float)
    with jax.enable_x64(True):
        fine = learning(3, normalised).filter({"u": codes})["x2_0"].mean
    with jax.enable_x64(False):
        coarse = learning(3, normalised).filter({"u": codes})["x2_0"].mean
        assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse, fine, rtol=1e-4, atol=1e-5)


def test_graphs_survive_files():
    for graph in (pn.models.categorical_hgf(3), hidden(True, [0.1, 0.6, 0.8]).graph):
        again = pn.Graph.from_networkx(graph.to_networkx())
        assert pn.Graph.from_json(graph.to_json()).to_json() == graph.to_json()
        assert sorted(map(str, again.to_dict()["edges"])) == sorted(
            map(str, graph.to_dict()["edges"])
        )


def input_with(states, *coupled, **choices):
    graph = pn.Graph().add(u=pn.CategoricalInput(**choices)).add(states)
    for name, coupling in coupled:
        graph = graph.couple(name, "u", coupling)
    return graph


STATE = {"x": pn.ContinuousState()}


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda: pn.CategoricalInput(outcomes=1), pn.ParameterError, "at least 2, not 1"),
        (lambda: pn.CategoricalState(outcomes=2.0), pn.ParameterError, "at least 2, not 2.0"),
        (lambda: pn.CategoricalInput(normalised="yes"), pn.ParameterError, "not 'yes'"),
        (
            lambda: input_with(STATE, ("x", pn.Category(outcome=2))),
            pn.CouplingError,
            "2 outcomes has no outcome 2; their codes are 0 to 1",
        ),
        (
            lambda: input_with(dict.fromkeys("abc", STATE["x"]), *((n, "value") for n in "abc")),
            pn.CouplingError,
            "has no outcome 2",
        ),
        (
            lambda: input_with(STATE, ("x", pn.Probability())),
            pn.CouplingError,
            "Couple it with Category",
        ),
        (
            lambda: input_with(STATE, ("x", "value")).compile().filter({"u": [0, 2]}),
            pn.InputError,
            "'u' is 2 at step 1, but a CategoricalInput takes a whole number from 0 to 1",
        ),
        (
            lambda: input_with(STATE, ("x", "value")).compile().filter({"u": [0.5]}),
            pn.InputError,
            "'u' is 0.5 at step 0",
        ),
        (
            lambda: pn.Graph().add(w=pn.CategoricalState(), u=pn.BinaryInput()).couple("w", "u"),
            pn.CouplingError,
            "'w' is a CategoricalState, whose value is one of several.*Emission",
        ),
        (
            lambda: pn.Graph().add(u=pn.BinaryInput()).add(STATE).couple("x", "u", pn.Emission()),
            pn.CouplingError,
            "'x' is a ContinuousState; Emission needs a parent that is one of several",
        ),
        (
            lambda: (
                pn.Graph()
                .add(w=pn.CategoricalState(outcomes=3), u=pn.BinaryInput())
                .couple("w", "u", pn.Emission(probabilities=[0.1, 0.2]))
            ),
            pn.CouplingError,
            "'w' is one of 3 alternatives, but Emission was given 2",
        ),
        (
            lambda: (
                pn.Graph()
                .add(w=pn.CategoricalState(), u=pn.BinaryInput())
                .couple("w", "u", pn.Emission(probabilities=[0.1, 1.2]))
            ),
            pn.ParameterError,
            "must lie in",
        ),
    ],
)
def test_what_is_wrong_is_named(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        wrong()


def test_a_summary_says_which_outcome_an_edge_means():
    text = pn.models.categorical_hgf(outcomes=3).summary()

    for number in range(3):
        assert f"Category[{number}] 1" in text
