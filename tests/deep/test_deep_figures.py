"""Figures of deep networks show what was found."""

import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest

import pynodes as pn
from pynodes.plotting.deep import plot_receptive_fields, plot_reconstructions
from tests.deep.small import chain

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 3


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_results_draw_themselves():
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    training = pn.deep.Training(epochs=3, batch=4, optimiser=optax.sgd(0.1))
    run = pn.deep.train(network, {"x": X, "y": Y}, training)
    curves = {line.get_label(): line.get_ydata() for line in run.plot().lines}
    np.testing.assert_allclose(
        curves["y"], run.history.by_layer["y"] - run.history.by_layer["y"].min()
    )
    assert {"h1", "y", "total"} <= set(curves)

    report = pn.deep.test(run.network, {"x": X}, {"y": Y})
    texts = [int(text.get_text()) for text in report.plot().texts]
    assert sum(texts) == 12

    scheme = pn.deep.Settle(steps=50, step=0.2)
    found = pn.deep.settle(network, {"x": X, "y": Y}, scheme, record="values")
    np.testing.assert_array_equal(found.plot("h1").lines[0].get_ydata(), found.path["h1"][:, 0, 0])
    assert len(found.plot().lines) == 2
    with pytest.raises(pn.InputError, match=r"'y' was not free. These were: h1"):
        found.plot("y")
    with pytest.raises(pn.InputError, match="record='steps'"):
        pn.deep.settle(network, {"x": X}).plot()


def test_images_are_drawn_as_images():
    images = np.arange(24.0).reshape(4, 6)
    gaps = np.where(images % 2, np.nan, images)
    axes = plot_reconstructions(gaps, images, (2, 3))
    np.testing.assert_array_equal(axes[1, 2].images[0].get_array(), images[2].reshape(2, 3))
    assert axes[0, 2].images[0].get_array().mask.sum() == 3
    fields = plot_receptive_fields(images, (2, 3), columns=3)
    np.testing.assert_array_equal(fields[1, 0].images[0].get_array(), images[3].reshape(2, 3))


def test_a_layer_is_one_box_with_its_shape_and_equal_layers_fold():
    """Names and sizes that are written; of a residual network one box for all its hidden layers."""
    graph = pn.deep.models.residual(6, 4, 5, 3)
    whole = {text.get_text() for text in graph.plot().texts}
    folded = {text.get_text() for text in graph.plot(fold=True).texts}
    assert {"x", "h1", "h5", "y", "6", "4", "3"} <= whole
    assert {"x", "h1", "y", "4\n5 copies"} <= folded
    assert "h2" not in folded
    entries = [text.get_text() for text in graph.plot().get_legend().get_texts()]
    assert entries == ["layer", "value"]
    plt.close("all")
