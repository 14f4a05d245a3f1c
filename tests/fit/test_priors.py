"""Priors: densities beside SciPy's, the way to the line and back, draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pynodes as pn
from pynodes.fit import Beta, Fixed, Gamma, HalfNormal, LogitNormal, LogNormal, Normal
from tests.few import few

PRIORS = {
    "normal": (Normal(-3.0, 4.0), stats.norm(-3, 4)),
    "log-normal": (LogNormal(0.5, 0.8), stats.lognorm(0.8, scale=np.exp(0.5))),
    "half-normal": (HalfNormal(2.0), stats.halfnorm(scale=2)),
    "gamma": (Gamma(0.7, 3.0), stats.gamma(0.7, scale=1 / 3)),
    "beta": (Beta(0.6, 2.5), stats.beta(0.6, 2.5)),
    "stretched beta": (Beta(2.0, 3.0, lower=-1.0, upper=4.0), stats.beta(2, 3, loc=-1, scale=5)),
}
"""Priors, and the same distribution by SciPy."""

EVERY = [prior for prior, _ in PRIORS.values()] + [LogitNormal(0.4, 1.3, lower=-2.0, upper=5.0)]


@pytest.mark.parametrize(("prior", "known"), PRIORS.values(), ids=PRIORS)
def test_the_density_is_that_of_scipy(prior, known):
    values = known.ppf([0.01, 0.2, 0.5, 0.9, 0.999])

    np.testing.assert_allclose(prior.log_density(values), known.logpdf(values), rtol=1e-10)


def test_a_logit_normal_is_a_normal_of_the_logit():
    """Between 0 and 1 SciPy says so too."""
    values = np.array([0.02, 0.5, 0.97])
    logits = np.log(values / (1 - values))
    slopes = 1 / (values * (1 - values))

    found = LogitNormal(0.4, 1.3).log_density(values)

    np.testing.assert_allclose(found, stats.norm(0.4, 1.3).logpdf(logits) + np.log(slopes))


@pytest.mark.parametrize("prior", EVERY, ids=repr)
def test_on_its_line_it_is_a_density_with_the_centre_and_the_spread_that_it_says(prior):
    positions = prior.unconstrained_mean + prior.unconstrained_sd * jnp.linspace(-40, 40, 40_001)
    weights = jnp.exp(prior.unconstrained_log_density(positions)) * (positions[1] - positions[0])

    def moment(power):
        return float(jnp.sum(weights * (positions - prior.unconstrained_mean) ** power))

    assert moment(0) == pytest.approx(1, abs=1e-7)
    assert moment(1) == pytest.approx(0, abs=1e-6)
    assert moment(2) == pytest.approx(float(prior.unconstrained_sd) ** 2, rel=1e-6)


@pytest.mark.parametrize("prior", EVERY, ids=repr)
def test_the_way_to_the_line_leads_back_and_turns_densities_into_each_other(prior):
    positions = prior.unconstrained_mean + prior.unconstrained_sd * jnp.array(
        [-2.0, -0.5, 0.0, 1.5]
    )
    values = prior.constrain(positions)

    np.testing.assert_allclose(prior.unconstrain(values), positions, rtol=1e-9, atol=1e-9)
    slopes = jax.vmap(jax.grad(prior.constrain))(positions)
    np.testing.assert_allclose(
        prior.log_density(values) + jnp.log(slopes),
        prior.unconstrained_log_density(positions),
        rtol=1e-9,
    )


@pytest.mark.parametrize("prior", few(EVERY, 2), ids=repr)
def test_draws_are_distributed_as_the_density_says(prior):
    """Their mean and variance on the line, within four standard errors."""
    keys = jax.random.split(jax.random.key(3), 20_000)
    values = jax.vmap(prior)(keys)
    low, high = prior.bounds
    assert bool(jnp.all((values > low) & (values < high)))

    scores = (
        jax.vmap(prior.draw_unconstrained)(keys) - prior.unconstrained_mean
    ) / prior.unconstrained_sd
    np.testing.assert_allclose(
        prior.constrain(scores * prior.unconstrained_sd + prior.unconstrained_mean), values
    )
    assert abs(scores.mean()) < 4 / np.sqrt(20_000)
    error = np.sqrt((stats.kurtosis(scores) + 2) / 20_000)
    assert abs(scores.var() - 1) < 4 * error


@pytest.mark.parametrize("prior", EVERY, ids=repr)
def test_impossible_values_have_no_density_and_no_slope_that_is_not_a_number(prior):
    low, high = prior.bounds
    for outside in (low, high, low - 1.0, high + 1.0):
        if np.isfinite(outside):
            assert prior.log_density(outside) == -jnp.inf
            assert jax.grad(prior.log_density)(float(outside)) == 0
            with pytest.raises(pn.ParameterError, match="knows values between"):
                prior.unconstrain(outside)


@pytest.mark.parametrize("prior", EVERY, ids=repr)
@pytest.mark.parametrize("position", [-1e4, 1e4])
def test_far_out_values_stay_numbers(prior, position):
    """So that no search leaves the numbers."""
    value, slope = jax.value_and_grad(prior.constrain)(position)

    assert jnp.isfinite(value)
    assert jnp.isfinite(slope)


def test_two_kinds_with_the_same_fields_are_not_confused():
    """Compiled code is told apart by the structure of its arguments."""
    centre = jax.jit(lambda prior: prior.constrain(prior.unconstrained_mean))

    assert centre(Normal(1.0, 2.0)) == 1
    assert centre(LogNormal(1.0, 2.0)) == pytest.approx(np.e)


def test_priors_are_pytrees_and_print_as_they_were_written():
    half = jax.tree.map(lambda leaf: leaf / 2, LogNormal(1.0, 2.0))

    assert (half.mean, half.standard_deviation) == (0.5, 1)
    assert repr(Normal(-3, 4)) == "Normal(mean=-3, standard_deviation=4)"


def test_a_network_draws_from_priors():
    priors = {"x2.tonic_volatility": Normal(-3.0, 0.5)}
    network = pn.models.binary_hgf().compile()

    drawn = network.prior_predictive(jax.random.key(0), priors, 3, draws=40)

    assert drawn.parameters["x2.tonic_volatility"].std() == pytest.approx(0.5, rel=0.5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Normal(0), "needs 'standard_deviation'"),
        (lambda: Normal(0, 1, 2), "takes 'mean' and 'standard_deviation' without their names"),
        (lambda: Normal(0, 1, mean=1), "'mean' twice"),
        (lambda: Normal(0, 0), "standard_deviation must be positive"),
        (lambda: Normal("0", 1), "mean must be a real number"),
        (lambda: LogNormal(np.nan, 1), "mean must be finite"),
        (lambda: Normal(0, standard_deviatoin=1), "Did you mean 'standard_deviation'"),
        (lambda: LogitNormal(0, 1, lower=2), "lower must be below upper"),
        (lambda: Beta(1, 1, lower=2, upper=1), "lower must be below upper"),
        (lambda: Fixed(np.inf), "must be finite"),
    ],
)
def test_what_is_no_distribution_is_refused(make, said):
    with pytest.raises(pn.ParameterError, match=said):
        make()


def test_known_values_are_looked_at_under_jit_as_elsewhere():
    prior = LogNormal(0, 1)
    found = jax.jit(lambda x: x + prior.unconstrain(2.0))(0.0)

    assert float(found) == pytest.approx(np.log(2.0))
    with pytest.raises(pn.ParameterError, match="knows values between"):
        jax.jit(lambda x: x + prior.unconstrain(-1.0))(0.0)
