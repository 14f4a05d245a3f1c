"""Couplings between arrays, beside what they are written out, other algorithms and one another."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import pynodes as pn
from pynodes.couplings import DepthScaled
from pynodes.testing import check_coupling
from tests.few import few

RNG = np.random.default_rng(11)
IMAGE, SMALL, HALF = (4, 6, 7), (6, 6, 7), (6, 3, 4)
CODES = RNG.integers(0, 7, size=(3, 5)).astype(float)

CASES = {
    "dense": (pn.Dense(function="tanh"), (4,), (3,)),
    "dense with a mask": (pn.Dense(mask=np.eye(3, 4), bias=False, scale=0.3), (4,), (3,)),
    "dense of a whole array": (pn.Dense(function="tanh"), (2, 3), (4,)),
    "dense at every place": (pn.Dense(function="tanh", scale=0.4), (5, 3), (5, 4)),
    "convolution": (pn.Convolution(function="tanh", scale=0.5), IMAGE, SMALL),
    "strided groups": (pn.Convolution(kernel=(2, 3), stride=2, groups=2), IMAGE, HALF),
    "of a signal": (pn.Convolution(kernel=4, padding="valid", bias=False), (2, 9), (3, 6)),
    "of a volume": (pn.Convolution(padding=1, stride=(1, 2, 2)), (1, 3, 4, 5), (2, 3, 2, 3)),
    "transposed": (pn.Convolution(transposed=True, stride=2, function="tanh"), HALF, IMAGE),
    "mean pooling": (pn.Pooling(function="tanh"), IMAGE, (4, 3, 3)),
    "max pooling": (pn.Pooling(kind="max", window=3, stride=(1, 2)), IMAGE, (4, 4, 3)),
    "residual": (pn.Residual(strength=0.7, function="tanh"), (4, 2), (4, 2)),
    "residual into a part": (pn.Residual(first=1), (2, 3), (4, 3)),
    "layer normalisation": (pn.Normalisation(), (5, 6), (5, 6)),
    "group normalisation": (pn.Normalisation(groups=2, function="silu", gain=False), IMAGE, IMAGE),
    "attention": (pn.Attention(heads=2, width=8), (5, 6), (5, 4)),
    "causal attention": (pn.Attention(heads=3, causal=True, bias=False), (5, 6), (5, 6)),
    "embedding": (pn.Embedding(outcomes=7, placed=True), (5,), (5, 6)),
    "composed": (
        pn.Compose(pn.Normalisation(), pn.Dense(function="tanh"), pn.Dense(), through=(None, 8)),
        (4,),
        (3,),
    ),
}
"""A coupling, and the shapes of its two ends."""


def drawn(name, key=0):
    coupling, above, below = CASES[name]
    bound = coupling.bind(pn.Layer(shape=above), pn.Layer(shape=below), 0)
    moved = bound.draw(jax.random.key(key))
    rng = np.random.default_rng(key)
    arrays = {n: np.asarray(getattr(moved, n)) for n in moved.learnable}
    arrays = {n: each + 0.1 * rng.normal(size=each.shape) for n, each in arrays.items()}
    return dataclasses.replace(moved, **arrays), rng.normal(size=above)


@pytest.mark.parametrize("name", CASES)
def test_every_coupling_keeps_the_laws(name):
    coupling, above, below = CASES[name]
    values = CODES if name == "embedding" else None
    child = pn.ContinuousInput(shape=below)
    check_coupling(coupling, parent=pn.Layer(shape=above), child=child, series=values)


@jax.custom_jvp
def bend(x):
    """Has another slope than it says."""
    return x * x


bend.defjvp(lambda at, along: (bend(at[0]), 2.2 * at[0] * along[0]))


class Spreads(pn.Dense):
    def spread(self, x, variance):
        return 1.01 * super().spread(x, variance)


class Bends(pn.Dense):
    def contribution(self, x):
        return super().contribution(bend(x))


class Exaggerates(pn.Dense):
    def evidence(self, parent, child, dt):
        said = super().evidence(parent, child, dt)
        return dataclasses.replace(said, gradient=1.001 * said.gradient)


class Gambles(pn.Dense):
    def draw(self, key):
        drawn = super().draw(key)
        noise = np.random.default_rng().normal(size=np.shape(drawn.weights))
        return dataclasses.replace(drawn, weights=drawn.weights + noise)


@pytest.mark.parametrize(
    ("coupling", "sentence"),
    [
        (Spreads(), "variances spread by squared slopes"),
        (Bends(), "the slope along the parent is a difference"),
        (Exaggerates(), "the evidence's gradient is the density's slope"),
        (Gambles(), "weights is drawn by its key"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_a_coupling_that_breaks_a_law_is_found(coupling, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_coupling(coupling, parent=pn.Layer(shape=(2,)), child=pn.ContinuousInput(shape=(2,)))


def written_out_convolution(weights, x, stride, sides, groups):
    """By loops over channels and places."""
    padded = np.pad(x, [(0, 0), *sides])
    outputs, inputs, *kernel = weights.shape
    places = [(n - k) // s + 1 for n, k, s in zip(padded.shape[1:], kernel, stride, strict=True)]
    found = np.zeros((outputs, *places))
    for channel in range(outputs):
        first = channel // (outputs // groups) * inputs
        for place in np.ndindex(*places):
            window = tuple(
                slice(p * s, p * s + k) for p, s, k in zip(place, stride, kernel, strict=True)
            )
            part = padded[(slice(first, first + inputs), *window)]
            found[(channel, *place)] = np.sum(part * weights[channel])
    return found


@pytest.mark.parametrize(
    ("name", "stride", "sides", "groups"),
    [
        ("convolution", (1, 1), [(1, 1), (1, 1)], 1),
        ("strided groups", (2, 2), [(0, 0), (1, 1)], 2),
        ("of a signal", (1,), [(0, 0)], 1),
        ("of a volume", (1, 2, 2), [(1, 1)] * 3, 1),
    ],
)
def test_convolutions_are_as_written_out(name, stride, sides, groups):
    """Padding "same" leaves size over stride places, rounded up; half of the zeros come first."""
    coupling, x = drawn(name)
    value = np.tanh(x) if name == "convolution" else x
    expected = written_out_convolution(np.asarray(coupling.weights), value, stride, sides, groups)
    if coupling.bias is not None:
        expected = expected + np.asarray(coupling.bias).reshape((-1, *(1,) * (x.ndim - 1)))

    np.testing.assert_allclose(coupling.contribution(x), coupling.scale * expected, rtol=1e-10)


@pytest.mark.parametrize("padding", ["same", "valid", 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_the_transpose(stride, padding):
    """<y, C x> = <C' y, x>, with the two channel axes of the weights exchanged and the kernel turned."""
    large = (3, 8, 9)
    plain = pn.Convolution(stride=stride, padding=padding, bias=False)
    sides = {"same": "SAME", "valid": "VALID"}.get(padding, [(1, 1)] * 2)
    weights = RNG.normal(size=(2, 3, 3, 3))
    x = RNG.normal(size=large)
    expected = lax.conv(x[None], weights, (stride,) * 2, sides) if isinstance(sides, str) else None
    if expected is None:
        expected = lax.conv_general_dilated(x[None], weights, (stride,) * 2, sides)
    small = expected.shape[1:]
    down = plain.bind(pn.Layer(shape=large), pn.Layer(shape=small), 0)
    down = dataclasses.replace(down, weights=weights)
    turned = weights.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    up = dataclasses.replace(plain, transposed=True)
    up = up.bind(pn.Layer(shape=small), pn.Layer(shape=large), 0)
    up = dataclasses.replace(up, weights=turned)
    y = RNG.normal(size=small)

    np.testing.assert_allclose(down.contribution(x), expected[0], rtol=1e-10)
    np.testing.assert_allclose(jnp.sum(y * down.contribution(x)), jnp.sum(up.contribution(y) * x))


