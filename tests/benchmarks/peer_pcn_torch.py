"""pcn-torch in an environment of its own: the time of one learning step, and its accuracy on digits.

Run by ``tests/benchmarks/deep.py peers``; prints JSON. Its networks are generative: data and labels hang on
latent layers, so that the products of the first edge are part of every step. Bare products are its own.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from pcn_torch import PredictiveCodingNetwork, TrainCallback, TrainConfig, test_pcn, train_pcn

BATCH, BATCHES, STEPS = 128, 4, 20


def spend(call: Callable[[], object], times: int) -> np.ndarray:
    """Clock and processor time of a batch, medians; the first call apart."""
    call()
    spent = []
    for _ in range(times):
        begin = time.perf_counter(), time.process_time()
        call()
        spent.append(np.subtract((time.perf_counter(), time.process_time()), begin))
    return np.median(spent, axis=0) / BATCHES


def measure(epochs: int) -> dict[str, float]:
    """Of one learning step: bare products, one weight step per batch, and as it comes."""
    torch.manual_seed(0)
    x, y = torch.randn(BATCHES, BATCH, 784), torch.randint(0, 10, (BATCHES, BATCH))
    loader = list(zip(x, y, strict=True))
    first, second, last = torch.randn(784, 512), torch.randn(512, 512), torch.randn(10, 512)

    def multiply() -> None:
        for rows, outcomes in loader:
            z, w, hot = torch.zeros(BATCH, 512), torch.zeros(BATCH, 512), torch.eye(10)[outcomes]
            for _ in range(STEPS):
                error = rows - z @ first.T
                above = z - w @ second.T
                z = z + 1e-3 * (error @ first)
                w = w + 1e-3 * (above @ second + (hot - w @ last.T) @ last)
            _ = rows.T @ z, z.T @ w, hot.T @ w

    def train_with(learn: int | None, ask: int | None) -> Callable[[], object]:
        model = PredictiveCodingNetwork([784, 512, 512], activation="tanh", output_dim=10)
        config = TrainConfig(
            T_infer=STEPS, T_infer_test=ask, T_learn=learn, num_epochs=1, callback=TrainCallback()
        )
        return lambda: train_pcn(model, loader, config)

    found = {
        "bare": spend(multiply, epochs),
        "one": spend(train_with(1, 1), epochs),
        "as it comes": spend(train_with(None, None), 1),
    }
    return {
        f"{name}, {kind}": float(value)
        for name, both in found.items()
        for kind, value in zip(("clock", "processor"), both, strict=True)
    }


def learn_digits(path: str, seed: int) -> dict[str, float]:
    """With the network and the settings of its README: 64-128-64 and 10, ReLU, 4 epochs, batches of 32."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # its matrices are small
    data = {name: torch.from_numpy(value) for name, value in np.load(path).items()}
    pairs = torch.utils.data.TensorDataset(data["x"], data["y"])
    asked = torch.utils.data.TensorDataset(data["new_x"], data["new_y"])
    model = PredictiveCodingNetwork(
        dims=[64, 128, 64], activation="relu", output_dim=10, mode="classification"
    )
    config = TrainConfig(
        task="classification", T_infer=50, lr_infer=0.05, lr_learn=0.005, num_epochs=4,
        callback=TrainCallback(),
    )  # fmt: skip
    train_pcn(model, torch.utils.data.DataLoader(pairs, batch_size=32, shuffle=True), config)
    found = test_pcn(model, torch.utils.data.DataLoader(asked, batch_size=32), config)
    return {"accuracy": float(found["accuracy"])}


if __name__ == "__main__":
    what, argument, *seed = sys.argv[1:]
    told = measure(int(argument)) if what == "time" else learn_digits(argument, int(seed[0]))
    sys.stdout.write(json.dumps(told) + "\n")
