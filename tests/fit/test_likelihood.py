"""The likelihood that samplers and hierarchies differentiate: the sum that it stands for, by another way."""

import dataclasses
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.fit import Agent, Normal, Trials
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.model import log_likelihoods
from tests.fit.cases import chooser, table

PLACES = jnp.array([[-3.0, 1.0], [-2.0, 0.5], [-4.0, 1.2]])


@pytest.fixture(scope="module")
def sequences():
    return to_arrays(
        chooser().model,
        Trials(table(), inputs="u", actions="y", by=["subject", "session"]),
    )


def total(places, sequences):
    return jnp.sum(log_likelihoods(chooser().model, places, sequences))


def one_by_one(places, sequences):
    """The same, subject by subject, without a rule for derivatives."""
    model, found = chooser().model, 0.0
    for subject, place in enumerate(places):
        blocks = jax.tree.map(operator.itemgetter(subject), sequences)
        found += model.log_likelihood(model.constrain(place), blocks)
    return found


def test_gradients_are_those_of_the_sum_over_subjects(sequences):
    expected, slopes = jax.jit(jax.value_and_grad(one_by_one))(PLACES, sequences)

    value, found = jax.jit(jax.value_and_grad(total))(PLACES, sequences)

    assert value == pytest.approx(float(expected), rel=1e-12)
    np.testing.assert_allclose(found, slopes, rtol=1e-10, atol=1e-12)


def test_gradients_are_finite_differences(sequences):
    found = jax.jit(jax.grad(total))(PLACES, sequences)
    value, step = jax.jit(total), 1e-5

    for place in np.ndindex(PLACES.shape):
        up, down = (value(PLACES.at[place].add(s), sequences) for s in (step, -step))
        assert found[place] == pytest.approx(float(up - down) / (2 * step), abs=1e-7)


@pytest.mark.slow
def test_batches_of_places_and_of_data_are_each_by_itself(sequences):
    """As chains and as simulated studies are."""
    chains = jnp.stack([PLACES, PLACES + 0.3, 1.1 * PLACES, PLACES - 0.1])
    gradient = jax.jit(jax.grad(total))
    alone = [gradient(places, sequences) for places in chains]

    over_chains = jax.jit(jax.vmap(gradient, in_axes=(0, None)))(chains, sequences)
    pairs = jax.jit(jax.vmap(jax.vmap(gradient, in_axes=(0, None)), in_axes=(0, None)))
    twice = pairs(chains.reshape(2, 2, *PLACES.shape), sequences)

    np.testing.assert_allclose(over_chains, jnp.stack(alone), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(twice.reshape(over_chains.shape), over_chains, rtol=1e-12)

    turned = jax.tree.map(lambda leaf: np.stack([leaf, leaf[::-1]]), sequences)
    over_data = jax.jit(jax.vmap(gradient, in_axes=(None, 0)))(PLACES, turned)
    np.testing.assert_allclose(over_data[0], alone[0], rtol=1e-10, atol=1e-12)
    backwards = gradient(PLACES[::-1], sequences)[::-1]
    np.testing.assert_allclose(over_data[1], backwards, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_second_derivatives_are_those_of_the_sum(sequences):
    expected = jax.jit(jax.hessian(one_by_one))(PLACES, sequences)
    hessian = jax.hessian(total)

    found = jax.jit(hessian)(PLACES, sequences)
    batch = jax.jit(jax.vmap(hessian, in_axes=(0, None)))(PLACES[None], sequences)

    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(batch[0], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_what_is_fixed_can_be_differentiated_too(sequences):
    model = chooser().model

    @jax.jit
    def at(mean):
        network = model.network.replace({"x2.initial_mean": mean})
        return jnp.sum(
            log_likelihoods(dataclasses.replace(model, network=network), PLACES, sequences)
        )

    step = 1e-5
    expected = (at(0.3 + step) - at(0.3 - step)) / (2 * step)
    assert jax.jit(jax.grad(at))(0.3) == pytest.approx(float(expected), abs=1e-7)


def test_where_filtering_fails_it_is_impossible_and_flat():
    """Other subjects go on."""
    graph = pn.models.binary_hgf(3, expansion="standard", tonic_volatility=[0.0, 0.0])
    agent = Agent(
        graph, pn.responses.UnitSquareSigmoid(), free={"x2.tonic_volatility": Normal(-4, 4)}
    )
    data = Trials(table(((40,), (40,))), inputs="u", actions="y", by=["subject", "session"])
    known = to_arrays(agent.model, data)

    @jax.jit
    def each(places):
        return log_likelihoods(agent.model, places, known)

    places = jnp.array([[0.0], [-6.0]])
    values = each(places)
    slopes = jax.jit(jax.grad(lambda places: jnp.sum(each(places))))(places)

    assert values[0] == -jnp.inf
    assert np.isfinite(values[1])
    assert slopes[0, 0] == 0.0
    assert np.isfinite(slopes[1, 0])
    assert slopes[1, 0] != 0.0
