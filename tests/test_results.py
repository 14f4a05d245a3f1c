"""Results: fields and their formulas, failures, tables, and going on from where a run ended."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.laws.same import assert_same
from tests.small import OUTCOMES, STEPS, VALUES, binary, network, paired, tracked

pytestmark = pytest.mark.versions

GAPPY = np.where(np.arange(STEPS) == 2, np.nan, VALUES)
TIMES = np.array([1.0, 0.5, 2.0, 1.0, 1.5, 1.0])


@cache
def rich() -> pn.Trajectories:
    """Beliefs of a graph with every coupling, over irregular times and with gaps."""
    graph = cases.rich_graph()
    series = cases.series_for(graph, STEPS) | {"u1": GAPPY}
    return network(graph).filter(series, dt=TIMES)


def rich_variance(name: str, field: str = "precision") -> np.ndarray:
    return 1 / np.asarray(getattr(rich()[name], field))


def test_every_node_has_the_fields_that_it_can_have():
    beliefs = rich()
    common = {"mean", "precision", "predicted_mean", "predicted_precision"}

    assert set(beliefs["top"].fields) == common | {"effective_precision"}
    assert set(beliefs["x1"].fields) == common | {
        "effective_precision",
        "value_error",
        "volatility_error",
    }
    assert set(beliefs["u1"].fields) == common | {"value_error", "surprise", "observed"}
    assert set(beliefs["bias"].fields) == {"mean", "predicted_mean"}
    for name in beliefs:
        for field in beliefs[name].fields:
            assert getattr(beliefs[name], field).shape == (STEPS,)


def test_beliefs_of_a_changed_file_say_what_they_lack():
    records = {
        group: {field: values for field, values in fields.items() if field != "mean"}
        for group, fields in rich().records.items()
    }
    with pytest.raises(pn.FieldError, match="'x1' lack 'mean'"):
        _ = dataclasses.replace(rich(), records=records)["x1"].fields


def test_trajectories_are_a_mapping_in_the_graphs_order():
    beliefs = rich()

    assert list(beliefs) == beliefs.names == list(cases.rich_graph().nodes)
    assert len(beliefs) == 10
    assert "x1" in beliefs
    assert "y" not in beliefs


@pytest.mark.parametrize("name", ["x1", "x2", "x3"])
def test_errors_of_a_state_equal_their_formulas(name):
    """δ is the move beyond the prediction, Δ its expected square over the predicted variance, less 1."""
    node = rich()[name]
    delta = np.asarray(node.mean) - np.asarray(node.predicted_mean)
    squared = rich_variance(name) + delta**2

    np.testing.assert_allclose(node.value_error, delta, rtol=1e-12)
    np.testing.assert_allclose(
        node.volatility_error,
        squared / rich_variance(name, "predicted_precision") - 1,
        rtol=1e-10,
        atol=1e-12,
    )


def test_the_effective_precision_is_the_share_of_the_variance_that_grew():
    """For a state by itself: dt exp(ω) over the previous variance plus dt exp(ω)."""
    omega = -2.0
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState(tonic_volatility=omega))
    node = graph.couple("x", "u").compile().filter({"u": VALUES}, dt=TIMES)["x"]

    grown = TIMES * np.exp(omega)
    before = np.concatenate([[1.0], 1 / np.asarray(node.precision)[:-1]])

    np.testing.assert_allclose(node.effective_precision, grown / (before + grown), rtol=1e-12)
    np.testing.assert_allclose(node.predicted_precision, 1 / (before + grown), rtol=1e-12)


def test_the_error_of_a_binary_node_is_over_its_variance():
    node = network(binary()).filter({"u": OUTCOMES})["u"]
    probability = np.asarray(node.predicted_mean)

    np.testing.assert_allclose(
        node.value_error, (OUTCOMES - probability) / (probability * (1 - probability)), rtol=1e-12
    )


def test_surprises_are_minus_log_predictive_densities():
    """Gaussian with the uncertainty of the state and the noise for one, Bernoulli for the other."""
    one = network(tracked()).filter({"u": VALUES})
    variance = 1 / np.asarray(one["x"].predicted_precision) + 1.0
    error = VALUES - np.asarray(one["x"].predicted_mean)
    other = network(binary()).filter({"u": OUTCOMES})
    probability = np.asarray(other["u"].predicted_mean)

    np.testing.assert_allclose(
        one["u"].surprise, 0.5 * (np.log(2 * np.pi * variance) + error**2 / variance), rtol=1e-12
    )
    np.testing.assert_allclose(one["u"].predicted_precision, 1 / variance, rtol=1e-12)
    np.testing.assert_allclose(
        other["u"].surprise,
        -np.log(np.where(OUTCOMES == 1, probability, 1 - probability)),
        rtol=1e-12,
    )


def test_the_surprise_is_summed_over_the_inputs():
    beliefs = rich()

    parts = sum(np.asarray(beliefs[name].surprise) for name in ("u1", "u2", "u3"))

    np.testing.assert_allclose(beliefs.surprise, parts, rtol=1e-12)


def test_a_missing_input_reports_its_prediction_and_no_surprise():
    node = rich()["u1"]

    np.testing.assert_array_equal(node.observed, np.isfinite(GAPPY))
    assert node.mean[2] == node.predicted_mean[2]
    assert node.surprise[2] == 0
    np.testing.assert_array_equal(node.mean[~np.isnan(GAPPY)], GAPPY[~np.isnan(GAPPY)])


def test_a_run_goes_on_from_where_another_ended():
    net = network(paired())
    series = {"u": VALUES, "v": VALUES[::-1]}
    first = net.filter(series)

    second = net.filter(series, start=first.final)
    whole = net.filter({name: np.tile(values, 2) for name, values in series.items()})

    for name in ("x", "y", "top"):
        np.testing.assert_allclose(second[name].mean, whole[name].mean[STEPS:], rtol=1e-12)
        assert first.final[name].mean == first[name].mean[-1]
        assert first.final[name].precision == pytest.approx(float(first[name].precision[-1]))
    np.testing.assert_allclose(
        net.surprise(series, start=first.final), np.sum(second.surprise), rtol=1e-12
    )


def test_a_state_starts_another_network_of_the_same_graph():
    """As after fitting: the same nodes with other parameters."""
    net = network(paired())
    series = {"u": VALUES, "v": VALUES}
    final = net.filter(series).final

    revised = net.replace({"top.tonic_volatility": -1.0}).filter(series, start=final)
    anew = paired().compile().filter(series, start=final)

    assert not np.allclose(revised["top"].mean, anew["top"].mean)
    assert_same(anew, net.filter(series, start=final), rtol=1e-12)


BROKEN = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))
LONG = pn.data.association().outcomes[:40]


@cache
def broken() -> pn.Trajectories:
    """A run of which the standard expansion makes a negative precision."""
    return network(BROKEN).filter({"u": LONG}, throw=False)


def test_a_failure_names_node_step_and_remedy():
    status = broken().status

    assert not status.ok
    assert status.node == "x3"
    assert status.nodes == ["x3"]
    np.testing.assert_array_equal(status.alive, np.arange(len(LONG)) < status.step)
    for word in ("'x3'", f"step {status.step}", "zero or below", "'unbounded'"):
        assert word in status.message
    with pytest.raises(pn.FilterError, match=f"'x3'.*step {status.step}"):
        status.check()
    with pytest.raises(pn.FilterError, match=f"'x3'.*step {status.step}"):
        network(BROKEN).filter({"u": LONG})


def test_after_a_failure_the_last_healthy_beliefs_are_held():
    """By another run: one that stops before the failure."""
    beliefs = broken()
    last = beliefs.status.step
    before = network(BROKEN).filter({"u": LONG[:last]})

    for name in beliefs:
        for field in before[name].fields:
            values = np.asarray(getattr(beliefs[name], field))
            if field not in ("surprise", "observed"):
                assert np.isfinite(values).all()
                np.testing.assert_allclose(values[:last], getattr(before[name], field), rtol=1e-12)
                np.testing.assert_array_equal(values[last:], values[last - 1])
    np.testing.assert_array_equal(beliefs.surprise[last:], np.inf)
    assert np.isfinite(beliefs.surprise[:last]).all()
    assert beliefs.final["x3"].mean == beliefs["x3"].mean[-1]


def test_no_nan_reaches_a_user_after_a_failure():
    """Not in the beliefs, the state, the tables, the surprise, nor in any gradient."""
    net, beliefs = network(BROKEN), broken()
    name = "x3.tonic_volatility"

    def surprise(x):
        return net.replace({name: x}).surprise({"u": LONG})

    def sum_of_means(x):
        run = net.replace({name: x}).filter({"u": LONG}, throw=False)
        return jnp.sum(run["x3"].mean) + jnp.sum(run["x2"].precision)

    for leaf in jax.tree.leaves(beliefs):
        assert not np.isnan(np.asarray(leaf, float)).any()
    assert not beliefs.to_pandas().isna().any(axis=None)
    assert surprise(2.0) == np.inf
    assert jax.grad(surprise)(2.0) == 0
    assert np.isfinite(jax.grad(sum_of_means)(2.0))
    assert not np.isnan(
        np.asarray(net.filter({"u": LONG}, start=beliefs.final, throw=False).surprise)
    ).any()


def test_a_failure_at_the_first_step_holds_the_initial_beliefs():
    state = network(BROKEN).filter({"u": LONG[: broken().status.step]}).final
    fatal = LONG[broken().status.step :][:1]

    beliefs = network(BROKEN).filter({"u": fatal}, start=state, throw=False)

    assert beliefs.status.step == 0
    for name in ("x2", "x3"):
        assert beliefs[name].mean[0] == state[name].mean
        assert beliefs[name].precision[0] == pytest.approx(float(state[name].precision))


def test_a_healthy_run_says_so():
    status = rich().status

    assert status.ok
    assert status.step is None
    assert status.node is None
    assert status.nodes == []
    assert status.message == "Every step went well."
    status.check()


def test_growth_at_its_bound_is_reported_but_no_failure():
    """A log volatility of 200 is no one's data; the beliefs stay finite and the status says where."""
    graph = pn.models.continuous_hgf(levels=1, tonic_volatility=200.0)
    beliefs = network(graph).filter({"u": VALUES})

    assert beliefs.status.ok
    assert (beliefs.status.node, beliefs.status.step) == ("x1", 0)
    for word in ("'x1'", "step 0", "Lower its tonic_volatility"):
        assert word in beliefs.status.message
    assert np.isfinite(beliefs["x1"].mean).all()


