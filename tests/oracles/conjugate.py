"""Conjugate Bayesian updating as textbooks write it, one observation after another, with scipy's densities.

Every class begins with the textbook's own parameters, made from expected statistics and a
pseudo-count by what the family's page states, and returns to them by the inverse. Nothing of pynodes
is used. Source: Gelman et al. (2013), Bayesian Data Analysis, chapters 2 and 3.
"""

from __future__ import annotations

import numpy as np
from scipy import stats


class NormalGamma:
    """Mean and precision of a normal distribution: location, its count, shape and rate."""

    def __init__(self, expected, count, freedom=1.0):
        self.m, self.k, self.freedom = expected[0], count, freedom
        self.a, self.b = (count + freedom) / 2, count * (expected[1] - expected[0] ** 2) / 2

    def predictive(self, x):
        scale = np.sqrt(self.b * (self.k + 1) / (self.a * self.k))
        return stats.t(2 * self.a, self.m, scale).logpdf(x)

    def learn(self, x):
        self.b += self.k * (x - self.m) ** 2 / (2 * (self.k + 1))
        self.m = (self.k * self.m + x) / (self.k + 1)
        self.a, self.k = self.a + 0.5, self.k + 1

    def back(self):
        assert np.isclose(self.a, (self.k + self.freedom) / 2)
        return np.array([self.m, 2 * self.b / self.k + self.m**2]), self.k


class NormalWishart:
    """Mean and precision matrix of a normal distribution: location, its count, freedom and inverse scale."""

    def __init__(self, expected, count, freedom=1.0, dimension=2):
        d = self.d = dimension
        second = np.zeros((d, d))
        second[np.tril_indices(d)] = expected[d:]
        second = second + np.tril(second, -1).T
        self.m, self.k, self.freedom = np.array(expected[:d]), count, freedom
        self.n, self.t = count + d + freedom - 1, count * (second - np.outer(self.m, self.m))

    def predictive(self, x):
        df = self.n - self.d + 1
        shape = self.t * (self.k + 1) / (self.k * df)
        return stats.multivariate_t(self.m, shape, df).logpdf(x)

    def learn(self, x):
        self.t = self.t + self.k / (self.k + 1) * np.outer(x - self.m, x - self.m)
        self.m = (self.k * self.m + x) / (self.k + 1)
        self.n, self.k = self.n + 1, self.k + 1

    def back(self):
        second = self.t / self.k + np.outer(self.m, self.m)
        return np.concatenate([self.m, second[np.tril_indices(self.d)]]), self.k


class Beta:
    """Probability of a one: ones and zeros."""

    def __init__(self, expected, count):
        self.a, self.b = count * expected[0], count * (1 - expected[0])

    def predictive(self, x):
        return stats.betabinom(1, self.a, self.b).logpmf(x)

    def learn(self, x):
        self.a, self.b = self.a + x, self.b + 1 - x

    def back(self):
        return np.array([self.a / (self.a + self.b)]), self.a + self.b


class Dirichlet:
    """Probabilities of several outcomes: one parameter for each."""

    def __init__(self, expected, count):
        self.a = count * np.array(expected)

    def predictive(self, x):
        happened = np.eye(len(self.a))[int(x)].astype(int)
        return stats.dirichlet_multinomial(self.a, 1).logpmf(happened)

    def learn(self, x):
        self.a = self.a + np.eye(len(self.a))[int(x)]

    def back(self):
        return self.a / self.a.sum(), self.a.sum()


class GammaPoisson:
    """Rate of events: shape and rate."""

    def __init__(self, expected, count):
        self.a, self.b = count * expected[0], count

    def predictive(self, x):
        return stats.nbinom(self.a, self.b / (self.b + 1)).logpmf(x)

    def learn(self, x):
        self.a, self.b = self.a + x, self.b + 1

    def back(self):
        return np.array([self.a / self.b]), self.b


class GammaExponential:
    """Rate of waiting times: shape and rate."""

    def __init__(self, expected, count):
        self.a, self.b = count + 1, count * expected[0]

    def predictive(self, x):
        return stats.lomax(self.a, scale=self.b).logpdf(x)

    def learn(self, x):
        self.a, self.b = self.a + 1, self.b + x

    def back(self):
        return np.array([self.b / (self.a - 1)]), self.a - 1
