"""Learners and percepts against theory: enumeration, other filters, closed forms, their own simulations."""

import itertools

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm

import pynodes as pn
from tests.few import few
from tests.oracles.kalman import kalman_filter

OUTCOMES = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
VALUES = np.array([0.3, -0.2, np.nan, 1.1, 0.6, 0.9, 2.0])


def alone(node):
    return pn.Graph().add(u=node).compile()


def weather(**changed):
    """Three hidden states and four outcomes."""
    fields = {
        "initial": [0.5, 0.3, 0.2],
        "transition": [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9]],
        "emission": [[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]],
    }
    return pn.HiddenMarkov(**(fields | changed))


def test_rescorla_wagner_is_an_exponential_average():
    """After n outcomes: (1 - α)^n v + α Σ (1 - α)^(n - i) u_i."""
    rate, start, count = 0.3, 0.2, len(OUTCOMES)
    found = alone(pn.RescorlaWagner(learning_rate=rate, initial_mean=start)).filter({"u": OUTCOMES})

    kept = (1 - rate) ** np.arange(count - 1, -1, -1)
    expected = (1 - rate) ** count * start + rate * np.sum(kept * OUTCOMES)
    np.testing.assert_allclose(found["u"].mean[-1], expected, rtol=1e-12)


def test_graded_outcomes_are_averaged_by_the_same_rule():
    """From 0.5 at a rate of 0.2 over 0.3, 0.7, 0.2: 0.46, 0.508, 0.4464; each is Gaussian around the last."""
    node = pn.DeltaRule(learning_rate=0.2, initial_mean=0.5, precision=4.0)
    found = alone(node).filter({"u": [0.3, np.nan, 0.7, 0.2]})["u"]

    np.testing.assert_allclose(found.mean, [0.46, 0.46, 0.508, 0.4464], rtol=1e-12)
    np.testing.assert_allclose(found.value_error, [-0.2, 0, 0.24, -0.308], atol=1e-12)
    each = -norm.logpdf([0.3, 0.7, 0.2], [0.5, 0.46, 0.508], 0.5)
    np.testing.assert_allclose(np.asarray(found.surprise)[[0, 2, 3]], each, rtol=1e-12)


def test_a_delta_rule_is_a_kalman_filter_whose_gain_has_settled():
    """With s the predicted variance, s = s (1 - g) + q at the end, g = s p / (1 + s p): the gain."""
    noise, growth = 0.5, 0.3
    settled = growth / 2 + np.sqrt(growth**2 / 4 + growth * noise)
    gain = settled / (settled + noise)
    kalman = pn.KalmanFilter(
        tonic_volatility=np.log(growth),
        precision=1 / noise,
        initial_precision=1 / (settled - growth),
    )
    rule = pn.DeltaRule(learning_rate=gain, precision=1 / (settled + noise))
    values = VALUES[np.isfinite(VALUES)]
    network = pn.Graph().add(k=kalman, d=rule).compile()
    found = network.filter({"k": values, "d": values})

    np.testing.assert_allclose(found["d"].mean, found["k"].mean, rtol=1e-12)
    np.testing.assert_allclose(found["d"].surprise, found["k"].surprise, rtol=1e-12)


def test_errors_below_zero_have_a_rate_of_their_own():
    """After a 0 by it alone; with equal rates nothing is different. Side by side with rules of one rate."""
    rates = {"learning_rate": 0.3, "negative_learning_rate": 0.1}
    graph = pn.Graph().add(
        one=pn.RescorlaWagner(learning_rate=0.3),
        same=pn.RescorlaWagner(learning_rate=0.3, negative_learning_rate=0.3),
        two=pn.RescorlaWagner(**rates),
        graded=pn.DeltaRule(initial_mean=0.5, **rates),
    )
    found = graph.compile().filter(dict.fromkeys(graph.inputs, OUTCOMES))

    expected = [0.5]
    for outcome in OUTCOMES:
        expected.append(expected[-1] + (0.3 if outcome else 0.1) * (outcome - expected[-1]))
    np.testing.assert_allclose(found["two"].mean, expected[1:], rtol=1e-12)
    np.testing.assert_allclose(found["graded"].mean, expected[1:], rtol=1e-12)
    np.testing.assert_array_equal(found["same"].mean, found["one"].mean)


