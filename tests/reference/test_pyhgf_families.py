"""Recorded runs of pyhgf 0.3.2: exponential families with a fixed count, driven by networks, and clusters."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import families
from tests.few import few

FOLDER = Path(__file__).parent / "pyhgf_families"


def record(name):
    with np.load(FOLDER / f"{name}.npz") as found:
        return dict(found)


FIXED = {
    "ef_normal_fixed_nu": (families.Normal(), 5.0),
    "ef_mvn2_fixed_nu": (families.MultivariateNormal(dimension=2), 8.0),
}


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_count_learns_as_recorded(name):
    family, count = FIXED[name]
    recorded = record(name)
    values = recorded["input_data"]
    values = values[:, 0] if family.event_shape == () else values
    graph = pn.Graph().add(u=pn.ExponentialFamilyState(family=family, pseudo_count=count))

    found = graph.compile().filter({"u": values})["u"].statistics

    np.testing.assert_allclose(found, recorded["n0.xis"], rtol=1e-8, atol=1e-12)


class Unsure(pn.ContinuousState):
    """A state of which every observation is kept with a precision of one, as if it had not been seen.

    What pyhgf makes of the statistics: nodes that walk at random, with the observed statistic for a mean,
    whose precision is never updated.
    """

    def observe(self, belief, value, observed):
        return belief.updated(jnp.where(observed, value, belief.mean), jnp.ones_like(value))


DRIVEN = {
    "ef_normal_hgf2_unb_rel": (families.Normal(), 2, "unbounded"),
    "ef_normal_hgf3_ehgf_rel": (families.Normal(), 3, "enhanced"),
    "ef_normal_hgf3_large_scale_nan_ehgf_rel": (families.Normal(), 3, "enhanced"),
    "ef_mvn2_hgf2_unb_rel": (families.MultivariateNormal(dimension=2), 2, "unbounded"),
}


def statistics_of(family, values):
    return np.array([family.statistics(jnp.asarray(value)) for value in values])


def restated(family, levels, expansion, values):
    """Pyhgf's rule: moves of the statistics and of the nodes above them, counts, expected statistics.

    The node above a statistic is coupled to it as a drift, and so tracks its *changes*. The count is how
    many times as far the statistics moved as those nodes did, on average.
    """
    seen = statistics_of(family, values)
    graph = pn.Graph(expansion=expansion)
    for i in range(seen.shape[1]):
        graph = graph.add(
            {f"a{i}": Unsure(), f"b{i}": pn.ContinuousState(), f"c{i}": pn.ContinuousState()}
        )
        graph = graph.couple(f"b{i}", f"a{i}").couple(f"c{i}", f"b{i}", "volatility")
        if levels == 3:
            graph = graph.add({f"d{i}": pn.ContinuousState()}).couple(
                f"d{i}", f"c{i}", "volatility"
            )
    series = {f"a{i}": seen[:, i] for i in range(seen.shape[1])}
    beliefs = graph.compile().filter(series, throw=False)

    def moves(letter):
        nodes = [beliefs[f"{letter}{i}"] for i in range(seen.shape[1])]
        return np.stack([node.mean - node.predicted_mean for node in nodes], axis=1)

    counts = np.mean(moves("a") / moves("b"), axis=1)
    expected, found = np.asarray(family.default_statistics), []
    for now, count in zip(seen, counts, strict=True):
        expected = expected + (now - expected) / (1 + count)
        found.append(expected)
    return counts, np.array(found), moves("b") / moves("a")


@pytest.mark.parametrize("name", few(DRIVEN, 2))
def test_a_driven_count_is_explained(name):
    """Restated, the recorded run is repeated as far as it is finite: nothing else is different."""
    family, levels, expansion = DRIVEN[name]
    recorded = record(name)
    values = recorded["input_data"]
    values = values[:, 0] if family.event_shape == () else values
    fine = np.isfinite(recorded["n0.xis"]).all(1) & np.isfinite(recorded["n0.nus"])
    steps = len(fine) if fine.all() else int(np.argmin(fine))

    counts, expected, _ = restated(family, levels, expansion, values)

    np.testing.assert_allclose(counts[:steps], recorded["n0.nus"][:steps], rtol=1e-8)
    np.testing.assert_allclose(expected[:steps], recorded["n0.xis"][:steps], rtol=1e-8, atol=1e-10)


def test_the_recorded_count_is_the_inverse_of_a_learning_rate():
    """Nodes that move by a rate r of their errors belong to a count of 1/r - 1; recorded is 1/r.

    So the statistics move more slowly than the nodes that drive them: by r / (1 + r) rather than r.
    """
    recorded = record("ef_normal_hgf2_unb_rel")
    values = recorded["input_data"][:, 0]
    _, _, rates = restated(families.Normal(), 2, "unbounded", values)
    ours = 1 / rates - 1

    np.testing.assert_allclose(np.mean(ours, axis=1), recorded["n0.nus"] - 1, rtol=1e-8)
    before = np.vstack([[0.0, 1.0], recorded["n0.xis"][:-1]])
    seen = statistics_of(families.Normal(), values)
    moved = (recorded["n0.xis"] - before) / (seen - before)
    np.testing.assert_allclose(moved, (1 / (1 + recorded["n0.nus"]))[:, None] * [1, 1], rtol=1e-6)


def test_the_recorded_nodes_track_changes_and_ours_the_statistics():
    """After a long time at 3 ours expect 3; the recorded rule's nodes expect no further change."""
    values = np.full(200, 3.0)
    theirs = pn.Graph().add(a=Unsure(), b=pn.ContinuousState()).couple("b", "a").compile()
    ours = (
        pn.Graph()
        .add(u=pn.ExponentialFamilyState(family=families.Poisson()), x=pn.ContinuousState())
        .couple("x", "u")
        .compile()
    )
    tracked = ours.filter({"u": values})

    assert abs(float(theirs.filter({"a": values})["b"].mean[-1])) < 1e-6
    np.testing.assert_allclose(tracked["x"].mean[-1], 3.0, rtol=1e-6)
    np.testing.assert_allclose(tracked["u"].mean[-1], 3.0, rtol=1e-6)


