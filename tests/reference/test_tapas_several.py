"""pynodes beside recorded runs of the TAPAS HGF toolbox with several states under one parent.

Three of six runs match directly: same parameters, same trajectories. Three match by explanation: an
independent filter with the toolbox's reading reproduces the record, and the same filter with ours
reproduces pynodes. The toolbox's own runs of hgf_categorical and hgf_categorical_norm are about a
series that is not ours to hand on; here the independent filter takes their place, on other series.
(Both, and a run with ignored trials, were matched to 1e-14 when this was written.)
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

import pynodes as pn
from tests.oracles import tapas_several as oracle
from tests.oracles.tapas_records import part, worst

FOLDER = Path(__file__).parent / "tapas_several"

EXPLAINED = {
    "hgf_ar1_binary_mab__b3": (
        "An attractor draws the volatility parent, whose previous posterior mean drives growth in the "
        "toolbox and whose predicted mean does here; and there each outcome sharpens all arms, of which "
        "only the chosen one was seen."
    ),
    "hgf_binary_mab__b2coupled": (
        "Two arms that pay against each other are one state here. The toolbox keeps two, and mirrors "
        "the mean of the chosen one but not what was learned about its variance."
    ),
    "hgf_whichworld__base": (
        "An attractor draws the volatility parent, as above; and its precision gains the mean of what "
        "the worlds say there, while its mean hears their sum. Evidence adds in both."
    ),
}
"""Runs that pynodes deliberately does not repeat, and why."""

DIRECT = ["hgf_ar1_mab__b3", "hgf_binary_mab__b3", "hgf_whatworld__base"]
"""Runs whose semantics are ours."""

VARIANTS = {
    "hgf_ar1_binary_mab__b3": oracle.Variant(
        growth_follows_previous_parent=True, unchosen_gain_precision=True
    ),
    "hgf_binary_mab__b2coupled": oracle.Variant(means_mirrored=True),
    "hgf_whichworld__base": oracle.Variant(
        growth_follows_previous_parent=True, parent_averages_curvature=True
    ),
}
"""What the toolbox means, where it differs."""

SETTINGS = {"expansion": "standard", "marginalise": False, "probability_clip": 1e-12}


@dataclasses.dataclass(frozen=True)
class Run:
    """One recorded run: its inputs, and trajectories by state (time, states) and of the parent."""

    name: str
    series: np.ndarray
    choices: np.ndarray | None
    parameters: dict
    expected: dict


@functools.cache
def recorded(name):
    """A recorded run, by name."""
    data = np.load(FOLDER / f"prc_{name}.npz")
    lines = part(data, "trajectories")
    level = 0 if name.startswith("hgf_ar1_mab") else 1

    def states(field):
        """Of the lowest level; transitions from one state side by side."""
        values = lines[field][:, level]
        return values.swapaxes(1, 2).reshape(len(values), -1) if values.ndim == 3 else values

    def top(field):
        return lines[field][:, level + 1].reshape(len(lines[field]), -1)[:, 0]

    expected = {key: states(field) for key, field in STATES.items()}
    expected |= {key: top(field) for key, field in TOP.items()}
    choices = data["choices"] if "choices" in data.files else None
    return Run(name, data["u"], choices, part(data, "parameters"), expected)


STATES = {"mean": "mu", "variance": "sa", "ahead": "muhat", "width": "sahat"}
TOP = {"top": "mu", "top_variance": "sa", "high": "muhat", "spread": "sahat"}


def levels(run):
    """The lowest states and their parent as the independent filter takes them, and their strength."""
    values, count = run.parameters, run.expected["mean"].shape[1]
    if "mu2_0" in values:
        attracted = {"pull": values.get("phi", [0.0])[0], "attractor": values.get("m", [0.0])[0]}
        states = oracle.Level(values["mu2_0"], values["sa2_0"], values["om"][0])
        tonic = np.log(values["th"][0])
        parent = oracle.Level(values["mu3_0"][0], values["sa3_0"][0], tonic, **attracted)
        return states, parent, values["ka"][0]
    nothing = np.zeros(3)
    rows = [values.get(key, nothing)[-2:] for key in ("mu_0", "sa_0", "om", "phi", "m")]
    low, high = zip(*rows, strict=True)
    states = oracle.Level(np.full(count, low[0]), np.full(count, low[1]), *low[2:])
    return states, oracle.Level(*high), values["ka"][-1]


def trials(run, variant):
    """The trials of a run as the independent filter takes them."""
    if run.choices is None and run.name.startswith("hgf_whatworld"):
        return oracle.transitions(run.series, 4)
    if run.choices is None:
        return oracle.worlds(run.series, np.array([0.85, 0.15]))
    arms = run.expected["mean"].shape[1]
    if run.name.startswith("hgf_ar1_mab"):
        return oracle.continuous_arms(run.choices, run.series, arms, run.parameters["al"][0])
    coupled = run.name.endswith("coupled")
    return oracle.binary_arms(run.choices, run.series, arms, variant, coupled=coupled)


def refiltered(run, variant):
    """What the independent filter makes of a run; coupled arms as one state, unless mirrored."""
    states, parent, strength = levels(run)
    if run.name.endswith("coupled") and not variant.means_mirrored:
        states = dataclasses.replace(states, mean=states.mean[:1], variance=states.variance[:1])
    return oracle.filtered(states, parent, strength, trials(run, variant), variant)


def ladder(run):
    """Keywords of the premade models."""
    states, parent, strength = levels(run)
    return {
        "tonic_volatility": [states.tonic, parent.tonic],
        "initial_mean": [states.mean[0], parent.mean],
        "initial_precision": [1 / states.variance[0], 1 / parent.variance],
        "volatility_strength": strength,
        **SETTINGS,
    }


def bandit_of(run):
    """The premade bandit of a run and its inputs."""
    arms, (states, parent, _) = run.expected["mean"].shape[1], levels(run)
    graph = pn.models.bandit_hgf(
        arms,
        rewards="continuous" if "al" in run.parameters else "binary",
        reward_precision=1 / run.parameters.get("al", [1.0])[0],
        coupled=run.name.endswith("coupled"),
        autoconnection=[1 - states.pull, 1 - parent.pull],
        attractor=[states.attractor, parent.attractor],
        **ladder(run),
    )
    return graph, pn.models.bandit_inputs(run.choices, run.series, arms)


def worlds_of(run):
    """The graph of two worlds, of which the success of one is seen."""
    states, parent, strength = levels(run)
    logit = pn.ContinuousState(tonic_volatility=states.tonic, initial_precision=1.0)
    top = pn.ContinuousState(
        tonic_volatility=parent.tonic,
        initial_mean=parent.mean,
        initial_precision=1 / parent.variance,
        autoconnection=1 - parent.pull,
        tonic_drift=parent.pull * parent.attractor,
    )
    graph = (
        pn.Graph(**SETTINGS)
        .add(u=pn.BinaryInput(), world=pn.CategoricalState(), x2_0=logit, x2_1=logit, x3=top)
        .couple("world", "u", pn.Emission(probabilities=[0.85, 0.15]))
        .couple(["x2_0", "x2_1"], "world")
        .couple("x3", ["x2_0", "x2_1"], pn.Volatility(strength=strength))
    )
    return graph, {"u": run.series}


def believed(run):
    """What pynodes believes on a run."""
    if run.choices is not None:
        graph, inputs = bandit_of(run)
    elif run.name.startswith("hgf_whatworld"):
        graph = pn.models.transition_hgf(4, **ladder(run))
        inputs = pn.models.transition_inputs(run.series, 4, start=0)
    else:
        graph, inputs = worlds_of(run)
    return graph.compile().filter(inputs)


def fields_of(beliefs):
    """Beliefs by the names of the independent filter."""
    states = [name for name in beliefs if name.startswith("x")]
    *lowest, top = states

    def side_by_side(field):
        return np.stack([np.asarray(getattr(beliefs[name], field)) for name in lowest], axis=1)

    return {
        "mean": side_by_side("mean"),
        "variance": 1 / side_by_side("precision"),
        "ahead": side_by_side("predicted_mean"),
        "width": 1 / side_by_side("predicted_precision"),
        "top": beliefs[top].mean,
        "top_variance": 1 / beliefs[top].precision,
        "high": beliefs[top].predicted_mean,
        "spread": 1 / beliefs[top].predicted_precision,
    }


def gap(actual, expected):
    """Largest relative gap between two sets of trajectories."""
    return max(worst(actual[key], expected[key]) for key in expected)


def test_every_recorded_run_is_accounted_for():
    found = sorted(path.stem.removeprefix("prc_") for path in FOLDER.glob("*.npz"))

    assert sorted([*DIRECT, *EXPLAINED]) == found


@pytest.mark.parametrize("name", DIRECT)
def test_pynodes_matches_the_record(name):
    assert gap(fields_of(believed(recorded(name))), recorded(name).expected) < 1e-10


@pytest.mark.parametrize("name", [*DIRECT, *EXPLAINED])
def test_the_filter_with_the_toolbox_reading_matches_the_record(name):
    run = recorded(name)

    assert gap(refiltered(run, VARIANTS.get(name, oracle.PYNODES)), run.expected) < 1e-10


@pytest.mark.parametrize("name", [*DIRECT, *EXPLAINED])
def test_the_filter_with_our_reading_matches_pynodes(name):
    """So that nothing else differs than what the variant names."""
    run = recorded(name)

    assert gap(fields_of(believed(run)), refiltered(run, oracle.PYNODES)) < 1e-10


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explained_difference_is_there(name):
    """Otherwise the run belongs to those that match directly."""
    run = recorded(name)
    ours = fields_of(believed(run))

    assert worst(ours["top"], run.expected["top"]) > 1e-4


@pytest.mark.parametrize("name", VARIANTS)
def test_every_part_of_an_explanation_is_needed(name):
    """With any one of the toolbox's readings replaced by ours, the record is not met."""
    run, variant = recorded(name), VARIANTS[name]
    for field in dataclasses.fields(variant):
        if getattr(variant, field.name) and name != "hgf_binary_mab__b2coupled":
            other = dataclasses.replace(variant, **{field.name: False})
            assert gap(refiltered(run, other), run.expected) > 1e-4


@pytest.mark.parametrize(
    ("normalised", "squash"), [(False, oracle.sigmoid), (True, oracle.softmax)]
)
def test_categories_match_the_filter(normalised, squash):
    """Outcomes judged one by one, and by one softmax, on the recorded series of states."""
    codes = recorded("hgf_whatworld__base").series
    beliefs = (
        pn.models.categorical_hgf(
            4, normalised=normalised, tonic_volatility=[-4.0, -3.0], **SETTINGS
        )
        .compile()
        .filter({"u": codes})
    )

    states = oracle.Level(np.full(4, -np.log(3)), np.ones(4), -4.0)
    parent = oracle.Level(1.0, 0.1, -3.0)
    told = oracle.outcomes(codes, 4, squash)
    expected = oracle.filtered(states, parent, 1.0, told, oracle.PYNODES)
    assert gap(fields_of(beliefs), expected) < 1e-10
    chances = np.stack([squash(row) for row in expected["ahead"]])
    assert worst(beliefs["u"].predicted_mean, chances) < 1e-10
