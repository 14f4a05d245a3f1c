"""Nodes that hold arrays, and couplings from one array to another, beside the scalars that they stand for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._core.beliefs import Gaussian
from pynodes._engine import sweeps
from pynodes._runtime.inputs import read_inputs
from tests.few import few

UNITS, STEPS = 5, 12
RNG = np.random.default_rng(3)
SERIES = np.cumsum(RNG.normal(size=(STEPS, UNITS)), axis=0)
GAPS = SERIES.copy()
GAPS[3, 2] = GAPS[7] = np.nan
OUTCOMES = (RNG.random((STEPS, UNITS)) < 0.6).astype(float)

STATES = {
    "random walk": pn.ContinuousState(tonic_volatility=-1.0),
    "drifting": pn.ContinuousState(tonic_volatility=-1.0, tonic_drift=0.2, autoconnection=0.8),
    "fading": pn.ContinuousState(tonic_volatility=-1.0, autoconnection=0.8, memory="exact"),
    "volatile": pn.VolatileState(tonic_volatility=-1.0, inner_tonic_volatility=-2.0),
}
EXPANSIONS = ("standard", "enhanced", "unbounded")


def as_layer(state, observed, **edges):
    """A layer of states under one volatility parent, each observed by itself."""
    state, observed = (dataclasses.replace(node, shape=UNITS) for node in (state, observed))
    graph = pn.Graph().add(u=observed, x=state, v=pn.ContinuousState(tonic_volatility=-3.0))
    return graph.couple("x", "u").couple("v", "x", pn.Volatility(strength=0.7))


def as_plate(state, observed):
    """The same, written out."""
    one = pn.Graph().add(u=observed, x=state, v=pn.ContinuousState(tonic_volatility=-3.0))
    one = one.couple("x", "u").couple("v", "x", pn.Volatility(strength=0.7))
    return one.repeat(UNITS, shared=["v"])


def run_both(state, observed, series, **settings):
    layer, plate = as_layer(state, observed), as_plate(state, observed)
    columns = {f"u[{i}]": series[:, i] for i in range(UNITS)}
    return (
        layer.compile(**settings).filter({"u": series}),
        plate.compile(**settings).filter(columns),
    )


def assert_layer_is_plate(layer, plate, rtol):
    for field in layer["x"].fields:
        written_out = np.stack([getattr(plate[f"x[{i}]"], field) for i in range(UNITS)], axis=-1)
        found = np.broadcast_to(getattr(layer["x"], field), written_out.shape)
        np.testing.assert_allclose(found, written_out, rtol=rtol, atol=rtol)
    for field in ("mean", "precision"):
        expected = getattr(plate["v"], field)
        np.testing.assert_allclose(getattr(layer["v"], field), expected, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(layer.surprise, plate.surprise, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("expansion", few(reversed(EXPANSIONS), 1))
@pytest.mark.parametrize("kind", few(STATES, 2))
def test_a_layer_is_its_plate(kind, expansion):
    """A layer of units under a shared volatility parent is so many scalar states under it; with gaps."""
    layer, plate = run_both(STATES[kind], pn.ContinuousInput(), GAPS, expansion=expansion)
    assert_layer_is_plate(layer, plate, 1e-13)


@pytest.mark.parametrize("settings", [{"marginalise": False}, {"probability_clip": 1e-3}], ids=str)
def test_a_layer_of_outcomes_is_its_plate(settings):
    layer, plate = run_both(STATES["random walk"], pn.BinaryInput(), OUTCOMES, **settings)
    assert_layer_is_plate(layer, plate, 1e-13)


def test_a_layer_is_its_plate_in_single_precision():
    with jax.enable_x64(False):
        layer, plate = run_both(STATES["random walk"], pn.ContinuousInput(), GAPS)
        assert layer["x"].mean.dtype == np.float32
        assert_layer_is_plate(layer, plate, 1e-5)


@pytest.mark.slow
def test_a_layer_is_smoothed_as_its_plate():
    state, observed = STATES["random walk"], pn.ContinuousInput()
    columns = {f"u[{i}]": GAPS[:, i] for i in range(UNITS)}

    layer = as_layer(state, observed).compile().smooth({"u": GAPS})
    plate = as_plate(state, observed).compile().smooth(columns)

    assert_layer_is_plate(layer, plate, 1e-12)


@pytest.mark.slow
def test_gradients_of_a_layer_are_those_of_its_plate():
    layer = as_layer(STATES["random walk"], pn.ContinuousInput()).compile()
    plate = as_plate(STATES["random walk"], pn.ContinuousInput()).compile()
    columns = {f"u[{i}]": GAPS[:, i] for i in range(UNITS)}
    units = [f"x[{i}].tonic_volatility" for i in range(UNITS)]

    def of_layer(value):
        return layer.replace({"x.tonic_volatility": value}).surprise({"u": GAPS})

    def of_plate(value):
        values = jnp.full(UNITS, value)
        return plate.replace({tuple(units): values}).surprise(columns)

    np.testing.assert_allclose(jax.grad(of_layer)(-1.0), jax.grad(of_plate)(-1.0), rtol=1e-10)


def test_what_is_drawn_has_the_shape_of_its_node():
    drawn = as_layer(STATES["volatile"], pn.BinaryInput()).compile().sample(jax.random.key(0), 4)
    assert {name: values.shape for name, values in drawn.items()} == {
        "u": (4, UNITS),
        "x": (4, UNITS),
        "v": (4,),
    }
    assert len(np.unique(drawn["x"])) == 4 * UNITS


def test_messages_and_tables_hold_every_unit():
    network = as_layer(STATES["random walk"], pn.ContinuousInput()).compile()
    messages = network.messages({"u": GAPS})
    beliefs = network.filter({"u": GAPS})

    assert messages["x->u"].gradient.shape == (STEPS, UNITS)
    assert messages["v->x"].gradient.shape == (STEPS, UNITS)
    np.testing.assert_array_equal(messages["x->u"].gradient[3, 2], 0)
    np.testing.assert_array_equal(np.isnan(beliefs["u"].value), np.isnan(GAPS))
    assert "x.mean[4]" in beliefs.to_pandas().columns


@pytest.mark.parametrize("size", [(), (2, 3)], ids=["numbers", "matrices"])
def test_couplings_between_arrays_of_one_shape_join_them_element_by_element(size):
    """Which is what they do between numbers."""
    values = np.cumsum(RNG.normal(size=(6, 2, 3)), axis=0)
    graph = pn.Graph().add(
        u=pn.ContinuousInput(shape=size),
        x=pn.ContinuousState(shape=size),
        d=pn.ContinuousState(shape=size),
    )
    network = graph.couple("x", "u").couple("d", "x", pn.Drift(strength=0.3)).compile()
    beliefs = network.filter({"u": values if size else values[:, 1, 2]})

    last = beliefs["d"].mean[-1]
    assert np.shape(last) == size
    alone = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(), d=pn.ContinuousState())
    alone = alone.couple("x", "u").couple("d", "x", pn.Drift(strength=0.3)).compile()
    expected = alone.filter({"u": values[:, 1, 2]})["d"].mean[-1]
    np.testing.assert_allclose(last[1, 2] if size else last, expected, rtol=1e-13)


# Dense


WEIGHTS = RNG.normal(size=(4, 3))
MASK = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
BIAS = RNG.normal(size=4)


def densely(child, inlet, function="identity", **choices):
    nodes = {
        "c": dataclasses.replace(child, shape=4),
        "p": pn.ContinuousState(shape=3, tonic_volatility=-3.0),
    }
    dense = pn.Dense(weights=WEIGHTS, mask=MASK, function=function, inlet=inlet, **choices)
    return pn.Graph().add(nodes).couple("p", "c", dense)


def by_scalars(child, coupling, function="identity"):
    nodes = {f"c{i}": child for i in range(4)}
    nodes |= {f"p{j}": pn.ContinuousState(tonic_volatility=-3.0) for j in range(3)}
    edges = [
        (f"p{j}", f"c{i}", coupling(strength=WEIGHTS[i, j], function=function))
        for i in range(4)
        for j in range(3)
        if MASK[i, j]
    ]
    return pn.Graph().extend(nodes, edges)


@pytest.mark.parametrize("function", few(["tanh", "identity"], 1))
@pytest.mark.parametrize(
    ("child", "inlet", "coupling"),
    [
        (pn.ContinuousInput(), "location", pn.Observation),
        (pn.ContinuousInput(), "drift", pn.Drift),
        (pn.BinaryInput(), None, pn.Probability),
    ],
    ids=["location", "drift", "logit"],
)
@pytest.mark.parametrize("marginalise", few([True, False], 1))
def test_dense_is_an_edge_for_every_weight(child, inlet, coupling, function, marginalise):
    """Edges that the mask takes away are not there. The series ends before a curvature is floored."""
    values = (OUTCOMES[:3] if isinstance(child, pn.BinaryInput) else 0.2 * SERIES)[:, :4]
    dense = densely(child, inlet, function).compile(marginalise=marginalise)
    scalars = by_scalars(child, coupling, function).compile(marginalise=marginalise)

    layers = dense.filter({"c": values}, dt=0.5)
    written_out = scalars.filter({f"c{i}": values[:, i] for i in range(4)}, dt=0.5)

    for field in ("mean", "precision"):
        expected = np.stack([getattr(written_out[f"p{j}"], field) for j in range(3)], axis=-1)
        np.testing.assert_allclose(getattr(layers["p"], field), expected, rtol=1e-11)
    np.testing.assert_allclose(layers.surprise, written_out.surprise, rtol=1e-11)


def random_beliefs(count):
    rng = np.random.default_rng(count)
    before = Gaussian.start(0.0, 1.0, (count,))
    mean, variance = jnp.asarray(rng.normal(size=count)), jnp.asarray(rng.uniform(0.5, 2.0, count))
    belief = before.predicted(mean, variance=variance, interval=0.5)
    return belief.updated(mean + jnp.asarray(rng.normal(size=count)), 0.5 * variance)


@pytest.mark.parametrize("inlet", ["location", "drift", "logit"])
def test_evidence_of_dense_is_the_derivative_of_its_density(inlet):
    """The gradient always, the curvature where it knows the bend and is not floored."""
    parent, child = random_beliefs(3), random_beliefs(4)
    if inlet == "logit":
        probability = jax.nn.sigmoid(child.predicted_mean)
        child = dataclasses.replace(
            child.predicted(probability, variance=probability * (1 - probability)),
            mean=jnp.array([0.0, 1.0, 1.0, 0.0]),
        )
    coupling = pn.Dense(
        weights=WEIGHTS, bias=BIAS, mask=MASK, function="tanh", inlet=inlet, curvature="exact"
    )

    def density(x):
        return coupling.log_density(x, parent, child, 0.5)

    at = parent.predicted_mean
    found = coupling.evidence(parent, child, 0.5)
    bend = -jnp.diag(jax.hessian(density)(at))

    np.testing.assert_allclose(found.gradient, jax.grad(density)(at), rtol=1e-10)
    np.testing.assert_allclose(found.curvature, jnp.maximum(bend, 0), rtol=1e-10, atol=1e-12)
    plain = dataclasses.replace(coupling, curvature="gauss_newton").evidence(parent, child, 0.5)
    forces = jax.vjp(coupling.contribution, at)[1](jnp.ones(4))[0]
    assert (plain.curvature >= 0).all()
    assert np.isfinite(forces).all()


def test_the_general_bend_is_that_of_dense():
    """What a coupling of one's own has without writing anything."""
    coupling = pn.Dense(weights=WEIGHTS, bias=BIAS, function="tanh")
    at, force = jnp.array([0.3, -1.0, 0.7]), jnp.array([0.2, -0.4, 1.0, 0.1])

    general = pn.AbstractArrayCoupling.bend(coupling, at, force)

    np.testing.assert_allclose(general, coupling.bend(at, force), rtol=1e-12)