def test_a_batch_of_runs_has_the_batch_first():
    net = network(binary())
    tonic = jnp.array([-3.0, -2.0, -1.0])

    runs = jax.vmap(
        lambda x: net.replace({"x2.tonic_volatility": x}).filter({"u": OUTCOMES}, throw=False)
    )(tonic)

    assert runs["x2"].mean.shape == runs.surprise.shape == (3, STEPS)
    assert runs.status.ok.shape == (3,)
    with pytest.raises(ValueError, match=r"several runs: read \.ok"):
        _ = runs.status.step
    with pytest.raises(pn.FieldError, match="to_xarray"):
        runs.to_pandas()
    for row in range(3):
        alone = net.replace({"x2.tonic_volatility": tonic[row]}).filter({"u": OUTCOMES})
        np.testing.assert_allclose(runs["x2"].mean[row], alone["x2"].mean, rtol=1e-12)


def test_the_table_has_a_row_per_step_and_a_column_per_field():
    beliefs = rich()
    table = beliefs.to_pandas()

    fields = {f"{name}.{field}" for name in beliefs for field in beliefs[name].fields}
    assert set(table.columns) == fields | {"surprise"}
    assert table.index.name == "step"
    assert len(table) == STEPS
    np.testing.assert_array_equal(table["x1.volatility_error"], beliefs["x1"].volatility_error)
    np.testing.assert_array_equal(table["surprise"], beliefs.surprise)