def test_a_missed_trial_of_two_options_is_as_if_it_were_not_there():
    """No choice and no outcome: the rule has no time. A choice that is lacking where it paid is refused."""
    network = alone(pn.DualRescorlaWagner(learning_rate=0.3))
    gap = network.filter({"u": [1, np.nan, 0, 1], "u.choice": [1, np.nan, 0, 1]})["u"]
    whole = network.filter({"u": [1, 0, 1], "u.choice": [1, 0, 1]})["u"]

    np.testing.assert_array_equal(np.asarray(gap.mean)[[0, 2, 3]], whole.mean)
    np.testing.assert_array_equal(gap.surprise[1], 0.0)
    with pytest.raises(pn.InputError, match=r"'u\.choice' is nan at step 1"):
        network.filter({"u": [1, 1], "u.choice": [1, np.nan]})
    traced = jax.jit(lambda c: network.surprise({"u": [1, np.nan, 0], "u.choice": c}))
    assert np.isfinite(traced(np.array([1, np.nan, 0.0])))
    assert not np.isfinite(traced(np.array([np.nan, 1, 0.0])))


def test_the_surprise_of_a_learner_is_that_of_its_prediction():
    found = alone(pn.RescorlaWagner(learning_rate=0.3)).filter({"u": OUTCOMES})["u"]

    predicted = np.asarray(found.predicted_mean)
    expected = -np.log(np.where(OUTCOMES > 0, predicted, 1 - predicted))
    np.testing.assert_allclose(found.surprise, expected, rtol=1e-12)


def test_two_options_that_are_opposite_stay_so_if_all_is_learned_of_both():
    node = pn.DualRescorlaWagner(learning_rate=0.3, counterfactual=1.0, initial_mean=[0.8, 0.2])
    found = alone(node).filter({"u": OUTCOMES, "u.choice": [0, 1, 0, 1, 1, 0, 1]})["u"]

    np.testing.assert_allclose(found.mean.sum(axis=-1), 1.0, rtol=1e-12)


def test_without_counterfactuals_each_option_is_a_learner_of_its_own():
    choices = np.array([0, 1, 0, 1, 1, 0, 1])
    node = pn.DualRescorlaWagner(learning_rate=0.3, counterfactual=0.0)
    found = alone(node).filter({"u": OUTCOMES, "u.choice": choices})["u"]

    for option in (0, 1):
        seen = np.where(choices == option, OUTCOMES, np.nan)
        single = alone(pn.RescorlaWagner(learning_rate=0.3)).filter({"u": seen})["u"]
        np.testing.assert_allclose(found.mean[:, option], single.mean, rtol=1e-12)


def test_what_was_chosen_must_be_said_and_be_an_option():
    network = alone(pn.DualRescorlaWagner())
    key = jax.random.key(0)

    with pytest.raises(pn.InputError, match=r"No series was given for 'u\.choice'"):
        network.filter({"u": OUTCOMES})
    with pytest.raises(pn.InputError, match=r"No series was given for 'u\.choice'"):
        network.sample(key, 3)
    with pytest.raises(pn.InputError, match=r"be whole, but is 0\.5 at step 1"):
        network.filter({"u": [1, 0], "u.choice": [1, 0.5]})
    with pytest.raises(pn.ParameterError, match="two numbers"):
        alone(pn.DualRescorlaWagner(initial_mean=[0.5, 0.5, 0.5]))
    assert network.sample(key, inputs={"u.choice": [1.0, 0.0]})["u"].shape == (2,)


