"""Wrong uses of a network, its states and its results."""

from __future__ import annotations

import math
import sys
from unittest import mock

import jax
import numpy as np

import pynodes as pn
from tests.small import STEPS, VALUES, binary, driven, network, tracked
from tests.wrong_use import Wrong


def replaced(**value: object) -> pn.Network:
    """The tracked network with another tonic volatility."""
    return network(tracked()).replace({"x.tonic_volatility": value["value"]})


def filtered(**options: object) -> pn.Trajectories:
    """The tracked network's beliefs."""
    return network(tracked()).filter({"u": VALUES}, **options)


def step(inputs: object, state: object = "first") -> object:
    """One step of the tracked network."""
    net = network(tracked())
    return net.step(net.start() if isinstance(state, str) else state, inputs)


def sample(key: object = 0, steps: object = STEPS, **options: object) -> object:
    """The driven network, sampled."""
    key = jax.random.key(key) if isinstance(key, int) else key
    return network(driven()).sample(key, steps, **options)


def of_other_kinds() -> pn.State:
    """A state of a network whose nodes have the names of the tracked one's, but other kinds."""
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.BinaryState()).couple("x", "u")
    return graph.compile().start()


def several_starts() -> pn.State:
    """The states of three runs at once."""
    start = jax.vmap(lambda mean: network(tracked()).replace({"x.initial_mean": mean}).start())
    return start(np.arange(3.0))


def several_networks() -> pn.Network:
    """Three networks at once."""
    net = network(tracked())
    return jax.vmap(lambda mean: net.replace({"x.initial_mean": mean}))(np.arange(3.0))


def without(package: str, call: str) -> object:
    """A table made where a package is not installed."""
    beliefs = filtered()
    with mock.patch.dict(sys.modules, {package: None}):
        return getattr(beliefs, call)()


REPLACEMENTS = [
    Wrong(
        "an unknown parameter",
        lambda: network(tracked()).replace({"x.tonic_volatilty": 1.0}),
        pn.ParameterError,
        ("'x.tonic_volatilty'", "Did you mean 'x.tonic_volatility'"),
    ),
    Wrong(
        "a node for a parameter",
        lambda: network(tracked()).replace({"x": 1.0}),
        pn.ParameterError,
        ("'x'", "'x.tonic_volatility'"),
    ),
    Wrong(
        "an unknown parameter asked for",
        lambda: network(tracked())["x.omega"],
        pn.ParameterError,
        ("'x.omega'", "Known here"),
    ),
    Wrong(
        "values that are no mapping",
        lambda: network(tracked()).replace([("x.tonic_volatility", 1.0)]),
        pn.ParameterError,
        ("[('x.tonic_volatility', 1.0)]", "{'x.tonic_volatility'"),
    ),
    Wrong(
        "a text as a value",
        lambda: replaced(value="-3"),
        pn.ParameterError,
        ("'x.tonic_volatility'", "'-3'", "real number"),
    ),
    Wrong(
        "an array as a value",
        lambda: replaced(value=np.array([1.0, 2.0])),
        pn.ParameterError,
        ("'x.tonic_volatility'", "(2,)", "jax.vmap"),
    ),
    Wrong(
        "an array as a value while it is traced",
        lambda: jax.eval_shape(lambda value: replaced(value=value).program, np.ones(2)),
        pn.ParameterError,
        ("'x.tonic_volatility'", "(2,)", "jax.vmap"),
    ),
    Wrong(
        "NaN as a value",
        lambda: replaced(value=math.nan),
        pn.ParameterError,
        ("'x.tonic_volatility'", "nan", "must be finite"),
    ),
    Wrong(
        "nothing as a value",
        lambda: replaced(value=None),
        pn.ParameterError,
        ("'x.tonic_volatility'", "None", "real number"),
    ),
    Wrong(
        "a value out of range",
        lambda: network(tracked()).replace({"u.precision": -1.0}),
        pn.ParameterError,
        ("'u.precision'", "-1.0", "must be positive"),
    ),
    Wrong(
        "an infinite precision without noise",
        lambda: network(tracked()).replace({"u.precision": math.inf}),
        pn.ParameterError,
        ("'u'", "infinite precision", "Noise"),
    ),
]

