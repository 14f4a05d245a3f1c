"""Interaction: predict, act, be answered, observe, learn, as one loop over time."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from pynodes._compiler.labels import Kept, Labels
from pynodes._compiler.program import Program
from pynodes._core.besides import Besides, find_own_code, read_besides
from pynodes._core.modules import Module, carry_function, choice, unwrap_function
from pynodes._engine import sweeps
from pynodes._engine.feed import Feed, Moment, Seen
from pynodes._engine.filter import Records, Run, all_valid, report_groups, rest, run_and_keep
from pynodes._engine.gates import OPEN, Gates
from pynodes._engine.loop import Guard, Now
from pynodes._engine.sweeps import State
from pynodes._errors import InputError
from pynodes._runtime.inputs import check_input_names, read_given_parameters, shape_of
from pynodes._runtime.prospect import PredictedBeliefs, look_ahead
from pynodes._runtime.series import group_observations
from pynodes._typing import AnyArray, Array


class Life(Module):
    """What a run leaves behind besides beliefs; see :class:`Interaction`."""

    actions: Any
    inputs: dict[str, Array]
    shown: dict[str, Array]
    values: dict[int, Array]
    observed: dict[int, Array]
    world: Any


class Parties(Module):
    """Who takes part: the agent's response and its environment, and what the response must know besides.

    Code of the user's is taken as it is now, with what it reads besides its arguments.
    """

    response: Any
    environment: Any
    covariates: dict[str, AnyArray]
    besides: Besides = choice(())

    @classmethod
    def of(cls, response: Any, environment: Any, covariates: dict[str, AnyArray]) -> Parties:
        """Those of a response and an environment."""
        code = [*find_own_code(response), *find_own_code(environment)]
        besides = tuple(read_besides(one) for one in code)
        return cls(
            response=response, environment=environment, covariates=covariates, besides=besides
        )


class ResponseRule(Module):
    """A response that is a function of a key and the predictions of a step.

    What an environment shows reaches it if it has an argument ``covariates``.
    """

    function: Any

    @property
    def covariates(self) -> Any:
        """What it takes of what is shown: everything, or nothing."""
        arguments = inspect.signature(unwrap_function(self.function)).parameters
        return Everything() if "covariates" in arguments else ()

    def sample(self, key: Array, beliefs: Any, *, covariates: Any = None) -> Any:
        """What the function returns."""
        return self.function(key, beliefs, **({"covariates": covariates} if covariates else {}))


class Everything:
    """A collection that has every name in it."""

    def __contains__(self, name: object) -> bool:
        return True


class Acted(Module):
    """One step of an agent: what its filter found, and what went between it and its environment."""

    program: Program
    beliefs: Any
    seen: Any
    action: Any
    answer: dict[str, Array]
    shown: dict[str, Array]
    gates: Gates = OPEN


@partial(jax.jit, static_argnames=("labels", "kept"))
def interact_series(
    program: Program,
    parties: Parties,
    begin: tuple[State | None, Any],
    feed: Feed,
    key: Array,
    *,
    labels: Labels,
    kept: Kept,
) -> tuple[Run, Life]:
    """A run of an agent in its environment, from a state and a world."""
    first, key = jax.random.split(key)
    state = sweeps.start(program) if begin[0] is None else begin[0]
    world = parties.environment.begin(first) if begin[1] is None else begin[1]

    def step(now: Now, before: tuple[State, Any]) -> tuple[Any, Array, Acted]:
        world, acted = act(labels, parties, now, *before)
        after = sweeps.carry(acted.program, acted.beliefs)
        return (after, world), all_valid(acted.beliefs), acted

    def keep(now: Now, acted: Acted, guard: Guard) -> Records:
        return report_groups(acted.program, acted.beliefs, kept)

    def emit(acted: Acted) -> Any:
        return acted.action, acted.answer, acted.shown, acted.seen

    first = report_groups(program, rest(program, state), kept)
    beside = (jax.random.split(key, feed.steps), parties.covariates)
    run, ran = run_and_keep(
        program, feed, (state, world), step, keep, first, emit=emit, beside=beside
    )
    actions, inputs, shown, seen = ran.emitted
    final, world = run.final
    life = Life(
        actions=actions,
        inputs=inputs,
        shown=shown,
        values={group: values for group, (values, _) in seen.items()},
        observed={group: mask for group, (_, mask) in seen.items()},
        world=world,
    )
    return dataclasses.replace(run, records=ran.kept, final=final), life


def act(labels: Labels, parties: Parties, now: Now, before: State, world: Any) -> tuple[Any, Acted]:
    """One step: the agent predicts and acts, its environment answers, and it learns."""
    key, covariates = now.beside
    acting, answering = jax.random.split(key)
    shown = dict(parties.environment.show(world))
    program, extra = equip(labels, now.program, shown)
    predicted = sweeps.predict(program, before, now.dt)
    sight = look_ahead(labels, program, predicted, before)
    known = covariates | select_shown_covariates(parties.response, extra)
    options = {"covariates": known} if known else {}
    seeing = sight if isinstance(parties.response, ResponseRule) else PredictedBeliefs(sight)
    action = parties.response.sample(acting, seeing, **options)
    world, answer = parties.environment.answer(answering, world, action)
    seen = observe_answer(labels, dict(answer), shown)
    found = sweeps.infer(program, before, predicted, seen, now.dt)
    masks = {g: (value, jnp.asarray(mask)) for g, (value, mask) in found.seen.items()}
    acted = Acted(
        program=program,
        beliefs=found.beliefs,
        seen=masks,
        action=action,
        answer=dict(answer),
        shown=shown,
    )
    return world, acted


def select_shown_covariates(response: Any, shown: Mapping[str, Array]) -> dict[str, Array]:
    """What a response takes of what it is shown."""
    wanted = getattr(response, "covariates", Everything())
    return {name: value for name, value in shown.items() if name in wanted}


def select_network_inputs(labels: Labels, shown: Mapping[str, Array]) -> dict[str, Array]:
    """What of things shown is the network's: regressors, and parameters that are known per step."""
    return {
        name: value
        for name, value in shown.items()
        if name in labels.nodes or name in labels.parameters
    }