def test_pooling_is_as_written_out():
    x = RNG.normal(size=(2, 4, 6))
    mean, largest = (pn.Pooling(kind=kind).contribution(x) for kind in ("mean", "max"))
    blocks = x.reshape(2, 2, 2, 3, 2)

    np.testing.assert_allclose(mean, blocks.mean(axis=(2, 4)), rtol=1e-12)
    np.testing.assert_allclose(largest, blocks.max(axis=(2, 4)), rtol=1e-12)
    overlapping = pn.Pooling(kind="max", window=3, stride=1).contribution(x)
    assert overlapping[1, 1, 2] == x[1, 1:4, 2:5].max()


def test_normalisation_is_as_written_out():
    x = RNG.normal(2.0, 3.0, size=(4, 5))
    gain, bias = RNG.normal(size=5), RNG.normal(size=5)
    layer = pn.Normalisation(gain=gain, bias=bias).contribution(x)
    deviation = x - x.mean(axis=1, keepdims=True)
    expected = gain * deviation / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5) + bias
    np.testing.assert_allclose(layer, expected, rtol=1e-10)

    channels = np.array([1.0, 2.0, 3.0, 4.0])
    group = pn.Normalisation(groups=2, gain=channels, bias=False).contribution(x)
    parts = x.reshape(2, 10)
    centred = parts - parts.mean(axis=1, keepdims=True)
    apart = centred / np.sqrt(parts.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(group, channels[:, None] * apart.reshape(4, 5), rtol=1e-10)


@pytest.mark.parametrize("name", ["attention", "causal attention"])
def test_attention_is_as_written_out(name):
    """Place by place and head by head."""
    coupling, x = drawn(name)
    heads, width = coupling.heads, np.shape(coupling.query)[0] // coupling.heads
    query, key, value = (x @ np.asarray(getattr(coupling, n)).T for n in ("query", "key", "value"))
    taken = np.zeros((len(x), heads * width))
    for place in range(len(x)):
        seen = range(place + 1) if coupling.causal else range(len(x))
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            scores = np.array([query[place, own] @ key[p, own] for p in seen]) / math.sqrt(width)
            shares = np.exp(scores) / np.exp(scores).sum()
            taken[place, own] = sum(w * value[p, own] for w, p in zip(shares, seen, strict=True))
    expected = taken @ np.asarray(coupling.weights).T
    expected = expected if coupling.bias is None else expected + np.asarray(coupling.bias)

    np.testing.assert_allclose(coupling.contribution(x), expected, rtol=1e-9, atol=1e-12)


def test_a_causal_place_takes_nothing_from_later_ones():
    coupling, x = drawn("causal attention")
    later = x.copy()
    later[3:] = 9.0

    np.testing.assert_array_equal(coupling.contribution(later)[:3], coupling.contribution(x)[:3])


def test_embedding_takes_a_vector_for_every_code():
    coupling, _ = drawn("embedding")
    found = coupling.contribution(CODES[0])

    rows = np.asarray(coupling.weights)[CODES[0].astype(int)]
    np.testing.assert_allclose(found, rows + np.asarray(coupling.places), rtol=1e-12)
    assert np.isnan(coupling.contribution(np.full(5, 7.0))).any()
    slopes = jax.grad(lambda x: jnp.sum(coupling.contribution(x)))(jnp.asarray(CODES[0]))
    np.testing.assert_array_equal(slopes, 0)


def test_a_residual_lies_in_a_part_of_its_child():
    coupling, _ = drawn("residual into a part")
    x = RNG.normal(size=(2, 3))

    np.testing.assert_array_equal(coupling.contribution(x)[1:3], x)
    np.testing.assert_array_equal(coupling.contribution(x)[::3], 0)


def test_composed_couplings_apply_one_after_the_other():
    coupling, x = drawn("composed")
    expected = x
    for part in coupling.parts:
        expected = part.contribution(expected)

    np.testing.assert_array_equal(coupling.contribution(x), expected)


def test_parameters_of_parts_have_names():
    graph = pn.Graph().add(x=pn.Layer(shape=4), y=pn.Layer(shape=3))
    graph = graph.couple("x", "y", CASES["composed"][0])
    network = graph.compile()
    halved = network.replace({"x->y.1.weights": 0.5 * np.asarray(network["x->y.1.weights"])})

    arrays = {n: np.shape(v) for n, v in network.parameters().items() if np.ndim(v) > 1}
    assert arrays == {"x->y.1.weights": (8, 4), "x->y.2.weights": (3, 8)}
    np.testing.assert_array_equal(halved["x->y.1.weights"], 0.5 * network["x->y.1.weights"])
    np.testing.assert_array_equal(halved["x->y.0.gain"], np.ones(4))


# Energies and schemes


def deep_graph():
    """Every coupling in one directed acyclic graph, with several edges into a node."""
    codes, image = pn.Layer(shape=5), pn.Layer(shape=IMAGE)
    graph = pn.Graph().add(codes=codes, image=image)
    graph = graph.add(
        text=pn.Layer(shape=(5, 6), link="tanh"),
        read=pn.Layer(shape=(5, 6)),
        map=pn.Layer(shape=SMALL),
        pooled=pn.Layer(shape=(6, 3, 3)),
        again=pn.Layer(shape=IMAGE, precision=2.0),
        mixed=pn.Layer(shape=SMALL),
    )
    graph = graph.couple("codes", "text", pn.Embedding(outcomes=7, placed=True))
    graph = graph.couple("text", "read", pn.Attention(heads=2, causal=True))
    graph = graph.couple("text", "read", pn.Residual(strength=0.5))
    graph = graph.couple("text", "read", pn.Compose(pn.Normalisation(), pn.Attention(heads=3)))
    graph = graph.couple("image", "map", pn.Convolution(function="tanh"))
    graph = graph.couple("map", "pooled", pn.Pooling(function="silu"))
    graph = graph.couple("map", "again", pn.Convolution(kernel=2, transposed=True))
    graph = graph.couple("map", "mixed", pn.Normalisation(groups=3))
    return graph.couple("image", "mixed", pn.Residual(first=2))


@pytest.fixture(scope="module")
def settled():
    network = deep_graph().compile(key=2)
    rng = np.random.default_rng(0)
    values = {
        name: rng.normal(size=(2, *node.value_shape)) for name, node in network.graph.nodes.items()
    }
    values["codes"] = CODES[:2]
    return network, values


def test_slopes_by_messages_are_those_of_the_energy(settled):
    """Of weights, edge by edge from its two ends; of the whole by differentiating the written-out sum."""
    network, values = settled
    names = [n for n in network.parameters() if "->" in n and np.ndim(network[n])]

    def energy(weights):
        edges = {}
        for name, value in weights.items():
            edge, _, field = (
                name.rpartition(".") if ".Compose." not in name else name.rpartition("!")
            )
            if not edge:
                edge, _, rest = name.partition(".Compose.")
                edge, field = f"{edge}.Compose", rest
            edges.setdefault(edge, {})[field] = value
        total = 0.0
        for child, node in network.graph.nodes.items():
            inlet = 0.0
            for (parent, to, coupling), name in zip(network.graph.edges, edge_labels, strict=True):
                if to == child:
                    own = dataclasses.replace(coupling, **edges.get(name, {}))
                    own = dataclasses.replace(own, **constants(name, coupling))
                    inlet = inlet + jax.vmap(own.contribution)(values[parent])
            if network.graph.parents(child):
                mean = jnp.tanh(inlet) if child == "text" else inlet
                total = total + 0.5 * node.precision * jnp.sum((values[child] - mean) ** 2)
        return total / 2

    from pynodes._graph.edges import name_edges

    edge_labels = name_edges(network.graph.edges)

    def constants(name, coupling):
        scalars = [n for n in ("scale", "strength") if hasattr(type(coupling), n)]
        return {n: float(network[f"{name}.{n}"]) for n in scalars}

    expected = jax.jit(jax.grad(energy))({name: network[name] for name in names})
    found = pn.deep.gradients(network, values)

    assert set(found) == set(names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-11)


def test_a_scheme_of_gaussians_refuses_what_does_not_spread():
    graph = pn.Graph().add(x=pn.ContinuousState(shape=(5, 6)), u=pn.ContinuousInput(shape=(5, 6)))
    network = graph.couple("x", "u", pn.Attention()).compile()

    with pytest.raises(
        pn.PynodesError, match=r"Attention defines no variances.*Use a scheme on point"
    ):
        network.filter({"u": np.zeros((2, 5, 6))})


def test_single_precision_stays_single():
    """As types are found, without compiling."""
    with jax.enable_x64(False):
        for name, (coupling, above, below) in CASES.items():
            bound = coupling.bind(pn.Layer(shape=above), pn.Layer(shape=below), 0)
            x = jax.ShapeDtypeStruct(above, jnp.float32)

            def contribute(key, x, bound=bound):
                return bound.draw(key).contribution(x)

            found = jax.eval_shape(contribute, jax.random.key(0), x)
            assert (found.shape, found.dtype) == (below, jnp.float32), name


# Depth


@pytest.mark.parametrize(("width", "depth"), few([(32, 128), (32, 2), (256, 32), (1024, 8)], 1))
def test_activity_keeps_its_scale_whatever_the_width_and_depth(width, depth):
    """Residual chains by depth scaling: variance of order 1 inside, 1/width at the readout."""
    dense = pn.Dense(initial=DepthScaled(), function="tanh", bias=False)
    names = [f"h{i}" for i in range(depth)]
    nodes = {"x": pn.Layer(shape=width), **{n: pn.Layer(shape=width) for n in names}}
    edges = [("x", "h0", dense)]
    for above, below in itertools.pairwise(names):
        edges += [(above, below, dense), (above, below, pn.Residual())]
    graph = pn.Graph().extend(nodes | {"y": pn.Layer(shape=10)}, [*edges, (names[-1], "y", dense)])
    network = graph.compile(key=1)
    value = np.random.default_rng(0).normal(size=(width, 64))
    value = network["x->h0.scale"] * np.asarray(network["x->h0.weights"]) @ np.tanh(value)
    for above, below in itertools.pairwise(names):
        weights = np.asarray(network[f"{above}->{below}.Dense.weights"])
        scale = float(network[f"{above}->{below}.Dense.scale"])
        assert scale == pytest.approx(1 / math.sqrt(width * (depth + 1)))
        value = value + scale * weights @ np.tanh(value)

    assert 0.2 < value.var() < 3.0
    assert float(network[f"{names[-1]}->y.scale"]) == pytest.approx(1 / width)
