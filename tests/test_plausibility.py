"""What is refused when it is seen is infinite where it is traced; what leaves the plausible is said."""

import decimal

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import pynodes as pn
from pynodes.command.demo import report
from tests.few import few
from tests.small import OUTCOMES, VALUES, binary, network, tracked

MIXED = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 2.0])


def sole(node):
    return pn.Graph().add(u=node)


REFUSED = {
    "binary, coded 2": (binary(), OUTCOMES, 2.0),
    "binary, coded -1": (binary(), OUTCOMES, -1.0),
    "binary, between": (binary(), OUTCOMES, 0.5),
    "category of none": (pn.models.categorical_hgf(outcomes=3), MIXED, 3.0),
    "half a category": (pn.models.categorical_hgf(outcomes=3), MIXED, 1.5),
    "learner": (sole(pn.RescorlaWagner()), OUTCOMES, 2.0),
    "hidden Markov": (sole(pn.HiddenMarkov()), OUTCOMES, 2.0),
    "counts": (
        sole(pn.ExponentialFamilyState(family=pn.families.Poisson())),
        np.abs(np.round(VALUES)),
        -1.0,
    ),
    "number of a category": (
        sole(pn.ExponentialFamilyState(family=pn.families.Categorical(3))),
        MIXED,
        3.0,
    ),
    "infinite": (tracked(), VALUES, np.inf),
    "noisy reading": (
        pn.Graph().add(u=pn.NoisyBinaryInput(), x=pn.ContinuousState()).couple("x", "u"),
        VALUES,
        -np.inf,
    ),
}


@pytest.mark.parametrize("case", few(REFUSED, 2), ids=str)
def test_what_is_refused_when_seen_has_infinite_surprise_when_traced(case):
    """Probability zero: no density of the network's is at such a value. Missing, it is as if not given."""
    graph, series, wrong = REFUSED[case]
    net = network(graph)
    bad = np.where(np.arange(len(series)) == 3, wrong, series)
    gap = np.where(np.arange(len(series)) == 3, np.nan, series)

    with pytest.raises(pn.InputError, match="step 3"):
        net.surprise({"u": bad})
    surprise = jax.jit(jax.vmap(lambda u: net.surprise({"u": u})))
    found = surprise(jnp.array([series, bad, gap]))

    assert found[1] == np.inf
    np.testing.assert_allclose(found[0], net.surprise({"u": series}), rtol=1e-9)
    np.testing.assert_allclose(found[2], net.surprise({"u": gap}), rtol=1e-9)


def test_a_traced_refusal_names_node_step_and_what_is_taken():
    net = network(binary())

    beliefs = jax.jit(lambda u: net.filter({"u": u}, throw=False))(OUTCOMES + (OUTCOMES == 0) * 3)

    assert not beliefs.status.ok
    assert (beliefs.status.node, beliefs.status.step) == ("u", 1)
    for word in ("BinaryInput", "0 or 1", "step 1"):
        assert word in beliefs.status.message
    assert np.isinf(beliefs.surprise[1:]).all()
    np.testing.assert_array_equal(beliefs["x2"].mean[1:], beliefs["x2"].mean[0])


def test_a_frozen_step_may_hold_anything_that_is_traced():
    net, frozen = network(binary()), np.arange(6) == 2
    surprise = jax.jit(lambda u: net.surprise({"u": u}, frozen=frozen))

    np.testing.assert_allclose(surprise(np.where(frozen, 9.0, OUTCOMES)), surprise(OUTCOMES))


