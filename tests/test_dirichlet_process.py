"""Clusters: against all partitions enumerated, against a greedy rule in numpy, and by how many are found."""

import itertools

import jax
import numpy as np
import pytest
from scipy import special, stats

import pynodes as pn
from pynodes import families
from tests.few import few
from tests.laws.same import assert_same
from tests.oracles import conjugate

BASE, WORTH = (0.0, 25.0), 0.02


def clusters(**fields):
    known = {"initial_statistics": BASE, "pseudo_count": WORTH} | fields
    return pn.Graph().add(u=pn.DirichletProcessState(**known)).compile()


def grouped(seed, count, steps=100, gap=4.0, noise=0.5):
    """Data in so many groups, of means ``gap`` apart and deviation ``noise``, in random order."""
    rng = np.random.default_rng(seed)
    means = np.arange(count) * gap - (count - 1) * gap / 2
    which = np.concatenate([np.arange(count), rng.integers(0, count, steps - count)])
    rng.shuffle(which)
    return means[which] + noise * rng.normal(size=steps), which


def partitions(size):
    """Every partition of so many items: a label for each, numbered as they appear."""
    for labels in itertools.product(range(size), repeat=size):
        seen = list(dict.fromkeys(labels))
        if seen == list(range(len(seen))):
            yield labels


def log_joint(values, labels, concentration):
    """Log probability of a partition and of the values, by the rule of the Chinese restaurant."""
    total = special.gammaln(concentration) - special.gammaln(concentration + len(values))
    for label in set(labels):
        own = [value for value, other in zip(values, labels, strict=True) if other == label]
        total += np.log(concentration) + special.gammaln(len(own))
        belief = conjugate.NormalGamma(BASE, WORTH)
        for value in own:
            total += belief.predictive(value)
            belief.learn(value)
    return total


def test_all_partitions_kept_are_exact_inference():
    """Predictive densities are those of the mixture over all 203 partitions of six values."""
    values = np.array([-2.0, 1.9, -1.5, 0.2, 2.2, -2.4])
    network = clusters(components=6, hypotheses=256, concentration=0.7)
    beliefs = network.filter({"u": values})
    evidence = [
        special.logsumexp([log_joint(values[:size], labels, 0.7) for labels in partitions(size)])
        for size in range(1, 7)
    ]

    np.testing.assert_allclose(np.cumsum(beliefs.surprise), -np.array(evidence), rtol=1e-10)
    joints = {labels: log_joint(values, labels, 0.7) for labels in partitions(6)}
    best = max(joints, key=joints.get)
    probability = np.exp(joints[best] - special.logsumexp(list(joints.values())))
    np.testing.assert_allclose(beliefs["u"].certainty[-1], probability, rtol=1e-9)
    assert float(beliefs["u"].active[-1]) == len(set(best))
    np.testing.assert_array_equal(beliefs["u"].counts[-1], np.bincount(best, minlength=6))


def greedy(values, concentration, components, *, soft):
    """One partition only, in numpy: labels or shares, surprises."""
    learned, counts, shares, surprises = [], np.zeros(components), [], []
    base = np.array(BASE)
    for step, x in enumerate(values):
        known = [
            np.log(counts[i]) + conjugate.NormalGamma(*learned[i]).predictive(x)
            for i in range(len(learned))
        ]
        fresh = np.log(concentration) + conjugate.NormalGamma(base, WORTH).predictive(x)
        every = special.logsumexp([*known, fresh]) - np.log(concentration + step)
        surprises.append(-every)
        share = np.zeros(components)
        old = special.logsumexp(known) if soft and known else max(known, default=-np.inf)
        if fresh > old:
            share[len(learned)] = 1
            learned.append((base, WORTH))
        elif soft:
            share[: len(known)] = special.softmax(known)
        else:
            share[int(np.argmax(known))] = 1
        counts += share
        now = np.array([x, x**2])
        learned = [
            (e + s * (now - e) / (c + s), c + s)
            for (e, c), s in zip(learned, share[: len(learned)], strict=True)
        ]
        shares.append(share)
    return np.array(shares), np.array(surprises)


@pytest.mark.parametrize("assignment", few(["hard", "soft"], 1))
def test_one_hypothesis_is_the_greedy_rule(assignment):
    values, _ = grouped(4, 3, steps=60)
    network = clusters(components=6, hypotheses=1, assignment=assignment)
    beliefs = network.filter({"u": values})

    shares, surprises = greedy(values, 1.0, 6, soft=assignment == "soft")

    np.testing.assert_allclose(beliefs["u"].responsibilities, shares, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(beliefs.surprise, surprises, rtol=1e-9)
    np.testing.assert_array_equal(beliefs["u"].assigned, shares.argmax(1))


def found(network, series):
    """How many components are open in the end, for many series at once."""

    def last(values):
        return network.filter({"u": values}, throw=False)["u"].active[-1]

    return np.asarray(jax.jit(jax.vmap(last))(series))


@pytest.mark.parametrize("assignment", few(["soft", "hard"], 1))
def test_three_clusters_are_found(assignment):
    """Online, in one pass, in at least 90 of 100 data sets whose clusters lie 8 deviations apart."""
    series = np.array([grouped(seed, 3)[0] for seed in range(100)])

    assert (found(clusters(assignment=assignment), series) == 3).sum() >= 90


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 4, 5])
@pytest.mark.parametrize("concentration", [0.3, 1.0])
def test_the_right_number_is_found(count, concentration):
    """The clusters of a data set of 150, whatever they are and within reason of the concentration."""
    series = np.array([grouped(seed, count, steps=150)[0] for seed in range(100)])

    assert (found(clusters(concentration=concentration), series) == count).sum() >= 90


