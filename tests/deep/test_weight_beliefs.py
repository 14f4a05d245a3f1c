"""Weight beliefs: a Gaussian for every weight, by conjugate regression and by the network's density."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import pynodes as pn
from pynodes.couplings import AbstractArrayCoupling
from pynodes.deep.layout import lay_out
from pynodes.deep.numbers import lay_out_numbers, name_weights
from pynodes.deep.reading import make_point_problem, read_data
from pynodes.deep.weight_beliefs import update_beliefs, weight_curvatures
from tests.deep.small import chain

BELIEVE = pn.deep.Learning(beliefs=True, prior_mean=0.3, prior_precision=2.0)


@pytest.mark.parametrize("scheme", [pn.deep.Settle(), pn.ClosedForm()], ids=["points", "closed"])
def test_single_weights_have_the_posterior_of_conjugate_regression(scheme):
    """Once through the data in batches: y = w x + noise, a weight for each of three pairs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(21, 3))
    y = x * [1.0, -0.5, 2.0] + 0.5 * rng.normal(size=(21, 3))
    edge = pn.Dense(weights=0.3 * np.eye(3), mask=np.eye(3), bias=None)
    graph = pn.Graph().add(x=pn.Layer(shape=3), y=pn.Layer(shape=3, precision=4.0))
    network = graph.couple("x", "y", edge).compile()
    training = pn.deep.Training(epochs=1, batch=7, scheme=scheme, learning=BELIEVE)

    run = pn.deep.train(network, {"x": x, "y": y}, training)

    precision = 2.0 + 4.0 * np.sum(x**2, axis=0)
    mean = (2.0 * 0.3 + 4.0 * np.sum(x * y, axis=0)) / precision
    found = run.weight_beliefs["x->y.weights"]
    np.testing.assert_allclose(np.diag(found.mean), mean, rtol=1e-12)
    np.testing.assert_allclose(np.diag(found.sd), precision**-0.5, rtol=1e-12)
    np.testing.assert_allclose(found.sd[~np.eye(3, dtype=bool)], 2.0**-0.5, rtol=1e-14)
    np.testing.assert_array_equal(run.network["x->y.weights"], found.mean)


def test_curvatures_have_free_values_integrated_out():
    """Of pairs of units in a row, x -> h1 -> h2 -> y: those of minus log N(y; w3 w2 w1 x, S)."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(3, 2)) + 1.5
    precisions = [2.0, 2.0, 3.0]
    names = ["x", "h1", "h2", "y"]
    nodes = {
        n: pn.Layer(shape=2, precision=p) for n, p in zip(names, [1.0, *precisions], strict=True)
    }
    graph = pn.Graph().add(nodes)
    for number, weights in enumerate(numbers):
        edge = pn.Dense(weights=np.diag(weights), mask=np.eye(2), bias=None)
        graph = graph.couple(names[number], names[number + 1], edge)
    network = graph.compile()
    values = {"x": rng.normal(size=(5, 2)), "y": rng.normal(size=(5, 2))}
    data = read_data(network.labels, values)
    layout = lay_out(network.labels, tuple(data.arrays))
    problem = make_point_problem(
        layout, lay_out_numbers(network, layout), data.arrays, {}, data.count
    )
    assert max(block.size for block in layout.blocks) == 2

    def surprise(first, rest, x, y):
        mean, variance = first * x, 1 / precisions[0]
        for weight, precision in zip(rest[:, None], precisions[1:], strict=True):
            mean, variance = weight * mean, weight**2 * variance + 1 / precision
        return 0.5 * jnp.sum((y - mean) ** 2 / variance)

    @jax.jit
    def both(problem):
        bend = jax.hessian(surprise)(*jnp.split(numbers, [1]), values["x"], values["y"])
        return weight_curvatures(problem, problem.complete(problem.start())), bend

    found, bend = both(problem)
    first = name_weights(layout, found)["x->h1.weights"]
    np.testing.assert_allclose(np.diag(first), np.diag(bend.reshape(2, 2)), rtol=1e-12)


def test_steps_of_all_weights_together_go_as_far_as_one_would():
    """Twenty equal inputs, next to no prior: after a batch the sum of their weights is the regression's."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(9, 1)), rng.normal(size=(9, 1))
    graph = (
        pn.Graph()
        .add(x=pn.Layer(shape=20), y=pn.Layer(shape=1))
        .couple("x", "y", pn.Dense(bias=None))
    )
    learning = pn.deep.Learning(beliefs=True, prior_precision=1e-9)
    training = pn.deep.Training(epochs=1, batch=9, learning=learning)
    run = pn.deep.train(graph.compile(key=0), {"x": np.tile(x, 20), "y": y}, training)
    found = run.weight_beliefs["x->y.weights"]
    np.testing.assert_allclose(found.mean.sum(), np.sum(x * y) / np.sum(x**2), rtol=1e-6)
    np.testing.assert_allclose(found.sd, np.sum(x**2) ** -0.5, rtol=1e-6)


