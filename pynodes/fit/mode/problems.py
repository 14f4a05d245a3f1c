"""Problems: estimates that lie where they should not be relied on, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import DataError
from pynodes._inference.sharding import map_over_devices
from pynodes._inference.transforms import Logit
from pynodes._typing import Array
from pynodes.fit.agent.arrays import design_arrays, response_rows, scored_rows, to_arrays
from pynodes.fit.agent.conditions import lacking_levels
from pynodes.fit.agent.failures import failure_message, trial_label
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import (
    Model,
    plain_log_likelihoods,
    subject_log_likelihoods,
)
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials

if TYPE_CHECKING:
    from pynodes.fit.mode.map_fit import MapFit

REMOTE = 4.0
"""Prior standard deviations from the prior's mean beyond which an estimate is remote."""

NEAR = 7.0
"""Size of a logit from which a value is at its bound: within a thousandth of the range."""

ALIKE = 0.95
"""Posterior correlation from which two parameters can hardly be told apart."""


def find_at_bound(fit: MapFit) -> np.ndarray:
    """Which estimates lie within a thousandth of the range from a bound, of those between two."""
    bounded = [isinstance(prior.transform, Logit) for prior in fit.agent.priors.values()]
    return (np.abs(fit.posterior.unconstrained) > NEAR) & np.array(bounded)


def find_remote(fit: MapFit) -> np.ndarray:
    """Which estimates lie farther from the prior's mean than it supposes."""
    priors = fit.agent.priors.values()
    mean = np.array([float(prior.unconstrained_mean) for prior in priors])
    sd = np.array([float(prior.unconstrained_sd) for prior in priors])
    return np.abs(fit.posterior.unconstrained - mean) > REMOTE * sd


def find_fragile(fit: MapFit) -> np.ndarray:
    """Beside which estimates filtering fails, a posterior standard deviation away."""
    model = fit.agent.model
    own = to_arrays(model, fit.trials), fit.posterior.unconstrained, fit.posterior_sd
    return map_over_devices(fails_beside, model, own)


@jax.jit
def fails_beside(model: Model, own: tuple[Sequences, Array, Array]) -> Array:
    """Whether filtering fails so far from some values, by subject and free value.

    Parameters
    ----------
    model
        The agent.
    own
        What every subject saw and did, and of shape (subjects, free values) where to look and how far away.
    """
    sequences, unconstrained, sd = own
    away = jnp.eye(unconstrained.shape[1], dtype=unconstrained.dtype)[:, None] * sd[None]
    around = jnp.stack([unconstrained[None] + away, unconstrained[None] - away])
    over = jax.vmap(plain_log_likelihoods, in_axes=(0, None, None))
    over = jax.vmap(over, in_axes=(0, None, None))
    return jnp.any(~jnp.isfinite(over(around, model, sequences)), axis=0).T


def describe_fit_problems(fit: MapFit) -> list[str]:
    """What went wrong or may mislead, a sentence each."""
    edges = find_at_bound(fit), find_remote(fit), fit._fragile
    return [*describe_units(fit), *describe_contradictions(fit)] + [
        sentence
        for index in range(len(fit))
        for sentence in describe_subject(fit, index, *(which[index] for which in edges))
    ]


def describe_units(fit: MapFit) -> Iterator[str]:
    """Responses whose units are others than their parameters are for."""
    columns = fit.trials.roles.actions or {}
    for stream, part in streams_of(fit.agent.response).items() if fit.agent.response else ():
        rows = np.where(fit.trials.frozen, np.nan, fit.trials.numbers(columns[stream][0]))
        doubt = part.doubt(rows) if np.isfinite(rows).any() else None
        if doubt:
            yield f"The responses in {columns[stream][0]!r} {doubt}"


def describe_subject(
    fit: MapFit, index: int, bounded: np.ndarray, far: np.ndarray, failing: np.ndarray
) -> Iterator[str]:
    """The problems of one subject, of whose estimates some lie at a bound, far out, or near a failure."""
    found = fit.posterior
    label = fit.trials.label(fit.subjects[index])
    who = f"{label[0].upper()}{label[1:]}: " if fit.trials.roles.by else ""
    if fit._counts[index] == 0:
        yield f"{who}no trial bears on the likelihood, so that estimates are the prior's modes."
    yield from describe_levels(fit, index, who)
    if not np.isfinite(found.log_joint[index]):
        mean = np.array([float(prior.unconstrained_mean) for prior in fit.agent.priors.values()])
        impossible = locate_impossible_response(fit, index, mean)
        if impossible:
            yield f"{who}{impossible}"
            return
        yield (
            f"{who}filtering failed at every start{locate_failure(fit, index, mean)}. Choose priors of "
            "smaller volatilities, more starts, or another expansion than 'standard'; check_priors() counts "
            "failures."
        )
        return
    yield from describe_guess(fit, index, who)
    if not found.converged[index]:
        yield f"{who}the search did not end at a mode. Give more starts, or more informative priors."
    if not found.definite[index]:
        yield (
            f"{who}the Hessian is not positive definite: some direction is fixed neither by data nor by "
            "priors. The evidence uses the prior's curvature there and is unreliable."
        )
    for number, name in enumerate(fit.names):
        if bounded[number]:
            yield f"{who}{name!r} is at a bound of its prior; its posterior is not Gaussian there."
        if far[number]:
            yield (
                f"{who}{name!r} is more than {REMOTE:g} prior standard deviations from the prior mean. "
                "Check whether prior and model suit this subject."
            )
        if failing[number]:
            yield (
                f"{who}one posterior standard deviation from the estimate of {name!r} filtering fails"
                f"{locate_failure_beside(fit, index, number)}: the evidence counts a region that is "
                "not there."
            )
    yield from describe_correlations(fit, index, who)


