"""Files of checkpoints: arrays that do not go together and files of something else are refused by name."""

import numpy as np
import pytest

import pynodes as pn
from pynodes._keeping.container import pack, unpack
from pynodes.fit.sampling.checkpoint import SamplerCheckpoint
from tests.small import tracked

IDENTITY = {"seed": 1, "chains": 2}


def written(folder):
    """A folder with a first file and two of draws."""
    checkpoint = SamplerCheckpoint(folder, IDENTITY)
    checkpoint.write({"at": 0}, {"begin": np.zeros(3)})
    for count in (4, 2):
        checkpoint.write({}, {"chain/0": np.ones((2, 5)), "positions": np.ones((2, count, 3))})
    return checkpoint


def test_what_was_written_is_read(tmp_path):
    """Numbers of draws may differ from file to file."""
    expected = written(tmp_path)
    (first, *rest) = SamplerCheckpoint(tmp_path, IDENTITY).read()

    assert (expected.count, first[0]) == (3, {"at": 0})
    assert [arrays["positions"].shape for _, arrays in rest] == [(2, 4, 3), (2, 2, 3)]


CHANGES = {
    "fewer chains": lambda header, arrays: [a[:1] for a in arrays],
    "chains that differ": lambda header, arrays: [arrays[0], arrays[1][:1]],
    "another precision": lambda header, arrays: [arrays[0].astype(np.float32), arrays[1]],
    "another number of values": lambda header, arrays: [arrays[0][:, :2], arrays[1]],
    "numbers without chains": lambda header, arrays: [arrays[0], np.zeros(())],
    "another name": lambda header, arrays: header.update(names=["chain/1", "positions"]) or arrays,
    "a name twice": lambda header, arrays: header.update(names=["positions"] * 2) or arrays,
    "a name too few": lambda header, arrays: header.update(names=["positions"]) or arrays,
    "names that are none": lambda header, arrays: header.update(names=[1, []]) or arrays,
    "no identity": lambda header, arrays: header.update(identity=[]) or arrays,
    "no values": lambda header, arrays: (header.pop("values") and arrays) or arrays,
    "another number": lambda header, arrays: header.update(number=1) or arrays,
    "another version": lambda header, arrays: header.update(version=2) or arrays,
}


@pytest.mark.parametrize("name", CHANGES)
def test_arrays_that_do_not_go_with_the_others_are_refused(name, tmp_path):
    """Under a digest that is right, before a sampler takes them."""
    written(tmp_path)
    path = tmp_path / "000002.npz"
    header, arrays = unpack(path.read_bytes())
    path.write_bytes(pack(header, CHANGES[name](header, arrays)))

    with pytest.raises(pn.CheckpointError):
        SamplerCheckpoint(tmp_path, IDENTITY).read()


def test_a_flipped_bit_is_refused(tmp_path):
    written(tmp_path)
    path = tmp_path / "000001.npz"
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(pn.CheckpointError, match=r"000001\.npz' is damaged or cut off"):
            SamplerCheckpoint(tmp_path, IDENTITY).read()


def test_each_kind_of_file_knows_the_other(tmp_path):
    """What pynodes.save wrote is no checkpoint, and the other way round."""
    written(tmp_path)
    path = tmp_path / "000002.npz"
    with pytest.raises(pn.FormatError, match="name its folder as checkpoint="):
        pn.load(path)
    pn.save(path, tracked())
    with pytest.raises(pn.CheckpointError, match=r"holds a 'Graph'.*pynodes\.load reads it"):
        SamplerCheckpoint(tmp_path, IDENTITY).read()
