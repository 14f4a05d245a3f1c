"""Figures over time and of graphs hold the numbers of what they draw, and refuse what they cannot draw."""

import itertools

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection, PathCollection

import pynodes as pn
from pynodes import plotting
from pynodes.plotting import style
from pynodes.plotting.marks import colour_of
from tests import small

STEPS = 40
OUTCOMES = np.random.default_rng(0).integers(0, 2, STEPS).astype(float)


@pytest.fixture(scope="module")
def network():
    return pn.models.binary_hgf(3).compile()


@pytest.fixture(scope="module")
def beliefs(network):
    return network.filter({"u": OUTCOMES})


@pytest.fixture(scope="module")
def batch(network):
    def run(value):
        return network.replace({"x2.tonic_volatility": value}).filter({"u": OUTCOMES})

    return jax.vmap(run)(np.linspace(-5.0, -3.0, 20))


@pytest.fixture(scope="module")
def ahead(network, beliefs):
    return network.forecast(jax.random.key(0), 7, start=beliefs.final, draws=60)


@pytest.fixture(scope="module")
def clustered():
    values = np.tile([-4.0, 4.0], 20) + 0.1 * np.random.default_rng(0).normal(size=STEPS)
    node = pn.DirichletProcessState(
        components=4, initial_statistics=(0.0, 20.0), pseudo_count=0.02, hypotheses=4
    )
    return values, pn.Graph().add(u=node).compile().filter({"u": values})


@pytest.fixture(scope="module")
def counted():
    values = np.random.default_rng(1).poisson(3.0, STEPS).astype(float)
    node = pn.ExponentialFamilyState(family=pn.families.Poisson(), pseudo_count=4.0)
    return values, pn.Graph().add(u=node).compile().filter({"u": values})


@pytest.fixture(scope="module")
def moving():
    inputs = pn.models.transition_inputs(np.arange(STEPS) % 3, 3, start=2)
    return pn.models.transition_hgf(3, 2, normalised=True).compile().filter(inputs)


def heights(ax):
    """The data of an axes' lines, by label."""
    return {line.get_label(): np.asarray(line.get_ydata(), float) for line in ax.get_lines()}


def bands(ax):
    """The bands of an axes, as arrays of corners."""
    found = [part for part in ax.collections if isinstance(part, FillBetweenPolyCollection)]
    return [part.get_paths()[0].vertices for part in found]


def ends(corners, place):
    """Lower and upper end of a band at a place."""
    column = corners[np.isclose(corners[:, 0], place), 1]
    return column.min(), column.max()


# Panels


def test_panels_are_axes_by_name(beliefs, tmp_path):
    panels = beliefs.plot()

    assert list(panels) == ["x3", "x2", "u", "surprise"]
    assert panels.axes == panels.figure.axes
    assert panels["x2"].get_ylabel() == "x2"
    panels.savefig(tmp_path / "here.png")
    assert (tmp_path / "here.png").stat().st_size > 1000
    with pytest.raises(pn.UnknownPanelError, match=r"no panel 'x4'. Known here: 'x3', 'x2'"):
        panels["x4"]


def test_panels_go_onto_the_users_axes(beliefs):
    """By name, beside panels of other things; or in order. No other figure is made."""
    figure, mosaic = plt.subplot_mosaic([["mine", "x2"], ["surprise", "x2"]])

    panels = beliefs.plot("x2", axes=mosaic, title="here")

    assert panels["x2"] is mosaic["x2"]
    assert panels.figure is figure
    assert not mosaic["mine"].lines
    assert mosaic["x2"].get_title(loc="left") == "here"
    assert figure.get_suptitle() == ""
    _, (top, below) = plt.subplots(2)
    assert beliefs.plot("x2", axes=[top, below]).axes == [top, below]
    assert plt.get_fignums() == [1, 2]


def test_panels_of_a_part_of_a_figure_know_the_whole(beliefs):
    figure = plt.figure()
    left, _ = figure.subfigures(1, 2)

    assert beliefs.plot("x2", axes=left.subplots(2)).figure is figure


