"""Results are plain pytrees: runs of one network have one structure, and showing them computes nothing."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.compilations import count_compilations

SERIES = np.tile([1.0, 0.0, 1.0], 5)
GAPS = np.where(np.arange(15) % 4 == 0, np.nan, SERIES)


def make_network():
    return pn.models.binary_hgf(levels=3).compile()


@pytest.fixture(scope="module")
def network():
    return make_network()


@pytest.mark.parametrize(
    "other",
    [
        lambda network: network.filter({"u": 1 - SERIES}),
        lambda network: network.filter({"u": GAPS}),
        lambda network: network.filter({"u": SERIES}, dt=1.0 + np.arange(15) % 3),
        lambda network: network.filter({"u": SERIES}, frozen=SERIES == 0),
        lambda network: network.replace({"x2.tonic_volatility": -5.0}).filter({"u": SERIES}),
        lambda network: make_network().filter({"u": SERIES}),
    ],
    ids=["data", "gaps", "times", "frozen", "parameters", "compiled again"],
)
def test_two_runs_have_one_structure(network, other):
    """So that a function of beliefs is traced once, and trees can be compared leaf by leaf."""
    one, two = network.filter({"u": SERIES}), other(network)
    traces = []

    @jax.jit
    def last_mean(beliefs):
        traces.append(1)
        return beliefs["x2"].mean[-1]

    assert jax.tree.structure(one) == jax.tree.structure(two)
    assert last_mean(one) == one["x2"].mean[-1]
    assert last_mean(two) == two["x2"].mean[-1]
    assert len(traces) == 1
    gap = jax.tree.map(
        lambda a, b: np.max(np.abs(np.asarray(a, float) - np.asarray(b, float))), one, two
    )
    assert gap["x2"].mean.shape == ()


def test_a_failure_is_named_in_a_batch_too():
    """Nodes are flagged by arrays, which vmap carries along and words are made of afterwards."""
    network = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)).compile()
    wild = pn.data.association().outcomes[:40].astype(float)
    quiet = np.full(40, np.nan)

    batch = jax.vmap(lambda u: network.filter({"u": u}))(np.stack([quiet, wild]))

    np.testing.assert_array_equal(batch.status.ok, [True, False])
    quiet_one, wild_one = (jax.tree.map(lambda leaf, i=i: leaf[i], batch).status for i in (0, 1))
    assert not quiet_one.failed.any()
    assert wild_one.nodes == network.filter({"u": wild}, throw=False).status.nodes == ["x3"]
    assert wild_one.message.startswith("The precision of 'x3' fell to zero or below at step")


def test_networks_are_equal_by_value():
    """A second network of an equal graph runs the programs of the first; one of another does not claim to."""
    one, two = make_network(), make_network()
    other = pn.models.binary_hgf(levels=3, tonic_volatility=[-2.0, -6.0]).compile()

    assert one.labels == two.labels
    assert hash(one.labels) == hash(two.labels)
    assert one.graph == two.graph
    assert one.graph != other.graph
    assert one.graph != one.graph.with_settings(marginalise=False)
    assert jax.tree.structure(one) == jax.tree.structure(two) != jax.tree.structure(other)


def test_showing_computes_nothing(network):
    """Neither a repr nor a table in a notebook compiles a program."""
    beliefs = network.filter({"u": SERIES})
    shown = [network.graph, network, beliefs, beliefs["x2"], beliefs.status, beliefs.final]
    shown += [beliefs.edge("x3->x2"), network.forecast(jax.random.key(0), 3)]

    with count_compilations() as counted:
        for value in shown:
            repr(value)
            getattr(value, "_repr_html_", str)()

    assert counted.programs == 0


@pytest.mark.slow
def test_figures_do_not_import_fitting():
    """Nor does importing the package import figures."""
    script = (
        "import sys, pynodes; assert 'matplotlib' not in sys.modules;"
        "import pynodes.plotting; pynodes.plotting.plot_beliefs;"
        "loaded = [m for m in sys.modules if m.startswith('pynodes.fit')]; assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
