"""The second point of Unbounded: Lambert's function, and its generalisation to several children."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

from pynodes._core.surrogate import lambert_excess, mode_for_many, mode_for_one
from tests.few import few


def test_the_excess_is_lamberts_function():
    """Over sixteen decades of either argument."""
    scale = 10.0 ** np.linspace(-8, 2, 41)[:, None]
    ratio = 10.0 ** np.linspace(-6, 6, 49)[None, :]
    with np.errstate(over="ignore"):
        argument = scale * ratio * np.exp(scale)
    usable = argument < 1e250
    expected = np.real(lambertw(np.where(usable, argument, 1.0))) / scale

    excess = lambert_excess(*map(jnp.asarray, np.broadcast_arrays(scale, ratio)))

    np.testing.assert_allclose(np.where(usable, excess, expected), expected, rtol=1e-11)


@pytest.mark.parametrize("scale", [0.0, 1e-12, 0.3, 40.0, 1e5])
@pytest.mark.parametrize("ratio", [1e-6, 0.9, 1.0, 30.0, 1e8])
def test_the_excess_solves_its_equation(scale, ratio):
    """Also where Lambert's argument overflows: log E + scale (E - 1) = log ratio."""
    excess = float(lambert_excess(jnp.asarray(scale), jnp.asarray(ratio)))

    assert np.log(excess) + scale * (excess - 1) == pytest.approx(
        np.log(ratio), abs=1e-10 + 1e-13 * scale
    )


@pytest.mark.parametrize("scale", [1e-2, 0.3, 40.0])
@pytest.mark.parametrize("ratio", [1e-3, 1.0, 30.0])
def test_the_derivatives_of_the_excess_are_slopes(scale, ratio):
    """By the implicit function theorem on log E + scale (E - 1) = log ratio."""
    slopes = jax.grad(lambert_excess, argnums=(0, 1))(jnp.asarray(scale), jnp.asarray(ratio))

    excess = float(lambert_excess(jnp.asarray(scale), jnp.asarray(ratio)))
    by_excess = 1 / excess + scale
    np.testing.assert_allclose(slopes[0], -(excess - 1) / by_excess, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(slopes[1], 1 / ratio / by_excess, rtol=1e-9)


def test_at_strength_zero_value_and_derivatives_are_finite():
    def shift(strength):
        return mode_for_one(jnp.asarray(2.0), strength, jnp.asarray(7.0))[0]

    assert shift(0.0) == 0
    # The mode is strength/2P (E - 1) with E -> ratio.
    np.testing.assert_allclose(jax.grad(shift)(0.0), (7.0 - 1) / 4.0, rtol=1e-12)
    assert np.isfinite(jax.grad(jax.grad(shift))(0.0))


@pytest.mark.parametrize("seed", few(range(60), 12))
def test_the_mode_for_many_is_the_root_of_its_slope(seed):
    """Against bisection on the monotone slope, for strengths of either sign over six decades."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 8)
    strength = rng.normal(size=count) * 10 ** rng.uniform(-3, 1)
    log_ratio = rng.normal(size=count) * rng.choice([0.5, 5.0, 25.0])
    precision = 10 ** rng.uniform(-3, 3)

    def slope(shift):
        with np.errstate(over="ignore"):
            return (
                np.sum(0.5 * strength * (np.exp(log_ratio - strength * shift) - 1))
                - precision * shift
            )

    reach = 1.0
    while slope(-reach) < 0 or slope(reach) > 0:
        reach *= 2
    expected = brentq(slope, -reach, reach, xtol=1e-14, rtol=1e-14, maxiter=500)

    mode = jax.jit(mode_for_many)(precision, jnp.asarray(strength), jnp.asarray(log_ratio))

    np.testing.assert_allclose(mode, expected, rtol=1e-8, atol=1e-10)


def test_one_child_is_the_same_by_either_way():
    precision, strength, ratio = jnp.asarray(1.3), jnp.asarray(0.7), jnp.asarray(5.0)

    one, _ = mode_for_one(precision, strength, ratio)
    many = mode_for_many(precision, strength[None], jnp.log(ratio)[None])

    np.testing.assert_allclose(one, many, rtol=1e-12)


def test_first_and_second_derivatives_of_the_mode_for_many():
    """By the implicit function theorem, through second differences of the solution itself."""
    log_ratio = jnp.array([1.0, -0.5, 2.0])

    def mode(scale):
        return mode_for_many(jnp.asarray(1.5), scale * jnp.array([0.5, -0.3, 0.8]), log_ratio)

    step = 1e-4
    low, middle, high = (float(mode(1.0 + d)) for d in (-step, 0.0, step))
    slope, bend = jax.jit(lambda scale: (jax.grad(mode)(scale), jax.grad(jax.grad(mode))(scale)))(
        1.0
    )
    np.testing.assert_allclose(slope, (high - low) / (2 * step), rtol=1e-6)
    np.testing.assert_allclose(bend, (high - 2 * middle + low) / step**2, rtol=1e-4)


def test_silent_children_do_not_move_the_mode():
    precision, log_ratio = jnp.asarray(1.5), jnp.array([1.0, 3.0, -2.0])
    with_silent = mode_for_many(precision, jnp.array([0.5, 0.0, 0.0]), log_ratio)
    without = mode_for_many(precision, jnp.array([0.5]), log_ratio[:1])

    np.testing.assert_allclose(with_silent, without, rtol=1e-13)
    slope = jax.grad(lambda s: mode_for_many(precision, jnp.array([0.5, s, 0.0]), log_ratio))(0.0)
    assert np.isfinite(slope)