def test_a_narrow_paper_makes_narrow_figures_with_letters_of_one_size(beliefs):
    """And no setting outlives it."""
    wide = beliefs.plot()
    with plotting.paper(3.5):
        narrow = beliefs.plot()

    assert wide.figure.get_figwidth() == beliefs.plot().figure.get_figwidth() == 7
    assert narrow.figure.get_figwidth() == 3.5
    sizes = [panels["x2"].yaxis.label.get_fontsize() for panels in (wide, narrow)]
    assert sizes == [9, 9]


def test_panels_that_are_too_wide_for_the_paper_stand_below_one_another():
    """And no picture is squeezed by its names."""
    evidence = np.zeros((2, 10, 2))
    evidence[0, :9, 0] = evidence[0, 9, 1] = evidence[1, :, 1] = 1.0
    found = pn.fit.ModelRecovery(models=("HGF", "Rescorla-Wagner"), evidence=evidence)

    with plotting.paper(3.5):
        panels = found.plot()
    panels.figure.canvas.draw()

    one, other = (ax.get_window_extent() for ax in panels.axes)
    assert one.y0 > other.y1
    assert min(one.width, other.width) > 0.8 * panels.figure.dpi


# What is drawn


def test_responses_and_learning_rates_have_panels(beliefs):
    done = np.where(OUTCOMES > 0, 1.0, np.nan)

    panels = beliefs.plot(["x2"], rates="x2->u", responses={"choice": done}, surprise=False)

    assert list(panels) == ["x2", "choice", "x2->u"]
    np.testing.assert_array_equal(panels["choice"].lines[0].get_ydata(), done)
    # Of a Probability of strength one, the rate is the parent's posterior variance.
    np.testing.assert_allclose(panels["x2->u"].lines[0].get_ydata(), 1 / beliefs["x2"].precision)


def test_a_spike_of_one_step_in_a_hundred_thousand_is_seen():
    """In the figures of batches, runs and nodes too."""
    series = np.zeros(100_000)
    series[31_234] = 40.0
    beliefs = pn.models.continuous_hgf(1).compile().filter({"u": series})
    highest = float(np.max(beliefs["x1"].mean))
    twice = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), beliefs)

    detail = plotting.plot_node(beliefs, "x1", messages=False)
    many = plotting.plot_batch(twice, "x1", surprise=False)
    both = plotting.plot_runs({"a": beliefs, "b": beliefs}, "x1", evidence=False)

    for ax in (detail["x1" if "x1" in detail else "belief"], many["x1"], both["x1"]):
        for line in ax.lines:
            assert np.max(line.get_ydata()) == highest
            assert len(line.get_ydata()) < 10_000


def test_a_node_in_detail_is_its_fields_and_its_messages(beliefs):
    panels = plotting.plot_node(beliefs, "x2")

    node = beliefs["x2"]
    assert list(panels) == [
        *("belief", "precision", "value_error", "volatility_error", "effective_precision"),
        *("learning rate", "from parents", "from children"),
    ]
    for field in ("value_error", "volatility_error", "effective_precision"):
        np.testing.assert_array_equal(panels[field].lines[0].get_ydata(), getattr(node, field))
    assert set(heights(panels["precision"])) == {"posterior", "predicted"}
    told = heights(panels["from parents"])["x3: log volatility"]
    np.testing.assert_allclose(told, beliefs["x3"].predicted_mean, rtol=1e-12)
    # The only child of x2 is a value child: its pull is the whole move.
    pull = heights(panels["from children"])["u"]
    np.testing.assert_allclose(pull, node.mean - node.predicted_mean, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["u", "x3"])
def test_the_ends_of_a_graph_have_details_too(beliefs, name):
    panels = plotting.plot_node(beliefs, name)

    assert ("from children" in panels) == (name == "x3")
    assert ("from parents" in panels) == (name == "u")


