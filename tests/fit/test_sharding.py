"""Many devices, and many processes: the same call finds the same."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pynodes._inference.sharding import pad_to_multiple

ROOT = Path(__file__).parents[2]


def begun(*arguments, devices=1):
    """A process that fits, with so many devices."""
    place = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0",
    }
    call = [sys.executable, "-m", "tests.fit.shared_fit", *map(str, arguments)]
    return subprocess.Popen(
        call, cwd=ROOT, env=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(process):
    """What it found, once it has ended."""
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def same(found, expected):
    """The same modes and evidence, within rounding."""
    np.testing.assert_allclose(found["positions"], expected["positions"], atol=1e-7)
    np.testing.assert_allclose(found["lme"], expected["lme"], atol=1e-9)
    assert found["agreeing"] == expected["agreeing"]
    np.testing.assert_allclose(found["population"], expected["population"], atol=1e-7)
    # A single unit's chains begin where they begin anywhere; those of a group, within rounding.
    np.testing.assert_array_equal(found["draws of one"], expected["draws of one"])
    np.testing.assert_allclose(
        found["draws of a group"], expected["draws of a group"], rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_subjects_are_shared_out_over_devices_and_over_processes():
    """Three subjects on two processes with two devices each: one device has nothing of its own to do.

    Both processes are told of all subjects.
    """
    alone = begun()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    processes = [begun(address, 2, number, devices=2) for number in range(2)]

    expected, *shared = [told(process) for process in (alone, *processes)]
    assert [found["devices"] for found in (expected, *shared)] == [1, 4, 4]
    for found in shared:
        same(found, expected)


def test_what_is_missing_to_a_multiple_is_the_last_subject_again():
    rows = np.arange(10).reshape(5, 2)

    assert pad_to_multiple(rows, 4)[:, 0].tolist() == [0, 2, 4, 6, 8, 8, 8, 8]
    assert pad_to_multiple(rows, 5) is rows
