"""Kinds of one's own: the two that docs/extending.md shows, run as shown there."""

import dataclasses
import inspect
import itertools

import jax
import numpy as np
import pytest
from scipy import optimize, stats

import pynodes as pn
from tests.oracles.grid_filter import Axis, grid_filter
from tests.pages import ROOT, blocks, executed

AFFORDABLE = np.sqrt(0.1)
"""A mean that is d posterior deviations from the exact one has a squared error 1 + d² times the least.

So this root mean square distance costs a tenth of the accuracy."""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page():
    """What the page defines, once all of its code has run, the checks of both kinds included."""
    return executed("docs/extending.md")


def counting(page, exposure=1.0, **state):
    """A count whose log rate is a random walk."""
    state = pn.ContinuousState(**{"tonic_volatility": -4.0, "initial_precision": 4.0} | state)
    graph = pn.Graph().add(u=page["CountInput"](exposure=exposure), x=state)
    return graph.couple("x", "u", page["LogRate"]())


def tracking(entry, **state):
    """A random walk seen through some input."""
    state = pn.ContinuousState(**{"tonic_volatility": -4.0, "initial_precision": 4.0} | state)
    return pn.Graph().add(u=entry, x=state).couple("x", "u")


def walk(seed, steps=400, start=0.0, log_variance=-4.0):
    rng = np.random.default_rng(seed)
    return start + np.cumsum(rng.normal(size=steps)) * np.exp(log_variance / 2), rng


def axis_over(values, mean=0.0):
    """A grid wide enough for a state that takes these values, at a third of a step's deviation.

    Sums over a Gaussian are then exact to 1e-70: they converge faster than any power of the spacing.
    """
    return Axis(np.arange(values.min() - 3, values.max() + 3, 0.045), -4.0, mean, 4.0)


def distance(beliefs, exact):
    """Root mean square distance of two filters' means, in posterior deviations."""
    gap = np.asarray(beliefs["x"].mean) - exact.mean[:, 0]
    return np.sqrt(np.mean(gap**2 / exact.variance[:, 0]))


def test_the_example_shows_the_kinds_of_the_page():
    """A reader who runs examples/count_input.py runs what the page shows."""
    shown = blocks("docs/extending.md")[0]
    kinds = shown[shown.index("class CountInput") :].strip()

    assert kinds in (ROOT / "examples" / "count_input.py").read_text(encoding="utf-8")


def test_each_example_takes_about_thirty_lines(page):
    """Adding a kind is meant to be a matter of half an hour."""
    source = "\n".join(blocks("docs/extending.md"))
    for names in (("CountInput", "LogRate"), ("RobustInput",)):
        code = [line for name in names for line in class_lines(source, name)]
        assert len(code) <= 35


def class_lines(source, name):
    """The lines of code of a class: neither blank nor docstring."""
    body = source[source.index(f"class {name}") :].splitlines()
    ends = itertools.takewhile(lambda line: line.startswith(" ") or not line, body[1:])
    text = inspect.cleandoc("\n".join(ends))
    text = text.split('"""', 2)[2]
    return [line for line in text.splitlines() if line.strip()]