def test_weights_are_a_parameter_by_name():
    network = densely(pn.ContinuousInput(), None).compile()
    series = {"c": SERIES[:, :4]}

    def surprise(weights):
        return network.replace({"p->c.weights": weights}).surprise(series)

    slopes = jax.grad(surprise)(jnp.asarray(WEIGHTS))
    step = np.zeros_like(WEIGHTS)
    step[1, 1] = 1e-5

    np.testing.assert_array_equal(network.parameters()["p->c.weights"], WEIGHTS)
    central = (surprise(WEIGHTS + step) - surprise(WEIGHTS - step)) / 2e-5
    np.testing.assert_allclose(slopes[1, 1], central, rtol=1e-6)
    np.testing.assert_array_equal(slopes[MASK == 0], 0)
    with pytest.raises(pn.ParameterError, match="keep its shape"):
        network.replace({"p->c.weights": WEIGHTS.T})


def test_graphs_with_arrays_come_back_from_text():
    graph = densely(pn.BinaryInput(), None, "tanh")
    again = pn.Graph.from_json(graph.to_json())

    assert again == graph
    series = {"c": OUTCOMES[:, :4]}
    np.testing.assert_array_equal(
        again.compile().filter(series)["p"].mean, graph.compile().filter(series)["p"].mean
    )


