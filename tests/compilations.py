"""Counting what JAX compiles."""

import contextlib
from types import SimpleNamespace

import jax.monitoring

COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def count_compilations():
    """How many programs were compiled inside the block, in ``.programs`` of what it gives."""
    counted = SimpleNamespace(programs=0)

    def listen(event, duration, **_):
        counted.programs += event == COMPILED

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield counted
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