def test_the_page_lists_every_hook():
    """The two tables name whatever a subclass may define, and nothing else."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    _, _, text = text.partition("## What a kind may say")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = {part.split("(")[0] for cell in rows for part in cell.split("`")[1::2]}

    hooks = {
        name
        for kind in (pn.AbstractNode, pn.AbstractCoupling)
        for name in [*vars(kind), *kind.__annotations__]
        if not name.startswith("_")
    }

    assert listed == hooks


def test_the_page_lists_every_hook_of_couplings_between_arrays():
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    _, _, text = text.partition("## A coupling between arrays")
    text, _, _ = text.partition("## What a kind may say")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = {part.split("(")[0] for cell in rows for part in cell.split("`")[1::2]}
    own = set(vars(pn.AbstractArrayCoupling)) - set(dir(pn.AbstractCoupling))
    fields = {field.name for field in dataclasses.fields(pn.AbstractArrayCoupling)}
    called = {"draw", "fit", "learnable"}  # by the package, not written by a subclass

    assert listed == {name for name in own - fields - called if not name.startswith("_")}


def test_weights_of_low_rank_are_a_matrix_of_that_rank(page):
    network = page["network"]
    left, right = (np.asarray(network[f"x->y.{side}"]) for side in ("left", "right"))
    x = np.random.default_rng(0).normal(size=(5, 20))

    filled = pn.deep.settle(network, {"x": x})
    np.testing.assert_allclose(filled["y"].value, x @ (left @ right).T, rtol=1e-12)
    assert np.linalg.matrix_rank(left @ right) == 3


def test_a_count_tells_the_slope_and_curvature_of_poisson(page):
    """For a Poisson rate with a log link these are κ (count - rate) and κ² rate (textbook GLM)."""
    coupling, node = page["LogRate"](strength=0.7), page["CountInput"](exposure=2.0)
    parent = pn.Gaussian.start(0.0, 1.0).predicted(np.float64(0.4), variance=np.float64(0.5))
    below = node.predict(node.init(), coupling.predict(parent, 1.0), 1.0)

    heard = coupling.evidence(parent, below.clamped(np.float64(5.0)), 1.0)

    rate = 2.0 * np.exp(0.7 * 0.4)
    np.testing.assert_allclose(heard.gradient, 0.7 * (5.0 - rate), rtol=1e-12)
    np.testing.assert_allclose(heard.curvature, 0.49 * rate, rtol=1e-12)


def test_the_surprise_of_a_count_is_poisson(page):
    """With the parent at its mean; against scipy."""
    counts = np.array([0.0, 1.0, 7.0, 30.0])

    beliefs = counting(page, exposure=3.0).compile().filter({"u": counts})

    expected = -stats.poisson.logpmf(counts, 3.0 * np.exp(beliefs["x"].predicted_mean))
    np.testing.assert_allclose(beliefs.surprise, expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_the_log_rate_is_recovered(page, seed):
    """Correlation with the truth above 0.9, and next to what integration on a grid attains."""
    truth, rng = walk(seed, start=1.0)
    counts = rng.poisson(np.exp(truth)).astype(float)

    beliefs = counting(page, initial_mean=1.0).compile().filter({"u": counts})
    exact = grid_filter(
        counts, lambda k, x: stats.poisson.pmf(k, np.exp(x)), axis_over(truth, mean=1.0)
    )

    assert np.corrcoef(beliefs["x"].mean, truth)[0, 1] > 0.9
    assert distance(beliefs, exact) < AFFORDABLE


@pytest.mark.parametrize("count", [0, 1, 2, 4, 8])
def test_one_step_is_as_near_to_the_mode_as_newton_promises(page, count):
    """|x - mode| ≤ max|f'''| / (2 f''(x̂)) (x̂ - mode)² for one Newton step on f, by Taylor's theorem."""
    mean, variance = 0.3, np.exp(-4.0) + 0.25

    def minus_log_posterior(x):
        return -stats.poisson.logpmf(count, np.exp(x)) - stats.norm.logpdf(x, mean, variance**0.5)

    mode = optimize.minimize_scalar(minus_log_posterior, bracket=(mean, mean + 0.1), tol=1e-12).x
    third, second = np.exp(max(mean, mode)), 1 / variance + np.exp(mean)

    beliefs = counting(page, initial_mean=mean).compile().filter({"u": [float(count)]})

    bound = third / (2 * second) * (mean - mode) ** 2
    assert abs(beliefs["x"].mean[0] - mode) <= bound + 1e-8
    # A belief that had not moved would not have come so near.
    assert abs(beliefs["x"].mean[0] - mode) < 0.3 * abs(mean - mode)


def test_two_counters_are_one_that_counts_both(page):
    """Independent Poisson counts of one rate add: their sum, with the exposures added, says it all."""
    first, second = np.array([2.0, 0.0, 5.0, 1.0]), np.array([1.0, 3.0, 4.0, 0.0])
    two = counting(page, exposure=1.0).add(v=page["CountInput"](exposure=2.5))
    two = two.couple("x", "v", page["LogRate"]())

    apart = two.compile().filter({"u": first, "v": second})
    together = counting(page, exposure=3.5).compile().filter({"u": first + second})

    for field in ("mean", "precision", "predicted_mean"):
        expected = getattr(together["x"], field)
        np.testing.assert_allclose(getattr(apart["x"], field), expected, rtol=1e-12)


def test_exposure_may_be_given_per_step(page):
    """A count in twice the time is one of twice the rate: log 2 more on the parent's side."""
    counts, exposure = np.array([3.0, 1.0, 4.0]), np.array([2.0, 2.0, 2.0])
    network = counting(page).compile()

    given = network.filter({"u": counts, "u.exposure": exposure})
    shifted = network.replace({"x.initial_mean": np.log(2.0)}).filter({"u": counts})

    np.testing.assert_allclose(given["x"].mean, shifted["x"].mean - np.log(2.0), rtol=1e-12)


def test_a_count_that_nobody_made_teaches_nothing(page):
    """NaN and mask alike: beliefs stay at their predictions, without surprise or NaN."""
    network, counts = counting(page).compile(), np.array([2.0, 9.0, 9.0, 1.0])
    seen = np.array([True, False, False, True])

    gaps = network.filter({"u": np.where(seen, counts, np.nan)})
    masked = network.filter({"u": counts}, observed=seen)

    np.testing.assert_array_equal(gaps["x"].mean, masked["x"].mean)
    np.testing.assert_array_equal(gaps["x"].mean[1:3], gaps["x"].predicted_mean[1:3])
    np.testing.assert_array_equal(gaps.surprise[1:3], 0.0)
    gradient = jax.grad(lambda n: n.surprise({"u": np.where(seen, counts, np.nan)}), allow_int=True)
    assert all(np.isfinite(value) for value in gradient(network).parameters().values())


def test_counts_come_from_a_file_that_names_its_kinds(page):
    """kinds= says what the names stand for; without it the error says so."""
    graph, counts = counting(page, exposure=2.0), {"u": [1.0, 4.0, 2.0]}

    again = pn.Graph.from_json(graph.to_json(), kinds=[page["CountInput"], page["LogRate"]])

    assert again.to_json() == graph.to_json()
    expected = graph.compile().filter(counts)["x"].mean
    np.testing.assert_array_equal(again.compile().filter(counts)["x"].mean, expected)
    with pytest.raises(pn.FormatError, match=r"'CountInput', which is not known here.*kinds="):
        pn.Graph.from_json(graph.to_json())


@pytest.mark.parametrize("value", [-1.0, 2.5])
def test_what_is_no_count_is_refused(page, value):
    with pytest.raises(pn.InputError, match="takes whole numbers, zero or more"):
        counting(page).compile().filter({"u": [1.0, value]})


def test_fifty_counters_are_one_group(page):
    """A kind written for one node is stacked like ours: side by side, each as if alone."""
    plate, rng = counting(page).repeat(50), np.random.default_rng(0)
    counts = {f"u[{i}]": rng.poisson(2.0, 20).astype(float) for i in range(50)}

    beliefs = plate.compile().filter(counts)

    alone = counting(page).compile().filter({"u": counts["u[17]"]})
    np.testing.assert_allclose(beliefs["x[17]"].mean, alone["x"].mean, rtol=1e-12)


def test_with_many_degrees_of_freedom_a_robust_input_is_a_continuous_one(page):
    """Student's t tends to the Gaussian; what is left is of the order of error² / ν."""
    truth, rng = walk(0, steps=60)
    series = {"u": truth + 0.3 * rng.normal(size=60)}

    robust = tracking(page["RobustInput"](scale=0.3, freedom=1e7)).compile().filter(series)
    plain = tracking(pn.ContinuousInput(precision=0.3**-2)).compile().filter(series)

    for field in ("mean", "precision"):
        np.testing.assert_allclose(
            getattr(robust["x"], field), getattr(plain["x"], field), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(robust.surprise, plain.surprise, rtol=1e-5, atol=1e-6)


def test_its_surprise_is_that_of_students_t(page):
    """Against scipy, the parent's variance being added to the squared scale."""
    series = np.array([0.1, -2.0, 15.0])

    beliefs = tracking(page["RobustInput"](scale=0.5, freedom=3.0)).compile().filter({"u": series})

    scale = np.sqrt(0.25 + 1 / beliefs["x"].predicted_precision)
    expected = -stats.t.logpdf(series, 3.0, beliefs["x"].predicted_mean, scale)
    np.testing.assert_allclose(beliefs.surprise, expected, rtol=1e-10)


@pytest.mark.parametrize("error", [0.05, 0.7, 3.0, 100.0])
def test_its_evidence_has_the_slope_of_students_t(page, error):
    """The expected log density that stands in for the t touches it at the prediction (Fisher's identity)."""
    variance = 0.25 + np.exp(-4.0)
    network = tracking(page["RobustInput"](scale=0.5, freedom=3.0)).compile()

    beliefs = network.filter({"u": [error]})

    # A Newton step moves the mean by gradient / precision.
    gradient = beliefs["x"].mean[0] * beliefs["x"].precision[0]
    step = 1e-6
    lower, upper = stats.t.logpdf(error - np.array([-step, step]), 3.0, 0.0, 0.5)
    np.testing.assert_allclose(gradient, (upper - lower) / (2 * step), rtol=1e-6)
    assert beliefs["x"].precision[0] > 1 / variance


@pytest.mark.parametrize("error", [0.2, 1.0, 3.0, 30.0, 1000.0])
def test_a_step_never_makes_the_posterior_less(page, error):
    """A step of expectation maximisation cannot go downhill, however far the outlier."""
    variance = 0.25 + np.exp(-4.0)

    beliefs = tracking(page["RobustInput"](scale=0.2, freedom=3.0)).compile().filter({"u": [error]})

    def log_posterior(x):
        return stats.t.logpdf(error, 3.0, x, 0.2) + stats.norm.logpdf(x, 0.0, np.sqrt(variance))

    assert log_posterior(float(beliefs["x"].mean[0])) > log_posterior(0.0)


def test_an_outlier_moves_the_belief_less_than_a_fair_sample_can(page):
    """The slope of the t is at most (ν + 1) / (2 √ν scale), and falls off beyond √ν scales."""
    network = tracking(page["RobustInput"](scale=0.3, freedom=4.0)).compile()
    pulls = [float(network.filter({"u": [u]})["x"].mean[0]) for u in (0.6, 6.0, 60.0, 600.0)]

    assert max(pulls) <= (0.25 + np.exp(-4.0)) * 5 / (2 * 2 * 0.3)
    # Once the weight is small, an error ten times larger pulls about a tenth as hard.
    np.testing.assert_allclose(pulls[2] / pulls[3], 10.0, rtol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_a_state_is_recovered_through_outliers(page, seed):
    """As good as integration on a grid, to a tenth; better than a Gaussian input of equal variance."""
    truth, rng = walk(seed)
    series = truth + 0.3 * rng.standard_t(3.0, size=400)
    robust = tracking(page["RobustInput"](scale=0.3, freedom=3.0)).compile()
    plain = tracking(pn.ContinuousInput(precision=1 / (3 * 0.3**2))).compile()

    beliefs = robust.filter({"u": series})
    exact = grid_filter(series, lambda u, x: stats.t.pdf(u, 3.0, x, 0.3), axis_over(truth))

    assert distance(beliefs, exact) < AFFORDABLE
    error = np.mean((beliefs["x"].mean - truth) ** 2)
    assert error < np.mean((plain.filter({"u": series})["x"].mean - truth) ** 2)


def test_gaps_gradients_and_files_are_no_matter(page):
    """What every kind gets without asking."""
    graph = tracking(page["RobustInput"](scale=0.4, freedom=5.0))
    series = {"u": np.array([0.1, np.nan, 8.0, np.nan, -0.2])}

    beliefs = graph.compile().filter(series)
    gradient = jax.grad(lambda n: n.surprise(series), allow_int=True)(graph.compile())
    again = pn.Graph.from_json(graph.to_json(), kinds=[page["RobustInput"]])

    np.testing.assert_array_equal(beliefs["x"].mean[1::2], beliefs["x"].predicted_mean[1::2])
    assert all(np.isfinite(value) for value in gradient.parameters().values())
    np.testing.assert_array_equal(again.compile().filter(series)["x"].mean, beliefs["x"].mean)


def test_a_family_of_ones_own_is_conjugate(page):
    """Parameters count failures and successes; predictions are scipy's beta negative binomial."""
    family = page["Geometric"]()
    node = pn.ExponentialFamilyState(family=family, growing=True, pseudo_count=2.0)
    network = pn.Graph().add(u=node).compile()
    values = np.array([3.0, 0.0, 1.0, 4.0, 0.0, 7.0])
    beliefs = network.filter({"u": values})

    failures, successes = 2.0 * 1.0, 3.0
    for step, value in enumerate(values):
        exact = stats.betanbinom(1, successes, failures).logpmf(value)
        np.testing.assert_allclose(beliefs.surprise[step], -exact, rtol=1e-10)
        failures, successes = failures + value, successes + 1
        np.testing.assert_allclose(beliefs["u"].statistics[step, 0], failures / (successes - 1))
    assert page["known"].nodes["u"].family == family
    pn.testing.check_node(pn.ExponentialFamilyState(family=family, pseudo_count=8.0))