def test_a_batch_is_a_median_and_a_band(batch):
    panels = plotting.plot_batch(batch, mass=0.5)

    mean = np.asarray(batch["x2"].mean)
    np.testing.assert_allclose(heights(panels["x2"])["all"], np.median(mean, axis=0))
    (band,) = bands(panels["x2"])
    expected = np.percentile(mean[:, 11], (25, 75))
    np.testing.assert_allclose(ends(band, 11), expected)
    assert "50% of 20 runs" in panels["x3"].get_title(loc="right")


def test_groups_of_a_batch_have_bands_of_their_own(batch):
    panels = plotting.plot_batch(batch, "u", groups=["a"] * 15 + ["b"] * 5, surprise=False)

    found = heights(panels["u"])
    predicted = np.asarray(batch["u"].predicted_mean)
    np.testing.assert_allclose(found["a"], np.median(predicted[:15], axis=0))
    np.testing.assert_allclose(found["b"], np.median(predicted[15:], axis=0))
    assert len(bands(panels["u"])) == 2
    # Of the five runs of b each has a line, of the fifteen of a none has.
    assert len(panels["u"].lines) == 2 + 5


def test_runs_are_lines_and_the_evidence_between_them(beliefs):
    other = pn.models.binary_hgf(2).compile().filter({"u": OUTCOMES})

    panels = plotting.plot_runs({"three": beliefs, "two": other})

    assert list(panels) == ["x2", "u", "evidence"]
    np.testing.assert_array_equal(heights(panels["x2"])["two"], other["x2"].mean)
    gained = heights(panels["evidence"])
    assert not gained["three"].any()
    total = float(np.sum(beliefs.surprise) - np.sum(other.surprise))
    assert gained["two"][-1] == pytest.approx(total)
    styles = {line.get_linestyle() for line in panels["x2"].lines}
    assert len(styles) == 2


def test_correlations_over_time_are_written_in_cells(beliefs):
    ax = plotting.plot_trajectory_correlation(beliefs, ["x2", "u"], field="predicted_mean")

    expected = np.corrcoef(beliefs["x2"].predicted_mean, beliefs["u"].predicted_mean)[0, 1]
    assert [text.get_text() for text in ax.texts] == [f"{expected:.2f}"]


def test_a_series_that_does_not_move_correlates_with_nothing():
    beliefs = small.network(small.tracked()).filter({"u": small.VALUES * 0 + np.nan})

    ax = plotting.plot_trajectory_correlation(beliefs, ["x", "u"])

    assert [text.get_text() for text in ax.texts] == ["–"]


def test_a_forecast_is_a_fan_behind_what_was(beliefs, ahead):
    panels = ahead.plot(["x2", "u"], history=beliefs, masses=[0.8], draws=2)

    values = np.asarray(ahead["x2"])
    past, _, one, two, middle = panels["x2"].lines
    np.testing.assert_array_equal(past.get_ydata(), beliefs["x2"].mean)
    np.testing.assert_allclose(middle.get_ydata(), np.median(values, axis=0))
    np.testing.assert_array_equal(middle.get_xdata(), STEPS + np.arange(7))
    np.testing.assert_array_equal([one.get_ydata(), two.get_ydata()], values[:2])
    (band,) = bands(panels["x2"])
    np.testing.assert_allclose(ends(band, STEPS + 3), np.quantile(values[:, 3], (0.1, 0.9)))
    # Outcomes are 0 or 1: their share of ones is drawn.
    share = panels["u"].lines[-1].get_ydata()
    np.testing.assert_allclose(share, np.asarray(ahead["u"]).mean(axis=0))


def test_a_forecast_goes_on_in_time_from_the_last_steps(beliefs, ahead):
    """Times of the past go on with their interval, numbers and dates; what was left out is not there."""
    days = np.datetime64("2020-01-01") + 2 * np.arange(STEPS)
    for time, first in ((3.0 + 0.5 * np.arange(STEPS), 3.0), (days, days[0])):
        panels = ahead.plot(["x2"], history=beliefs, time=time, last=9)
        past, _, middle = panels["x2"].lines
        step = time[1] - time[0]
        np.testing.assert_array_equal(middle.get_xdata(), first + step * (STEPS + np.arange(7)))
        np.testing.assert_array_equal(past.get_ydata(), beliefs["x2"].mean[-9:])
        assert panels["x2"].get_xlabel() == "time"
    with pytest.raises(pn.InputError, match="one or more"):
        ahead.plot(history=beliefs, last=0)
    with pytest.raises(pn.InputError, match=f"{STEPS + 7}"):
        ahead.plot(history=beliefs, time=[1.0, 2.0])


