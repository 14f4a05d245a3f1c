"""Structure in time: graphs that take turns, contexts that come back, parameters that are learned."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

import pynodes as pn
from pynodes import structure
from pynodes.structure.contexts import resample_histories

RNG = np.random.default_rng(0)


def level(**settings):
    """A drifting level under noise, in one node."""
    return pn.Graph().add(u=pn.KalmanFilter(tonic_volatility=-3.0, **settings)).compile()


def test_following_what_never_changes_ends_where_a_search_does():
    data = {"a": RNG.normal(size=60)}
    data["b"] = np.append(0.0, 0.5 * data["a"][:-1]) + RNG.normal(size=60)
    space = structure.space(structure.lagged(["a", "b"]), probability=0.3)
    followed = structure.follow(space, data, stay=1.0)
    found = structure.search(space, data)

    np.testing.assert_allclose(
        followed.edge_probability[-1], list(found.edge_probability.values()), rtol=1e-9
    )
    assert followed.log_evidence == pytest.approx(found.log_evidence, rel=1e-12)
    assert followed["lag1_a->b"].shape == (59,)


def test_a_structure_that_changes_is_noticed():
    """An edge that is there in the second half: on average it is reported there, and not before.

    At irregular times and with gaps; in two parts as in one, of which the second looks back into the first.
    """
    rng, cut = np.random.default_rng(1), 201
    a = rng.normal(size=401)
    b = np.append(0.0, 0.8 * a[:-1]) * (np.arange(401) > 200)
    data = {"a": a, "b": b + np.random.default_rng(2).normal(size=401)}
    dt, seen = rng.uniform(0.5, 1.5, 401), rng.random(401) < 0.95
    space = structure.space(
        structure.lagged(["a", "b"], tonic_volatility=-7.0), "lag1_a->b", probability=0.3
    )

    def follow(part, start=None):
        given = {name: values[part] for name, values in data.items()}
        settings = {"dt": dt[part], "observed": {"b": seen[part]}, "start": start}
        return structure.follow(space, given, stay=0.98, **settings)

    whole = follow(slice(None))

    assert whole["lag1_a->b"][100:200].mean() < 0.5
    assert whole["lag1_a->b"][-100:].mean() > 0.5
    second = follow(slice(cut, None), follow(slice(cut)))
    np.testing.assert_allclose(
        second.edge_probability, whole.edge_probability[cut - 1 :], rtol=1e-9
    )


def test_one_context_is_the_filter():
    """Whether there is room for one only, or nothing ever leaves it; in one go and in steps."""
    data = {"u": np.cumsum(RNG.normal(size=30))}
    data["u"][[4, 5]] = np.nan
    network = level()
    plain = network.filter(data)
    for settings in ({"capacity": 1}, {"stay": 1.0}):
        found = structure.contexts(network, hypotheses=4, **settings).filter(data)

        np.testing.assert_allclose(found.surprise, plain.surprise, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.averages["u"]["mean"], plain["u"].mean, rtol=1e-12)
        assert set(found.context.tolist()) == {0}


def test_the_order_of_copies_means_nothing():
    """Copies that change places in every history: the same contexts, as sure, with the same beliefs."""
    data = {"u": 4 * np.random.default_rng(7).normal(size=30)}
    data["u"][[4, 5]] = np.nan
    copies = structure.contexts(level(), hypotheses=4, stay=0.8)
    before, order = copies.filter(data).final, np.array([3, 0, 6, 1, 2, 7, 5, 4])
    moved = jax.tree.map(lambda leaf: leaf[:, order] if np.ndim(leaf) > 1 else leaf, before)
    moved = dataclasses.replace(moved, slot=np.argsort(order)[before.slot])
    one, other = (copies.filter(data, start=start) for start in (before, moved))

    assert np.sum(before.counts > 0, axis=1).min() > 1
    np.testing.assert_allclose(other.surprise, one.surprise, rtol=1e-12)
    np.testing.assert_allclose(other.number, one.number, atol=1e-12)
    np.testing.assert_array_equal(other.context, one.context)
    for field, values in one.averages["u"].items():
        np.testing.assert_allclose(other.averages["u"][field], values, rtol=1e-10, atol=1e-12)


def enumerate_contexts(series, number, stay, drift, start):
    """Log evidence of so many contexts in all, over every sequence of them, by Kalman's filter of each."""
    total = []
    for others in itertools.product(range(number), repeat=len(series) - 1):
        path, log = (0, *others), 0.0
        means, variances = np.zeros(number), np.full(number, start)
        for step, (value, here) in enumerate(zip(series, path, strict=True)):
            seen = set(path[:step])
            if here not in seen and here != len(seen):
                break  # Contexts are numbered as they appear: of those alike this one is counted for all.
            if step:
                moved = here != path[step - 1]
                alike = number - len(seen) if here == len(seen) else 1
                change = (
                    (1 - stay) * alike / (number - 1) if moved else 1.0 - (1 - stay) * (number > 1)
                )
                log += np.log(change)
            variances[[*seen | {here}]] += drift  # What is not open yet does not drift.
            spread = variances[here] + 1.0
            log += -0.5 * (np.log(2 * np.pi * spread) + (value - means[here]) ** 2 / spread)
            gain = variances[here] / spread
            means[here] += gain * (value - means[here])
            variances[here] *= 1 - gain
        else:
            total.append(log)
    return np.logaddexp.reduce(total)


