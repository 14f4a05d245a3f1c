"""Population: how the parameters of subjects are distributed, and what is supposed of that distribution.

In unconstrained space every subject's parameters are normal around what the designs say of them,

    parameter[subject, j] ~ Normal(mean[subject, j], sd[j]),

independent between parameters or correlated. Its *coordinates*, a mapping, are unconstrained numbers:

* ``coefficients``, of fixed effects, of all parameters in a row;
* ``log_sds``, one per parameter; ``partial_correlations`` (see below), if there are any;
* ``effects``, ``effect_log_sds`` and ``effect_partial_correlations``, by the name of the grouped effects;
* ``subjects``, of shape (subjects, parameters): the parameters themselves where one is *centred*, else by how
  many standard deviations a parameter differs from what is expected of it.

Correlations are partial correlations of the canonical vine through Fisher's transformation: what two
variables share beyond all that come before both. Under the LKJ distribution they are independent and each
beta distributed (Lewandowski, Kurowicka and Joe 2009, doi 10.1016/j.jmva.2009.04.008).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betaln

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray, Array
from pynodes.fit.group.design import Design, GroupedEffects

Coordinates = dict[str, Any]
"""Unconstrained numbers that say what a population is like, and its subjects."""

LKJ_CONCENTRATION = 2.0
"""Under one all correlation matrices are as probable, under more small correlations more."""


class Population(Module):
    """The designs of all parameters, and the priors of what is unknown of their population.

    Attributes
    ----------
    parameters
        Their names.
    correlated
        Whether what designs leave of the parameters is correlated between them.
    centred
        Which parameters are coordinates themselves, and which by their standardised differences.
    prior_sds
        Prior scale of the standard deviation of every parameter.
    designs
        Of every parameter.
    """

    parameters: tuple[str, ...] = choice()
    correlated: bool = choice(False)
    centred: tuple[bool, ...] = choice()
    prior_sds: AnyArray
    designs: tuple[Design, ...]

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return self.designs[0].subjects

    @property
    def grouped(self) -> dict[str, GroupedEffects]:
        """Grouped effects by name, as in ``"x2.tonic_volatility:site"``."""
        return {
            f"{name}:{part.factor}": part
            for name, design in zip(self.parameters, self.designs, strict=True)
            for part in design.grouped
        }

    def with_centred(self, centred: dict[str, bool]) -> Population:
        """The same population, other parameters being centred."""
        known = dict(zip(self.parameters, self.centred, strict=True)) | centred
        return dataclasses.replace(self, centred=tuple(known[name] for name in self.parameters))

    def initialise(self) -> Coordinates:
        """Coordinates at the means of the priors, every subject as it is expected."""
        size = len(self.parameters)
        coordinates: Coordinates = {
            "coefficients": self._coefficient_priors()[0],
            "log_sds": jnp.log(jnp.asarray(self.prior_sds, float)) - 1.0,
            "partial_correlations": jnp.zeros(count_correlations(size) * self.correlated),
            "effects": {n: jnp.zeros((g.levels, len(g.columns))) for n, g in self.grouped.items()},
            "effect_log_sds": {
                name: jnp.log(jnp.asarray(part.prior_sds, float)) - 1.0
                for name, part in self.grouped.items()
            },
            "effect_partial_correlations": {
                name: jnp.zeros(count_correlations(len(part.columns)))
                for name, part in self.grouped.items()
            },
        }
        means = self.expected(coordinates)
        return coordinates | {"subjects": self.to_coordinates(coordinates, means)}

    def draw(self, key: Array) -> Coordinates:
        """Coordinates from the priors."""
        zero = self.initialise()
        keys = iter(jax.random.split(key, 4 + 3 * len(self.grouped)))
        means, sds = self._coefficient_priors()
        normal = jax.random.normal(next(keys), means.shape, means.dtype)
        coordinates: Coordinates = {
            "coefficients": means + sds * normal,
            "log_sds": draw_log_half_normal(next(keys), self.prior_sds),
            "partial_correlations": zero["partial_correlations"],
            "effects": {},
            "effect_log_sds": {},
            "effect_partial_correlations": {},
        }
        if self.correlated:
            drawn = draw_partial_correlations(next(keys), len(self.parameters))
            coordinates["partial_correlations"] = drawn
        for name, part in self.grouped.items():
            effects = jax.random.normal(next(keys), zero["effects"][name].shape)
            coordinates["effects"][name] = effects
            logs = draw_log_half_normal(next(keys), part.prior_sds)
            coordinates["effect_log_sds"][name] = logs
            drawn = draw_partial_correlations(next(keys), len(part.columns))
            coordinates["effect_partial_correlations"][name] = drawn
        scores = jax.random.normal(next(keys), zero["subjects"].shape)
        noncentred = dataclasses.replace(self, centred=(False,) * len(self.parameters))
        parameters, _ = noncentred.evaluate(coordinates | {"subjects": scores})
        return coordinates | {"subjects": self.to_coordinates(coordinates, parameters)}

    def expected(self, coordinates: Coordinates) -> Array:
        """What is expected of every subject, of shape (subjects, parameters)."""
        columns: list[Array] = []
        start = 0
        for name, design in zip(self.parameters, self.designs, strict=True):
            end = start + len(design.terms)
            column = jnp.asarray(design.fixed, float) @ coordinates["coefficients"][start:end]
            for part in design.grouped:
                effects = self.effects(coordinates, f"{name}:{part.factor}")
                column = column + part.add_to_means(effects)
            columns.append(column)
            start = end
        return jnp.stack(columns, axis=-1)

    def effects(self, coordinates: Coordinates, name: str) -> Array:
        """Effects of every level, of shape (levels, columns), from their standardised coordinates."""
        sds = jnp.exp(coordinates["effect_log_sds"][name])
        factor = correlation_factor(coordinates["effect_partial_correlations"][name], len(sds))
        return (coordinates["effects"][name] @ factor.T) * sds[None]

    def factor(self, coordinates: Coordinates) -> Array:
        """The Cholesky factor of the correlation between parameters."""
        size = len(self.parameters)
        if self.correlated:
            return correlation_factor(coordinates["partial_correlations"], size)
        return jnp.eye(size, dtype=coordinates["log_sds"].dtype)

    def evaluate(self, coordinates: Coordinates) -> tuple[Array, Array]:
        """The subjects' parameters, (subjects, parameters), and the log density of all coordinates."""
        sds = jnp.exp(coordinates["log_sds"])
        means, factor = self.expected(coordinates), self.factor(coordinates)
        parameters, density = from_coordinates(
            coordinates["subjects"], means, sds, factor, self.centred
        )
        effects = sum((jnp.sum(log_normal(e)) for e in coordinates["effects"].values()), start=0.0)
        return parameters, density + effects + self.log_hyperprior(coordinates)

    def to_coordinates(self, coordinates: Coordinates, parameters: Array) -> Array:
        """The coordinates ``subjects`` of subjects with some parameters, all else being known."""
        sds = jnp.exp(coordinates["log_sds"])
        means, factor = self.expected(coordinates), self.factor(coordinates)
        return invert_coordinates(parameters, means, sds, factor, self.centred)

    def log_hyperprior(self, coordinates: Coordinates) -> Array:
        """Log density of coefficients, standard deviations and correlations, in coordinates."""
        means, sds = self._coefficient_priors()
        scores = (coordinates["coefficients"] - means) / sds
        return jnp.sum(log_normal(scores) - jnp.log(sds)) + self.log_scatter_prior(coordinates)

    def log_scatter_prior(self, coordinates: Coordinates) -> Array:
        """Log density of standard deviations and correlations, in coordinates."""
        density = jnp.sum(log_half_normal(coordinates["log_sds"], self.prior_sds))
        if self.correlated:
            partials = coordinates["partial_correlations"]
            density = density + log_lkj(partials, len(self.parameters))
        for name, part in self.grouped.items():
            logs = coordinates["effect_log_sds"][name]
            partials = coordinates["effect_partial_correlations"][name]
            density = density + jnp.sum(log_half_normal(logs, part.prior_sds))
            density = density + log_lkj(partials, len(part.columns))
        return density

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of the coefficients, as in ``"x2.tonic_volatility:Intercept"``."""
        designs = zip(self.parameters, self.designs, strict=True)
        return tuple(f"{name}:{term}" for name, design in designs for term in design.terms)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters, in the order of :meth:`hyperparameters`."""
        names = [*self.coefficient_names, *(f"{name}:sd" for name in self.parameters)]
        for name, part in self.grouped.items():
            whose = name.removesuffix(f":{part.factor}")
            names += [f"{whose}:{effect}" for effect in part.names]
            pairs = name_pairs(part.columns)
            names += [f"{whose}:correlation({pair}|{part.factor})" for pair in pairs]
        if self.correlated:
            names += [f"correlation({pair})" for pair in name_pairs(self.parameters)]
        return tuple(names)

    def hyperparameters(self, coordinates: Coordinates) -> dict[str, Array]:
        """Coefficients, standard deviations and correlations by name."""
        values = [*coordinates["coefficients"], *jnp.exp(coordinates["log_sds"])]
        for name in self.grouped:
            values += list(jnp.exp(coordinates["effect_log_sds"][name]))
            size = len(self.grouped[name].columns)
            partials = coordinates["effect_partial_correlations"][name]
            values += list_correlations(partials, size)
        if self.correlated:
            partials = coordinates["partial_correlations"]
            values += list_correlations(partials, len(self.parameters))
        return dict(zip(self.names, values, strict=True))

    def _coefficient_priors(self) -> tuple[Array, Array]:
        """Prior means and standard deviations of all coefficients in a row."""
        means = [jnp.asarray(design.prior_means, float) for design in self.designs]
        sds = [jnp.asarray(design.prior_sds, float) for design in self.designs]
        return jnp.concatenate(means), jnp.concatenate(sds)


