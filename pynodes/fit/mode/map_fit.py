"""MapFit: the most probable parameters of some subjects, how certain they are, and the evidence."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._citing.versions import versions
from pynodes._runtime.series import share
from pynodes.fit._fitted import Fitted
from pynodes.fit._regressors import regressors
from pynodes.fit.agent._binding import counted
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._units import trials_of
from pynodes.fit.data.trials import Trials
from pynodes.fit.mode import _edges
from pynodes.fit.mode._laplace import Posterior
from pynodes.fit.mode.directions import Identifiability, identifiability
from pynodes.fit.sampling._draws import gaussian, place_of

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MapFit(Fitted):
    """The most probable parameters of every subject. Made by :func:`~pynodes.fit.fit_map`.

    Numbers have shape (subjects,), those of a single subject's trials (). What is called a *position* is on
    the line of the prior (a logarithm under a LogNormal), and so are covariances.

    Attributes
    ----------
    agent, trials
        What was fitted to what.
    posterior
        All numbers, by subject.
    settings, versions
        What the search was asked for, and what computed it.
    """

    method = "map"
    agent: Agent
    trials: Trials
    posterior: Posterior
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def estimates(self) -> dict[str, Any]:
        """The most probable value of every free parameter, by name."""
        return {name: self._own(values) for name, values in self._values.items()}

    @property
    def positions(self) -> Any:
        """The mode on the lines of the priors, of shape (..., free values), in the order of names."""
        return self._own(self.posterior.position)

    @property
    def hessian(self) -> Any:
        """Minus the second derivative of the log joint density of the positions."""
        return self._own(self.posterior.hessian)

    @property
    def covariance(self) -> Any:
        """Posterior covariance of the positions: the inverse of the Hessian.

        Where that is not positive definite, the prior's curvature stands in for what is missing.
        """
        return self._own(self.posterior.covariance)

    @property
    def correlation(self) -> Any:
        """Posterior correlation of the positions."""
        deviations = self._deviations
        return self._own(
            self.posterior.covariance / (deviations[:, :, None] * deviations[:, None, :])
        )

    @property
    def lme(self) -> Any:
        """Log model evidence by Laplace's method, in nats."""
        return self._own(self.posterior.log_evidence)

    @property
    def log_joint(self) -> Any:
        """Log density of data and positions at the mode."""
        return self._own(self.posterior.log_joint)

    @property
    def accuracy(self) -> Any:
        """Log likelihood at the mode."""
        return self._own(self.posterior.log_likelihood)

    @property
    def complexity(self) -> Any:
        """What the evidence takes off the accuracy; infinite where filtering failed at every start."""
        known = np.isfinite(self.posterior.log_evidence)
        evidence = np.where(known, self.posterior.log_evidence, -np.inf)
        return self._own(np.where(known, self.posterior.log_likelihood, 0.0) - evidence)

    @property
    def aic(self) -> Any:
        """Akaike's criterion: twice the number of free values less twice the accuracy."""
        return self._own(2 * len(self.names) - 2 * self.posterior.log_likelihood)

    @property
    def bic(self) -> Any:
        """Schwarz's criterion, of the number of trials in which something was done."""
        count = np.maximum(self._counts, 1)
        return self._own(len(self.names) * np.log(count) - 2 * self.posterior.log_likelihood)

    @property
    def observations(self) -> Any:
        """Number of trials in which something was done, or without responses something seen."""
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
        """How many of the polished searches ended at this mode; the others ended at less probable ones."""
        return self._own(self.posterior.agreeing)

    @property
    def at_edge(self) -> dict[str, Any]:
        """Whether an estimate is at the edge of what can be: see :meth:`problems`."""
        edges = self._fragile | _edges.at_bound(self) | _edges.remote(self)
        return {name: self._own(edges[:, index]) for index, name in enumerate(self.names)}

    def problems(self) -> list[str]:
        """What went wrong or may mislead, a sentence each; empty if nothing did."""
        return _edges.problems(self)

    def identifiability(self) -> Identifiability:
        """Along which directions the data say something, and along which next to nothing.

        Raises
        ------
        DataError
            No search ended at a mode.
        """
        return identifiability(self)

    def interval(self, mass: float = 0.9) -> dict[str, tuple[Any, Any]]:
        """Central posterior intervals by name, from the Gaussian on the line of the prior."""
        reach = float(jax.scipy.special.ndtri(0.5 + share("mass", mass) / 2)) * self._deviations
        ends = []
        for sign in (-1, 1):
            positions = jnp.asarray(self.posterior.position + sign * reach)
            ends.append(self.agent.model.constrained(positions))
        return {
            name: tuple(self._own(np.asarray(end[name])) for end in ends) for name in self.names
        }

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per subject and free parameter.

        ``estimate`` with ``lower`` and ``upper``, the ends of its central interval; ``position`` and
        ``deviation`` on the line of the prior; ``shrinkage``, the share of the prior variance that the
        data took away; ``at_edge``.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.mode._tables import summary

        return summary(self, mass)

    def table(self) -> pandas.DataFrame:
        """A row per subject: evidence, accuracy, criteria and flags.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.mode._tables import by_subject

        return by_subject(self)

    def trajectories(self, fields: list[str] | None = None) -> pandas.DataFrame:
        """What was believed in every trial under the estimates: a row per row of the data, in its order.

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
        from pynodes.fit.mode._tables import long_frame

        return long_frame(
            self.trials, regressors(self.agent.model, self._values, self.trials, fields)
        )

    def plot(self, *, credible: float = 0.9, axes: Any = None) -> Panels:
        """Draw posteriors against priors; see :func:`pynodes.plotting.plot_posteriors`."""
        from pynodes.plotting import plot_posteriors

        return plot_posteriors(self, credible=credible, axes=axes)

    def plot_trajectories(self, *, block: int = 0, **options: Any) -> Panels:
        """Draw what one subject believed; see :func:`pynodes.plotting.plot_subject`."""
        from pynodes.plotting import plot_subject

        return plot_subject(self, block=block, **options)

    def pointwise_log_likelihood(self) -> np.ndarray:
        """Log likelihood of every trial at the estimates, in the order of the data."""
        return np.asarray(self.agent.pointwise_log_likelihood(self._values, self.trials))

    def __getitem__(self, subject: Any) -> MapFit:
        """The fit of one subject."""
        place = place_of(subject, self.trials)
        one = jax.tree.map(lambda leaf: leaf[place : place + 1], self.posterior)
        return dataclasses.replace(self, trials=trials_of(self.trials, subject), posterior=one)

    def _places(self, draws: int, seed: int) -> np.ndarray:
        """Draws from the Gaussians at the modes."""
        return gaussian(self.posterior.position, self.posterior.covariance, draws, seed)

    def _scoring(self) -> np.ndarray:
        """The modes."""
        return np.asarray(self.posterior.position)[None]

    @cached_property
    def _values(self) -> dict[str, np.ndarray]:
        """Estimates by name, of shape (subjects,)."""
        found = self.agent.model.constrained(jnp.asarray(self.posterior.position))
        return {name: np.asarray(values) for name, values in found.items()}

    @cached_property
    def _counts(self) -> np.ndarray:
        """Trials that bear on the likelihood, by subject."""
        owners = self.trials.layout.place[0][counted(self.agent.model, self.trials)]
        return np.bincount(owners, minlength=len(self))

    @cached_property
    def _fragile(self) -> np.ndarray:
        """Beside which estimates filtering fails, of shape (subjects, free values)."""
        return _edges.fragile(self)

    @property
    def _deviations(self) -> np.ndarray:
        """Posterior standard deviations of positions."""
        return np.sqrt(np.diagonal(self.posterior.covariance, axis1=-2, axis2=-1))

    def _own(self, values: Any) -> Any:
        """Numbers by subject, or a single subject's own."""
        if len(self) > 1:
            return values
        return values[0].item() if np.ndim(values) == 1 else values[0]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {np.mean(values):.4g}" for name, values in self._values.items())
        mean = "mean of " if len(self) > 1 else ""
        said = f"MapFit({len(self)} subject{'s' * (len(self) > 1)}, {mean}{values}; "
        said += f"log evidence {np.sum(self.posterior.log_evidence):.6g}"
        count = len(self.problems())
        return said + (f"; {count} problems, see .problems())" if count else ")")