@pytest.mark.slow
def test_every_number_of_contexts_has_its_evidence():
    """That of all histories, while all are kept; online as in one go."""
    series, odds = np.array([0.3, 4.0, 0.5, -3.0, 4.2]), np.array([1.0, 2.0, 1.0])
    state = pn.ContinuousState(tonic_volatility=np.log(0.1), initial_precision=1 / 9)
    network = pn.Graph().add(u=pn.ContinuousInput(), x=state).couple("x", "u").compile()
    copies = structure.contexts(network, number=odds, hypotheses=41, stay=0.8)
    log = [enumerate_contexts(series, number, 0.8, 0.1, 9.0) for number in (1, 2, 3)]
    joint = np.log(odds / odds.sum()) + log
    found = copies.filter({"u": series})

    assert found.log_evidence == pytest.approx(np.logaddexp.reduce(joint), abs=1e-10)
    np.testing.assert_allclose(
        found.number[-1], [0, *np.exp(joint - np.logaddexp.reduce(joint))], atol=1e-10
    )
    assert found.weights.sum() == pytest.approx(1.0)
    assert len(found.beliefs()) == len(set(found.context.tolist()))
    state, whole = found.final, copies.filter({"u": np.append(series, series)})
    np.testing.assert_allclose(
        copies.filter({"u": series}, start=state).surprise, whole.surprise[5:], rtol=1e-9
    )
    assert float(copies.surprise({"u": series})) == pytest.approx(-found.log_evidence, rel=1e-12)


def test_resampled_hypotheses_stand_for_all():
    """Nothing is lost in sum; who stays keeps a weight, others have the threshold, once each."""
    weights = np.random.default_rng(0).gamma(0.3, size=(30, 12))
    weights[:10] *= np.random.default_rng(1).random((10, 12)) < 0.5
    weights /= weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        found, chosen = jax.vmap(lambda log: resample_histories(log, 5))(np.log(weights) - 700.0)

    for before, log, which in zip(weights, np.asarray(found), np.asarray(chosen), strict=True):
        after, old = np.exp(log + 700.0), before[which]
        moved = ~np.isclose(after, old, rtol=1e-9, atol=0)
        assert after.sum() == pytest.approx(1.0)
        assert len(set(which[after > 0].tolist())) == np.sum(after > 0)
        if moved.any():
            np.testing.assert_allclose(after[moved], after[moved][0], rtol=1e-9)
            assert np.all(old[moved] < after[moved])
            assert np.all(after[~moved] >= after[moved][0] * (1 - 1e-9))
        assert moved.any() == (np.sum(before > 0) > 5)


@pytest.mark.slow
def test_contexts_come_back_and_are_forgotten_when_full():
    """Three levels in turn; with room for two, one of them is always new."""
    levels = np.repeat([0.0, 8.0, -8.0, 0.0], 15)
    data = {"u": levels + 0.3 * np.random.default_rng(3).normal(size=60)}
    network = level(initial_precision=0.02, precision=10.0)
    found = structure.contexts(network, hypotheses=8).filter(data)

    assert found.context.tolist() == np.repeat([0, 1, 2, 0], 15).tolist()
    assert len(found.beliefs()) == 3
    assert found.number[-1].argmax() == 3
    for full in ("forget", "merge", "keep"):
        few = structure.contexts(network, capacity=2 + (full == "merge"), hypotheses=8, full=full)
        assert np.isfinite(few.filter({"u": np.append(data["u"], 20.0)}).surprise).all()
    forgotten = structure.contexts(network, capacity=2, hypotheses=8).filter(data).context
    assert forgotten[-1] == 3
    kept = structure.contexts(network, capacity=2, hypotheses=8, full="keep").filter(data).context
    assert set(kept.tolist()) == {0, 1}


