"""Prior checks: whether an agent works under whatever its priors allow, and what it would do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import ParameterError
from pynodes._progress import Progress
from pynodes._results.tables import extra
from pynodes._runtime.series import positive
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.failures import failure_message, find_failures
from pynodes.fit.agent.predictive import Predictive, make_predictive
from pynodes.fit.agent.simulation import draw_values
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.fit.group.group_model import make_group_model
from pynodes.fit.sampling.target import draw_from_prior

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PriorCheck:
    """Failures of filtering under draws from the priors. Made by :func:`check_priors`.

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
        return list(describe_failures(self))

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
        advice = "; see .problems()" * bool(self.failures)
        return f"PriorCheck({count} draws: {self.failures} fail, {self.runaways} run away{advice})"


@boundary
def check_priors(
    agent: Agent, trials: Trials, n: int = 1000, *, seed: int = 0, progress: bool | None = None
) -> PriorCheck:
    """Filter the inputs under draws from the priors, and count failures.

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
    values = draw_values(agent, positive("n", n), jax.random.key(check_seed(seed)))
    with Progress(None, "looking at draws from the priors", progress):
        failing, bounded = find_failures(agent.model, values, design_arrays(agent.model, trials))
        failing, bounded = np.asarray(failing), np.asarray(bounded)
    return PriorCheck(
        agent=agent,
        trials=trials,
        values=values,
        failing=failing,
        bounded=bounded,
    )


def describe_failures(check: PriorCheck) -> Iterator[str]:
    """What is wrong for every subject, if anything."""
    sequences = design_arrays(check.agent.model, check.trials)
    for index, subject in enumerate(check.trials.subjects):
        wrong = check.failing[index]
        if not wrong.any():
            continue
        who = f"Subject {subject!r}: " if check.trials.roles.by else ""
        first = {name: values[int(np.argmax(wrong))] for name, values in check.values.items()}
        where = failure_message(check.agent.model, first, check.trials, sequences, index)
        where = where or "where a single run does not, by rounding"
        shown = ", ".join(f"{name} {value:.3g}" for name, value in first.items())
        yield (
            f"{who}filtering fails under {int(wrong.sum())} of {wrong.size} draws from the priors, first "
            f"{where} (with {shown}). {compare_draws(check, wrong)}"
        )


def compare_draws(check: PriorCheck, wrong: np.ndarray) -> str:
    """The parameter in which failing draws differ most from the others, in units of its prior."""
    if wrong.all():
        return "No draw works: look at the model and at the units of the data."
    shifts: dict[str, float] = {}
    for name, prior in check.agent.priors.items():
        drawn = np.asarray(prior.transform.unconstrain(jnp.asarray(check.values[name])))
        shift = drawn[wrong].mean() - drawn[~wrong].mean()
        shifts[name] = float(shift / prior.unconstrained_sd)
    most = max(shifts, key=lambda name: abs(shifts[name]))
    values = check.values[most]
    return (
        f"There {most!r} is {np.median(values[wrong]):.3g} in the middle, elsewhere "
        f"{np.median(values[~wrong]):.3g}: choose a prior that expects "
        f"{'less' if shifts[most] > 0 else 'more'} of it, or another expansion than 'standard'."
    )


@boundary
def prior_predictive(
    agent: Agent,
    design: Trials,
    *,
    draws: int = 100,
    seed: int = 0,
    formulas: Mapping[str, str] | None = None,
    do: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Predictive:
    """Prior predictive check: responses under draws from an agent's priors.

    Parameters
    ----------
    agent
        The agent.
    design
        What is seen; responses there do not matter, but where one is missing, none is simulated.
    draws, seed
        How many draws, and from which seed.
    formulas
        With these (``{}`` for none), subjects are drawn from a population that is drawn itself, as for
        :func:`fit_nuts`; without, each is drawn from the agent's priors.
    do
        Parameters that are set, by name, whatever their priors.
    progress
        Whether responses show progress when they are asked for; by default in a terminal or a notebook, once
        it takes a second.

    Raises
    ------
    ParameterError, DataError, FormulaError
        Agent, design, formulas or values that do not fit.
    """
    count = positive("draws", draws)
    group = None if formulas is None else make_group_model(agent, design, formulas)
    _, unconstrained = draw_from_prior(agent, design, count, check_seed(seed), group)
    return make_predictive(agent, design, unconstrained, seed, do, progress)
