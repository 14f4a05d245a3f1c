"""A fit of three subjects, told as JSON: alone, or as one of several processes.

python -m tests.fit.shared_fit [address number-of-processes number-of-this-one]
"""

from __future__ import annotations

import json
import sys
import warnings

import jax

import pynodes as pn
from tests.fit.cases import chooser, table

LENGTHS = ((14, 11), (9, 13), (20, 6))


def main(address: str = "", processes: str = "1", number: str = "0") -> None:
    """Fit subjects, their population, and one by itself, and print what was found."""
    if address:
        jax.distributed.initialize(address, int(processes), int(number))
    warnings.simplefilter("ignore", pn.SamplingWarning)  # there are but a few draws
    trials = pn.Trials(table(LENGTHS), inputs="u", actions="y", by=["subject", "session"])
    fit = pn.fit_map(chooser(), trials, seed=2)
    few = {"chains": 3, "tune": 60, "draws": 40, "seed": 5}
    one = pn.fit_nuts(chooser(), trials.only(subject="s2"), **few)
    group = pn.fit_nuts(chooser(), trials, **few | {"tune": 12, "draws": 5})
    told = {
        "devices": jax.device_count(),
        "positions": fit.unconstrained.tolist(),
        "lme": fit.lme.tolist(),
        "agreeing": fit.agreeing.tolist(),
        "population": list(pn.fit_em(chooser(), trials, seed=2).estimates.values()),
        "draws of one": one.unconstrained.tolist(),
        "draws of a group": group.unconstrained.tolist(),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
