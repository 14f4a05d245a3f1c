"""Compiled programs that are kept in a folder."""

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

import pynodes as pn
from pynodes._runtime import programs

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.fixture
def restored():
    """The settings of this process, put back."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_programs_are_found_again(restored, monkeypatch, tmp_path):
    """A program that this process has forgotten is read, and not compiled."""
    monkeypatch.setattr(programs, "LEAST_SECONDS", 0.0)
    pn.cache_programs(tmp_path / "kept" / "here")
    found = []
    jax.monitoring.register_event_listener(lambda event, **_: found.append(event))

    for _ in range(2):
        # A new function each time: what JAX remembers of the first is no help.
        jax.jit(lambda x: jnp.sin(x) ** 3 + 11.5)(jnp.arange(7.0)).block_until_ready()

    assert any((tmp_path / "kept" / "here").iterdir())
    assert "/jax/compilation_cache/cache_hits" in found


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(pn.InputError, match="cannot be made"):
        pn.cache_programs(tmp_path / "file" / "below")
    with pytest.raises(pn.InputError, match="must be a path"):
        pn.cache_programs(3)
