"""Keeping: what is saved comes back as it was, number for number, in this process and the next."""

import builtins
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._keeping import container, replacing
from tests.laws import cases
from tests.pages import executed
from tests.small import OUTCOMES, binary, network, paired, tracked

RICH = cases.rich_graph()
SERIES = cases.series_for(RICH, 12)


def again(thing, tmp_path, **options):
    """What comes back of something that was saved."""
    pn.save(tmp_path / "kept.npz", thing)
    return pn.load(tmp_path / "kept.npz", **options)


def assert_identical(one, other):
    """Two trees of one form with the same bits in arrays of the same type."""
    leaves = jax.tree.leaves(one), jax.tree.leaves(other)
    for a, b in zip(*leaves, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("settings", [{}, {"expansion": "enhanced", "marginalise": False}])
def test_a_graph_comes_back(settings, tmp_path):
    graph = RICH.with_settings(**settings)

    found = again(graph, tmp_path)

    assert found.to_dict() == graph.to_dict()
    assert found.settings == graph.settings


def test_a_network_comes_back_with_its_parameters_its_settings_and_its_switches(tmp_path):
    """What was replaced, what compile was told, and which edges are off; and the graph as it was written."""
    values = {"x1.tonic_volatility": -1 / 3, "shared->x2.strength": np.pi}
    made = RICH.compile(expansion="enhanced").replace(values).switch({"x1->u3": False})

    found = again(made, tmp_path)

    assert_identical(made.program, found.program)
    assert jax.tree.structure(made.program) == jax.tree.structure(found.program)
    assert found.switches == made.switches
    assert found.graph.to_dict() == RICH.to_dict()
    assert float(found.surprise(SERIES)) == float(made.surprise(SERIES))
    assert float(found["shared->x2.strength"]) == np.pi


def test_a_state_comes_back(tmp_path):
    state = network(RICH).filter(SERIES).final

    found = again(state, tmp_path)

    assert_identical(state.groups, found.groups)
    one, other = (
        network(RICH).filter(SERIES, start=state),
        network(RICH).filter(SERIES, start=found),
    )
    assert_identical(one.records, other.records)


@pytest.mark.parametrize("record", [None, ["x1", "u3"]])
def test_trajectories_come_back(record, tmp_path):
    """Every field of every node, with gaps, and what was not kept is not there."""
    series = SERIES | {"u1": np.where(np.arange(12) == 4, np.nan, SERIES["u1"])}
    beliefs = network(RICH).filter(series, record=record)

    found = again(beliefs, tmp_path)

    assert_identical(beliefs, found)
    assert found.names == beliefs.names
    for name in beliefs:
        assert found[name].fields == beliefs[name].fields
        for field in beliefs[name].fields:
            assert_identical(getattr(beliefs[name], field), getattr(found[name], field))
    assert_identical(beliefs.surprise, found.surprise)
    assert_identical(beliefs.final.groups, found.final.groups)
    assert found.status.ok
    if record is None:
        assert found.to_pandas().equals(beliefs.to_pandas())


def test_what_happened_comes_back_with_the_names(tmp_path):
    """A failure is explained by running again, which a file cannot: so it is explained before."""
    graph = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))
    beliefs = graph.compile().filter({"u": pn.data.association().outcomes}, throw=False)

    found = again(beliefs, tmp_path)

    assert "'x3'" in beliefs.status.message
    assert found.status.message == beliefs.status.message
    assert (found.status.node, found.status.step) == (beliefs.status.node, beliefs.status.step)


def test_a_batch_comes_back(tmp_path):
    volatilities = jnp.linspace(-4.0, -2.0, 3)
    several = jax.vmap(lambda v: network(binary()).replace({"x2.tonic_volatility": v}))(
        volatilities
    )
    beliefs = jax.vmap(lambda one: one.filter({"u": OUTCOMES}))(several)

    assert_identical(several.program, again(several, tmp_path).program)
    assert_identical(beliefs.final.groups, again(beliefs.final, tmp_path).groups)
    found = again(beliefs, tmp_path)
    assert found["x3"].mean.shape == (3, len(OUTCOMES))
    assert_identical(beliefs, found)


