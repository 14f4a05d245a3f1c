"""What fitting costs in processor time: modes with evidence, gradients, and what compiling adds.

    PYTHONPATH=. python tests/benchmarks/fitting.py [--double] [--rounds 5]

Subjects are simulated on the 320 outcomes. A figure is the median of some calls after the first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pynodes as pn
from pynodes.fit.agent.arrays import to_arrays
from pynodes.fit.agent.model import log_likelihoods

STARTS = ((1, 1), (16, 2))
"""Numbers of starts that are looked at, and of those that are followed."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--double", action="store_true", help="double precision")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.double)
    print(
        "| levels | subjects | what | first call | after it | fastest |\n|---|---|---|---|---|---|"
    )
    for levels in (2, 3):
        agent = learner(levels)
        for subjects in (1, 100):
            trials = study(agent, subjects)
            jobs: dict[str, Callable[[], Any]] = {"gradient": gradient(agent, trials)}
            jobs |= {
                f"mode and evidence, {starts} start{'s' * (starts > 1)}": fit(
                    agent, trials, starts, refine
                )
                for starts, refine in STARTS
            }
            for name, job in jobs.items():
                times = " | ".join(map(short, seconds(job, options.rounds)))
                print(f"| {levels} | {subjects} | {name} | {times} |", flush=True)


def learner(levels: int) -> pn.Agent:
    """An agent that learns the probability of an outcome and bets on it."""
    free: dict[str, Any] = {"x2.tonic_volatility": pn.Normal(-4, 2)}
    if levels == 3:
        free["x3.tonic_volatility"] = pn.Normal(-6, 2)
    free["inverse_temperature"] = pn.LogNormal(1, 1)
    return pn.Agent(pn.models.binary_hgf(levels), pn.responses.UnitSquareSigmoid(), free=free)


def study(agent: pn.Agent, subjects: int) -> pn.Trials:
    """Subjects with parameters from the priors."""
    outcomes, _ = pn.data.association()
    columns = {
        "subject": np.repeat(np.arange(subjects), len(outcomes)),
        "u": np.tile(outcomes, subjects),
    }
    return pn.simulate(agent, pn.Trials(columns, inputs="u", by="subject"), seed=1).trials


def fit(agent: pn.Agent, trials: pn.Trials, starts: int, refine: int) -> Callable[[], Any]:
    """A whole fit, as a user calls it."""
    return lambda: pn.fit_map(agent, trials, starts=starts, refine=refine, seed=1)


def gradient(agent: pn.Agent, trials: pn.Trials) -> Callable[[], Any]:
    """Log likelihoods of all subjects, and their gradients."""
    model, sequences = agent.model, jax.device_put(to_arrays(agent.model, trials))
    means = jnp.stack([prior.unconstrained_mean for prior in model.priors])
    places = jnp.tile(means, (len(trials.subjects), 1))
    slopes = jax.jit(
        jax.value_and_grad(lambda at, known: jnp.sum(log_likelihoods(model, at, known)))
    )
    return lambda: jax.block_until_ready(slopes(places, sequences))


def seconds(job: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """Processor time of the first call, and of later ones the median and the least."""
    times = []
    for _ in range(rounds + 1):
        begin = time.process_time()
        job()
        times.append(time.process_time() - begin)
    return times[0], statistics.median(times[1:]), min(times[1:])


def short(value: float) -> str:
    """A time in a unit that suits it."""
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1e3:.2f} ms"


if __name__ == "__main__":
    main()