@pytest.mark.parametrize("shapes", [((4,), (3,)), ((2, 4), (2, 3))], ids=["vector", "places"])
def test_what_variances_of_weights_become_is_that_of_all_slopes(shapes):
    """The short form of Dense beside the general one; with a mask, a scale and a function."""
    rng = np.random.default_rng(2)
    edge = pn.Dense(
        weights=rng.normal(size=(3, 4)), bias=rng.normal(size=3), scale=0.7, function="tanh",
        mask=rng.integers(0, 2, (3, 4)).astype(float),
    )  # fmt: skip
    edge = edge.fit(*shapes)
    variances = {"weights": jnp.asarray(rng.random((3, 4))), "bias": jnp.asarray(rng.random(3))}
    x = jnp.asarray(rng.normal(size=shapes[0]))
    general = AbstractArrayCoupling.weight_spread(edge, x, variances)
    np.testing.assert_allclose(edge.weight_spread(x, variances), general, rtol=1e-13)


def test_what_is_forgotten_goes_back_to_the_prior():
    """Under N batches of curvature H that are remembered precisions rest at the prior's + N H."""
    learning = pn.deep.Learning(beliefs=True, prior_mean=0.5, prior_precision=2.0, window=5)
    weight, precision = jnp.zeros(()), jnp.full((), 9.0)
    bend = jnp.full((), 1.5)
    for _ in range(300):
        weight, precision = update_beliefs(
            learning, weight, precision, jnp.zeros(()), bend, 1.0, lambda by: bend * by**2
        )
    np.testing.assert_allclose(precision, 2.0 + 5 * 1.5, rtol=1e-12)
    np.testing.assert_allclose(weight, 0.5, rtol=1e-4)


def test_beliefs_go_on_to_the_same_bits(tmp_path):
    """Means and deviations, from a file after two of four epochs."""
    rng = np.random.default_rng(4)
    data = {"x": rng.normal(size=(12, 3)), "y": rng.integers(0, 3, 12)}
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()

    def train(epochs, **options):
        learning = pn.deep.Learning(beliefs=True, prior_precision=10.0, window=3)
        training = pn.deep.Training(epochs=epochs, batch=4, learning=learning)
        return pn.deep.train(network, data, training, **options)

    keep = pn.deep.Checkpoint(tmp_path / "run")
    whole, half = train(4), train(2, callbacks=keep)
    again = train(4, resume=tmp_path / "run")

    assert set(again.weight_beliefs) == {
        n for n in network.parameters() if n.endswith(("weights", "bias"))
    }
    for name, belief in whole.weight_beliefs.items():
        np.testing.assert_array_equal(again.weight_beliefs[name].mean, belief.mean)
        np.testing.assert_array_equal(again.weight_beliefs[name].sd, belief.sd)
        assert (half.weight_beliefs[name].sd < 10.0**-0.5).all()
    other = pn.deep.Training(epochs=4, batch=4, learning=pn.deep.Learning(beliefs=True))
    with pytest.raises(pn.CheckpointError, match=r"learning was .*window=3.* and is Learning"):
        pn.deep.train(network, data, other, resume=tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning": "beliefs"}, r"learning must be a pynodes.deep.Learning.* not 'beliefs'"),
        ({"learning": BELIEVE, "optimiser": optax.sgd(0.1)}, "the optimiser has nothing to move"),
        ({"learning": BELIEVE, "weights_per_batch": 2}, "weights_per_batch=2 would have beliefs"),
        (
            {"learning": pn.deep.Learning(weigh=False)},
            r"Learning\(weigh=False\) is for pynodes.Clos",
        ),
    ],
    ids=["a word", "an optimiser", "twice", "unweighed"],
)
def test_learning_that_does_not_go_with_training_is_refused(options, words):
    with pytest.raises(pn.ParameterError, match=words):
        pn.deep.Training(**options)


def test_learning_has_ranges():
    for options, words in (
        ({"window": 0.5}, "window"),
        ({"prior_precision": 0.0}, "prior_precision"),
        ({"beliefs": 1}, "beliefs must be True or False"),
    ):
        with pytest.raises(pn.ParameterError, match=words):
            pn.deep.Learning(**options)


def test_networks_whose_weights_can_have_no_beliefs_are_refused():
    rng = np.random.default_rng(5)
    graph = chain([3, 4], pn.CategoricalLayer(outcomes=3))
    data = {"x": rng.normal(size=(4, 3)), "y": rng.integers(0, 3, 4)}

    def train(graph, scheme, data=data):
        training = pn.deep.Training(epochs=1, batch=4, scheme=scheme, learning=BELIEVE)
        pn.deep.train(graph.compile(), data, training)

    with pytest.raises(pn.ParameterError, match=r"Incremental\(.*moves them itself"):
        train(graph, pn.deep.Incremental())
    both = {"x": data["x"], "y": rng.normal(size=(4, 2))}
    with pytest.raises(pn.GraphError, match=r"Learning\(beliefs=True\).* as 'h1->x' and 'y->h1'"):
        train(pn.deep.models.bidirectional([3, 4, 2]), pn.deep.Settle(), both)
    bent = pn.Graph().add(x=pn.Layer(shape=3), h=pn.Layer(shape=4), y=pn.Layer(shape=4))
    bent = bent.couple("x", "h", pn.Dense()).couple("h", "y", pn.Normalisation())
    with pytest.raises(pn.ParameterError, match=r"'h->y' define none \(spread\)"):
        train(bent, pn.deep.Settle(), {"x": data["x"], "y": rng.normal(size=(4, 4))})
