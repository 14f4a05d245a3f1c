"""DeepNetwork of pyhgf 0.3.2: recorded runs with weights that are learned.

Seven of the fourteen recorded runs are repeated here, and two continuous ones beside the layers of series
(test_pyhgf_layers): nine match, once second derivatives are weighed as recorded and variances carried from
sample to sample. The other five ask for what we leave out or do otherwise:

* ``fixed_precisions`` puts every posterior precision back to one, which is no Bayesian step;
* ``no_predict_precision_relu_he`` carries precisions over but adds no growth to them;
* ``feedforward_uncertainty_input_layer`` learns the input layer although it is given;
* ``synaptic_uncertainty`` holds beliefs about weights; ``prediction_update`` splits a step in two.
"""

from pathlib import Path

import numpy as np
import optax
import pytest

import pynodes as pn
from tests.reference.recorded import Recorded

FOLDER = Path(__file__).parent / "pyhgf_deep"
SGD = optax.sgd(0.05)
RUNS = {
    "precision_weighted_unbounded": {},
    "precision_weighted_standard": {"expansion": "standard"},
    "standard_rule_unbounded": {"weigh": False},
    "adam_two_fits": {"optimiser": optax.adam(0.01)},
    "binary_output": {"leaf": pn.BinaryLayer(shape=2)},
    "batch_update": {"batch": 6},
    "eight_layers": {},
}


def load(name):
    with np.load(FOLDER / f"{name}.npz") as data:
        return {key: data[key] for key in data.files}


def fit(data, coupling, *, expansion="unbounded", leaf=None, batch=1, optimiser=SGD, weigh=True):
    """The first fit: weights by layer from the output up, the bias in the last column."""
    depth = sum(key.startswith("weights_before") for key in data)
    weights = [data[f"weights_before.{i}"] for i in range(1, depth + 1)]
    names = ["y", *(f"h{i}" for i in range(1, depth)), "x"]
    inner = {f"h{i}": pn.VolatileLayer(shape=len(weights[i]), memory=True) for i in range(1, depth)}
    output = leaf or pn.Layer(shape=len(weights[0]))
    graph = pn.Graph(expansion=expansion).add(
        inner, x=pn.Layer(shape=weights[-1].shape[1] - 1), y=output
    )
    for i, weight in enumerate(weights):
        edge = coupling(weights=weight[:, :-1], bias=weight[:, -1], function="tanh")
        graph = graph.couple(names[i + 1], names[i], edge)
    training = pn.deep.Training(
        epochs=1,
        batch=batch,
        scheme=pn.ClosedForm(),
        optimiser=optimiser,
        shuffle=False,
        weigh=weigh,
    )
    run = pn.deep.train(graph.compile(), {"x": data["x"], "y": data["y"]}, training)
    numbers = run.network.parameters()
    gaps = []
    for i in range(depth):
        edge = f"{names[i + 1]}->{names[i]}"
        found = np.column_stack([numbers[f"{edge}.weights"], numbers[f"{edge}.bias"]])
        gaps.append(np.abs(found - data[f"op0.weights_after.{i + 1}"]).max())
    return max(gaps)


@pytest.mark.parametrize("name", RUNS)
def test_weights_match_after_a_fit(name):
    assert fit(load(name), Recorded, **RUNS[name]) < 1e-14


def test_second_derivatives_as_derived_differ():
    """By default they are left out; exact, they are weighed with the gain of the mean."""
    assert fit(load("precision_weighted_unbounded"), pn.Dense) > 1e-4
