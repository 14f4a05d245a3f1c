"""Amortised: where it begins, what the guess learns, and what it is refused for."""

import warnings

import numpy as np
import optax
import pytest

import pynodes as pn

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 4))


def generative():
    graph = pn.Graph().add(
        z=pn.Layer(shape=3, prior_precision=1.0),
        h=pn.Layer(shape=4, precision=4.0),
        x=pn.Layer(shape=5),
    )
    graph = graph.couple("z", "h", pn.Dense(weights=A, bias=None, learned=False))
    return graph.couple("h", "x", pn.Dense(weights=B, bias=None, learned=False)).compile()


def guessing(key=0):
    graph = pn.Graph().add(x=pn.Layer(shape=5), h=pn.Layer(shape=4), z=pn.Layer(shape=3))
    return graph.couple("x", "h", pn.Dense()).couple("h", "z", pn.Dense()).compile(key=key)


def test_it_begins_where_the_other_network_guesses():
    """One small step from there; and a start that the user gives counts more."""
    network, guess, x = generative(), guessing(), RNG.normal(size=(6, 5))
    scheme = pn.deep.Amortised(by=guess, scheme=pn.deep.Settle(steps=1, step=1e-9))
    forward = pn.deep.settle(guess, {"x": x})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        found = pn.deep.settle(network, {"x": x}, scheme)
        begun = pn.deep.settle(network, {"x": x}, scheme, start={"z": np.ones((6, 3))})
    for name in ("z", "h"):
        np.testing.assert_allclose(found[name].value, forward[name].value, atol=1e-7)
    np.testing.assert_allclose(begun["z"].value, 1.0, atol=1e-7)


@pytest.mark.slow
def test_the_guess_learns_the_posterior_mean():
    """Of a linear network, where that is a matrix times the data: z = A'B'S⁻¹x."""
    network, x = generative(), np.random.default_rng(1).normal(size=(256, 5))
    scheme = pn.deep.Amortised(by=guessing(), scheme=pn.deep.GaussNewton(outer=1, inner=6))
    training = pn.deep.Training(
        epochs=150, batch=64, scheme=scheme, optimiser=optax.adam(1e-2), rate_steps={100: 0.1},
        record="epochs",
    )  # fmt: skip

    run = pn.deep.train(network, {"x": x}, training)

    covariance = np.eye(5) + B @ (np.eye(4) / 4 + A @ A.T) @ B.T
    expected = np.linalg.solve(covariance, x.T).T @ B @ A
    guessed = pn.deep.settle(run.scheme.by, {"x": x})["z"].value
    assert np.sqrt(np.mean((guessed - expected) ** 2)) < 0.02 * expected.std()
    np.testing.assert_array_equal(run.network["z->h.weights"], A)


def test_a_guess_of_other_nodes_is_refused():
    network, x = generative(), {"x": RNG.normal(size=(2, 5))}
    other = pn.Graph().add(x=pn.Layer(shape=5), q=pn.Layer(shape=2)).couple("x", "q", pn.Dense())
    with pytest.raises(pn.GraphError, match=r"has a node 'q' of shape.*has no such node"):
        pn.deep.settle(network, x, pn.deep.Amortised(by=other.compile(key=0)))
    upside = pn.Graph().add(z=pn.Layer(shape=3), h=pn.Layer(shape=4)).couple("z", "h", pn.Dense())
    with pytest.raises(pn.GraphError, match=r"begins at 'z', which is not given.*'x'"):
        pn.deep.settle(network, x, pn.deep.Amortised(by=upside.compile(key=0)))
    with pytest.raises(pn.ParameterError, match="by must be a network that guesses"):
        pn.deep.Amortised(by="x->h")
