"""Acting: simulated responses, where what was done bears on what is done, or seen, afterwards.

Responses that depend on nothing that was done are drawn for all trials at once. Where the response before
counts, they are drawn in turn, inside the loop over time; where an environment answers them, in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.besides import find_own_code, read_besides
from pynodes._core.modules import Module, choice
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed, Moment
from pynodes._engine.filter import filter_step
from pynodes._engine.loop import Guard, Now, scan
from pynodes._errors import DataError, quote
from pynodes._runtime.inputs import read_given_parameters, read_inputs
from pynodes._runtime.interact import Parties, check_environment, interact_series
from pynodes._runtime.runs import select_recorded_nodes
from pynodes._typing import Array
from pynodes.environments import AbstractEnvironment
from pynodes.fit.agent.likelihood import interval_of, list_read_nodes, read_step, streams_of
from pynodes.fit.agent.model import Model, Values
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY
from pynodes.responses import AbstractResponse, previous


class Acts(Module):
    """What simulated subjects did, of shape (steps,) after any batch.

    Attributes
    ----------
    actions
        Responses by stream.
    inputs, covariates
        What an environment answered or showed them, by name; empty without one.
    alive
        Whether filtering went well.
    """

    actions: dict[str, Array]
    inputs: dict[str, Array]
    covariates: dict[str, Array]
    alive: Array


class Reminding(AbstractEnvironment):
    """An environment that also shows what was done last, where it does not do so itself.

    Attributes
    ----------
    environment
        The environment.
    names
        Covariates that are what was done last, and the stream in which it was done.
    """

    environment: Any
    names: tuple[tuple[str, str], ...] = choice(())

    def begin(self, key: Array) -> Any:
        """The environment's own state, and nothing done yet."""
        nothing = jnp.asarray(jnp.nan, float)
        return self.environment.begin(key), {stream: nothing for _, stream in self.names}

    def show(self, state: Any) -> dict[str, Array]:
        """What was done last, and what the environment shows."""
        last = {name: state[1][stream] for name, stream in self.names}
        return {**last, **self.environment.show(state[0])}

    def answer(self, key: Array, state: Any, action: Any) -> tuple[Any, Mapping[str, Array]]:
        """The environment's answer."""
        world, answer = self.environment.answer(key, state[0], action)
        done = action if isinstance(action, Mapping) else {ONLY: action}
        return (world, {s: jnp.asarray(done[s], float) for _, s in self.names}), answer


class KeyedEnvironment(AbstractEnvironment):
    """An environment of the user's, of which a program is that of what its code reads now.

    Attributes
    ----------
    environment
        The environment.
    besides
        What its code reads besides its arguments.
    """

    environment: Any
    besides: tuple[Any, ...] = choice()

    def begin(self, key: Array) -> Any:
        """The environment's."""
        return self.environment.begin(key)

    def show(self, state: Any) -> Mapping[str, Array]:
        """The environment's."""
        return self.environment.show(state)

    def answer(self, key: Array, state: Any, action: Any) -> tuple[Any, Mapping[str, Array]]:
        """The environment's."""
        return self.environment.answer(key, state, action)


def name_own_past(part: AbstractResponse, past: str = "response") -> tuple[str, ...]:
    """Covariates of a response that are the response before, or with ``"answer"`` what it led to."""
    return tuple(name for name, covariate in part.covariates.items() if covariate.past == past)


def acts_in_turn(response: Any) -> bool:
    """Whether a response must be drawn trial by trial, since that of the trial before counts."""
    parts = streams_of(response).values()
    return any(name_own_past(p) and not name_own_past(p, "answer") for p in parts)


def act_through_block(
    model: Model, values: Values, block: Sequences, key: Array, environment: Any = None
) -> Acts:
    """Responses to one block, with free values by name; actions of the block say where there are none."""
    network, response, block = model.prepare(values, block)
    if environment is not None:
        return act_in_environment(network, response, block, key, environment)
    if acts_in_turn(response):
        return act_in_turn(network, response, block, key)
    beliefs = model.filter(network, block, model.reads)
    streams = streams_of(response)
    actions = {
        stream: part.sample(own, beliefs, covariates=select_known(part, block.covariates))
        for own, (stream, part) in zip(
            jax.random.split(key, len(streams)), streams.items(), strict=True
        )
    }
    return Acts(actions=actions, inputs={}, covariates={}, alive=jnp.all(beliefs.status.alive))


def select_known(part: AbstractResponse, covariates: Mapping[str, Any]) -> dict[str, Any]:
    """The covariates that a response takes."""
    return {name: value for name, value in covariates.items() if name in part.covariates}


def act_in_turn(network: Any, response: Any, block: Sequences, key: Array) -> Acts:
    """Responses to one block, drawn trial by trial; what was done last is what was drawn last."""
    labels, steps = network.labels, block.frozen.shape[-1]
    feed = read_inputs(labels, block.inputs, interval_of(block), frozen=block.frozen)
    kept = select_recorded_nodes(labels, list_read_nodes(response))
    streams = streams_of(response)

    def take(now: Now, before: tuple[Any, dict[str, Array]]) -> tuple[Any, Array, Any]:
        state, last = before
        key, covariates, answered = now.beside
        after, valid, found = filter_step(feed, now, state)
        guard = Guard.of(jnp.array(True), valid, now.moment.frozen)
        beliefs = read_step(labels, kept, now, found, guard)
        actions: dict[str, Array] = {}
        for own, (stream, part) in zip(
            jax.random.split(key, len(streams)), streams.items(), strict=True
        ):
            past = dict.fromkeys(name_own_past(part), last[stream])
            known = select_known(part, covariates) | past
            actions[stream] = part.sample(own, beliefs, covariates=known)
        done = {
            stream: jnp.where(answered[stream] & ~jnp.isnan(action), action, last[stream])
            for stream, action in actions.items()
        }
        return (after, done), valid, actions

    begin = (sweeps.start(network.program), dict.fromkeys(streams, jnp.asarray(jnp.nan, float)))
    beside = (jax.random.split(key, steps), block.covariates, find_answered(block, streams))
    ran = scan(network.program, feed, begin, take, lambda now, found, guard: found, beside=beside)
    return Acts(actions=ran.emitted, inputs={}, covariates={}, alive=ran.alive)


def find_answered(block: Sequences, streams: Mapping[str, Any]) -> dict[str, Array]:
    """In which trials there is a response, by stream: in all, if nothing says otherwise."""
    given = block.actions if isinstance(block.actions, dict) else {ONLY: block.actions}
    everywhere = jnp.ones(block.frozen.shape, bool)
    return {
        stream: everywhere if given.get(stream) is None else ~jnp.isnan(given[stream])
        for stream in streams
    }


def act_in_environment(
    network: Any, response: Any, block: Sequences, key: Array, environment: Any
) -> Acts:
    """Responses to one block of an environment, which answers them."""
    labels, steps = network.labels, block.frozen.shape[-1]
    own = {n: stream for stream, part in streams_of(response).items() for n in name_own_past(part)}
    known = set(labels.parameters) - set(labels.required)  # what is required, an environment shows
    series = {name: array for name, array in block.inputs.items() if name in known}
    blank = Moment(
        values={},
        observed={},
        given=read_given_parameters(labels, series),
        interval=block.dt,
        frozen=jnp.asarray(block.frozen),
    )
    feed = Feed(steps=steps, series=blank, interval=jnp.ones(()))
    parties = Parties(
        response=response,
        environment=Reminding(environment=environment, names=tuple(sorted(own.items()))),
        covariates={n: jnp.asarray(v) for n, v in block.covariates.items() if n not in own},
    )
    run, life = interact_series(
        network.program, parties, (None, None), feed, key, labels=labels, kept=()
    )
    actions = life.actions if isinstance(life.actions, dict) else {ONLY: life.actions}
    return Acts(
        actions=actions, inputs=life.inputs, covariates=life.shown, alive=jnp.all(run.alive)
    )