def from_coordinates(
    coordinates: Array, means: Array, sds: Array, factor: Array, centred: tuple[bool, ...]
) -> tuple[Array, Array]:
    """Parameters of subjects, of shape (subjects, parameters), and the log density of their coordinates.

    A parameter is its mean and standard deviation times a sum of standard normal scores, of which those of
    earlier parameters have the weights that the factor of the correlation says. Where a parameter is centred,
    its coordinate is the parameter, and the score follows; elsewhere its coordinate is the score.
    """
    scores: list[Array] = []
    parameters: list[Array] = []
    density = jnp.zeros((), coordinates.dtype)
    for index, is_centred in enumerate(centred):
        given, mean = coordinates[:, index], means[:, index]
        shared = shared_score(scores, factor, index)
        if is_centred:
            score = ((given - mean) / sds[index] - shared) / factor[index, index]
            volume = jnp.log(sds[index]) + jnp.log(factor[index, index])
            parameter, density = given, density - volume * given.shape[0]
        else:
            score = given
            parameter = mean + sds[index] * (shared + factor[index, index] * score)
        density = density + jnp.sum(log_normal(score))
        scores.append(score)
        parameters.append(parameter)
    return jnp.stack(parameters, axis=-1), density


def invert_coordinates(
    parameters: Array, means: Array, sds: Array, factor: Array, centred: tuple[bool, ...]
) -> Array:
    """Coordinates of subjects of whom :func:`from_coordinates` makes these parameters."""
    scores: list[Array] = []
    coordinates: list[Array] = []
    for index, is_centred in enumerate(centred):
        away = (parameters[:, index] - means[:, index]) / sds[index]
        score = (away - shared_score(scores, factor, index)) / factor[index, index]
        scores.append(score)
        coordinates.append(parameters[:, index] if is_centred else score)
    return jnp.stack(coordinates, axis=-1)


