"""Recovery: whether parameters, and models, that are known come out again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, ParameterError, quote
from pynodes._inference.laplace import LaplacePosterior, find_posteriors
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.environments import AbstractEnvironment
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.acting import Acts, stack_environments, with_acts
from pynodes.fit.agent.agent import Agent, select_covariates
from pynodes.fit.agent.arrays import design_arrays, uncovered_rows
from pynodes.fit.agent.conditions import check_levels_seen
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Values
from pynodes.fit.agent.simulation import check_can_simulate, draw_values, simulate_sequences
from pynodes.fit.data.trials import Trials, check_trials

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ParameterRecovery:
    """Simulated parameters and their estimates. See :func:`parameter_recovery`.

    Attributes
    ----------
    agent
        Whose parameters.
    true
        Values that were simulated with, in unconstrained space, of shape (draws, free values).
    posterior
        Of every draw.
    """

    agent: Agent
    true: np.ndarray
    posterior: LaplacePosterior

    @property
    def scores(self) -> np.ndarray:
        """How far every estimate lies from the truth, in posterior standard deviations."""
        return np.asarray(self.posterior.unconstrained - self.true) / self.posterior_sd

    @property
    def table(self) -> pandas.DataFrame:
        """A row per draw and parameter: true value and estimate, and both in unconstrained space.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        rows: list[dict[str, Any]] = []
        for draw in range(len(self.true)):
            for number, (name, prior) in enumerate(self.agent.priors.items()):
                here = {"true": self.true, "estimate": self.posterior.unconstrained}
                found = {key: float(values[draw, number]) for key, values in here.items()}
                rows.append(
                    {"draw": draw, "parameter": name}
                    | {key: float(prior.constrain(at)) for key, at in found.items()}
                    | {f"{key}_unconstrained": at for key, at in found.items()}
                    | {
                        "sd": float(self.posterior_sd[draw, number]),
                        "converged": bool(self.posterior.converged[draw]),
                    }
                )
        return extra("pandas").DataFrame(rows)

    @property
    def metrics(self) -> pandas.DataFrame:
        """A row per parameter: bias, root mean squared error, correlation, and coverage of 90 % intervals.

        In unconstrained space; fits that did not converge count too.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        estimates = np.asarray(self.posterior.unconstrained)
        errors = estimates - self.true
        inside = np.abs(self.scores) < NINETY
        rows = [
            {
                "parameter": name,
                "bias": float(errors[:, i].mean()),
                "rmse": float(np.sqrt((errors[:, i] ** 2).mean())),
                "correlation": correlate(self.true[:, i], estimates[:, i]),
                "coverage": float(inside[:, i].mean()),
                "converged": float(self.posterior.converged.mean()),
            }
            for i, name in enumerate(self.agent.names)
        ]
        return extra("pandas").DataFrame(rows)

    def plot(self, **options: Any) -> Panels:
        """Draw estimates over true values; see :func:`pynodes.plotting.plot_recovery`."""
        from pynodes.plotting import plot_recovery

        return plot_recovery(self, **options)

    @property
    def posterior_sd(self) -> np.ndarray:
        """Posterior standard deviations in unconstrained space, of shape (draws, free values)."""
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
    environment: AbstractEnvironment | Mapping[Any, AbstractEnvironment] | None = None,
    seed: int = 0,
    starts: int = 16,
    refine: int = 2,
    progress: bool | None = None,
) -> ParameterRecovery:
    """Parameter recovery: simulate with parameters from the priors, fit, and compare.

    Parameters
    ----------
    agent
        The agent.
    design
        What is seen; simulated subjects take those of the design in turn. Its responses do not matter.
    n
        Number of simulated subjects.
    environment
        What answers simulated responses, as for :func:`~pynodes.fit.simulate`.
    seed, starts, refine, progress
        As for :func:`~pynodes.fit.fit_map`.

    Raises
    ------
    ParameterError, DataError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    check_responds(agent)
    check_trials(design)
    check_levels_seen(agent.model.splits, design)
    check_can_simulate(agent, design, environment)
    worlds = stack_environments(environment, design.subjects)
    chance, acting, search = jax.random.split(jax.random.key(check_seed(seed)), 3)
    with Progress(None, f"simulating and fitting {n} subjects", progress):
        values = draw_values(agent, n, chance)
        sequences = repeat_subjects(design_arrays(agent.model, design), n)
        acts = simulate_sequences(
            agent.model, values, sequences, acting, repeat_subjects(worlds, n)
        )
        told = with_acts(agent.model, sequences, acts)
        posterior, _ = find_posteriors(agent.model, told, search, starts=starts, refine=refine)
    true = unconstrain_values(agent, values)
    return ParameterRecovery(agent=agent, true=true, posterior=posterior)


def unconstrain_values(agent: Agent, values: Values) -> np.ndarray:
    """Values by name in unconstrained space, of shape (..., free values)."""
    columns = [prior.transform.unconstrain(values[name]) for name, prior in agent.priors.items()]
    return np.stack([np.asarray(column) for column in columns], axis=-1)


