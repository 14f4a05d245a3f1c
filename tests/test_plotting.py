"""Pictures: what is drawn is what was believed, nothing is hidden, nothing global is changed."""

import subprocess
import sys

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch, Rectangle
from scipy.stats import norm

import pynodes as pn
from pynodes._geometry import CLEAR, MOST, curve, route_edges, thin
from pynodes.plotting import style
from pynodes.plotting.marks import page_for
from tests.few import few
from tests.laws import cases


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Each test's figures are its own."""
    yield
    plt.close("all")


def binary(steps=60, **options):
    """A run of the three-level binary model."""
    outcomes = np.random.default_rng(0).integers(0, 2, steps).astype(float)
    return outcomes, pn.models.binary_hgf(3).compile().filter({"u": outcomes}, **options)


def lines(ax):
    """The data of an axes' lines and points."""
    return [np.asarray(line.get_xydata(), float) for line in ax.get_lines()]


def test_every_node_has_a_panel_highest_level_on_top():
    """And the surprise has the last."""
    _, beliefs = binary()

    axes = beliefs.plot().axes

    assert [ax.get_ylabel() for ax in axes] == ["x3", "x2", "u", "surprise"]
    assert axes[-1].get_xlabel() == "step"


def test_a_state_is_its_posterior_mean_and_band():
    """Line and band hold the arrays; the band covers the probability that it names."""
    _, beliefs = binary()

    ax = beliefs.plot(credible=0.8).axes[1]

    mean = np.asarray(beliefs["x2"].mean)
    np.testing.assert_array_equal(lines(ax)[0], np.column_stack([np.arange(60), mean]))
    (band,) = (c for c in ax.collections if isinstance(c, FillBetweenPolyCollection))
    corners = band.get_paths()[0].vertices
    half = norm.ppf(0.9) / np.sqrt(np.asarray(beliefs["x2"].precision))
    for step in (0, 30, 59):
        heights = corners[corners[:, 0] == step, 1]
        np.testing.assert_allclose(heights.min(), mean[step] - half[step], rtol=1e-12)
        np.testing.assert_allclose(heights.max(), mean[step] + half[step], rtol=1e-12)
    assert "80% band" in beliefs.plot(credible=0.8).axes[0].get_title(loc="right")


def test_an_input_is_its_prediction_and_its_observations():
    outcomes, beliefs = binary()

    prediction, points = lines(beliefs.plot().axes[2])

    np.testing.assert_array_equal(prediction[:, 1], beliefs["u"].predicted_mean)
    np.testing.assert_array_equal(points[:, 1], outcomes)


def test_the_surprise_is_shown_and_summed():
    """The title says the total."""
    _, beliefs = binary()

    ax = beliefs.plot().axes[-1]

    np.testing.assert_array_equal(lines(ax)[0][:, 1], beliefs.surprise)
    assert f"{float(np.sum(beliefs.surprise)):.4g} nats" in ax.get_title(loc="right")


def test_a_missing_stretch_has_no_points_no_surprise_and_a_shade():
    """From the observation before to the one after."""
    outcomes, _ = binary()
    outcomes[20:35] = np.nan

    axes = pn.models.binary_hgf(2).compile().filter({"u": outcomes}).plot().axes

    assert np.isnan(lines(axes[1])[1][20:35, 1]).all()
    assert np.isnan(lines(axes[-1])[0][20:35, 1]).all()
    (shade,) = (patch for patch in axes[1].patches if isinstance(patch, Rectangle))
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (19, 35)


def test_a_surprise_between_two_gaps_is_still_seen():
    """A line needs two points; a lone one is drawn as a point."""
    outcomes = np.tile([1.0, np.nan], 10)

    ax = pn.models.binary_hgf(2).compile().filter({"u": outcomes}).plot().axes[-1]

    assert len(lines(ax)[1]) == 10


def test_a_band_that_grows_in_a_gap_does_not_flatten_the_rest():
    """The mean's own range keeps at least a quarter of its panel."""
    rates = pn.data.usd_chf()
    rates[200:400] = np.nan
    network = pn.models.continuous_hgf(**pn.models.scaled_to(rates, 3)).compile()
    beliefs = network.filter({"u": rates})

    axes = {ax.get_ylabel(): ax for ax in beliefs.plot().axes}

    low, high = axes["x1"].get_ylim()
    mean = np.asarray(beliefs["x1"].mean)
    assert np.max(beliefs["x1"].precision ** -0.5) > 10 * np.ptp(mean)
    assert low < mean.min() < mean.max() < high
    assert np.ptp(mean) > (high - low) / 4


