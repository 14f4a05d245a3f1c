"""Sample the same posteriors with pynodes and with pyhgf 0.3.2 under PyMC, and print a table of ratios.

usage: python tests/benchmarks/fitting_peers.py [--only one|group] [--single] [--peer PYTHON]

The peer is used as its tutorials do: a log likelihood in JAX, wrapped for PyTensor, in a ``CustomDist``.
Its environment is made on first use (``.peer/fitting``, Python 3.12 or later), unless an interpreter is
named. The peer computes in double precision, as it does by default, and pynodes too unless ``--single``
asks for its own default. Each side has a process of its own and runs twice with different seeds: the
first time counts compiling, the second what is left of it. The figures are bulk effective samples per
second of processor time, of all threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

CHAINS = 2
LENGTHS = {"one": 1000, "one, three levels": 1000, "group": 1000}
"""Workloads: draws of each chain. Either side tunes as long as it does when nobody says anything."""

GROUP = 20
"""Number of subjects in the hierarchy."""

Draws = dict[str, np.ndarray]
"""Draws by name, of shape (chains, draws)."""


def main() -> None:
    """Measure both sides, or one of them for the other process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="workloads whose names begin with this")
    parser.add_argument("--single", action="store_true", help="pynodes in single precision")
    parser.add_argument("--peer", default="", help="interpreter with pyhgf and PyMC")
    parser.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = [name for name in LENGTHS if name.startswith(options.only)]
    if options.side:
        sample = ours if options.side == "ours" else peer
        data = dict(np.load(options.data))
        print(json.dumps({name: measured(sample(name, data, options.single)) for name in names}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.npz"
        np.savez(path, **study())
        found = {
            side: told(python, side, path, options)
            for side, python in (("ours", sys.executable), ("peer", options.peer or environment()))
        }
    report(names, found)


def environment() -> str:
    """The peer's interpreter."""
    sys.path.insert(0, str(Path(__file__).parent))
    import compare

    return str(compare.environment("fitting", compare.PEER, "pymc"))


def told(python: str, side: str, path: Path, options: argparse.Namespace) -> dict[str, dict]:
    """What the process of one side measured."""
    call = [python, "-W", "ignore", __file__, "--side", side, "--data", str(path)]
    call += ["--only", options.only, *["--single"] * options.single]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def study() -> dict[str, np.ndarray]:
    """Choices of simulated subjects on the series of outcomes, and of a person."""
    import pynodes as pn

    outcomes, choices = pn.data.association()
    random = np.random.default_rng(1)
    truth = {"tonic": random.normal(-4, 1, GROUP), "log_beta": random.normal(0.5, 0.5, GROUP)}
    network = pn.models.binary_hgf(2, initial_mean=0.0, initial_precision=1.0).compile()
    rows = []
    for tonic, log_beta in zip(*truth.values(), strict=True):
        beliefs = network.replace({"x2.tonic_volatility": tonic}).filter({"u": outcomes})
        mean = np.asarray(beliefs["u"].predicted_mean)
        logit = np.exp(log_beta) * (np.log(mean) - np.log1p(-mean))
        rows.append(random.random(len(outcomes)) < 1 / (1 + np.exp(-logit)))
    return {"u": outcomes, "one": choices[None], "group": np.array(rows, float)}


def measured(sample: Callable[[int], Draws]) -> dict[str, dict[str, float]]:
    """Effective samples, processor time of both runs, and posterior means."""
    from arviz_stats.base import array_stats

    seconds = []
    for seed in (1, 2):
        begin = time.process_time()
        draws = sample(seed)
        seconds.append(time.process_time() - begin)
    effective = {
        name: float(array_stats.ess(values, chain_axis=0, draw_axis=1, method="bulk"))
        for name, values in draws.items()
    }
    means = {name: float(values.mean()) for name, values in draws.items()}
    return {
        "ess": effective,
        "means": means,
        "seconds": dict(zip(("first", "again"), seconds, strict=True)),
    }


def ours(name: str, data: dict[str, np.ndarray], single: bool) -> Callable[[int], Draws]:
    """Draws by a seed, with pynodes."""
    import jax

    jax.config.update("jax_enable_x64", not single)
    import pynodes as pn

    levels = 3 if "three" in name else 2
    choices = data["group" if name == "group" else "one"]
    free = {
        "x2.tonic_volatility": pn.Normal(-3, 2),
        "inverse_temperature": pn.LogNormal(0.5, 1),
    }
    if levels == 3:
        free["x3.tonic_volatility"] = pn.Normal(-6, 2)
    graph = pn.models.binary_hgf(levels, initial_mean=0.0, initial_precision=1.0)
    agent = pn.Agent(graph, pn.responses.UnitSquareSigmoid(), free=free)
    subjects, steps = choices.shape
    columns = {
        "subject": np.repeat(np.arange(subjects), steps),
        "u": np.tile(data["u"], subjects),
        "y": choices.ravel(),
    }
    trials = pn.Trials(columns, inputs="u", actions="y", by="subject")
    draws = LENGTHS[name]

    def sample(seed: int) -> Draws:
        post = pn.fit_nuts(agent, trials, chains=CHAINS, draws=draws, seed=seed, progress=False)
        drawn = post.drawn
        alone = np.moveaxis(drawn.positions[:, :, 0], -1, 0)
        return drawn.population or dict(zip(agent.names, alone, strict=True))

    return sample


def peer(name: str, data: dict[str, np.ndarray], single: bool) -> Callable[[int], Draws]:
    """Draws by a seed, with pyhgf under PyMC."""
    del single  # PyMC computes in double precision
    import jax

    jax.config.update("jax_enable_x64", True)
    import pymc as pm

    model = posterior(name, data)
    draws = LENGTHS[name]

    def sample(seed: int) -> Draws:
        with model:
            tree = pm.sample(
                draws=draws,
                chains=CHAINS,
                cores=1,
                backend="jax",
                random_seed=seed,
                progressbar=False,
                nuts_sampler="pymc",
                compute_convergence_checks=False,
            )
        every = [variable.name for variable in model.free_RVs]
        wanted = [v for v in every if name != "group" or v not in ("tonic", "log_beta")]
        return {v: np.asarray(tree.posterior[v]).reshape(CHAINS, draws) for v in wanted}

    return sample


def posterior(name: str, data: dict[str, np.ndarray]):
    """The peer's model: centred, as in its tutorial on hierarchies."""
    import pymc as pm
    from pytensor import wrap_jax

    levels = 3 if "three" in name else 2
    choices = data["group" if name == "group" else "one"]
    count = len(choices)
    likelihood = peer_likelihood(levels, data["u"])

    @wrap_jax
    def logp(value, *given):
        return likelihood(value, *given)

    with pm.Model() as model:
        if name == "group":
            centre = [pm.Normal("mean_tonic", -3, 2), pm.Normal("mean_log_beta", 0.5, 1)]
            spread = [pm.HalfNormal("deviation_tonic", 2), pm.HalfNormal("deviation_log_beta", 1)]
            tonic = pm.Normal("tonic", centre[0], spread[0], shape=count)
            log_beta = pm.Normal("log_beta", centre[1], spread[1], shape=count)
        else:
            tonic = pm.Normal("tonic", -3, 2, shape=1)
            log_beta = pm.Normal("log_beta", 0.5, 1, shape=1)
        given = [tonic, log_beta]
        if levels == 3:
            given.append(pm.Normal("tonic_3", -6, 2, shape=1))
        pm.CustomDist("y", *given, logp=logp, observed=choices.T)
    return model


def peer_likelihood(levels: int, outcomes: np.ndarray):
    """Log likelihood of every subject's choices, by the peer's own filter."""
    import jax
    import jax.numpy as jnp
    from pyhgf.model import Network

    network = Network(volatility_updates="unbounded").add_nodes(kind="binary-state")
    network = network.add_nodes(kind="continuous-state", value_children=0, precision=1.0, mean=0.0)
    if levels == 3:
        network = network.add_nodes(
            kind="continuous-state", volatility_children=1, precision=1.0, mean=0.0
        )
    network = network.create_belief_propagation_fn()
    steps = len(outcomes)
    inputs = ((jnp.asarray(outcomes)[:, None],), (jnp.ones(steps, int),), jnp.ones(steps), None)
    start = network.attributes

    def one(choices, *given):
        attributes = {key: dict(value) for key, value in start.items()}
        attributes[1]["tonic_volatility"] = given[0]
        if levels == 3:
            attributes[2]["tonic_volatility"] = given[2]
        _, path = jax.lax.scan(network.scan_fn, attributes, inputs)
        mean = jnp.clip(path[0]["expected_mean"], 1e-6, 1 - 1e-6)
        logit = jnp.exp(given[1]) * (jnp.log(mean) - jnp.log1p(-mean))
        return jnp.sum(jax.nn.log_sigmoid(jnp.where(choices == 1, logit, -logit)))

    return lambda choices, *given: jax.vmap(one)(choices.T, *map(jnp.ravel, given))


def report(names: list[str], found: dict[str, dict[str, dict]]) -> None:
    """The table, and beside it what each side holds for the posterior means."""
    head = ("workload", "run", "pynodes", "peer", "ratio")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name in names:
        for run in ("first", "again"):
            rates = [
                min(side[name]["ess"].values()) / side[name]["seconds"][run]
                for side in (found["ours"], found["peer"])
            ]
            print(
                f"| {name} | {run} | {rates[0]:.3g} | {rates[1]:.3g} | **{rates[0] / rates[1]:.1f}** |"
            )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
