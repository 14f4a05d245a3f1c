"""Networks: parameters by name, one program for all values, and JAX over and through them."""

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._runtime import calls
from tests.few import few
from tests.laws import cases
from tests.laws.same import assert_same
from tests.small import OUTCOMES, VALUES, binary, driven, network, paired, tracked

pytestmark = pytest.mark.versions

SERIES = {"u": VALUES, "v": VALUES[::-1]}


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Fail if any of the compiled calls is compiled once more inside."""
    known = [calls.filter_fast, calls.filter_with_guard, calls.differentiable_surprise]
    before = [call._cache_size() for call in known]
    yield
    assert [call._cache_size() for call in known] == before


def test_parameters_are_listed_by_name_with_strengths_and_initial_beliefs():
    names = network(driven()).parameters()

    assert set(names) == {
        "u.precision",
        "x.tonic_volatility",
        "x.tonic_drift",
        "x.autoconnection",
        "x.initial_mean",
        "x.initial_precision",
        "r.value",
        "x->u.strength",
        "r->x.strength",
    }
    assert float(names["r->x.strength"]) == 0.5
    assert float(names["x.tonic_volatility"]) == -4.0


def test_parameters_have_the_values_of_the_graph():
    graph = cases.rich_graph()
    found = network(graph).parameters()

    expected = {
        f"{name}.{field}": getattr(node, field)
        for name, node in graph.nodes.items()
        for field, spec in node.__dataclass_fields__.items()
        if "parameter" in spec.metadata
    }
    strengths = [float(value) for name, value in found.items() if name not in expected]
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected)
    assert sorted(strengths) == sorted(coupling.strength for _, _, coupling in graph.edges)


def test_a_value_and_a_volatility_of_one_pair_have_names_of_their_own():
    net = network(cases.rich_graph())

    assert net["top->x2.Volatility.strength"] == 0.4
    assert net["top->x2.Drift.strength"] == 0.1
    assert net["shared->x2.strength"] == 0.5


@pytest.mark.parametrize("name", list(network(paired()).parameters()))
def test_replacing_is_building_with_that_value(name):
    """Every parameter, of nodes by themselves and of those that share a group."""
    net, value = network(paired()), 0.37
    node, _, field = name.rpartition(".")
    nodes, edges = dict(paired().nodes), paired().edges
    if "->" in node:
        edges = [(p, c, type(k)(strength=value) if f"{p}->{c}" == node else k) for p, c, k in edges]
    else:
        nodes[node] = dataclasses.replace(nodes[node], **{field: value})
    built = pn.Graph().extend(nodes, edges).compile()

    replaced = net.replace({name: value})

    assert replaced[name] == pytest.approx(value)
    assert_same(built.filter(SERIES), replaced.filter(SERIES), rtol=1e-12)


@pytest.mark.parametrize(
    "value", [2, np.float32(2), jnp.array(2), jnp.array(2.0, jnp.float32), np.array(2.0)], ids=repr
)
@pytest.mark.parametrize("name", ["top.initial_precision", "x.initial_precision"])
def test_a_value_may_be_of_any_real_type(name, value):
    """For a node by itself, and for one of a group."""
    expected = network(paired()).replace({name: 2.0}).filter(SERIES)

    assert_same(expected, network(paired()).replace({name: value}).filter(SERIES), rtol=1e-12)


def test_replacing_leaves_the_network_as_it_was():
    net = network(paired())
    before = {name: float(value) for name, value in net.parameters().items()}

    net.replace(dict.fromkeys(("x.tonic_volatility", "top->y.strength"), 0.1))
    net.parameters()["x.tonic_volatility"] = 5.0

    assert {name: float(value) for name, value in net.parameters().items()} == before


def test_several_values_are_replaced_at_once_or_one_by_one():
    values = {"x.tonic_volatility": -1.0, "y.tonic_volatility": -2.0, "top->x.strength": 0.3}
    at_once = network(paired()).replace(values)
    one_by_one = network(paired())
    for name, value in values.items():
        one_by_one = one_by_one.replace({name: value})

    assert_same(at_once.filter(SERIES), one_by_one.filter(SERIES), rtol=0)


def test_other_values_run_the_same_compiled_program():
    """Nothing is compiled for new parameters, new data, or the same graph compiled again."""
    net = network(paired())
    net.filter(SERIES)
    net.surprise(SERIES)

    with nothing_compiled():
        other = net.replace({"x.tonic_volatility": -1.0, "top->x.strength": 0.2})
        other.filter(SERIES)
        other.surprise(SERIES)
        net.filter({name: 2 * values for name, values in SERIES.items()})
        paired().compile().filter(SERIES)


def test_online_steps_are_compiled_once():
    net = network(tracked())
    state, _ = net.step(net.start(), {"u": 0.1})
    state, _ = net.step(state, {"u": 0.2})

    with nothing_compiled():
        for value in VALUES:
            state, _ = net.step(state, {"u": value})


def test_start_holds_the_initial_beliefs():
    graph = pn.Graph().add(x=pn.ContinuousState(initial_mean=0.7, initial_precision=4.0))

    state = graph.compile().start()

    assert float(state["x"].mean) == pytest.approx(0.7)
    assert float(state["x"].precision) == pytest.approx(4.0)


@pytest.mark.parametrize("graph", [tracked, paired, binary], ids=lambda graph: graph.__name__)
def test_filter_starts_from_start(graph):
    net = network(graph())
    u = OUTCOMES if graph is binary else VALUES
    series = dict.fromkeys(net.graph.inputs, u)

    assert_same(net.filter(series), net.filter(series, start=net.start()), rtol=0)


def test_a_step_gives_the_beliefs_of_that_step():
    net = network(paired())
    whole = net.filter(SERIES)

    state, now = net.step(net.start(), {"u": VALUES[0], "v": VALUES[-1]})

    for name in whole:
        for field in whole[name].fields:
            assert getattr(now[name], field).shape == ()
            np.testing.assert_allclose(
                getattr(now[name], field), getattr(whole[name], field)[0], rtol=1e-12
            )
    assert now.surprise.shape == ()
    assert now.status.ok
    assert len(now.to_pandas()) == 1
    np.testing.assert_allclose(state["x"].mean, whole["x"].mean[0], rtol=1e-12)


def test_a_step_without_an_observation_drifts():
    net = network(tracked())

    state, now = net.step(net.start(), {"u": math.nan}, dt=2.0)

    assert now.surprise == 0
    assert not now["u"].observed
    assert 1 / float(state["x"].precision) == pytest.approx(1 + 2 * math.exp(-4))


def test_a_failing_step_raises_or_holds():
    net = network(pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)))
    state = net.start()
    for value in pn.data.association().outcomes[:40]:
        before = state
        state, now = net.step(before, {"u": value}, throw=False)
        if not now.status.ok:
            break

    assert now.surprise == np.inf
    assert state["x3"].mean == before["x3"].mean
    assert now.status.node == "x3"
    with pytest.raises(pn.FilterError, match="'x3'"):
        net.step(before, {"u": value})


def test_the_surprise_is_that_of_the_trajectories():
    for graph in (tracked(), paired(), driven()):
        series = dict.fromkeys(graph.inputs, VALUES)
        beliefs = network(graph).filter(series, dt=0.5)

        np.testing.assert_allclose(
            network(graph).surprise(series, dt=0.5), np.sum(beliefs.surprise), rtol=1e-12
        )


def test_a_network_is_a_pytree_of_its_parameters():
    net = network(driven())
    leaves, tree = jax.tree.flatten(net)

    back = jax.tree.unflatten(tree, leaves)

    assert_same(
        back.filter({"u": VALUES, "r": VALUES}), net.filter({"u": VALUES, "r": VALUES}), rtol=0
    )
    doubled = jax.tree.map(lambda leaf: 2 * leaf, net)
    assert float(doubled["x.tonic_volatility"]) == -8.0


def test_a_network_is_an_argument_of_jit():
    net = network(paired())
    jitted = jax.jit(lambda n, u: n.filter({"u": u, "v": u}, throw=False))

    assert_same(net.filter({"u": VALUES, "v": VALUES}), jitted(net, VALUES), rtol=1e-12)


def test_the_gradient_of_a_network_is_a_network():
    net = network(tracked())

    gradient = jax.grad(lambda n: n.surprise({"u": VALUES}))(net)
    by_name = jax.grad(lambda x: net.replace({"u.precision": x}).surprise({"u": VALUES}))(1.0)

    assert isinstance(gradient, pn.Network)
    np.testing.assert_allclose(gradient["u.precision"], by_name, rtol=1e-12)


def test_networks_stack_under_vmap():
    """Subjects with parameters of their own: each row is the run by itself."""
    net = network(binary())
    tonic = np.array([-4.0, -3.0, -2.0])
    u = np.stack([OUTCOMES, 1 - OUTCOMES, OUTCOMES[::-1]])

    def surprise(x, u):
        return net.replace({"x2.tonic_volatility": x}).surprise({"u": u})

    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(surprise)))(tonic, u)
    stacked = jax.vmap(lambda x: net.replace({"x2.tonic_volatility": x}))(tonic)
    of_stack = jax.vmap(lambda n, u: n.surprise({"u": u}))(stacked, u)

    for row in range(3):
        alone, slope = jax.value_and_grad(surprise)(tonic[row], u[row])
        np.testing.assert_allclose(values[row], alone, rtol=1e-12)
        np.testing.assert_allclose(gradients[row], slope, rtol=1e-10)
    np.testing.assert_allclose(of_stack, values, rtol=1e-12)


@pytest.mark.parametrize(
    "graph", few([driven(), paired(), binary()], 1), ids=["driven", "paired", "binary"]
)
def test_a_batch_of_networks_has_its_parameters_batch_first(graph):
    """Whatever stands alone in its group or shares it, with one axis of a batch or two."""
    net = network(graph)
    for name, own in net.parameters().items():
        values = 0.5 + jnp.arange(6.0).reshape(2, 3) / 10
        rows = jax.vmap(lambda value, name=name: net.replace({name: value}))
        for batch, given in ((rows, values[0]), (jax.vmap(rows), values)):
            several = batch(given)
            np.testing.assert_array_equal(several[name], given)
            for other, value in net.parameters().items():
                if other != name:
                    np.testing.assert_array_equal(several[other], np.full(given.shape, value))
            all_alike = several.replace({name: own})
            np.testing.assert_array_equal(all_alike[name], np.full(given.shape, own))
            assert all_alike[name].dtype == own.dtype


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_batch_of_networks_has_its_arrays_batch_first(names):
    net = pn.Graph().add(**{name: pn.HiddenMarkov() for name in names}).compile()
    stay = jnp.array([0.6, 0.7, 0.8])
    several = jax.vmap(
        lambda p: net.replace({"a.transition": jnp.array([[p, 1 - p], [1 - p, p]])})
    )(stay)

    np.testing.assert_array_equal(several["a.transition"][:, 0, 0], stay)
    even = np.full((2, 2), 0.5)
    alike = several.replace({"a.transition": even})
    np.testing.assert_array_equal(alike["a.transition"], np.full((3, 2, 2), 0.5))
    for name in names[1:]:
        for found in (several, alike):
            own = np.broadcast_to(net[f"{name}.transition"], (3, 2, 2))
            np.testing.assert_array_equal(found[f"{name}.transition"], own)


def test_masks_times_and_frozen_steps_may_be_traced():
    net = network(tracked())
    seen, frozen = VALUES > 0, VALUES > 1
    jitted = jax.jit(
        lambda seen, frozen, dt: net.filter(
            {"u": VALUES}, observed=seen, frozen=frozen, dt=dt, throw=False
        )
    )

    plain = net.filter({"u": VALUES}, observed=seen, frozen=frozen, dt=0.5)

    assert_same(plain, jitted(seen, frozen, 0.5), rtol=1e-12)


def test_what_is_known_while_tracing_is_computed_at_once():
    """Series and parameters that are plain numbers, in a function of something else that is traced."""
    net = network(tracked())
    plain = net.filter({"u": VALUES})
    inside = []

    def shifted(shift):
        inside.append(net.filter({"u": VALUES}))
        return inside[0].surprise.sum() + shift

    np.testing.assert_allclose(jax.jit(shifted)(1.0), plain.surprise.sum() + 1, rtol=1e-12)
    assert_same(inside[0], plain, rtol=0)


def test_numbers_under_trace_may_come_as_a_list():
    net = network(tracked())

    by_list = jax.jit(lambda a: net.surprise({"u": [a, 2 * a, a]}))(0.5)

    np.testing.assert_allclose(by_list, net.surprise({"u": [0.5, 1.0, 0.5]}), rtol=1e-12)


def test_a_negative_precision_under_trace_is_an_infinite_surprise():
    """A value cannot be refused while it is traced; it cannot pass for a good one either."""
    net = network(tracked())

    surprise = jax.jit(lambda x: net.replace({"u.precision": x}).surprise({"u": VALUES}))

    assert surprise(-1.0) == np.inf


def test_a_network_knows_its_graph_and_its_size():
    net = network(paired())

    assert net.graph is paired()
    assert repr(net) == "Network(5 nodes in 3 groups)"
    assert net.filter(SERIES).labels is net.labels
