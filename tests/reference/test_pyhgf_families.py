"""Recorded runs of pyhgf 0.3.2: exponential families with a fixed count, driven by networks, and clusters."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes import families

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

    with np.errstate(all="ignore"):
        counts = np.mean(moves("a") / moves("b"), axis=1)
    expected, found = np.asarray(family.default_statistics), []
    for now, count in zip(seen, counts, strict=True):
        expected = expected + (now - expected) / (1 + count)
        found.append(expected)
    return beliefs, moves("a"), moves("b"), counts, np.array(found)


@pytest.mark.parametrize("name", DRIVEN)
def test_a_driven_count_is_explained(name):
    """Restated, the recorded run is repeated as far as it is finite: nothing else is different."""
    family, levels, expansion = DRIVEN[name]
    recorded = record(name)
    values = recorded["input_data"]
    values = values[:, 0] if family.event_shape == () else values
    fine = np.isfinite(recorded["n0.xis"]).all(1) & np.isfinite(recorded["n0.nus"])
    steps = len(fine) if fine.all() else int(np.argmin(fine))

    _, errors, moves, counts, expected = restated(family, levels, expansion, values)

    np.testing.assert_allclose(counts[:steps], recorded["n0.nus"][:steps], rtol=1e-8)
    np.testing.assert_allclose(expected[:steps], recorded["n0.xis"][:steps], rtol=1e-8, atol=1e-10)
