"""Every recorded run of pyhgf 0.3.2: matched, or explained by named corrections and nothing else."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import pynodes as pn
from tests.few import few
from tests.oracles.pyhgf import Run, run
from tests.oracles.pyhgf_comparison import apart, as_run, worst
from tests.oracles.pyhgf_corrections import ALL, NONE, Corrections

FOLDER = Path(__file__).parent / "pyhgf"
CASES = sorted(path.stem for path in FOLDER.glob("*.json"))


class Explanation(NamedTuple):
    """Why pynodes does not repeat a recorded run, and the corrections that matter there."""

    sentence: str
    switches: tuple[str, ...]


DEVIATIONS = {
    "bin3_iglesias_hot_std_rel": Explanation(
        "The standard expansion makes the top state's precision negative at step 265, where pyhgf goes on "
        "in NaN and pynodes names state and step; until then they agree.",
        (),
    ),
    "both_value_and_volatility_parent_unb_rel": Explanation(
        "n3 is a value parent of an input besides setting a state's volatility, and pyhgf's unbounded "
        "update never listens to that input.",
        ("value_children_heard",),
    ),
    "cont3_usdchf_hot_ehgf_rel": Explanation(
        "Nothing is corrected: the run is chaotic, so that a nudge of 1e-12 moves the record itself by more "
        "than one and rounding may show.",
        (),
    ),
    "diamond_volatility_std_rel": Explanation(
        "n1 has two volatility parents, and pyhgf gives each half of the volatility error, so that adding a "
        "silent one would halve what the other learns.",
        ("undivided_volatility_error",),
    ),
    "jget_input_volatility_unb_rel": Explanation(
        "Noise is learned from (u - m)² + 1/precision about the predicted m where it should be (u - m)² + s "
        "about the posterior one, and the observation is weighed by its predictive precision where the "
        "noise alone stands between it and its value parent.",
        ("noise_error_from_posterior", "noise_without_uncertainty"),
    ),
    "missing_all_ehgf_rel": Explanation(
        "Nothing is ever observed, yet in pyhgf the volatility level learns from a child that did not move.",
        ("silence_without_observation",),
    ),
    "missing_binary_gaps_unb_rel": Explanation(
        "In the gaps pyhgf's volatility level goes on learning from a child that was not observed.",
        ("silence_without_observation",),
    ),
    "missing_gaps_ehgf_rel": Explanation(
        "In the gaps pyhgf's volatility level goes on learning, and the state below drops the averaged "
        "growth that it had predicted.",
        ("silence_without_observation",),
    ),
    "missing_indep_shared_parent_irregular_ehgf_rel": Explanation(
        "pyhgf's volatility level goes on learning from unobserved children, and steps of irregular length "
        "count in the prediction of a Drift edge but not in its evidence.",
        ("silence_without_observation", "time_in_drift_evidence"),
    ),
    "missing_input_volatility_parent_unb_rel": Explanation(
        "pyhgf's unbounded update ignores the mask, so that the noise level learns from the placeholders "
        "too; and its noise error and gain differ as in the jget case.",
        (
            "silence_without_observation",
            "noise_error_from_posterior",
            "noise_without_uncertainty",
        ),
    ),
    "missing_random_std_mf": Explanation(
        "At missing observations pyhgf's volatility level hears of a move just as large as expected, and "
        "grows more certain of itself.",
        ("silence_without_observation",),
    ),
    "nonlinear_sin_rel": Explanation(
        "pyhgf differentiates sin at the previous posterior mean, and weighs its second derivative by the "
        "child's gain in precision where the gradient's gain belongs.",
        ("derivatives_at_prediction", "one_gain"),
    ),
    "nonlinear_softplus_mf": Explanation(
        "pyhgf differentiates softplus at the previous posterior mean of n1, which the drift from n2 has "
        "moved away from its prediction; in mean field both derivatives have the same gain anyway.",
        ("derivatives_at_prediction",),
    ),
    "nonlinear_tanh_rel": Explanation(
        "pyhgf differentiates tanh at the previous posterior mean, and weighs its second derivative by the "
        "child's gain in precision where the gradient's gain belongs.",
        ("derivatives_at_prediction", "one_gain"),
    ),
    "nonlinear_tanh_saturated_nan_rel": Explanation(
        "The second derivative of a strong tanh makes the parent's precision negative: at once when it is "
        "weighed as the first is, and pynodes says so; in pyhgf four steps later, then NaN.",
        ("one_gain",),
    ),
    "time_gappy_std_mf": Explanation(
        "The input is predicted by dt times its parent, but pyhgf's evidence about the parent has no dt.",
        ("time_in_drift_evidence",),
    ),
    "time_irregular_ehgf_rel": Explanation(
        "The input is predicted by dt times its parent, but pyhgf's evidence about the parent has no dt.",
        ("time_in_drift_evidence",),
    ),
    "time_irregular_value_chain_rel": Explanation(
        "The evidence of Drift edges lacks the dt of their predictions, and the second derivative of tanh is "
        "weighed by another gain than the first.",
        ("time_in_drift_evidence", "one_gain"),
    ),
    "time_tiny_unb_mf": Explanation(
        "The input is predicted by dt times its parent, but pyhgf's evidence about the parent has no dt.",
        ("time_in_drift_evidence",),
    ),
    "vol_parent_shared_two_inputs_ehgf_rel": Explanation(
        "A parent sets the noise of two inputs, and both report noise errors as in the jget case.",
        ("noise_error_from_posterior", "noise_without_uncertainty"),
    ),
    "vol_parent_shared_two_states_unb_rel": Explanation(
        "n4 sets the volatility of two states, and pyhgf's unbounded update listens to the first alone.",
        ("every_volatility_child_heard",),
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One recorded run: graph, series, expected arrays."""

    name: str

    @functools.cached_property
    def entry(self) -> dict:
        """The graph, its tolerance and the known deviations."""
        return json.loads((FOLDER / f"{self.name}.json").read_text())

    @functools.cached_property
    def data(self) -> dict[str, np.ndarray]:
        """All recorded arrays."""
        with np.load(FOLDER / f"{self.name}.npz") as stored:
            return {key: stored[key] for key in stored.files}

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """The observed series by input."""
        return {key[6:]: data for key, data in self.data.items() if key.startswith("input/")}

    @property
    def recorded(self) -> dict[str, np.ndarray]:
        """What pyhgf found, by ``"<node>/<field>"``."""
        return {
            key: array
            for key, array in self.data.items()
            if key not in ("dt", "observed") and not key.startswith("input/")
        }

    @property
    def rounding(self) -> float:
        """How far rounding may move the beliefs: a nudge of 1e-12 moves them by the recorded tolerance."""
        return max(1e-9, 1e-3 * self.entry["rtol"])

    @functools.cached_property
    def beliefs(self) -> pn.Trajectories:
        """What pynodes finds."""
        network = pn.Graph.from_json(json.dumps(self.entry["graph"])).compile()
        return network.filter(self.inputs, dt=self.data["dt"], throw=False)

    @functools.cached_property
    def ours(self) -> Run:
        """The beliefs of pynodes in the form of the oracle's."""
        return as_run(self.beliefs, self.entry["graph"])

    def oracle(self, corrections: Corrections) -> Run:
        """What the oracle finds under some corrections."""
        return run(self.entry["graph"], self.inputs, self.data["dt"], corrections)

    def matched(self) -> float:
        """Largest gap between pynodes and the record, over all recorded fields."""
        return max(
            worst(getattr(self.beliefs[key.split("/")[0]], key.split("/")[1]), expected)
            for key, expected in self.recorded.items()
        )


