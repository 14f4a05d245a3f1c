"""Comparison of runs."""

from __future__ import annotations

import numpy as np

import pynodes as pn


def assert_same(
    one: pn.Trajectories, other: pn.Trajectories, rtol: float, atol: float = 1e-11
) -> None:
    """Two runs agree in every field of every node that both have."""
    common = [name for name in one if name in other]
    assert common
    for name in common:
        for field in one[name].fields:
            np.testing.assert_allclose(
                getattr(one[name], field),
                getattr(other[name], field),
                rtol=rtol,
                atol=atol,
                err_msg=f"{name}.{field}",
            )
