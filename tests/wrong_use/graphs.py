"""Wrong uses while a graph is built."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

import pynodes as pn
from tests.small import binary, paired, tracked
from tests.wrong_use import Wrong

STATE, INPUT = pn.ContinuousState(), pn.ContinuousInput()


def with_parent(coupling: object) -> pn.Graph:
    """The tracked state with a parent ``p`` through a coupling."""
    return tracked().add(p=STATE).couple("p", "x", coupling)


def graph_with(**fields: object) -> pn.Graph:
    """A graph of a state with these fields."""
    return pn.Graph().add(x=pn.ContinuousState(**fields))


NODES = [
    Wrong(
        "a name used twice",
        lambda: tracked().add(x=STATE),
        pn.DuplicateNodeError,
        ("'x'", "another name"),
    ),
    Wrong(
        "a name given in both ways",
        lambda: pn.Graph().add({"x": STATE}, x=INPUT),
        pn.DuplicateNodeError,
        ("'x'", "another name"),
    ),
    Wrong("a number as a name", lambda: pn.Graph().add({1: STATE}), pn.GraphError, ("1", "text")),
    Wrong("an empty name", lambda: pn.Graph().add({"": STATE}), pn.GraphError, ("''", "non-empty")),
    Wrong(
        "a dot in a name",
        lambda: pn.Graph().add({"x.1": STATE}),
        pn.GraphError,
        ("'x.1'", "'.'", "addresses of parameters"),
    ),
    Wrong("nodes as a list", lambda: pn.Graph().add([STATE]), pn.GraphError, ("list", "by name")),
    Wrong(
        "a class for a node",
        lambda: pn.Graph().add(x=pn.ContinuousState),
        pn.GraphError,
        ("'x'", "write ContinuousState()"),
    ),
    Wrong(
        "an abstract class for a node",
        lambda: pn.Graph().add(x=pn.AbstractNode),
        pn.GraphError,
        ("'x'", "pynodes.ContinuousState()"),
    ),
    Wrong(
        "a number for a node",
        lambda: pn.Graph().add(x=3.0),
        pn.GraphError,
        ("'x'", "3.0", "pynodes.ContinuousState()"),
    ),
]

PARAMETERS = [
    Wrong(
        "a misspelt parameter",
        lambda: pn.ContinuousState(tonic_volatilty=-3.0),
        pn.ParameterError,
        ("ContinuousState", "'tonic_volatilty'", "Did you mean 'tonic_volatility'"),
    ),
    Wrong(
        "a parameter of other software",
        lambda: pn.ContinuousState(omega=-3.0),
        pn.ParameterError,
        ("'omega'", "'tonic_volatility'"),
    ),
    Wrong(
        "a parameter by position",
        lambda: pn.ContinuousState(-3.0),
        pn.ParameterError,
        ("ContinuousState", "by name", "ContinuousState(tonic_volatility=...)"),
    ),
    Wrong(
        "a negative precision",
        lambda: graph_with(initial_precision=-1.0),
        pn.ParameterError,
        ("'x'", "initial_precision", "-1.0", "must be positive"),
    ),
    Wrong(
        "a precision of zero",
        lambda: pn.Graph().add(u=pn.ContinuousInput(precision=0)),
        pn.ParameterError,
        ("'u'", "precision", "must be positive"),
    ),
    Wrong(
        "a parameter that is NaN",
        lambda: graph_with(tonic_volatility=math.nan),
        pn.ParameterError,
        ("'x'", "tonic_volatility", "nan", "must be finite"),
    ),
    Wrong(
        "an infinite parameter",
        lambda: graph_with(initial_mean=math.inf),
        pn.ParameterError,
        ("'x'", "initial_mean", "inf", "must be finite"),
    ),
    Wrong(
        "a text for a number",
        lambda: graph_with(tonic_drift="0.1"),
        pn.ParameterError,
        ("'x'", "tonic_drift", "'0.1'", "real number"),
    ),
    Wrong(
        "a truth value for a number",
        lambda: graph_with(tonic_drift=True),
        pn.ParameterError,
        ("'x'", "tonic_drift", "True", "real number"),
    ),
    Wrong(
        "rows of different lengths for a number",
        lambda: graph_with(tonic_drift=[1.0, [2.0]]),
        pn.ParameterError,
        ("'x'", "tonic_drift", "[1.0, [2.0]]", "real number"),
    ),
    Wrong(
        "a complex parameter",
        lambda: graph_with(tonic_drift=1j),
        pn.ParameterError,
        ("'x'", "tonic_drift", "1j", "real number"),
    ),
    Wrong(
        "an array for a number",
        lambda: graph_with(tonic_volatility=np.array([-3.0, -4.0])),
        pn.ParameterError,
        ("'x'", "tonic_volatility", "(2,)", "jax.vmap"),
    ),
    Wrong(
        "an autoconnection above one",
        lambda: graph_with(autoconnection=1.5),
        pn.ParameterError,
        ("'x'", "autoconnection", "1.5", "[0.0, 1.0]"),
    ),
    Wrong(
        "an unknown memory",
        lambda: pn.ContinuousState(memory="ou"),
        pn.ParameterError,
        ("memory", "'ou'", "'discrete' or 'exact'"),
    ),
    Wrong(
        "an unknown expansion of a node",
        lambda: graph_with(expansion="ehgf"),
        pn.ParameterError,
        ("'x'", "'ehgf'", "'enhanced'"),
    ),
    Wrong(
        "a marginalise that is a word",
        lambda: graph_with(marginalise="no"),
        pn.ParameterError,
        ("'x'", "marginalise", "'no'", "True or False"),
    ),
    Wrong(
        "a clip that leaves no probability",
        lambda: pn.Graph().add(u=pn.BinaryInput(probability_clip=0.9)),
        pn.ParameterError,
        ("'u'", "probability_clip", "0.9", "between 0 and 0.5"),
    ),
]

COUPLINGS = [
    Wrong(
        "an unknown parent",
        lambda: tracked().couple("y", "x"),
        pn.UnknownNodeError,
        ("'y'", "Known here", "'x'"),
    ),
    Wrong(
        "a misspelt child",
        lambda: paired().couple("x", "topp"),
        pn.UnknownNodeError,
        ("'topp'", "Did you mean 'top'"),
    ),
    Wrong(
        "a negative index for a node",
        lambda: tracked().couple(-1, "x"),
        pn.GraphError,
        ("-1", "name of a node"),
    ),
    Wrong(
        "a list of indices",
        lambda: tracked().couple([np.int64(0)], "x"),
        pn.UnknownNodeError,
        ("0", "Known here"),
    ),
    Wrong("a self-loop", lambda: tracked().couple("x", "x"), pn.CycleError, ("'x'", "own parent")),
    Wrong(
        "a cycle",
        lambda: paired().couple("x", "top"),
        pn.CycleError,
        ("top -> x -> top", "without cycles"),
    ),
    Wrong(
        "a coupling into the wrong inlet",
        lambda: binary().couple("x3", "u", pn.Drift()),
        pn.CouplingError,
        ("Drift", "'drift'", "'u'", "BinaryInput", "Probability"),
    ),
    Wrong(
        "volatility of a binary input",
        lambda: binary().couple("x3", "u", "volatility"),
        pn.CouplingError,
        ("'u'", "BinaryInput", "volatility", "Probability"),
    ),
    Wrong(
        "noise of a state",
        lambda: with_parent(pn.Noise()),
        pn.CouplingError,
        ("Noise", "'x'", "ContinuousState", "Volatility"),
    ),
    Wrong(
        "Enhanced where it runs away",
        lambda: (
            tracked()
            .add(**{name: pn.ContinuousInput() for name in "pqrst"})
            .add(a=pn.ContinuousState(), b=pn.ContinuousState())
            .couple("x", list("pqrst"))
            .couple("a", ["u", *"pqrst"], pn.Noise())
            .couple("b", "a", "volatility")
            .compile()
        ),
        pn.GraphError,
        ("'a'", "6 readings at once", "'b'", "a=pynodes.ContinuousState(expansion='unbounded')"),
    ),
    Wrong(
        "a parent of a constant",
        lambda: tracked().add(c=pn.ConstantState()).couple("x", "c"),
        pn.CouplingError,
        ("'c'", "ConstantState", "no parents"),
    ),
    Wrong(
        "a parent of a regressor",
        lambda: tracked().add(r=pn.Regressor()).couple("x", "r", pn.Drift()),
        pn.CouplingError,
        ("'r'", "Regressor", "no parents"),
    ),
    Wrong(
        "an input as a parent",
        lambda: tracked().couple("u", "x"),
        pn.CouplingError,
        ("'u'", "observed", "Regressor"),
    ),
    Wrong(
        "the same coupling twice",
        lambda: tracked().couple("x", "u"),
        pn.DuplicateNodeError,
        ("'x'", "'u'", "'location'", "network.replace({'x->u.strength'"),
    ),
    Wrong(
        "a misspelt coupling word",
        lambda: with_parent("volatlity"),
        pn.CouplingError,
        ("'volatlity'", "'value' or 'volatility'"),
    ),
    Wrong(
        "a strength for a coupling",
        lambda: with_parent(0.5),
        pn.CouplingError,
        ("0.5", "strength="),
    ),
    Wrong(
        "an abstract coupling",
        lambda: with_parent(pn.AbstractCoupling),
        pn.CouplingError,
        ("AbstractCoupling", "pynodes.Volatility("),
    ),
    Wrong(
        "an unknown parameter of a coupling",
        lambda: pn.Volatility(kappa=1.0),
        pn.ParameterError,
        ("Volatility", "'kappa'", "'strength'"),
    ),
    Wrong(
        "a function for a volatility",
        lambda: pn.Volatility(function="tanh"),
        pn.ParameterError,
        ("Volatility", "'function'", "'strength'"),
    ),
    Wrong(
        "a strength that is NaN",
        lambda: with_parent(pn.Drift(strength=math.nan)),
        pn.ParameterError,
        ("p->x", "strength", "nan", "must be finite"),
    ),
    Wrong(
        "a misspelt coupling function",
        lambda: pn.Drift(function="tahn"),
        pn.CouplingError,
        ("'tahn'", "Did you mean 'tanh'"),
    ),
    Wrong(
        "a coupling function of numpy",
        lambda: pn.Drift(function=np.tanh),
        pn.CouplingError,
        ("tanh", "jnp.tanh"),
    ),
    Wrong(
        "a coupling function of two arguments",
        lambda: pn.Drift(function=jnp.arctan2),
        pn.CouplingError,
        ("arctan2", "one argument"),
    ),
    Wrong(
        "a coupling function with two values",
        lambda: pn.Drift(function=lambda x: jnp.stack([x, x])),
        pn.CouplingError,
        ("<lambda>", "one number into one number"),
    ),
    Wrong(
        "a number for a coupling function",
        lambda: pn.Drift(function=3),
        pn.CouplingError,
        ("3", "function or a name", "'tanh'"),
    ),
    Wrong(
        "an edge without a coupling",
        lambda: tracked().extend({}, [("x", "u")]),
        pn.GraphError,
        ("('x', 'u')", "triple of parent, child and coupling"),
    ),
]

SETTINGS = [
    Wrong(
        "an empty graph compiled",
        lambda: pn.Graph().compile(),
        pn.GraphError,
        ("no nodes", "graph.add("),
    ),
    Wrong(
        "an unknown setting of a graph",
        lambda: pn.Graph(volatility_updates="eHGF"),
        pn.GraphError,
        ("'volatility_updates'", "'expansion'"),
    ),
    Wrong(
        "a misspelt keyword of compile",
        lambda: tracked().compile(expansions="standard"),
        pn.GraphError,
        ("'expansions'", "Did you mean 'expansion'"),
    ),
    Wrong(
        "a misspelt setting of a graph that is there",
        lambda: tracked().with_settings(marginalize=False),
        pn.GraphError,
        ("'marginalize'", "Did you mean 'marginalise'"),
    ),
    Wrong(
        "an expansion by another's name",
        lambda: tracked().compile(expansion="ehgf"),
        pn.GraphError,
        ("'ehgf'", "'enhanced'", "'standard'", "'unbounded'"),
    ),
    Wrong(
        "a clip of the probability above a half",
        lambda: pn.Graph(probability_clip=0.7),
        pn.GraphError,
        ("probability_clip", "0.7", "between 0 and 0.5"),
    ),
    Wrong(
        "an input without any noise",
        lambda: pn.models.continuous_hgf(input_precision=math.inf).compile(),
        pn.ParameterError,
        ("'u'", "infinite precision", "Noise"),
    ),
    Wrong(
        "exact memory of nothing",
        lambda: graph_with(memory="exact", autoconnection=0).compile(),
        pn.ParameterError,
        ("'x'", "memory='exact'", "autoconnection above 0"),
    ),
    Wrong(
        "a graph repeated no times", lambda: tracked().repeat(0), pn.GraphError, ("0", "positive")
    ),
    Wrong(
        "a name for the shared nodes",
        lambda: tracked().repeat(2, "x"),
        pn.GraphError,
        ("shared", "['x']"),
    ),
    Wrong(
        "an unknown shared node",
        lambda: tracked().repeat(2, ["z"]),
        pn.UnknownNodeError,
        ("'z'", "Known here"),
    ),
    Wrong(
        "a model of too few levels",
        lambda: pn.models.binary_hgf(levels=1),
        pn.GraphError,
        ("levels", "1", "at least 2"),
    ),
    Wrong(
        "too many values for the levels",
        lambda: pn.models.binary_hgf(tonic_volatility=[-3.0, -6.0, -6.0]),
        pn.GraphError,
        ("tonic_volatility", "3 values", "2 of them"),
    ),
]

WRONG = [*NODES, *PARAMETERS, *COUPLINGS, *SETTINGS]
