"""A search that is spread over devices finds what one device finds."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import pynodes as pn
from tests.pages import ROOT


def search():
    """Four graphs of two hidden states that may follow one another."""
    nodes = {f"x{i}": pn.ContinuousState(tonic_volatility=0.0) for i in range(2)}
    nodes |= {f"u{i}": pn.ContinuousInput(precision=4.0) for i in range(2)}
    graph = pn.Graph().extend(nodes, [(f"x{i}", f"u{i}", "value") for i in range(2)])
    for parent, child in ((0, 1), (1, 0)):
        graph = graph.couple(f"x{parent}", f"x{child}", pn.Drift(lag=1))
    space = pn.structure.space(graph, "x*->x*", probability=0.3)
    values = np.random.default_rng(0).normal(size=(2, 15))
    return pn.structure.search(space, {f"u{i}": one for i, one in enumerate(values)})


@pytest.mark.slow
def test_several_devices_find_what_one_does():
    """Evidence of every graph, to rounding; lanes that fill up the devices change nothing."""
    place = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=3",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.structure.test_devices"],
        cwd=ROOT,
        env=place,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    said, alone = json.loads(done.stdout), search()

    assert said["devices"] == 3
    np.testing.assert_allclose(said["evidence"], alone.outcome.log_evidence, rtol=1e-10)
    assert alone.score.how() == ("filter", "filter")


if __name__ == "__main__":
    import jax

    evidence = search().outcome.log_evidence.tolist()
    sys.stdout.write(json.dumps({"devices": jax.device_count(), "evidence": evidence}))
