"""MapFit: the most probable parameters of some subjects, how certain they are, and the evidence."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from pynodes._citing.citation import versions
from pynodes._inference.laplace import LaplacePosterior
from pynodes._results.tables import extra
from pynodes._runtime.series import positive, read_share
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import scored_rows
from pynodes.fit.agent.draws import subject_index
from pynodes.fit.agent.fit import AbstractFit
from pynodes.fit.agent.regressors import long_frame, regressors
from pynodes.fit.data.trials import Trials
from pynodes.fit.mode import problems
from pynodes.fit.mode.identifiability import Identifiability, analyse_identifiability

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MapFit(AbstractFit):
    """MAP estimates of every subject. Made by :func:`~pynodes.fit.fit_map`.

    Numbers have shape (subjects,), those of a single subject's trials (). Standard deviations, covariances
    and Hessians are in unconstrained space (log space under a LogNormal prior).

    Attributes
    ----------
    agent, trials
        What was fitted to what.
    posterior
        Gaussian approximations of the posteriors in unconstrained space, by subject.
    values
        The values at their modes, by name and subject.
    settings, versions
        What the search was asked for, and what computed it.
    """

    method = "map"
    agent: Agent
    trials: Trials
    posterior: LaplacePosterior
    values: dict[str, np.ndarray]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def estimates(self) -> dict[str, Any]:
        """The most probable value of every free parameter, by name."""
        return {name: self._own(values) for name, values in self.values.items()}

    @property
    def unconstrained(self) -> Any:
        """The estimates in unconstrained space, of shape (..., free values), in the order of names."""
        return self._own(self.posterior.unconstrained)

    @property
    def hessian(self) -> Any:
        """Minus the second derivative of the log joint density at the estimates."""
        return self._own(self.posterior.hessian)

    @property
    def covariance(self) -> Any:
        """Posterior covariance: the inverse of the Hessian.

        Where that is not positive definite, the prior's curvature stands in for what is missing.
        """
        return self._own(self.posterior.covariance)

    @property
    def correlation(self) -> Any:
        """Posterior correlation of the free values."""
        sd = self.posterior_sd
        return self._own(self.posterior.covariance / (sd[:, :, None] * sd[:, None, :]))

    @property
    def lme(self) -> Any:
        """Log model evidence by Laplace's method, in nats."""
        return self._own(self.posterior.log_evidence)

    @property
    def log_joint(self) -> Any:
        """Log density of data and estimates together."""
        return self._own(self.posterior.log_joint)

    @property
    def accuracy(self) -> Any:
        """Log likelihood at the mode."""
        return self._own(self.posterior.log_likelihood)

    @property
    def complexity(self) -> Any:
        """Accuracy minus evidence; infinite where filtering failed at every start."""
        known = np.isfinite(self.posterior.log_evidence)
        evidence = np.where(known, self.posterior.log_evidence, -np.inf)
        return self._own(np.where(known, self.posterior.log_likelihood, 0.0) - evidence)

    @property
    def aic(self) -> Any:
        """AIC: twice the number of free parameters minus twice the accuracy."""
        return self._own(2 * len(self.names) - 2 * self.posterior.log_likelihood)

    @property
    def bic(self) -> Any:
        """BIC, of the number of trials with a response."""
        count = np.maximum(self._counts, 1)
        return self._own(len(self.names) * np.log(count) - 2 * self.posterior.log_likelihood)

    @property
    def observations(self) -> Any:
        """Number of trials with a response; without responses, with an observation."""
        return self._own(self._counts)

    @property
    def converged(self) -> Any:
        """Whether the search ended at a mode."""
        return self._own(self.posterior.converged)

    @property
    def definite(self) -> Any:
        """Whether the Hessian is positive definite, as it is at a mode that the data or priors fix."""
        return self._own(self.posterior.definite)

    @property
    def agreeing(self) -> Any:
        """How many of the refined searches ended at this mode; the others ended at less probable ones."""
        return self._own(self.posterior.agreeing)

    @property
    def at_edge(self) -> dict[str, Any]:
        """Whether an estimate is at the edge of what can be: see :meth:`problems`."""
        edges = self._fragile | problems.find_at_bound(self) | problems.find_remote(self)
        return {name: self._own(edges[:, index]) for index, name in enumerate(self.names)}

    def problems(self) -> list[str]:
        """Problems of the fit, a sentence each; empty if there are none."""
        return problems.describe_fit_problems(self)

    def identifiability(self) -> Identifiability:
        """Directions along which the data are informative, and along which not.

        Raises
        ------
        DataError
            No search ended at a mode.
        """
        return analyse_identifiability(self)

    def interval(self, mass: float = 0.9) -> dict[str, tuple[Any, Any]]:
        """Central posterior intervals by name, from the Gaussian in unconstrained space."""
        reach = float(ndtri(0.5 + read_share("mass", mass) / 2)) * self.posterior_sd
        ends = [
            self.agent.model.constrain(jnp.asarray(self.posterior.unconstrained + sign * reach))
            for sign in (-1, 1)
        ]
        return {
            name: tuple(self._own(np.asarray(end[name])) for end in ends) for name in self.names
        }

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per subject and free parameter.

        ``estimate`` with ``lower`` and ``upper``, the ends of its central interval; ``unconstrained``, the
        estimate in unconstrained space, with its posterior standard deviation ``sd``; ``shrinkage``, the
        share of the prior variance that the data took away; ``at_edge``.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return summary_table(self, mass)

    def table(self) -> pandas.DataFrame:
        """A row per subject: evidence, accuracy, criteria and flags.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return subject_table(self)

    def trajectories(self, fields: list[str] | None = None) -> pandas.DataFrame:
        """Beliefs and prediction errors in every trial under the estimates: a row per row of the data.

        It has the columns that key the trials, so that it merges with the data, and a column per field.
        Which fields are predictions and which posteriors their names say.

        Parameters
        ----------
        fields
            ``"node.field"``, ``"parent->child.field"``, ``"surprise"`` or ``"log_likelihood"``; by default
            predicted mean and mean of every node that has them.

        Raises
        ------
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            pandas is not installed.
        """
        rows = regressors(self.agent.model, self.values, self.trials, fields)
        return long_frame(self.trials, rows)

    def plot(self, **options: Any) -> Panels:
        """Draw posteriors against priors; see :func:`pynodes.plotting.plot_posteriors`."""
        from pynodes.plotting import plot_posteriors

        return plot_posteriors(self, **options)

    def plot_trajectories(self, *, block: int = 0, **options: Any) -> Panels:
        """Draw the beliefs of one subject; see :func:`pynodes.plotting.plot_subject`."""
        from pynodes.plotting import plot_subject

        return plot_subject(self, block=block, **options)

    def pointwise_log_likelihood(self) -> np.ndarray:
        """Log likelihood of every trial at the estimates, in the order of the data."""
        return np.asarray(self.agent.pointwise_log_likelihood(self.values, self.trials))

    def __getitem__(self, subject: Any) -> MapFit:
        """The fit of one subject."""
        index = subject_index(subject, self.trials)
        posterior, values = jax.tree.map(
            lambda leaf: leaf[index : index + 1], (self.posterior, self.values)
        )
        return dataclasses.replace(
            self, trials=self.trials.of_subject(subject), posterior=posterior, values=values
        )

    @property
    def posterior_sd(self) -> np.ndarray:
        """Posterior standard deviations in unconstrained space, of shape (subjects, free values)."""
        return np.sqrt(np.diagonal(self.posterior.covariance, axis1=-2, axis2=-1))

    def _draw(self, draws: int, seed: int) -> np.ndarray:
        """Draws from the Gaussians at the modes."""
        mode, covariance = self.posterior.unconstrained, self.posterior.covariance
        random = np.random.default_rng(check_seed(seed))
        normal = random.normal(size=(positive("draws", draws), *mode.shape))
        return mode + np.einsum("sij,dsj->dsi", np.linalg.cholesky(covariance), normal)

    def _score_draws(self) -> np.ndarray:
        """The modes."""
        return np.asarray(self.posterior.unconstrained)[None]

    @cached_property
    def _counts(self) -> np.ndarray:
        """Trials that bear on the likelihood, by subject."""
        owners = self.trials.layout.index[0][scored_rows(self.agent.model, self.trials)]
        return np.bincount(owners, minlength=len(self))

    @cached_property
    def _fragile(self) -> np.ndarray:
        """Beside which estimates filtering fails, of shape (subjects, free values)."""
        return problems.find_fragile(self)

    def _own(self, values: Any) -> Any:
        """Numbers by subject, or a single subject's own."""
        if len(self) > 1:
            return values
        return values[0].item() if np.ndim(values) == 1 else values[0]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {np.mean(found):.4g}" for name, found in self.values.items())
        mean = "mean of " if len(self) > 1 else ""
        lost = len(self) - int(np.sum(self.posterior.converged & self.posterior.definite))
        return (
            f"MapFit({len(self)} subject{'s' * (len(self) > 1)}, {mean}{values}; "
            f"log evidence {np.sum(self.posterior.log_evidence):.6g}"
            f"{f'; {lost} failed, see .problems()' * bool(lost)})"
        )