def describe_levels(fit: MapFit, index: int, who: str) -> Iterator[str]:
    """Conditions that a subject never was in."""
    splits = fit.agent.model.splits
    mine = fit.trials.of_subject(fit.subjects[index]) if splits else fit.trials
    for name, (column, level) in lacking_levels(splits, mine).items():
        yield (
            f"{who}no trial has {level!r} in {column!r}: the estimate of {name!r} is what was supposed "
            "before."
        )


def describe_guess(fit: MapFit, index: int, who: str) -> Iterator[str]:
    """Whether the fit predicts responses worse than a guess that knows nothing."""
    guess = guess_log_likelihood(fit.agent.model, fit.trials.of_subject(fit.subjects[index]))
    accuracy = float(np.atleast_1d(fit.accuracy)[index])
    if guess is not None and accuracy < guess:
        yield (
            f"{who}the fit predicts the responses worse than chance: log likelihood "
            f"{accuracy:.1f}, of chance {guess:.1f}. Check whether choices are coded the other way round, "
            "and whether trials are in order."
        )


def guess_log_likelihood(model: Model, trials: Trials) -> float | None:
    """Log likelihood of responses of which every option is as probable; None where there are no options."""
    if model.response is None:
        return None
    total = 0.0
    for stream, rows in response_rows(model, trials).items():
        count = streams_of(model.response)[stream].option_count
        if count is None:
            return None
        total -= np.log(count) * np.sum(~np.isnan(rows) & scored_rows(model, trials))
    return float(total)


def locate_impossible_response(fit: MapFit, index: int, unconstrained: Any) -> str:
    """The first response without a likelihood although filtering goes well, in words; empty if none."""
    model, trials = fit.agent.model, fit.trials
    values = model.constrain(jnp.asarray(unconstrained))
    own = jax.tree.map(lambda leaf: leaf[index : index + 1], to_arrays(model, trials))
    each = {name: jnp.asarray(value)[None] for name, value in values.items()}
    if failure_message(model, values, trials, design_arrays(model, trials), index) is not None:
        return ""
    for stream, found in subject_log_likelihoods(model, each, own).items():
        wrong = np.argwhere(~np.isfinite(np.asarray(found[0])))
        if len(wrong):
            here = np.array([index, *wrong[0]])
            rows = np.flatnonzero(np.abs(trials.layout.index.T - here).sum(axis=1) == 0)
            column = (trials.roles.actions or {}).get(stream, (stream,))[0]
            kind = (
                type(streams_of(model.response)[stream]).__name__ if model.response else "response"
            )
            given = (
                f" of {trials.numbers(column)[rows[0]]:g}" if model.response and rows.size else ""
            )
            return (
                f"the response{given} {trial_label(trials, rows)} has no likelihood although filtering goes "
                f"well: the log density of the {kind} is not finite there. Check whether it takes such a "
                "response, and the fields that it reads."
            )
    return ""


def describe_contradictions(fit: MapFit) -> Iterator[str]:
    """Where the choices that are learned from are not those that were done."""
    model, trials = fit.agent.model, fit.trials
    done = response_rows(model, trials)
    if set(done) != {ONLY}:
        return
    for name, columns in trials.roles.inputs.items():
        if name not in model.network.labels.required:
            continue
        seen = trials.numbers(columns[0], "inputs")
        both = np.isfinite(seen) & np.isfinite(done[ONLY]) & ~trials.frozen
        apart = int(np.sum(both & (seen != done[ONLY])))
        if apart:
            action = (trials.roles.actions or {})[ONLY][0]
            yield (
                f"in {apart} of {int(both.sum())} trials {name!r}, which is learned from (column "
                f"{columns[0]!r}), differs from the response (column {action!r}). If both are the subject's "
                "choices, code them alike."
            )


def locate_failure_beside(fit: MapFit, index: int, number: int) -> str:
    """Where filtering fails one posterior standard deviation from an estimate, in words."""
    for sign in (1.0, -1.0):
        unconstrained = np.array(fit.posterior.unconstrained[index])
        unconstrained[number] += sign * fit.posterior_sd[index, number]
        where = locate_failure(fit, index, unconstrained)
        if where:
            return where
    return ""


def locate_failure(fit: MapFit, index: int, unconstrained: Any) -> str:
    """In which trial of a subject filtering fails under some values, in words; empty if in none."""
    model = fit.agent.model
    values = model.constrain(jnp.asarray(unconstrained))
    where = failure_message(model, values, fit.trials, design_arrays(model, fit.trials), index)
    return "" if where is None else f" ({where})"


def describe_correlations(fit: MapFit, index: int, who: str) -> Iterator[str]:
    """Pairs of parameters that the data do not tell apart."""
    sd = fit.posterior_sd[index]
    correlation = fit.posterior.covariance[index] / np.outer(sd, sd)
    for one in range(len(fit.names)):
        for other in range(one + 1, len(fit.names)):
            if abs(correlation[one, other]) > ALIKE:
                yield (
                    f"{who}{fit.names[one]!r} and {fit.names[other]!r} correlate by "
                    f"{correlation[one, other]:.2f} in the posterior: the data hardly tell them apart."
                )


def check_own_prior(fit: MapFit) -> None:
    """A fit is under the agent's own priors.

    Raises
    ------
    DataError
        Its prior is a population.
    """
    if fit.settings.get("prior") == "population":
        raise DataError(
            "These estimates have their population as a prior, which cannot be removed. Fit "
            "the same trials with fit_map, under the agent's own priors."
        )
