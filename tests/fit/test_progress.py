"""Progress: a line after a while, in a terminal or where it is asked for, and silence elsewhere."""

import pytest

from pynodes.fit.sampling import _progress
from pynodes.fit.sampling._progress import Progress


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(_progress, "PATIENCE", -1.0)


def go(shown):
    with Progress(100, "transitions", shown) as progress:
        progress.advance(50)
        progress.advance(50, "3 divergences in this chunk")


def test_a_bar_is_drawn_where_tqdm_is(capsys):
    pytest.importorskip("tqdm")
    go(True)

    shown = capsys.readouterr()
    assert "100/100" in shown.err
    assert "3 divergences" in shown.err
    assert shown.out == ""


def test_a_line_is_written_where_it_is_not(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "bar", lambda total, unit: None)
    go(True)

    shown = capsys.readouterr().err
    assert shown.startswith("\r50/100 transitions, 0 s")
    assert shown.rstrip().endswith("3 divergences in this chunk")
    assert shown.endswith("\n")


@pytest.mark.parametrize("shown", [False, None])
def test_outside_of_a_terminal_it_is_silent(capsys, shown):
    go(shown)

    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_it_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(_progress.sys.stderr, "isatty", lambda: True, raising=False)
    go(None)

    assert "100/100" in capsys.readouterr().err


def test_what_is_over_soon_is_not_shown(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "PATIENCE", 60.0)
    go(True)

    assert capsys.readouterr() == ("", "")
