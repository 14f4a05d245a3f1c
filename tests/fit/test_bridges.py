"""Bridges: models of NumPyro and PyMC have the same densities, and their samplers the same posteriors."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.fit import Agent, Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Trials
from pynodes.fit.bridges.numpyro import from_prior, to_numpyro
from pynodes.fit.bridges.pymc import to_pymc
from pynodes.fit.sampling.nuts import fit_nuts
from tests.few import few
from tests.fit.cases import FREE, chooser, table
from tests.fit.test_nuts import error_of, exact_population, rated, rater, short_trials

pytestmark = [
    pytest.mark.versions,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

PRIORS = {
    "normal": Normal(-3.0, 2.0),
    "log normal": LogNormal(1.0, 0.5),
    "logit normal": LogitNormal(0.3, 1.0, upper=2.0),
    "gamma": Gamma(2.0, 3.0),
    "half normal": HalfNormal(1.5),
    "beta": Beta(2.0, 3.0, lower=-1.0),
}


@contextlib.contextmanager
def lenient():
    """NumPyro mixes types and ranks, which the tests of our own code do not let pass."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def gappy():
    data = table(((14, 11),))
    data["y"][[3, 9]] = np.nan
    data["frozen"] = np.arange(25) == 5
    columns = {"inputs": "u", "actions": "y", "by": ["subject", "session"]}
    return Trials(data, **columns, frozen="frozen")


@pytest.mark.slow
def test_a_model_of_numpyro_has_our_density():
    numpyro = pytest.importorskip("numpyro")
    values = {"x2.tonic_volatility": -2.2, "inverse_temperature": 3.1}
    with lenient():
        found, sites = numpyro.infer.util.log_density(
            to_numpyro(chooser(), gappy()), (), {}, values
        )

    expected = chooser().log_prior(values) + chooser().log_likelihood(values, gappy())
    assert float(found) == pytest.approx(float(expected), abs=1e-10)
    assert {"x2.tonic_volatility", "inverse_temperature"} < set(sites)


@pytest.mark.parametrize("prior", few(PRIORS.values(), 2), ids=PRIORS)
def test_a_prior_is_a_distribution_of_numpyro(prior):
    pytest.importorskip("numpyro")
    with lenient():
        found = from_prior()(prior)
        drawn = found.sample(jax.random.key(1), (2000,))
        half = float(prior.constrain(prior.unconstrained_mean))
        assert bool(jnp.all(found.support(drawn)))
        assert float(found.log_prob(half)) == pytest.approx(float(prior.log_density(half)))

    assert drawn.shape == (2000,)
    positions = np.asarray(jax.vmap(prior.transform.unconstrain)(drawn))
    assert abs(positions.mean() - prior.unconstrained_mean) < 4 * prior.unconstrained_sd / np.sqrt(
        2000
    )


@pytest.mark.slow
def test_numpyro_and_we_sample_the_same_posterior():
    numpyro = pytest.importorskip("numpyro")
    ours = fit_nuts(chooser(), short_trials(), seed=1)
    with lenient():
        kernel = numpyro.infer.NUTS(to_numpyro(chooser(), short_trials()))
        sampler = numpyro.infer.MCMC(kernel, num_warmup=1000, num_samples=4000, progress_bar=False)
        sampler.run(jax.random.key(0))
    theirs = sampler.get_samples()

    for index, (name, prior) in enumerate(chooser().priors.items()):
        mine = ours.unconstrained[:, :, 0, index]
        other = np.asarray(prior.unconstrain(theirs[name]))[None]
        error = np.hypot(error_of(mine), error_of(other))
        assert abs(mine.mean() - other.mean()) < 4 * error


@pytest.mark.slow
@pytest.mark.parametrize("way", ["centred", "noncentred"])
def test_a_population_in_numpyro_is_as_it_can_be_integrated(way):
    numpyro = pytest.importorskip("numpyro")
    data, averages = rated([-0.8, 0.1, 0.4, 1.9, 2.4])
    with lenient():
        kernel = numpyro.infer.NUTS(
            to_numpyro(rater(), data, parameterisation=way), target_accept_prob=0.95
        )
        sampler = numpyro.infer.MCMC(kernel, num_warmup=1000, num_samples=4000, progress_bar=False)
        sampler.run(jax.random.key(0))
    theirs = sampler.get_samples()

    exact = exact_population(averages, 0.4 / 6)
    for name in ("offset:Intercept", "offset:sd"):
        draws = np.asarray(theirs[name])[None]
        assert abs(draws.mean() - exact[name][0]) < 4 * error_of(draws)
    assert theirs["offset"].shape == (4000, 5)