def test_clusters_are_observations_by_component(clustered):
    values, beliefs = clustered

    panels = plotting.plot_clusters(beliefs, "u", values)

    marked = [line for line in panels["observations"].lines if line.get_linestyle() == "None"]
    shown = np.concatenate([line.get_ydata() for line in marked])
    np.testing.assert_array_equal(np.sort(shown), np.sort(values))
    # Two sorts, far apart: each component's points have one sign, and a mark of its own.
    assert all(len(set(np.sign(line.get_ydata()))) <= 1 for line in marked)
    assert len({line.get_marker() for line in marked}) == len(marked)
    active = heights(panels["components"])["open components"]
    np.testing.assert_array_equal(active, beliefs["u"].active)


def test_densities_of_counts_are_bars_of_their_probabilities(counted):
    values, beliefs = counted

    ax = plotting.plot_densities(beliefs, "u", [0, 20], values=values)

    # All bars are scaled alike; the predictive is negative binomial (docs/theory/families.md).
    from scipy.stats import nbinom

    mean, count = beliefs["u"].predicted_statistics[20, 0], beliefs["u"].predicted_pseudo_count[20]
    bars = {bar.get_x() + bar.get_width() / 2: bar for bar in ax.patches if bar.get_y() == 1}
    places = np.array(sorted(bars))
    shown = np.array([bars[place].get_height() for place in places])
    expected = nbinom.pmf(places, float(count * mean), float(count / (count + 1)))
    np.testing.assert_allclose(shown / shown.sum(), expected / expected.sum(), rtol=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "20"]
    np.testing.assert_array_equal(ax.lines[-1].get_xdata(), values[[0, 20]])


def test_densities_of_numbers_are_lines_of_area_alike():
    beliefs = pn.Graph().add(u=pn.ExponentialFamilyState()).compile().filter({"u": OUTCOMES})

    ax = plotting.plot_densities(beliefs, "u", 3)

    areas = [
        np.trapezoid(line.get_ydata() - line.get_ydata().min(), line.get_xdata())
        for line in ax.lines
    ]
    np.testing.assert_allclose(areas, areas[0], rtol=0.1)


def test_transitions_are_matrices_of_predictions(moving):
    panels = plotting.plot_transitions(moving, [0, -1], states=["a", "b", "c"])

    assert list(panels) == ["step 0", f"step {STEPS - 1}"]
    shown = np.asarray(panels[f"step {STEPS - 1}"].images[0].get_array())
    expected = np.stack([moving[f"u_{code}"].predicted_mean[-1] for code in range(3)])
    np.testing.assert_array_equal(shown, expected)
    assert [text.get_text() for text in panels["step 0"].texts] == ["0.33"] * 9
    assert [label.get_text() for label in panels["step 0"].get_xticklabels()] == ["a", "b", "c"]


# Graphs


def test_beliefs_stand_beside_their_nodes(beliefs):
    ax = plotting.plot_graph(pn.models.binary_hgf(3), beliefs=beliefs, step=11)

    texts = [text.get_text() for text in ax.texts]
    mean, deviation = float(beliefs["x2"].mean[11]), float(beliefs["x2"].precision[11] ** -0.5)
    assert f"{mean:.3g} ± {deviation:.3g}" in texts
    assert f"{OUTCOMES[11]:.3g}" in texts
    marks = [part for part in ax.collections if isinstance(part, PathCollection)]
    colours = {tuple(part.get_facecolor()[0]) for part in marks}
    node = beliefs["x2"]
    moved = (node.mean - node.predicted_mean) * np.sqrt(node.predicted_precision)
    assert tuple(colour_of(float(moved[11]))) in colours
    assert "moved up 2 SD" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_what_was_not_observed_is_said_to_be_missing(network):
    outcomes = np.where(np.arange(STEPS) == 5, np.nan, OUTCOMES)

    ax = plotting.plot_graph(
        pn.models.binary_hgf(3), beliefs=network.filter({"u": outcomes}), step=5
    )

    assert "missing" in [text.get_text() for text in ax.texts]


