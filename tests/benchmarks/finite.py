"""Share of draws from the TAPAS toolbox's default priors whose surprise is finite, here and in pyhgf 0.3.2.

usage: python tests/benchmarks/finite.py [--draws 2000]

Both sides run the real series in float64 from the same draws; the peer's environment is that of
``compare.py``. A gradient counts as finite if all its entries are.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

SCHEMES = {"standard": "standard", "enhanced": "eHGF", "unbounded": "unbounded"}


def series_of(model: str) -> np.ndarray:
    """The real series that a model is run on."""
    name = "binary_input.txt" if "binary" in model else "usdchf.txt"
    return np.loadtxt(ROOT / "pynodes" / "data" / name)


def shares(model: str, expansion: str, values: dict[str, np.ndarray], side: str) -> list[float]:
    """Shares of draws with finite surprise, and with finite surprise and gradient."""
    import jax

    jax.config.update("jax_enable_x64", True)
    surprise = {"ours": our_surprise, "peer": peer_surprise}[side](model, expansion)
    value, gradient = jax.jit(jax.vmap(jax.value_and_grad(surprise)))(values)
    finite = np.isfinite(value)
    slopes = np.all([np.isfinite(part) for part in gradient.values()], axis=0)
    return [float(np.mean(finite)), float(np.mean(finite & slopes))]


def our_surprise(model: str, expansion: str):
    """The surprise as a function of parameters by name, in pynodes."""
    import pynodes as pn

    series = series_of(model)
    if "binary" in model:
        graph = pn.models.binary_hgf(expansion=expansion)
    else:
        graph = pn.models.continuous_hgf(expansion=expansion, **pn.models.scaled_to(series))
    network = graph.compile()
    return lambda parameters: network.replace(parameters).surprise({"u": series})


def peer_surprise(model: str, expansion: str):
    """The same in pyhgf: the sum of minus the log predictive densities of its first node."""
    import jax.numpy as jnp
    from jax.lax import scan
    from pyhgf.model import Network

    series, binary = series_of(model), "binary" in model
    network = Network(volatility_updates=SCHEMES[expansion])
    network.add_nodes(kind="binary-state" if binary else "continuous-state")
    network.add_nodes(kind="continuous-state", value_children=0)
    network.add_nodes(kind="continuous-state", volatility_children=1)
    network.create_belief_propagation_fn()
    nodes = {"u": 0, "x1": 1, "x2": 1 if binary else 2, "x3": 2}
    fields = {"initial_mean": "mean", "initial_precision": "precision"}
    fixed = (
        {"x2.initial_precision": 10.0, "x3.initial_mean": 1.0}
        if binary
        else {"x2.initial_mean": 1.0}
    )
    steps = len(series)
    given = ((jnp.asarray(series)[:, None],), (jnp.ones(steps, int),), jnp.ones(steps), None)

    def surprise(parameters):
        attributes = {node: dict(values) for node, values in network.attributes.items()}
        for name, value in {**fixed, **parameters}.items():
            node, field = name.split(".")
            attributes[nodes[node]][fields.get(field, field)] = jnp.asarray(value, float)
        _, path = scan(network.scan_fn, attributes, given)
        mean, precision = path[0]["expected_mean"], path[0]["expected_precision"]
        if binary:
            probability = jnp.clip(mean, 1e-6, 1 - 1e-6)
            return -jnp.sum(jnp.where(series == 1, jnp.log(probability), jnp.log1p(-probability)))
        return 0.5 * jnp.sum(precision * (series - mean) ** 2 - jnp.log(precision / (2 * jnp.pi)))

    return surprise


def main() -> None:
    """Draw, run both sides, print the table."""
    from tests.oracles.tapas_priors import MODELS, drawn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--side", help="for the script's own use: model and file of draws")
    options = parser.parse_args()
    if options.side:
        model, expansion, file = options.side.split(",")
        print(json.dumps(shares(model, expansion, dict(np.load(file)), "peer")))
        return
    from compare import PEER, environment, figures

    python = environment("pinned", PEER)
    print(
        "| priors of | expansion | pynodes: surprise | and gradient | pyhgf: surprise | and gradient |"
    )
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            values = drawn(model, series_of(model), options.draws)
            file = Path(folder) / f"{model}.npz"
            np.savez(file, **values)
            for expansion in SCHEMES:
                ours = shares(model, expansion, values, "ours")
                peer = figures(python, "finite.py", "--side", f"{model},{expansion},{file}")
                cells = [f"{share:.4f}" for share in (*ours, *peer)]
                print("| " + " | ".join([model, expansion, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