def test_a_known_value_and_a_hidden_alternative_have_panels_without_a_band():
    """Neither is Gaussian."""
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(), s=pn.BinaryState(), x=pn.ContinuousState(), r=pn.Regressor())
        .couple("s", "u")
        .couple(["x", "r"], "s")
    )
    given = np.linspace(-1, 1, 20)

    beliefs = graph.compile().filter({"u": np.ones(20), "r": given})
    axes = {ax.get_ylabel(): ax for ax in beliefs.plot(["r", "s", "x"]).axes}

    np.testing.assert_array_equal(lines(axes["r"])[0][:, 1], given)
    np.testing.assert_array_equal(lines(axes["s"])[0][:, 1], beliefs["s"].mean)
    assert [len(axes[name].collections) for name in ("r", "s", "x")] == [0, 0, 1]
    assert "r" not in {ax.get_ylabel() for ax in beliefs.plot().axes}


def test_times_and_title_are_the_users():
    """Dates too."""
    _, beliefs = binary(30)
    days = np.datetime64("2020-01-01") + np.arange(30) * np.timedelta64(1, "D")

    panels = beliefs.plot("x2", time=days, title="One subject", surprise=False)

    assert panels.figure.get_suptitle() == "One subject"
    assert [ax.get_xlabel() for ax in panels.axes] == ["time"]
    first = mpl.dates.num2date(panels["x2"].get_lines()[0].get_xdata(orig=False)[0])
    assert (first.year, first.month, first.day) == (2020, 1, 1)


def test_one_step_is_a_point():
    """A line of one point would be invisible."""
    _, beliefs = binary(1)

    markers = [ax.get_lines()[0].get_marker() for ax in beliefs.plot().axes[:3]]

    assert markers == ["o"] * 3


def test_long_series_are_thinned_without_hiding_an_extreme():
    """A hundred thousand steps: few points on the lines, every observation, and the outlier's spike."""
    rng = np.random.default_rng(0)
    series = rng.normal(size=100_000)
    series[31_234], series[60_000:70_000] = 40.0, np.nan
    beliefs = pn.models.continuous_hgf(2).compile().filter({"u": series})

    axes = {ax.get_ylabel(): ax for ax in beliefs.plot().axes}

    assert all(len(lines(ax)[0]) <= 2 * MOST for ax in axes.values())
    for name in ("x1", "x2"):
        shown, mean = lines(axes[name])[0], np.asarray(beliefs[name].mean)
        assert shown[:, 1].max() == mean.max()
        assert shown[:, 1].min() == mean.min()
    surprise = lines(axes["surprise"])[0]
    assert surprise[np.nanargmax(surprise[:, 1]), 0] == np.argmax(beliefs.surprise)
    # No line may bridge the gap.
    inside = (surprise[:, 0] >= 60_000) & (surprise[:, 0] < 70_000)
    assert np.isnan(surprise[inside, 1]).all()
    assert inside.any()
    np.testing.assert_array_equal(lines(axes["u"])[1][:, 1], series)


@pytest.mark.parametrize("steps", [1, MOST, MOST + 1, 54_321])
def test_thinning_keeps_ends_and_extremes(steps):
    """Of the series and of its band."""
    rng = np.random.default_rng(steps)
    series, spread = rng.normal(size=steps), rng.gamma(1.0, size=steps)

    kept = thin(series, spread)

    assert {0, steps - 1} <= set(kept)
    assert len(kept) <= max(MOST + 2, min(steps, MOST))
    assert (series + spread).max() == (series + spread)[kept].max()
    assert (series - spread).min() == (series - spread)[kept].min()
    np.testing.assert_array_equal(kept, np.unique(kept))


def batch():
    network = pn.models.binary_hgf(2).compile()
    return jax.vmap(lambda u: network.filter({"u": u}))(np.ones((3, 5)))


