"""FabricPC in an environment of its own: the time of one learning step, and its accuracy on digits.

Run by ``tests/benchmarks/deep.py peers``; prints JSON.
"""

import itertools
import json
import sys
import time
from typing import Any

import jax
import numpy as np
import optax
from fabricpc.core.activations import SigmoidActivation, SoftmaxActivation, TanhActivation
from fabricpc.core.energy import CrossEntropyEnergy
from fabricpc.core.inference import InferenceSGD
from fabricpc.core.topology import Edge
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import initialize_params
from fabricpc.nodes import Linear
from fabricpc.training import evaluate, train

SIZES, BATCH, BATCHES, STEPS = (784, 512, 512, 10), 128, 16, 20


def build(sizes: tuple[int, ...], **options: Any) -> Any:
    """A chain of dense layers; options of a layer by its place."""
    layers = [
        Linear(shape=(n,), name=f"l{i}", **options.get(f"l{i}", {})) for i, n in enumerate(sizes)
    ]
    return graph(
        nodes=layers,
        edges=[
            Edge(source=above, target=below.slot("in"))
            for above, below in itertools.pairwise(layers)
        ],
        task_map=TaskMap(x=layers[0], y=layers[-1]),
        inference=InferenceSGD(eta_infer=0.05, infer_steps=STEPS),
    )


def measure(epochs: int) -> dict[str, float]:
    """Medians over epochs of the clock and of processor time, the first epoch apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES, BATCH, SIZES[0])).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, (BATCHES, BATCH))]
    inner = {"activation": TanhActivation()}
    structure = build(SIZES, l1=inner, l2=inner)
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
    return {
        "first": clock[0],
        "clock": float(np.median(clock[1:])) / BATCHES,
        "processor": float(np.median(processor[1:])) / BATCHES,
    }


def learn_digits(path: str, seed: int) -> dict[str, float]:
    """With the network and the settings of its first example: sigmoids, 20 epochs, batches of 200."""
    data = np.load(path)
    hot = np.eye(10, dtype=np.float32)
    inner = {"activation": SigmoidActivation()}
    last = {"activation": SoftmaxActivation(), "energy": CrossEntropyEnergy()}
    structure = build((64, 256, 64, 10), l1=inner, l2=inner, l3=last)
    rng, size = np.random.default_rng(seed), 200

    class Batches:
        """Shuffled in every epoch, the rest left out."""

        def __iter__(self) -> Any:
            order = rng.permutation(len(data["x"]))
            for start in range(0, len(order) - size + 1, size):
                rows = order[start : start + size]
                yield {"x": data["x"][rows], "y": hot[data["y"][rows]]}

        def __len__(self) -> int:
            return len(data["x"]) // size

    key = jax.random.PRNGKey(seed)
    config = {"num_epochs": 20}
    found = train(
        initialize_params(structure, key), structure, Batches(),
        optax.adamw(1e-3, weight_decay=1e-3), config, key, verbose=False,
    )  # fmt: skip
    asked = [{"x": data["new_x"], "y": hot[data["new_y"]]}]
    return {"accuracy": float(evaluate(found.params, structure, asked, config, key)["accuracy"])}


if __name__ == "__main__":
    what, argument, *seed = sys.argv[1:]
    told = measure(int(argument)) if what == "time" else learn_digits(argument, int(seed[0]))
    sys.stdout.write(json.dumps(told) + "\n")