@pytest.mark.slow
def test_contexts_go_on_in_steps_and_have_gradients():
    data = {"u": RNG.normal(size=12) * 3}
    network = level()
    copies = structure.contexts(network, capacity=3, hypotheses=6, stay=0.8)
    whole, state = copies.filter(data), copies.start()
    surprise = []
    for value in data["u"]:
        state, step = copies.step(state, {"u": value})
        surprise.append(step.surprise[0])

    np.testing.assert_allclose(surprise, whole.surprise, rtol=1e-12)

    def total(volatility):
        revised = network.replace({"u.tonic_volatility": volatility})
        other = structure.contexts(revised, capacity=3, hypotheses=6, stay=0.8)
        return other.surprise(data)

    numerical = (total(-3.0 + 1e-5) - total(-3.0 - 1e-5)) / 2e-5
    assert float(jax.grad(total)(-3.0)) == pytest.approx(float(numerical), rel=1e-5)


def test_a_strength_that_jumps_is_followed_by_contexts():
    """Recipe: 0.1 of noise, strengths in tenths of the series; new contexts are strengths drawn anew."""
    rng = np.random.default_rng(4)
    strength = np.repeat([0, 0, 0.2, 0.2, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5], 100)
    x = 2 + 0.1 * rng.normal(size=1000)
    y = strength * x + 0.1 * rng.normal(size=1000)
    node = pn.RegressionInput(
        terms=1, noise="known", precision=100.0, initial_variance=0.25, tonic_volatility=-16.0
    )
    network = pn.Graph().add(y=node, x=pn.Regressor()).couple("x", "y").compile()
    found = structure.contexts(network, capacity=5, hypotheses=8, stay=0.99).filter(
        {"y": y, "x": x}
    )
    error = found.averages["y"]["strengths"][:, 0] - strength

    assert np.sqrt(np.mean(error**2)) < 0.04


def test_a_bank_learns_a_parameter_as_bayes_rule_has_it():
    """On a grid that is close enough; where it is not, it is laid anew around the posterior."""
    data = {"u": np.cumsum(np.random.default_rng(5).normal(size=120))}
    network = level()
    points = np.linspace(-5.0, 5.0, 41)
    plain = structure.bank(network, {"u.tonic_volatility": points}, refine=False).filter(data)
    log = np.array(
        [-network.replace({"u.tonic_volatility": p}).surprise(data) for p in points[::8]]
    )
    weights = plain.weights[-1, ::8]
    known = weights > 1e-200

    np.testing.assert_allclose(
        np.log(weights[known] / weights.max()), (log - log[weights.argmax()])[known], rtol=1e-6
    )
    assert plain.weights.sum(axis=1) == pytest.approx(np.ones(120))
    coarse = structure.bank(network, {"u.tonic_volatility": np.linspace(-40.0, 40.0, 21)})
    fine = coarse.filter(data)
    name = "u.tonic_volatility"
    assert fine.mean(name)[-1] == pytest.approx(plain.mean(name)[-1], abs=0.05)
    assert fine.sd(name)[-1] == pytest.approx(plain.sd(name)[-1], rel=0.1)
    low, high = (fine.quantile(name, q)[-1] for q in (0.05, 0.95))
    assert low < fine.mean(name)[-1] < high

    # Forecasts know nothing of what comes later, and of a grid that is close enough are those of the filter.
    later = {"u": np.append(data["u"][:80], data["u"][80:] * 9)}
    forecasts, others = coarse.score_forecasts(data), coarse.score_forecasts(later)
    np.testing.assert_array_equal(forecasts[:80], others[:80])
    assert abs(forecasts[80:] - others[80:]).max() > 1
    np.testing.assert_allclose(forecasts[64:].sum(), plain.surprise[64:].sum(), atol=0.5)
    np.testing.assert_array_equal(
        plain.surprise, structure.bank(network, {name: points}, refine=False).score_forecasts(data)
    )

    grid = structure.bank(network, {name: pn.Normal(0.0, 1.0)}, points=9, refine=False)
    step = grid.step(None, {"u": 1.0})
    step = grid.step(step, {"u": 2.0})
    once = grid.filter({"u": [1.0, 2.0]})
    np.testing.assert_allclose(step.weights[-1], once.weights[-1], rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: structure.contexts(level(), capacity=0), pn.ParameterError, "capacity must be"),
        (lambda: structure.contexts(level(), stay=2.0), pn.ParameterError, "stay must be"),
        (lambda: structure.contexts(level(), full="burst"), pn.ParameterError, "'forget'"),
        (lambda: structure.contexts(level(), number=[-1, 2]), pn.ParameterError, "number must be"),
        (lambda: structure.contexts(level().graph), pn.InputError, "compiled network"),
        (lambda: structure.bank(level(), {"u.speed": [0.0, 1.0]}), pn.ParameterError, "u.speed"),
        (
            lambda: structure.bank(level(), {"u.tonic_volatility": [1.0, 0.0]}),
            pn.ParameterError,
            "must increase",
        ),
        (
            lambda: structure.follow(
                structure.space(structure.lagged(["a"])), {"a": [1.0, 2.0]}, stay=1.5
            ),
            pn.ParameterError,
            "stay must be",
        ),
    ],
)
def test_wrong_use_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