def explained(name: str) -> Corrections:
    """The corrections that a case's explanation names; none for cases that do not deviate."""
    return Corrections.only(*DEVIATIONS[name].switches) if name in DEVIATIONS else NONE


@functools.cache
def case(name: str) -> Case:
    """A case, read and filtered once."""
    return Case(name)


ALIKE = [name for name in CASES if not case(name).entry["deviates"]]
DEVIANT = [name for name in CASES if case(name).entry["deviates"]]


def test_every_deviation_is_explained():
    """The table speaks of all cases that deviate, and of no other."""
    assert sorted(DEVIATIONS) == DEVIANT
    assert len(CASES) == 51


@pytest.mark.parametrize("name", few(ALIKE, 8))
def test_pynodes_repeats_the_record(name):
    """Every recorded array is matched within the case's tolerance."""
    assert case(name).matched() <= max(case(name).entry["rtol"], 1e-8)


@pytest.mark.parametrize("name", few(CASES, 12))
def test_the_oracle_is_pyhgf_without_corrections(name):
    """Every record is reproduced, and where pyhgf breaks down to NaN so does the oracle."""
    found = case(name).oracle(NONE).fields
    for key, expected in case(name).recorded.items():
        assert worst(found[key], expected) <= 1e-8, key
        np.testing.assert_array_equal(np.isfinite(found[key]), np.isfinite(expected), key)


@pytest.mark.parametrize("name", few(CASES, 12))
def test_pynodes_is_the_oracle_corrected(name):
    """All beliefs agree until both fail, with all corrections, and with those alone that are named."""
    everywhere = case(name).oracle(ALL)
    named = case(name).oracle(explained(name))

    assert everywhere.failed == case(name).ours.failed
    assert apart(case(name).ours, everywhere) <= case(name).rounding
    assert apart(case(name).ours, named) <= case(name).rounding


@pytest.mark.parametrize("name", ["bin3_iglesias_hot_std_rel", "nonlinear_tanh_saturated_nan_rel"])
def test_a_failure_is_named(name):
    """Where pyhgf breaks down to NaN, pynodes names the very states whose precision is no more positive."""
    assert case(name).beliefs.status.nodes == case(name).oracle(ALL).broken


@pytest.mark.parametrize(
    ("name", "switch"),
    [(name, switch) for name in DEVIATIONS for switch in DEVIATIONS[name].switches],
)
def test_every_named_correction_is_needed(name, switch):
    """With the others of the explanation but without this one the fully corrected run is not reached."""
    others = set(DEVIATIONS[name].switches) - {switch}
    lacking = case(name).oracle(Corrections.only(*others))

    assert apart(case(name).oracle(ALL), lacking) > 1e-3
