"""What fitting costs in processor time: modes, populations, draws, gradients, and what compiling adds.

    PYTHONPATH=. python tests/benchmarks/fitting.py [--double] [--rounds 5]
    PYTHONPATH=. python tests/benchmarks/fitting.py --expansions enhanced structured --jobs mode --rounds 3

Subjects are simulated on the 320 outcomes. A figure is the median of some calls after the first. Compiled
programs are not kept from one run to the next unless the environment says so.
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

Jobs = dict[str, Callable[[], Any]]

HEAD = (
    "expansion",
    "levels",
    "subjects",
    "what",
    "first call",
    "after it",
    "fastest",
)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--double", action="store_true", help="double precision")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--expansions", nargs="*", default=["enhanced"])
    parser.add_argument("--levels", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--subjects", nargs="*", type=int, default=[1, 100])
    parser.add_argument("--jobs", nargs="*", default=["gradient", "mode, 1 start", "mode"])
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.double)
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for levels in options.levels:
        for subjects in options.subjects:
            for expansion in options.expansions:
                agent = learner(levels, expansion)
                # The same data for every expansion.
                trials = study(learner(levels, "enhanced"), subjects)
                jobs = list_jobs(agent, trials)
                for name in options.jobs:
                    times = map(short, seconds(jobs[name], options.rounds))
                    row = (expansion, str(levels), str(subjects), name, *times)
                    print("| " + " | ".join(row) + " |", flush=True)


def list_jobs(agent: pn.Agent, trials: pn.Trials) -> Jobs:
    """What a user may ask of a study, by name."""
    return {
        "gradient": gradient(agent, trials),
        "mode, 1 start": lambda: pn.fit_map(agent, trials, starts=1, refine=1, seed=1),
        "mode": lambda: pn.fit_map(agent, trials, seed=1),
        "population": lambda: pn.fit_em(agent, trials, seed=1),
        "draws": lambda: pn.fit_nuts(agent, trials, chains=2, draws=200, tune=200, seed=1),
    }


def learner(levels: int, expansion: str) -> pn.Agent:
    """An agent that learns the probability of an outcome and bets on it."""
    free: dict[str, Any] = {"x2.tonic_volatility": pn.Normal(-4, 2)}
    if levels == 3:
        free["x3.tonic_volatility"] = pn.Normal(-6, 2)
    free["inverse_temperature"] = pn.LogNormal(1, 1)
    network = pn.models.binary_hgf(levels, expansion=expansion)
    return pn.Agent(network, pn.responses.UnitSquareSigmoid(), free=free)


def study(agent: pn.Agent, subjects: int) -> pn.Trials:
    """Subjects with parameters from the priors."""
    outcomes, _ = pn.data.association()
    columns = {
        "subject": np.repeat(np.arange(subjects), len(outcomes)),
        "u": np.tile(outcomes, subjects),
    }
    return pn.simulate(agent, pn.Trials(columns, inputs="u", by="subject"), seed=1).trials


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