def shared_score(scores: list[Array], factor: Array, index: int) -> Array:
    """What the scores of earlier parameters add to one."""
    shared = [factor[index, earlier] * score for earlier, score in enumerate(scores)]
    return sum(shared[1:], start=shared[0]) if shared else jnp.zeros((), factor.dtype)


def log_normal(scores: Array) -> Array:
    """Log density of standard normal numbers, each."""
    return -0.5 * (scores**2 + jnp.log(2 * jnp.pi))


def log_half_normal(logs: Array, sds: AnyArray) -> Array:
    """Log density of the logarithms of absolute values of normal numbers around zero, each."""
    sds = jnp.asarray(sds, float)
    scores = jnp.exp(logs) / sds
    return 0.5 * jnp.log(2 / jnp.pi) - jnp.log(sds) - 0.5 * scores**2 + logs


def draw_log_half_normal(key: Array, sds: AnyArray) -> Array:
    """Logarithms of absolute values of normal numbers."""
    sds = jnp.asarray(sds, float)
    # The square of a normal variable is twice a gamma variable of shape one half.
    halves = jax.random.loggamma(key, jnp.full(sds.shape, 0.5))
    return 0.5 * (halves + jnp.log(2.0)) + jnp.log(sds)


def count_correlations(size: int) -> int:
    """How many correlations so many variables have."""
    return size * (size - 1) // 2


