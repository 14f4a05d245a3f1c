"""check_priors: whether an agent works under whatever its priors allow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.fit._seeds import seeded
from pynodes.fit.agent._binding import situated
from pynodes.fit.agent._failures import outcomes, told
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.study.simulation import drawn

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PriorCheck:
    """How filtering went under draws from the priors. Made by :func:`check_priors`.

    Attributes
    ----------
    agent, trials
        Whose priors, on which inputs.
    values
        What was drawn, by name, of shape (draws,).
    failing
        Whether filtering fails, of shape (subjects, draws); its likelihood is then zero.
    bounded
        Whether the growth of some variance reaches its bound: filtering goes on, but beliefs have run away.
    """

    agent: Agent
    trials: Trials
    values: dict[str, np.ndarray]
    failing: np.ndarray
    bounded: np.ndarray

    @property
    def failures(self) -> int:
        """Number of draws under which filtering fails for some subject."""
        return int(self.failing.any(axis=0).sum())

    @property
    def runaways(self) -> int:
        """Number of draws under which beliefs run away, but filtering goes on."""
        return int((self.bounded.any(axis=0) & ~self.failing.any(axis=0)).sum())

    def problems(self) -> list[str]:
        """A sentence for every subject for whom some draw fails: how many, where, and what they share.

        Empty if none does.
        """
        return list(sentences(self))

    @property
    def table(self) -> pandas.DataFrame:
        """A row per draw: its values, and for how many subjects it fails and runs away.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        counts = {"failing": self.failing.sum(axis=0), "bounded": self.bounded.sum(axis=0)}
        return extra("pandas").DataFrame(self.values | counts)

    def __repr__(self) -> str:
        count = self.failing.shape[1]
        said = f"PriorCheck({count} draws: {self.failures} fail, {self.runaways} run away"
        return said + ("; see .problems())" if self.failures else ")")


@boundary
def check_priors(
    agent: Agent, trials: Trials, n: int = 1000, *, seed: int = 0, progress: bool | None = None
) -> PriorCheck:
    """Filter what subjects saw under draws from the priors, and count how often that fails.

    Parameters
    ----------
    agent
        The agent.
    trials
        What was seen; what was done does not matter.
    n
        Number of draws, the same for every subject.
    seed
        Of the draws.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Raises
    ------
    ParameterError
        An agent without free values.
    DataError
        Trials that do not fit the agent.
    """
    if not isinstance(agent, Agent) or not agent.names:
        raise ParameterError(f"This needs an agent with free values, not {agent!r}.")
    check_trials(trials)
    values = drawn(agent, positive("n", n), jax.random.key(seeded(seed)))
    with Progress(None, "looking at draws from the priors", progress):
        failing, bounded = outcomes(agent.model, values, situated(agent.model, trials))
        failing, bounded = np.asarray(failing), np.asarray(bounded)
    return PriorCheck(
        agent=agent,
        trials=trials,
        values=values,
        failing=failing,
        bounded=bounded,
    )


def sentences(check: PriorCheck) -> Iterator[str]:
    """What is wrong for every subject, if anything."""
    sequences = situated(check.agent.model, check.trials)
    for index, subject in enumerate(check.trials.subjects):
        wrong = check.failing[index]
        if not wrong.any():
            continue
        who = f"Subject {subject!r}: " if check.trials.roles.by else ""
        first = {name: values[int(np.argmax(wrong))] for name, values in check.values.items()}
        where = told(check.agent.model, first, check.trials, sequences, index)
        shown = ", ".join(f"{name} {value:.3g}" for name, value in first.items())
        yield (
            f"{who}filtering fails under {int(wrong.sum())} of {wrong.size} draws from the priors, first "
            f"{where} (with {shown}). {apart(check, wrong)}"
        )


def apart(check: PriorCheck, wrong: np.ndarray) -> str:
    """The parameter in which failing draws differ most from the others, in units of its prior."""
    if wrong.all():
        return "No draw works: look at the model and at the units of the data."
    shifts: dict[str, float] = {}
    for name, prior in check.agent.priors.items():
        positions = np.asarray(prior.scale.position(jnp.asarray(check.values[name])))
        shifts[name] = float((positions[wrong].mean() - positions[~wrong].mean()) / prior.spread)
    most = max(shifts, key=lambda name: abs(shifts[name]))
    values = check.values[most]
    return (
        f"There {most!r} is {np.median(values[wrong]):.3g} in the middle, elsewhere "
        f"{np.median(values[~wrong]):.3g}: choose a prior that expects "
        f"{'less' if shifts[most] > 0 else 'more'} of it, or another expansion than 'standard'."
    )
