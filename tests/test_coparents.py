"""Several parents of one child, under Structured: what they know of one another is kept.

Volatility parents that have no other child speak only through their sum, which is a random walk as each of
them is. So they are one parent, and what is believed of each follows from what is believed of the sum.
"""

import jax
import numpy as np
import pytest

import pynodes as pn

PARENTS = {"ya": (1.0, -4.0, 0.3), "yb": (0.5, -5.0, 0.3 * np.exp(-1)), "yc": (-0.7, -4.0, 0.3)}
"""Strength, tonic volatility, variance at first."""


def with_parents(parents, child="x", graph=None):
    """A state, seen with noise, and its volatility parents."""
    graph = pn.Graph(expansion="structured") if graph is None else graph
    seen = {f"u{child}": pn.ContinuousInput(precision=4.0)}
    graph = graph.add(**seen, **{child: pn.ContinuousState(tonic_volatility=-3.0)})
    graph = graph.couple(child, f"u{child}")
    for name, (strength, tonic, variance) in parents.items():
        state = pn.ContinuousState(tonic_volatility=tonic, initial_precision=1 / variance)
        graph = graph.add(**{name: state}).couple(name, child, pn.Volatility(strength=strength))
    return graph


def drawn(steps=60, seed=3):
    """A walk that is fast at times, seen with noise."""
    rng = np.random.default_rng(seed)
    growth = np.exp(np.cumsum(rng.normal(size=steps)) * 0.15 - 1.5)
    return np.cumsum(rng.normal(size=steps) * growth) + rng.normal(size=steps) / 2


def test_volatility_parents_are_their_sum_and_each_its_regression_on_it():
    """Nearly: three nodes of each, the others averaged, are not three nodes of the sum. In two chunks."""
    u = drawn()
    u[30:34] = np.nan
    strengths, tonics, begun = np.array(list(PARENTS.values())).T
    walk, start = np.sum(strengths**2 * np.exp(tonics)), np.sum(strengths**2 * begun)

    network = with_parents(PARENTS).compile()
    first = network.filter({"ux": u[:30]})
    second = network.filter({"ux": u[30:]}, start=first.final)
    whole = with_parents({"s": (1.0, np.log(walk), start)}).compile().filter({"ux": u})

    def both(read):
        return np.concatenate([read(first), read(second)])

    gap = both(lambda run: run["x"].mean) - whole["x"].mean
    assert np.max(np.abs(gap) * np.sqrt(whole["x"].precision)) < 0.1
    assert abs(np.mean(both(lambda run: run.surprise) - whole.surprise)) < 0.002
    steps = np.arange(1, len(u) + 1)
    for name, (strength, tonic, variance) in PARENTS.items():
        alone = variance + steps * np.exp(tonic)
        share = strength * alone / (start + steps * walk)
        mean = share * whole["s"].mean
        left = alone - share**2 * (start + steps * walk - 1 / whole["s"].precision)
        gap = both(lambda run, name=name: run[name].mean) - mean
        assert np.max(np.abs(gap) / np.sqrt(left)) < 0.1
        variance = both(lambda run, name=name: 1 / run[name].precision)
        np.testing.assert_allclose(variance, left, rtol=0.06)


@pytest.mark.slow
def test_children_side_by_side_are_as_each_alone():
    """With two volatility parents and one in one group, which has room for two each."""
    parents = {"a": ("ya", "yb"), "c": ("yc",)}
    u = {f"u{child}": drawn(12, seed) for seed, child in enumerate(parents)}
    graph, alone = pn.Graph(expansion="structured"), {}
    for child, names in parents.items():
        above = {name + child: PARENTS[name] for name in names}
        graph = with_parents(above, child, graph)
        alone[child] = with_parents(above, child).compile(), [child, *above]

    beside = graph.compile().filter(u)

    for child, (network, names) in alone.items():
        found = network.filter({f"u{child}": u[f"u{child}"]})
        for name in names:
            np.testing.assert_allclose(beside[name].mean, found[name].mean, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(beside[name].precision, found[name].precision, rtol=1e-9)


@pytest.mark.slow
def test_the_slope_in_strengths_is_right_and_finite_at_zero():
    network, u = with_parents({name: PARENTS[name] for name in ("ya", "yb")}).compile(), drawn(12)
    at, way, step = np.array([1.0, 0.5]), np.array([0.3, -1.0]), 1e-5

    @jax.jit
    def both(strengths):
        return jax.jvp(surprise, (strengths,), (way,))

    def surprise(strengths):
        values = {"ya->x.strength": strengths[0], "yb->x.strength": strengths[1]}
        return network.replace(values).surprise({"ux": u})

    difference = (both(at + step * way)[0] - both(at - step * way)[0]) / (2 * step)
    np.testing.assert_allclose(both(at)[1], difference, rtol=1e-6)
    assert np.isfinite(both(np.zeros(2))[1])