@pytest.mark.slow
def test_vectors_cluster_too():
    rng = np.random.default_rng(2)
    which = rng.integers(0, 3, 60)
    values = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]])[which] + 0.5 * rng.normal(size=(60, 2))
    network = clusters(
        family=families.MultivariateNormal(dimension=2), initial_statistics=(0, 0, 20, 0, 20)
    )
    beliefs = network.filter({"u": values})["u"]

    assert float(beliefs.active[-1]) == 3
    labels = np.asarray(beliefs.assigned)
    assert len({(a, b) for a, b in zip(labels[5:], which[5:], strict=True)}) == 3


@pytest.mark.parametrize("overflow", few(["absorb", "merge"], 1))
def test_nothing_is_lost_when_there_is_no_room(overflow):
    """Four groups and two places: every observation is counted, and it is said that room was lacking."""
    values, _ = grouped(0, 4)
    beliefs = clusters(components=2, overflow=overflow).filter({"u": values})["u"]

    np.testing.assert_allclose(beliefs.counts.sum(1), np.arange(1, 101))
    assert float(beliefs.overflowed[-1]) > 0
    assert np.isfinite(beliefs.statistics).all()


def test_merged_components_know_what_both_knew():
    """Sums of statistics are what conjugate beliefs add, so that merging loses nothing."""
    values, _ = grouped(0, 4)
    base = np.array(BASE)
    beliefs = clusters(components=2, overflow="merge").filter({"u": values})["u"]
    worth = WORTH + np.asarray(beliefs.counts)
    # What all components learned together, beyond what each knew beforehand.
    learned = (worth[..., None] * (np.asarray(beliefs.statistics) - base)).sum(1)
    seen = np.cumsum(np.stack([values, values**2], 1) - base, axis=0)

    np.testing.assert_allclose(learned, seen, rtol=1e-9, atol=1e-8)


@pytest.mark.slow
def test_own_simulations_are_calibrated():
    """Law 13: what it draws falls into its predictive distribution uniformly, by scipy's own densities."""
    network = clusters(hypotheses=1, concentration=2.0)
    values = np.asarray(network.sample(jax.random.key(3), 400)["u"])
    beliefs = network.filter({"u": values})["u"]
    below = []
    for step in range(400):
        counts = np.append(beliefs.predicted_counts[step], 0.0)
        weights = np.append(beliefs.predicted_weights[step], beliefs.predicted_new_weight[step])
        first, second = np.vstack([beliefs.predicted_statistics[step], BASE]).T
        freedom = counts + WORTH + 1
        scale = np.sqrt(second - first**2)
        below.append((weights * stats.t(freedom, first, scale).cdf(values[step])).sum())

    assert stats.kstest(below, "uniform").pvalue > 1e-3


NODES = {
    "hard": pn.DirichletProcessState(components=2, hypotheses=2),
    "soft": pn.DirichletProcessState(components=3, assignment="soft"),
    "merging vectors": pn.DirichletProcessState(
        components=2,
        hypotheses=2,
        family=families.MultivariateNormal(dimension=2),
        overflow="merge",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_the_kind_keeps_the_laws(node):
    series, _ = grouped(0, 2, steps=24)
    several = np.stack([series, series[::-1]], axis=1)
    pn.testing.check_node(node, series=several if node.event_shape else series)


def test_several_are_computed_together_and_written_down():
    graph = pn.Graph().add(dict.fromkeys("abc", NODES["soft"]))
    series = {name: grouped(seed, 2, steps=30)[0] for seed, name in enumerate("abc")}
    beliefs = graph.compile().filter(series)
    for name in "abc":
        alone = graph.subgraph([name]).compile().filter({name: series[name]})
        np.testing.assert_allclose(beliefs[name].counts, alone[name].counts, rtol=1e-10)
    again = pn.Graph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json()
    assert_same(again.compile().filter(series), beliefs, 0)


@pytest.mark.slow
def test_single_precision_finds_the_same_clusters():
    values, _ = grouped(7, 3)
    double = clusters().filter({"u": values})["u"]
    with jax.enable_x64(False):
        single = clusters().filter({"u": values.astype(np.float32)})["u"]
        assert single.counts.dtype == np.float32
    np.testing.assert_array_equal(single.active[-1], double.active[-1])
    np.testing.assert_allclose(single.means[-1], double.means[-1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"components": 0}, "components must be a positive whole number"),
        ({"hypotheses": 1.5}, "hypotheses must be a positive whole number"),
        ({"assignment": "soft", "hypotheses": 4}, "one hypothesis"),
        ({"assignment": "firm"}, "'hard' or 'soft'"),
        ({"overflow": "error"}, "'absorb' or 'merge'"),
        ({"components": 1, "overflow": "merge"}, "cannot be merged"),
        ({"family": "normal"}, r"families\.Normal\(\)"),
        ({"initial_statistics": (0.0, 1.0, 2.0)}, "must have 2 numbers"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(fields, says):
    with pytest.raises(pn.ParameterError, match=says):
        pn.DirichletProcessState(**fields)
