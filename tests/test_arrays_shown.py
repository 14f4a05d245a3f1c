"""Beliefs that are arrays, in tables, notebooks and figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import pynodes as pn

CODES = np.array([0.0, 2.0, np.nan, 1.0, 1.0])


@pytest.fixture(scope="module")
def beliefs():
    return pn.models.categorical_hgf(3).compile().filter({"u": CODES})


def test_a_table_has_a_column_for_every_component(beliefs):
    table = beliefs.to_pandas()

    for code in range(3):
        np.testing.assert_array_equal(table[f"u.mean[{code}]"], beliefs["u"].mean[:, code])
    assert "u.mean" not in table
    np.testing.assert_array_equal(table["x2_1.mean"], beliefs["x2_1"].mean)
    np.testing.assert_array_equal(table["surprise"], beliefs.surprise)


def test_a_table_of_one_step_has_them_too(beliefs):
    network = pn.models.categorical_hgf(3).compile()
    _, step = network.step(network.start(), {"u": 0.0})

    assert step.to_pandas()["u.predicted_mean[2]"].tolist() == [step["u"].predicted_mean[2]]
    assert step.to_xarray()["u.mean"].shape == (1, 3)


def test_a_dataset_has_a_variable_for_every_array(beliefs):
    data = beliefs.to_xarray()

    assert data["u.predicted_mean"].dims == ("time", "u.predicted_mean.component")
    np.testing.assert_array_equal(data["u.predicted_mean"], beliefs["u"].predicted_mean)
    np.testing.assert_array_equal(data["mean"].sel(node="x3"), beliefs["x3"].mean)
    assert np.isnan(data["mean"].sel(node="u")).all()


def test_a_notebook_shows_every_component(beliefs):
    assert "0, 1, 0" in beliefs._repr_html_()


def test_a_figure_shows_a_line_for_every_outcome_and_what_happened(beliefs):
    panels = beliefs.plot(["u"], surprise=False)
    (panel,) = panels.axes

    lines = [line for line in panel.lines if line.get_linestyle() == "-"]
    marks = [line for line in panel.lines if line.get_linestyle() == "None"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["0", "1", "2"]
    for code, (line, mark) in enumerate(zip(lines, marks, strict=True)):
        np.testing.assert_array_equal(line.get_ydata(), beliefs["u"].predicted_mean[:, code])
        np.testing.assert_array_equal(mark.get_xdata(), np.flatnonzero(code == CODES))
        assert line.get_color() == mark.get_color()
    plt.close("all")


def test_a_hidden_alternative_is_a_line_for_each():
    graph = pn.Graph().add(w=pn.CategoricalState(outcomes=3), u=pn.BinaryInput())
    graph = graph.couple("w", "u", pn.Emission(probabilities=[0.1, 0.5, 0.9]))
    beliefs = graph.compile().filter({"u": [1, 1, 0]})
    panels = beliefs.plot(["w"], surprise=False)

    (panel,) = panels.axes
    assert len(panel.lines) == 3
    assert panel.get_title(loc="right") == "posterior probabilities"
    assert "CategoricalState" in beliefs._repr_html_()


@pytest.mark.parametrize(
    "learner",
    [pn.RescorlaWagner(), pn.PearceHall(), pn.SuttonK1(), pn.KalmanFilter(), pn.HiddenMarkov()],
    ids=repr,
)
def test_a_learner_shows_what_it_learned(learner):
    """Not what was observed, which its mean is not."""
    values = [1.0, 0.0, np.nan, np.nan, 1.0]
    beliefs = pn.Graph().add(u=learner).compile().filter({"u": values})
    panels = beliefs.plot()

    panel = panels.axes[0]
    assert panel.get_title(loc="right") == "what was learned"
    shown = np.stack([line.get_ydata() for line in panel.lines], axis=-1)
    np.testing.assert_array_equal(shown.reshape(5, -1), np.reshape(beliefs["u"].mean, (5, -1)))
    assert beliefs._repr_html_()
    assert len(beliefs.to_pandas()) == 5


def test_a_parent_of_an_array_learns_from_every_element(tmp_path):
    """At the rates of as many scalar children, by law; and the explorer shows them."""
    outcomes = np.random.default_rng(0).normal(size=(6, 2))

    def watch(states, inputs):
        graph = pn.Graph().add(pace=pn.ContinuousState(), **states, **inputs)
        for state, seen in zip(states, inputs, strict=True):
            graph = graph.couple(state, seen).couple("pace", state, pn.Volatility(strength=0.7))
        return graph.compile()

    whole = watch({"x": pn.ContinuousState(shape=2)}, {"u": pn.ContinuousInput(shape=2)})
    whole = whole.filter({"u": outcomes})
    names = {f"x{i}": pn.ContinuousState() for i in range(2)}
    apart = watch(names, {f"u{i}": pn.ContinuousInput() for i in range(2)})
    apart = apart.filter({f"u{i}": outcomes[:, i] for i in range(2)})
    for field in ("learning_rate", "precision_weight", "weighted_error"):
        scalars = [getattr(apart.edge(f"pace->x{i}"), field) for i in range(2)]
        np.testing.assert_allclose(
            getattr(whole.edge("pace->x"), field), np.stack(scalars, -1), rtol=1e-10
        )
    whole.explore(tmp_path / "run.html")
    assert (tmp_path / "run.html").stat().st_size
