"""Keeping: what is saved comes back as it was, number for number, in this process and the next."""

import builtins
import contextlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes._keeping import container
from tests.few import few
from tests.laws import cases
from tests.pages import executed
from tests.small import OUTCOMES, binary, network, paired, tracked

pytestmark = pytest.mark.versions

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


@pytest.mark.parametrize("record", few([None, ["x1", "u3"]], 1))
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


@pytest.mark.parametrize(
    "settings",
    few([{}, {"scheme": pn.JointNewton()}, {"expansion": pn.Structured(edges="all")}], 1),
    ids=["swept", "joined", "conditional"],
)
def test_trajectories_above_arrays_come_back(settings, tmp_path):
    """Weights of array couplings are the network's, not its beliefs'; what schemes record is."""
    graph = pn.Graph().add(u=pn.ContinuousInput(shape=3), z=pn.ContinuousState(shape=2))
    graph = graph.couple("z", "u", pn.Dense(weights=np.arange(6.0).reshape(3, 2) / 5))
    beliefs = graph.compile(**settings).filter({"u": np.arange(12.0).reshape(4, 3) % 5})

    found = again(beliefs, tmp_path)

    assert_identical(beliefs, found)
    assert jax.tree.structure(beliefs) == jax.tree.structure(found)
    assert found.status.message == beliefs.status.message


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


@pytest.mark.slow
@pytest.mark.parametrize("expansion", ["enhanced", "unbounded"])
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
            patch.setattr(container.os, name, failing)
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
        (number,) = (
            at["array"]
            for place, field, at in header["content"]["records"]
            if (place, field) == (group, "mean")
        )
        np.testing.assert_array_equal(archive[f"arrays/{number}"], beliefs["x2"].mean)


@contextlib.contextmanager
def nothing_runs():
    """Fails whatever unpickles or evaluates, while something is read."""

    def refused(*_, **__):
        raise AssertionError("something was run")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("load", "loads", "Unpickler"):
            patch.setattr(pickle, name, refused)
        for name in ("eval", "exec", "compile"):
            patch.setattr(builtins, name, refused)
        yield


def small_file(tmp_path):
    """A short file with trajectories, and what is in it."""
    path = tmp_path / "kept.npz"
    pn.save(path, network(tracked()).filter({"u": np.array([0.1, 0.2])}))
    pn.load(path)
    return path, path.read_bytes()


def refuses(path, data):
    """Some bytes are no file of ours, and reading them runs nothing."""
    path.write_bytes(data)
    with nothing_runs(), pytest.raises(pn.FormatError):
        pn.load(path)


def test_a_file_that_was_cut_off_or_goes_on_is_refused(tmp_path):
    path, data = small_file(tmp_path)

    for length in range(len(data)):
        with pytest.raises(pn.FormatError):
            container.unpack(data[:length])
    for more in (b"\0", b" ", data):
        refuses(path, data + more)
        refuses(path, more + data)


def test_a_flipped_bit_anywhere_is_refused(tmp_path):
    """In a number, a name, a date that nobody reads, or what stands between the parts: it is not the file."""
    _, data = small_file(tmp_path)

    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(pn.FormatError):
            container.unpack(bytes(changed))


def keys_of(header, at=()):
    """The way to every entry of a header."""
    inside = header.items() if isinstance(header, dict) else enumerate(header)
    for key, value in inside:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from keys_of(value, (*at, key))


def edited(data, edit):
    """The bytes of a file with another header or other arrays; its digest is right."""
    header, arrays = container.unpack(data)
    return container.pack(header, edit(header, arrays) or arrays)


@pytest.mark.parametrize("kind", ["network", "trajectories"])
@pytest.mark.parametrize("what", few(["renamed", "removed", None, -1, "text", [], {}, 1e9], 3))
def test_a_changed_header_is_read_or_refused(what, kind, tmp_path):
    """Every entry in turn: by another name, gone, or something else. Never is there another error.

    The digest is made anew, so that it is not what refuses.
    """
    path, data = small_file(tmp_path)
    if kind == "network":
        pn.save(path, network(tracked()).switch({}))
        data = path.read_bytes()
    header, _ = container.unpack(data)
    for way in keys_of(header):

        def edit(header, _, way=way):
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


OTHER_NUMBERS = {
    "big endian": (lambda array: array.astype(array.dtype.newbyteorder(">")), None),
    "half precision": (lambda array: array.astype(np.float16), "cannot be saved"),
    "complex": (lambda array: array.astype(complex), "cannot be saved"),
    "texts": (lambda array: array.astype(str), "cannot be saved"),
    "objects": (lambda array: array.astype(object), "cannot be saved"),
    "times": (lambda array: array.astype("M8[s]"), "cannot be saved"),
}


