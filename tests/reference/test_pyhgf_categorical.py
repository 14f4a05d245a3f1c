"""pynodes beside recorded runs of pyhgf 0.3.2 with a categorical state.

The run with the standard update matches directly. In the run with the unbounded one the shared
volatility parent of pyhgf hears the first outcome's logit alone; pynodes hears all of them, and a
coupling of one's own that is deaf to the others repeats the record.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import pynodes as pn
from tests.oracles.tapas_records import worst

FOLDER = Path(__file__).parent / "pyhgf_categorical"

SETTINGS = {
    "categorical4_std_mf": {"expansion": "standard", "marginalise": False},
    "categorical3_default_unb_rel": {"expansion": "unbounded", "marginalise": True},
}


class Deaf(pn.Volatility):
    """A volatility coupling through which the parent drives its child but does not hear it."""

    def message(self, parent, child):
        message = super().message(parent, child)
        return dataclasses.replace(message, strength=0.0 * message.strength)


def recorded(name):
    data = np.load(FOLDER / f"{name}.npz")
    return {key: data[key] for key in data.files}


def graph_of(name, others=pn.Volatility):
    """The categorical state of pyhgf with its own defaults; ``others`` couples all logits but the first."""
    count = recorded(name)["mean"].shape[1]
    graph = pn.models.categorical_hgf(
        count,
        tonic_volatility=-4.0,
        initial_mean=[-np.log(count - 1), 0.0],
        initial_precision=1.0,
        **SETTINGS[name],
    )
    for code in range(1, count):
        graph = graph.rewire(f"x3->x2_{code}", coupling=others())
    return graph


def gap(name, beliefs, fields=("mean", "precision", "predicted_mean", "predicted_precision")):
    """Largest relative gap to the record."""
    expected = recorded(name)
    gaps = [worst(beliefs["u"].predicted_mean, expected["chance"])]
    gaps += [worst(beliefs["u"].surprise, expected["surprise"])]
    gaps += [worst(getattr(beliefs["x3"], f), expected[f"top_{f}"]) for f in ("mean", "precision")]
    for code in range(expected["mean"].shape[1]):
        node = beliefs[f"x2_{code}"]
        gaps += [worst(getattr(node, field), expected[field][:, code]) for field in fields]
    return max(gaps)


def believed(name, **options):
    return graph_of(name, **options).compile().filter({"u": recorded(name)["u"]})


def test_the_standard_run_matches():
    """Beliefs about all logits and the parent, probabilities and surprise."""
    assert gap("categorical4_std_mf", believed("categorical4_std_mf")) < 1e-10


def test_the_unbounded_run_matches_once_the_parent_hears_the_first_logit_alone():
    name = "categorical3_default_unb_rel"

    assert gap(name, believed(name, others=Deaf)) < 1e-8


def test_in_the_unbounded_run_pynodes_hears_every_logit():
    """So that the difference is there, and is the parent's."""
    name = "categorical3_default_unb_rel"
    top = believed(name)["x3"].mean

    assert worst(top, recorded(name)["top_mean"]) > 1e-2


@pytest.mark.parametrize("name", SETTINGS)
def test_a_surprise_is_that_of_all_indicators(name):
    """What pyhgf counts as well: every outcome's own, whether it happened or not."""
    run = recorded(name)
    happened = np.arange(run["chance"].shape[1]) == run["u"][:, None]
    chance = np.clip(run["chance"], 1e-6, 1 - 1e-6)

    expected = -np.log(np.where(happened, chance, 1 - chance)).sum(axis=1)
    np.testing.assert_allclose(run["surprise"], expected, rtol=1e-10)
