"""The oracles judged by one another, and by what is known without any of them."""

import numpy as np
import pytest

from tests.oracles.grid_filter import Axis, bernoulli, grid_filter
from tests.oracles.kalman import kalman_filter
from tests.oracles.particle_filter import Hierarchy, particle_filter, simulate
from tests.oracles.particle_smoother import particle_smoother
from tests.oracles.rauch_tung_striebel import rauch_tung_striebel

WALK = Hierarchy((-2.0,), (0.5,), (2.0,), input_precision=4.0)
COIN = Hierarchy((-2.0,), (0.5,), (2.0,))
VOLATILE_WALK = Hierarchy((-1.5, -3.0), (0.0, 0.5), (2.0, 4.0), (0.6,), input_precision=4.0)
VOLATILE_COIN = Hierarchy((-1.5, -3.0), (0.0, 0.5), (2.0, 4.0), (0.6,), probability_strength=1.5)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def kalman_of(walk, observations):
    noise, spread = np.exp(walk.tonic_volatility[0]), 1 / walk.initial_precision[0]
    sensory = 1 / walk.input_precision
    return kalman_filter(1.0, noise, 1.0, sensory, walk.initial_mean[0], spread, observations)


def grid_of(hierarchy, observations):
    """The grid filter of a hierarchy of one or two states."""
    grids = (np.linspace(-20, 20, 401), np.linspace(-3.5, 4.5, 41))
    strengths = (*(hierarchy.volatility_strength or ()), 1.0)
    fields = (hierarchy.tonic_volatility, hierarchy.initial_mean, hierarchy.initial_precision)
    axes = [Axis(*each) for each in zip(grids, *fields, strengths, strict=False)]

    def likelihood(observation, values):
        precision = hierarchy.input_precision
        if precision is None:
            return bernoulli(observation, hierarchy.probability_strength * values)
        density = np.exp(-0.5 * precision * (observation - values) ** 2)
        return density * np.sqrt(precision / (2 * np.pi))

    return grid_filter(observations, likelihood, *axes)