@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_numbers_of_other_types_are_not_in_files(name):
    """Those of another byte order are written in the usual one; the rest is refused when it is written."""
    change, said = OTHER_NUMBERS[name]
    array = np.array([1.0, 2.0])

    if said is None:
        found = container.unpack(container.pack({}, [change(array)]))[1][0]
        assert found.dtype == np.dtype("<f8")
        np.testing.assert_array_equal(found, array)
    else:
        with pytest.raises(pn.FormatError, match=said):
            container.pack({}, [change(array)])


@pytest.mark.parametrize("said", [">f8", "<f2", "<c16", "|O8", "<U4", "<M8", "|V8", "<f16"])
def test_a_file_that_says_it_has_numbers_of_another_type_is_refused(said):
    """As one by another program, with a digest that is right."""
    part = container.encode_array(np.zeros(2)).replace(b"<f8", said[:3].encode())

    with pytest.raises(pn.FormatError, match=r"of a type|has 16 bytes"):
        container.decode_array(memoryview(part))


def float_leaf(arrays):
    """Which array is the last of real numbers."""
    return max(number for number, array in enumerate(arrays) if array.dtype == np.float64)


MISFITS = {
    "single precision among double": (lambda array: array.astype(np.float32), "side by side"),
    "whole numbers": (lambda array: array.astype(int), "belong"),
    "an empty batch": (lambda array: np.zeros((0, *array.shape)), "a batch of|belong"),
    "a batch of its own": (lambda array: np.stack([array, array]), "a batch of|belong"),
    "another shape": (lambda array: np.zeros((*array.shape, 2)), "a batch of|belong"),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in ("network", "state", "trajectories")
        for name in MISFITS
        if (kind, name)
        != ("network", "single precision among double")  # read in that of the moment
    ],
)
def test_numbers_that_do_not_go_together_are_refused_when_they_are_read(kind, name, tmp_path):
    """Not at their first use, inside of JAX."""
    change, said = MISFITS[name]
    made = network(cases.rich_graph())
    beliefs = made.filter(SERIES)
    path = tmp_path / "kept.npz"
    pn.save(path, {"network": made, "state": beliefs.final, "trajectories": beliefs}[kind])

    def edit(_, arrays):
        at = float_leaf(arrays)
        return [change(array) if place == at else array for place, array in enumerate(arrays)]

    path.write_bytes(edited(path.read_bytes(), edit))
    with pytest.raises(pn.FormatError, match=said):
        pn.load(path)


def test_the_wiring_of_a_network_is_that_of_its_graph(tmp_path):
    """Numbers that would join other nodes than the graph does are refused."""
    path = tmp_path / "kept.npz"
    pn.save(path, RICH.compile())
    data = path.read_bytes()
    _, arrays = container.unpack(data)
    whole = [number for number, array in enumerate(arrays) if array.dtype.kind == "i"]
    for place in whole:

        def edit(_, arrays, place=place):
            return [array + (number == place) for number, array in enumerate(arrays)]

        path.write_bytes(edited(data, edit))
        with pytest.raises(pn.FormatError, match=r"wiring|types"):
            pn.load(path)
    assert len(whole) > 10