def test_a_model_of_pymc_has_our_density_and_gradient():
    pytest.importorskip("pymc")
    model = to_pymc(chooser(), gappy())
    point = {"x2.tonic_volatility": np.array(-2.2), "inverse_temperature_log__": np.array(1.1)}
    density = chooser().log_density(gappy())
    at = jnp.array([-2.2, 1.1])

    assert float(model.compile_logp()(point)) == pytest.approx(float(density(at)), abs=1e-7)
    np.testing.assert_allclose(model.compile_dlogp()(point), jax.grad(density)(at), rtol=1e-7)


def test_the_likelihood_in_pymc_is_by_trial():
    pytest.importorskip("pymc")
    model = to_pymc(chooser(), gappy())
    (responses,) = model.observed_RVs
    point = {"x2.tonic_volatility": np.array(-2.2), "inverse_temperature_log__": np.array(1.1)}
    values = {"x2.tonic_volatility": -2.2, "inverse_temperature": np.exp(1.1)}

    found = model.compile_logp(vars=responses, sum=False)(point)[0]

    expected = np.asarray(chooser().pointwise_log_likelihood(values, gappy()))
    kept = ~np.isnan(gappy().columns["y"]) & ~gappy().frozen
    assert len(found) == 22
    np.testing.assert_allclose(found, expected[kept], atol=1e-10)


@pytest.mark.slow
def test_pymc_samples_the_same_posterior_and_predicts():
    pm = pytest.importorskip("pymc")
    ours = fit_nuts(chooser(), gappy(), seed=1)
    with to_pymc(chooser(), gappy()):
        found = pm.sample(1000, tune=1000, chains=2, cores=1, random_seed=1, progressbar=False)
        predicted = pm.sample_posterior_predictive(found, random_seed=2, progressbar=False)
        prior = pm.sample_prior_predictive(200, random_seed=3)

    for index, (name, one) in enumerate(chooser().priors.items()):
        mine = ours.unconstrained[:, :, 0, index]
        other = np.asarray(one.unconstrain(found.posterior[name].to_numpy()))
        error = np.hypot(error_of(mine), error_of(other))
        assert abs(mine.mean() - other.mean()) < 4 * error
    responses = predicted.posterior_predictive["responses"].to_numpy()
    assert responses.shape == (2, 1000, 22)
    assert set(np.unique(responses)) == {0.0, 1.0}
    assert prior.prior_predictive["responses"].shape == (1, 200, 22)


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_a_prior_is_a_variable_of_pymc(prior):
    pytest.importorskip("pymc")
    import pymc as pm

    from pynodes.fit.bridges.pymc import make_variable

    with pm.Model():
        drawn = pm.draw(make_variable(pm, "rate", prior), 2000, random_seed=1)

    positions = np.asarray(prior.transform.unconstrain(drawn))
    assert abs(positions.mean() - prior.unconstrained_mean) < 4 * prior.unconstrained_sd / np.sqrt(
        2000
    )
    assert positions.std() == pytest.approx(float(prior.unconstrained_sd), rel=0.15)


def test_an_agent_that_does_nothing_is_a_model_too():
    pytest.importorskip("pymc")
    outcomes = pn.data.association().outcomes[:40]
    agent = Agent(
        pn.models.binary_hgf(2), free={"x2.tonic_volatility": FREE["x2.tonic_volatility"]}
    )
    data = Trials({"u": outcomes}, inputs="u")

    found = to_pymc(agent, data).compile_logp()({"x2.tonic_volatility": np.array(-2.0)})

    assert float(found) == pytest.approx(float(agent.log_density(data)(jnp.array([-2.0]))))


def test_several_subjects_are_no_model_of_pymc():
    pytest.importorskip("pymc")
    data, _ = rated([0.0, 1.0])
    with pytest.raises(pn.ParameterError, match="of 2 subjects"):
        to_pymc(rater(), data)


def test_a_package_that_is_missing_is_named(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("pynodes._results.tables.import_module", absent)
    for bridge, package in ((to_numpyro, "numpyro"), (to_pymc, "pymc")):
        with pytest.raises(pn.MissingExtraError, match=f"pip install {package}"):
            bridge(chooser(), short_trials())