def test_a_plate_is_drawn_once_with_its_number():
    """Plates within plates too; their number is that of all copies."""
    graph = pn.models.binary_hgf(3).repeat(12, shared=["x3"])

    ax = plotting.plot_graph(graph, fold=True)

    texts = sorted(text.get_text() for text in ax.texts)
    assert texts == ["u", "x2", "x3", "× 12", "× 12"]
    marks = [part for part in ax.collections if isinstance(part, PathCollection)]
    assert len(marks) == 1 + 2 * 3
    twice = pn.models.binary_hgf(2).repeat(3).repeat(2)
    texts = sorted(text.get_text() for text in plotting.plot_graph(twice, fold=True).texts)
    assert texts == ["u", "x2", "× 6", "× 6"]


# Films


@pytest.mark.slow
def test_a_film_has_a_picture_for_every_stop(beliefs, tmp_path):
    """Of three levels: three predictions, one observation, two updates, in every step."""
    from PIL import Image

    path = beliefs.animate(tmp_path / "film.gif", steps=[3, 4], dpi=30)

    with Image.open(path) as film:
        assert film.n_frames == 2 * (3 + 1 + 2)
    assert not plt.get_fignums()


def test_a_film_shows_predictions_before_updates(beliefs, tmp_path):
    _, ax = plt.subplots()

    beliefs.animate(tmp_path / "film.gif", steps=[7], dpi=30, ax=ax)

    assert ax.get_title(loc="left") == "step 7: errors go up, beliefs are updated"
    node = beliefs["x3"]
    last = f"{float(node.mean[7]):.3g} ± {float(node.precision[7] ** -0.5):.3g}"
    assert last in [text.get_text() for text in ax.texts]


def test_without_a_writer_it_is_said_what_to_install(beliefs, tmp_path, monkeypatch):
    monkeypatch.setattr(mpl.animation.writers, "is_available", lambda name: name == "pillow")

    with pytest.raises(pn.MissingExtraError, match=r"needs ffmpeg.*write a \.gif"):
        beliefs.animate(tmp_path / "film.mp4")


# Wrong use