def test_large_weights_are_shown_by_their_shape():
    assert "array of shape (30, 20)" in repr(pn.Dense(weights=np.ones((30, 20))))


NODES = {
    "x": pn.ContinuousState(shape=3),
    "y": pn.ContinuousState(shape=(3,)),
    "u": pn.ContinuousInput(shape=4),
    "n": pn.ContinuousState(),
    "k": pn.CategoricalInput(outcomes=3),
    "m": pn.ContinuousState(shape=(2, 2)),
}


@pytest.mark.parametrize(
    ("parent", "child", "coupling", "words"),
    [
        ("x", "u", pn.Observation(), r"'x' holds an array of shape \(3,\).*not one of \(4,\).*Dense"),
        ("x", "n", pn.Volatility(), r"'x' holds an array of shape \(3,\).*not one of \(\).*Dense"),
        ("x", "u", pn.Dense(weights=np.ones((3, 4))), r"weights must have shape \(4, 3\), child first"),
        ("x", "u", pn.Dense(bias=np.ones(3)), r"bias must have shape \(4,\)"),
        ("x", "u", pn.Dense(inlet="log_noise"), "takes none of location, drift, logit"),
        ("n", "u", pn.Dense(), r"Dense joins two vectors.*not arrays of shape \(\) and \(4,\)"),
        ("x", "m", pn.Dense(), r"Dense joins two vectors"),
        ("x", "k", pn.Dense(), "Dense feeds 'nothing', but 'k' is a CategoricalInput"),
    ],
)  # fmt: skip
def test_ends_that_do_not_fit_are_refused(parent, child, coupling, words):
    with pytest.raises(pn.CouplingError, match=words):
        pn.Graph().add(NODES).couple(parent, child, coupling)