@pytest.mark.parametrize("wrong", [-0.5, 1.5])
def test_a_traced_parameter_out_of_its_range_has_infinite_surprise_and_no_gradient(wrong):
    """As where a belief breaks down; at the ends of the range, which belong to it, all is well."""
    net = network(sole(pn.RescorlaWagner()))

    @jax.jit
    @jax.value_and_grad
    def surprise(rate):
        return net.replace({"u.learning_rate": rate}).surprise({"u": OUTCOMES})

    assert surprise(wrong) == (np.inf, 0.0)
    assert np.isfinite(surprise(0.0)[0])
    many = jax.vmap(
        lambda rates: net.replace({("u.learning_rate", "u.initial_mean"): rates}).surprise(
            {"u": OUTCOMES}
        )
    )(jnp.array([[0.2, 0.5], [wrong, 0.5], [0.2, wrong]]))
    np.testing.assert_array_equal(np.isinf(many), [False, True, True])


def test_what_is_given_per_step_and_times_are_held_to_their_ranges_where_traced():
    dual, chosen = network(sole(pn.DualRescorlaWagner())), np.array([0, 1, 1, 0, 1, 0.0])
    by_choice = jax.jit(lambda c: dual.surprise({"u": OUTCOMES, "u.choice": c}))
    net = network(tracked())
    by_time = jax.jit(lambda dt: net.surprise({"u": VALUES}, dt=dt))
    by_noise = jax.jit(lambda p: net.surprise({"u": VALUES, "u.precision": p}))
    ones = np.ones(6)

    assert np.isfinite(by_choice(chosen))
    assert np.isfinite(by_time(ones))
    assert np.isfinite(by_noise(ones))
    for wrong in (2.0, 0.5, np.nan):
        assert by_choice(np.where(np.arange(6) == 2, wrong, chosen)) == np.inf
    for wrong in (0.0, -1.0, np.nan, np.inf):
        assert by_time(np.where(np.arange(6) == 2, wrong, ones)) == np.inf
    assert by_noise(np.where(np.arange(6) == 2, -1.0, ones)) == np.inf


def test_an_own_kind_whose_domain_cannot_be_traced_is_told_how_to_write_it():
    class Rounded(pn.BinaryInput):
        def accepts(self, values):
            return np.floor(values) == np.asarray(values)

    net = pn.Graph().add(u=Rounded(), x=pn.ContinuousState()).couple("x", "u").compile()

    with pytest.raises(pn.PynodesError, match=r"Rounded.accepts.*comparisons"):
        jax.jit(lambda u: net.surprise({"u": u}))(OUTCOMES)


def test_a_logit_that_no_series_could_tell_is_said_everywhere():
    """exp(-50) is one outcome in 5e21; intervals of 1000 make a walk of such steps."""
    outcomes = np.resize([1.0, 1.0, 0.0, 1.0, 0.0], 100)
    graph = pn.models.binary_hgf(expansion="unbounded")
    beliefs = graph.compile().filter({"u": outcomes}, dt=1000.0)
    status = beliefs.status

    assert status.ok
    assert not status.plausible
    assert status.node == "x2"
    assert (
        np.abs(beliefs["x2"].mean[status.step])
        > 50
        > np.abs(beliefs["x2"].mean[: status.step]).max()
    )
    assert "logit" in status.message
    status.check()
    for said in (repr(beliefs), beliefs._repr_html_(), *report(binary(), beliefs)[1:2]):
        assert "logit" in said


def test_a_log_variance_that_its_parent_moved_beyond_telling_is_said():
    """Under Enhanced a reading pulls a log noise by its variance, here exp(6), times half the error.

    It is said where the log noise leaves, and the advice names expansions that hold it; under those
    nothing is said.
    """
    values = {"a1.tonic_volatility": 6.0}
    runs = {
        expansion: network(pn.models.jget(2, expansion=expansion, marginalise=False))
        .replace(values)
        .filter({"u": VALUES})
        for expansion in ("enhanced", "unbounded")
    }
    status = runs["enhanced"].status
    noise = np.abs(runs["enhanced"]["a1"].mean)

    assert status.ok
    assert (status.plausible, status.node) == (False, "a1")
    assert noise[status.step] > 50 > noise[: status.step].max(initial=0.0)
    assert "'unbounded'" in status.message
    assert runs["unbounded"].status.plausible


