"""Trials as a small table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pynodes.fit.data.trials import Trials

SHOWN = 20
"""With more subjects, this many are shown, and how many more there are is said."""


def trials_to_html(trials: Trials) -> str:
    """A row per unit: how many trials and blocks, and how much is missing."""
    names = trials.roles.unit_keys or ("subject",)
    head = (*names, "trials", "blocks", "without response", "unseen", "ignored")
    cells = "".join(f"<th>{title}</th>" for title in head)
    owner, block, _ = trials.layout.place
    body = ""
    for number, subject in enumerate(trials.subjects[:SHOWN]):
        mine = owner == number
        counts = [
            int(mine.sum()),
            int(np.unique(block[mine]).size),
            *(int(f[mine].sum()) for f in (trials.unanswered, trials.unseen, trials.ignored)),
        ]
        own = trials.key_of(subject).values() or (subject,)
        row = "".join(f"<td>{escape(str(cell))}</td>" for cell in (*own, *counts))
        body += f"<tr>{row}</tr>"
    rest = len(trials.subjects) - SHOWN
    more = f"<p>... and {rest} more</p>" if rest > 0 else ""
    return (
        f"<table><caption>{escape(repr(trials))}</caption><thead><tr>{cells}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )
