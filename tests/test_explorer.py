"""The explorer's page: it holds the arrays bit for bit, asks nothing of a network, and can be read by all."""

import base64
import gzip
import html
import itertools
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
import pytest

import pynodes as pn
from pynodes.explorer import page as page_module
from tests.small import OUTCOMES, VALUES, binary, driven, network, tracked

GAPPED = np.where([0, 1, 0, 0, 1, 0], np.nan, VALUES)


def run_of(page):
    """What a page says of its run."""
    return json.loads(re.search(r'id="run">(.*?)</script>', page, re.DOTALL)[1])


def packed(page, part):
    """What a page packed, unpacked."""
    text = re.search(rf'id="{part}">(.*?)</script>', page, re.DOTALL)[1]
    return gzip.decompress(base64.b64decode(text))


def series_of(page):
    """The series of a page, one per row, with the bytes of every number put together again."""
    run = run_of(page)
    ranks = np.frombuffer(packed(page, "numbers"), np.uint8)
    width = np.dtype(run["number"]).itemsize
    numbers = np.ascontiguousarray(ranks.reshape(width, -1).T).view(f"<f{width}")
    return numbers.reshape(run["count"], run["steps"])


def check_fields(page, beliefs, names):
    """Every field of every node is in the page, bit for bit."""
    run, series = run_of(page), series_of(page)
    told = {node["name"]: node for node in run["nodes"]}
    assert set(told) == set(names)
    for name in names:
        fields = beliefs[name].fields
        assert set(told[name]["fields"]) == set(fields)
        for field in fields:
            values = np.asarray(getattr(beliefs[name], field))
            found = series[told[name]["fields"][field]["series"]]
            np.testing.assert_array_equal(found.T.reshape(values.shape), values)
    np.testing.assert_array_equal(series[run["surprise"]], beliefs.surprise)


@pytest.mark.parametrize(
    ("graph", "inputs"),
    [
        (driven, lambda: {"u": GAPPED, "r": OUTCOMES}),
        (pn.models.categorical_hgf, lambda: {"u": np.array([0.0, 1.0, np.nan, 2.0, 2.0, 1.0])}),
        (
            lambda: pn.Graph().add(u=pn.RescorlaWagner(), v=pn.HiddenMarkov()),
            lambda: {"u": OUTCOMES, "v": OUTCOMES},
        ),
        (lambda: pn.Graph().add(u=pn.DirichletProcessState(components=3)), lambda: {"u": VALUES}),
    ],
    ids=["continuous", "categorical", "learners", "clusters"],
)
def test_a_page_holds_every_number(graph, inputs):
    """Of nodes of all sorts."""
    beliefs = graph().compile().filter(inputs())

    page = beliefs.explore().html

    check_fields(page, beliefs, beliefs.names)


def test_it_holds_float32_as_it_is():
    """In half the room."""
    with jax.enable_x64(False):
        beliefs = (
            pn.models.binary_hgf(2)
            .compile()
            .filter({"u": OUTCOMES.astype("float32")}, record=["x2"])
        )
        page = beliefs.explore().html

    assert run_of(page)["number"] == "float32"
    check_fields(page, beliefs, ["x2"])


@pytest.mark.slow
def test_it_holds_the_messages_of_every_edge():
    """As beliefs.messages() gives them, and learning rates where they are defined."""
    graph = tracked().add(r=pn.ContinuousState(), v=pn.ContinuousState())
    graph = graph.couple("r", "x", pn.Drift()).couple("v", "x", "volatility")
    beliefs = graph.compile(expansion=pn.Structured(edges="all")).filter({"u": GAPPED})

    page = beliefs.explore().html

    run, series, messages = run_of(page), series_of(page), beliefs.messages()
    assert [edge["name"] for edge in run["edges"]] == list(messages)
    for edge in run["edges"]:
        for what in ("contribution", "gradient", "curvature", "slope", "steepness", "correlation"):
            values = getattr(messages[edge["name"]], what)
            assert (what in edge["series"]) == (values is not None)
            if values is not None:
                np.testing.assert_array_equal(series[edge["series"][what]["series"][0]], values)
    rate = next(edge for edge in run["edges"] if edge["name"] == "x->u")["series"]["learning_rate"]
    np.testing.assert_array_equal(series[rate["series"][0]], beliefs.edge("x->u").learning_rate)
    assert all(messages[name].correlation is not None for name in ("r->x", "v->x"))


def test_some_nodes_can_be_shown():
    """With all that they say to others, who are named, and the parameters with which they ran."""
    beliefs = network(binary()).replace({"x2.tonic_volatility": -2.25}).filter({"u": OUTCOMES})

    page = beliefs.explore(nodes=["x2"]).html

    check_fields(page, beliefs, ["x2"])
    assert [(edge["name"], edge["inside"]) for edge in run_of(page)["edges"]] == [
        ("x2->u", False),
        ("x3->x2", False),
    ]
    assert run_of(page)["others"] == 2
    (node,) = run_of(page)["nodes"]
    assert node["parameters"]["tonic_volatility"] == "-2.25"


