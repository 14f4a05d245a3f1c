"""Messages along edges: what children say is what is learned, what parents say what is predicted."""

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.small import OUTCOMES, VALUES, binary, driven, network, paired, tracked

GAPPED = np.where([0, 1, 0, 0, 1, 0], np.nan, VALUES)


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("values", [VALUES, GAPPED], ids=["whole", "gaps"])
def test_what_children_say_is_what_their_parent_learned(values):
    """Precisions add up, and pulls add up to the move, where all evidence enters in one Newton step."""
    beliefs = paired().compile(expansion="standard").filter({"u": values, "v": VALUES[::-1]})

    messages = beliefs.messages()

    assert list(messages) == ["x->u", "y->v", "top->x", "top->y"]
    for parent, edges in {"x": ["x->u"], "y": ["y->v"], "top": ["top->x", "top->y"]}.items():
        node = beliefs[parent]
        heard = [messages[edge] for edge in edges]
        close(sum(m.curvature for m in heard), node.precision - node.predicted_precision)
        close(sum(m.gradient for m in heard) / node.precision, node.mean - node.predicted_mean)


def test_a_child_that_saw_nothing_says_nothing():
    beliefs = network(tracked()).filter({"u": GAPPED})

    said = beliefs.messages()["x->u"]

    np.testing.assert_array_equal(np.asarray(said.gradient)[[1, 4]], 0.0)
    np.testing.assert_array_equal(np.asarray(said.curvature)[[1, 4]], 0.0)
    assert np.all(np.asarray(said.curvature)[[0, 2, 3, 5]] > 0)


def test_what_parents_say_is_what_is_predicted():
    """The logit of a probability; a drift times its strength."""
    beliefs = network(binary()).filter({"u": OUTCOMES})
    logit = np.asarray(beliefs.messages()["x2->u"].contribution)
    close(1 / (1 + np.exp(-logit)), beliefs["u"].predicted_mean)

    beliefs = network(driven()).filter({"u": VALUES, "r": OUTCOMES})
    messages = beliefs.messages()
    close(messages["r->x"].contribution, 0.5 * OUTCOMES)
    assert messages["r->x"].gradient is None


def test_a_graph_of_all_sorts_is_told_edge_by_edge():
    """Under every edge what its coupling says by itself, out of the beliefs that were recorded."""
    graph = cases.rich_graph()
    inputs = {"u1": VALUES, "u2": OUTCOMES, "u3": GAPPED}
    beliefs = graph.compile().filter(inputs)

    messages = beliefs.messages()

    assert len(messages) == len(graph.edges)
    for (name, told), (parent, _, coupling) in zip(messages.items(), graph.edges, strict=True):
        function = getattr(coupling, "function", lambda x: x)
        close(told.contribution, coupling.strength * function(beliefs[parent].predicted_mean))
        heard = graph.nodes[parent].learns
        assert (told.gradient is not None) == heard, name
    error = beliefs["x1"].volatility_error
    share = beliefs["x1"].effective_precision
    close(messages["shared->x1"].gradient, 0.5 * 0.5 * share * error)


def test_a_parent_of_few_values_hears_how_probable_each_makes_what_happened():
    """Bayes' rule on what it heard is what it believes."""
    graph = (
        pn.Graph()
        .add(
            u=pn.ContinuousInput(),
            v=pn.ContinuousInput(),
            s=pn.BinaryState(),
            x=pn.ContinuousState(),
        )
        .couple("s", ["u", "v"])
        .couple("x", "s")
    )
    beliefs = graph.compile().filter({"u": VALUES, "v": GAPPED})

    messages = beliefs.messages()

    support = sum(np.asarray(messages[edge].support) for edge in ("s->u", "s->v"))
    prior = np.asarray(beliefs["s"].predicted_mean)
    odds = prior / (1 - prior) * np.exp(support[:, 1] - support[:, 0])
    close(beliefs["s"].mean, odds / (1 + odds))


def test_steps_that_do_not_count_have_no_messages():
    """Frozen ones, and those from a failure on."""
    frozen = np.array([0, 0, 1, 0, 0, 0], bool)
    run = network(tracked()).filter({"u": VALUES}, frozen=frozen)
    said = run.messages()["x->u"]
    np.testing.assert_array_equal(np.isnan(said.gradient), frozen)
    moved = np.asarray(run["x"].mean - run["x"].predicted_mean)
    close((np.asarray(said.gradient) / run["x"].precision)[~frozen], moved[~frozen])

    wild = np.array([0.0, 0.0, 1e3, 0.0, 0.0, 0.0])
    graph = pn.models.continuous_hgf(2, volatility_strength=2.0)
    broken = graph.compile(expansion="standard").filter({"u": -wild}, throw=False)
    dead = ~np.asarray(broken.status.alive)
    assert dead.any()
    np.testing.assert_array_equal(np.isnan(broken.messages()["x1->u"].gradient), dead)


def test_a_run_is_taken_up_where_it_was_left():
    """With the state it started from, and the times it had."""
    dt = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    whole = network(tracked()).filter({"u": VALUES}, dt=dt)
    first = network(tracked()).filter({"u": VALUES[:3]}, dt=dt[:3])

    rest = network(tracked()).filter({"u": VALUES[3:]}, dt=dt[3:], start=first.final)

    close(rest.messages()["x->u"].gradient, whole.messages()["x->u"].gradient[3:])


@pytest.mark.parametrize(
    "beliefs",
    [
        lambda: jax.vmap(lambda u: network(tracked()).filter({"u": u}))(np.stack([VALUES, VALUES])),
        lambda: jax.tree.map(
            lambda leaf: leaf[:3] if np.ndim(leaf) else leaf,
            network(tracked()).filter({"u": VALUES}),
        ),
        lambda: jax.jit(lambda beliefs: beliefs)(network(tracked()).filter({"u": VALUES})),
    ],
    ids=["batch", "part", "transformed"],
)
def test_beliefs_that_are_no_whole_run_have_no_messages(beliefs):
    with pytest.raises(pn.FieldError, match=r"no longer know.*that network\.filter returns"):
        beliefs().messages()
