"""Simulation: what subjects with parameters of one's choice would have done in some trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, FilterError, ParameterError, quote
from pynodes._progress import Progress
from pynodes._typing import Array
from pynodes.environments import AbstractEnvironment
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.acting import (
    Acts,
    act_for_subjects,
    name_own_past,
    stack_environments,
    with_acts,
)
from pynodes.fit.agent.agent import Agent, check_shapes
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials, check_trials
from pynodes.responses import previous

ACTION = "action"
"""The column of simulated responses where the design names none."""


class Simulation(NamedTuple):
    """A simulated study.

    Attributes
    ----------
    trials
        The design with simulated responses in it.
    values
        The values that they were simulated with, by name, one per subject.
    """

    trials: Trials
    values: dict[str, np.ndarray]


@boundary
def simulate(
    agent: Agent,
    design: Trials,
    values: Mapping[str, Any] | None = None,
    *,
    environment: AbstractEnvironment | Mapping[Any, AbstractEnvironment] | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> Simulation:
    """Simulate a study: responses of an agent to a design.

    What is seen, and covariates, are those of the design; but a covariate that is the response before, as
    under ``perseveration``, is the one that was simulated. A response that is missing in the design stays
    missing unless there is an environment, and frozen trials have none. Responses of joint streams have
    columns of their own.

    Parameters
    ----------
    agent
        The agent.
    design
        Trials, whose responses do not matter; they need none.
    values
        Free values by name: of shape (), or (subjects,); by default drawn from the priors for every subject.
    environment
        What answers the responses where what is seen depends on them, as rewards do: one for all subjects, or
        one for each by name, of ``pynodes.environments`` or one's own. What it answers is then in the columns
        of the inputs. It is begun anew in every block; under joint streams its actions are by stream.
    seed
        Of everything random.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Raises
    ------
    ParameterError
        Values that are unknown, absent or impossible, or an agent without responses.
    DataError
        A design that does not fit the agent, or in which what is seen depends on what is done.
    FilterError
        Values under which filtering fails.
    """
    if agent.response is None:
        raise ParameterError(
            "This agent has no response model, so there is nothing to simulate. Pass responses=... to Agent."
        )
    check_trials(design)
    count = len(design.subjects)
    chance, own = jax.random.split(jax.random.key(check_seed(seed)))
    given = draw_values(agent, count, chance) if values is None else agent.check_values(values)
    check_shapes(given, count)
    each = {name: np.broadcast_to(np.asarray(v, float), (count,)) for name, v in given.items()}
    columns = response_columns(agent, design)
    check_can_simulate(agent, design, environment)
    sequences = design_arrays(agent.model, design)
    if environment is None:
        sequences = with_gaps(design, columns, sequences)
    worlds = stack_environments(environment, design.subjects)
    with Progress(None, f"simulating {count} subjects", progress):
        acts = simulate_sequences(agent.model, each, sequences, own, worlds)
    played = with_acts(agent.model, sequences, acts)
    trials = with_responses(design, columns, read_simulated_rows(design, columns, played))
    return Simulation(trials=trials, values={n: np.array(v) for n, v in each.items()})


def with_gaps(design: Trials, columns: Mapping[str, str], sequences: Sequences) -> Sequences:
    """Sequences that say in which trials there will be no response: where the design has none."""
    rows = {
        stream: design.numbers(column) * 0.0 if column in design.columns else np.zeros(len(design))
        for stream, column in columns.items()
    }
    return dataclasses.replace(
        sequences, actions={s: design.layout.pad(gaps, np.nan) for s, gaps in rows.items()}
    )


def read_simulated_rows(
    design: Trials, columns: Mapping[str, str], played: Sequences
) -> dict[str, np.ndarray]:
    """What was done, and what was seen and known because of that, by column and row."""
    layout, roles = design.layout, design.roles
    actions = played.actions if isinstance(played.actions, dict) else {ONLY: played.actions}
    found = {column: layout.take_rows(actions[stream]) for stream, column in columns.items()}
    for given, whole in ((roles.inputs, played.inputs), (roles.covariates, played.covariates)):
        for name, names in given.items():
            series = whole[name] if name in whole else next(iter(whole.values()))
            rows = np.reshape(layout.take_rows(np.asarray(series)), (len(design), -1))
            found |= {c: rows[:, i] for i, c in enumerate(names) if differs(design, c, rows[:, i])}
    return found


def past_rows(
    agent: Agent, design: Trials, columns: Mapping[str, str], rows: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Covariates that are the response before, by column, of responses by column and row."""
    layout, found = design.layout, {}
    for stream, part in streams_of(agent.response).items():
        if not name_own_past(part, "answer"):
            for name in name_own_past(part):
                last = previous(layout.pad(rows[columns[stream]], np.nan))
                found[design.roles.covariates[name][0]] = layout.take_rows(np.asarray(last))
    return found


def differs(design: Trials, column: str, rows: np.ndarray) -> bool:
    """Whether rows that count are other than those of a column."""
    known = np.where(design.frozen, 0.0, design.numbers(column))
    return not np.array_equal(np.where(design.frozen, 0.0, rows), known, equal_nan=True)


def with_responses(
    design: Trials, columns: Mapping[str, str], rows: Mapping[str, np.ndarray]
) -> Trials:
    """The trials of a design with responses in the columns of their streams."""
    roles = {stream: (column,) for stream, column in columns.items()}
    return Trials._of({**design.columns, **rows}, dataclasses.replace(design.roles, actions=roles))


