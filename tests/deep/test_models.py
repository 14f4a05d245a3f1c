"""Premade deep networks: what they are, and weights that come from elsewhere."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.deep import models

RNG = np.random.default_rng(5)


def test_a_chain_is_what_it_stands_for():
    """As the description of the package writes it out."""
    graph = pn.Graph().add(
        x=pn.Layer(shape=7),
        h1=pn.Layer(shape=5),
        h2=pn.Layer(shape=4),
        y=pn.CategoricalLayer(outcomes=3),
    )
    graph = graph.couple("x", "h1", pn.Dense()).couple("h1", "h2", pn.Dense(function="tanh"))
    graph = graph.couple("h2", "y", pn.Dense(function="tanh"))

    assert models.chain([7, 5, 4, 3], function="tanh") == graph
    assert isinstance(models.chain([7, 3], leaf="binary").nodes["y"], pn.BinaryLayer)


def test_a_generative_network_has_its_arrows_towards_the_data():
    graph = models.generative([6, 5, 4], 3, link="tanh", prior_precision=1.0)

    assert [(a, b) for a, b, _ in graph.edges] == [("z1", "x"), ("z2", "z1"), ("z2", "y")]
    values = {"x": RNG.normal(size=(2, 6)), "z1": RNG.normal(size=(2, 5))}
    values |= {"z2": RNG.normal(size=(2, 4)), "y": np.array([0, 2])}
    network = graph.compile(key=1)
    w0, w1, w2 = (np.asarray(network[f"{e}.weights"]) for e in ("z1->x", "z2->z1", "z2->y"))
    errors = {
        "x": values["x"] - np.tanh(values["z1"] @ w0.T),
        "z1": values["z1"] - np.tanh(values["z2"] @ w1.T),
        "z2": values["z2"],
    }
    logits = values["z2"] @ w2.T
    expected = sum(0.5 * (e**2 + np.log(2 * np.pi)).sum(axis=1) for e in errors.values())
    expected += np.log(np.exp(logits).sum(axis=1)) - logits[[0, 1], values["y"]]

    np.testing.assert_allclose(pn.deep.energy(network, values), expected, rtol=1e-10)


def test_deep_residual_networks_are_small_documents_and_share_their_scale():
    graph = models.residual(64, 32, 20, 10)
    network = graph.compile()

    assert len(graph.edges) == 1 + 2 * 19 + 1
    assert float(network["h3->h4.Dense.scale"]) == pytest.approx((32 * 21) ** -0.5)
    assert float(network["h20->y.scale"]) == pytest.approx(1 / 32)


def test_an_image_is_halved_by_every_convolution():
    graph = models.convolutional((1, 9, 12), [4, 6], 3)

    assert [n.value_shape for n in graph.nodes.values()] == [(1, 9, 12), (4, 5, 6), (6, 3, 3), (3,)]
    network, x = graph.compile(key=2), RNG.normal(size=(2, 1, 9, 12))
    found = pn.deep.settle(network, {"x": x})["y"].value
    first, second, readout = (c.contribution for *_, c in with_numbers(network))
    logits = np.stack([readout(second(first(image))) for image in x])
    np.testing.assert_allclose(found, jax.nn.softmax(logits), rtol=1e-10)


def with_numbers(network):
    """Edges whose couplings have the numbers of a network."""
    for parent, child, coupling in network.graph.edges:
        names = ("weights", "bias", "scale")
        numbers = {name: network[f"{parent}->{child}.{name}"] for name in names}
        yield parent, child, dataclasses.replace(coupling, **numbers)


def test_a_transformer_predicts_from_earlier_places_and_settles():
    network = models.transformer(7, length=5, width=8, heads=2, depth=1).compile(key=3)
    codes = RNG.integers(0, 7, size=(3, 5)).astype(float)

    ahead = pn.deep.settle(network, {"x": codes})
    later = codes.copy()
    later[:, 3:] = (later[:, 3:] + 1) % 7
    other = pn.deep.settle(network, {"x": later})
    np.testing.assert_allclose(ahead["h1"].value[:, :3], other["h1"].value[:, :3], rtol=1e-12)
    assert ahead["y"].value.shape == (3, 7)
    apart = {name: ahead[name].value + float(name == "a1") for name in network.graph.nodes}
    slopes = pn.deep.gradients(network, apart)
    assert np.abs(slopes["h0->a1.Compose.1.query"]).max() > 0
    assert set(slopes) == {n for n in network.parameters() if "->" in n and np.ndim(network[n])}


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.chain([5]),
        lambda: models.chain([5, 0]),
        lambda: models.chain([5, 3], leaf="softmax"),
        lambda: models.residual(5, 4, 0, 3),
        lambda: models.generative([4.5, 3]),
    ],
)
def test_sizes_that_cannot_be_are_refused(make):
    with pytest.raises(pn.GraphError):
        make()


# Weights from elsewhere


@dataclasses.dataclass
class Linear:
    """What a layer of equinox looks like from outside."""

    weight: jax.Array
    bias: jax.Array | None


@dataclasses.dataclass
class Mlp:
    layers: tuple
    activation: object = jnp.tanh


def linear(inputs, outputs, bias=True):
    offset = jnp.asarray(RNG.normal(size=outputs)) if bias else None
    return Linear(jnp.asarray(RNG.normal(size=(outputs, inputs))), offset)


def test_weights_of_an_equinox_module_give_its_forward_pass():
    mlp = Mlp((linear(6, 5), linear(5, 3)))
    network = pn.deep.from_equinox(models.chain([6, 5, 3]).compile(), mlp)
    x = RNG.normal(size=(4, 6))
    hidden = x @ mlp.layers[0].weight.T + mlp.layers[0].bias[None]
    logits = jnp.tanh(hidden) @ mlp.layers[1].weight.T + mlp.layers[1].bias[None]

    found = pn.deep.settle(network, {"x": x})["y"].value
    np.testing.assert_allclose(found, jax.nn.softmax(logits), rtol=1e-10)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([(6, 5, True)], "1 layers with weights, and the network 2 edges"),
        ([(6, 4, True), (5, 3, True)], r"x->h1: weights has shape \(5, 6\).*\(4, 6\)"),
        ([(6, 5, True), (5, 3, False)], "h1->y: Linear has no bias"),
    ],
)
def test_weights_of_other_shapes_are_refused_by_name(layers, words):
    mlp = Mlp(tuple(linear(*each) for each in layers))
    with pytest.raises(pn.ParameterError, match=words):
        pn.deep.from_equinox(models.chain([6, 5, 3]).compile(), mlp)