def no_such(beliefs, batch, ahead, clustered, counted, moving):
    """Calls that are wrong, with what is said."""
    values, clusters = clustered
    graph = pn.models.binary_hgf(3)
    unlike = pn.models.binary_hgf(2).repeat(2).add(y=pn.ContinuousState()).couple("y", "x2[1]")
    kept = small.network(small.binary()).filter({"u": small.OUTCOMES}, record=["x2"])
    plot = plotting
    return [
        (lambda: beliefs.plot(axes=[plt.gca()]), pn.InputError, "must be 4 matplotlib axes"),
        (lambda: beliefs.plot(axes={"x2": plt.gca()}), pn.InputError, "nothing for 'x3', 'u'"),
        (lambda: beliefs.plot("x2", axes=[1, 2]), pn.InputError, "not int"),
        (lambda: beliefs.plot(responses={"y": [1.0]}), pn.InputError, r"\(40,\).*not \(1,\)"),
        (lambda: beliefs.plot(rates="x3->u"), pn.GraphError, "x3"),
        (lambda: plot.plot_node(beliefs, "x4"), pn.UnknownNodeError, "no node 'x4'"),
        (lambda: plot.plot_node(batch, "x2"), pn.FieldError, "draws one run"),
        (lambda: plot.plot_node(kept, "x3"), pn.FieldError, "not recorded"),
        (lambda: plot.plot_batch(beliefs), pn.FieldError, "was given one"),
        (lambda: plot.plot_batch(batch, "x4"), pn.UnknownNodeError, "no node 'x4'"),
        (lambda: plot.plot_batch(batch, []), pn.InputError, "no node to draw"),
        (lambda: plot.plot_batch(batch, groups="ab"), pn.InputError, "each of the 20 runs"),
        (lambda: plot.plot_batch(batch, mass=80), pn.InputError, "between 0 and 1.*not 80"),
        (lambda: plot.plot_runs({"a": beliefs}), pn.InputError, "two runs or more"),
        (lambda: plot.plot_runs({"a": beliefs, "b": kept}), pn.InputError, "same number of steps"),
        (lambda: plot.plot_runs({"a": beliefs, "b": batch}), pn.FieldError, "draws one run"),
        (lambda: plot.plot_runs(dict.fromkeys("ab", beliefs), []), pn.InputError, "no node"),
        (lambda: plot.plot_runs(dict.fromkeys("ab", beliefs), "x4"), pn.UnknownNodeError, "x4"),
        (lambda: plot.plot_trajectory_correlation(beliefs, "x2"), pn.InputError, "two nodes"),
        (lambda: plot.plot_trajectory_correlation(batch), pn.FieldError, "draws one run"),
        (
            lambda: plot.plot_trajectory_correlation(beliefs, field="pace"),
            pn.FieldError,
            "no field 'pace'",
        ),
        (lambda: plot.plot_trajectory_correlation(beliefs, "x9"), pn.UnknownNodeError, "x9"),
        (lambda: ahead.plot("x4"), pn.UnknownNodeError, "no node 'x4'"),
        (lambda: ahead.plot([]), pn.InputError, "no node to draw"),
        (lambda: ahead.plot(draws=61), pn.InputError, "0 to 60"),
        (lambda: ahead.plot(masses=[1.0]), pn.InputError, "between 0 and 1"),
        (lambda: ahead.plot(history=batch), pn.FieldError, "draws one run"),
        (lambda: plot.plot_clusters(beliefs, "x2", OUTCOMES), pn.FieldError, "ContinuousState"),
        (lambda: plot.plot_clusters(clusters, "u", values[1:]), pn.InputError, r"not \(39,\)"),
        (lambda: plot.plot_clusters(clusters, "v", values), pn.UnknownNodeError, "no node 'v'"),
        (lambda: plot.plot_clusters(batch, "u", values), pn.FieldError, "draws one run"),
        (lambda: plot.plot_densities(beliefs, "x2"), pn.FieldError, "ExponentialFamilyState"),
        (lambda: plot.plot_densities(counted[1], "u", []), pn.InputError, "no step to draw"),
        (lambda: plot.plot_densities(counted[1], "u", [40]), pn.InputError, "-40 to 39, not 40"),
        (lambda: plot.plot_densities(counted[1], "v"), pn.UnknownNodeError, "no node 'v'"),
        (lambda: plot.plot_densities(batch, "u"), pn.FieldError, "draws one run"),
        (lambda: plot.plot_transitions(beliefs), pn.FieldError, "categorical input for every"),
        (lambda: plot.plot_transitions(moving, inputs=["u_0"]), pn.FieldError, "inputs="),
        (lambda: plot.plot_transitions(moving, inputs=["u_9"]), pn.UnknownNodeError, "u_9"),
        (lambda: plot.plot_transitions(moving, states=["a"]), pn.FieldError, "3 states, not 1"),
        (lambda: plot.plot_transitions(moving, 0), pn.InputError, "one step or more"),
        (lambda: plot.plot_transitions(batch), pn.FieldError, "draws one run"),
        (lambda: graph.plot(beliefs=beliefs, step=40), pn.InputError, "-40 to 39, not 40"),
        (lambda: graph.plot(beliefs=batch), pn.FieldError, "draws one run"),
        (lambda: graph.plot(fold=True), pn.GraphError, "no plate to fold"),
        (lambda: unlike.plot(fold=True), pn.GraphError, "not joined as"),
        (lambda: pn.Graph().plot(beliefs=beliefs), pn.GraphError, "no nodes"),
        (lambda: small.tracked().plot(beliefs=beliefs), pn.UnknownNodeError, "x2"),
        (lambda: graph.plot(3), pn.InputError, "must be matplotlib axes, not int"),
        (lambda: beliefs.animate("film.avi"), pn.InputError, r"\.gif or a \.mp4"),
        (lambda: beliefs.animate("film.gif", steps=[]), pn.InputError, "no step"),
        (lambda: beliefs.animate("film.gif", seconds=0), pn.InputError, "positive"),
        (lambda: batch.animate("film.gif"), pn.FieldError, "draws one run"),
        (lambda: plotting.paper(1).__enter__(), pn.InputError, "two inches"),
    ]


