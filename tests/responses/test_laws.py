"""Laws that every response keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from tests.few import few
from tests.responses import cases
from tests.responses.cases import CASES, SIMULATED, TRIALS, beliefs

every = pytest.mark.parametrize("case", CASES, ids=repr)


def likelihood(case, responses, response=None, **options):
    """Log likelihood of some responses of a case."""
    response = case.response if response is None else response
    known = options.pop("covariates", case.known())
    where = options.pop("beliefs", beliefs())
    return response.log_likelihood(where, responses, covariates=known, **options)


def test_every_response_is_a_case():
    """So that no response escapes the laws."""
    from pynodes import responses as pr

    public = [kind for name, kind in vars(pr).items() if isinstance(kind, type)]
    concrete = {kind for kind in public if issubclass(kind, pr.AbstractResponse)}
    concrete = {kind for kind in concrete if not kind.__name__.startswith("Abstract")}
    assert concrete == {type(case.response) for case in CASES}


def density_of(case):
    """Likelihood of every trial, at any number of values."""
    return jax.jit(jax.vmap(lambda value: jnp.exp(likelihood(case, jnp.full(TRIALS, value)))))


@pytest.mark.parametrize("case", few(CASES, 13), ids=repr)
def test_likelihoods_sum_to_one(case):
    """Over all responses that a trial can have: a sum, or an integral by quadrature in panels."""
    if not case.continuous:
        each = [likelihood(case, np.full(TRIALS, value)) for value in case.support]
        np.testing.assert_allclose(np.exp(each).sum(axis=0), 1, rtol=1e-12)
        return
    if np.isfinite(case.support[0]):
        # A density may rise to infinity at the ends, which panels approach by powers of ten.
        ends = 10.0 ** np.arange(-16, 0)
        edges = np.concatenate([ends, np.linspace(0.2, 0.8, 7), 1 - ends[::-1]])
    else:
        # A density may have a kink anywhere, which costs the square of a panel's width.
        edges = np.concatenate([[-60, -30], np.linspace(-16, 16, 8193), [30, 60]])
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    places = edges[:-1, None] + half * (1 + nodes)

    found = np.asarray(density_of(case)(places.ravel()))

    sums = (half * weights).ravel() @ found
    np.testing.assert_allclose(sums, 1, atol=1e-7)


@pytest.mark.parametrize("case", few(SIMULATED, 3), ids=repr)
def test_simulations_follow_the_likelihood(case):
    """Frequencies of what is drawn, or its probability integral transform, 4,000 times a trial."""
    draws = jax.jit(
        jax.vmap(lambda key: case.response.sample(key, beliefs(), covariates=case.known()))
    )(jax.random.split(jax.random.key(7), 4000))
    draws = np.asarray(draws)

    assert draws.shape == (4000, TRIALS)
    assert draws.dtype == float
    if not case.continuous:
        for value in case.support:
            expected = np.exp(likelihood(case, np.full(TRIALS, value)))
            error = np.sqrt(expected * (1 - expected) / 4000)
            assert np.all(np.abs((draws == value).mean(axis=0) - expected) < 4.5 * error + 1e-12)
        return
    values = transformed(case, draws)
    assert min(stats.kstest(trial, "uniform").pvalue for trial in values) > 1e-5
    # All trials together show a standard deviation that is off by a twentieth.
    assert stats.kstest(np.concatenate(values), "uniform").pvalue > 1e-4


def transformed(case, draws):
    """Distribution function of each trial at what was drawn in it, integrated from the likelihood."""
    low, high = np.min(draws) - 1e-9, np.max(draws) + 1e-9
    if np.isfinite(case.support[0]):
        low, high = 1e-9, 1 - 1e-9
    grid = np.linspace(low, high, 20_001)
    below = integrate.cumulative_trapezoid(density_of(case)(grid), grid, axis=0, initial=0)
    # What lies outside of the range that was drawn is about one in as many as were drawn.
    return [
        np.interp(draws[:, trial], grid, below[:, trial] / below[-1, trial]) for trial in range(4)
    ]


@pytest.mark.parametrize("case", few(SIMULATED, 9), ids=repr)
def test_predictions_are_what_is_expected(case):
    """Probabilities of the options, or the mean under the likelihood."""
    found = np.asarray(case.response.predict(beliefs(), covariates=case.known()))
    if not case.continuous:
        chances = np.exp([likelihood(case, np.full(TRIALS, v)) for v in case.support])
        expected = chances[1] if len(case.support) == 2 else chances.T
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        return
    mean = centre(case)
    np.testing.assert_allclose(found, mean, rtol=1e-6, atol=1e-6)


def centre(case):
    """Mean of every trial under the likelihood, on a grid."""
    low, high = (1e-7, 1 - 1e-7) if np.isfinite(case.support[0]) else (-20, 30)
    grid = np.linspace(low, high, 100_001)
    return integrate.trapezoid(grid[:, None] * np.asarray(density_of(case)(grid)), grid, axis=0)


@pytest.mark.parametrize("case", few(CASES, 13), ids=repr)
def test_gradients_equal_central_differences(case):
    """In every parameter, and through every belief and covariate that is read."""
    responses, known = case.responses(), case.known()

    def total(values):
        numbers, seen, given = values
        return case.response.replace(numbers).total(
            {name: type(beliefs()[name])(**fields) for name, fields in seen.items()},
            responses,
            covariates=known | given,
        )

    seen = {name: dict(vars(node)) for name, node in beliefs().items()}
    smooth = ("detection_rate", "reward", "reward_zero", "reward_one")
    given = {name: value for name, value in known.items() if name in smooth}
    numbers = {name: np.asarray(value) for name, value in case.response.parameters().items()}
    leaves, structure = jax.tree.flatten((numbers, seen, given))
    shapes = [np.shape(leaf) for leaf in leaves]
    flat = np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(float)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def function(x):
        parts = zip(jnp.split(x, ends), shapes, strict=True)
        return total(jax.tree.unflatten(structure, [jnp.reshape(*part) for part in parts]))

    # An outcome of exactly 0 or 1 and a detection rate of 0 are where rules have an edge.
    moved = np.nonzero((flat != 0) & (flat != 1))[0]
    steps = 1e-6 * np.eye(flat.size)[moved]
    gradient, around = jax.jit(lambda x, near: (jax.grad(function)(x), jax.vmap(function)(near)))(
        flat, flat + np.concatenate([steps, -steps])
    )

    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 1e-3
    ahead, behind = np.split(np.asarray(around), 2)
    slopes = (ahead - behind) / 2e-6
    np.testing.assert_allclose(np.asarray(gradient)[moved], slopes, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("case", few(CASES, 9), ids=repr)
def test_missing_responses_contribute_nothing(case):
    """Exactly zero, in value and in gradient; the others are as they were."""
    responses = case.responses()
    gone = np.arange(TRIALS) % 3 == 1
    gappy = np.where(gone, np.nan, responses)

    found = likelihood(case, gappy)
    assert np.all(np.asarray(found)[gone] == 0)
    np.testing.assert_array_equal(found[~gone], likelihood(case, responses)[~gone])
    np.testing.assert_array_equal(found, likelihood(case, responses, frozen=gone))

    @jax.jit
    @jax.grad
    def slopes(values, y):
        return jnp.sum(likelihood(case, y, case.response.replace(values)))

    at = {name: jnp.asarray(value) for name, value in case.response.parameters().items()}
    for name in at:
        assert np.isfinite(slopes(at, gappy)[name])
        assert slopes(at, np.full(TRIALS, np.nan))[name] == 0


@pytest.mark.parametrize("case", few(CASES, 8), ids=repr)
def test_a_batch_is_each_of_its_runs(case):
    """Mapped over parameters, and over beliefs, is a loop over them."""
    responses = case.responses()
    factors = np.array([0.5, 1.0, 1.5])
    values = {name: float(value) * factors for name, value in case.response.parameters().items()}
    several = [as_tree(beliefs(seed=seed)) for seed in (1, 2, 3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *several)

    @jax.jit
    def one(numbers, seen):
        response = case.response.replace(numbers)
        return likelihood(case, responses, response, beliefs=as_beliefs(seen))

    for axes in ((0, None), (None, 0), (0, 0)):
        runs = [
            (
                {name: one[number if axes[0] == 0 else 1] for name, one in values.items()},
                several[number if axes[1] == 0 else 1],
            )
            for number in range(3)
        ]
        batch = (values if axes[0] == 0 else runs[0][0], stacked if axes[1] == 0 else several[1])
        found = jax.vmap(one, in_axes=axes)(*batch) if values or axes[1] == 0 else ()
        alone = [one(*run) for run in runs][: len(found)]
        np.testing.assert_allclose(found, alone, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("case", few(CASES, 9), ids=repr)
def test_a_trial_alone_is_as_within_its_series(case):
    """The rule of one trial, as a closed loop uses it."""
    responses, known = case.responses(), case.known()
    whole = likelihood(case, responses)

    for trial in range(4):
        now = as_beliefs(jax.tree.map(lambda leaf, t=trial: leaf[t], as_tree(beliefs())))
        single = {name: values[trial] for name, values in known.items()}
        found = likelihood(case, responses[trial], beliefs=now, covariates=single)
        assert found.shape == ()
        assert float(found) == pytest.approx(float(whole[trial]), rel=1e-12)


def as_tree(nodes):
    """Beliefs as dictionaries of arrays."""
    return {name: dict(vars(node)) for name, node in nodes.items()}


def as_beliefs(tree):
    """Dictionaries of arrays as beliefs."""
    return {name: cases.SimpleNamespace(**fields) for name, fields in tree.items()}


@every
def test_it_is_a_pytree_of_its_parameters(case):
    """Flattened and rebuilt it is the same; its leaves are its parameters."""
    leaves, structure = jax.tree.flatten(case.response)
    again = jax.tree.unflatten(structure, leaves)

    assert len(leaves) == len(case.response.parameters())
    np.testing.assert_array_equal(
        likelihood(case, case.responses(), again), likelihood(case, case.responses())
    )
    assert set(case.response.reads) <= set(beliefs())
    assert repr(case.response).startswith(type(case.response).__name__)


DECLARED = [case for case in CASES if case.name not in ("linear", "one's own")]
"""Those that contain no function, of which it is not known what it reads."""


@pytest.mark.parametrize("case", DECLARED, ids=repr)
def test_only_what_is_said_to_be_read_is_read(case):
    """So that record= may leave the other nodes out."""
    few = {name: node for name, node in beliefs().items() if name in case.response.reads}

    np.testing.assert_array_equal(
        likelihood(case, case.responses(), beliefs=few), likelihood(case, case.responses())
    )
