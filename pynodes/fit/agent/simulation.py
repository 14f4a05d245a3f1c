"""Simulation: what subjects with parameters of one's choice would have done in some trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._boundary import boundary
from pynodes._errors import DataError, FilterError, ParameterError, listed
from pynodes._progress import Progress
from pynodes._typing import Array
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent, check_shapes
from pynodes.fit.agent.arrays import design_arrays
from pynodes.fit.agent.likelihood import streams_of
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.fit.data.trials import Trials, check_trials

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
    seed: int = 0,
    progress: bool | None = None,
) -> Simulation:
    """A study as the agent would have answered it.

    What is seen, and covariates, are those of the design. A response that is missing there stays missing,
    and frozen trials have none. Responses of joint streams have columns of their own.

    Parameters
    ----------
    agent
        The agent.
    design
        Trials, whose responses do not matter; they need none.
    values
        Free values by name: of shape (), or (subjects,); by default drawn from the priors for every subject.
    seed
        Of everything random.
    progress
        Whether to show that it goes on; by default in a terminal or a notebook, once it takes a second.

    Raises
    ------
    ParameterError
        Values that are unknown, absent or impossible, or an agent without responses.
    DataError
        A design that does not fit the agent.
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
    sequences = design_arrays(agent.model, design)
    with Progress(None, f"simulating {count} subjects", progress):
        actions = simulate_actions(agent.model, each, sequences, own)
    columns = response_columns(agent, design)
    check_not_seen(design, columns)
    check_not_answered(agent, design)
    missing = {
        column: np.isnan(design.numbers(column))
        if column in design.columns
        else np.zeros(len(design), bool)
        for column in columns.values()
    }
    found = {
        column: np.where(
            design.frozen | missing[column], np.nan, design.layout.take_rows(actions[stream])
        )
        for stream, column in columns.items()
    }
    trials = with_responses(design, columns, found)
    return Simulation(trials=trials, values={n: np.array(v) for n, v in each.items()})


def with_responses(
    design: Trials, columns: Mapping[str, str], rows: Mapping[str, np.ndarray]
) -> Trials:
    """The trials of a design with responses in the columns of their streams."""
    roles = {stream: (column,) for stream, column in columns.items()}
    return Trials._of({**design.columns, **rows}, dataclasses.replace(design.roles, actions=roles))


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
            f"The responses in {listed(both)} are seen by the agent too, so that simulated ones would change "
            "what it learns from. Simulate it with network.interact, where it is answered."
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
                f"In these trials what {listed(inputs)} show depends on what was chosen, so that simulated "
                "choices would go with the rewards of others. Give the rewards of all options in every trial "
                "to an environment, and simulate with it: network.interact(environments.Replay(series=..., "
                "arms=...), response, key, steps=...)."
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
            f"The design has columns for the responses {listed(given)}, the agent's are {listed(streams)}."
        )
    return {stream: column for stream, (column, *_) in given.items()}


def draw_values(agent: Agent, count: int, key: Array) -> Values:
    """Values from the priors, by name, so many of each."""
    keys = jax.random.split(key, count)
    return {name: np.asarray(found) for name, found in jax.vmap(agent.draw)(keys).items()}


def simulate_actions(
    model: Model, values: Values, sequences: Sequences, key: Array
) -> dict[str, np.ndarray]:
    """Simulated responses by stream, each of shape (subjects, blocks, steps).

    Raises
    ------
    FilterError
        Values under which filtering fails.
    """
    given = {name: jnp.asarray(found) for name, found in values.items()}
    actions, alive = draw_actions(model, given, sequences, key)
    if not bool(jnp.all(alive)):
        failing = np.flatnonzero(~np.asarray(alive))
        first = {name: float(found[failing[0]]) for name, found in values.items()}
        raise FilterError(
            f"Filtering fails for {len(failing)} of {len(alive)} simulated subjects, first with {first}. "
            "Choose priors of smaller volatilities, or another expansion than 'standard'."
        )
    return {stream: np.asarray(found) for stream, found in actions.items()}


@jax.jit
def draw_actions(
    model: Model, values: Values, sequences: Sequences, key: Array
) -> tuple[dict[str, Array], Array]:
    """Responses by stream, and whether filtering went well, by subject."""

    def of_block(values: Values, block: Sequences, key: Array) -> tuple[dict[str, Array], Array]:
        network, response = model.instantiate(values)
        beliefs = model.filter(network, block, model.reads)
        streams = streams_of(response)
        found = {
            stream: part.sample(
                own,
                beliefs,
                covariates={n: v for n, v in block.covariates.items() if n in part.covariates},
            )
            for own, (stream, part) in zip(
                jax.random.split(key, len(streams)), streams.items(), strict=True
            )
        }
        return found, jnp.all(beliefs.status.alive)

    def of_subject(values: Values, blocks: Sequences, key: Array) -> tuple[dict[str, Array], Array]:
        keys = jax.random.split(key, blocks.frozen.shape[0])
        found, alive = jax.vmap(lambda block, own: of_block(values, block, own))(blocks, keys)
        return found, jnp.all(alive)

    count = sequences.frozen.shape[0]
    return jax.vmap(of_subject)(values, sequences, jax.random.split(key, count))


def with_actions(sequences: Sequences, actions: dict[str, np.ndarray]) -> Sequences:
    """Sequences with simulated responses, none where trials are frozen."""
    known = {s: np.where(sequences.frozen, np.nan, found) for s, found in actions.items()}
    return dataclasses.replace(sequences, actions=known.get(ONLY, known))


@jax.jit
def act_under_draws(
    model: Model, sequences: Sequences, unconstrained: Array, keys: Array
) -> tuple[dict[str, Array], Array]:
    """Responses by stream under every draw, and whether filtering went well, by draw and subject."""

    def under(unconstrained: Array, key: Array) -> tuple[dict[str, Array], Array]:
        return draw_actions(model, model.constrain(unconstrained), sequences, key)

    return jax.vmap(under)(unconstrained, keys)


@jax.jit
def expect_under_draws(
    model: Model, sequences: Sequences, unconstrained: Array
) -> dict[str, Array]:
    """What is expected of every response by stream, of shape (draws, subjects, blocks, steps, ...)."""

    def of_block(unconstrained: Array, block: Sequences) -> dict[str, Array]:
        network, response = model.instantiate(model.constrain(unconstrained))
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