def test_what_was_recorded_is_shown():
    beliefs = network(binary()).filter({"u": OUTCOMES}, record=["x3", "u"])

    check_fields(beliefs.explore().html, beliefs, ["x3", "u"])


def test_beliefs_from_a_file_have_no_messages(tmp_path):
    """The page says so; the rest is there."""
    pn.save(tmp_path / "beliefs.npz", network(tracked()).filter({"u": VALUES}))
    beliefs = pn.load(tmp_path / "beliefs.npz")

    page = beliefs.explore().html

    check_fields(page, beliefs, ["u", "x"])
    assert run_of(page)["untold"].startswith("not known")
    (edge,) = run_of(page)["edges"]
    assert not {"contribution", "gradient", "curvature"} & set(edge["series"])


def test_too_many_messages_are_left_out(monkeypatch):
    """The page says so, with the numbers."""
    monkeypatch.setattr("pynodes.explorer.run.TALKATIVE", 11)
    beliefs = network(binary()).filter({"u": OUTCOMES})  # two edges over six steps

    assert "2 edges over 6 steps" in run_of(beliefs.explore().html)["untold"]
    monkeypatch.setattr("pynodes.explorer.run.TALKATIVE", 12)
    assert run_of(beliefs.explore().html)["untold"] == ""


def test_irregular_time_is_told():
    """As the time since the beginning; a page of regular steps has none."""
    dt = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    page = network(tracked()).filter({"u": VALUES}, dt=dt).explore().html
    np.testing.assert_array_equal(series_of(page)[run_of(page)["time"]], np.cumsum(dt))

    assert run_of(network(tracked()).filter({"u": VALUES}).explore().html)["time"] is None


def test_what_a_learner_saw_is_told():
    """Its beliefs do not hold it; NaN where it saw nothing."""
    graph = pn.Graph().add(u=pn.KalmanFilter(), v=pn.KalmanFilter())
    page = graph.compile().filter({"u": GAPPED, "v": VALUES}).explore().html

    told = {node["name"]: node["outcome"]["series"] for node in run_of(page)["nodes"]}
    np.testing.assert_array_equal(series_of(page)[told["u"]], [GAPPED])
    np.testing.assert_array_equal(series_of(page)[told["v"]], [VALUES])


def test_a_failure_is_told():
    graph = pn.models.continuous_hgf(2, volatility_strength=2.0)
    series = np.zeros(20)
    series[10] = -1e3
    beliefs = graph.compile(expansion="standard").filter({"u": series}, throw=False)

    status = run_of(beliefs.explore().html)["status"]

    assert status == {"message": beliefs.status.message, "well": False, "broken": 10}


def test_twenty_nodes_over_a_thousand_steps_are_below_three_megabytes(tmp_path):
    """Plenty of states under one parent, each with an input."""
    graph = pn.models.binary_hgf(3, volatility_strength=0.5).repeat(10, shared=["x3"])
    rng = np.random.default_rng(0)
    outcomes = {f"u[{k}]": rng.integers(0, 2, 1000).astype(float) for k in range(10)}
    beliefs = graph.compile().filter(outcomes)

    beliefs.explore(tmp_path / "run.html")

    assert len(beliefs) == 21
    assert (tmp_path / "run.html").stat().st_size < 3_000_000


def test_a_page_asks_nothing_of_a_network():
    """It is forbidden to, and refers to nothing outside itself."""
    page = network(tracked()).filter({"u": VALUES}).explore().html

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    ours = re.sub(r'<script type="text/plain".*?</script>', "", page, flags=re.DOTALL)
    assert set(re.findall(r"https?://[\w./-]*", ours)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r'(?:src|href)="(?!#|data:)', ours)


def test_the_charts_are_those_of_the_installed_bokeh():
    """Nothing of Bokeh is kept with our code; its licence comes along in the open."""
    page = network(tracked()).filter({"u": VALUES}).explore().html

    folder = Path(find_spec("bokeh").origin).parent / "server" / "static" / "js"
    scripts = [(folder / name).read_text(encoding="utf-8") for name in page_module.BOKEH_SCRIPTS]
    assert packed(page, "library").decode() == "\n".join(scripts)
    licence = html.unescape(re.search(r'id="licence">(.*?)</script>', page, re.DOTALL)[1])
    assert "Bokeh Contributors" in licence
    assert "Redistributions in binary form must reproduce the above copyright" in licence


def test_names_and_titles_are_text_whatever_they_hold():
    """No name can become markup."""
    name = '<b a="1">&<script>'
    graph = (
        pn.Graph().add({name: pn.ContinuousState(), "u": pn.ContinuousInput()}).couple(name, "u")
    )
    shown = graph.compile().filter({"u": VALUES}).explore(title="<i>one & two</i>")

    assert "<b a=" not in shown.html
    assert "<i>" not in shown.html
    assert "&lt;i&gt;one &amp; two&lt;/i&gt;" in shown.html
    assert name in {node["name"] for node in run_of(shown.html)["nodes"]}


