"""Settings of the whole suite: float64, no silent promotion, no window, programs made fast and once."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import jax
import pytest

os.environ.setdefault("MPLBACKEND", "agg")

# Most programs here run once over a few steps, so most of the time goes into making them. Without
# optimisation they compute the same. Whoever sets XLA_FLAGS, to nothing too, has what is set.
swift = ["--xla_backend_optimization_level=0"]
if jax.__version_info__[:2] == (0, 10):  # compiles three times as fast so; others refuse the flag
    swift += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
os.environ.setdefault("XLA_FLAGS", " ".join(swift))

# What one process has compiled all others load, until the run ends. JAX 0.10 complains of each program
# that it loads. Whoever names a folder for them keeps it.
programs = None
if jax.__version_info__[:2] > (0, 10) and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    programs = tempfile.mkdtemp(prefix="programs-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = programs
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    jax.config.update("jax_compilation_cache_dir", programs)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

finished = itertools.count(1)
MAPPED = Path("/proc/self/maps")


def pytest_collection_finish():
    """Nothing that was imported is ever garbage, and what JAX keeps is walked through seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure():
    """Leaves no programs behind."""
    if programs is not None:
        shutil.rmtree(programs, ignore_errors=True)


@pytest.fixture(autouse=True)
def few_programs():
    """Forgets compiled programs before there are too many.

    JAX maps several pieces of memory for each, and Linux allows a process 65,530.
    """
    yield
    if next(finished) % 10 == 0 and MAPPED.exists() and MAPPED.read_bytes().count(b"\n") > 20_000:
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
