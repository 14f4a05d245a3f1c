"""Population: how the parameters of units are distributed, and what is supposed of that distribution.

The position of every unit is normal around what the designs say of it,

    position[unit, j] ~ Normal(mean[unit, j], deviation[j]),

independent between parameters or correlated. Numbers without bounds are its *coordinates*, a mapping:

* ``coefficients``, of fixed effects, of all parameters in a row;
* ``log_deviations``, one per parameter; ``partials``, of the correlations, if there are any;
* ``effects``, ``effect_log_deviations`` and ``effect_partials``, by the name of the grouped effects;
* ``units``, of shape (units, parameters): positions where a parameter is *centred*, else by how many
  deviations a position differs from what is expected of it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module, choice
from pynodes._typing import AnyArray, Array
from pynodes.fit.group import _correlation
from pynodes.fit.group._design import Design, Grouped
from pynodes.fit.group._scatter import log_half_normal, log_normal, scattered, settled

Coordinates = dict[str, Any]
"""Numbers without bounds that say what a population is like, and its units."""


class Population(Module):
    """The designs of all parameters, and the priors of what is unknown of their population.

    Attributes
    ----------
    parameters
        Their names.
    correlated
        Whether what designs leave of the parameters is correlated between them.
    centred
        Which parameters have positions for coordinates, and which their standardised differences.
    spreads
        Prior scale of the deviation of every parameter.
    designs
        Of every parameter.
    """

    parameters: tuple[str, ...] = choice()
    correlated: bool = choice(False)
    centred: tuple[bool, ...] = choice()
    spreads: AnyArray
    designs: tuple[Design, ...]

    @property
    def units(self) -> int:
        """How many units there are."""
        return self.designs[0].units

    @property
    def grouped(self) -> dict[str, Grouped]:
        """Grouped effects by name, as in ``"x2.tonic_volatility:site"``."""
        return {
            f"{name}:{part.factor}": part
            for name, design in zip(self.parameters, self.designs, strict=True)
            for part in design.grouped
        }

    def recentred(self, centred: dict[str, bool]) -> Population:
        """The same population, other parameters being centred."""
        known = dict(zip(self.parameters, self.centred, strict=True)) | centred
        return dataclasses.replace(self, centred=tuple(known[name] for name in self.parameters))

    def initial(self) -> Coordinates:
        """Coordinates at the centres of the priors, every unit as it is expected."""
        size = len(self.parameters)
        coefficients = jnp.concatenate([jnp.asarray(d.centres, float) for d in self.designs])
        found: Coordinates = {
            "coefficients": coefficients,
            "log_deviations": jnp.log(jnp.asarray(self.spreads, float)) - 1.0,
            "partials": jnp.zeros(_correlation.count_of(size) * self.correlated),
            "effects": {n: jnp.zeros((g.levels, len(g.columns))) for n, g in self.grouped.items()},
            "effect_log_deviations": {
                name: jnp.log(jnp.asarray(part.spreads, float)) - 1.0
                for name, part in self.grouped.items()
            },
            "effect_partials": {
                name: jnp.zeros(_correlation.count_of(len(part.columns)))
                for name, part in self.grouped.items()
            },
        }
        return found | {"units": self.unplaced(found, self.mean(found))}

    def mean(self, coordinates: Coordinates) -> Array:
        """What is expected of every unit, of shape (units, parameters)."""
        columns: list[Array] = []
        start = 0
        for name, design in zip(self.parameters, self.designs, strict=True):
            end = start + len(design.terms)
            column = jnp.asarray(design.fixed, float) @ coordinates["coefficients"][start:end]
            for part in design.grouped:
                column = column + part.mean(self.effects_at(coordinates, f"{name}:{part.factor}"))
            columns.append(column)
            start = end
        return jnp.stack(columns, axis=-1)

    def effects_at(self, coordinates: Coordinates, name: str) -> Array:
        """Effects of every level, of shape (levels, columns), from their standardised coordinates."""
        deviations = jnp.exp(coordinates["effect_log_deviations"][name])
        factor = _correlation.factor_of(coordinates["effect_partials"][name], len(deviations))
        return (coordinates["effects"][name] @ factor.T) * deviations[None]

    def factor(self, coordinates: Coordinates) -> Array:
        """The Cholesky factor of the correlation between parameters."""
        size = len(self.parameters)
        if self.correlated:
            return _correlation.factor_of(coordinates["partials"], size)
        return jnp.eye(size, dtype=coordinates["log_deviations"].dtype)

    def placed(self, coordinates: Coordinates) -> tuple[Array, Array]:
        """The units' positions, of shape (units, parameters), and the log density of all coordinates."""
        deviations = jnp.exp(coordinates["log_deviations"])
        mean, factor = self.mean(coordinates), self.factor(coordinates)
        positions, density = scattered(coordinates["units"], mean, deviations, factor, self.centred)
        effects = sum((jnp.sum(log_normal(e)) for e in coordinates["effects"].values()), start=0.0)
        return positions, density + effects + self.log_hyperprior(coordinates)

    def log_hyperprior(self, coordinates: Coordinates) -> Array:
        """Log density of coefficients, deviations and correlations, per unit of their coordinates."""
        centres, spreads = (
            jnp.concatenate([jnp.asarray(getattr(d, which), float) for d in self.designs])
            for which in ("centres", "spreads")
        )
        scores = (coordinates["coefficients"] - centres) / spreads
        found = jnp.sum(log_normal(scores) - jnp.log(spreads))
        return found + self.log_deviation_prior(coordinates)

    def log_deviation_prior(self, coordinates: Coordinates) -> Array:
        """Log density of deviations and correlations, per unit of their coordinates."""
        found = jnp.sum(log_half_normal(coordinates["log_deviations"], self.spreads))
        if self.correlated:
            found = found + _correlation.log_density(coordinates["partials"], len(self.parameters))
        for name, part in self.grouped.items():
            logs = coordinates["effect_log_deviations"][name]
            partials = coordinates["effect_partials"][name]
            found = found + jnp.sum(log_half_normal(logs, part.spreads))
            found = found + _correlation.log_density(partials, len(part.columns))
        return found

    def unplaced(self, coordinates: Coordinates, positions: Array) -> Array:
        """The coordinates ``units`` of units at some positions, all else being known."""
        deviations = jnp.exp(coordinates["log_deviations"])
        mean, factor = self.mean(coordinates), self.factor(coordinates)
        return settled(positions, mean, deviations, factor, self.centred)

    def drawn(self, key: Array) -> Coordinates:
        """Coordinates drawn from the priors."""
        tree = self.initial()
        keys = iter(jax.random.split(key, 4 + 3 * len(self.grouped)))
        centres, spreads = (
            jnp.concatenate([jnp.asarray(getattr(d, which), float) for d in self.designs])
            for which in ("centres", "spreads")
        )
        normal = jax.random.normal(next(keys), centres.shape, centres.dtype)
        found: Coordinates = {
            "coefficients": centres + spreads * normal,
            "log_deviations": drawn_log_deviations(next(keys), self.spreads),
            "partials": tree["partials"],
            "effects": {},
            "effect_log_deviations": {},
            "effect_partials": {},
        }
        if self.correlated:
            found["partials"] = _correlation.drawn(next(keys), len(self.parameters))
        for name, part in self.grouped.items():
            found["effects"][name] = jax.random.normal(next(keys), tree["effects"][name].shape)
            logs = drawn_log_deviations(next(keys), part.spreads)
            found["effect_log_deviations"][name] = logs
            found["effect_partials"][name] = _correlation.drawn(next(keys), len(part.columns))
        scores = jax.random.normal(next(keys), tree["units"].shape)
        apart = dataclasses.replace(self, centred=(False,) * len(self.parameters))
        positions, _ = apart.placed(found | {"units": scores})
        return found | {"units": self.unplaced(found, positions)}

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of the coefficients, as in ``"x2.tonic_volatility:Intercept"``."""
        designs = zip(self.parameters, self.designs, strict=True)
        return tuple(f"{name}:{term}" for name, design in designs for term in design.terms)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of everything that is unknown of the population, as :meth:`named` gives it."""
        return tuple(self.named(self.initial()))

    def named(self, coordinates: Coordinates) -> dict[str, Array]:
        """Coefficients, deviations and correlations by name."""
        found = dict(zip(self.coefficient_names, coordinates["coefficients"], strict=True))
        deviations = jnp.exp(coordinates["log_deviations"])
        for name, deviation in zip(self.parameters, deviations, strict=True):
            found[f"{name}:deviation"] = deviation
        for name, part in self.grouped.items():
            whose = name.removesuffix(f":{part.factor}")
            logs = coordinates["effect_log_deviations"][name]
            for effect, log in zip(part.names, logs, strict=True):
                found[f"{whose}:{effect}"] = jnp.exp(log)
            partials = coordinates["effect_partials"][name]
            for pair, value in correlations(partials, part.columns).items():
                found[f"{whose}:correlation({pair}|{part.factor})"] = value
        if self.correlated:
            for pair, value in correlations(coordinates["partials"], self.parameters).items():
                found[f"correlation({pair})"] = value
        return found


def correlations(partials: Array, names: tuple[str, ...]) -> dict[str, Array]:
    """Every correlation by the names of both, the earlier one's first."""
    factor = _correlation.factor_of(partials, len(names))
    whole = factor @ factor.T
    return {
        f"{names[earlier]},{names[later]}": whole[later, earlier]
        for later, earlier in _correlation.pairs_of(len(names))
    }


def drawn_log_deviations(key: Array, spreads: AnyArray) -> Array:
    """Logarithms of the sizes of normal numbers."""
    spreads = jnp.asarray(spreads, float)
    # The square of a normal variable is twice a gamma variable of shape one half.
    halves = jax.random.loggamma(key, jnp.full(spreads.shape, 0.5))
    return 0.5 * (halves + jnp.log(2.0)) + jnp.log(spreads)