def test_float32_stays_float32_and_odd_numbers_stay_what_they_are(tmp_path):
    with jax.enable_x64(False):
        beliefs = paired().compile().filter(cases.series_for(paired()))
        assert again(beliefs, tmp_path)["x"].mean.dtype == np.float32
        assert_identical(beliefs.records, again(beliefs, tmp_path).records)
    state = network(tracked()).start()
    odd = jax.tree.map(lambda _: np.array(-0.0), state)
    assert_identical(odd.groups, again(odd, tmp_path).groups)
    odd = jax.tree.map(lambda _: np.array([np.nan, np.inf, 5e-324]), state)
    assert_identical(odd.groups, again(odd, tmp_path).groups)


def test_memories_of_any_form_come_back(tmp_path):
    graph = pn.Graph().add(
        a=pn.RescorlaWagner(),
        b=pn.RescorlaWagner(learning_rate=0.3),
        k=pn.KalmanFilter(),
        f=pn.ExponentialFamilyState(),
    )
    beliefs = graph.compile().filter({name: np.array([1.0, 0.0, 1.0]) for name in graph.inputs})

    found = again(beliefs, tmp_path)

    assert_identical(beliefs.final.groups, found.final.groups)
    assert_identical(beliefs.records, found.records)


class Sluggish(pn.Drift):
    """A drift of one's own."""


def cube(x):
    return x**3


def test_kinds_and_functions_of_ones_own_are_given_when_reading(tmp_path):
    graph = tracked().add(y=pn.ContinuousState()).couple("y", "x", Sluggish(function=cube))
    made = graph.compile()

    found = again(made, tmp_path, kinds=[Sluggish], functions={"cube": cube})

    assert_identical(made.program, found.program)
    with pytest.raises(pn.FormatError, match=r"'Sluggish'.*kinds="):
        pn.load(tmp_path / "kept.npz")


RESUMED = """
import sys
import numpy as np
import jax
jax.config.update("jax_enable_x64", True)
import pynodes as pn
folder, series = sys.argv[1], np.load(sys.argv[1] + "/series.npz")
rest = {name: series[name][100:] for name in series.files}
network, state = pn.load(folder + "/network.npz"), pn.load(folder + "/state.npz")
pn.save(folder + "/rest.npz", network.filter(rest, start=state))
for step in range(5):
    state, _ = network.step(state, {name: values[step] for name, values in rest.items()})
pn.save(folder + "/stepped.npz", state)
"""


@pytest.mark.parametrize(
    "expansion", [pytest.param("enhanced", marks=pytest.mark.slow), "unbounded"]
)
def test_a_stream_that_is_resumed_after_a_restart_is_one_that_never_stopped(expansion, tmp_path):
    """A hundred steps, a file, another process, fifty more: bit for bit."""
    graph = cases.rich_graph(expansion)
    made, series = graph.compile(), cases.series_for(graph, 150)
    first = made.filter({name: values[:100] for name, values in series.items()})
    rest = {name: values[100:] for name, values in series.items()}
    pn.save(tmp_path / "network.npz", made)
    pn.save(tmp_path / "state.npz", first.final)
    np.savez(tmp_path / "series.npz", **series)

    subprocess.run(
        [sys.executable, "-W", "error", "-c", RESUMED, str(tmp_path)],
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )

    whole, found = made.filter(rest, start=first.final), pn.load(tmp_path / "rest.npz")
    assert_identical(whole.records, found.records)
    assert_identical(whole.final.groups, found.final.groups)
    state = first.final
    for step in range(5):
        state, _ = made.step(state, {name: values[step] for name, values in rest.items()})
    assert_identical(state.groups, pn.load(tmp_path / "stepped.npz").groups)
    never = made.filter(series)
    np.testing.assert_allclose(never["x1"].mean[100:], found["x1"].mean, rtol=1e-12, atol=1e-14)


def test_traced_numbers_are_not_saved(tmp_path):
    made = network(tracked())
    path = tmp_path / "kept.npz"

    def of(thing):
        return lambda v: pn.save(path, thing(made.replace({"x.tonic_volatility": v}))) or v

    for thing in (
        lambda one: one,
        lambda one: one.start(),
        lambda one: one.filter({"u": [1.0, 2.0]}),
        lambda one: pn.Graph().add(
            x=pn.ContinuousState(tonic_volatility=one["x.tonic_volatility"])
        ),
    ):
        with pytest.raises(pn.FormatError, match="traced"):
            jax.jit(of(thing))(-3.0)
    assert not path.exists()


