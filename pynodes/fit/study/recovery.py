"""parameter_recovery: whether parameters that are known come out again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import situated
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.mode._laplace import Posterior, all_posteriors
from pynodes.fit.study.simulation import answered, answers, drawn

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ParameterRecovery:
    """Parameters that were simulated with, and what fits made of them. See :func:`parameter_recovery`.

    Attributes
    ----------
    agent
        Whose parameters.
    true
        Positions that were simulated with, on the lines of the priors, of shape (draws, free values).
    posterior
        Of every draw.
    """

    agent: Agent
    true: np.ndarray
    posterior: Posterior

    @property
    def scores(self) -> np.ndarray:
        """How far every estimate lies from the truth, in posterior standard deviations."""
        return np.asarray(self.posterior.position - self.true) / self._deviations

    @property
    def table(self) -> pandas.DataFrame:
        """A row per draw and parameter: true value and estimate, and both on the line of the prior.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        rows: list[dict[str, Any]] = []
        for draw in range(len(self.true)):
            for place, (name, prior) in enumerate(self.agent.priors.items()):
                here = {"true": self.true, "estimate": self.posterior.position}
                found = {key: float(values[draw, place]) for key, values in here.items()}
                rows.append(
                    {"draw": draw, "parameter": name}
                    | {key: float(prior.constrain(at)) for key, at in found.items()}
                    | {f"{key}_position": at for key, at in found.items()}
                    | {
                        "deviation": float(self._deviations[draw, place]),
                        "converged": bool(self.posterior.converged[draw]),
                    }
                )
        return extra("pandas").DataFrame(rows)

    @property
    def metrics(self) -> pandas.DataFrame:
        """A row per parameter: bias, root mean squared error, correlation, and coverage of 90 % intervals.

        On the line of the prior, in whose units they are; fits that did not converge count too.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        positions = np.asarray(self.posterior.position)
        errors = positions - self.true
        inside = np.abs(self.scores) < NINETY
        rows = [
            {
                "parameter": name,
                "bias": float(errors[:, place].mean()),
                "rmse": float(np.sqrt((errors[:, place] ** 2).mean())),
                "correlation": correlation(self.true[:, place], positions[:, place]),
                "coverage": float(inside[:, place].mean()),
                "converged": float(self.posterior.converged.mean()),
            }
            for place, name in enumerate(self.agent.names)
        ]
        return extra("pandas").DataFrame(rows)

    def plot(self, *, credible: float = 0.9, axes: Any = None) -> Panels:
        """Draw estimates over true values; see :func:`pynodes.plotting.plot_recovery`."""
        from pynodes.plotting import plot_recovery

        return plot_recovery(self, credible=credible, axes=axes)

    @property
    def _deviations(self) -> np.ndarray:
        """Posterior standard deviations of positions."""
        return np.sqrt(np.diagonal(self.posterior.covariance, axis1=-2, axis2=-1))

    def __repr__(self) -> str:
        return f"ParameterRecovery({len(self.true)} draws of {', '.join(self.agent.names)})"


NINETY = 1.6448536269514722
"""Standard deviations within which nine tenths of a normal distribution lie."""


@boundary
def parameter_recovery(
    agent: Agent,
    design: Trials,
    n: int = 200,
    *,
    seed: int = 0,
    starts: int = 16,
    polished: int = 2,
    progress: bool | None = None,
) -> ParameterRecovery:
    """Simulate with parameters from the priors, fit, and look how much of them comes out.

    Parameters
    ----------
    agent
        The agent.
    design
        What is seen; simulated subjects take those of the design in turn. Its responses do not matter.
    n
        Number of simulated subjects.
    seed, starts, polished, progress
        As for :func:`~pynodes.fit.fit_map`.

    Raises
    ------
    ParameterError, DataError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    check_acting(agent)
    check_trials(design)
    chance, acting, search = jax.random.split(jax.random.key(seeded(seed)), 3)
    with Progress(None, f"simulating and fitting {n} subjects", progress):
        values = drawn(agent, n, chance)
        sequences = taken_in_turn(situated(agent.model, design), n)
        told = answered(sequences, answers(agent.model, values, sequences, acting))
        found = all_posteriors(agent.model, told, search, starts=starts, polished=polished)
    columns = [np.asarray(p.scale.position(values[name])) for name, p in agent.priors.items()]
    return ParameterRecovery(agent=agent, true=np.stack(columns, axis=-1), posterior=found)


def taken_in_turn(sequences: Sequences, count: int) -> Sequences:
    """Sequences of so many subjects, those of a design in turn."""
    turn = np.arange(count) % sequences.frozen.shape[0]
    return jax.tree.map(lambda leaf: np.asarray(leaf)[turn], sequences)


def check_acting(agent: Agent) -> None:
    """An agent does something, and something of it is unknown."""
    if not isinstance(agent, Agent) or agent.response is None or not agent.names:
        raise ParameterError(
            f"Recovery needs an agent with responses and free values, not {agent!r}."
        )


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; zero where one of both never changes."""
    spread = one.std() * other.std()
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread) if spread else 0.0
