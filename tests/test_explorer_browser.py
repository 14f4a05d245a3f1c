"""The explorer in a real browser: what is shown are the arrays, and all works by mouse and by keyboard.

Needs chromium and chromedriver on the path, and selenium: ``pip install '.[browser]'``.
"""

import base64
import json
import shutil
import struct
import time
from functools import cache

import jax
import numpy as np
import pytest

import pynodes as pn

pytestmark = pytest.mark.browser

STEPS = 400


@cache
def beliefs():
    """A binary run with a stretch that was not observed."""
    outcomes = np.random.default_rng(3).integers(0, 2, STEPS).astype(float)
    outcomes[100:150] = np.nan
    return pn.models.binary_hgf(3).compile().filter({"u": outcomes})


@cache
def clustered():
    """Several subjects under one parent: 21 nodes, a thousand steps."""
    graph = pn.models.binary_hgf(3, volatility_strength=0.5).repeat(10, shared=["x3"])
    rng = np.random.default_rng(0)
    return graph.compile().filter(
        {f"u[{k}]": rng.integers(0, 2, 1000).astype(float) for k in range(10)}
    )


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser without a window; it fails, and does not skip, where there is none."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    assert browser, "chromium is needed: apt-get install chromium"
    assert driver, "chromedriver is needed: apt-get install chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--force-prefers-reduced-motion",
        "--window-size=1400,1000",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver))
    yield driver
    driver.quit()


class Page:
    """A page that is open: what a person does with it, and what there is to read."""

    def __init__(self, driver, path, asked=""):
        self.driver = driver
        driver.get(path.as_uri() + asked)
        self.wait(lambda: self.js("return document.documentElement.dataset.ready") == "yes")

    def wait(self, done, what="the page"):
        """Wait until something is so; the limit is for what never will be."""
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, f"waited too long for {what}: {self.complaints()}"
            time.sleep(0.05)

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.find(selector).text

    def press(self, *keys, at=None):
        """Press keys one after another where the focus is, or on an element."""
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            target = self.find(at) if at else self.driver.switch_to.active_element
            target.send_keys(getattr(Keys, key, key))

    def slide(self, step):
        """The slider as a person leaves it."""
        self.js(
            "const s = document.getElementById('slider'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('input', {bubbles: true}))",
            step,
        )

    @property
    def step(self):
        return int(self.find("#slider").get_property("value"))

    def number(self, selector):
        """A number of a table, with all its digits."""
        return float(self.find(selector).get_attribute("data-value").replace("Infinity", "inf"))

    def choose(self, control, value):
        """An entry of a list."""
        self.js(
            "const list = document.getElementById(arguments[0]); list.value = arguments[1];"
            "list.dispatchEvent(new Event('change'))",
            control,
            value,
        )

    def node(self, name):
        return self.find(f'[data-node="{name}"]')

    def complaints(self):
        """What the console says of errors and warnings."""
        return [
            entry
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def chart(self, host):
        """The steps and values that a chart draws of its first line."""
        script = """
            const host = document.querySelector(arguments[0]);
            const figure = Object.values(Bokeh.index).find((view) => host.contains(view.el)).model;
            const { x, y } = figure.renderers.find((one) => one.glyph.type === "Line").data_source.data;
            return [Array.from(x), Array.from(y), figure.x_range.start, figure.x_range.end];
        """
        return self.js(script, host)


@pytest.fixture
def page(chromium, tmp_path):
    """The page of the binary run; afterwards nothing may have gone wrong, nor been asked for outside."""
    chromium.get_log("browser")
    chromium.get_log("performance")
    beliefs().explore(tmp_path / "run.html", title="One run")
    opened = Page(chromium, tmp_path / "run.html")
    yield opened
    assert not opened.complaints()
    assert requests(chromium) <= {(tmp_path / "run.html").as_uri()}


LOCAL = ("data:", "blob:", "chrome:")
"""What a page holds itself, and what the browser begins with."""


def requests(driver):
    """Addresses that were asked for, but for those that the page holds itself."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    return {url.partition("#")[0] for url in sent if not url.startswith(LOCAL)}


def check_numbers(page, name, step, run=None):
    """Every number of a node's table is the array's, bit for bit; and what is read is it, rounded."""
    node = (run or beliefs())[name]
    for field in node.fields:
        shown = f'#fields td[data-field="{field}"]'
        value = np.asarray(getattr(node, field))[step]
        if field == "observed":
            assert page.text(shown) == ("yes" if value else "no")
            continue
        assert page.number(shown) == value
        assert float(page.text(shown).replace("−", "-")) == pytest.approx(float(value), rel=1e-5)


def test_what_is_shown_are_the_arrays(page):
    """At the first step, wherever the slider goes, and at the last."""
    assert page.text("h1") == "One run"
    for step in (0, 1, 120, STEPS - 1):
        page.slide(step)
        for name in ("x3", "x2", "u"):
            page.node(name).click()
            check_numbers(page, name, step)
        surprise = float(beliefs().surprise[step])
        assert f"Step {step} of {STEPS - 1}" in page.text("#now")
        said = float(page.text("#now").split("surprise ")[1].split(" nats")[0].replace("−", "-"))
        assert said == pytest.approx(surprise, rel=1e-3, abs=1e-12)
    page.slide(120)
    assert "u not observed" in page.text("#now")
    page.slide(20)
    assert f"u saw {float(beliefs()['u'].mean[20]):g}" in page.text("#now")


def test_the_graph_shows_what_is_believed(page):
    """Mean and standard deviation by number, by colour and by ring; a missing observation too."""
    for step in (5, 300):
        page.slide(step)
        label = page.node("x2").get_attribute("aria-label").replace("−", "-")
        mean, spread = label.split(": ")[1].split(" ± ")
        assert float(mean) == pytest.approx(float(beliefs()["x2"].mean[step]), rel=5e-3)
        assert float(spread) == pytest.approx(
            float(beliefs()["x2"].precision[step]) ** -0.5, rel=5e-3
        )
    means, spreads = np.asarray(beliefs()["x2"].mean), np.asarray(beliefs()["x2"].precision) ** -0.5
    fills, rings = [], []
    for step in (
        int(means.argmin()),
        int(means.argmax()),
        int(spreads.argmin()),
        int(spreads.argmax()),
    ):
        page.slide(step)
        fills.append(page.node("x2").find_element("css selector", ".shape").get_attribute("style"))
        rings.append(
            float(page.node("x2").find_element("css selector", ".ring").get_attribute("r"))
        )
    assert fills[0] != fills[1]
    low, high = (
        page.js(f"return getComputedStyle(document.documentElement).getPropertyValue('--{end}')")
        for end in ("low", "high")
    )
    assert [in_words(low), in_words(high)] == [
        fills[0].split("fill: ")[1].rstrip(";"),
        fills[1].split("fill: ")[1].rstrip(";"),
    ]
    assert rings[2] < rings[3]
    page.slide(120)
    assert "not seen" in page.node("u").text
    assert "missing" in page.node("u").get_attribute("class")


def in_words(colour):
    """``#rrggbb`` as browsers write it in a style."""
    return "rgb({}, {}, {})".format(*(int(colour.strip()[k : k + 2], 16) for k in (1, 3, 5)))


def test_messages_of_every_edge_are_shown(page):
    """As beliefs.messages() has them; a pull is the gradient over the parent's precision."""
    step, messages = 33, beliefs().messages()
    page.slide(step)
    page.node("x2").click()

    def shown(edge, what):
        return page.number(f'[data-edge="{edge}"][data-what="{what}"]')

    assert shown("x3->x2", "contribution") == messages["x3->x2"].contribution[step]
    assert shown("x2->u", "gradient") == messages["x2->u"].gradient[step]
    assert shown("x2->u", "curvature") == messages["x2->u"].curvature[step]
    assert shown("x2->u", "learning_rate") == beliefs().edge("x2->u").learning_rate[step]
    moved = float(beliefs()["x2"].mean[step] - beliefs()["x2"].predicted_mean[step])
    assert shown("x2->u", "pull") == pytest.approx(moved, rel=1e-9)


def test_a_chosen_node_is_drawn(page):
    """Its mean as it was; any other of its series, which stays chosen from node to node."""
    page.node("x2").click()
    page.wait(lambda: page.find("#belief").get_attribute("aria-label").startswith("x2"))
    steps, values, *_ = page.chart("#belief")
    np.testing.assert_array_equal(steps, np.arange(STEPS))
    np.testing.assert_array_equal(values, beliefs()["x2"].mean)

    page.choose("quantity", "effective_precision")
    np.testing.assert_array_equal(page.chart("#beside")[1], beliefs()["x2"].effective_precision)
    page.node("x3").click()
    np.testing.assert_array_equal(page.chart("#beside")[1], beliefs()["x3"].effective_precision)
    assert page.node("x3").get_attribute("aria-pressed") == "true"
    assert page.node("x2").get_attribute("aria-pressed") == "false"


def test_all_can_be_done_by_keyboard(page):
    """Time by arrows and their like, nodes by tab and enter, in an order that follows the page."""
    page.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_LEFT", at="body")
    assert page.step == 1
    page.js("document.getElementById('slider').focus()")
    page.press("END")
    assert page.step == STEPS - 1
    page.press("PAGE_DOWN")
    assert page.step == STEPS - 1 - STEPS // 20
    page.press("PAGE_UP", "HOME", "ARROW_RIGHT")
    assert page.step == 1

    page.js("document.querySelector('.skip').focus()")
    order = []
    for _ in range(40):
        page.press("TAB")
        active = page.driver.switch_to.active_element
        order.append(active.get_attribute("id") or active.get_attribute("data-node") or active.text)
        if order[-1] == "u":
            break
    expected = [
        "copy",
        "dark",
        "play",
        "forth",
        "last",
        "slider",
        "exact",
        "all",
        "around",
        "x3",
        "x2",
        "u",
    ]
    assert [name for name in order if name in expected] == expected
    page.press("ENTER")
    assert page.text("#chosen-title") == "u"
    check_numbers(page, "u", 1)
    outline = page.js(
        "return getComputedStyle(document.activeElement.querySelector('.focus')).strokeWidth"
    )
    assert outline == "3px"
    page.js("document.getElementById('play').focus()")
    style = page.js(
        "const s = getComputedStyle(document.getElementById('play')); return [s.outlineStyle, s.outlineWidth]"
    )
    assert style == ["solid", "3px"]


def test_letters_and_scrolling_keys_are_left_alone_elsewhere(page):
    """A key that pages scroll by, or a single letter, counts only within the explorer's own parts."""
    page.js("document.querySelector('footer summary').focus()")
    page.press("END", "p", "+")

    assert page.step == 0
    assert page.find("#play").get_attribute("aria-pressed") == "false"
    assert page.text("#stretch") == f"steps 0 to {STEPS - 1}"


def test_it_plays_and_pauses(page):
    page.find("#play").click()
    page.wait(lambda: page.step >= 2, "the play")
    assert page.find("#now").get_attribute("aria-live") == "off"
    page.find("#play").click()
    stopped = page.step
    assert page.text("#play") == "Play"
    time.sleep(0.6)
    assert page.step == stopped


def test_a_step_is_typed(page):
    page.find("#exact").clear()
    page.find("#exact").send_keys("123")
    assert page.step == 123
    page.find("#exact").send_keys("4567")  # beyond the end
    assert page.step == STEPS - 1


def test_series_are_zoomed_together(page):
    """By buttons, by keys, and by drawing a box; a double click shows all again."""
    from selenium.webdriver import ActionChains

    page.slide(200)
    page.find("#closer").click()
    _, _, start, end = page.chart("#belief")
    assert (end - start, (start + end) / 2) == pytest.approx(((STEPS - 1) / 2, 200))
    assert page.chart("#beside")[2:] == [start, end]
    page.js("document.getElementById('trajectories').scrollIntoView()")
    page.wait(
        lambda: page.js("return !!document.querySelector('.trajectory .cursor')"), "the chart"
    )
    assert page.chart(".trajectory")[2:] == [start, end]
    page.press("+", at="#slider")
    assert np.subtract(*page.chart("#belief")[:1:-1]) == pytest.approx((STEPS - 1) / 4)
    chart = page.find("#belief")
    page.js("arguments[0].scrollIntoView({block: 'center'})", chart)
    page.find("#whole").click()
    assert page.chart("#belief")[2:] == [0, STEPS - 1]

    ActionChains(page.driver).move_to_element_with_offset(
        chart, -60, 0
    ).click_and_hold().move_by_offset(90, 5).move_by_offset(60, 5).release().perform()
    page.wait(lambda: page.chart("#belief")[3] < STEPS - 1, "the box")
    _, _, start, end = page.chart("#belief")
    assert 0 < start < end < STEPS - 1
    assert page.step == 200
    ActionChains(page.driver).double_click(chart).perform()
    page.wait(lambda: page.chart("#belief")[2:] == [0, STEPS - 1], "the whole series")


def test_a_click_on_a_chart_goes_to_the_step(page):
    from selenium.webdriver import ActionChains

    chart = page.find("#belief")
    page.js("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(page.driver).move_to_element(chart).click().perform()

    page.wait(lambda: page.step > 0, "the step")
    assert abs(page.step - STEPS / 2) < STEPS / 8
    cursor = page.js("return document.querySelector('#belief .cursor').getBoundingClientRect().x")
    box = chart.rect
    assert abs(cursor - (box["x"] + box["width"] / 2)) < 5


def test_nodes_are_hidden_and_shown(page):
    """With their edges and their trajectories."""
    page.find(".toggles summary").click()
    page.find('[data-toggle="x3"]').click()
    edges = page.driver.find_elements("css selector", "#drawing .edge")
    assert not page.node("x3").is_displayed()
    assert [edge.is_displayed() for edge in edges] == [True, False]
    hidden = page.js(
        "return [...document.querySelectorAll('.trajectory')].map(r => r.style.display)"
    )
    assert hidden == ["", "none", "", ""]

    page.node("u").click()
    page.find("#around").click()
    assert [page.node(name).is_displayed() for name in ("x3", "x2", "u")] == [False, True, True]
    page.find("#all").click()
    assert all(page.node(name).is_displayed() for name in ("x3", "x2", "u"))
    assert page.find('[data-toggle="x3"]').is_selected()


def test_the_view_is_copied_as_a_picture(page):
    """To the clipboard, as PNG, in the colours of the theme."""
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    page.find("#copy").click()
    page.wait(lambda: "clipboard" in page.text("#now"), "the picture")

    script = """
        const done = arguments[0];
        navigator.clipboard.read().then(async ([item]) => {
            const reader = new FileReader();
            reader.onload = () => done(reader.result);
            reader.readAsDataURL(await item.getType("image/png"));
        });
    """
    png = base64.b64decode(page.driver.execute_async_script(script).partition(",")[2])
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width > 2000
    assert height > 600


def test_the_picture_is_saved_where_the_clipboard_is_closed(page, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    page.js("navigator.clipboard.write = () => Promise.reject(new Error('closed'))")
    page.slide(77)
    page.find("#copy").click()

    page.wait(lambda: (folder / "step_77.png").exists(), "the file")
    assert (folder / "step_77.png").read_bytes().startswith(b"\x89PNG")
    assert "saved as step_77.png" in page.text("#now")


def test_light_and_dark(page):
    """As the system has it, until somebody chooses; charts too."""

    def grounds():
        return page.js(
            "return [getComputedStyle(document.body).backgroundColor,"
            "Object.values(Bokeh.index)[0].model.background_fill_color]"
        )

    light = grounds()
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    page.wait(lambda: grounds() != light, "the theme")
    dark = grounds()
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert page.find("#dark").get_attribute("aria-pressed") == "true"
    page.find("#dark").click()
    assert grounds() == light
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_what_is_there_has_a_name_for_those_who_do_not_see_it(page):
    """Every control, chart and node has a role and a name in the tree that readers are given."""
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    said = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
    ]

    acting = {"button", "slider", "spinbutton", "combobox", "checkbox", "image"}
    nameless = [role for role, name in said if role in acting and not name]
    assert not nameless
    assert any(role == "slider" and name == "Step" for role, name in said)
    assert any(role == "button" and name.startswith("x2, ContinuousState") for role, name in said)
    assert any(role == "image" and name.startswith("x3: mean and 90 % band") for role, name in said)
    assert {role for role, _ in said} >= {"main", "heading", "table", "status"}
    assert page.js("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_it_fits_the_window(page, width):
    """Nothing is cut off to the right, down to a narrow window."""
    page.driver.set_window_size(width, 900)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        wide = page.js("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1]
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.set_window_size(1400, 1000)


def opened(chromium, run, path, **options):
    """Another run's page."""
    chromium.get_log("browser")
    run.explore(path, **options)
    return Page(chromium, path)


def test_many_nodes_over_many_steps(chromium, tmp_path):
    """Every node's numbers are its own; a step touches no chart but its cursor."""
    page = opened(chromium, clustered(), tmp_path / "run.html")
    page.js(
        "window.strokes = 0; const stroke = CanvasRenderingContext2D.prototype.stroke;"
        "CanvasRenderingContext2D.prototype.stroke = function (...a) { strokes += 1; stroke.apply(this, a); }"
    )

    page.slide(777)

    page.driver.execute_async_script("setTimeout(arguments[0], 300)")
    assert page.js("return strokes") == 0
    for name in ("x2[0]", "x2[9]", "u[4]", "x3"):
        page.node(name).click()
        check_numbers(page, name, 777, clustered())
    assert page.js("return strokes") > 0
    assert not page.complaints()


def learners():
    graph = pn.Graph().add(
        u=pn.RescorlaWagner(), v=pn.HiddenMarkov(), w=pn.DirichletProcessState(components=4)
    )
    rng = np.random.default_rng(0)
    outcomes = rng.integers(0, 2, 50).astype(float)
    return graph.compile().filter({"u": outcomes, "v": outcomes, "w": rng.normal(size=50)})


def categories():
    network = pn.models.categorical_hgf().compile()
    outcomes = np.array(network.sample(jax.random.key(0), 50)["u"], float)
    outcomes[10:20] = np.nan
    return network.filter({"u": outcomes})


def transitions():
    network = pn.models.transition_hgf().compile()
    drawn = network.sample(jax.random.key(0), 50)
    return network.filter({name: np.asarray(drawn[name]) for name in drawn if name.startswith("u")})


def jumping():
    rates = pn.data.usd_chf()
    return pn.models.jget().compile().filter({"u": rates[:50]})


def broken():
    graph = pn.models.continuous_hgf(2, volatility_strength=2.0)
    series = np.zeros(50)
    series[30] = -1e3
    return graph.compile(expansion="standard").filter({"u": series}, throw=False)


def single_step():
    return pn.models.binary_hgf(2).compile().filter({"u": np.ones(1)})


NUMBERS = "return [...document.querySelectorAll(arguments[0])].map((cell) => cell.dataset.value)"


@pytest.mark.parametrize("make", [learners, categories, transitions, jumping, broken, single_step])
def test_nodes_of_all_sorts_are_shown(make, chromium, tmp_path):
    """Each can be chosen, at the first step and at the last, and shows its arrays; the console is silent."""
    run = make()
    page = opened(chromium, run, tmp_path / "run.html")
    last = len(run.status.alive) - 1
    for step in {0, last}:
        page.slide(step)
        for name in run.names:
            page.choose("choice", name)
            assert page.text("#chosen-title") == name
            for field in run[name].fields:
                values = np.asarray(getattr(run[name], field))[step]
                found = page.js(NUMBERS, f'#fields td[data-field="{field}"]')
                found = [float(number.replace("Infinity", "inf")) for number in found]
                np.testing.assert_array_equal(found, np.ravel(values).astype(float))
    trouble = page.find("#trouble")
    assert trouble.is_displayed() == (make is broken)
    assert trouble.text == (run.status.message if make is broken else "")
    assert not page.complaints()


def test_a_long_series_is_thinned_but_exact_at_the_slider(chromium, tmp_path):
    """A spike of one step among a hundred thousand is drawn, and read."""
    series = np.random.default_rng(0).normal(size=100_000)
    series[54_321] = 60.0
    run = pn.models.continuous_hgf(1).compile().filter({"u": series})
    page = opened(chromium, run, tmp_path / "run.html")

    steps, values, *_ = page.chart("#belief")

    assert len(steps) < 5000
    assert max(values) == float(np.max(run["x1"].mean))
    page.slide(54_321)
    check_numbers(page, "x1", 54_321, run)


def test_an_address_opens_a_step_and_a_node(chromium, tmp_path):
    """And says so if there is no such node."""
    beliefs().explore(tmp_path / "run.html")

    page = Page(chromium, tmp_path / "run.html", "#step=181&node=x2")
    assert (page.step, page.text("#chosen-title")) == (181, "x2")
    check_numbers(page, "x2", 181)

    chromium.get("about:blank")
    page = Page(chromium, tmp_path / "run.html", "#node=x9")
    assert "asks for node x9" in page.text("#trouble")


def test_long_names_are_cut_in_the_drawing_only(chromium, tmp_path):
    """Both ends stay; the whole name is what readers of screens are told, and the chosen node's title."""
    name = "volatility of the world"
    graph = pn.models.binary_hgf(3).rename({"x3": name})
    page = opened(chromium, graph.compile().filter({"u": np.ones(5)}), tmp_path / "run.html")

    assert page.node(name).find_element("css selector", ".name").text == "volati…e world"
    assert page.node(name).get_attribute("aria-label").startswith(f"{name}, ContinuousState")
    assert page.text("#chosen-title") == name
    texts = page.driver.find_elements("css selector", "#drawing text")
    drawing = page.find("#drawing svg").rect
    assert all(
        text.rect["x"] + text.rect["width"] <= drawing["x"] + drawing["width"] for text in texts
    )


def test_it_works_inside_a_notebook(chromium, tmp_path):
    """In the frame that a notebook shows."""
    holder = tmp_path / "notebook.html"
    holder.write_text(
        f"<!DOCTYPE html><meta charset='utf-8'><body>{beliefs().explore()._repr_html_()}",
        encoding="utf-8",
    )
    chromium.get_log("browser")
    chromium.get(holder.as_uri())
    chromium.switch_to.frame(chromium.find_element("css selector", "iframe"))
    try:
        page = Page.__new__(Page)
        page.driver = chromium
        page.wait(lambda: page.js("return document.documentElement.dataset.ready") == "yes")
        page.slide(50)
        check_numbers(page, "x3", 50)
        assert not page.complaints()
    finally:
        chromium.switch_to.default_content()


@pytest.fixture
def timed(chromium, tmp_path):
    """A page in the user's time, with what an agent did, on a graph whose names do not all fit inside."""
    graph = (
        pn.Graph()
        .add(u=pn.BinaryInput(), belief=pn.ContinuousState(), pace=pn.ContinuousState())
        .couple("belief", "u")
        .couple("pace", "belief", pn.Volatility(strength=0.7))
    )
    outcomes = np.random.default_rng(3).integers(0, 2, STEPS).astype(float)
    run = graph.compile().filter({"u": outcomes}, dt=np.where(np.arange(STEPS) % 4 == 0, 5.0, 1.0))
    done = np.where(np.arange(STEPS) == 7, np.nan, 1 - outcomes)
    run.explore(tmp_path / "run.html", time_name="time (s)", responses={"choice": done})
    chromium.set_window_size(1400, 985)
    page = Page(chromium, tmp_path / "run.html")
    yield page, run, done
    chromium.set_window_size(1400, 1000)
    assert not page.complaints()


def test_time_is_in_the_units_of_the_user_and_responses_are_shown(timed):
    """Ticks stand where the time that they name had passed, between steps; a response is said and drawn."""
    page, run, done = timed
    page.slide(20)
    assert f"time (s) {run.time[20]:g}" in page.text("#now")
    assert f"choice {done[20]:g}" in page.text("#now")
    places, words, label = page.js("""
        const host = document.querySelector("#belief");
        const axis = Object.values(Bokeh.index).find((view) => host.contains(view.el)).model.below[0];
        return [axis.ticker.ticks, [...axis.major_label_overrides.values()], axis.axis_label];
    """)
    assert label == "time (s)"
    assert len(places) > 3
    np.testing.assert_allclose(
        np.interp(places, np.arange(STEPS), run.time), [float(word) for word in words]
    )
    assert "choice" in page.text("#trajectories")


def test_the_address_follows_what_is_seen_and_is_followed(timed):
    page, *_ = timed
    page.slide(33)
    page.node("belief").click()
    page.wait(lambda: page.driver.current_url.endswith("#step=33&node=belief"), "the address")
    page.js("location.hash = 'step=5&node=pace'")
    page.wait(lambda: page.step == 5 and page.text("#chosen-title") == "pace", "the page")


def test_the_graph_stays_in_view_and_no_edge_strikes_numbers_through(timed):
    """While tables scroll; what is written stands on a ground that hides edges; names stand all alike."""
    page, *_ = timed
    for width, height in ((1400, 985), (800, 685)):
        page.driver.set_window_size(width, height)
        page.js("document.getElementById('below').scrollIntoView({block: 'end'})")
        box = page.js(
            "const b = document.querySelector('[data-node=belief]').getBoundingClientRect();"
            "return [b.top, b.bottom, innerHeight]"
        )
        assert 0 < box[0] < box[1] <= box[2]
    remark = page.js("""
        const text = [...document.querySelectorAll("#drawing text.remark")].find((one) => one.textContent);
        const plate = text.previousElementSibling;
        const [a, b] = [text, plate].map((one) => one.getBoundingClientRect());
        const covered = b.left <= a.left && a.right <= b.right;
        return [text.textContent, covered, plate.getAttribute("class")];
    """)
    assert remark == ["0.7", True, "plate"]
    beside = page.js("return document.querySelectorAll('#drawing .beside.name').length")
    assert beside == 3
