"""Every response once or more, with beliefs to read and what else it must know."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes import responses as pr

TRIALS = 12

ARMS = ("left.predicted_mean", "middle.predicted_mean", "right.predicted_mean")


def beliefs(trials: int = TRIALS, seed: int = 3) -> dict[str, SimpleNamespace]:
    """Moderate beliefs of an outcome, of states above it, and about three arms."""
    rng = np.random.default_rng(seed)

    def node(**means: Any) -> SimpleNamespace:
        precisions = {
            name: np.exp(rng.normal(0.5, 0.4, trials))
            for name in ("precision", "predicted_precision")
        }
        return SimpleNamespace(**precisions, **means)

    def wandering(center: float, scale: float) -> dict[str, Any]:
        return {
            "mean": rng.normal(center, scale, trials),
            "predicted_mean": rng.normal(center, scale, trials),
        }

    outcome = {
        "mean": (rng.random(trials) < 0.6).astype(float),
        "predicted_mean": rng.uniform(0.1, 0.9, trials),
    }
    arms = {
        name: node(**wandering(0.5, 0.4))
        for name in (address.partition(".")[0] for address in ARMS)
    }
    happened = {"mean": np.ones(trials), "predicted_mean": rng.uniform(0.05, 0.9, trials)}
    vector = rng.dirichlet(np.ones(4), trials)
    return {
        "u": node(**outcome),
        "x2": node(**wandering(0.2, 1.0)),
        "x3": node(**wandering(0.3, 0.5)),
        "transition": node(**happened),
        "state": node(**wandering(-0.5, 1.0)),
        "v": SimpleNamespace(predicted_mean=vector),
        **arms,
    }


def custom(beliefs: Any, response: Any, scale: Any, reward: Any) -> Any:
    """Laplace noise around a belief that a reward shifts."""
    error = response - beliefs["x2"].mean - 0.3 * reward
    return -jnp.abs(error) / scale - jnp.log(2 * scale)


def ease(beliefs: Any) -> Any:
    """A regressor of one's own."""
    return jnp.tanh(beliefs["x2"].predicted_mean) * beliefs["x3"].mean


@dataclasses.dataclass(frozen=True)
class Case:
    """A response at work.

    Attributes
    ----------
    name
        What the test is called.
    response
        The response.
    covariates
        Names of the covariates it is given.
    support
        All responses there are, if they can be counted; else the ends of the interval they are in.
    """

    name: str
    response: Any
    covariates: tuple[str, ...] = ()
    support: tuple[float, ...] = (0.0, 1.0)
    continuous: bool = False

    def known(self, trials: int = TRIALS) -> dict[str, np.ndarray]:
        """Its covariates."""
        rng = np.random.default_rng(11)
        found = {
            "detection_rate": np.where(np.arange(trials) % 4 == 0, 0.0, rng.random(trials)),
            "reward_zero": rng.uniform(0.5, 2, trials),
            "reward_one": rng.uniform(0.5, 2, trials),
            "condition": (rng.random(trials) < 0.5).astype(float),
            "previous_choice": np.where(np.arange(trials) == 0, np.nan, np.arange(trials) % 3),
            "previous_reward": (rng.random(trials) < 0.5).astype(float),
            "reward": rng.normal(0, 1, trials),
        }
        return {name: found[name] for name in self.covariates}

    def responses(self, trials: int = TRIALS, seed: int = 5) -> np.ndarray:
        """Some responses that can be."""
        rng = np.random.default_rng(seed)
        if not self.continuous:
            return rng.choice(self.support, trials)
        low, high = self.support
        if math.isfinite(low):
            return rng.uniform(low + 0.05 * (high - low), high - 0.05 * (high - low), trials)
        return rng.normal(0.5, 1.0, trials)

    def __repr__(self) -> str:
        return self.name


LINE = (-math.inf, math.inf)
THREE = (0.0, 1.0, 2.0)
PAST = ("previous_choice", "previous_reward")
WEIGHTS = {
    "intercept": 0.2,
    "surprise": 0.3,
    "informational_uncertainty": -0.4,
    "environmental_uncertainty": 0.5,
    "variance": 0.4,
}
SPEED = {"gain": 0.6, "variance": 0.2}

CASES = [
    Case("sigmoid", pr.UnitSquareSigmoid(inverse_temperature=3.0)),
    Case(
        "sigmoid of a belief about volatility",
        pr.UnitSquareSigmoid(inverse_temperature=2.0, log_temperature="x3.predicted_mean"),
    ),
    Case("softmax of two", pr.BinarySoftmax(inverse_temperature=2.5)),
    Case(
        "softmax of two with rewards",
        pr.BinarySoftmax(inverse_temperature=1.5, log_temperature="x3.mean"),
        ("reward_zero", "reward_one"),
    ),
    Case("cumulative Gaussian", pr.CumulativeGaussian()),
    Case(
        "cumulative Gaussian over variance",
        pr.CumulativeGaussian(mean="x2.predicted_mean", exponent=1.0),
    ),
    Case(
        "conditioned hallucination",
        pr.ConditionedHallucination(inverse_temperature=4.0),
        ("detection_rate",),
    ),
    Case(
        "weighted hallucination",
        pr.WeightedHallucination(inverse_temperature=4.0, prior_weight=0.7),
        ("detection_rate",),
    ),
    Case(
        "hallucination weighted by volatility",
        pr.WeightedHallucination(log_prior_weight="x3.predicted_mean"),
        ("detection_rate",),
    ),
    Case("softmax", pr.Softmax(options=ARMS, inverse_temperature=2.0), support=THREE),
    Case(
        "softmax of a vector",
        pr.Softmax(options="v.predicted_mean", inverse_temperature=3.0, log_temperature="x3.mean"),
        support=(*THREE, 3.0),
    ),
    Case(
        "softmax with two temperatures",
        pr.TwoTemperatureSoftmax(
            options=ARMS, inverse_temperature_zero=0.5, inverse_temperature_one=4.0
        ),
        ("condition",),
        THREE,
    ),
    Case(
        "softmax with a memory",
        pr.StayShiftSoftmax(options=ARMS, inverse_temperature=2.0, win_bias=0.6, loss_bias=-0.4),
        PAST,
        THREE,
    ),
    Case(
        "softmax with a memory and a belief about volatility",
        pr.StayShiftSoftmax(options=ARMS, log_temperature="x3.mean", win_bias=-0.2, loss_bias=0.7),
        PAST,
        THREE,
    ),
    Case(
        "Gaussian",
        pr.GaussianResponse(belief="x2.mean", offset=0.3, variance=0.7),
        support=LINE,
        continuous=True,
    ),
    Case("beta", pr.BetaResponse(precision=24.0), continuous=True),
    Case("beta of a logit", pr.BetaResponse(belief="x2.mean", link="sigmoid"), continuous=True),
    Case(
        "reaction time",
        pr.LogReactionTime(outcome_uncertainty=-0.7, **WEIGHTS),
        support=LINE,
        continuous=True,
    ),
    Case(
        "minimal reaction time",
        pr.MinimalLogReactionTime(surprise=0.3, outcome_uncertainty=-0.7, variance=0.3),
        support=LINE,
        continuous=True,
    ),
    Case(
        "reaction time to a transition",
        pr.TransitionLogReactionTime(**WEIGHTS),
        support=LINE,
        continuous=True,
    ),
    *(
        Case(
            f"speed by {attention}",
            pr.ResponseSpeed(attention=attention, intercept_one=0.3, intercept_zero=0.1, **SPEED),
            support=LINE,
            continuous=True,
        )
        for attention in ("belief", "precision", "surprise")
    ),
    Case(
        "speed at a transition",
        pr.TransitionResponseSpeed(intercept=0.2, **SPEED),
        support=LINE,
        continuous=True,
    ),
    Case(
        "linear",
        pr.LinearResponse(
            terms=("x2.precision", ease), weights={"x2.precision": 0.2, "ease": -0.6}, variance=0.5
        ),
        support=LINE,
        continuous=True,
    ),
    Case(
        "one's own",
        pr.OwnResponse.of(custom, covariates=("reward",), scale=0.8),
        ("reward",),
        LINE,
        continuous=True,
    ),
]

SIMULATED = [case for case in CASES if case.name != "one's own"]
"""Those that predict and draw."""


def scored(case: Case) -> tuple[Any, dict[str, Any]]:
    """Log likelihoods of a case's own responses, and the derivatives of their sum by parameter."""

    def total(values: dict[str, Any]) -> Any:
        response = case.response.replace(values)
        found = response.log_likelihood(beliefs(), case.responses(), covariates=case.known())
        return jnp.sum(found), found

    numbers = {name: float(value) for name, value in case.response.parameters().items()}
    slopes, found = jax.jit(jax.grad(total, has_aux=True))(numbers)
    return found, slopes
