"""Two classic series, with their sources, and a simulated study."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pynodes._results.tables import extra

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import pandas


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

    Examples
    --------
    >>> import pynodes as pn
    >>> outcomes, choices = pn.data.association()
    >>> outcomes.shape, choices.shape
    ((320,), (320,))
    """
    return Association(_series("binary_input.txt"), _series("binary_response.txt"))


def study() -> pandas.DataFrame:
    """A small study in long form, to try things on: a row per trial. It is simulated; nobody took part.

    24 subjects in two sessions of 80 trials predict outcomes whose probability changes. Columns are
    ``subject``, ``session``, ``group`` (control or patient), ``site``, ``age``, ``trial``, ``u`` (what
    happened), ``y`` (what was predicted) and ``rt`` (seconds); one response in fifty is missing.

    Raises
    ------
    MissingExtraError
        pandas is not installed.

    Source: simulated by ``tests/fit/study.py`` with a stored seed. Everybody is a binary HGF of three
    levels with a tonic volatility of ``x3`` of -6.5; that of ``x2`` is -4.4, 1.2 more in patients, 0.3
    less per standard deviation of age, and scatters by 0.5; log inverse temperatures are 1.1, by 0.3. Log
    reaction times (of milliseconds) are 6.1, by 0.15, plus 0.1 per bit of surprise, by 0.03, plus
    the outcome's uncertainty, with a variance of 0.04. Sites do not differ.
    """
    with _file("study.csv").open(encoding="utf-8") as lines:
        return extra("pandas").read_csv(lines)


def _series(name: str) -> np.ndarray:
    return np.loadtxt(_file(name).read_text().splitlines())


def _file(name: str) -> Traversable:
    from importlib.resources import files  # slow to import, and seldom needed

    return files("pynodes.data").joinpath(name)