@pytest.mark.slow
def test_a_long_step_of_enhanced_is_derived_and_what_comes_of_it_is_said():
    """Its mean moves as if nothing had been learned of the noise: 1 + (evidence) steps of Newton at once.

    With prediction variance s and gradient G, Newton's step under n units is s G / (1 + s (G + n/2)), and
    Enhanced's s G: beyond twice Newton's where s n/2 > 1. A volatility parent above keeps s that large.
    """
    units, steps = 6, 60
    rng = np.random.default_rng(0)
    series = {f"u{i}": rng.normal(0, 1, steps) for i in range(units)}
    graph = pn.Graph().extend(
        {
            "x": pn.ContinuousState(tonic_volatility=-3.0),
            "a": pn.ContinuousState(tonic_volatility=-0.5),
            "b": pn.ContinuousState(tonic_volatility=-3.0),
            **{name: pn.ContinuousInput(precision=np.inf) for name in series},
        },
        [
            *(("x", name, pn.Observation()) for name in series),
            *(("a", name, pn.Noise()) for name in series),
            ("b", "a", pn.Volatility()),
        ],
    )
    with pytest.raises(pn.GraphError, match=r"'a' is the parent of the noise.*it runs away"):
        graph.compile()
    asked = graph.revise(
        a=pn.ContinuousState(tonic_volatility=-0.5, expansion="enhanced")
    ).compile()
    runs = {"enhanced": asked.filter(series, throw=False)} | {
        name: graph.compile(expansion=name).filter(series, throw=False)
        for name in ("standard", "unbounded", "structured")
    }
    long, newton = (float(runs[name]["a"].mean[0]) for name in ("enhanced", "standard"))
    variance = 1 / float(runs["standard"]["a"].predicted_precision[0])
    assert newton == pytest.approx(long / (1 + long + variance * units / 2), rel=1e-9)
    assert variance * units / 2 > 1

    status, left = runs["enhanced"].status, np.abs(np.asarray(runs["enhanced"]["a"].mean)) > 50
    assert left.any()
    assert status.step <= np.argmax(left)
    assert not status.plausible
    assert {"a", "b"} >= set(status.nodes)
    advised = [name for name in runs if f"'{name}'" in status.message]
    assert advised == ["unbounded", "structured"]
    apart = graph.revise(
        a=pn.ContinuousState(tonic_volatility=-0.5, expansion="unbounded")
    ).compile()
    for run in (apart.filter(series), *(runs[name] for name in advised)):
        assert run.status.plausible
        assert np.abs(np.asarray(run["a"].mean)).max() < 5


def test_what_is_left_of_an_error_is_the_share_of_the_noise():
    """Where the noise is tiny, a difference of 16 digits is rounding: held to arithmetic of sixty digits.

    A reading at a distance y from the mean of x, of variance v, under noise n, leaves the error y n/(v + n)
    and the variance v n/(v + n). The noise's parent hears the squared error and the variance over n, less 1.
    """
    graph = pn.models.jget(1, expansion="enhanced", marginalise=False)
    net = network(graph).replace({"a1.initial_mean": -62.0, "x1.initial_mean": 0.3})
    readings = [1234.567, 4321.09, -987.6543, 7777.1, 2345.678]
    found = [net.filter({"u": [seen]})["a1"].mean[0] for seen in readings]

    with decimal.localcontext(prec=60):
        exactly = decimal.Decimal
        variance, noise = 1 + exactly(-4).exp(), exactly(-62).exp()
        left = noise / (variance + noise)
        errors = [left * (exactly(seen) - exactly(0.3)) for seen in readings]
        heard = [(error**2 + variance * left) / noise - 1 for error in errors]
        expected = [float(-62 + variance * each / 2) for each in heard]

    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_hundreds_of_outcomes_predicted_worse_than_by_a_coin_are_said():
    """A rule that expects what came last, under outcomes that alternate: wrong at every step but one."""
    outcomes = np.arange(400) % 2.0
    coin = pn.Graph().add(u=pn.RescorlaWagner(learning_rate=0.9))
    beliefs = coin.compile().filter({"u": outcomes})

    assert beliefs.status.ok
    assert not beliefs.status.plausible
    assert beliefs.status.node == "u"
    assert "0.69" in beliefs.status.message
    few = coin.compile().filter({"u": outcomes[:150]})
    assert few.status.plausible, "so few outcomes may be bad luck"


