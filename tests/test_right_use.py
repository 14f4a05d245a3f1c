"""Right uses: what a user expects to work does, with the numbers of the canonical form."""

import copy
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from tests.laws.same import assert_same
from tests.small import OUTCOMES, STEPS, VALUES, binary, driven, network, paired, tracked

WHOLE = np.array([3.0, -1.0, 0.0, 2.0, 2.0, 1.0])
SEEN = np.array([True, False, True, True, False, True])
GAPPY = np.where(SEEN, VALUES, np.nan)
TIMES = np.array([1.0, 2.0, 1.0, 3.0, 1.0, 1.0])


class Right(NamedTuple):
    """A use that works, and the canonical form that must give the same numbers."""

    what: str
    use: Callable[[], pn.Trajectories]
    canonical: Callable[[], pn.Trajectories]

    def __repr__(self) -> str:
        return self.what


def run(values: Any = VALUES, graph: pn.Graph | None = None, **options: Any) -> pn.Trajectories:
    """The tracked network's beliefs about a series, or another network's."""
    return network(tracked() if graph is None else graph).filter({"u": values}, **options)


def outcomes(values: Any) -> pn.Trajectories:
    return run(values, binary())


def built(**fields: Any) -> pn.Trajectories:
    """Beliefs of a network whose state and input have given fields."""
    inputs = {"precision": fields.pop("precision")} if "precision" in fields else {}
    graph = pn.Graph().add(u=pn.ContinuousInput(**inputs), x=pn.ContinuousState(**fields))
    return graph.couple("x", "u").compile().filter({"u": VALUES})


def coupled(coupling: Any) -> pn.Trajectories:
    """Beliefs with a parent ``p`` of the state, through a coupling."""
    graph = tracked().add(p=pn.ContinuousState(initial_mean=0.5))
    return graph.couple("p", "x", coupling).compile().filter({"u": VALUES})


def read_only() -> np.ndarray:
    values = VALUES.copy()
    values.flags.writeable = False
    return values


def renamed(name: str) -> pn.Trajectories:
    """The tracked network with another name for the state."""
    graph = pn.Graph().add({"u": pn.ContinuousInput(), name: pn.ContinuousState()})
    beliefs = graph.couple(name, "u").compile().filter({"u": VALUES})
    np.testing.assert_array_equal(beliefs[name].mean, run()["x"].mean)
    return beliefs


DATA = [
    Right("a list", lambda: run(VALUES.tolist()), run),
    Right("a tuple", lambda: run(tuple(VALUES)), run),
    Right("a pandas column", lambda: run(pd.Series(VALUES, index=range(5, 5 + STEPS))), run),
    Right("a pandas table", lambda: network(tracked()).filter(pd.DataFrame({"u": VALUES})), run),
    Right("a JAX array", lambda: run(jnp.array(VALUES)), run),
    Right("an array that cannot be written to", lambda: run(read_only()), run),
    Right("every other value of an array", lambda: run(np.repeat(VALUES, 2)[::2]), run),
    Right("an array of objects", lambda: run(VALUES.astype(object)), run),
    Right("fractions", lambda: run([Fraction(3, 2)] * STEPS), lambda: run(np.full(STEPS, 1.5))),
    Right("integers", lambda: run(WHOLE.astype(int)), lambda: run(WHOLE)),
    Right("small integers", lambda: run(WHOLE.astype(np.int8)), lambda: run(WHOLE)),
    Right("JAX integers", lambda: run(jnp.array(WHOLE, int)), lambda: run(WHOLE)),
    Right("a range", lambda: run(range(STEPS)), lambda: run(np.arange(STEPS, dtype=float))),
    Right(
        "float32 data",
        lambda: run(VALUES.astype(np.float32)),
        lambda: run(VALUES.astype(np.float32).astype(float)),
    ),
    Right(
        "outcomes as integers", lambda: outcomes(OUTCOMES.astype(int)), lambda: outcomes(OUTCOMES)
    ),
    Right("outcomes as truth values", lambda: outcomes(OUTCOMES == 1), lambda: outcomes(OUTCOMES)),
    Right(
        "outcomes as Python's truth values",
        lambda: outcomes([bool(o) for o in OUTCOMES]),
        lambda: outcomes(OUTCOMES),
    ),
    Right(
        "a condition as a regressor",
        lambda: network(driven()).filter({"u": VALUES, "r": SEEN}),
        lambda: network(driven()).filter({"u": VALUES, "r": SEEN.astype(float)}),
    ),
    Right(
        "series in another order",
        lambda: network(paired()).filter({"v": WHOLE, "u": VALUES}),
        lambda: network(paired()).filter({"u": VALUES, "v": WHOLE}),
    ),
]

