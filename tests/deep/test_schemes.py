"""Schemes: where they meet, and what each finds by theory."""

import dataclasses
import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import pynodes as pn
from tests.deep.small import chain, dag, leaves
from tests.few import few

FREE = ("z", "a", "b")
SETTLED = pn.deep.Settle(steps=4000, step=0.1)


def settle(network, values, scheme, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        return pn.deep.settle(network, values, scheme, **options)


@pytest.fixture(scope="module")
def equilibrium():
    network, values = dag().compile(), leaves(3)
    return network, values, settle(network, values, SETTLED)


@pytest.mark.parametrize(
    ("scheme", "tolerance"),
    few(
        [
            (pn.deep.Errors(steps=3000), 1e-9),
            (pn.deep.GaussNewton(outer=100, inner=12), 1e-7),
            (pn.deep.Flow(atol=1e-6, rtol=1e-6, most=4000), 1e-4),
            (pn.deep.Settle(steps=3000, rule=optax.sgd(0.05, momentum=0.8)), 1e-9),
        ],
        2,
    ),
    ids=["errors", "Gauss-Newton", "flow", "momentum"],
)
def test_schemes_meet_where_they_converge(equilibrium, scheme, tolerance):
    """Gauss-Newton as near as a difference of energies can be seen, the flow as near as it was asked."""
    network, values, expected = equilibrium
    found = pn.deep.settle(network, values, scheme)
    for name in FREE:
        np.testing.assert_allclose(found[name].value, expected[name].value, rtol=0, atol=tolerance)


def test_gauss_newton_goes_down_where_the_energy_bends_the_other_way():
    """A tanh far on the wrong side of its datum; beside the first least energy on a line of values."""
    into, out = (pn.Dense(weights=[[w]], bias=False) for w in (1.0, 3.0))
    graph = pn.Graph().add(x=pn.Layer(shape=1), h=pn.Layer(shape=1))
    graph = graph.add(y=pn.Layer(shape=1, precision=10.0, link="tanh"))
    network = graph.couple("x", "h", into).couple("h", "y", out).compile()
    line = np.linspace(0.6, -1.0, 16_001)
    energy = 0.5 * (line - 0.6) ** 2 + 5 * (-0.9 - np.tanh(3 * line)) ** 2
    least = line[np.argmax(np.diff(energy) > 0)]

    found = pn.deep.settle(network, {"x": [0.6], "y": [-0.9]}, pn.deep.GaussNewton(outer=20))

    np.testing.assert_allclose(found["h"].value, [least], atol=2e-4)


def test_given_nodes_have_no_errors_of_their_own():
    """Errors move free nodes alone, however many steps they take: given values stay to the last bit."""
    network, values = dag().compile(), leaves(3)
    found = settle(network, values, pn.deep.Errors(steps=5, step=0.1))
    np.testing.assert_array_equal(found["w"].value, values["w"])
    np.testing.assert_array_equal(found["x"].value, values["x"])


def test_one_gauss_newton_step_solves_a_linear_chain():
    """In as many turns as there are outputs: the energy is a half of r'S⁻¹r, sample by sample."""
    depth = 4
    graph = chain([3] + [5] * depth, pn.Layer(shape=2), function="identity", seed=depth)
    network = graph.compile()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    names = ["x", *(f"h{i}" for i in range(1, depth + 1)), "y"]
    numbers = network.parameters()
    weights = [numbers[f"{a}->{b}.weights"] for a, b in itertools.pairwise(names)]
    biases = [numbers[f"{a}->{b}.bias"] for a, b in itertools.pairwise(names)]

    found = pn.deep.settle(network, {"x": x, "y": y}, pn.deep.GaussNewton(outer=1, inner=2))

    mean, covariance, through = x, np.eye(2), np.eye(2)
    for weight, bias in zip(weights, biases, strict=True):
        mean = mean @ weight.T + bias
    for weight in weights[:0:-1]:
        through = through @ weight
        covariance = covariance + through @ through.T
    residual = y - mean
    expected = 0.5 * np.sum(residual * np.linalg.solve(covariance, residual.T).T, axis=-1)
    constant = 0.5 * np.log(2 * np.pi) * (5 * depth + 2)
    np.testing.assert_allclose(found.energy - constant, expected, rtol=1e-11)

    values = {"x": x, "y": y, "h3": np.where(np.arange(5) < 2, rng.normal(size=(4, 5)), np.nan)}
    found = pn.deep.settle(network, values, pn.deep.GaussNewton(outer=1, inner=4))
    assert max(found.status.values()) < 1e-12  # elements that are given in between are outputs too


@pytest.mark.parametrize(
    ("side", "order"), few([("positive", 1), ("centred", 2), ("negative", 1)], 2)
)
def test_small_nudges_are_backpropagation(side, order):
    """The gap to it falls as the nudge does on one side, as its square with both; data in between too."""
    network = chain([3, 5, 4], pn.Layer(shape=2)).compile()
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(4, 3)), "y": rng.normal(size=(4, 2))}
    values["h2"] = np.where(np.eye(4) > 0, rng.normal(size=(4, 4)), np.nan)
    expected = pn.deep.gradients(network, values, pn.deep.Backpropagation())
    gaps = []
    for beta in (0.03, 0.003):
        scheme = pn.deep.Nudged(scheme=pn.deep.Settle(steps=2000, step=0.1), beta=beta, side=side)
        found = pn.deep.gradients(network, values, scheme)
        gaps.append(max(np.abs(found[name] - slope).max() for name, slope in expected.items()))
    np.testing.assert_allclose(np.log10(gaps[0] / gaps[1]), order, atol=0.15)
    assert gaps[1] < 0.02