SAVING = """
import sys
import pynodes as pn
one, other = pn.Graph().add(x=pn.ContinuousState()), pn.models.binary_hgf()
print("ready", flush=True)
while True:
    pn.save(sys.argv[1], one)
    pn.save(sys.argv[1], other)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is nothing to kill with")
def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    path = tmp_path / "kept.npz"
    for wait in np.random.default_rng(0).uniform(0, 0.05, 8):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        writer = subprocess.Popen(
            [sys.executable, "-c", SAVING, str(path)], env=environment, stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        while not path.exists():
            time.sleep(0.001)
        time.sleep(wait)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert len(pn.load(path)) in (1, 3)


def test_a_newer_file_says_so(tmp_path):
    path, data = small_file(tmp_path)
    path.write_bytes(edited(data, lambda header, _: header.update(version=2)))

    with pytest.raises(pn.FormatError, match=r"version 2.*reads version 1.*newer"):
        pn.load(path)


def zipped(**parts):
    """A zip archive as Python writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def packed_anew(data):
    """The parts of a file in another archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped(**{name: archive.read(name) for name in archive.namelist()})


def written(write, thing):
    """What a function that writes to a file writes."""
    buffer = io.BytesIO()
    write(buffer, thing)
    return buffer.getvalue()


FOREIGN = {
    "nothing": (lambda data: b"", "is empty"),
    "text": (lambda data: b"hello", "was not written by pynodes.save"),
    "a graph's text": (lambda data: RICH.to_json().encode(), r"Graph\.from_json"),
    "a pickle": (lambda data: pickle.dumps([1]), "a pickle"),
    "an array": (lambda data: written(np.save, np.arange(3)), r"numpy\.load"),
    "arrays": (lambda data: written(np.savez, np.arange(3)), r"numpy\.load"),
    "objects": (lambda data: written(np.savez, np.array([{}], object)), r"numpy\.load"),
    "netCDF": (lambda data: b"\x89HDF\r\n\x1a\n" + bytes(99), r"samples\.tree\.to_netcdf"),
    "compressed": (lambda data: b"\x1f\x8b" + bytes(99), "compressed"),
    "an archive": (lambda data: zipped(**{"header.json": "{}"}), "damaged"),
    "an archive of ours that was packed anew": (packed_anew, "damaged"),
    "a checkpoint": (
        lambda data: container.pack({"format": "pynodes-checkpoint", "version": 1}, []),
        "checkpoint=",
    ),
    "a header that is a list": (lambda data: container.pack([], []), "is no object"),
    "a thing of another pynodes": (
        lambda data: edited(data, lambda header, _: header.update(kind="Networks")),
        "Did you mean 'Network'",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_something_else_says_what_it_is(name, tmp_path):
    path, data = small_file(tmp_path)
    make, said = FOREIGN[name]
    path.write_bytes(make(data))

    with pytest.raises(pn.FormatError, match=said):
        pn.load(path)


def overlapping(count, size):
    """An archive whose parts contain one another: unpacked, it is count times as large."""
    data, entries = b"\0" * size, []
    for number in reversed(range(count)):
        (local, _) = container.lay_out_parts([(container.name_array(number), data)])
        entries.append((container.name_array(number), data))
        data = bytes(local) + data
    return data + container.list_contents(entries)


def claiming(size):
    """A file whose only array says that it is huge."""
    said = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},), }}\n".encode()
    part = container.MAGIC + len(said).to_bytes(2, "little") + said
    return container.decode_array, memoryview(part)


def test_no_size_is_believed(tmp_path):
    """Archives of which a program would fill the memory, and arrays that say they are huge."""
    path = tmp_path / "bomb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", " " * 10_000_000)
    with pytest.raises(pn.FormatError):
        pn.load(path)
    path.write_bytes(overlapping(100, 1000))
    with pytest.raises(pn.FormatError):
        pn.load(path)
    for size in ("1000000000000", "9" * 18):
        decode, part = claiming(size)
        with pytest.raises(pn.FormatError, match="has 0 bytes"):
            decode(part)
    for size in ("9" * 5000, "-1", "1, 2, x"):
        decode, part = claiming(size)
        with pytest.raises(pn.FormatError, match="of a type"):
            decode(part)


def test_a_header_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(container, "LONGEST_HEADER", 1000)
    with pytest.raises(pn.FormatError, match="more than the 1,000"):
        container.pack({"name": "x" * 1000}, [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_what_is_no_file_is_not_read(tmp_path):
    """Reading a device that has no end would fill the memory; a folder is one of the system's errors."""
    with pytest.raises(pn.FormatError, match="a pipe or a device"):
        pn.load("/dev/zero")
    with pytest.raises(OSError, match="irectory"):
        pn.load(tmp_path)


def test_a_file_that_is_not_there_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        pn.load(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError):
        pn.save(tmp_path / "no folder" / "kept.npz", tracked())


@pytest.mark.parametrize("thing", [np.arange(3), {"x": 1}, None, pn.ContinuousState()])
def test_other_things_are_not_saved(thing, tmp_path):
    with pytest.raises(pn.FormatError, match=r"keeps Graph, Network, State.*MapFit"):
        pn.save(tmp_path / "kept.npz", thing)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", [3, None, "a\0b", ["kept.npz"]])
def test_the_name_of_a_file_is_a_text(name):
    for call in (lambda: pn.load(name), lambda: pn.save(name, tracked())):
        with pytest.raises(pn.FormatError, match="name of a file"):
            call()


@pytest.mark.parametrize(
    "options", [{"kinds": 3}, {"kinds": [3]}, {"kinds": [dict]}, {"functions": [3]}]
)
def test_what_a_reader_gives_is_checked(options, tmp_path):
    path, _ = small_file(tmp_path)

    with pytest.raises(pn.FormatError, match=r"kinds|functions"):
        pn.load(path, **options)


def test_forecasts_and_interactions_come_back(tmp_path):
    made = pn.models.binary_hgf(2).compile()
    forecast = made.forecast(jax.random.key(0), steps=4, draws=5)
    lived = made.interact(
        pn.environments.Bandit(arms=("u",), probabilities=(0.8,)),
        pn.responses.UnitSquareSigmoid(),
        jax.random.key(1),
        steps=4,
    )

    found = again(forecast, tmp_path)
    assert_identical(forecast.records, found.records)
    assert_identical(forecast["x2"], found["x2"])
    assert_identical(lived, again(lived, tmp_path))


@pytest.mark.slow
def test_the_page_about_keeping_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    found = executed("docs/keeping.md")

    whole = found["network"].filter({"u": found["values"]})
    np.testing.assert_allclose(found["resumed"]["x1"].mean, whole["x1"].mean[20:], rtol=1e-12)