GAPS = [
    Right(
        "None for NaN",
        lambda: run([v if s else None for v, s in zip(VALUES, SEEN, strict=True)]),
        lambda: run(GAPPY),
    ),
    Right("a masked array", lambda: run(np.ma.array(VALUES, mask=~SEEN)), lambda: run(GAPPY)),
    Right(
        "masked integers",
        lambda: run(np.ma.array(WHOLE.astype(int), mask=~SEEN)),
        lambda: run(np.where(SEEN, WHOLE, np.nan)),
    ),
    Right(
        "pandas integers with gaps",
        lambda: run(pd.array(np.where(SEEN, WHOLE, None), dtype="Int64")),
        lambda: run(np.where(SEEN, WHOLE, np.nan)),
    ),
    Right("a mask", lambda: run(observed=SEEN), lambda: run(GAPPY)),
    Right("a mask as a list", lambda: run(observed=SEEN.tolist()), lambda: run(GAPPY)),
    Right("a mask of zeros and ones", lambda: run(observed=SEEN * 1.0), lambda: run(GAPPY)),
    Right("a mask by name", lambda: run(observed={"u": SEEN}), lambda: run(GAPPY)),
    Right("a pandas mask", lambda: run(observed=pd.Series(SEEN)), lambda: run(GAPPY)),
    Right("a JAX mask", lambda: run(observed=jnp.array(SEEN)), lambda: run(GAPPY)),
    Right(
        "infinity under a mask",
        lambda: run(np.where(SEEN, VALUES, np.inf), observed=SEEN),
        lambda: run(GAPPY),
    ),
    Right("a mask without gaps", lambda: run(observed=np.ones(STEPS, bool)), run),
    Right(
        "a mask for one input of two",
        lambda: network(paired()).filter({"u": VALUES, "v": WHOLE}, observed={"u": SEEN}),
        lambda: network(paired()).filter({"u": GAPPY, "v": WHOLE}),
    ),
    Right("nothing frozen", lambda: run(frozen=np.zeros(STEPS, bool)), run),
]

TIME = [
    Right("dt as an integer", lambda: run(dt=2), lambda: run(dt=2.0)),
    Right("dt as a list", lambda: run(dt=TIMES.tolist()), lambda: run(dt=TIMES)),
    Right("dt as integers", lambda: run(dt=TIMES.astype(int)), lambda: run(dt=TIMES)),
    Right("dt as a pandas column", lambda: run(dt=pd.Series(TIMES)), lambda: run(dt=TIMES)),
    Right("dt as a JAX array", lambda: run(dt=jnp.array(TIMES)), lambda: run(dt=TIMES)),
    Right("the same dt at every step", lambda: run(dt=np.full(STEPS, 2.0)), lambda: run(dt=2.0)),
    Right("dt of one at every step", lambda: run(dt=[1] * STEPS), run),
    Right("dt as a numpy number", lambda: run(dt=np.float32(2)), lambda: run(dt=2.0)),
]

FIELDS = [
    Right("an integer precision", lambda: built(precision=2), lambda: built(precision=2.0)),
    Right("a numpy integer", lambda: built(precision=np.int64(2)), lambda: built(precision=2.0)),
    Right(
        "a numpy number", lambda: built(tonic_drift=np.float32(0.5)), lambda: built(tonic_drift=0.5)
    ),
    Right(
        "an array of shape ()",
        lambda: built(tonic_drift=np.array(0.5)),
        lambda: built(tonic_drift=0.5),
    ),
    Right(
        "a JAX number", lambda: built(tonic_drift=jnp.array(0.5)), lambda: built(tonic_drift=0.5)
    ),
    Right(
        "a JAX integer", lambda: built(initial_mean=jnp.array(2)), lambda: built(initial_mean=2.0)
    ),
    Right(
        "an expansion by name",
        lambda: built(expansion="enhanced"),
        lambda: built(expansion=pn.Enhanced()),
    ),
    Right("a name with spaces", lambda: renamed("hidden state"), run),
    Right("a name in Greek", lambda: renamed("μ₂"), run),
    Right("a name like those of a plate", lambda: renamed("x[0]"), run),
]

COUPLINGS = [
    Right("a coupling by its class", lambda: coupled(pn.Drift), lambda: coupled(pn.Drift())),
    Right("value, by word", lambda: coupled("value"), lambda: coupled(pn.Drift())),
    Right("volatility, by word", lambda: coupled("volatility"), lambda: coupled(pn.Volatility())),
    Right(
        "a function by name",
        lambda: coupled(pn.Drift(function="tanh")),
        lambda: coupled(pn.Drift(function=lambda x: jnp.tanh(x))),
    ),
    Right(
        "a function of JAX",
        lambda: coupled(pn.Drift(function=jnp.tanh)),
        lambda: coupled(pn.Drift(function="tanh")),
    ),
    Right(
        "an integer strength",
        lambda: coupled(pn.Drift(strength=2)),
        lambda: coupled(pn.Drift(strength=2.0)),
    ),
    Right("a strength of zero", lambda: coupled(pn.Drift(strength=0)), run),
    Right("a volatility of strength zero", lambda: coupled(pn.Volatility(strength=0.0)), run),
]

