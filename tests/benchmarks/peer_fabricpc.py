"""One learning step of [784, 512, 512, 10] by FabricPC, 20 steps of settling, in seconds; prints JSON.

Run by ``tests/benchmarks/deep.py peers`` in an environment of its own.
"""

import itertools
import json
import sys
import time

import jax
import numpy as np
import optax
from fabricpc.core.activations import TanhActivation
from fabricpc.core.inference import InferenceSGD
from fabricpc.core.topology import Edge
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import initialize_params
from fabricpc.nodes import Linear
from fabricpc.training import train

SIZES, BATCH, BATCHES, STEPS = (784, 512, 512, 10), 128, 16, 20


def main(epochs: int) -> None:
    """Medians over epochs of the clock and of processor time, the first epoch apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES, BATCH, SIZES[0])).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, (BATCHES, BATCH))]
    inner = {1: {"activation": TanhActivation()}, 2: {"activation": TanhActivation()}}
    layers = [Linear(shape=(n,), name=f"l{i}", **inner.get(i, {})) for i, n in enumerate(SIZES)]
    structure = graph(
        nodes=layers,
        edges=[
            Edge(source=above, target=below.slot("in"))
            for above, below in itertools.pairwise(layers)
        ],
        task_map=TaskMap(x=layers[0], y=layers[-1]),
        inference=InferenceSGD(eta_infer=0.05, infer_steps=STEPS),
    )
    loader = [{"x": a, "y": b} for a, b in zip(x, y, strict=True)]
    clock, processor, begin = [], [], [0.0, 0.0]

    def note(_: object) -> None:
        now = time.perf_counter(), time.process_time()
        clock.append(now[0] - begin[0])
        processor.append(now[1] - begin[1])
        begin[:] = now

    begin[:] = time.perf_counter(), time.process_time()
    train(
        initialize_params(structure, jax.random.PRNGKey(0)), structure, loader, optax.sgd(1e-3),
        {"num_epochs": epochs}, jax.random.PRNGKey(1), verbose=False, epoch_callback=note,
    )  # fmt: skip
    told = {
        "first": clock[0],
        "clock": float(np.median(clock[1:])) / BATCHES,
        "processor": float(np.median(processor[1:])) / BATCHES,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