def test_the_learning_rate_of_sutton_grows_while_errors_keep_their_sign():
    """And falls while they alternate: its logit moves with error times trace."""
    same = alone(pn.SuttonK1(initial_learning_rate=0.1)).filter({"u": np.ones(8)})["u"]
    other = alone(pn.SuttonK1(initial_learning_rate=0.1)).filter({"u": [1, 0] * 4})["u"]

    assert np.all(np.diff(same.learning_rate[1:]) > 0)
    assert np.all(np.diff(other.learning_rate[1:]) < 0)
    with pytest.raises(pn.ParameterError, match="logit is infinite"):
        alone(pn.SuttonK1(initial_learning_rate=1.0))


def test_the_kalman_filter_is_exact_through_gaps_and_irregular_times():
    node = pn.KalmanFilter(
        tonic_volatility=-1.0, precision=2.0, initial_mean=0.4, initial_precision=0.5
    )
    times = np.array([1.0, 0.5, 2.0, 1.0, 0.3, 1.0, 4.0])
    found = alone(node).filter({"u": VALUES}, dt=times)["u"]

    exact = kalman_filter(1.0, np.exp(-1.0) * times, [[1.0]], 0.5, 0.4, 2.0, VALUES)
    np.testing.assert_allclose(found.mean, exact.mean[:, 0], rtol=1e-12)
    np.testing.assert_allclose(1 / found.precision, exact.covariance[:, 0, 0], rtol=1e-12)
    seen = np.isfinite(VALUES)
    np.testing.assert_allclose(found.surprise[seen], -exact.log_evidence[seen], rtol=1e-12)


def test_the_kalman_filter_is_a_state_and_its_observation_in_one():
    fields = {"tonic_volatility": -1.0, "initial_mean": 0.4, "initial_precision": 0.5}
    one = alone(pn.KalmanFilter(precision=2.0, **fields)).filter({"u": VALUES})
    graph = pn.Graph().add(u=pn.ContinuousInput(precision=2.0), x=pn.ContinuousState(**fields))
    two = graph.couple("x", "u").compile().filter({"u": VALUES})

    np.testing.assert_allclose(one["u"].mean, two["x"].mean, rtol=1e-12)
    np.testing.assert_allclose(one["u"].precision, two["x"].precision, rtol=1e-12)
    np.testing.assert_allclose(one.surprise, two.surprise, rtol=1e-12)


def test_hidden_states_are_those_of_all_paths():
    """The evidence sums the probabilities of every path of states; a gap sums over its outcomes."""
    node, series = weather(), np.array([0, 3, np.nan, 1, 2])
    found = alone(node).filter({"u": series})

    initial, transition, emission = (
        np.asarray(part) for part in (node.initial, node.transition, node.emission)
    )
    total, last = 0.0, np.zeros(3)
    for path in itertools.product(range(3), repeat=len(series)):
        chance = initial[path[0]] * np.prod(transition[path[:-1], path[1:]])
        for state, code in zip(path, series, strict=True):
            chance *= 1.0 if np.isnan(code) else emission[state, int(code)]
        total += chance
        last[path[-1]] += chance
    np.testing.assert_allclose(found.surprise.sum(), -np.log(total), rtol=1e-12)
    np.testing.assert_allclose(found["u"].mean[-1], last / total, rtol=1e-12)
    np.testing.assert_allclose(found["u"].predicted_outcome.sum(axis=-1), 1.0, rtol=1e-12)