def test_a_guess_that_knows_nothing_has_the_surprise_of_even_odds():
    """Of K outcomes log K; judged one by one, of K coins that show 1 with 1/K, one of which does."""
    for outcomes in (2, 5):
        net = pn.Graph().add(u=pn.CategoricalInput(outcomes=outcomes, normalised=True)).compile()
        single = pn.CategoricalInput(outcomes=outcomes)
        p = 1 / outcomes

        assert net.graph.nodes["u"].uninformed_surprise == pytest.approx(
            float(net.surprise({"u": [0.0]}))
        )
        assert single.uninformed_surprise == pytest.approx(
            -np.log(p) - (outcomes - 1) * np.log(1 - p)
        )


def test_a_move_of_a_thousand_predicted_deviations_is_said():
    """From 0 by about 1e6, with a predicted standard deviation of about one."""
    beliefs = network(tracked()).filter({"u": VALUES + 1e6})

    assert (beliefs.status.step, beliefs.status.plausible) == (0, False)
    assert "initial_mean" in beliefs.status.message


def test_figures_write_what_the_status_says_below_the_panels():
    beliefs = network(tracked()).filter({"u": VALUES + 1e6})
    fine = network(tracked()).filter({"u": VALUES})

    for panels in (beliefs.plot(), beliefs.plot_node("x")):
        assert "initial_mean" in panels.axes[-1].get_xlabel().replace("\n", " ")
    assert fine.plot().axes[-1].get_xlabel() == "step"
    plt.close("all")


def test_steps_that_single_precision_rounds_away_are_warned_of():
    """At 1e7 neighbouring numbers are one apart; at 1e3, or where the data step by thousands, all is well."""
    walk = np.cumsum(np.resize([1.0, -0.5, 0.7], 6))
    with jax.enable_x64(False):
        net = tracked().compile()
        with pytest.warns(pn.PrecisionWarning, match="'u'.*double precision"):
            net.surprise({"u": 1e7 + walk})
        net.surprise({"u": 1e3 + walk})
        net.surprise({"u": np.where(np.arange(6) == 2, np.nan, 1e7 * walk)})
    network(tracked()).surprise({"u": 1e7 + walk})


def test_what_was_believed_up_to_a_failure_is_kept_by_its_error():
    """As with throw=False, so that a user sees what led there without another run."""
    net = network(pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0)))
    outcomes = pn.data.association().outcomes

    with pytest.raises(pn.FilterError) as caught:
        net.filter({"u": outcomes})

    kept, expected = caught.value.beliefs, net.filter({"u": outcomes}, throw=False)
    assert kept.status.step == expected.status.step > 0
    np.testing.assert_array_equal(kept["x2"].mean, expected["x2"].mean)
    assert pn.FilterError("said by hand").beliefs is None


def test_edges_without_a_strength_are_looked_at_too():
    """Several emissions of one state have probabilities, and nothing that multiplies a logit."""
    graph = (
        pn.Graph()
        .add(good=pn.BinaryInput(), poor=pn.BinaryInput(), switch=pn.BinaryState())
        .add(x=pn.ContinuousState(tonic_volatility=-3.0))
        .couple("x", "switch")
        .couple("switch", "good", pn.Emission(probabilities=[0.1, 0.9]))
        .couple("switch", "poor", pn.Emission(probabilities=[0.4, 0.6]))
    )

    beliefs = network(graph).filter({"good": OUTCOMES, "poor": OUTCOMES})

    assert beliefs.status.plausible
