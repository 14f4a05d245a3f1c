"""Learning rates of edges: they move what they say they move, in any batch, or say why they cannot."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn

OUTCOMES = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
VALUES = np.array([0.3, -0.2, 0.8, np.nan, 0.6, 0.9])


def one_step(parent, child, coupling, series):
    """Beliefs where one edge is all that the parent hears, under the standard expansion."""
    state = pn.ContinuousState(initial_mean=0.3, tonic_drift=0.05)
    graph = pn.Graph(expansion="standard").add(parent=state, u=child)
    return graph.couple("parent", "u", coupling).compile().filter({"u": series})


@pytest.mark.parametrize(
    ("child", "coupling", "series"),
    [
        (pn.BinaryInput(), pn.Probability(strength=0.7), OUTCOMES),
        (pn.BinaryInput(), pn.Probability(strength=-0.4, function="tanh"), OUTCOMES),
        (pn.NoisyBinaryInput(), pn.Probability(strength=0.7), VALUES),
        (pn.ContinuousInput(precision=3.0), pn.Observation(strength=1.5), VALUES),
        (pn.ContinuousInput(precision=3.0), pn.Observation(function="tanh"), VALUES),
    ],
    ids=repr,
)
def test_rate_times_error_is_the_move(child, coupling, series):
    """Whatever the strength and the function; nothing moves where nothing was observed."""
    beliefs = one_step("parent", child, coupling, series)
    edge = beliefs.edge("parent->u")

    moved = beliefs["parent"].mean - beliefs["parent"].predicted_mean
    np.testing.assert_allclose(edge.learning_rate * edge.error, moved, rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(edge.error[np.isnan(series)], 0.0)


def test_rate_times_error_is_the_move_of_a_volatility_parent():
    graph = pn.models.continuous_hgf(levels=3, volatility_strength=[0.7, -0.5])
    beliefs = graph.compile(expansion="standard").filter({"u": VALUES})

    for parent, child in (("x2", "x1"), ("x3", "x2")):
        edge = beliefs.edge(f"{parent}->{child}")
        moved = beliefs[parent].mean - beliefs[parent].predicted_mean
        np.testing.assert_allclose(edge.learning_rate * edge.error, moved, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(edge.weighted_error, edge.precision_weight * edge.error)


def test_the_implied_rate_moves_the_probability():
    """Predicted again without a step, the probability has moved by the rate times the error."""
    state = pn.ContinuousState(tonic_volatility=-30.0)
    graph = (
        pn.Graph().add(x=state, u=pn.BinaryInput()).couple("x", "u", pn.Probability(strength=0.8))
    )
    beliefs = graph.compile().filter({"u": OUTCOMES})
    edge, predicted = beliefs.edge("x->u"), beliefs["u"].predicted_mean

    moved = edge.implied_learning_rate * edge.error
    np.testing.assert_allclose(predicted[:-1] + moved[:-1], predicted[1:], rtol=1e-10)


def test_the_strength_is_that_of_the_network_in_any_batch():
    """Replaced, batched, of one step, and of one edge among many in a stack."""
    nodes = {f"x{i}": pn.ContinuousState() for i in range(3)}
    inputs = {f"u{i}": pn.ContinuousInput() for i in range(3)}
    edges = [(f"x{i}", f"u{i}", pn.Observation(strength=1.0 + i)) for i in range(3)]
    network = pn.Graph().extend({**nodes, **inputs}, edges).compile()
    series = dict.fromkeys(inputs, VALUES)

    def run(strength):
        return network.replace({"x1->u1.strength": strength}).filter(series)

    def step(strength):
        changed = network.replace({"x1->u1.strength": strength})
        return changed.step(changed.start(), dict.fromkeys(inputs, 0.5))[1]

    strengths = jnp.array([0.5, 4.0])
    for simulate in (run, step):
        batch = jax.vmap(simulate)(strengths)
        for row, strength in enumerate(strengths):
            for name in ("x0->u0", "x1->u1", "x2->u2"):
                single = simulate(strength).edge(name).learning_rate
                np.testing.assert_allclose(batch.edge(name).learning_rate[row], single, rtol=1e-12)
    rate = run(4.0).edge("x1->u1")
    np.testing.assert_allclose(rate.learning_rate, 4.0 * rate.precision_weight)


def test_what_has_no_rate_says_so():
    graph = pn.Graph().add(x=pn.ContinuousState(), y=pn.ContinuousState(), u=pn.ContinuousInput())
    network = graph.couple("x", "u").couple("y", "x", "value").compile()
    beliefs = network.filter({"u": VALUES})

    with pytest.raises(pn.FieldError, match="is a Drift; weights and rates are defined for"):
        beliefs.edge("y->x")
    with pytest.raises(pn.UnknownEdgeError, match="No edge joins"):
        beliefs.edge("y->u")
    with pytest.raises(pn.FieldError, match="implied learning rate is about a probability"):
        _ = beliefs.edge("x->u").implied_learning_rate
    with pytest.raises(pn.FieldError, match="were not recorded"):
        network.filter({"u": VALUES}, record=["u"]).edge("x->u")
