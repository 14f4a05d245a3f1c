"""Trials as a small table for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pynodes._html import table

if TYPE_CHECKING:
    from pynodes.fit.data.trials import Trials

SHOWN = 20
"""With more subjects, this many are shown, and how many more there are is said."""


def trials_to_html(trials: Trials) -> str:
    """A row per unit: how many trials and blocks, and how much is missing."""
    names = trials.roles.unit_keys or ("subject",)
    head = (*names, "trials", "blocks", "without response", "unseen", "ignored")
    rows: list[tuple[object, ...]] = []
    owner, block, _ = trials.layout.place
    for number, subject in enumerate(trials.subjects[:SHOWN]):
        mine = owner == number
        counts = [
            int(mine.sum()),
            int(np.unique(block[mine]).size),
            *(int(f[mine].sum()) for f in (trials.unanswered, trials.unseen, trials.ignored)),
        ]
        own = trials.key_of(subject).values() or (subject,)
        rows.append((*own, *counts))
    return table(repr(trials), head, rows, more=len(trials.subjects) - SHOWN)