def equip(
    labels: Labels, program: Program, shown: Mapping[str, Array]
) -> tuple[Program, dict[str, Array]]:
    """The program with what was shown in place, and what was shown to the response only."""
    own = {
        name: jnp.asarray(value, float)[None]
        for name, value in select_network_inputs(labels, shown).items()
    }
    rest = {name: jnp.asarray(value) for name, value in shown.items() if name not in own}
    moment = Moment(values={}, observed={}, given=read_given_parameters(labels, own))
    return jax.tree.map(lambda leaf: leaf[0], moment).program(program), rest


def observe_answer(labels: Labels, answer: Mapping[str, Array], shown: Mapping[str, Array]) -> Seen:
    """What an environment answered in one step, by group, and whether it is something.

    Raises
    ------
    InputError
        An answer for no input, none for some input, or one of another shape.
    """
    series: dict[str, Any] = {}
    check_input_names(
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
    values, masks = group_observations(labels, series, {})
    return {
        index: (jnp.asarray(array)[0], jnp.asarray(masks[index])[0] if index in masks else True)
        for index, array in values.items()
    }


def as_response(response: Any) -> Any:
    """A response, or a function of a key and predictions, as something that can be sampled.

    Raises
    ------
    InputError
        Neither.
    """
    if hasattr(response, "sample"):
        return response
    if not callable(response):
        raise InputError(
            "response must be a response, such as pynodes.responses.Softmax(...), or a function of a key and "
            f"the step's predictions that returns an action, not {response!r}."
        )
    return ResponseRule(function=carry_function(response))


def check_environment(environment: Any) -> None:
    """An environment begins and answers.

    Raises
    ------
    InputError
        It does not.
    """
    if not hasattr(environment, "begin") or not hasattr(environment, "answer"):
        raise InputError(
            "environment must have begin(key) and answer(key, state, action), as a subclass of "
            f"pynodes.environments.AbstractEnvironment has, not be {environment!r}."
        )