def test_an_impossible_outcome_is_infinitely_surprising_and_teaches_nothing():
    """With gradients that are zero there, not undefined."""
    node = pn.HiddenMarkov(emission=[[0.5, 0.5, 0.0], [0.3, 0.7, 0.0]])
    found = alone(node).filter({"u": [0, 2, 1]})

    np.testing.assert_array_equal(np.isinf(found.surprise), [False, True, False])
    np.testing.assert_array_equal(found["u"].mean[1], found["u"].predicted_mean[1])

    def likely(initial):
        beliefs = alone(node).replace({"u.initial": initial}).filter({"u": [0, 2, 1]})
        return beliefs.surprise[2] + beliefs["u"].mean.sum()

    assert np.all(np.isfinite(jax.grad(likely)(np.array([0.4, 0.6]))))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"initial": [0.5, 0.3, 0.1]}, "initial that sum to 0.9"),
        ({"transition": [[0.8, 0.1], [0.2, 0.7], [0.05, 0.05]]}, r"shape \(3, 2\)"),
        ({"emission": [[0.5, 0.5], [0.5, 0.5]]}, r"emission of shape \(2, 2\)"),
        ({"emission": [[0.5, 0.6], [0.5, 0.5], [1.0, 0.0]]}, "emission that sum to 1.1"),
        ({"initial": [0.5, 0.7, -0.2]}, r"must lie in \[0"),
    ],
)
def test_probabilities_that_are_none_are_refused(changed, words):
    with pytest.raises(pn.ParameterError, match=words):
        alone(weather(**changed))


def test_codes_that_nothing_emits_are_refused():
    with pytest.raises(pn.InputError, match="one for each column of the emission"):
        alone(weather()).filter({"u": [0, 4]})


def tree():
    """A hierarchy of three levels whose root and one region can follow themselves."""
    a, b, c = (0.9, 0.1), (0.4, 0.6), (0.2, 0.8)
    low = pn.models.Region(parts=[a, b], entry=[0.7, 0.3], transition=[[0.5, 0.2], [0.1, 0.6]])
    middle = pn.models.Region(parts=[low, c], entry=[0.4, 0.6], transition=[[0.3, 0.5], [0.2, 0.3]])
    return pn.models.Region(
        parts=[middle, b], entry=[0.8, 0.2], transition=[[0.6, 0.4], [0.9, 0.1]]
    )


def silent_chain(region, rows, start, leave):
    """Every move of a hierarchy as moves between silent and emitting places; returns its entrance.

    ``rows`` collects transitions (from, to, probability); ``leave`` is where leaving the region leads.
    """
    if not isinstance(region, pn.models.Region):
        start.append(len(rows))
        rows.append([])
        return start[-1]
    entrance = len(rows)
    rows.append([])
    ends = []
    for _ in region.parts:
        ends.append(len(rows))
        rows.append([])
    doors = []
    for part, end in zip(region.parts, ends, strict=True):
        doors.append(silent_chain(part, rows, start, end))
        if not isinstance(part, pn.models.Region):
            rows[doors[-1]].append((end, 1.0))
    rows[entrance] += list(zip(doors, region.entry, strict=True))
    for end, chances in zip(ends, region.transition, strict=True):
        rows[end] += list(zip(doors, chances, strict=True))
        if leave is not None:
            rows[end].append((leave, 1 - sum(chances)))
    return entrance


def test_a_flattened_hierarchy_moves_as_the_hierarchy_does():
    """Silent places are integrated out by solving for all ways through them."""
    rows, states = [], []
    entrance = silent_chain(tree(), rows, states, None)
    chain = np.zeros((len(rows), len(rows)))
    for place, moves in enumerate(rows):
        for target, chance in moves:
            chain[place, target] += chance
    silent = [place for place in range(len(rows)) if place not in states]
    through = np.linalg.solve(
        np.eye(len(silent)) - chain[np.ix_(silent, silent)], chain[np.ix_(silent, states)]
    )
    expected = chain[np.ix_(states, silent)] @ through

    node = pn.models.hierarchical_markov(tree()).nodes["u"]
    np.testing.assert_allclose(node.transition, expected, atol=1e-14)
    np.testing.assert_allclose(node.initial, through[silent.index(entrance)], atol=1e-14)
    np.testing.assert_allclose(np.sum(node.transition, axis=1), 1.0, atol=1e-14)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"entry": [0.5, 0.6]}, "sum to 1.1"),
        ({"entry": [1.0]}, "2 entry probabilities"),
        ({"transition": [[0.5, 0.6], [0.5, 0.5]]}, "more than 1"),
        ({"transition": [[0.5, 0.4], [0.5, 0.5]]}, "can be left"),
        ({"parts": [(0.5, 0.5), (0.2, 0.3, 0.5)]}, "as many"),
    ],
)
def test_a_hierarchy_that_is_none_is_refused(changed, words):
    fields = {
        "parts": [(0.5, 0.5), (0.1, 0.9)],
        "entry": [0.5, 0.5],
        "transition": [[0.5, 0.5], [0.5, 0.5]],
    }
    with pytest.raises(pn.GraphError, match=words):
        pn.models.hierarchical_markov(pn.models.Region(**(fields | changed)))


