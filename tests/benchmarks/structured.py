"""What Structured costs beside the other expansions: one series and 64, values and gradients, first calls.

    PYTHONPATH=. python tests/benchmarks/structured.py

For every model: processor time of calls taken in turns (medians), and of the first one, as multiples of
Enhanced's; the equations in the body of the loop, and how many of them are transcendental or divide. It is
processor time, because what else runs on the machine stretches the other kind.
"""

import argparse
import statistics
import time

import jax
import numpy as np

import pynodes as pn

STEPS, SERIES, ROUNDS = 320, 64, 15
MODELS = {
    "binary, 1 state": (pn.models.binary_hgf, 2),
    "binary, 2 states": (pn.models.binary_hgf, 3),
    "continuous, 2 states": (pn.models.continuous_hgf, 2),
    "continuous, 3 states": (pn.models.continuous_hgf, 3),
}
EXPANSIONS = {
    "enhanced": "enhanced",
    "unbounded": "unbounded",
    "3 nodes": pn.Structured(),
    "5 nodes": pn.Structured(nodes=5),
}
DEAR = ("exp", "log", "log1p", "expm1", "erfc", "erf", "logistic", "pow", "div", "sqrt", "rsqrt")


def make_calls(model, levels, expansion):
    """Values and gradients of one series and of many, with their arguments."""
    rng = np.random.default_rng(0)
    first = 2 if model is pn.models.binary_hgf else 1
    states = [f"x{level}" for level in range(first, levels + 1)][:2]
    names = [f"{name}.tonic_volatility" for name in states] + [f"{states[0]}.initial_mean"]
    start = np.array([*[-3.0, -4.0][: len(states)], 0.0])
    u = rng.normal(size=(SERIES, STEPS)).cumsum(-1) * 0.2 + rng.normal(size=(SERIES, STEPS))
    if model is pn.models.binary_hgf:
        u = (rng.random((SERIES, STEPS)) < 0.3 + 0.4 * (np.arange(STEPS) // 40 % 2)).astype(float)
    network = model(levels, expansion=expansion).compile()

    def surprise(values, series):
        return network.replace(dict(zip(names, values, strict=True))).surprise({"u": series})

    slope = jax.value_and_grad(surprise)
    many = start + 0.1 * rng.normal(size=(SERIES, len(start)))
    return {
        "one, value": (surprise, (start, u[0])),
        "one, gradient": (slope, (start, u[0])),
        "64, value": (jax.vmap(surprise), (many, u)),
        "64, gradient": (jax.vmap(slope), (many, u)),
    }


def once(call, arguments):
    """Seconds of processor time that a call takes."""
    begin = time.process_time()
    jax.block_until_ready(call(*arguments))
    return time.process_time() - begin


def count(jaxpr, inside=False):
    """Equations in the bodies of loops, and those of them that are dear."""
    total, dear = 0, 0
    for equation in jaxpr.eqns:
        if inside:
            total, dear = total + 1, dear + (equation.primitive.name in DEAR)
        for parameter in equation.params.values():
            for one in parameter if isinstance(parameter, tuple | list) else (parameter,):
                inner = getattr(one, "jaxpr", one)
                if hasattr(inner, "eqns"):
                    more = count(inner, inside or equation.primitive.name == "scan")
                    total, dear = total + more[0], dear + more[1]
    return total, dear


def measure(model, levels, calls):
    """Print a row for every call."""
    made = {name: make_calls(model, levels, EXPANSIONS[name]) for name in calls}
    for what in made["enhanced"]:
        ready, first, sizes = {}, {}, {}
        for name, of in made.items():
            function, arguments = of[what]
            sizes[name] = count(jax.make_jaxpr(function)(*arguments).jaxpr)
            call = jax.jit(function)
            first[name] = once(call, arguments)
            ready[name] = (call, arguments)
        times = {name: [] for name in ready}
        for _ in range(ROUNDS):
            for name, (call, arguments) in ready.items():
                times[name].append(once(call, arguments))
        base = statistics.median(times["enhanced"])
        ratios = [f"{statistics.median(times[name]) / base:.1f}" for name in ready]
        firsts = [f"{first[name] / first['enhanced']:.1f}" for name in ready]
        counts = ["{}/{}".format(*sizes[name]) for name in ready]
        yield what, f"{base * 1e6:.0f} µs", ratios, firsts, counts


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--expansions", nargs="*", default=list(EXPANSIONS))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(
        f"| model | call | {options.expansions[0]} | ratios | first calls | equations, dear ones |"
    )
    print("|---|---|---|---|---|---|")
    for model in options.models:
        for what, base, *lists in measure(*MODELS[model], options.expansions):
            cells = [" / ".join(one) for one in lists]
            print("| " + " | ".join([model, what, base, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