def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    """Whatever fails, and whenever: nothing is lost, and nothing is left lying about."""
    path = tmp_path / "kept.npz"
    pn.save(path, tracked())
    before = path.read_bytes()

    def failing(*_):
        raise KeyboardInterrupt

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(replacing.os, name, failing)
            with pytest.raises(KeyboardInterrupt):
                pn.save(path, RICH)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["kept.npz"]
    pn.save(path, RICH)
    assert pn.load(path).to_dict() == RICH.to_dict()


def test_a_file_keeps_its_permissions_and_its_links(tmp_path):
    path, link = tmp_path / "kept.npz", tmp_path / "link.npz"
    pn.save(path, tracked())
    path.chmod(0o640)
    link.symlink_to(path)

    pn.save(link, RICH)

    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert len(pn.load(path)) == len(RICH)


def test_the_same_content_makes_the_same_file(tmp_path):
    for name in ("one.npz", "two.npz"):
        pn.save(tmp_path / name, network(RICH))

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_other_programs_can_read_the_numbers(tmp_path):
    """As NumPy does, with pickle forbidden; the header says which array is what."""
    beliefs = network(binary()).filter({"u": OUTCOMES})
    pn.save(tmp_path / "kept.npz", beliefs)

    with np.load(tmp_path / "kept.npz", allow_pickle=False) as archive:
        header = json.loads(archive["header.json"])
        group = beliefs.labels.nodes["x2"][0]
        number = header["arrays"]["records"][f"{group}/mean"]
        np.testing.assert_array_equal(archive[f"arrays/{number}"], beliefs["x2"].mean)


@pytest.fixture
def no_pickle(monkeypatch):
    """Fails whatever unpickles."""

    def refused(*_, **__):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refused)
    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, refused)


def small_file(tmp_path):
    """A short file with trajectories, and what is in it."""
    path = tmp_path / "kept.npz"
    pn.save(path, network(tracked()).filter({"u": np.array([0.1, 0.2])}))
    return path, path.read_bytes()


def same_or_refused(path, data, expected):
    """Whether some bytes were refused; what is not refused is what was saved."""
    path.write_bytes(data)
    try:
        found = pn.load(path)
    except pn.FormatError:
        return True
    assert_identical(expected, found)
    return False


@pytest.mark.usefixtures("no_pickle")
def test_a_file_that_was_cut_off_is_refused(tmp_path):
    path, data = small_file(tmp_path)
    expected = pn.load(path)

    for length in range(0, len(data), 50):
        assert same_or_refused(path, data[:length], expected), length


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("seed", range(4))
def test_a_file_with_a_flipped_bit_is_refused_or_the_same(seed, tmp_path):
    """A date that nobody reads may be another; a number never."""
    path, data = small_file(tmp_path)
    expected, rng = pn.load(path), np.random.default_rng(seed)

    refused = 0
    for place in rng.choice(len(data), 150, replace=False):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        refused += same_or_refused(path, bytes(changed), expected)
    assert refused > 100


def keys_of(header, at=()):
    """The way to every entry of a header."""
    inside = header.items() if isinstance(header, dict) else enumerate(header)
    for key, value in inside:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from keys_of(value, (*at, key))


def edited(data, edit):
    """The bytes of a file with another header; its digest is right."""
    header, arrays = container.unpacked(data)
    edit(header)
    return container.packed(header, arrays)


@pytest.mark.usefixtures("no_pickle")
@pytest.mark.parametrize("kind", ["network", "trajectories"])
@pytest.mark.parametrize("what", ["renamed", "removed", None, -1, "text", [], {}, 1e9])
def test_a_changed_header_is_read_or_refused(what, kind, tmp_path):
    """Every entry in turn: by another name, gone, or something else. Never is there another error.

    The digest is made anew, so that it is not what refuses.
    """
    path, data = small_file(tmp_path)
    if kind == "network":
        pn.save(path, network(tracked()).switch({}))
        data = path.read_bytes()
    header, _ = container.unpacked(data)
    for way in keys_of(header):

        def edit(header, way=way):
            *above, key = way
            for step in above:
                header = header[step]
            if what == "renamed" and isinstance(header, dict):
                header[f"{key}s"] = header.pop(key)
            elif what in ("removed", "renamed"):
                del header[key]
            else:
                header[key] = what

        path.write_bytes(edited(data, edit))
        with contextlib.suppress(pn.FormatError):
            pn.load(path)


