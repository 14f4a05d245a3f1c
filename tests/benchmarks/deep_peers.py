"""One learning step, and digits, here and by peers in environments of their own: turn by turn in one run.

Run by ``tests/benchmarks/deep.py peers [rounds]``. Environments are made in ``.peer/`` on first use (PyTorch
takes gigabytes). jpc is on no package index: it is left out unless its repository is cloned to
``.peer/jpc-source``.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from compare import ROOT, environment
from deep import BATCH, SIZES, STEPS, bare_products, chain, digits, glorot, prepare_epoch, quietly

import pynodes as pn

HERE = Path(__file__).resolve().parent
JPC = ROOT / ".peer" / "jpc-source"


def find_peers() -> dict[str, Path]:
    """Their interpreters, by the name of their script."""
    found = {
        "fabricpc": environment("fabricpc", "fabricpc==0.6.0"),
        "pcn_torch": environment("pcn_torch", "torch==2.10.0", "pcn-torch==1.1.0"),
    }
    if JPC.exists():
        found["jpc"] = environment("jpc", str(JPC))
    else:
        print(f"jpc is left out: it is on no package index, and not in {JPC.relative_to(ROOT)}")
    return found


def ask(python: Path, name: str, *arguments: object) -> dict[str, float]:
    """What a script of a peer found."""
    script = HERE / f"peer_{name}.py"
    call = [str(python), "-W", "ignore", str(script), *map(str, arguments)]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def prepare_ours(batches: int) -> dict[str, Any]:
    """Calls that take so many batches: bare products, and an epoch of training with its history."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * batches, SIZES[0])).astype(np.float32)
    y = rng.integers(0, 10, BATCH * batches)
    weights = [jnp.asarray(glorot(rng, b, a)) for a, b in itertools.pairwise(SIZES)]
    bare, hot = bare_products(), jnp.asarray(np.eye(10, dtype=np.float32)[y])
    training = pn.deep.Training(
        epochs=1, batch=BATCH, scheme=pn.deep.Settle(steps=STEPS), optimiser=optax.sgd(1e-3)
    )

    def products() -> Any:
        rows = [slice(i * BATCH, (i + 1) * BATCH) for i in range(batches)]
        return [bare(weights, x[own], hot[own]) for own in rows][-1]

    return {
        "bare products": products,
        "pynodes": prepare_epoch(chain(SIZES), x, y, training),
    }


def compare_steps(peers: dict[str, Path], rounds: int, epochs: int = 6, batches: int = 16) -> None:
    """One learning step of all, in clock and processor time, times the bare matrix products."""
    calls = prepare_ours(batches)
    spent: dict[str, list[Any]] = {}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in [*calls.items()] * epochs:
            begin = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            ended = time.perf_counter(), time.process_time()
            spent.setdefault(name, []).append(np.subtract(ended, begin) / batches)
        for name in peers.keys() & {"fabricpc", "jpc"}:
            told = ask(peers[name], name, "time", epochs)
            spent.setdefault(name, []).append((told["clock"], told["processor"]))
        told = ask(peers["pcn_torch"], "pcn_torch", "time", 2)
        for what in ("bare", "one", "as it comes"):
            both = told[f"{what}, clock"], told[f"{what}, processor"]
            spent.setdefault(f"pcn_torch, {what}", []).append(both)
    base = np.median(spent["bare products"], axis=0)
    print(
        f"one step {SIZES}, batch {BATCH}, {STEPS} steps: clock and processor time, times bare and in ms"
    )
    for name, found in spent.items():
        own = np.median(spent["pcn_torch, bare"], axis=0) if "pcn_torch" in name else base
        both = np.median(found, axis=0)
        numbers = (*(both / own), *(1e3 * both))
        print(f"{name:24s}" + "".join(f"{number:9.2f}" for number in numbers), flush=True)


def learn_as(sizes: tuple[int, ...], function: str, seed: int, **options: Any) -> float:
    """Digits by settling here, at our documented setting, with a peer's network, epochs and batch."""
    (x, y), (new_x, new_y) = digits()
    network = chain(sizes, seed, function).replace({"h1.precision": 10.0, "h2.precision": 10.0})
    training = pn.deep.Training(key=seed, drop_last=True, optimiser=optax.adam(1e-3), **options)
    run = quietly(pn.deep.train, network, {"x": x, "y": y}, training)
    return pn.deep.test(run.network, {"x": new_x}, {"y": new_y}).accuracy


def compare_digits(peers: dict[str, Path], seeds: int) -> None:
    """Accuracy at the settings of each peer's first example; ours with the networks of two of them."""
    (x, y), (new_x, new_y) = digits()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npz"
        np.savez(path, x=x, y=y, new_x=new_x, new_y=new_y)
        for name, python in sorted(peers.items()):
            many = 1 if name == "pcn_torch" else seeds  # minutes for one
            found = [ask(python, name, "digits", path, seed)["accuracy"] for seed in range(many)]
            print(f"digits, {name:24s}", *(f"{share:.1%}" for share in found), flush=True)
    scheme = pn.deep.Settle(steps=20, step=0.01)
    theirs = {
        "fabricpc": ((64, 256, 64, 10), "sigmoid", {"epochs": 20, "batch": 200}),
        "jpc": ((64, 300, 300, 10), "relu", {"epochs": 13, "batch": 64}),
    }
    for name, (sizes, function, options) in theirs.items():
        found = [learn_as(sizes, function, seed, scheme=scheme, **options) for seed in range(seeds)]
        print(f"digits, ours as {name:16s}", *(f"{share:.1%}" for share in found), flush=True)


def compare_peers(rounds: int = 3, seeds: int = 3) -> None:
    """Both tables."""
    peers = find_peers()
    if rounds:
        compare_steps(peers, rounds)
    if seeds:
        compare_digits(peers, seeds)


if __name__ == "__main__":
    compare_peers(*map(int, sys.argv[1:]))
