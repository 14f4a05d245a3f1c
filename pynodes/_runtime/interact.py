"""Interaction: predict, act, be answered, observe, learn, as one loop over time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pynodes._compiler.labels import Kept, Labels
from pynodes._compiler.program import Program
from pynodes._core.modules import Module
from pynodes._errors import InputError
from pynodes._runtime import sweeps
from pynodes._runtime.feed import Feed, Moment
from pynodes._runtime.filter import (
    Run,
    healthy,
    held,
    overgrown,
    remembered,
    reported,
    surprises,
)
from pynodes._runtime.fixed import plain
from pynodes._runtime.gates import Seen
from pynodes._runtime.inputs import given, names, shape_of
from pynodes._runtime.observations import observations
from pynodes._runtime.prospect import Foreseen, prospect
from pynodes._runtime.sweeps import State
from pynodes._typing import AnyArray, Array


class Lived(Module):
    """What a run leaves behind besides beliefs; see :class:`Interaction`."""

    actions: Any
    inputs: dict[str, Array]
    shown: dict[str, Array]
    observed: dict[int, Array]
    world: Any


class Parties(Module):
    """Who takes part: the agent's response and its environment."""

    response: Any
    environment: Any
    covariates: dict[str, AnyArray]


class Rule(Module):
    """A response that is a function of a key and the predictions of a step.

    What an environment shows reaches it if it has an argument ``covariates``.
    """

    function: Any

    @property
    def covariates(self) -> Any:
        """What it takes of what is shown: everything, or nothing."""
        arguments = inspect.signature(plain(self.function)).parameters
        return Everything() if "covariates" in arguments else ()

    def sample(self, key: Array, beliefs: Any, *, covariates: Any = None) -> Any:
        """What the function returns."""
        return self.function(key, beliefs, **({"covariates": covariates} if covariates else {}))


class Everything:
    """A collection that has every name in it."""

    def __contains__(self, name: object) -> bool:
        return True


def taken(response: Any, shown: Mapping[str, Array]) -> dict[str, Array]:
    """What a response takes of what it is shown."""
    wanted = getattr(response, "covariates", Everything())
    return {name: value for name, value in shown.items() if name in wanted}


@partial(jax.jit, static_argnames=("labels", "kept", "steps"))
def interacted(
    program: Program,
    parties: Parties,
    begin: tuple[State | None, Any],
    times: AnyArray | None,
    interval: AnyArray | None,
    key: Array,
    *,
    labels: Labels,
    kept: Kept,
    steps: int,
) -> tuple[Run, Lived]:
    """A run of an agent in its environment, from a state and a world."""
    first, key = jax.random.split(key)
    state = sweeps.start(program) if begin[0] is None else begin[0]
    world = parties.environment.begin(first) if begin[1] is None else begin[1]

    def advance(carry: tuple[State, Any, Array], moment: tuple[Array, Any, Any]) -> tuple[Any, Any]:
        before, world, alive = carry
        key, dt, covariates = moment
        dt = elapsed_of(dt, interval)
        acting, answering = jax.random.split(key)
        shown = dict(parties.environment.show(world))
        now, extra = equipped(labels, program, shown)
        predicted = sweeps.predict(now, before, dt)
        sight = prospect(labels, now, predicted, before)
        known = covariates | taken(parties.response, extra)
        options = {"covariates": known} if known else {}
        seeing = sight if isinstance(parties.response, Rule) else Foreseen(sight)
        action = parties.response.sample(acting, seeing, **options)
        world, answer = parties.environment.answer(answering, world, action)
        heard = dict(answer)
        seen = observed(labels, heard, shown)
        beliefs, _ = sweeps.update(now, predicted, seen, dt)
        alive = alive & healthy(beliefs)
        after = jax.tree.map(
            lambda new, old: jnp.where(alive, new, old), remembered(now, beliefs), before
        )
        reports = {index: reported(now, index, beliefs, positions) for index, positions in kept}
        masks = {index: mask for index, (_, mask) in seen.items() if mask is not True}
        record = (reports, surprises(now, beliefs, seen), alive, overgrown(beliefs))
        return (after, world, alive), (record, action, heard, shown, masks)

    series = (jax.random.split(key, steps), times, parties.covariates)
    (final, world, _), (record, actions, inputs, shown, masks) = lax.scan(
        advance, (state, world, jnp.array(True)), series, steps
    )
    reports, surprise, alive, bounded = record
    run = Run(records=reports, surprise=surprise, final=final, alive=alive, bounded=bounded)
    blank = Feed(steps=steps, series=Moment(values={}, observed={}))
    lived = Lived(actions=actions, inputs=inputs, shown=shown, observed=masks, world=world)
    return held(program, blank, begin[0], kept, run), lived


def own(labels: Labels, shown: Mapping[str, Array]) -> dict[str, Array]:
    """What of things shown is the network's: regressors, and parameters that are known per step."""
    return {
        name: value
        for name, value in shown.items()
        if name in labels.nodes or name in labels.parameters
    }


def equipped(
    labels: Labels, program: Program, shown: Mapping[str, Array]
) -> tuple[Program, dict[str, Array]]:
    """The program with what was shown in place, and what was shown to the response only."""
    mine = {name: jnp.asarray(value, float)[None] for name, value in own(labels, shown).items()}
    rest = {name: jnp.asarray(value) for name, value in shown.items() if name not in mine}
    moment = Moment(values={}, observed={}, given=given(labels, mine))
    return jax.tree.map(lambda leaf: leaf[0], moment).program(program), rest


def elapsed_of(time: Any, interval: Any) -> Any:
    """Time since the previous step: of this one, of every one, or one."""
    if time is not None:
        return time
    return 1.0 if interval is None else interval


def observed(labels: Labels, answer: Mapping[str, Array], shown: Mapping[str, Array]) -> Seen:
    """What an environment answered in one step, by group, and whether it is something.

    Raises
    ------
    InputError
        An answer for no input, none for some input, or one of another shape.
    """
    series: dict[str, Any] = {}
    names(
        labels, {name: 0.0 for name in (*answer, *shown) if name in answer or name in labels.nodes}
    )
    for name in answer:
        if name in shown or labels.graph.nodes[name].given:
            raise InputError(
                f"The environment answers {name!r}, which is known before an action: show it instead."
            )
        value, expected = jnp.asarray(answer[name], float), shape_of(labels, name)
        if value.shape != expected:
            raise InputError(
                f"The environment answers {name!r} with shape {value.shape}, not {expected}."
            )
        series[name] = value[None]
    values, masks = observations(labels, series, {})
    return {
        index: (jnp.asarray(array)[0], jnp.asarray(masks[index])[0] if index in masks else True)
        for index, array in values.items()
    }
