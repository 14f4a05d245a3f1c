"""Default priors of four perceptual models of the TAPAS HGF toolbox 7.1.2, and draws from them.

Facts from its configuration files: Gaussians, given by mean and variance, of a parameter or of its
logarithm. Fixed parameters are left at their values by the networks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MODELS = ("hgf_binary", "ehgf_binary", "hgf", "ehgf")
FIRST = 20
"""So many first observations set the scale of a continuous model."""


class Prior(NamedTuple):
    """A Gaussian over a parameter, over its logarithm, or over minus the logarithm."""

    mean: float
    variance: float
    space: str = "native"

    def draws(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Values of the parameter itself."""
        values = random.normal(self.mean, np.sqrt(self.variance), count)
        return {"native": values, "log": np.exp(values), "-log": np.exp(-values)}[self.space]


def priors(model: str, series: np.ndarray) -> dict[str, Prior]:
    """The prior of every free parameter, by the name it has in pynodes."""
    if model == "hgf_binary":
        return {"x2.tonic_volatility": Prior(-3, 16), "x3.tonic_volatility": Prior(-6, 16)}
    if model == "ehgf_binary":
        return {"x2.tonic_volatility": Prior(-3, 4), "x3.tonic_volatility": Prior(2, 4)}
    variance = float(np.var(series[:FIRST]))
    log_variance = float(np.log(variance))
    return {
        "x1.initial_mean": Prior(float(series[0]), variance),
        "x1.initial_precision": Prior(log_variance, 1, "-log"),
        "x2.initial_precision": Prior(np.log(0.1), 1, "-log"),
        "x1.tonic_volatility": Prior(log_variance, 16),
        "x2.tonic_volatility": Prior(-4, 16),
        "u.precision": Prior(-log_variance, 4, "log"),
    }


def drawn(model: str, series: np.ndarray, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws of all free parameters, each of shape (count,)."""
    random = np.random.default_rng(seed)
    return {name: prior.draws(count, random) for name, prior in priors(model, series).items()}