TABLE = [*DATA, *GAPS, *TIME, *FIELDS, *COUPLINGS]


@pytest.mark.parametrize("right", TABLE, ids=repr)
def test_a_right_use_gives_the_canonical_numbers(right):
    assert_same(right.canonical(), right.use(), rtol=1e-12)


def test_a_function_is_not_forgotten():
    """A coupling function given to couple() bends what the parent says."""
    linear, bent = coupled(pn.Drift()), coupled(pn.Drift(function="tanh"))

    assert bent["x"].predicted_mean[0] == pytest.approx(np.tanh(0.5))
    assert linear["x"].predicted_mean[0] == pytest.approx(0.5)


def test_the_strength_of_a_probability_counts():
    """The predicted probability is the sigmoid of strength times mean."""
    graph = pn.models.binary_hgf(levels=2, initial_mean=0.8, probability_strength=0.5)
    beliefs = network(graph).filter({"u": OUTCOMES})

    assert beliefs["u"].predicted_mean[0] == pytest.approx(1 / (1 + np.exp(-0.4)))


def test_one_step_is_a_series():
    beliefs = run([0.3])

    assert beliefs["x"].mean.shape == (1,)
    np.testing.assert_allclose(beliefs["x"].mean[0], run()["x"].mean[0], rtol=1e-12)


def test_a_second_run_starts_from_the_beginning():
    """Nothing is stored on a network; who wants to go on passes the final state."""
    first, again, on = run(), run(), run(start=run().final)

    assert_same(first, again, rtol=0)
    assert not np.allclose(on["x"].mean, first["x"].mean)


def test_nodes_added_after_a_run_take_part():
    """A grown graph is another graph, so no old program is used for it."""
    before = run()
    graph = tracked().add(v=pn.ContinuousInput()).couple("x", "v")

    after = graph.compile().filter({"u": VALUES, "v": VALUES})

    assert not np.allclose(after["x"].mean, before["x"].mean)
    assert_same(run(), before, rtol=0)


def test_several_children_and_parents_are_coupled_at_once():
    nodes = {"a": pn.ContinuousState(), "b": pn.ContinuousState()}
    inputs = {"u": pn.ContinuousInput(), "v": pn.ContinuousInput()}
    at_once = pn.Graph().add({**nodes, **inputs}).couple(["a", "b"], ("u", "v"))
    one_by_one = pn.Graph().add({**nodes, **inputs})
    for parent in nodes:
        for child in inputs:
            one_by_one = one_by_one.couple(parent, child)

    assert at_once.to_dict() == one_by_one.to_dict()


def test_a_node_above_nothing_observed_keeps_to_its_prediction():
    """It has nobody to hear, so it drifts, and nobody else notices."""
    graph = tracked().add(y=pn.ContinuousState(tonic_drift=0.1), z=pn.ContinuousState())
    beliefs = graph.couple("y", "z", "volatility").compile().filter({"u": VALUES})

    np.testing.assert_allclose(beliefs["y"].mean, 0.1 * np.arange(1, STEPS + 1), rtol=1e-12)
    np.testing.assert_array_equal(beliefs["z"].mean, beliefs["z"].predicted_mean)
    assert_same(run(), beliefs, rtol=1e-12)


def test_a_state_may_be_observed_directly():
    """Its value is then known: no variance is left, and its surprise is that of its prediction."""
    beliefs = network(tracked()).filter({"u": VALUES, "x": VALUES})

    predicted = beliefs["x"].predicted_precision
    error = VALUES - beliefs["x"].predicted_mean
    np.testing.assert_array_equal(beliefs["x"].mean, VALUES)
    np.testing.assert_allclose(
        beliefs["x"].surprise, 0.5 * (np.log(2 * np.pi / predicted) + predicted * error**2)
    )


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_graphs_networks_and_results_can_be_copied_and_pickled(copied):
    """As joblib, multiprocessing and notebooks do, also after a run and with named functions."""
    graph = driven().add(p=pn.ContinuousState()).couple("p", "x", pn.Drift(function=jax.nn.relu))
    series = {"u": VALUES, "r": WHOLE}
    compiled = graph.compile()
    beliefs = compiled.filter(series)

    assert copied(graph).to_dict() == graph.to_dict()
    assert_same(copied(compiled).filter(series), beliefs, rtol=0)
    assert_same(copied(beliefs), beliefs, rtol=0)
    resumed = copied(compiled).filter(series, start=copied(beliefs).final)
    assert_same(resumed, compiled.filter(series, start=beliefs.final), rtol=0)
