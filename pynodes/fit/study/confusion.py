"""model_recovery: whether models that are known come out again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError, listed
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes._typing import Array
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import situated
from pynodes.fit.agent._model import Values, streams_of
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.mode._laplace import all_posteriors
from pynodes.fit.study.recovery import check_acting, taken_in_turn
from pynodes.fit.study.simulation import answered, answers, drawn

if TYPE_CHECKING:
    import pandas

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ModelRecovery:
    """Models that were simulated with, and which had the most evidence. See :func:`model_recovery`.

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
        return np.stack([(best == place).sum(axis=1) for place in range(len(self.models))], axis=1)

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

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw both matrices; see :func:`pynodes.plotting.plot_confusion`."""
        from pynodes.plotting import plot_confusion

        return plot_confusion(self, axes=axes)

    def _frame(self, values: np.ndarray) -> pandas.DataFrame:
        pd = extra("pandas")
        rows = pd.Index(list(self.models), name="simulated")
        return pd.DataFrame(values, index=rows, columns=pd.Index(list(self.models), name="best"))

    def __repr__(self) -> str:
        return f"ModelRecovery({', '.join(self.models)}; {self.evidence.shape[1]} draws each)"


def check_alike(agents: Mapping[str, Agent]) -> None:
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
                f"{name!r} responds by {listed(sorted(streams[name]))}, {first!r} by "
                f"{listed(sorted(streams[first]))}. Models that are compared explain the same responses."
            )


@boundary
def model_recovery(
    agents: Mapping[str, Agent],
    design: Trials,
    n: int = 100,
    *,
    seed: int = 0,
    starts: int = 16,
    polished: int = 2,
    progress: bool | None = None,
) -> ModelRecovery:
    """Simulate with every agent, fit every agent, and see which has the most evidence for whose data.

    Parameters
    ----------
    agents
        The agents by name; all with the same responses.
    design, n, seed, starts, polished, progress
        As for :func:`parameter_recovery`; n is the number of simulated subjects per agent.

    Raises
    ------
    ParameterError, DataError, FilterError
        As for :func:`~pynodes.fit.simulate`.
    """
    n = positive("n", n)
    for agent in agents.values():
        check_acting(agent)
    check_alike(agents)
    known = {name: taken_in_turn(situated(a.model, design), n) for name, a in agents.items()}

    def evidence(name: str, actions: dict[str, np.ndarray], key: Array) -> np.ndarray:
        told = answered(known[name], actions)
        found = all_posteriors(agents[name].model, told, key, starts=starts, polished=polished)
        bar.advance()
        return np.asarray(found.log_evidence)

    rows: list[np.ndarray] = []
    with Progress(len(agents) ** 2, "fits", progress) as bar:
        for key, (name, agent) in zip(
            jax.random.split(jax.random.key(seeded(seed)), len(agents)), agents.items(), strict=True
        ):
            chance, acting, search = jax.random.split(key, 3)
            values: Values = drawn(agent, n, chance)
            actions = answers(agent.model, values, known[name], acting)
            rows.append(np.stack([evidence(other, actions, search) for other in agents], axis=-1))
    return ModelRecovery(models=tuple(agents), evidence=np.stack(rows))