def test_kalman_is_conditioning_of_the_joint_gaussian():
    """Written as one Gaussian over all steps, the last belief is a single regression."""
    random = np.random.default_rng(0)
    steps, (kept, added) = 6, np.array([[[0.9, 0.2], [0.0, 0.7]], [[0.5, 0.1], [0.1, 0.3]]])
    seen, error, mean0, covariance0 = np.array([[1.0, -0.5]]), [[0.4]], [1.0, -1.0], np.eye(2)
    values = random.normal(size=steps)
    values[2] = np.nan
    filtered = kalman_filter(kept, added, seen, error, mean0, covariance0, values)

    mean, covariance = np.array(mean0), covariance0
    means, blocks = [], np.zeros((2 * steps, 2 * steps))
    for row in range(steps):
        mean, covariance = kept @ mean, kept @ covariance @ kept.T + added
        means.append(mean)
        across = covariance
        for column in range(row, steps):
            here, there = slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)
            blocks[there, here], blocks[here, there] = across, across.T
            across = kept @ across
    there = np.isfinite(values)
    design = np.kron(np.eye(steps), seen)[there]
    joint = design @ blocks @ design.T + 0.4 * np.eye(there.sum())
    residual = values[there] - design @ np.concatenate(means)
    gain = blocks[-2:] @ design.T @ np.linalg.inv(joint)
    density = residual @ np.linalg.solve(joint, residual) + np.linalg.slogdet(2 * np.pi * joint)[1]

    np.testing.assert_allclose(filtered.mean[-1], means[-1] + gain @ residual, rtol=1e-12)
    expected = blocks[-2:, -2:] - gain @ design @ blocks[:, -2:]
    np.testing.assert_allclose(filtered.covariance[-1], expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(filtered.log_evidence.sum(), -0.5 * density, rtol=1e-12)
    np.testing.assert_array_equal(filtered.mean[2], filtered.predicted_mean[2])


def test_kalman_over_two_units_of_time_is_two_steps_with_a_gap():
    """Irregular intervals are per-step noise and drift; a missing value is no evidence."""
    irregular = kalman_filter(1.0, [0.3, 0.6], 1.0, 0.5, 0.0, 1.0, [1.0, 2.0], drift=[[0.1], [0.2]])
    regular = kalman_filter(1.0, 0.3, 1.0, 0.5, 0.0, 1.0, [1.0, np.nan, 2.0], drift=0.1)
    np.testing.assert_allclose(irregular.mean[-1], regular.mean[-1], rtol=1e-14)
    np.testing.assert_allclose(irregular.covariance[-1], regular.covariance[-1], rtol=1e-14)
    assert regular.log_evidence[1] == 0


def test_the_grid_is_kalman_on_a_linear_model():
    """Sums over a fine grid converge faster than any power of its spacing."""
    _, observations = simulate(WALK, 60, seed=1)
    exact, gridded = kalman_of(WALK, observations), grid_of(WALK, observations)
    np.testing.assert_allclose(gridded.mean, exact.mean, atol=1e-10)
    np.testing.assert_allclose(gridded.variance, exact.covariance[:, 0], atol=1e-10)
    np.testing.assert_allclose(gridded.log_evidence, exact.log_evidence, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "hierarchy", [WALK, COIN, VOLATILE_WALK, VOLATILE_COIN], ids=["w", "c", "vw", "vc"]
)
def test_particles_meet_the_grid(hierarchy):
    """Their errors are what so few independent samples would make: about 1/sqrt(size)."""
    _, observations = simulate(hierarchy, 60, seed=2)
    gridded = grid_of(hierarchy, observations)
    filtered = particle_filter(hierarchy, observations, seed=3)
    errors = (filtered.mean - gridded.mean) / np.sqrt(gridded.variance)
    # Resampling passes errors on, so that a few times the error of one step is allowed for.
    assert rms(errors) < 8 / np.sqrt(20_000)
    assert rms(np.log(filtered.variance / gridded.variance)) < 8 / np.sqrt(20_000)
    evidence = filtered.log_evidence.sum() - gridded.log_evidence.sum()
    assert abs(evidence) < 4 * np.sqrt(len(observations) / 20_000)


def test_particles_meet_kalman_around_gaps():
    """Quantiles too are those of the exact Gaussians, before and after each observation."""
    _, observations = simulate(WALK, 80, seed=4)
    observations[20:25] = np.nan
    exact = kalman_of(WALK, observations)
    filtered = particle_filter(WALK, observations, probabilities=(0.05, 0.5, 0.95), seed=5)
    deviation = np.sqrt(exact.covariance[:, 0])
    bands = exact.mean[..., None] + deviation[..., None] * np.array([-1.644854, 0.0, 1.644854])
    predicted = np.sqrt(exact.predicted_covariance[:, 0])
    assert rms((filtered.mean - exact.mean) / deviation) < 0.03
    assert rms((filtered.predicted_mean - exact.predicted_mean) / predicted) < 0.03
    assert rms((filtered.quantiles - bands) / deviation[..., None]) < 0.06
    assert np.all(filtered.log_evidence[20:25] == pytest.approx(0.0, abs=1e-12))
    assert abs(filtered.log_evidence.sum() - exact.log_evidence.sum()) < 0.25


def test_the_reference_itself_is_calibrated():
    """Bands of nine tenths hold nine tenths of the simulated truths, at every level."""
    held = []
    for seed in range(40):
        states, observations = simulate(VOLATILE_COIN, 40, seed)
        bands = particle_filter(VOLATILE_COIN, observations, particles=2_000, seed=seed).quantiles
        held.append((bands[..., 0] < states) & (states < bands[..., 1]))
    shares = np.mean(held, axis=1)
    error = shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
    assert np.all(np.abs(shares.mean(axis=0) - 0.9) < 4 * error)


def test_the_parent_moves_first():
    """A child's step is as wide as its parent's new value says, whatever the old one was."""
    pair = Hierarchy((-2.0, 2.0), (0.0, 0.0), (1.0, 1.0), (1.5,))
    random = np.random.default_rng(6)
    before = pair.start(50_000, random)
    after = pair.moved(before, random)
    scaled = (after[0] - before[0]) / np.exp(0.5 * (1.5 * after[1] - 2))
    assert scaled.std() == pytest.approx(1.0, abs=0.02)


def test_rauch_tung_striebel_is_conditioning_of_the_joint_gaussian():
    """All steps of two states as one Gaussian vector, of which some sums were seen with noise."""
    random = np.random.default_rng(1)
    steps, kept = 5, np.array([[0.9, 0.3], [0.0, 0.8]])
    added = np.exp(random.normal(size=(steps, 1, 1))) * np.array([[0.5, 0.1], [0.1, 0.3]])
    seen, values = np.array([[1.0, -0.5]]), random.normal(size=steps)
    values[1:3] = np.nan
    filtered = kalman_filter(kept, added, seen, [[0.4]], [1.0, -1.0], np.eye(2), values)
    smoothed = rauch_tung_striebel(filtered, kept)

    # State k is what the start and each move became: a linear map of independent noises.
    powers = [np.linalg.matrix_power(kept, power) for power in range(steps + 1)]
    design = np.zeros((2 * steps, 2 * steps + 2))
    for row in range(steps):
        for column in range(row + 2):
            block = powers[row + 1] if column == 0 else powers[row + 1 - column]
            design[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = block
    spread = np.zeros((2 * steps + 2, 2 * steps + 2))
    for index, block in enumerate([np.eye(2), *added]):
        spread[2 * index : 2 * index + 2, 2 * index : 2 * index + 2] = block
    mean = design[:, :2] @ np.array([1.0, -1.0])
    covariance = design @ spread @ design.T
    there = np.isfinite(values)
    look = np.kron(np.eye(steps), seen)[there]
    gain = (
        covariance @ look.T @ np.linalg.inv(look @ covariance @ look.T + 0.4 * np.eye(there.sum()))
    )
    mean, covariance = (
        mean + gain @ (values[there] - look @ mean),
        covariance - gain @ look @ covariance,
    )

    np.testing.assert_allclose(smoothed.mean.ravel(), mean, rtol=1e-10)
    for step, block in enumerate(smoothed.covariance):
        here = slice(2 * step, 2 * step + 2)
        np.testing.assert_allclose(block, covariance[here, here], rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_the_particle_smoother_is_rauch_tung_striebel_where_all_is_linear():
    """To four Monte-Carlo errors: 1,000 histories put a mean within 1/32 of a deviation."""
    _, observations = simulate(WALK, 30, seed=3)
    observations[10:14] = np.nan
    exact = rauch_tung_striebel(kalman_of(WALK, observations), 1.0)
    found = particle_smoother(WALK, observations, particles=4_000, histories=1_000)

    deviations = np.sqrt(exact.covariance[:, :, 0])
    assert np.abs((found.mean - exact.mean) / deviations).max() < 4 / np.sqrt(1_000)
    assert np.abs(np.log(found.variance / deviations**2)).max() < 4 * np.sqrt(2 / 1_000)


@pytest.mark.slow
def test_the_particle_smoother_is_the_two_way_recursion_on_a_grid():
    """For a logit seen through outcomes and driven by its volatility: forward times backward."""
    _, outcomes = simulate(VOLATILE_COIN, 12, seed=5)
    low, high = np.linspace(-9, 9, 121), np.linspace(-3.5, 4.5, 33)
    first, second = (np.exp(np.array(VOLATILE_COIN.tonic_volatility))[i] for i in (0, 1))
    above = np.exp(-0.5 * (high[:, None] - high[None, :]) ** 2 / second)
    above /= above.sum(axis=0)
    variances = first * np.exp(0.6 * high)
    below = np.exp(-0.5 * (low[:, None] - low[None, :]) ** 2 / variances[:, None, None])
    below /= below.sum(axis=1, keepdims=True)
    start = np.exp(-0.5 * 2 * low[:, None] ** 2 - 0.5 * 4 * (high - 0.5) ** 2)
    likelihoods = [1 / (1 + np.exp(-(2 * outcome - 1) * 1.5 * low)) for outcome in outcomes]

    forward, belief = [], start / start.sum()
    for likelihood in likelihoods:
        belief = np.einsum("bij,jb->ib", below, belief @ above.T) * likelihood[:, None]
        belief /= belief.sum()
        forward.append(belief)
    message, means, variances_found = np.ones_like(start), [], []
    for belief, likelihood in zip(forward[::-1], likelihoods[::-1], strict=True):
        joint = belief * message / np.sum(belief * message)
        marginals = [(low, joint.sum(axis=1)), (high, joint.sum(axis=0))]
        means.append([values @ weight for values, weight in marginals])
        squares = [values**2 @ weight for values, weight in marginals]
        variances_found.append(np.array(squares) - np.array(means[-1]) ** 2)
        message = np.einsum("bij,ib->jb", below, message * likelihood[:, None]) @ above
    mean, variance = np.array(means[::-1]), np.array(variances_found[::-1])

    found = particle_smoother(VOLATILE_COIN, outcomes, particles=4_000, histories=1_000)
    assert np.abs((found.mean - mean) / np.sqrt(variance)).max() < 4 / np.sqrt(1_000)
    assert np.abs(np.log(found.variance / variance)).max() < 6 * np.sqrt(2 / 1_000)
