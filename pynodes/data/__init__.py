"""Two classic series, with their sources."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Association(NamedTuple):
    """Outcomes of a probabilistic association, and one participant's predictions of them.

    Attributes
    ----------
    outcomes
        What happened, 0 or 1, per trial.
    choices
        What the participant predicted, 0 or 1, per trial.
    """

    outcomes: np.ndarray
    choices: np.ndarray


def usd_chf() -> np.ndarray:
    """Swiss francs per US dollar on 614 days of 2010 and 2011, shape (614,).

    Source: the example of the HGF literature since Mathys et al. (2011), doi
    10.3389/fnhum.2011.00039; the copy distributed with pyhgf 0.3.2.
    """
    return _series("usdchf.txt")


def association() -> Association:
    """320 trials of a probabilistic association whose probability changes, and one person's choices.

    Source: Iglesias et al. (2013), doi 10.1016/j.neuron.2013.09.009, republished as (2021), doi
    10.1016/j.neuroimage.2020.117590; the copy distributed with pyhgf 0.3.2.
    """
    return Association(_series("binary_input.txt"), _series("binary_response.txt"))


def _series(name: str) -> np.ndarray:
    return np.loadtxt(files("pynodes.data").joinpath(name).read_text().splitlines())