def percept(**fields):
    fields = {"low": -0.2, "high": 1.3, "variance": 0.3} | fields
    graph = pn.models.binary_hgf(levels=2)
    return pn.Graph().extend({**graph.nodes, "u": pn.NoisyBinaryInput(**fields)}, graph.edges)


def test_a_percept_is_a_hidden_alternative_with_a_noisy_observation():
    """The same beliefs from a BinaryState over a ContinuousInput; the surprise is that of the mixture."""
    split = (
        pn.Graph()
        .add(
            u=pn.ContinuousInput(precision=1 / 0.3),
            hidden=pn.BinaryState(),
            base=pn.ConstantState(value=-0.2),
            x2=pn.models.binary_hgf(levels=2).nodes["x2"],
        )
        .couple("hidden", "u", pn.Observation(strength=1.5))
        .couple("base", "u", pn.Observation(strength=1.0))
        .couple("x2", "hidden")
    )
    one = percept().compile().filter({"u": VALUES})
    two = split.compile().filter({"u": VALUES})

    np.testing.assert_allclose(one["u"].mean, two["hidden"].mean, rtol=1e-9)
    np.testing.assert_allclose(one["x2"].mean, two["x2"].mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one["x2"].precision, two["x2"].precision, rtol=1e-9)


def test_the_surprise_of_a_percept_is_a_density():
    """It integrates to one, and is the mixture of two Gaussians."""
    network = percept().compile()
    start = network.filter({"u": [1.0, 1.2]}).final

    def density(reading):
        return float(np.exp(-network.filter({"u": [reading]}, start=start).surprise[0]))

    chance = float(network.filter({"u": [0.4]}, start=start)["u"].predicted_mean[0])
    mixed = chance * norm.pdf(0.4, 1.3, 0.3**0.5) + (1 - chance) * norm.pdf(0.4, -0.2, 0.3**0.5)
    np.testing.assert_allclose(density(0.4), mixed, rtol=1e-12)
    assert quad(density, -4, 5)[0] == pytest.approx(1.0, abs=1e-6)


def test_a_sharp_reading_is_an_outcome():
    """With vanishing noise a percept is what a BinaryInput observes."""
    sharp = percept(low=0.0, high=1.0, variance=1e-4).compile().filter({"u": OUTCOMES})
    plain = pn.models.binary_hgf(levels=2).compile().filter({"u": OUTCOMES})

    np.testing.assert_allclose(sharp["x2"].mean, plain["x2"].mean, rtol=1e-10, atol=1e-12)


def test_a_reading_that_nobody_made_is_what_was_expected():
    beliefs = percept().compile().filter({"u": [1.0, np.nan]})["u"]

    np.testing.assert_array_equal(beliefs.reading[1], beliefs.predicted_reading[1])
    np.testing.assert_array_equal(beliefs.mean[1], beliefs.predicted_mean[1])


