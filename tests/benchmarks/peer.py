"""Time pyhgf 0.3.2 on the workloads of the comparison; print one JSON object, in seconds.

Runs in an environment of its own (``compare.py`` makes it): pyhgf pins JAX below 0.7.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

warnings.filterwarnings("ignore")
BEGIN = time.perf_counter()
from pyhgf.model import Network  # noqa: E402

IMPORT = time.perf_counter() - BEGIN

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import workloads  # noqa: E402
from jax.lax import scan  # noqa: E402


def three_levels(scheme: str, network_class=Network):
    """The binary network of three levels, in either of its backends."""
    network = network_class(volatility_updates=scheme)
    network.add_nodes(kind="binary-state")
    network.add_nodes(
        kind="continuous-state", value_children=0, tonic_volatility=workloads.START[0]
    )
    network.add_nodes(
        kind="continuous-state", volatility_children=1, tonic_volatility=workloads.START[1]
    )
    return network


def surprise_of(scheme: str, u):
    """Sum of binary surprises as a function of the three parameters."""
    network = three_levels(scheme).create_belief_propagation_fn()
    steps = len(u)
    series = (
        (jnp.asarray(u, dtype="float32")[:, None],),
        (jnp.ones(steps, dtype=int),),
        jnp.ones(steps),
        None,
    )
    outcome = series[0][0][:, 0]

    def surprise(theta):
        attributes = {node: dict(fields) for node, fields in network.attributes.items()}
        attributes[1]["tonic_volatility"] = theta[0]
        attributes[2]["tonic_volatility"] = theta[1]
        attributes[1]["mean"] = theta[2]
        _, path = scan(network.scan_fn, attributes, series)
        probability = jnp.clip(path[0]["expected_mean"], 1e-6, 1 - 1e-6)
        return -jnp.sum(jnp.where(outcome == 1, jnp.log(probability), jnp.log1p(-probability)))

    return surprise


def fan(width: int, scheme: str):
    """Inputs with a state each, all states under one volatility parent."""
    network = Network(volatility_updates=scheme).add_nodes(kind="continuous-state", n_nodes=width)
    for i in range(width):
        network.add_nodes(kind="continuous-state", value_children=i)
    network.add_nodes(
        kind="continuous-state", volatility_children=(list(range(width, 2 * width)), [0.1] * width)
    )
    return network.create_belief_propagation_fn()


def fan_times(width: int, scheme: str) -> dict[str, float]:
    """First and repeated run of a fan."""
    x, wide = workloads.fan_series(width), fan(width, scheme)
    ones = jnp.ones(len(x), dtype=int)
    columns = tuple(jnp.asarray(x[:, i : i + 1]) for i in range(width))
    series = (columns, (ones,) * width, jnp.ones(len(x)), None)
    run = jax.jit(lambda a, s: scan(lambda c, m: (wide.scan_fn(c, m)[0], None), a, s)[0])

    def call() -> None:
        jax.block_until_ready(run(wide.attributes, series))

    return {"fan_first": workloads.once(call), "fan": workloads.timed(call, 20)}


def main() -> None:
    """Run every workload once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scheme", default="unbounded")
    parser.add_argument("--subjects", type=int, default=1024)
    parser.add_argument("--fan", type=int, default=0)
    parser.add_argument("--only-gradient", action="store_true")
    options = parser.parse_args()
    u = workloads.outcomes()
    result: dict[str, object] = {"import": IMPORT, "jax": jax.__version__}
    theta = jnp.array(workloads.START)
    surprise = surprise_of(options.scheme, u)
    value, gradient = jax.jit(surprise), jax.jit(jax.value_and_grad(surprise))

    if options.only_gradient:
        result["surprise"] = workloads.timed(lambda: value(theta).block_until_ready(), 100)
        result["gradient"] = workloads.timed(lambda: jax.block_until_ready(gradient(theta)), 50)
        if options.fan:
            result |= fan_times(options.fan, options.scheme)
        print(json.dumps(result))
        return

    network = three_levels(options.scheme)

    def call() -> None:
        network.input_data(u)
        jax.block_until_ready(network.node_trajectories)

    result["first_filter"] = workloads.once(call)
    result["filter"] = workloads.timed(call, 50)
    try:
        from pyhgf.rshgf import Network as Rust

        rust = three_levels(options.scheme, Rust)
        rust.set_update_sequence()

        def call_rust() -> None:
            rust.input_data(u.astype(float))
            _ = rust.node_trajectories  # as arrays, which is what the others return

        result["filter_rust"] = workloads.timed(call_rust, 300)
    except ImportError:
        result["filter_rust"] = float("nan")

    result["surprise"] = workloads.timed(lambda: value(theta).block_until_ready(), 500)
    result["gradient_first"] = workloads.once(lambda: jax.block_until_ready(gradient(theta)))
    result["gradient"] = workloads.timed(lambda: jax.block_until_ready(gradient(theta)), 500)
    thetas = jnp.asarray(workloads.cohort(options.subjects))
    group = jax.jit(jax.vmap(jax.value_and_grad(surprise)))
    result["cohort"] = workloads.timed(lambda: jax.block_until_ready(group(thetas)), 7)

    if options.fan:
        result |= fan_times(options.fan, options.scheme)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