def repeat_subjects(whole: Any, count: int) -> Any:
    """Arrays with subjects in front, of so many subjects, those of a design in turn."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[np.arange(count) % len(leaf)], whole)


def check_responds(agent: Agent) -> None:
    """An agent does something, and something of it is unknown."""
    if not isinstance(agent, Agent) or agent.response is None or not agent.names:
        raise ParameterError(
            f"Recovery needs an agent with responses and free values, not {agent!r}."
        )


def correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; zero where one of both never changes."""
    scale = one.std() * other.std()
    return float(np.mean((one - one.mean()) * (other - other.mean())) / scale) if scale else 0.0


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ModelRecovery:
    """Which model had the most evidence for simulated data of each. See :func:`model_recovery`.

    Attributes
    ----------
    models
        Their names.
    evidence
        Log evidence, of shape (models simulated with, draws, models fitted).
    """

    models: tuple[str, ...]
    evidence: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """How often each model, in a column, had the most evidence for data of each, in a row."""
        best = np.argmax(self.evidence, axis=-1)
        return np.stack([(best == i).sum(axis=1) for i in range(len(self.models))], axis=1)

    @property
    def confusion(self) -> pandas.DataFrame:
        """Probability of the model with the most evidence, in a column, given the true one, in a row.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        return self._frame(self.counts / self.evidence.shape[1])

    @property
    def inversion(self) -> pandas.DataFrame:
        """Probability of the true model, in a row, given the one with the most evidence, in a column.

        All models being as frequent. A column of a model that never had the most is all zero.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        totals = self.counts.sum(axis=0)
        return self._frame(self.counts / np.where(totals > 0, totals, 1))

    def plot(self, **options: Any) -> Panels:
        """Draw both matrices; see :func:`pynodes.plotting.plot_confusion`."""
        from pynodes.plotting import plot_confusion

        return plot_confusion(self, **options)

    def _frame(self, values: np.ndarray) -> pandas.DataFrame:
        pd = extra("pandas")
        rows = pd.Index(list(self.models), name="simulated")
        return pd.DataFrame(values, index=rows, columns=pd.Index(list(self.models), name="best"))

    def __repr__(self) -> str:
        return f"ModelRecovery({', '.join(self.models)}; {self.evidence.shape[1]} draws each)"


def check_same_streams(agents: Mapping[str, Agent]) -> None:
    """All agents give responses of the same streams.

    Raises
    ------
    ParameterError
        One does not.
    """
    streams = {name: set(streams_of(agent.response)) for name, agent in agents.items()}
    first, *others = streams
    for name in others:
        if streams[name] != streams[first]:
            raise ParameterError(
                f"{name!r} responds by {quote(sorted(streams[name]))}, {first!r} by "
                f"{quote(sorted(streams[first]))}. Models that are compared explain the same responses."
            )


def check_same_trials(agents: Mapping[str, Agent], own: Mapping[str, Trials]) -> None:
    """All agents give probabilities to the responses of the same trials.

    Raises
    ------
    DataError
        Covariates are missing for one that are there for another.
    """
    every = {name: uncovered_rows(agent.model, own[name]) for name, agent in agents.items()}
    first, *others = every
    for name in others:
        for stream, rows in every[first].items():
            if np.any(apart := (rows != every[name][stream]) & ~own[first].frozen):
                raise DataError(
                    f"Covariates of {first!r} or of {name!r} are missing in {int(apart.sum())} of "
                    f"{len(apart)} trials, first in row {int(np.argmax(apart))}, and not those of the other: "
                    "their evidence would be of different trials. Fill them in."
                )


@boundary
def model_recovery(
    agents: Mapping[str, Agent],
    design: Trials,
    n: int = 100,
    *,
    environment: AbstractEnvironment | Mapping[Any, AbstractEnvironment] | None = None,
    seed: int = 0,
    starts: int = 16,
    refine: int = 2,
    progress: bool | None = None,
) -> ModelRecovery:
    """Model recovery: simulate with every agent, fit every agent, and compare their evidence.

    Parameters
    ----------
    agents
        The agents by name; all with the same responses.
    design, n, environment, seed, starts, refine, progress
        As for :func:`parameter_recovery`; n is the number of simulated subjects per agent.

    Raises
    ------
    ParameterError, DataError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    for agent in agents.values():
        check_responds(agent)
    check_same_streams(agents)
    own = select_covariates(agents, design)
    check_same_trials(agents, own)
    for name, agent in agents.items():
        check_levels_seen(agent.model.splits, own[name])
        check_can_simulate(agent, own[name], environment)
    worlds = repeat_subjects(stack_environments(environment, design.subjects), n)
    known = {
        name: repeat_subjects(design_arrays(agent.model, own[name]), n)
        for name, agent in agents.items()
    }

    def evidence(name: str, acts: Acts, key: Array) -> np.ndarray:
        told = with_acts(agents[name].model, known[name], acts)
        posterior, _ = find_posteriors(agents[name].model, told, key, starts=starts, refine=refine)
        bar.advance()
        return np.asarray(posterior.log_evidence)

    rows: list[np.ndarray] = []
    with Progress(len(agents) ** 2, "fits", progress) as bar:
        for key, (name, agent) in zip(
            jax.random.split(jax.random.key(check_seed(seed)), len(agents)),
            agents.items(),
            strict=True,
        ):
            chance, acting, search = jax.random.split(key, 3)
            values = draw_values(agent, n, chance)
            acts = simulate_sequences(agent.model, values, known[name], acting, worlds)
            rows.append(np.stack([evidence(other, acts, search) for other in agents], axis=-1))
    return ModelRecovery(models=tuple(agents), evidence=np.stack(rows))
