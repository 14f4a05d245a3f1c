"""The boundary: errors on purpose end at the caller's line, in a traceback of a few lines."""

import inspect
import traceback
from pathlib import Path

import jax
import numpy as np
import pytest

import pynodes as pn
from pynodes._boundary import boundary
from pynodes._errors import PynodesError

pytestmark = pytest.mark.versions

INSIDE = str(Path(pn.__file__).parent)


def graph():
    """The smallest binary model."""
    return pn.Graph().add(u=pn.BinaryInput(), x=pn.ContinuousState()).couple("x", "u")


def beliefs():
    return graph().compile().filter({"u": [1.0, 0.0]})


def trials():
    return pn.Trials({"u": [0.0, 1.0], "y": [1.0, 0.0]}, inputs="u", actions="y")


MISTAKES = {
    "a misspelt parameter of a kind": lambda: pn.ContinuousState(tonic_volatilty=-3.0),
    "a coupling that does not suit": lambda: graph().couple("x", "u", pn.Drift()),
    "an unknown node": lambda: graph().couple("y", "u"),
    "a cycle": lambda: pn.Graph().add(x=pn.ContinuousState()).couple("x", "x"),
    "a name twice": lambda: graph().add(x=pn.ContinuousState()),
    "a parameter of the wrong sign": lambda: pn.Graph().add(u=pn.ContinuousInput(precision=-1.0)),
    "an unknown parameter": lambda: graph().compile().replace({"x.volatility": 1.0}),
    "no series": lambda: graph().compile().filter({}),
    "a series of something else": lambda: graph().compile().filter({"u": [0.5, 2.0]}),
    "beliefs of no node": lambda: beliefs()["x3"],
    "a field that is none": lambda: beliefs()["x"].means,
    "errors without parents": lambda: beliefs()["x"].value_error,
    "a column that is none": lambda: pn.Trials({"u": [0.0, 1.0]}, inputs="w"),
    "an agent of no value": lambda: pn.fit_map(pn.Agent(graph().compile(), free={}), trials()),
    "a frame for trials": lambda: pn.fit_map(None, {"u": [1.0]}),
    "levels that are none": lambda: pn.models.binary_hgf(levels=0),
    "a file of something else": lambda: pn.load(__file__),
    "an untraceable function": lambda: pn.Drift(function=np.tanh),
    "a breakdown": lambda: (
        pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))
        .compile()
        .filter({"u": pn.data.association().outcomes})
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_traceback_ends_at_the_callers_line(mistake):
    """One frame at most is of the package: the door through which the error left."""
    with pytest.raises(PynodesError) as caught:
        MISTAKES[mistake]()

    frames = traceback.extract_tb(caught.value.__traceback__)
    assert not [frame for frame in frames if frame.filename.startswith(INSIDE)]
    assert frames[-1].filename == "<pynodes>"
    assert frames[-2].filename == __file__
    assert len([frame for frame in frames if frame.filename == "<pynodes>"]) == 1
    assert not [frame for frame in frames if "jax" in frame.filename]


def test_the_last_frame_has_the_name_of_what_was_called():
    with pytest.raises(pn.GraphError) as caught:
        graph().couple("y", "u")
    last = traceback.extract_tb(caught.value.__traceback__)[-1]

    assert last.name == "couple"
    assert not last.line


def test_pytest_and_ipython_are_told_to_hide_the_door():
    entered = graph().compile().filter.__func__

    assert "__tracebackhide__" in entered.__code__.co_varnames


def test_other_errors_keep_their_frames():
    """They may be a bug, which has to be found."""

    @boundary
    def buggy():
        return deeper()

    def deeper():
        return {}["absent"]

    with pytest.raises(KeyError) as caught:
        buggy()
    assert "deeper" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_developers_can_have_all_frames(monkeypatch):
    monkeypatch.setenv("PYNODES_TRACEBACK", "full")
    with pytest.raises(pn.GraphError) as caught:
        graph().couple("y", "u")

    frames = traceback.extract_tb(caught.value.__traceback__)
    assert sum(frame.filename.startswith(INSIDE) for frame in frames) > 2


def test_what_an_error_came_from_is_kept_without_its_frames():
    with pytest.raises(pn.CouplingError) as caught:
        pn.Drift(function=np.tanh)

    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is None


def test_signatures_and_words_are_those_of_what_is_called():
    assert list(inspect.signature(pn.Network.filter).parameters)[:2] == ["self", "inputs"]
    assert pn.Network.filter.__doc__.startswith("Pass a series")
    assert inspect.signature(pn.fit_map).parameters["starts"].default == 16


def test_it_works_under_the_transformations_of_jax():
    network = graph().compile()

    def surprise(value):
        return network.replace({"x.tonic_volatility": value}).surprise({"u": [1.0, 0.0, 1.0]})

    assert np.isfinite(jax.jit(jax.grad(surprise))(-3.0))
    assert jax.vmap(surprise)(np.array([-3.0, -2.0])).shape == (2,)
