"""Runs of pyhgf 0.3.2 with hooks, in the words of pynodes: acting, skipping updates, dreaming on.

Recorded with pyhgf 0.3.2 (JAX 0.6.2, float64).
"""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import pynodes as pn
from pynodes.environments import AbstractEnvironment

FILE = Path(__file__).parent / "pyhgf_hooks.npz"


@cache
def recorded(case: str) -> dict[str, np.ndarray]:
    """The arrays of one run."""
    with np.load(FILE) as data:
        return {k.removeprefix(case + "/"): data[k] for k in data.files if k.startswith(case)}


class Contrary(AbstractEnvironment):
    """Answers a choice of 1 with the series, a choice of 0 with its opposite."""

    def begin(self, key):
        return jnp.array(0)

    def answer(self, key, state, action):
        value = jnp.asarray(recorded("action")["input_data"])[state]
        return state + 1, {"u": jnp.where(action, value, 1 - value)}


def test_an_action_step_is_an_interaction():
    """The agent picks what it holds for likelier; what it observes depends on that."""
    run = recorded("action")
    network = (
        pn.Graph()
        .add(u=pn.BinaryInput(), x2=pn.ContinuousState(tonic_volatility=-2.0))
        .couple("x2", "u")
        .compile()
    )

    def choice(key, beliefs):
        return beliefs["u"].predicted_mean > 0.5

    lived = network.interact(Contrary(), choice, jax.random.key(0), steps=len(run["input_data"]))
    beliefs = lived.beliefs

    np.testing.assert_array_equal(lived.inputs["u"], run["n0.mean"])
    np.testing.assert_allclose(beliefs["u"].predicted_mean, run["n0.expected_mean"], rtol=1e-9)
    np.testing.assert_allclose(beliefs["x2"].mean, run["n1.mean"], rtol=1e-9)
    np.testing.assert_allclose(beliefs["x2"].precision, run["n1.precision"], rtol=1e-9)
    np.testing.assert_allclose(
        beliefs["x2"].predicted_precision, run["n1.expected_precision"], rtol=1e-9
    )


def three_levels(expansion: str, precision: float, volatility: float) -> pn.Network:
    return (
        pn.Graph(expansion=expansion)
        .add(u=pn.ContinuousInput(precision=precision))
        .add(x=pn.ContinuousState(tonic_volatility=volatility), v=pn.ContinuousState())
        .couple("x", "u")
        .couple("v", "x", pn.Volatility())
        .compile()
    )


def test_a_sequence_that_skips_updates_is_a_frozen_step():
    """Predictions of a skipped step are shown there, and thrown away; here the step repeats the last."""
    run = recorded("sequence")
    frozen = run["branches_idx"] == 1
    beliefs = three_levels("enhanced", 1.0, -2.0).filter({"u": run["input_data"]}, frozen=frozen)

    for name, node in (("x", "n1"), ("v", "n2")):
        np.testing.assert_allclose(beliefs[name].mean, run[f"{node}.mean"], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(beliefs[name].precision, run[f"{node}.precision"], rtol=1e-9)
        np.testing.assert_allclose(
            np.asarray(beliefs[name].predicted_precision)[~frozen],
            run[f"{node}.expected_precision"][~frozen],
            rtol=1e-9,
        )


class Dream(AbstractEnvironment):
    """Answers with what the agent says."""

    def begin(self, key):
        return ()

    def answer(self, key, state, action):
        return state, {"u": action}


DREAMS = 2000


def test_sampling_forward_is_an_agent_that_observes_its_own_predictions():
    """Averages and spreads of 2,000 rollouts, each within Monte Carlo error of 2,000 of ours.

    There the value is drawn with the noise of the observation alone, though its mean is uncertain.
    """
    run = recorded("sampling")
    network = three_levels("unbounded", 2.0, -2.0)
    start = network.filter({"u": run["input_data"]}).final
    steps = len(run["n0.mean.average"])

    def said(key, beliefs):
        return beliefs["u"].predicted_mean + jax.random.normal(key) / jnp.sqrt(2.0)

    def dream(key):
        beliefs = network.interact(Dream(), said, key, steps=steps, start=start).beliefs
        return beliefs["u"].mean, beliefs["x"].mean, beliefs["v"].mean

    dreams = jax.jit(jax.vmap(dream))(jax.random.split(jax.random.key(0), DREAMS))
    for node, found in zip(("n0", "n1", "n2"), map(np.asarray, dreams), strict=True):
        average, spread = run[f"{node}.mean.average"], run[f"{node}.mean.sd"]
        error = spread * np.sqrt(2 / DREAMS)
        np.testing.assert_array_less(abs(found.mean(0) - average), 4.5 * error)
        np.testing.assert_array_less(abs(found.std(0) / spread - 1), 4.5 / np.sqrt(DREAMS))


def test_a_forecast_spreads_further_than_such_dreams():
    """Its first value has the variance of the prediction: 1/2 of noise and 0.188 of not knowing the mean."""
    run = recorded("sampling")
    network = three_levels("unbounded", 2.0, -2.0)
    start = network.filter({"u": run["input_data"]}).final
    first = np.asarray(network.forecast(jax.random.key(1), 1, start=start, draws=DREAMS)["u"])[:, 0]
    uncertain = 1 / run["n1.expected_precision.average"][0]

    assert abs(np.var(first) / (0.5 + uncertain) - 1) < 4.5 * np.sqrt(2 / DREAMS)
    assert abs(run["n0.mean.sd"][0] ** 2 / 0.5 - 1) < 4.5 * np.sqrt(2 / DREAMS)
