"""Checkpoints: a run that was stopped goes on as if it had not been, and what is damaged is refused."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import pynodes as pn
from pynodes.fit.sampling import running
from pynodes.fit.sampling.checkpoint import SamplerCheckpoint
from pynodes.fit.sampling.nuts import fit_nuts
from tests.fit.cases import chooser
from tests.fit.test_nuts import SHORT, assert_same, short, short_trials

pytestmark = [
    pytest.mark.versions,
    pytest.mark.filterwarnings("ignore::pynodes.SamplingWarning"),
]


def sampled(folder=None, trials=None, **options):
    return fit_nuts(
        chooser(), trials or short_trials(), checkpoint=folder, **{"seed": 3} | SHORT | options
    )


class Stop(BaseException):
    """Something that ends a run and is not caught."""


def stopped_after(monkeypatch, chunks, error=Stop):
    """Have runs end after so many chunks; not the one that others are compared with."""
    short()
    original, left = running.advance_chains, [chunks]

    def chunk(*args):
        if not left[0]:
            raise error
        left[0] -= 1
        return original(*args)

    monkeypatch.setattr(running, "advance_chains", chunk)


@pytest.mark.parametrize("chunks", [0, 1, 2], ids=["at first", "tuning", "drawing"])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, chunks):
    with pytest.MonkeyPatch.context() as patch:
        stopped_after(patch, chunks)
        with pytest.raises(Stop):
            sampled(tmp_path / "run")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in os.listdir(tmp_path / "run")}
    assert len(before) == chunks + 1

    found = sampled(tmp_path / "run")

    assert_same(found, short())
    assert all((tmp_path / "run" / name).read_bytes() == data for name, data in before.items())


def test_a_finished_run_returns_at_once(tmp_path, monkeypatch):
    found = sampled(tmp_path)
    files = sorted(os.listdir(tmp_path))
    stopped_after(monkeypatch, 0)

    assert_same(sampled(tmp_path), found)
    assert_same(found, short())
    assert sorted(os.listdir(tmp_path)) == files == [f"{n:06d}.npz" for n in range(4)]


def test_what_is_interrupted_by_hand_returns_what_there_is(tmp_path, monkeypatch):
    stopped_after(monkeypatch, 2, KeyboardInterrupt)
    with pytest.warns(pn.SamplingWarning, match="40 of 70 draws per chain"):
        found = sampled(tmp_path)

    np.testing.assert_array_equal(found.unconstrained, short().unconstrained[:, :40])
    monkeypatch.undo()
    assert_same(sampled(tmp_path), short())


@pytest.fixture
def interruptible():
    """Ctrl-C raises its error; in a process that a shell began in the background nobody hears it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file that was just being opened
@pytest.mark.usefixtures("interruptible")
def test_an_interruption_from_the_keyboard_ends_a_run(tmp_path):
    """A real one, in the middle of some chunk."""
    folder = tmp_path / "run"

    def interrupt():
        while not folder.exists() or len(os.listdir(folder)) < 6:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    watch = threading.Thread(target=interrupt)
    watch.start()
    with pytest.warns(pn.SamplingWarning, match="of 20000 draws per chain"):
        found = sampled(folder, draws=20_000, tune=50)
    watch.join()

    assert 50 <= found.draws < 20_000
    assert found.draws % 50 == 0
    assert np.all(np.isfinite(found.unconstrained))


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
@pytest.mark.usefixtures("interruptible")
def test_an_interruption_that_is_lost_on_its_way_ends_a_run_all_the_same(monkeypatch):
    """Its error may come up where none gets out."""
    go_on, calls = running.advance_chains, itertools.count(1)

    def chunk(*arguments):
        if next(calls) == 2:
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
        return go_on(*arguments)

    monkeypatch.setattr(running, "advance_chains", chunk)
    with pytest.warns(pn.SamplingWarning, match="40 of 70 draws per chain"):
        found = sampled()

    assert found.draws == 40
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_before_the_first_draw_is_one(monkeypatch):
    stopped_after(monkeypatch, 1, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        sampled()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: data[: len(data) // 2], "damaged or cut off"),
        (lambda data: b"", "damaged or cut off"),
        (lambda data: data[:900] + bytes([data[900] ^ 1]) + data[901:], "damaged or cut off"),
    ],
    ids=["truncated", "empty", "one bit"],
)
def test_a_damaged_file_is_named_and_nothing_overwritten(tmp_path, harm, said):
    sampled(tmp_path)
    path = tmp_path / "000002.npz"
    path.write_bytes(harm(path.read_bytes()))
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    with pytest.raises(pn.CheckpointError, match=said) as caught:
        sampled(tmp_path)

    assert "000002.npz" in str(caught.value)
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": 4}, r"seed \(3 there, 4 here\) differs"),
        ({"draws": 80, "tune": 20}, r"draws \(70 there, 80 here\), tune"),
        ({"trials": short_trials(seed=1)}, "another run: data differs"),
    ],
    ids=["seed", "numbers", "data"],
)
def test_a_folder_of_another_run_is_refused(tmp_path, options, said):
    sampled(tmp_path)
    files = sorted(os.listdir(tmp_path))

    with pytest.raises(pn.CheckpointError, match=said):
        sampled(tmp_path, **options)

    assert sorted(os.listdir(tmp_path)) == files


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(pn.CheckpointError, match=r"'notes\.txt' in it"):
        sampled(tmp_path)
    with pytest.raises(pn.CheckpointError, match="names a folder"):
        sampled(tmp_path / "notes.txt")
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_missing_file_is_named(tmp_path):
    sampled(tmp_path)
    (tmp_path / "000001.npz").unlink()
    with pytest.raises(pn.CheckpointError, match=r"000001.npz' is missing"):
        sampled(tmp_path)


def test_a_half_written_file_is_put_away(tmp_path):
    left = tmp_path / "000000.npz.0123abcd.part"
    left.write_bytes(b"half")
    SamplerCheckpoint(tmp_path, {})

    assert not left.exists()


RUN = """
import sys, warnings
import jax
jax.config.update("jax_enable_x64", True)
warnings.simplefilter("ignore")
from pynodes.fit.sampling.nuts import fit_nuts
from tests.fit.cases import chooser
from tests.fit.test_nuts import short_trials

fit_nuts(chooser(), short_trials(), seed=3, chains=2, draws=6000, tune=3000, checkpoint=sys.argv[1])
"""


def process(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", RUN, folder], env=environment)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is nothing to kill with")
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path):
    """Twice: while it tunes, and while it draws."""
    folder = tmp_path / "run"
    for files in (12, 90):
        running = process(str(folder))
        while not folder.exists() or len(os.listdir(folder)) < files:
            assert running.poll() is None
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        assert len(os.listdir(folder)) < 181
    numbers = {"draws": 6000, "tune": 3000}

    assert_same(sampled(folder, **numbers), sampled(**numbers))