def test_the_dataset_has_a_variable_per_field_over_time_and_node():
    beliefs = rich()
    data = beliefs.to_xarray()

    assert data["mean"].dims == ("time", "node")
    np.testing.assert_array_equal(data["mean"].sel(node="x1"), beliefs["x1"].mean)
    np.testing.assert_array_equal(data["surprise"].sel(node="u2"), beliefs["u2"].surprise)
    np.testing.assert_array_equal(data["total_surprise"], beliefs.surprise)


def test_the_dataset_of_a_batch_names_its_dimensions():
    net = network(binary())
    runs = jax.vmap(lambda u: net.filter({"u": u}, throw=False))(jnp.stack([OUTCOMES] * 4))

    data = runs.to_xarray(dims=("subject",))

    assert data["mean"].dims == ("subject", "time", "node")
    assert data["total_surprise"].dims == ("subject", "time")
    assert data.sizes["subject"] == 4


def test_results_show_themselves_in_a_notebook():
    """A row per node, names as text."""
    graph = pn.Graph().add({"u": pn.ContinuousInput(), "<x>": pn.ContinuousState()})
    beliefs = graph.couple("<x>", "u").compile().filter({"u": VALUES})

    page = beliefs._repr_html_()

    assert page.count("<tr>") == 3
    assert "&lt;x&gt;" in page
    assert f"{STEPS} steps" in page
    assert "Every step went well." in page
    assert "Trajectories(2 nodes, shape (6,)" in repr(beliefs)
    assert "'<x>'" in repr(beliefs["<x>"])
    assert repr(beliefs.final) == "State(of 2 nodes)"


def test_constants_and_regressors_show_themselves_in_a_notebook():
    """They have a value, and no spread."""
    page = rich()._repr_html_()

    assert "<td>bias</td><td>ConstantState</td><td>0.5</td><td></td><td></td>" in page


def test_a_failure_shows_itself_in_a_notebook():
    assert "fell to zero or below" in broken()._repr_html_()