def list_pairs(size: int) -> list[tuple[int, int]]:
    """The later and the earlier variable of every correlation, in the order of the numbers."""
    return [(later, earlier) for later in range(size) for earlier in range(later)]


def name_pairs(names: tuple[str, ...]) -> list[str]:
    """Every pair by the names of both, the earlier one's first."""
    return [f"{names[earlier]},{names[later]}" for later, earlier in list_pairs(len(names))]


def list_correlations(partials: Array, size: int) -> list[Array]:
    """Every correlation, in the order of the pairs."""
    factor = correlation_factor(partials, size)
    whole = factor @ factor.T
    return [whole[later, earlier] for later, earlier in list_pairs(size)]


def correlation_factor(partials: Array, size: int) -> Array:
    """The lower Cholesky factor of the correlation matrix, of shape (size, size)."""
    rows: list[Array] = []
    given = iter(jnp.tanh(partials))
    for row in range(size):
        left = jnp.ones((), partials.dtype)
        entries: list[Array] = []
        for _ in range(row):
            partial = next(given)
            entries.append(partial * jnp.sqrt(left))
            left = left * (1 - partial**2)
        entries.append(jnp.sqrt(left))
        entries += [jnp.zeros((), partials.dtype)] * (size - row - 1)
        rows.append(jnp.stack(entries))
    return jnp.stack(rows)


def lkj_shapes(size: int) -> np.ndarray:
    """Both shapes of the beta distribution of every partial correlation."""
    return np.array(
        [LKJ_CONCENTRATION + (size - 2 - earlier) / 2 for _, earlier in list_pairs(size)]
    )


def log_lkj(partials: Array, size: int) -> Array:
    """Log density of transformed partial correlations under the LKJ distribution."""
    if size < 2:
        return jnp.zeros((), partials.dtype)
    shapes = jnp.asarray(lkj_shapes(size), partials.dtype)
    sizes = jnp.abs(partials)
    log_cosh = sizes + jnp.log1p(jnp.exp(-2 * sizes)) - jnp.log(2.0)
    normaliser = (2 * shapes - 1) * jnp.log(2.0) + betaln(shapes, shapes)
    return jnp.sum(-2 * shapes * log_cosh - normaliser)


def draw_partial_correlations(key: Array, size: int) -> Array:
    """Transformed partial correlations from the LKJ distribution."""
    shapes = jnp.asarray(lkj_shapes(size), float)
    one, other = jax.random.split(key)
    # Half the log ratio of two gamma variables is the transformed, stretched beta variable.
    logs = [jax.random.loggamma(own, shapes) for own in (one, other)]
    return 0.5 * (logs[0] - logs[1])
