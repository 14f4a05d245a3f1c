"""Crew: the chains of a sampler at work, on as many cores and devices as there are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

Each = Callable[[Callable[[Any], Any], list[Any]], list[Any]]
"""Does something with every item, and returns the results in their order."""


@contextlib.contextmanager
def crew(count: int) -> Generator[Each]:
    """A function that does something with several items at once, with at most so many.

    Items are dealt out to the devices of this process, the same place in a list to the same device.
    """
    # Threads do not inherit these settings of JAX. That of promotion is for blackjax, which mixes types.
    double = bool(jax.config.read("jax_enable_x64"))
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    devices = jax.local_devices()[:count] if chosen is None else [chosen]
    compiled: set[Any] = set()

    def settled(task: Callable[[Any], Any], numbered: tuple[int, Any]) -> Any:
        number, item = numbered
        with (
            jax.enable_x64(double),
            jax.default_device(devices[number % len(devices)]),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            return task(item)

    with ThreadPoolExecutor(min(count, os.cpu_count() or 1)) as pool:

        def each(task: Callable[[Any], Any], items: list[Any]) -> list[Any]:
            # The first of every device compiles, and the others must not do so at the same time.
            alone = 0 if task.__qualname__ in compiled else len(devices)
            compiled.add(task.__qualname__)
            numbered = list(enumerate(items))
            done = [settled(task, item) for item in numbered[:alone]]
            return done + list(pool.map(lambda item: settled(task, item), numbered[alone:]))

        yield each