def summary_table(fit: MapFit, mass: float) -> pandas.DataFrame:
    """A row per subject and free parameter."""
    intervals, edges = fit.interval(mass), fit.at_edge
    rows: list[dict[str, Any]] = []
    for index, subject in enumerate(fit.subjects):
        for number, (name, prior) in enumerate(fit.agent.priors.items()):
            low, high = (np.atleast_1d(end)[index] for end in intervals[name])
            sd = float(fit.posterior_sd[index, number])
            rows.append(
                fit.trials.key_of(subject)
                | {
                    "parameter": name,
                    "estimate": float(fit.values[name][index]),
                    "lower": float(low),
                    "upper": float(high),
                    "unconstrained": float(fit.posterior.unconstrained[index, number]),
                    "sd": sd,
                    "prior": repr(prior),
                    "shrinkage": 1 - (sd / float(prior.unconstrained_sd)) ** 2,
                    "at_edge": bool(np.atleast_1d(edges[name])[index]),
                }
            )
    return extra("pandas").DataFrame(rows)


def subject_table(fit: MapFit) -> pandas.DataFrame:
    """A row per subject."""
    rows: list[dict[str, Any]] = []
    columns = (
        "lme",
        "accuracy",
        "complexity",
        "aic",
        "bic",
        "observations",
        "agreeing",
        "converged",
        "definite",
    )
    for index, subject in enumerate(fit.subjects):
        values = {name: np.atleast_1d(getattr(fit, name))[index].item() for name in columns}
        estimates = {name: float(found[index]) for name, found in fit.values.items()}
        rows.append(fit.trials.key_of(subject) | estimates | values)
    return extra("pandas").DataFrame(rows)
