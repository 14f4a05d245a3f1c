"""Training: what is learned, and what is kept of it."""

import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import pynodes as pn
from tests.deep.small import chain, leaves
from tests.deep.small import dag as make_dag

SCHEMES = {
    "twin": pn.deep.Backpropagation(),
    "settled": pn.deep.Settle(steps=20, step=0.1),
    "colours": pn.deep.Settle(steps=6, step=0.3, order="colours"),
}


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    return (images[360:], labels[360:]), (images[:360], labels[:360])


@pytest.mark.parametrize("name", SCHEMES)
def test_digits_are_learned(digits, name):
    """By predictive coding as by its twin; labels are never given when testing."""
    (x, y), (held_x, held_y) = digits
    network = chain([64, 64, 32], pn.CategoricalLayer(outcomes=10)).compile()
    training = pn.deep.Training(
        epochs=6, batch=64, scheme=SCHEMES[name], optimiser=optax.adam(3e-3), drop_last=True
    )

    run = pn.deep.train(network, {"x": x, "y": y}, training)
    report = pn.deep.test(run.network, {"x": held_x}, {"y": held_y})

    assert report.accuracy > 0.94
    assert report.confusion.sum() == len(held_y)
    assert np.trace(report.confusion) == round(report.accuracy * len(held_y))
    assert run.history.per_epoch["accuracy"][-1] > run.history.per_epoch["accuracy"][0]
    assert len(run.history.per_batch["energy"]) == 6 * (len(x) // 64)


def test_targets_change_no_prediction(digits):
    _, (x, y) = digits
    network = chain([64, 8], pn.CategoricalLayer(outcomes=10)).compile()
    one = pn.deep.test(network, {"x": x}, {"y": y})
    other = pn.deep.test(network, {"x": x}, {"y": np.roll(y, 1)})
    np.testing.assert_array_equal(one.predictions["y"], other.predictions["y"])
    with pytest.raises(pn.InputError, match="cannot be given and predicted"):
        pn.deep.test(network, {"x": x, "y": y}, {"y": y})


def test_one_step_of_weights_is_the_slope_at_what_was_settled():
    """A batch of all samples and plain descent, beside the slopes by themselves."""
    network, values = make_dag().compile(), leaves(6)
    scheme = pn.deep.Settle(steps=10, step=0.1)
    training = pn.deep.Training(
        epochs=1, batch=6, scheme=scheme, optimiser=optax.sgd(0.5), shuffle=False
    )
    run = pn.deep.train(network, values, training)
    slopes = pn.deep.gradients(network, values, scheme)
    before, after = network.parameters(), run.network.parameters()
    for name, slope in slopes.items():
        np.testing.assert_allclose(after[name], before[name] - 0.5 * slope, rtol=1e-12, atol=1e-14)
