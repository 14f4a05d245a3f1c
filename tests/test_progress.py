"""Progress: a line after a while, in a terminal or where it is asked for, and silence elsewhere."""

import importlib.util
import re
import sys
import threading
import types

import pytest

import pynodes as pn
from pynodes import _progress
from pynodes._progress import Progress
from tests.few import few
from tests.fit.cases import chooser, table
from tests.fit.drawn import samples_of_study


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock by which progress is shown; nothing is shown unless a step is reported."""
    found = Clock()
    monkeypatch.setattr(_progress, "time", found)
    monkeypatch.setattr("tqdm.std.time", found.monotonic)
    monkeypatch.setattr(_progress, "TICK", 60.0)
    return found


def go(clock, shown, total=100, seconds=2.0):
    """A hundred steps in two reports, each after some time."""
    with Progress(total, "transitions", shown) as progress:
        clock.now += seconds
        progress.advance(50)
        clock.now += seconds
        progress.advance(50, "3 divergences in this chunk")


def test_a_bar_is_drawn(capsys, clock):
    go(clock, True)

    shown = capsys.readouterr()
    assert re.search(r"\r 50%.* 50/100 \[00:02<00:02, +25.00 transitions/s\]", shown.err)
    assert re.search(r"\r100%.* 100/100 \[00:04.*, 3 divergences in this chunk\]", shown.err)
    assert shown.err.endswith("\n")
    assert shown.out == ""


def test_what_has_no_known_end_says_for_how_long_it_goes_on(capsys, clock):
    go(clock, True, total=None)

    lines = capsys.readouterr().err.split("\r")
    assert lines[1].strip() == "transitions, 00:02"
    assert lines[-1].strip() == "transitions, 00:04, 3 divergences in this chunk"


def test_without_tqdm_it_is_silent(capsys, monkeypatch, clock):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    go(clock, True)

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shown", [False, None])
def test_outside_of_a_terminal_it_is_silent(capsys, clock, shown):
    go(clock, shown)

    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_it_is_shown(capsys, monkeypatch, clock):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    go(clock, None)

    assert "100/100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shell", "expected"), [("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False)]
)
def test_in_a_notebook_it_is_shown(monkeypatch, shell, expected):
    """Its error stream is no terminal."""
    there = type(shell, (), {})()
    fake = types.SimpleNamespace(get_ipython=lambda: there)
    monkeypatch.setitem(sys.modules, "IPython", fake)

    assert _progress.is_interactive() == expected


def test_in_a_notebook_one_line_is_written_over(capsys, monkeypatch, clock):
    """Or a notebook that is kept would have a line for every time that it was looked at."""
    texts = []
    cell = types.SimpleNamespace(update=lambda line: texts.append(f"update {line!r}"))

    def display(line, display_id):
        assert display_id
        texts.append(f"display {line!r}")
        return cell

    shell = types.SimpleNamespace(get_ipython=type("ZMQInteractiveShell", (), {}))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))

    go(clock, None)

    assert re.fullmatch(r"display 50%.* 50/100 \[00:02.*", texts[0])
    assert all(text.startswith("update") for text in texts[1:])
    assert re.fullmatch(r".* 100/100 \[00:04.*, 3 divergences in this chunk\]", texts[-1])
    assert capsys.readouterr() == ("", "")


def test_what_is_over_soon_is_not_shown(capsys, clock):
    go(clock, True, seconds=0.4)

    assert capsys.readouterr() == ("", "")


def test_only_the_outermost_is_shown(capsys, clock):
    with Progress(2, "studies", True) as outer:
        go(clock, True)
        outer.advance()

    shown = capsys.readouterr().err
    assert re.search("1/2 .* studies", shown)
    assert "transitions" not in shown


def test_what_comes_later_is_shown_again(capsys, clock):
    with pytest.raises(ZeroDivisionError), Progress(1, "failures", True):
        _ = 1 / 0
    go(clock, True)

    assert re.search("100/100 .* transitions", capsys.readouterr().err)


def test_time_passes_by_itself(capsys, monkeypatch):
    """Nothing is reported from inside a compiled search; the line says that it goes on all the same."""
    monkeypatch.setattr(_progress, "PATIENCE", -1.0)
    monkeypatch.setattr(_progress, "TICK", 0.001)
    written = threading.Event()
    draw = Progress._draw
    monkeypatch.setattr(Progress, "_draw", lambda self: (draw(self), written.set())[0])
    with Progress(None, "fitting", True):
        assert written.wait(30)

    assert "\rfitting, 00:00" in capsys.readouterr().err
    assert not [t for t in threading.enumerate() if t.name == "pynodes progress"]


@pytest.fixture(scope="module")
def trials():
    return pn.Trials(table(), inputs="u", actions="y", by=["subject", "session"])


LONG = {
    "fit_map": lambda agent, data: pn.fit_map(agent, data, starts=2, refine=1, progress=True),
    "fit_map of several": lambda agent, data: pn.fit_map(
        {"a": agent, "b": agent}, data, starts=2, refine=1, progress=True
    ),
    "fit_em": lambda agent, data: pn.fit_em(agent, data, iterations=2, progress=True),
    "simulate": lambda agent, data: pn.simulate(agent, data, progress=True),
    "check_priors": lambda agent, data: pn.check_priors(agent, data, n=3, progress=True),
    "parameter_recovery": lambda agent, data: pn.parameter_recovery(
        agent, data, n=2, starts=2, refine=1, progress=True
    ),
    "model_recovery": lambda agent, data: pn.model_recovery(
        {"a": agent, "b": agent}, data, n=2, starts=2, refine=1, progress=True
    ),
    "design_analysis": lambda agent, data: pn.design_analysis(
        agent, data, [4], n=2, starts=2, refine=1, progress=True
    ),
}
LONG |= {
    "loo": lambda *_: samples_of_study().loo(progress=True),
    "compare by loo": lambda *_: pn.compare(
        {"one": samples_of_study(), "other": samples_of_study()}, by="loo", progress=True
    ),
    "predict": lambda agent, data: samples_of_study().predict(draws=3, progress=True).responses,
    "prior_predictive": lambda agent, data: (
        pn.prior_predictive(agent, data, draws=3, progress=True).expected
    ),
}
SAID = {
    "fit_map": "subject",
    "fit_map of several": "2/2 .* agents",
    "fit_em": "iterations, ",
    "simulate": "simulating",
    "check_priors": "draws from the priors",
    "parameter_recovery": "simulating and fitting 2 subjects",
    "model_recovery": "4/4 .* fits",
    "design_analysis": "fitting 2 subjects, 1 times",
    "loo": "leaving out every trial",
    "compare by loo": "2/2 .* models",
    "predict": "3/3 .* draws",
    "prior_predictive": "predicting",
}


QUICK = ("fit_map", "fit_map of several", "check_priors", "loo", "compare by loo", "predict")
CASES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in LONG]


@pytest.mark.parametrize("name", few(CASES, 2))
def test_whatever_takes_long_shows_its_progress(name, capsys, monkeypatch, trials):
    enter = Progress.__enter__
    monkeypatch.setattr(_progress, "PATIENCE", -1.0)
    monkeypatch.setattr(Progress, "__enter__", lambda self: (enter(self), self.show())[0])
    LONG[name](chooser(), trials)

    assert re.search(SAID[name], capsys.readouterr().err)


def test_progress_costs_nothing_where_nobody_looks():
    """No thread is begun."""
    before = threading.active_count()
    with Progress(None, "fitting", None) as progress:
        assert threading.active_count() == before
        assert not progress.shown


def test_whoever_runs_notebooks_can_have_it_quiet(monkeypatch):
    """A build of documents, say, whose pages would otherwise hold lines that are overwritten."""
    shell = types.SimpleNamespace(get_ipython=type("ZMQInteractiveShell", (), {}))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.delenv("PYNODES_PROGRESS", raising=False)
    assert _progress.is_interactive()

    monkeypatch.setenv("PYNODES_PROGRESS", "0")
    assert not _progress.is_interactive()