def rezipped(data, rename):
    """The bytes of an archive whose parts have other names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(rename(name), old.read(name))
    return buffer.getvalue()


@pytest.mark.usefixtures("no_pickle")
def test_renamed_or_exchanged_parts_are_refused(tmp_path):
    path, data = small_file(tmp_path)
    expected, names = pn.load(path), zipfile.ZipFile(io.BytesIO(data)).namelist()

    assert not same_or_refused(path, rezipped(data, str), expected)
    for name in names:
        assert same_or_refused(
            path, rezipped(data, lambda n, name=name: n + "x" * (n == name)), expected
        )
    exchange = {"arrays/0.npy": "arrays/1.npy", "arrays/1.npy": "arrays/0.npy"}
    assert same_or_refused(path, rezipped(data, lambda n: exchange.get(n, n)), expected)


@pytest.mark.usefixtures("no_pickle")
def test_an_edited_header_is_refused(tmp_path):
    """As somebody might do by hand, to pass one field for another."""
    path, data = small_file(tmp_path)
    expected = pn.load(path)

    assert same_or_refused(path, data.replace(b"/mean", b"/meant"), expected)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'/mean"', b'/name"'))
    with pytest.raises(pn.FormatError, match="not those that were saved together"):
        pn.load(path)


def test_a_newer_file_says_so(tmp_path):
    path, data = small_file(tmp_path)
    path.write_bytes(edited(data, lambda header: header.update(version=2)))

    with pytest.raises(pn.FormatError, match=r"version 2.*reads version 1.*newer"):
        pn.load(path)


@pytest.mark.parametrize("name", ["text", "numpy", "zip", "empty", "pickle", "json"])
def test_a_foreign_file_is_refused(name, tmp_path):
    path = tmp_path / "foreign"
    if name == "numpy":
        with open(path, "wb") as file:
            np.savez(file, x=np.arange(3), y=np.array({"a": 1}, dtype=object))
    elif name == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.json", "{}")
    else:
        texts = {
            "text": b"hello",
            "empty": b"",
            "pickle": pickle.dumps([1]),
            "json": RICH.to_json(),
        }
        text = texts[name]
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(pn.FormatError, match="pynodes"):
        pn.load(path)


def test_a_bomb_is_not_unpacked(tmp_path):
    """A part that says it would be huge once unpacked, and an array that says it is huge."""
    path = tmp_path / "bomb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", " " * 10_000_000)
    with pytest.raises(pn.FormatError, match="not stored as it is"):
        pn.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
        part = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        archive.writestr("arrays/0.npy", part)
        parts = {"header.json": b"{}", "arrays/0.npy": part}
        archive.writestr("digest.txt", container.digest(parts))
    with pytest.raises(pn.FormatError, match="has 0 bytes"):
        pn.load(path)


def test_a_file_that_is_not_there_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        pn.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError):
        pn.save(tmp_path / "no folder" / "kept.npz", tracked())


@pytest.mark.parametrize("thing", [np.arange(3), {"x": 1}, None, pn.ContinuousState()])
def test_other_things_are_not_saved(thing, tmp_path):
    with pytest.raises(pn.FormatError, match=r"Graphs, networks, states and trajectories"):
        pn.save(tmp_path / "kept.npz", thing)
    assert not os.listdir(tmp_path)
    with pytest.raises(pn.FormatError, match="name of a file"):
        pn.load(3)


def test_the_page_about_keeping_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    found = executed("docs/keeping.md")

    whole = found["network"].filter({"u": found["values"]})
    np.testing.assert_allclose(found["resumed"]["x1"].mean, whole["x1"].mean[20:], rtol=1e-12)
    assert sorted(os.listdir(tmp_path)) == ["network.npz", "state.npz"]