def transforms(network, series, outcomes=None):
    """Probability integral transforms of a series under a network's own predictions."""
    beliefs = network.filter({"u": series})["u"]
    if outcomes is None:
        variance = 1 / beliefs.predicted_precision + 1 / network["u.precision"]
        return norm.cdf((series - beliefs.predicted_mean) / np.sqrt(variance))
    below = np.cumsum(np.asarray(beliefs.predicted_outcome), axis=-1)
    rows, codes = np.arange(len(series)), np.asarray(series, int)
    low = np.where(codes > 0, below[rows, codes - 1], 0.0)
    return low + (below[rows, codes] - low) * np.random.default_rng(0).uniform(size=len(series))


@pytest.mark.slow
def test_simulations_are_calibrated():
    """Law 13: transforms of own simulations are uniform; of a chain simulated apart as well."""
    kalman, hidden = alone(pn.KalmanFilter(tonic_volatility=-1.0)), alone(weather())
    drawn = kalman.sample(jax.random.key(1), 2000)["u"]
    assert kstest(transforms(kalman, np.asarray(drawn)), "uniform").pvalue > 1e-3
    drawn = hidden.sample(jax.random.key(2), 2000)["u"]
    assert kstest(transforms(hidden, np.asarray(drawn), 4), "uniform").pvalue > 1e-3

    rng, node, codes, state = np.random.default_rng(3), weather(), [], None
    for _ in range(2000):
        chances = node.initial if state is None else node.transition[state]
        state = rng.choice(3, p=chances)
        codes.append(rng.choice(4, p=node.emission[state]))
    assert kstest(transforms(hidden, np.array(codes, float), 4), "uniform").pvalue > 1e-3


def test_draws_of_a_percept_have_its_moments():
    node = pn.NoisyBinaryInput(low=-0.2, high=1.3, variance=0.3)
    drawn = np.asarray(alone(node).sample(jax.random.key(4), 20000)["u"])

    assert drawn.mean() == pytest.approx(0.55, abs=0.03)
    assert drawn.var() == pytest.approx(0.3 + 0.25 * 1.5**2, abs=0.03)


LEARNERS = [
    pn.NoisyBinaryInput(variance=0.2),
    pn.RescorlaWagner(learning_rate=0.3),
    pn.DeltaRule(learning_rate=0.2, negative_learning_rate=0.4),
    pn.DualRescorlaWagner(initial_mean=[0.3, 0.6]),
    pn.PearceHall(salience=0.4),
    pn.SuttonK1(meta_rate=2.0),
    pn.KalmanFilter(precision=3.0),
    weather(),
]


@pytest.mark.parametrize("node", few(LEARNERS, 3), ids=lambda node: type(node).__name__)
def test_learners_are_written_down_and_read_again(node):
    """As JSON and as networkx, with the same surprise; two side by side are each as if alone."""
    graph = pn.Graph().add(u=node)
    given = {"u.choice": [0.0, 1.0, 1.0]} if node.required else {}
    inputs = {"u": [1.0, 0.0, 1.0]} | given
    expected = graph.compile().surprise(inputs)

    for again in (
        pn.Graph.from_json(graph.to_json()),
        pn.Graph.from_networkx(graph.to_networkx()),
    ):
        assert float(again.compile().surprise(inputs)) == float(expected)
    pair = graph.add(v=node).compile()
    both = inputs | {f"v{name[1:]}": values for name, values in inputs.items()}
    assert float(pair.surprise(both)) == pytest.approx(2 * float(expected))
    assert pair.filter(both)["v"].mean.shape == graph.compile().filter(inputs)["u"].mean.shape


def test_a_learner_that_runs_away_is_told_to_learn_slower():
    """Each step multiplies a Pearce-Hall error by 1 - 50 times the size of the last one."""
    network = pn.Graph().add(u=pn.PearceHall(salience=50.0)).compile()
    with pytest.raises(pn.FilterError, match=r"of 'u'.*learner.*lower its rate"):
        network.filter({"u": np.tile([1.0, 0.0], 10)})
