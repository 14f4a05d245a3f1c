"""Regression: the sums from which the evidence of every set of parents follows.

Where parents are known and strengths do not drift, the evidence of a child's parents depends on the series
through the products of its terms with one another and with the child alone. So one pass gives the evidence
of every subset, exactly. Arrays are NumPy's in double precision, whatever JAX is set to: differences of
large sums matter here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln

from pynodes.nodes import RegressionInput


@dataclasses.dataclass(frozen=True, eq=False)
class Regression:
    """A child's terms and observations as sums, with the prior of its strengths.

    Variances of strengths are in units of the noise variance, whether that is learned or known.

    Attributes
    ----------
    gram, moment, square, count
        Products of the terms with one another, of the terms with the observations and of these with
        themselves, and how many were observed.
    mean, precision
        Of the strengths' prior.
    shape, scale
        Of the noise variance's prior; no shape if the noise variance is known to be the scale.
    """

    gram: np.ndarray
    moment: np.ndarray
    square: float
    count: float
    mean: np.ndarray
    precision: np.ndarray
    shape: float | None
    scale: float

    @classmethod
    def from_series(
        cls, node: RegressionInput, terms: np.ndarray, values: np.ndarray
    ) -> Regression:
        """The sums of a series of terms, of shape (time, terms), and of observations."""
        square, count = float(values @ values), float(len(values))
        return cls.from_sums(node, terms.T @ terms, terms.T @ values, square, count)

    @classmethod
    def from_sums(
        cls,
        node: RegressionInput,
        gram: np.ndarray,
        moment: np.ndarray,
        square: float,
        count: float,
        places: np.ndarray | slice = slice(None),
    ) -> Regression:
        """The same from sums, for some places among the strengths of the node."""
        mean, precision, shape, scale = read_strength_prior(node)
        mean, precision = mean[places], precision[places]
        return cls(gram, moment, square, count, mean, precision, shape, scale)

    @classmethod
    def from_belief(cls, node: RegressionInput, memory: Any) -> Regression:
        """The same sums, from what a node believes after a series without drift."""
        mean, precision, shape, scale = read_strength_prior(node)
        unit = 1.0 if shape is not None else scale
        belief = {name: np.asarray(memory[name], float) for name in ("mean", "covariance")}
        inverse = unit * np.linalg.inv(belief["covariance"])
        pull = inverse @ belief["mean"]
        grown = 2 * (float(memory["scale"]) - float(np.asarray(node.noise_scale)))
        quadratic = belief["mean"] @ pull - np.sum(precision * mean**2)
        return cls(
            gram=inverse - np.diag(precision),
            moment=pull - precision * mean,
            square=grown * (1.0 if shape is not None else unit) + float(quadratic),
            count=2 * (float(memory["shape"]) - float(np.asarray(node.noise_shape))),
            mean=mean,
            precision=precision,
            shape=shape,
            scale=scale,
        )

    @property
    def augmented(self) -> np.ndarray:
        """Posterior precision of the strengths, bordered by what pulls them and by the square."""
        size = len(self.moment)
        whole = np.empty((size + 1, size + 1))
        whole[:size, :size] = self.gram + np.diag(self.precision)
        whole[:size, size] = whole[size, :size] = self.moment + self.precision * self.mean
        whole[size, size] = self.square
        return whole

    def table(self, certain: int = 0) -> np.ndarray:
        """Log evidence of every subset, the first term being the highest binary digit of its number.

        The first so many terms are certain: they are on in all subsets, and no digits of the number.
        """
        return tabulate([self], certain)[0]

    def evidence(self, masks: np.ndarray) -> np.ndarray:
        """Log evidence of some subsets, of shape (subsets, terms)."""
        precision, pull, residual = self.solve(masks)
        del pull
        _, log_det = np.linalg.slogdet(precision)
        return self.log_evidence(log_det - masks @ np.log(self.precision), residual)

    def strengths(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and variance of the strengths in every subset; zero where a term is off."""
        precision, mean, residual = self.solve(masks)
        variances = np.einsum("gii->gi", np.linalg.inv(precision)) * masks
        return mean * masks, variances * self.noise(residual)[:, None]

    def noise(self, residual: np.ndarray) -> np.ndarray:
        """Expected noise variance, given what the strengths leave of the square."""
        if self.shape is None:
            return np.full(len(residual), self.scale)
        above = max(self.shape + self.count / 2 - 1, 0.5)
        return (self.scale + residual / 2) / above

    def solve(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Posterior precision and mean of every subset, and what they leave of the square."""
        whole, masks = self.augmented, np.asarray(masks, float)
        both = masks[:, :, None] * masks[:, None, :]
        precision = both * whole[:-1, :-1] + np.einsum(
            "gi,ij->gij", 1 - masks, np.eye(masks.shape[1])
        )
        pull = masks * whole[:-1, -1]
        mean = np.linalg.solve(precision, pull[..., None])[..., 0] if pull.size else pull
        residual = (
            self.square + masks @ (self.precision * self.mean**2) - np.sum(pull * mean, axis=1)
        )
        return precision, mean, residual

    def log_evidence(self, log_det: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """From determinants, relative to the prior's, and what is left of the square."""
        width = -0.5 * self.count * math.log(2 * math.pi) - 0.5 * log_det
        if self.shape is None:
            return width - 0.5 * self.count * math.log(self.scale) - residual / (2 * self.scale)
        shape = self.shape + self.count / 2
        constant = self.shape * math.log(self.scale) + gammaln(shape) - gammaln(self.shape)
        return width + constant - shape * np.log(self.scale + residual / 2)

    def select(self, terms: np.ndarray) -> Regression:
        """The same with some of the terms, in another order."""
        return dataclasses.replace(
            self,
            gram=self.gram[np.ix_(terms, terms)],
            moment=self.moment[terms],
            mean=self.mean[terms],
            precision=self.precision[terms],
        )

    def with_spread(self, factor: float) -> Regression:
        """The same with prior standard deviations of strengths that are so many times larger."""
        return dataclasses.replace(self, precision=self.precision / factor**2)


def tabulate(regressions: Sequence[Regression], certain: int) -> list[np.ndarray]:
    """Log evidence of every subset of some children's terms, of which each has as many; see ``table``.

    Terms are eliminated one after another, from all matrices that have arisen: half of them keep the
    row that is dropped in the other half.
    """
    count, size = len(regressions), len(regressions[0].moment)
    matrices = np.stack([one.augmented for one in regressions])[:, None]
    precisions = np.stack([one.precision for one in regressions])
    offsets = precisions * np.stack([one.mean for one in regressions]) ** 2
    log_det, offset = np.zeros((count, 1)), np.zeros((count, 1))
    for number in range(size):
        pivot, border = matrices[..., 0, 0], matrices[..., 0, 1:]
        without = matrices[..., 1:, 1:]
        scaled = border / pivot[..., None]
        eliminated = without - border[..., :, None] * scaled[..., None, :]
        grown = log_det + np.log(pivot / precisions[:, number, None])
        added = offset + offsets[:, number, None]
        if number < certain:
            matrices, log_det, offset = eliminated, grown, added
            continue
        matrices = np.stack([without, eliminated], axis=2).reshape(count, -1, *without.shape[2:])
        log_det = np.stack([log_det, grown], axis=2).reshape(count, -1)
        offset = np.stack([offset, added], axis=2).reshape(count, -1)
    left = matrices[..., 0, 0] + offset
    return [
        one.log_evidence(*parts) for one, *parts in zip(regressions, log_det, left, strict=True)
    ]


def read_strength_prior(
    node: RegressionInput,
) -> tuple[np.ndarray, np.ndarray, float | None, float]:
    """Mean and precision of a node's strengths, in units of the noise, and shape and scale of that."""
    variance = np.asarray(node.initial_variance, float)
    mean = np.array(node.initial_mean, float)
    if node.noise == "known":
        noise = 1 / float(np.asarray(node.precision))
        return mean, noise / variance, None, noise
    shape, scale = float(np.asarray(node.noise_shape)), float(np.asarray(node.noise_scale))
    return mean, 1 / variance, shape, scale