def test_recorded_clusters_learn_at_a_fixed_rate_and_lose_what_finds_no_room():
    """Two places and three groups of twenty: the counter goes on, the observations do not arrive."""
    recorded = record("dp_batch2")
    values = recorded["input_data"][:, 0]
    statistics = statistics_of(families.Normal(), values)
    for i in (1, 2):
        own, took = recorded[f"n{i}.xis"], recorded[f"n{i}.observed"].astype(bool)
        learned = own[:-1] + (statistics[1:] - own[:-1]) / (1 + 15.0)
        np.testing.assert_allclose(own[1:][took[1:]], learned[took[1:]], rtol=1e-8)
    third = values > 3
    counted = np.diff(recorded["n0.n"].sum(1), prepend=0)

    np.testing.assert_array_equal(counted, np.where(third, 0, 1))
    np.testing.assert_array_equal(recorded["n0.n_total"], np.arange(1, 61))
    assert recorded["n0.n_active_cluster"][-1] == 2 + third.sum()


@pytest.mark.slow
def test_the_recorded_groups_are_found_and_none_of_them_is_lost():
    """A candidate of ours is the prior itself, with an exact predictive density and no random draws."""
    values = record("dp_batch2")["input_data"][:, 0]
    third = values > 3

    def filtered(components):
        node = pn.DirichletProcessState(
            components=components,
            concentration=0.1,
            initial_statistics=(0.0, 25.0),
            pseudo_count=0.02,
        )
        return pn.Graph().add(u=node).compile().filter({"u": values})["u"]

    enough, short = filtered(5), filtered(2)
    np.testing.assert_array_equal(enough.counts[-1], [20, 20, 20, 0, 0])
    assert float(enough.overflowed[-1]) == 0
    np.testing.assert_allclose(
        np.sort(enough.means[-1][:3]),
        [values[values < -3].mean(), values[np.abs(values) < 3].mean(), values[third].mean()],
        atol=0.02,
    )
    np.testing.assert_allclose(short.counts[-1].sum(), 60)
    assert float(short.overflowed[-1]) > 0
