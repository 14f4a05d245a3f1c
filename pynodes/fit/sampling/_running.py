"""Running: chains from where they are to their end, a chunk at a time."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._errors import SamplingWarning
from pynodes._progress import Progress
from pynodes._typing import Array
from pynodes.fit.sampling._chains import CHUNK, Chain, Noted, advanced, begun
from pynodes.fit.sampling._checkpoint import Checkpoint
from pynodes.fit.sampling._crew import Each, crew
from pynodes.fit.sampling._interruption import heeded
from pynodes.fit.sampling._stages import Stages
from pynodes.fit.sampling._target import Whitened
from pynodes.fit.sampling._tuning import untuned

Notes = dict[str, np.ndarray]
"""What is kept of transitions, by name, each of shape (chains, transitions, ...)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What is to be run.

    Attributes
    ----------
    target
        The density.
    keys
        A random key for every chain.
    stages
        What the transitions are for.
    acceptance, deepest
        Acceptance rate that is aimed at, and how often a trajectory is doubled at most.
    """

    target: Whitened
    keys: Array
    stages: Stages
    acceptance: float
    deepest: int

    def chunks(self, start: int) -> Iterator[Stages]:
        """The stages from some chunk on."""
        for place in range(start * CHUNK, len(self.stages.counts), CHUNK):
            yield self.stages.part(place, CHUNK)


def drawn(run: Run, checkpoint: Checkpoint | None, known: list[Any], shown: bool | None) -> Notes:
    """What is kept of all draws; of those before an interruption, with a warning, if there are some.

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
    kept: list[Notes] = [notes_of(arrays) for _, arrays in known]
    total = len(run.stages.counts)
    with (
        Progress(total, "transitions", shown) as progress,
        crew(len(run.keys)) as each,
        heeded() as go_on,
    ):
        progress.advance(min(len(known) * CHUNK, total))
        try:
            chains = chains_of(known[-1][1], len(run.keys)) if known else starts(run, each)
            for stages in run.chunks(len(known)):
                go_on()
                chains, notes = chunk(run, chains, stages, each)
                if checkpoint is not None:
                    checkpoint.write({}, arrays_of(chains, notes))
                kept.append(notes)
                progress.advance(int(stages.counts.sum()), said(notes))
        except KeyboardInterrupt:
            if not any(notes["positions"].shape[1] for notes in kept):
                raise
            warnings.warn(interrupted(kept, run), SamplingWarning, stacklevel=4)
    names = kept[-1]
    return {name: np.concatenate([notes[name] for notes in kept], axis=1) for name in names}


def starts(run: Run, each: Each) -> list[Chain]:
    """Where the chains begin."""
    # No chain has a transition of this number, so that its chance is used once.
    return each(lambda key: begun(run.target, jax.random.fold_in(key, 2**31 - 1)), list(run.keys))


def chunk(run: Run, chains: list[Chain], stages: Stages, each: Each) -> tuple[list[Chain], Notes]:
    """All chains after some more transitions, and what is kept of the draws among these."""
    acceptance = jnp.asarray(run.acceptance, run.target.centre.dtype)

    def one(pair: tuple[Chain, Array]) -> tuple[Chain, Noted]:
        chain, key = pair
        found = advanced(run.target, chain, key, stages, acceptance, deepest=run.deepest)
        return jax.block_until_ready(found)

    found = each(one, list(zip(chains, run.keys, strict=True)))
    kept = np.asarray(stages.counts & ~stages.tunes)
    noted: list[Notes] = [flat(notes) for _, notes in found]
    return [chain for chain, _ in found], {
        name: np.stack([np.asarray(notes[name])[kept] for notes in noted]) for name in noted[0]
    }


def flat(notes: Noted) -> dict[str, Any]:
    """Notes by one name each."""
    common = {f"population/{name}": values for name, values in notes.common.items()}
    stats = {f"stats/{name}": values for name, values in notes.stats.items()}
    return {"positions": notes.positions, **common, **stats}


def under(notes: Notes, head: str) -> Notes:
    """The notes whose names begin with a word, by the rest of their names."""
    start = f"{head}/"
    return {n.removeprefix(start): v for n, v in notes.items() if n.startswith(start)}


def arrays_of(chains: list[Chain], notes: Notes) -> dict[str, np.ndarray]:
    """Chains and notes as arrays by name."""
    leaves = [jax.tree.leaves(chain) for chain in chains]
    state = {
        f"chain/{number}": np.stack([np.asarray(leaf) for leaf in every])
        for number, every in enumerate(zip(*leaves, strict=True))
    }
    return state | notes


def notes_of(arrays: dict[str, np.ndarray]) -> Notes:
    """The notes among some arrays."""
    return {name: array for name, array in arrays.items() if not name.startswith("chain/")}


def chains_of(arrays: dict[str, np.ndarray], count: int) -> list[Chain]:
    """The chains among some arrays."""
    leaves = under(arrays, "chain")
    zero = jnp.zeros(())
    tuning = untuned(jnp.zeros(1))
    like = Chain(place=zero, density=zero, gradient=zero, tuning=tuning, count=zero)
    structure = jax.tree.structure(like)
    ordered = [leaves[str(number)] for number in range(len(leaves))]
    return [
        jax.tree.unflatten(structure, [jnp.asarray(leaf[chain]) for leaf in ordered])
        for chain in range(count)
    ]


def said(notes: Notes) -> str:
    """How it goes, in a few words."""
    diverging = int(notes["stats/diverging"].sum())
    return f"{diverging} divergences in this chunk" if diverging else ""


def interrupted(kept: list[Notes], run: Run) -> str:
    """What an interruption leaves."""
    count = sum(notes["positions"].shape[1] for notes in kept)
    wanted = int((run.stages.counts & ~run.stages.tunes).sum())
    return f"Sampling was interrupted: {count} of {wanted} draws per chain were made, and these are returned."