def many():
    graph = pn.models.continuous_hgf(1).repeat(20)
    return graph.compile().filter({f"u[{i}]": np.ones(3) for i in range(20)})


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda: batch().plot(), pn.FieldError, r"draws one run.*Index the batch"),
        (lambda: many().plot(), pn.InputError, r"40 panels are too many.*Name some nodes"),
        (lambda: binary()[1].plot([]), pn.InputError, "no node to draw"),
        (lambda: binary()[1].plot("x4"), pn.UnknownNodeError, "no node 'x4'"),
        (lambda: binary()[1].plot(time=[1, 2]), pn.InputError, r"shape \(60,\).*not \(2,\)"),
        (
            lambda: binary()[1].plot(credible=90),
            pn.InputError,
            r"between 0 and 1, such as 0\.9, not 90",
        ),
        (lambda: binary(record=["x2"])[1].plot("x3"), pn.FieldError, "were not recorded"),
        (lambda: binary()[1].plot(colour="red"), TypeError, "colour"),
        (lambda: pn.Graph().plot(), pn.GraphError, "no nodes"),
    ],
)
def test_wrong_use_says_what_was_expected(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        wrong()


def fan(count):
    """A volatility parent of many states, each with an input."""
    graph = pn.models.binary_hgf(3, volatility_strength=0.5)
    return graph.repeat(count, shared=["x3"])


def drawn(graph, **options):
    """Axes, node markers, edge arrows and texts of a graph's picture."""
    ax = graph.plot(**options)
    markers = [c for c in ax.collections if isinstance(c, PathCollection)]
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch) and p.axes is ax]
    arrows = [p for p in arrows if p not in [text.arrow_patch for text in ax.texts]]
    return ax, markers, arrows, [text.get_text() for text in ax.texts]


SIZES = [fan(1), fan(15), fan(100), fan(250), cases.rich_graph()]
"""From three nodes to five hundred."""


@pytest.mark.parametrize("graph", few(SIZES, 3), ids=repr)
def test_every_node_and_edge_is_drawn_once(graph):
    """With names up to forty nodes; beyond, the shape alone."""
    _, markers, arrows, texts = drawn(graph)

    assert len(markers) == len(graph)
    assert len(arrows) == len(graph.edges)
    names = [text.replace("\n", " ") for text in texts if text]
    assert set(graph.nodes) <= set(names) if len(graph) <= 40 else not names


@pytest.mark.parametrize("graph", few(SIZES, 3), ids=repr)
def test_nothing_overlaps_or_leaves_the_picture(graph):
    """Nodes keep apart, parents are above children, arrows and texts are inside the figure."""
    ax, markers, arrows, _ = drawn(graph)
    figure = ax.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()

    places = dict(zip(graph.nodes, (m.get_offsets()[0] for m in markers), strict=True))
    assert all(places[parent][1] > places[child][1] for parent, child, _ in graph.edges)
    centres = ax.transData.transform(np.array(list(places.values())))
    diameter = np.sqrt(markers[0].get_sizes()[0]) * figure.dpi / 72
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1) + 1e9 * np.eye(len(centres))
    assert gaps.min() > 0.9 * diameter
    for artist in [*ax.texts, *arrows, ax.get_legend()]:
        box = artist.get_window_extent(renderer)
        assert figure.bbox.x0 - 1 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 - 1 <= box.y0 <= box.y1 <= figure.bbox.y1 + 1


def test_value_and_volatility_are_told_apart_by_colour_line_and_head():
    """Readers without colour, and printers, can tell them too."""
    _, _, arrows, _ = drawn(fan(1))
    value, volatility = arrows

    assert value.get_edgecolor() == to_rgba(style.VALUE_COLOUR)
    assert volatility.get_edgecolor() == to_rgba(style.VOLATILITY_COLOUR)
    assert value.get_linestyle() != volatility.get_linestyle()
    assert type(value.get_arrowstyle()) is not type(volatility.get_arrowstyle())


def test_the_legend_names_what_is_there():
    """And nothing else."""
    one = pn.Graph().add(u=pn.ContinuousInput()).plot().get_legend()
    all_sorts = cases.rich_graph().plot().get_legend()

    assert [text.get_text() for text in one.get_texts()] == ["input"]
    found = [text.get_text() for text in all_sorts.get_texts()]
    assert found == ["state", "input", "known value", "value", "volatility"]