def test_it_is_shown_in_a_notebook_and_saved(tmp_path):
    """The same page, in a frame of its own."""
    beliefs = network(tracked()).filter({"u": VALUES})

    shown = beliefs.explore(tmp_path / "run.html", title="One run")

    assert (tmp_path / "run.html").read_text(encoding="utf-8") == shown.html
    frame = shown._repr_html_()
    assert frame.startswith('<iframe title="One run"')
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == shown.html
    shown.save(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "run.html").read_bytes()
    assert repr(shown).startswith("Explorer('One run', ")


def batch():
    return jax.vmap(lambda u: network(tracked()).filter({"u": u}))(np.stack([VALUES, VALUES]))


def large():
    return network(tracked()).filter({"u": np.zeros(800_000)})


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda: batch().explore(), pn.FieldError, r"one run over time.*Index a batch"),
        (
            lambda: network(tracked()).step(network(tracked()).start(), {"u": 1.0})[1].explore(),
            pn.FieldError,
            "single step",
        ),
        (
            lambda: network(tracked()).filter({"u": VALUES}).explore(nodes=["y"]),
            pn.UnknownNodeError,
            "no node 'y'",
        ),
        (
            lambda: network(tracked()).filter({"u": VALUES}, record=["x"]).explore(nodes="u"),
            pn.FieldError,
            "not recorded",
        ),
        (
            lambda: network(tracked()).filter({"u": VALUES}).explore(nodes=[]),
            pn.InputError,
            "no node to explore",
        ),
        (
            lambda: network(tracked()).filter({"u": VALUES}).explore(title=3),
            pn.InputError,
            "a text, not 3",
        ),
        (
            lambda: network(tracked()).filter({"u": VALUES}).explore("/no/such/folder/run.html"),
            FileNotFoundError,
            "no/such",
        ),
        (
            lambda: large().explore(),
            pn.InputError,
            r"800,000 steps are too many.*explore\(nodes=\['u'\]\)",
        ),
    ],
)
def test_wrong_use_says_what_was_expected(wrong, error, sentence):
    with pytest.raises(error, match=sentence):
        wrong()


def test_without_bokeh_the_extra_is_named(monkeypatch):
    page_module.charts.cache_clear()
    monkeypatch.setattr(page_module, "find_spec", lambda name: None)

    with pytest.raises(pn.MissingExtraError, match=r"bokeh, which is not installed.*\.\[explore\]"):
        network(tracked()).filter({"u": VALUES}).explore()


@pytest.mark.slow
def test_exploring_draws_with_no_other_library():
    """Neither matplotlib nor Bokeh's Python is imported; no warning is raised."""
    script = (
        "import sys, pynodes as pn; b = pn.models.binary_hgf(2).compile().filter({'u': [1.0, 0.0]}); "
        "b.explore(); assert not {'matplotlib', 'bokeh'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=True,
        env={"PATH": "", "PYTHONPATH": "."},
    )


def palette(theme):
    """The colours of a theme, by name, as fractions of red, green and blue."""
    styles = (Path(page_module.__file__).parent / "page" / "style.css").read_text(encoding="utf-8")
    light, dark = (
        re.search(rf"{head} \{{(.*?)\}}", styles, re.DOTALL)[1]
        for head in (":root", r':root\[data-theme="dark"\]')
    )
    own = light + (dark if theme == "dark" else "")
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", own))
    return {
        name: np.array([int(code[k : k + 2], 16) for k in (0, 2, 4)]) / 255
        for name, code in colours.items()
    }


def contrast(one, other):
    """Contrast ratio of two colours. Source: WCAG 2.1, relative luminance and contrast ratio."""

    def luminance(colour):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_that_of_wcag():
    """Black on white is 21 to 1, and #767676 is the lightest grey with 4.5 on white."""
    white = np.ones(3)
    assert contrast(np.zeros(3), white) == pytest.approx(21)
    assert contrast(np.full(3, 0x76 / 255), white) >= 4.5 > contrast(np.full(3, 0x77 / 255), white)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_told_from_their_ground(theme):
    """Text by 4.5 to 1, on nodes too; lines and controls by 3 to 1 (WCAG 2.1, 1.4.3 and 1.4.11)."""
    colours = palette(theme)
    assert len(colours) == 23
    grounds = ("paper", "panel", "gap")
    for text, ground in itertools.product(("ink", "quiet"), grounds):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["ink"], colours["faint"]) >= 4.5  # a button under the mouse
    for start, end in (("low", "middle"), ("middle", "high")):
        for share in np.linspace(0, 1, 11):
            fill = (1 - share) * colours[start] + share * colours[end]
            assert contrast(colours["ink"], fill) >= 4.5, (start, end, share)
    marks = (
        "rule",
        "value",
        "volatility",
        "input",
        "surprise",
        "focus",
        *(f"line-{k}" for k in range(1, 9)),
    )
    for mark, ground in itertools.product(marks, grounds):
        assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)
