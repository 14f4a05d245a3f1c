"""Structures whose evidence was enumerated by other means: covariances of whole series, sums."""

import json

import numpy as np
import pytest

import pynodes as pn
from tests.pages import ROOT

FOLDER = ROOT / "tests" / "reference" / "structure"


def case(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def settings_of(variant, settings):
    """Settings of the regressions of one variant."""
    if variant == "known_noise":
        return {
            "noise": "known",
            "precision": 1 / settings["noise_variance"],
            "initial_variance": settings["strength_variance"],
        }
    learned = {
        "initial_variance": settings["ratio"],
        "noise_shape": settings["shape"],
        "noise_scale": settings["scale"],
    }
    drifts = variant == "unknown_noise_drifting"
    return learned | ({"tonic_volatility": float(np.log(settings["drift"]))} if drifts else {})


@pytest.mark.parametrize("number", range(4))
def test_lagged_edges_have_their_exact_evidence(number):
    """Every parent set, every edge probability, and the evidence of all graphs."""
    recorded = case(f"lagged_{number}")
    names = list("abcd")
    series = dict(zip(names, np.array(recorded["series"]).T, strict=True))
    for variant, evidence in recorded["log_evidence"].items():
        graph = pn.structure.lagged(names, **settings_of(variant, recorded["settings"]))
        space = pn.structure.space(graph, probability=recorded["settings"]["edge_prior"])
        found = pn.structure.search(space, series)
        probability = [[found.edge_probability[f"lag1_{i}->{j}"] for i in names] for j in names]

        assert found.by == "exact"
        np.testing.assert_allclose(np.array(found.score.tables), evidence, rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            probability, recorded["edge_probability_by_child"][variant], rtol=0, atol=1e-9
        )
        assert found.log_evidence == pytest.approx(
            recorded["log_evidence_of_all_graphs"][variant], abs=1e-9
        )
