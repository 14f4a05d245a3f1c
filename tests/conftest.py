"""Settings of the whole suite: float64, no silent promotion, no window."""

import itertools
import os
import sys

import pytest

os.environ.setdefault("MPLBACKEND", "agg")

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

finished = itertools.count(1)


@pytest.fixture(autouse=True)
def few_programs():
    """Forgets compiled programs now and then.

    JAX 0.10 maps some two hundred pieces of memory for each, and Linux allows a process 65,530.
    """
    yield
    if next(finished) % 40 == 0:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def closed_figures():
    """No test leaves its figures to the next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def limited(monkeypatch):
    """Sets the number of parameters up to which derivatives go forward, until the test ends.

    What was differentiated before is forgotten: JAX keeps derivatives of what it has traced.
    """

    def limit(parameters):
        monkeypatch.setattr("pynodes._runtime.derivatives.FORWARD_LIMIT", parameters)
        jax.clear_caches()

    yield limit
    jax.clear_caches()