STATES = [
    Wrong(
        "a state of another network",
        lambda: filtered(start=network(binary()).start()),
        pn.StateError,
        ("other nodes", "network.start()"),
    ),
    Wrong(
        "a state of a network of other kinds",
        lambda: filtered(start=of_other_kinds()),
        pn.StateError,
        ("other nodes", "network.start()"),
    ),
    Wrong(
        "states of several runs",
        lambda: filtered(start=several_starts()),
        pn.StateError,
        ("(3,)", "'x'", "jax.vmap"),
    ),
    *(
        Wrong(f"several networks that {what}", call, pn.BatchError, ("(3,)", "jax.vmap"))
        for what, call in {
            "filter": lambda: several_networks().filter({"u": VALUES}),
            "give a surprise": lambda: several_networks().surprise({"u": VALUES}),
            "smooth": lambda: several_networks().smooth({"u": VALUES}),
            "step": lambda: several_networks().step(network(tracked()).start(), {"u": 1.0}),
            "start": lambda: several_networks().start(),
            "sample": lambda: several_networks().sample(jax.random.key(0), STEPS),
            "forecast": lambda: several_networks().forecast(jax.random.key(0), STEPS),
        }.items()
    ),
    Wrong(
        "beliefs for a state",
        lambda: filtered(start=filtered()),
        pn.StateError,
        ("Trajectories", "beliefs.final"),
    ),
    Wrong(
        "a step from nothing",
        lambda: step({"u": 1.0}, state=None),
        pn.StateError,
        ("None", "network.start()"),
    ),
    Wrong(
        "a step with a series",
        lambda: step({"u": VALUES}),
        pn.InputError,
        ("'u'", f"({STEPS},)", "network.filter"),
    ),
    Wrong("a step with a number", lambda: step(1.0), pn.InputError, ("float", "{'u':")),
    Wrong("a step without an input", lambda: step({}), pn.InputError, ("'u'", "Give one each")),
    Wrong(
        "an unknown node of a state",
        lambda: network(tracked()).start()["y"],
        pn.UnknownNodeError,
        ("'y'", "Known here"),
    ),
    Wrong(
        "the state of an input",
        lambda: network(tracked()).start()["u"],
        pn.FieldError,
        ("'u'", "carries nothing from one step to the next"),
    ),
]

RESULTS = [
    Wrong(
        "beliefs of an unknown node",
        lambda: filtered()["y"],
        pn.UnknownNodeError,
        ("'y'", "Known here", "'x'"),
    ),
    Wrong(
        "beliefs by position",
        lambda: filtered()[0],
        pn.UnknownNodeError,
        ("0", "Known here", "'x'"),
    ),
    Wrong(
        "an unknown field",
        lambda: filtered()["x"].precison,
        pn.FieldError,
        ("'x'", "'precison'", "Did you mean 'precision'"),
    ),
    Wrong(
        "an error of a node without parents",
        lambda: filtered()["x"].value_error,
        pn.FieldError,
        ("'x'", "value_error", "no parents"),
    ),
    Wrong(
        "beliefs that were not recorded",
        lambda: filtered(record=["u"])["x"],
        pn.FieldError,
        ("'x'", "not recorded", "'u'"),
    ),
    Wrong(
        "a table without pandas",
        lambda: without("pandas", "to_pandas"),
        pn.MissingExtraError,
        ("pandas", "pip install '.[tables]'"),
    ),
    Wrong(
        "a dataset without xarray",
        lambda: without("xarray", "to_xarray"),
        pn.MissingExtraError,
        ("xarray", "pip install '.[tables]'"),
    ),
    Wrong(
        "a dataset with a dimension too many",
        lambda: filtered().to_xarray(dims=("subject",)),
        pn.FieldError,
        ("0 batch dimensions", "'subject'"),
    ),
]

SAMPLES = [
    Wrong(
        "a seed for a key",
        lambda: network(tracked()).sample(0, STEPS),
        pn.InputError,
        ("key", "not 0", "jax.random.key(0)"),
    ),
    Wrong(
        "several keys",
        lambda: sample(key=jax.random.split(jax.random.key(0), 2)),
        pn.InputError,
        ("key", "jax.vmap"),
    ),
    Wrong("no steps", lambda: sample(steps=0), pn.InputError, ("steps", "0", "positive")),
    Wrong(
        "a fraction of steps", lambda: sample(steps=2.5), pn.InputError, ("steps", "2.5", "whole")
    ),
    Wrong(
        "no number of steps", lambda: sample(steps=None), pn.InputError, ("number of steps", "Give")
    ),
    Wrong(
        "a series for what is simulated",
        lambda: sample(inputs={"u": VALUES}),
        pn.InputError,
        ("'u'", "simulated", "regressors"),
    ),
    Wrong(
        "a regressor of another length",
        lambda: sample(inputs={"r": [1.0, 2.0]}),
        pn.InputError,
        ("'r'", "2 steps", f"{STEPS}", "one value per step"),
    ),
]

WRONG = [*REPLACEMENTS, *STATES, *RESULTS, *SAMPLES]
