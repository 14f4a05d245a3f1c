"""Wrong uses of switches."""

from __future__ import annotations

import numpy as np

import pynodes as pn
from tests.small import network, paired
from tests.wrong_use import Wrong


def switch(edges: object) -> pn.Network:
    """A network of two inputs, switched."""
    return network(paired()).switch(edges)


WRONG = [
    Wrong(
        "switching an edge that is not there",
        lambda: switch({"x->v": False}),
        pn.UnknownEdgeError,
        ("'x'", "'v'", "Its parents are 'y'."),
    ),
    Wrong(
        "switching an edge of a node that is not there",
        lambda: switch({"tip->x": False}),
        pn.UnknownNodeError,
        ("'tip'", "Did you mean 'top'?"),
    ),
    Wrong("switching a node", lambda: switch({"x": False}), pn.GraphError, ("'x'", "'x2->u'")),
    Wrong(
        "switching by a strength",
        lambda: switch({"top->x": 0.0}),
        pn.ParameterError,
        ("'top->x'", "0.0", "False"),
    ),
    Wrong(
        "switching many at once",
        lambda: switch({"top->x": np.array([True, False])}),
        pn.ParameterError,
        ("'top->x'", "(2,)", "jax.vmap"),
    ),
    Wrong(
        "switching by a list", lambda: switch(["top->x"]), pn.ParameterError, ("'x3->x2': False",)
    ),
]
