"""A fit of three subjects, told as JSON: alone, or as one of several processes.

python -m tests.fit.shared_fit [address number-of-processes number-of-this-one]
"""

from __future__ import annotations

import json
import sys

import jax

import pynodes as pn
from tests.fit.cases import chooser, table

LENGTHS = ((14, 11), (9, 13), (20, 6))


def main(address: str = "", processes: str = "1", number: str = "0") -> None:
    """Fit subjects, their population, and one by itself, and print what was found."""
    if address:
        jax.distributed.initialize(address, int(processes), int(number))
    trials = pn.Trials(table(LENGTHS), inputs="u", actions="y", by=["subject", "session"])
    fit = pn.fit_map(chooser(), trials, seed=2)
    told = {
        "devices": jax.device_count(),
        "positions": fit.positions.tolist(),
        "lme": fit.lme.tolist(),
        "agreeing": fit.agreeing.tolist(),
        "population": list(pn.fit_em(chooser(), trials, seed=2).estimates.values()),
        "alone": pn.fit_map(chooser(), trials.only(subject="s2"), seed=2).lme,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