def test_a_nudge_is_as_precise_hidden_layers_are():
    """By beta, from above: hidden layers of precision 1 / beta, steps as much shorter; to rounding."""
    network = chain([3, 4, 4], pn.CategoricalLayer(outcomes=3)).compile()
    values = {"x": np.random.default_rng(0).normal(size=(5, 3)), "y": np.arange(5) % 3}
    precise = network.replace({"h1.precision": 10.0, "h2.precision": 10.0})
    nudged = pn.deep.Nudged(scheme=pn.deep.Settle(steps=7, step=0.1), beta=0.1, side="positive")
    expected = pn.deep.gradients(network, values, nudged)
    found = pn.deep.gradients(precise, values, pn.deep.Settle(steps=7, step=0.01))
    for name, slope in expected.items():
        np.testing.assert_allclose(found[name], slope, rtol=1e-12, atol=1e-15)


def test_pushing_outcomes_away_warns():
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    values = {"x": np.ones((2, 3)), "y": np.array([0, 1])}
    with pytest.warns(pn.deep.NudgingWarning, match="'?y'? is pushed away from its data"):
        pn.deep.gradients(network, values, pn.deep.Nudged(side="negative"))


@pytest.mark.slow
def test_langevin_draws_from_the_posterior():
    """Of a linear Gaussian network z -> x: its mean and covariance, from many chains side by side."""
    weights = np.array([[1.0, 0.5], [-0.5, 1.0], [0.3, 0.8]])
    graph = pn.Graph().add(
        z=pn.Layer(shape=2, prior_precision=1.0), x=pn.Layer(shape=3, precision=2.0)
    )
    network = graph.couple("z", "x", pn.Dense(weights=weights)).compile()
    x = np.array([1.0, -1.0, 0.5])
    scheme = pn.deep.Settle(steps=600, step=0.01, rule=pn.deep.Langevin(1.0))

    found = pn.deep.settle(network, {"x": np.tile(x, (4000, 1))}, scheme, key=3)

    covariance = np.linalg.inv(np.eye(2) + 2.0 * weights.T @ weights)
    mean = covariance @ (2.0 * weights.T @ x)
    np.testing.assert_allclose(found["z"].value.mean(0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(found["z"].value.T), covariance, atol=0.03)


@pytest.mark.slow
def test_langevin_draws_from_the_model_where_nothing_is_given():
    graph = pn.Graph().add(z=pn.Layer(shape=1, prior_precision=4.0), x=pn.Layer(shape=1))
    network = graph.couple("z", "x", pn.Dense(weights=np.array([[2.0]]))).compile()
    free = {"x": np.full((2500, 1), np.nan)}  # a variance is off by 3 % from draw to draw
    scheme = pn.deep.Settle(steps=600, step=0.02, rule=pn.deep.Langevin(1.0))

    found = pn.deep.settle(network, free, scheme)

    np.testing.assert_allclose(np.var(found["z"].value), 0.25, rtol=0.12)
    np.testing.assert_allclose(np.var(found["x"].value), 1 + 4 * 0.25, rtol=0.12)


def test_a_step_that_is_too_long_says_so():
    network, values = chain([3, 8, 8, 8], pn.Layer(shape=4)).compile(), None
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(4, 3)), "y": 3 * rng.normal(size=(4, 4))}
    with pytest.warns(pn.deep.UnsettledWarning, match="had not settled"):
        found = pn.deep.settle(network, values, pn.deep.Errors(steps=20, step=1.5))
    assert not found.settled
    assert pn.deep.settle(network, values, pn.deep.Errors(steps=60)).settled


@pytest.mark.slow
def test_automatic_steps_shrink_where_the_curvature_grows():
    """Of a chain of 16 layers whose curvature at the forward pass is less than on the way."""
    rng = np.random.default_rng(16)
    names = ["x", *(f"h{i}" for i in range(1, 17)), "y"]
    graph = pn.Graph().add(
        {name: pn.Layer(shape=32) for name in names[:-1]}, y=pn.CategoricalLayer(outcomes=10)
    )
    for above, below in itertools.pairwise(names):
        size, function = (10 if below == "y" else 32), "identity" if above == "x" else "tanh"
        reach = np.sqrt(6 / (size + 32))
        weights = rng.uniform(-reach, reach, (size, 32))
        graph = graph.couple(above, below, pn.Dense(weights=weights, bias=None, function=function))
    network = graph.compile()
    values = {"x": rng.normal(size=(32, 32)), "y": rng.integers(0, 10, 32)}
    least = settle(network, values, pn.deep.GaussNewton(outer=40, inner=20))
    found = settle(network, values, pn.deep.Errors(steps=300))
    np.testing.assert_allclose(found.energy, least.energy, atol=1e-3)


@pytest.mark.slow
def test_programs_do_not_grow_with_depth():
    """Of equal layers: as many equations at 8 as at 32, for every scheme."""
    from pynodes.deep.numbers import lay_out_numbers
    from pynodes.deep.reading import make_point_problem, read_data
    from pynodes.deep.settled import lay_out_for

    def count(jaxpr):
        inner = [v for eqn in jaxpr.eqns for v in jax.tree.leaves(eqn.params, is_leaf=is_jaxpr)]
        return len(jaxpr.eqns) + sum(count(getattr(v, "jaxpr", v)) for v in inner if is_jaxpr(v))

    def is_jaxpr(value):
        return hasattr(value, "eqns") or hasattr(value, "jaxpr")

    def size(depth, scheme):
        network = chain([4] * depth, pn.CategoricalLayer(outcomes=3)).compile()
        data = read_data(network.labels, {"x": np.ones((2, 4)), "y": np.array([0, 1])})
        layout = lay_out_for(network, data, scheme)
        numbers = lay_out_numbers(network, layout)

        def learn(numbers):
            problem = make_point_problem(layout, numbers, data.arrays, data.masks, data.count)
            return scheme.gradients(problem, scheme.find(problem, jax.random.key(0)))

        return count(jax.make_jaxpr(learn)(numbers).jaxpr)

    for scheme in (
        pn.deep.Settle(),
        pn.deep.Settle(order="colours"),
        pn.deep.Errors(),
        pn.deep.GaussNewton(),
        pn.deep.FixedPrediction(),
        pn.deep.Backpropagation(),
        pn.deep.Nudged(),
    ):
        assert size(8, scheme) == size(32, scheme), scheme


