"""jpc in an environment of its own: the time of one learning step, and its accuracy on digits.

Run by ``tests/benchmarks/deep.py peers``; prints JSON.
"""

import json
import sys
import time
from typing import Any

import equinox as eqx
import jax
import jpc
import numpy as np
import optax

SIZES, BATCH, BATCHES, STEPS = (784, 512, 512, 10), 128, 16, 20


def measure(epochs: int) -> dict[str, float]:
    """Medians over epochs: the custom loop of its documentation, of 20 steps, in one compiled function."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES, BATCH, SIZES[0])).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, (BATCHES, BATCH))]
    model = jpc.make_mlp(
        jax.random.PRNGKey(0), input_dim=784, width=512, depth=3, output_dim=10, act_fn="tanh",
        use_bias=True,
    )  # fmt: skip
    learner, settler = optax.sgd(1e-3), optax.sgd(0.1)
    state = learner.init((eqx.filter(model, eqx.is_array), None))

    @eqx.filter_jit
    def step(model: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        activities = jpc.init_activities_with_ffwd(model=model, input=x)
        inner = settler.init(activities)
        for _ in range(STEPS):
            moved = jpc.update_pc_activities(
                params=(model, None), activities=activities, optim=settler, opt_state=inner,
                output=y, input=x,
            )  # fmt: skip
            activities, inner = moved["activities"], moved["opt_state"]
        done = jpc.update_pc_params(
            params=(model, None), activities=activities, optim=learner, opt_state=state,
            output=y, input=x,
        )  # fmt: skip
        return done["model"], done["opt_state"]

    spent = []
    for _ in range(epochs):
        begin = time.perf_counter(), time.process_time()
        for rows, outcomes in zip(x, y, strict=True):
            model, state = step(model, state, rows, outcomes)
        jax.block_until_ready(jax.tree.leaves(eqx.filter(model, eqx.is_array)))
        spent.append(np.subtract((time.perf_counter(), time.process_time()), begin))
    clock, processor = np.median(spent[1:], axis=0) / BATCHES
    return {"first": spent[0][0], "clock": float(clock), "processor": float(processor)}


def learn_digits(path: str, seed: int) -> dict[str, float]:
    """With the network and the settings of its first example: 300 wide, ReLU, 300 batches of 64."""
    data, hot, size = np.load(path), np.eye(10, dtype=np.float32), 64
    model = jpc.make_mlp(
        jax.random.PRNGKey(seed), input_dim=64, width=300, depth=3, output_dim=10, act_fn="relu",
        use_bias=True,
    )  # fmt: skip
    learner, rng = optax.adam(1e-3), np.random.default_rng(seed)
    state = learner.init((eqx.filter(model, eqx.is_array), None))
    order = np.concatenate([rng.permutation(len(data["x"])) for _ in range(20)])
    for batch in range(300):
        rows = order[batch * size : (batch + 1) * size]
        done = jpc.make_pc_step(
            model=model, optim=learner, opt_state=state, output=hot[data["y"][rows]],
            input=data["x"][rows],
        )  # fmt: skip
        model, state = done["model"], done["opt_state"]
    _, accuracy = jpc.test_discriminative_pc(
        model=model, input=data["new_x"], output=hot[data["new_y"]]
    )
    return {"accuracy": float(accuracy) / 100}


if __name__ == "__main__":
    what, argument, *seed = sys.argv[1:]
    told = measure(int(argument)) if what == "time" else learn_digits(argument, int(seed[0]))
    sys.stdout.write(json.dumps(told) + "\n")