def test_what_is_unusual_about_an_edge_is_written_on_it():
    """A strength other than one, a function other than the identity."""
    graph = (
        pn.Graph()
        .add(u=pn.ContinuousInput(), x=pn.ContinuousState(), y=pn.ContinuousState())
        .couple("x", "u", pn.Observation(strength=0.333, function="tanh"))
        .couple("y", "x")
    )

    texts = drawn(graph)[3]

    assert sorted(texts) == ["0.333 tanh", "u", "x", "y"]


def test_two_edges_between_the_same_nodes_are_both_seen():
    """A value and a volatility edge bend to either side."""
    graph = pn.Graph().add(x=pn.ContinuousState(), y=pn.ContinuousState())
    graph = graph.couple("y", "x", "value").couple("y", "x", "volatility")

    _, _, (one, other), _ = drawn(graph)

    assert one.get_connectionstyle().rad * other.get_connectionstyle().rad < 0


def test_an_edge_passes_the_nodes_that_it_does_not_join():
    """Three in a row: the edge from the first to the last goes around the middle one."""
    places = {"a": (0.0, 2.2), "b": (0.0, 1.1), "c": (0.0, 0.0)}

    straight, past = route_edges(places, [("a", "b"), ("a", "c")])

    assert straight.bend == 0
    way = curve(np.array(places["a"]), np.array(places["c"]), past.bend)
    assert np.linalg.norm(way - np.array(places["b"]), axis=1).min() >= CLEAR
    # matplotlib's own bend is the one that was looked at.
    path = mpl.patches.ConnectionStyle.Arc3(rad=past.bend)(
        places["a"], places["c"], shrinkA=0, shrinkB=0
    )
    control = path.vertices[1]
    np.testing.assert_allclose(way[10], (np.array(places["a"]) + places["c"] + 2 * control) / 4)


def test_long_names_stand_beside_their_nodes_at_a_readable_size():
    """And the page makes room for them."""
    name = "learning rate of subject 12"
    graph = pn.Graph().add({name: pn.ContinuousState(), "u": pn.ContinuousInput()})

    ax = graph.couple(name, "u").plot()

    text = next(t for t in ax.texts if t.get_text().replace("\n", " ") == name)
    assert text.get_fontsize() >= 7
    places = {"a": (0.0, 1.0), "b": (1.0, 1.0)}
    assert page_for(places, ["a long name", "b"]).size > page_for(places, ["a", "b"]).size


def test_a_graph_can_be_drawn_where_the_user_wants():
    figure, axes = plt.subplots(1, 2)

    assert fan(1).plot(axes[1]) is axes[1]

    assert not axes[0].patches
    assert len(axes[1].patches) == 2
    assert plt.get_fignums() == [figure.number]


def test_nothing_global_is_changed():
    """Settings of matplotlib are as before, and no figure is shown."""
    before = dict(mpl.rcParams)

    binary()[1].plot()
    fan(2).plot()

    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_it_works_without_a_display(tmp_path):
    """In a process with no display and no backend chosen; importing pynodes does not import matplotlib."""
    script = (
        "import sys, pynodes as pn; assert 'matplotlib' not in sys.modules; "
        "f = pn.models.binary_hgf(2).compile().filter({'u': [1.0, 0.0]}).plot(); "
        f"f.savefig({str(tmp_path / 'beliefs.png')!r}); "
        f"pn.models.binary_hgf(2).plot().figure.savefig({str(tmp_path / 'graph.pdf')!r})"
    )

    subprocess.run([sys.executable, "-c", script], check=True, env={"PATH": "", "PYTHONPATH": "."})

    assert (tmp_path / "beliefs.png").stat().st_size > 1000
    assert (tmp_path / "graph.pdf").stat().st_size > 1000


def test_what_was_not_observed_has_no_learning_rate():
    """There is none to be shown where nothing was heard, however wide the belief has become."""
    series = np.sin(np.arange(60.0) / 5)
    series[20:35] = np.nan
    beliefs = pn.models.continuous_hgf().compile().filter({"u": series})

    (line,) = beliefs.plot_node("x1")["learning rate"].lines

    drawn = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert all(np.isnan(drawn.get(step, np.nan)) for step in range(20, 35))
    assert all(np.isfinite(drawn[step]) for step in (0, 19, 35, 59))
