"""Running: chains from where they are to their end, a chunk at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import SamplingWarning
from pynodes._progress import Progress
from pynodes._typing import Array
from pynodes.fit.sampling.chains import (
    CHUNK,
    Chain,
    DrawRecord,
    TransitionSchedule,
    advance_chain,
    permissive_promotion,
    start_chain,
)
from pynodes.fit.sampling.checkpoint import SamplerCheckpoint
from pynodes.fit.sampling.target import Whitened

Records = dict[str, np.ndarray]
"""What is kept of transitions, by name, each of shape (chains, transitions, ...)."""

MapTasks = Callable[[Callable[[Any], Any], list[Any]], list[Any]]
"""Does something with every item, and returns the results in their order."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SamplingRun:
    """What is to be run.

    Attributes
    ----------
    target
        The density.
    keys
        A random key for every chain.
    schedule
        What the transitions are for.
    target_acceptance, max_doublings
        Acceptance rate for which the step size is adapted, and how often a trajectory is doubled at most.
    """

    target: Whitened
    keys: Array
    schedule: TransitionSchedule
    target_acceptance: float
    max_doublings: int

    @property
    def transitions(self) -> int:
        """How many transitions a chain makes."""
        return len(self.schedule.exists)

    def chunks(self, start: int) -> Iterator[TransitionSchedule]:
        """The schedule from some chunk on."""
        for number in range(start, -(-self.transitions // CHUNK)):
            yield self.schedule.chunk(number)


def run_chains(
    run: SamplingRun, checkpoint: SamplerCheckpoint | None, known: list[Any], shown: bool | None
) -> Records:
    """Run chains to their end: what is kept of all draws.

    After an interruption, of those before it, with a warning, if there are some.

    Parameters
    ----------
    run
        What is to be run.
    checkpoint
        Where every chunk is written.
    known
        The chunks that were written before.
    shown
        Whether progress is shown.
    """
    kept: list[Records] = [records_of(arrays) for _, arrays in known]
    total = run.transitions
    with (
        Progress(total, "transitions", shown) as progress,
        thread_pool_map(len(run.keys)) as each,
        interruptible() as check_interrupt,
    ):
        progress.advance(min(len(known) * CHUNK, total))
        try:
            chains = unpack_chains(run, known[-1][1]) if known else start_chains(run, each)
            for schedule in run.chunks(len(known)):
                check_interrupt()
                chains, records = advance_chains(run, chains, schedule, each)
                if checkpoint is not None:
                    checkpoint.write({}, pack_chains(chains, records))
                kept.append(records)
                progress.advance(int(schedule.exists.sum()), status_text(records))
        except KeyboardInterrupt:
            if not any(records["parameters"].shape[1] for records in kept):
                raise
            warnings.warn(interruption_message(kept, run), SamplingWarning, stacklevel=4)
    names = kept[-1]
    return {name: np.concatenate([records[name] for records in kept], axis=1) for name in names}


def start_chains(run: SamplingRun, each: MapTasks) -> list[Chain]:
    """Where the chains begin."""
    # No chain has a transition of this number, so that its chance is used once.
    return each(
        lambda key: start_chain(run.target, jax.random.fold_in(key, 2**31 - 1)), list(run.keys)
    )


def advance_chains(
    run: SamplingRun, chains: list[Chain], schedule: TransitionSchedule, each: MapTasks
) -> tuple[list[Chain], Records]:
    """All chains after some more transitions, and what is kept of the draws among these."""
    acceptance = jnp.asarray(run.target_acceptance, run.target.mode.dtype)

    def one(pair: tuple[Chain, Array]) -> tuple[Chain, DrawRecord]:
        chain, key = pair
        found = advance_chain(
            run.target, chain, key, schedule, acceptance, max_doublings=run.max_doublings
        )
        return jax.block_until_ready(found)

    found = each(one, list(zip(chains, run.keys, strict=True)))
    kept = np.asarray(schedule.exists & ~schedule.warms_up)
    flat: list[Records] = [flatten_record(record) for _, record in found]
    return [chain for chain, _ in found], {
        name: np.stack([np.asarray(records[name])[kept] for records in flat]) for name in flat[0]
    }


def flatten_record(record: DrawRecord) -> dict[str, Any]:
    """A record by one name each."""
    common = {f"population/{name}": values for name, values in record.hyperparameters.items()}
    stats = {f"stats/{name}": values for name, values in record.stats.items()}
    return {"parameters": record.parameters, **common, **stats}


def select_records(records: Records, head: str) -> Records:
    """The records whose names begin with a word, by the rest of their names."""
    start = f"{head}/"
    return {n.removeprefix(start): v for n, v in records.items() if n.startswith(start)}


def pack_chains(chains: list[Chain], records: Records) -> dict[str, np.ndarray]:
    """Chains and records as arrays by name."""
    leaves = [jax.tree.leaves(chain) for chain in chains]
    state = {
        f"chain/{number}": np.stack([np.asarray(leaf) for leaf in every])
        for number, every in enumerate(zip(*leaves, strict=True))
    }
    return state | records


def records_of(arrays: dict[str, np.ndarray]) -> Records:
    """The records among some arrays."""
    return {name: array for name, array in arrays.items() if not name.startswith("chain/")}


def unpack_chains(run: SamplingRun, arrays: dict[str, np.ndarray]) -> list[Chain]:
    """The chains among some arrays."""
    leaves = select_records(arrays, "chain")
    structure = jax.tree.structure(jax.eval_shape(start_chain, run.target, run.keys[0]))
    ordered = [leaves[str(number)] for number in range(len(leaves))]
    return [
        jax.tree.unflatten(structure, [jnp.asarray(leaf[chain]) for leaf in ordered])
        for chain in range(len(run.keys))
    ]


def status_text(records: Records) -> str:
    """How it goes, in a few words."""
    diverging = int(records["stats/diverging"].sum())
    return f"{diverging} divergences in this chunk" if diverging else ""


def interruption_message(kept: list[Records], run: SamplingRun) -> str:
    """What an interruption leaves."""
    count = sum(records["parameters"].shape[1] for records in kept)
    wanted = int((~run.schedule.warms_up).sum())
    return f"Sampling was interrupted: {count} of {wanted} draws per chain were made, and these are returned."


@contextlib.contextmanager
def thread_pool_map(count: int) -> Generator[MapTasks]:
    """A function that does something with several items at once, with at most so many, in threads.

    Items are dealt out to the devices of this process, the same place in a list to the same device.
    """
    # Threads do not inherit these settings of JAX.
    double = bool(jax.config.read("jax_enable_x64"))
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    devices = jax.local_devices()[:count] if chosen is None else [chosen]
    compiled: set[Any] = set()

    def run_task(task: Callable[[Any], Any], numbered: tuple[int, Any]) -> Any:
        number, item = numbered
        with (
            jax.enable_x64(double),
            jax.default_device(devices[number % len(devices)]),
            permissive_promotion(),
        ):
            return task(item)

    with ThreadPoolExecutor(min(count, os.cpu_count() or 1)) as pool:

        def each(task: Callable[[Any], Any], items: list[Any]) -> list[Any]:
            # The first of every device compiles, and the others must not do so at the same time.
            alone = 0 if task.__qualname__ in compiled else len(devices)
            compiled.add(task.__qualname__)
            numbered = list(enumerate(items))
            done = [run_task(task, item) for item in numbered[:alone]]
            return done + list(pool.map(lambda item: run_task(task, item), numbered[alone:]))

        yield each


@contextlib.contextmanager
def interruptible() -> Generator[Callable[[], None]]:
    """A check that raises ``KeyboardInterrupt`` again if there was one.

    Python raises it wherever the main thread happens to be, which may be a place from which no error gets
    out, such as a callback of compiled code. In other threads, and where somebody else has taken the
    signal, nothing is changed.
    """
    came = threading.Event()

    def check() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.default_int_handler(number, frame)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
