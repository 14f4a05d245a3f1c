"""Time pynodes on the workloads of the comparison; print one JSON object, in seconds."""

from __future__ import annotations

import argparse
import json
import time

BEGIN = time.perf_counter()
import pynodes as pn  # noqa: E402

IMPORT = time.perf_counter() - BEGIN

import workloads  # noqa: E402

EXPANSIONS = {"unbounded": "unbounded", "eHGF": "enhanced", "standard": "standard"}
NAMES = ("x2.tonic_volatility", "x3.tonic_volatility", "x2.initial_mean")


def three_levels(expansion: str) -> pn.Network:
    """The binary network of three levels."""
    graph = pn.Graph(expansion=expansion).add(
        u=pn.BinaryInput(),
        x2=pn.ContinuousState(tonic_volatility=workloads.START[0]),
        x3=pn.ContinuousState(tonic_volatility=workloads.START[1]),
    )
    return graph.couple("x2", "u").couple("x3", "x2", "volatility").compile()


def fan(width: int, expansion: str) -> pn.Network:
    """Inputs with a state each, all states under one volatility parent."""
    states = {f"x{i}": pn.ContinuousState() for i in range(width)}
    inputs = {f"u{i}": pn.ContinuousInput(precision=1.0) for i in range(width)}
    edges = [(f"x{i}", f"u{i}", "value") for i in range(width)]
    edges += [("shared", f"x{i}", pn.Volatility(strength=0.1)) for i in range(width)]
    graph = pn.Graph(expansion=expansion).extend(
        {**inputs, **states, "shared": pn.ContinuousState()}, edges
    )
    return graph.compile()


def main() -> None:
    """Run every workload once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scheme", default="unbounded", choices=EXPANSIONS)
    parser.add_argument("--subjects", type=int, default=1024)
    parser.add_argument("--fan", type=int, default=0)
    options = parser.parse_args()
    u, expansion = workloads.outcomes(), EXPANSIONS[options.scheme]
    result: dict[str, object] = {"import": IMPORT}

    def first() -> object:
        return (
            three_levels(expansion).filter({"u": u})["x2"].mean
        )  # on the host: nothing to wait for

    result["first_filter"] = workloads.once(first)

    import jax
    import jax.numpy as jnp
    import numpy as np

    result["jax"] = jax.__version__
    network = three_levels(expansion)
    records = network.filter({"u": u}).records  # on the host, with nothing left to wait for
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(records))
    result["filter"] = workloads.timed(lambda: network.filter({"u": u}), 300)

    def surprise(theta):
        return network.replace(dict(zip(NAMES, theta, strict=True))).surprise({"u": u})

    theta = jnp.array(workloads.START)
    value, gradient = jax.jit(surprise), jax.jit(jax.value_and_grad(surprise))
    result["surprise"] = workloads.timed(lambda: value(theta).block_until_ready(), 500)
    result["gradient_first"] = workloads.once(lambda: jax.block_until_ready(gradient(theta)))
    result["gradient"] = workloads.timed(lambda: jax.block_until_ready(gradient(theta)), 500)
    thetas = jnp.asarray(workloads.cohort(options.subjects))
    group = jax.jit(jax.vmap(jax.value_and_grad(surprise)))
    result["cohort"] = workloads.timed(lambda: jax.block_until_ready(group(thetas)), 15)

    if options.fan:
        x = workloads.fan_series(options.fan)
        series = {f"u{i}": x[:, i] for i in range(options.fan)}

        wide = fan(options.fan, expansion)
        run = jax.jit(lambda s: wide.filter(s, record=[]).final)
        arrays = {name: jnp.asarray(values) for name, values in series.items()}
        result["fan_first"] = workloads.once(lambda: jax.block_until_ready(run(arrays)))
        result["fan"] = workloads.timed(lambda: jax.block_until_ready(run(arrays)), 50)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