@pytest.mark.parametrize("shape", [0, -3, 2.5, (2, 0), "3", True, (True,)], ids=str)
def test_a_shape_is_positive_whole_numbers(shape):
    with pytest.raises(pn.ParameterError, match="shape must be positive whole numbers"):
        pn.ContinuousState(shape=shape)


def test_values_of_another_shape_are_refused():
    network = pn.Graph().add(u=pn.ContinuousInput(shape=2)).compile()
    with pytest.raises(pn.InputError, match=r"'u' must have shape \(time, 2\)"):
        network.filter({"u": [1.0, 2.0]})
    with pytest.raises(pn.InputError, match=r"'u' is \[1.0, inf\] at step 1"):
        network.filter({"u": [[1.0, 2.0], [1.0, np.inf]]})


# Layouts of bundles


def test_full_bundles_gather_nothing():
    """Copies that all have the same neighbours compile to the form of a layer: no list of neighbours."""
    graph = pn.Graph().extend(
        {f"x{i}": pn.ContinuousState() for i in range(3)}
        | {f"u{j}": pn.ContinuousInput() for j in range(4)},
        [
            (f"x{i}", f"u{j}", pn.Observation(strength=0.1 * (i + j)))
            for i in range(3)
            for j in range(4)
        ],
    )
    network = graph.compile()
    inputs = {f"u{j}": SERIES[:2, j] for j in range(4)}
    feed = read_inputs(network.labels, inputs)
    moment = jax.tree.map(lambda leaf: leaf[0], feed.series)

    jaxpr = jax.make_jaxpr(
        lambda program: sweeps.step(program, sweeps.start(program), moment.seen, 1.0).beliefs
    )(network.program)

    assert "gather" not in str(jaxpr)
    shuffled = graph.uncouple("x0", "u0").couple("x0", "u0", pn.Observation(strength=0.0))
    np.testing.assert_allclose(
        network.filter(inputs)["x1"].mean, shuffled.compile().filter(inputs)["x1"].mean, rtol=1e-13
    )