def test_wrong_use_says_what_was_expected(beliefs, batch, ahead, clustered, counted, moving):
    """And nothing is drawn."""
    for wrong, error, sentence in no_such(beliefs, batch, ahead, clustered, counted, moving):
        with pytest.raises(error, match=sentence):
            wrong()
        plt.close("all")


# Style


def linear(colour):
    """A colour in linear light."""
    share = np.array(mpl.colors.to_rgb(colour))
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def laboratory(light):
    """Linear light in CIE L*a*b*, in which equal distances look alike; white is D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    scaled = to_xyz @ np.clip(light, 0, 1) / (to_xyz @ np.ones(3))
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


# Machado, Oliveira and Fernandes (2009), doi 10.1109/TVCG.2009.113, severity 1.0.
SEEN = {
    "all": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


@pytest.mark.parametrize("sight", SEEN)
def test_colours_can_be_told_apart_by_everybody(sight):
    """Ten units of CIE L*a*b* at least, where two or three are a difference that is just seen."""
    found = np.stack([laboratory(SEEN[sight] @ linear(colour)) for colour in style.MANY])

    apart = np.linalg.norm(found[:, None] - found, axis=-1) + 1e9 * np.eye(len(found))

    assert apart.min() > 10


@pytest.fixture(scope="module")
def column(beliefs, batch):
    """One of every sort of panel, for a column of three and a half inches."""
    with plotting.paper(3.5):
        return [
            beliefs.plot(["x2", "u"], rates="x2->u"),
            plotting.plot_node(beliefs, "x2"),
            plotting.plot_batch(batch, ["x2"], groups=["a", "b"] * 10, surprise=False),
            plotting.plot_trajectory_correlation(beliefs),
            plotting.plot_graph(pn.models.binary_hgf(3), beliefs=beliefs),
        ]


@pytest.mark.slow
def test_letters_can_be_read_in_a_column(column):
    """Six points or more in a column of three and a half inches, and nothing is cut off or overlaid."""
    for panels in column:
        figure = panels.figure
        assert figure.get_figwidth() <= 3.5
        figure.canvas.draw()
        texts = [text for text in figure.findobj(mpl.text.Text) if text.get_text().strip()]
        assert min(text.get_fontsize() for text in texts if text.get_visible()) >= 6
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                boxes = [
                    label.get_window_extent()
                    for label in axis.get_ticklabels()
                    if label.get_text() and label.get_visible()
                ]
                inside = [box for box in boxes if ax.get_window_extent().padded(12).overlaps(box)]
                inside.sort(key=lambda box: (box.x0, box.y0))
                for one, other in itertools.pairwise(inside):
                    assert not one.padded(-1).overlaps(other.padded(-1))


@pytest.mark.slow
def test_vector_files_hold_letters_and_paths(column, tmp_path):
    """No picture of dots; text stays text."""
    for panels in column[:2]:
        with mpl.rc_context({"pdf.compression": 0} | style.RULES):
            panels.figure.savefig(tmp_path / "here.pdf")
            panels.figure.savefig(tmp_path / "here.svg")
        portable = (tmp_path / "here.pdf").read_bytes()
        assert b"/Subtype /Image" not in portable
        assert b"/Type /Font" in portable
        scalable = (tmp_path / "here.svg").read_text(encoding="utf-8")
        assert "<image" not in scalable
        assert ">step</text>" in scalable
        assert "<path" in scalable