def check_can_simulate(agent: Agent, design: Trials, environment: Any = None) -> None:
    """What is seen and known does not depend on what is done, unless an environment answers it.

    Raises
    ------
    DataError
        It does.
    """
    if environment is not None:
        return
    given = design.roles.actions
    check_not_seen(design, {s: column for s, (column, *_) in (given or {}).items()})
    check_not_answered(agent, design)
    for part in streams_of(agent.response).values():
        answers = name_own_past(part, "answer")
        if answers:
            raise DataError(
                f"A {type(part).__name__} goes by {quote(answers)}, which follows from what was done: what "
                "was recorded does not go with simulated choices. Pass environment=, which answers them and "
                "shows what came of it, as environments.Bandit does."
            )


def check_not_seen(design: Trials, columns: Mapping[str, str]) -> None:
    """What is simulated is not what was seen.

    Raises
    ------
    DataError
        A column of responses has another role too.
    """
    roles = design.roles
    taken = [
        c for named in (roles.inputs, roles.covariates) for names in named.values() for c in names
    ]
    both = [name for name in columns.values() if name in (*taken, roles.dt, roles.time)]
    if both:
        raise DataError(
            f"The responses in {quote(both)} are seen by the agent too, so that simulated ones would change "
            "what it learns from. Pass environment=, where choices are answered."
        )


def check_not_answered(agent: Agent, design: Trials) -> None:
    """What is seen does not depend on what is done.

    Raises
    ------
    DataError
        Of options that are inputs themselves, each trial shows some and not others, as where only the
        chosen one is seen to pay.
    """
    for part in streams_of(agent.response).values():
        options = getattr(part, "options", ())
        names = [o.partition(".")[0] for o in options] if isinstance(options, tuple) else []
        inputs = {name: design.roles.inputs[name] for name in names if name in design.roles.inputs}
        seen = [
            ~np.isnan(design.numbers(column)) for columns in inputs.values() for column in columns
        ]
        if len(seen) > 1 and np.any(np.any(seen, axis=0) & ~np.all(seen, axis=0) & ~design.frozen):
            raise DataError(
                f"In these trials what {quote(inputs)} show depends on what was chosen, so that simulated "
                "choices would go with the rewards of others. Pass an environment that knows what every "
                "option pays: environment=environments.Replay(series=..., arms=...), with the rewards of all "
                "options in every trial, or a Bandit."
            )


def response_columns(agent: Agent, design: Trials) -> dict[str, str]:
    """The column of every stream of responses.

    Raises
    ------
    DataError
        The design has responses of other streams.
    """
    streams = streams_of(agent.response)
    given = design.roles.actions
    if given is None:
        return {stream: stream or ACTION for stream in streams}
    if set(given) != set(streams):
        raise DataError(
            f"The design has columns for the responses {quote(given)}, the agent's are {quote(streams)}."
        )
    return {stream: column for stream, (column, *_) in given.items()}


def draw_values(agent: Agent, count: int, key: Array) -> Values:
    """Values from the priors, by name, so many of each."""
    keys = jax.random.split(key, count)
    return {name: np.asarray(found) for name, found in jax.vmap(agent.draw)(keys).items()}


def simulate_sequences(
    model: Model, values: Values, sequences: Sequences, key: Array, environments: Any = None
) -> Acts:
    """Simulated responses by stream, of shape (subjects, blocks, steps), and what was seen because of them.

    Raises
    ------
    FilterError
        Values under which filtering fails.
    """
    given = {name: jnp.asarray(found) for name, found in values.items()}
    acts = act_for_subjects(model, given, sequences, key, environments)
    if not bool(jnp.all(acts.alive)):
        failing = np.flatnonzero(~np.asarray(acts.alive))
        first = {name: float(found[failing[0]]) for name, found in values.items()}
        raise FilterError(
            f"Filtering fails for {len(failing)} of {len(acts.alive)} simulated subjects, first with "
            f"{first}. Choose priors of smaller volatilities, or another expansion than 'standard'."
        )
    return jax.tree.map(np.asarray, acts)


@jax.jit
def act_under_draws(
    model: Model, sequences: Sequences, unconstrained: Array, keys: Array
) -> tuple[dict[str, Array], Array]:
    """Responses by stream under every draw, and whether filtering went well, by draw and subject."""

    def under(unconstrained: Array, key: Array) -> tuple[dict[str, Array], Array]:
        acts = act_for_subjects(model, model.constrain(unconstrained), sequences, key)
        return acts.actions, acts.alive

    return jax.vmap(under)(unconstrained, keys)


@jax.jit
def expect_under_draws(
    model: Model, sequences: Sequences, unconstrained: Array
) -> dict[str, Array]:
    """What is expected of every response by stream, of shape (draws, subjects, blocks, steps, ...)."""

    def of_block(unconstrained: Array, block: Sequences) -> dict[str, Array]:
        network, response, block = model.prepare(model.constrain(unconstrained), block)
        beliefs = model.filter(network, block, model.reads)
        return {
            stream: part.predict(
                beliefs,
                covariates={n: v for n, v in block.covariates.items() if n in part.covariates},
            )
            for stream, part in streams_of(response).items()
        }

    def of_subject(unconstrained: Array, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: of_block(unconstrained, block))(blocks)

    return jax.vmap(lambda draw: jax.vmap(of_subject)(draw, sequences))(unconstrained)
