"""to_numpyro: an agent and data as a model of NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._inference.priors import AbstractPrior
from pynodes._results.tables import extra
from pynodes._typing import Array
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.model import log_likelihoods
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling.target import GroupPosterior, make_problem


def to_numpyro(
    agent: Agent,
    trials: Trials,
    *,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    parameterisation: str | Mapping[str, str] = "centred",
) -> Callable[[], None]:
    """A model of NumPyro, for its samplers and guides.

    Of a single subject every free value is a site by its name with the agent's prior, and the likelihood is a
    factor. Of several subjects there is one site, ``"coordinates"``, of all that is unknown of the population
    and its subjects, unconstrained; coefficients, standard deviations and the subjects' values are
    deterministic sites by their names.

    Parameters
    ----------
    agent, trials, formulas, covariance
        As for :func:`fit_nuts`.
    parameterisation
        ``"centred"`` or ``"noncentred"``, or one of both by parameter.

    Raises
    ------
    DataError, ParameterError, FormulaError
        As for :func:`fit_nuts`.
    MissingExtraError
        NumPyro is not installed.
    """
    numpyro = extra("numpyro")
    problem = make_problem(agent, trials, formulas, covariance, parameterisation)
    target = problem.target({name: problem.centred.get(name, True) for name in agent.names})
    model = agent.model

    def one() -> None:
        kind = from_prior()
        values = {name: numpyro.sample(name, kind(prior)) for name, prior in agent.priors.items()}
        unconstrained = [
            p.transform.unconstrain(v) for p, v in zip(model.priors, values.values(), strict=True)
        ]
        found = log_likelihoods(model, jnp.stack(unconstrained)[None], problem.sequences)
        numpyro.factor("log_likelihood", found[0])

    def many(target: GroupPosterior) -> None:
        constraints = numpyro.distributions.constraints
        size = target.start.size
        flat = numpyro.distributions.ImproperUniform(constraints.real_vector, (), (size,))
        place = numpyro.sample("coordinates", flat)
        numpyro.factor("log_prior", target.log_prior(place))
        numpyro.factor("log_likelihood", target.log_likelihood(place))
        for name, value in target.hyperparameters(place).items():
            numpyro.deterministic(name, value)
        for name, values in model.constrain(target.parameters(place)).items():
            numpyro.deterministic(name, values)

    return (lambda: many(target)) if isinstance(target, GroupPosterior) else one


@cache
def from_prior() -> Any:
    """The class of NumPyro distributions that are made of one of our priors."""
    distributions = extra("numpyro.distributions")
    constraints = distributions.constraints

    class FromPrior(distributions.Distribution):
        """One of our priors, whatever it is."""

        def __init__(self, prior: AbstractPrior) -> None:
            self.prior = prior
            super().__init__(batch_shape=(), event_shape=())

        @property
        def support(self) -> Any:
            low, high = (float(bound) for bound in self.prior.bounds)
            if np.isfinite(low) and np.isfinite(high):
                return constraints.interval(low, high)
            return constraints.greater_than(low) if np.isfinite(low) else constraints.real

        def sample(self, key: Array, sample_shape: tuple[int, ...] = ()) -> Array:
            keys = jax.random.split(key, int(np.prod(sample_shape, dtype=int)))
            return jnp.reshape(jax.vmap(self.prior.draw)(keys), sample_shape)

        def log_prob(self, value: Array) -> Array:
            return self.prior.log_density(value)

    return FromPrior