@jax.jit
def act_for_subjects(
    model: Model, values: Values, sequences: Sequences, key: Array, environments: Any = None
) -> Acts:
    """Responses of every subject, of shape (subjects, blocks, steps); whether all went well, by subject.

    Environments have the subjects in front; None where what is seen does not depend on what is done.
    """

    def of_subject(values: Values, blocks: Sequences, key: Array, environment: Any) -> Acts:
        keys = jax.random.split(key, blocks.frozen.shape[0])
        acts = jax.vmap(lambda b, k: act_through_block(model, values, b, k, environment))(
            blocks, keys
        )
        return dataclasses.replace(acts, alive=jnp.all(acts.alive))

    count = sequences.frozen.shape[0]
    keys = jax.random.split(key, count)
    return jax.vmap(of_subject)(values, sequences, keys, environments)


def with_acts(model: Model, sequences: Sequences, acts: Acts) -> Sequences:
    """Sequences in which that was done, and seen, as an agent learns from them.

    Nothing is done where trials are frozen, or where nothing was done in these sequences. Covariates that
    are the response before are those of these acts.
    """
    answered = find_answered(sequences, acts.actions)
    known = {
        stream: np.where(~sequences.frozen & np.asarray(answered[stream]), found, np.nan)
        for stream, found in acts.actions.items()
    }
    covariates = dict(sequences.covariates)
    for stream, part in streams_of(model.response).items():
        covariates |= {
            name: np.asarray(acts.covariates[name])
            for name in part.covariates
            if name in acts.covariates
        }
        past = name_own_past(part)
        if past and not (name_own_past(part, "answer") and not acts.covariates):
            covariates |= dict.fromkeys(past, np.asarray(previous(known[stream])))
    return dataclasses.replace(
        sequences,
        actions=known.get(ONLY, known),
        inputs=sequences.inputs | select_seen(sequences, acts),
        covariates=covariates,
    )


def select_seen(sequences: Sequences, acts: Acts) -> dict[str, np.ndarray]:
    """What an environment answered, and showed to the network, by the names of series."""
    answered = acts.inputs | {n: v for n, v in acts.covariates.items() if n in sequences.inputs}
    return {name: np.asarray(found) for name, found in answered.items()}


def stack_environments(environment: Any, subjects: tuple[Hashable, ...]) -> Any:
    """An environment for every subject, with the subjects in front; None stays None.

    Parameters
    ----------
    environment
        One for all, or one for each by the subject's name; all of one kind and one length.
    subjects
        The subjects' names.

    Raises
    ------
    DataError
        A subject without an environment, or environments that are not alike.
    InputError
        Something that is no environment.
    """
    if environment is None:
        return None
    each: Mapping[Any, Any] = (
        environment if isinstance(environment, Mapping) else dict.fromkeys(subjects, environment)
    )
    lacking = [subject for subject in subjects if subject not in each]
    if lacking:
        raise DataError(
            f"There is no environment of {quote(map(str, lacking))}. Give one for each."
        )
    for one in each.values():
        check_environment(one)
    chosen = [each[subject] for subject in subjects]
    shapes = [
        (jax.tree.structure(one), [np.shape(leaf) for leaf in jax.tree.leaves(one)])
        for one in chosen
    ]
    if any(shape != shapes[0] for shape in shapes):
        raise DataError(
            "The environments of the subjects differ in kind, in what they answer or in length. Give all the "
            "same arms, and series of one length, with NaN at the end of shorter ones."
        )
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x) for x in leaves]), *chosen)
    code = tuple(found for one in find_own_code(chosen[0]) if (found := read_besides(one)))
    return KeyedEnvironment(environment=stacked, besides=code) if code else stacked