def test_the_spectrum_is_that_of_the_curvature():
    """Of a linear chain x -> h -> y: the largest eigenvalues of 1 + W'W, along states and along errors."""
    weights = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 1.5]])
    graph = pn.Graph().add(x=pn.Layer(shape=1), h=pn.Layer(shape=2), y=pn.Layer(shape=3))
    graph = graph.couple("x", "h", pn.Dense(weights=np.ones((2, 1)), bias=None))
    network = graph.couple("h", "y", pn.Dense(weights=weights, bias=None)).compile()
    found = pn.deep.spectrum(network, {"x": np.ones((2, 1)), "y": np.ones((2, 3))})
    expected = 1 + np.linalg.eigvalsh(weights.T @ weights).max()
    np.testing.assert_allclose(found.states, expected, rtol=1e-9)
    np.testing.assert_allclose(found.errors, expected, rtol=1e-9)
    np.testing.assert_allclose(found.safe_step, 2 / expected, rtol=1e-9)
    np.testing.assert_allclose(found.safe_error_step, 2 / expected, rtol=1e-9)
    with pytest.raises(pn.InputError, match="the forward pass is the answer"):
        pn.deep.spectrum(network, {"x": np.ones((2, 1))})


# Laws for schemes of one's own


def bend_found(problem, key, move):
    found = pn.deep.Settle(steps=1).find(problem, key)
    return dataclasses.replace(found, variables=move(problem, found.variables))


class Turned(pn.deep.AbstractPointScheme):
    """Goes up the slope."""

    def find(self, problem, key, record=None):
        start = problem.start()
        return bend_found(
            problem, key, lambda _, found: {i: 2 * start[i] - found[i] for i in start}
        )


class Mixed(pn.deep.AbstractPointScheme):
    """Samples hear one another: each takes half the move of its neighbour."""

    def find(self, problem, key, record=None):
        start = problem.start()

        def mix(_, found):
            return {
                i: found[i] + 0.1 * (found[i] - start[i] - jnp.roll(found[i] - start[i], 2, 0))
                for i in start
            }

        return bend_found(problem, key, mix)


class Lazy(pn.deep.AbstractPointScheme):
    """Learns half of what it should."""

    def find(self, problem, key, record=None):
        return pn.deep.Settle().find(problem, key, record)

    def gradients(self, problem, found):
        return jax.tree.map(lambda slope: slope / 2, super().gradients(problem, found))


@pytest.mark.parametrize(
    ("scheme", "law"),
    few(
        [
            (Turned(), "is not above that of the forward pass"),
            (Mixed(), "settles as it would alone"),
            (Lazy(), "learn as backpropagation says"),
        ],
        1,
    ),
    ids=["uphill", "mixed", "lazy"],
)
def test_a_scheme_that_breaks_a_law_is_found(scheme, law):
    with pytest.raises(AssertionError, match=law):
        pn.testing.check_scheme(scheme)


SCHEMES = {
    "GaussNewton": pn.deep.GaussNewton(),
    "upward": pn.deep.Settle(order="upward"),
    "Nudged": pn.deep.Nudged(beta=1e-3),
    "FixedPrediction": pn.deep.FixedPrediction(),
    "Langevin": pn.deep.Settle(steps=5, rule=pn.deep.Langevin(1.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_schemes_keep_the_laws(name):
    pn.testing.check_scheme(SCHEMES[name])
