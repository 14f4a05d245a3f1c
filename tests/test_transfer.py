"""Transfer: nodes that stay in an edited network keep what they believed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.laws.same import assert_same
from tests.small import network, paired, tracked

pytestmark = pytest.mark.versions

RICH = cases.rich_graph()
SERIES = cases.series_for(RICH, 24)
FIRST = {name: values[:12] for name, values in SERIES.items()}
THEN = {name: values[12:] for name, values in SERIES.items()}


def later(beliefs):
    """The names of the nodes that carry something from step to step."""
    held = zip(beliefs.labels.groups, beliefs.final.groups, strict=True)
    return [name for names, belief in held if belief is not None for name in names]


def test_transfer_to_the_same_graph_is_identity():
    beliefs = network(RICH).filter(FIRST)

    for there in (
        network(RICH),
        RICH.compile(),
        RICH.rename({"x1": "y"}).rename({"y": "x1"}).compile(),
    ):
        state = beliefs.transfer(there)
        for one, other in zip(jax.tree.leaves(beliefs.final), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.slow
def test_removing_a_silent_node_on_the_way_changes_nothing():
    """Edges of strength zero may go, with the nodes that they join to the rest."""
    attached = (
        RICH.add(silent=pn.ContinuousState())
        .couple("silent", "x2", pn.Volatility(strength=0.0))
        .couple("silent", "x1", pn.Drift(strength=0.0))
    )
    whole, rest = attached.compile(), attached.remove("silent").compile()

    first = whole.filter(FIRST, start=whole.start())
    edited = rest.filter(THEN, start=first.transfer(rest))

    assert_same(edited, whole.filter(THEN, start=first.final), rtol=1e-11)


def test_a_renamed_node_keeps_what_it_believed():
    """The renaming of the graph serves for the state as well, inputs included."""
    names = {"x1": "x2", "x2": "x1", "u1": "v", "top": "above"}
    renamed = RICH.rename(names).compile()
    beliefs = network(RICH).filter(FIRST)

    state = beliefs.transfer(renamed, names=names)

    for name in later(beliefs):
        assert float(state[names.get(name, name)].mean) == float(beliefs.final[name].mean)
    goes_on = renamed.filter({names.get(n, n): v for n, v in THEN.items()}, start=state)
    np.testing.assert_allclose(
        goes_on["x2"].mean, network(RICH).filter(THEN, start=beliefs.final)["x1"].mean, rtol=1e-12
    )


def test_what_is_new_begins_and_what_is_gone_is_forgotten():
    beliefs = network(RICH).filter(FIRST)
    edited = (
        RICH.remove(["shared", "u2"])
        .add(more=pn.ContinuousState(initial_mean=0.7), v=pn.ContinuousInput())
        .couple("more", ["x1", "x3"], "volatility")
        .couple("x2", "v")
        .compile()
    )

    state = beliefs.transfer(edited)

    assert float(state["more"].mean) == 0.7
    for name in set(later(beliefs)) - {"shared"}:
        assert float(state[name].mean) == float(beliefs.final[name].mean)
        assert float(state[name].variance) == float(beliefs.final[name].variance)


@pytest.mark.parametrize("seed", range(5))
def test_random_edits_carry_every_belief_to_its_node(seed):
    """Groups form anew, of other sizes and in another order; every node finds its own belief."""
    rng = np.random.default_rng(seed)
    names = [f"x{i}" for i in range(12)]
    graph = pn.Graph().extend(
        {n: pn.ContinuousState(initial_mean=float(i)) for i, n in enumerate(names)}
    )
    pairs = {tuple(sorted(rng.choice(12, 2, replace=False))) for _ in range(14)}
    graph = graph.extend(
        {}, [(names[a], names[b], str(rng.choice(["value", "volatility"]))) for a, b in pairs]
    )
    gone = list(rng.choice(names, 3, replace=False))
    stay = [name for name in names if name not in gone]
    new = dict(zip(stay, rng.permutation([f"y{i}" for i in range(9)]).tolist(), strict=True))
    again = list(rng.choice(list(new.values()), 2, replace=False))
    new = {old: name for old, name in new.items() if name not in again}
    edited = graph.remove(gone).rename(new)
    edited = edited.add(first=pn.ContinuousState(initial_mean=-1.0)).couple(
        "first", next(iter(new.values()))
    )

    state = graph.compile().start().transfer(edited.compile(), names=new)

    for old, name in new.items():
        assert float(state[name].mean) == names.index(old)
    assert float(state["first"].mean) == -1.0


def test_a_node_may_begin_anew():
    beliefs = network(tracked()).filter({"u": np.arange(5.0)})

    state = beliefs.transfer(network(tracked()), restart="x")

    assert float(state["x"].mean) == 0.0 != float(beliefs.final["x"].mean)


def test_a_change_of_kind_is_said_by_the_user():
    """The belief about a walk still holds for an autoregression with another memory, if one says so."""
    beliefs = network(tracked()).filter({"u": np.arange(5.0)})
    exact = tracked().revise(x=pn.ContinuousState(memory="exact", autoconnection=0.9)).compile()

    with pytest.raises(pn.StateError, match=r"names=\{'x': 'x'\}.*restart=\['x'\]"):
        beliefs.transfer(exact)
    assert beliefs.transfer(exact, names={"x": "x"})["x"].mean == beliefs.final["x"].mean
    assert beliefs.transfer(exact, restart=["x"])["x"].mean == 0.0


def test_settings_and_parameters_are_no_change_of_kind():
    beliefs = network(tracked()).filter({"u": np.arange(5.0)})
    other = tracked().revise(x=pn.ContinuousState(tonic_volatility=-1.0, expansion="enhanced"))

    state = beliefs.transfer(other.with_settings(marginalise=False).compile())

    assert state["x"].mean == beliefs.final["x"].mean


def test_memories_of_any_form_are_carried():
    """A learner remembers what it likes; one that remembers more options cannot take it over."""
    graph = pn.Graph().add(
        a=pn.RescorlaWagner(), b=pn.RescorlaWagner(learning_rate=0.3), k=pn.KalmanFilter()
    )
    series = {name: np.array([1.0, 0.0, 1.0]) for name in graph.inputs}
    beliefs = graph.compile().filter(series)
    edited = graph.remove("a").rename({"b": "a"}).compile()

    state = beliefs.transfer(edited, names={"b": "a"})

    for one, other in zip(
        jax.tree.leaves(state["a"]), jax.tree.leaves(beliefs.final["b"]), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(pn.StateError, match="'k' cannot take over what 'a' believed: it remembers"):
        beliefs.transfer(edited, names={"a": "k"})


def test_under_vmap_and_jit_and_grad():
    """A batch of states is carried over by vmap; what they depend on stays known."""
    edited = tracked().add(top=pn.ContinuousState()).couple("top", "x", "volatility").compile()
    start = network(tracked())

    @jax.jit
    def surprise(volatility, values):
        model = start.replace({"x.tonic_volatility": volatility})
        state = model.filter({"u": values}).transfer(edited)
        return edited.surprise({"u": values}, start=state)

    values, steps = jnp.arange(8.0).reshape(2, 4), 1e-5
    several = jax.vmap(lambda v: start.filter({"u": v}).final)(values)
    carried = jax.vmap(lambda one: one.transfer(edited))(several)

    np.testing.assert_array_equal(carried["x"].mean, several["x"].mean)
    assert carried["top"].mean.shape == (2,)
    slope = (surprise(-3.0 + steps, values[0]) - surprise(-3.0 - steps, values[0])) / (2 * steps)
    np.testing.assert_allclose(jax.grad(surprise)(-3.0, values[0]), slope, rtol=1e-6)
    with pytest.raises(pn.StateError, match=r"several runs.*jax\.vmap"):
        several.transfer(edited)


def test_what_was_believed_in_float32_goes_on_in_the_precision_of_the_moment():
    with jax.enable_x64(False):
        state = paired().compile().filter({"u": np.ones(3), "v": np.ones(3)}).final

    there = state.transfer(network(paired()))

    assert there["x"].mean.dtype == np.float64
    assert float(there["x"].mean) == float(state["x"].mean)
