"""Parameters that adapt while filtering: slow states and a bank, beside the maximum of the likelihood.

A part of tests/benchmarks/structure.py. A walk whose volatility is drawn from its prior is seen through unit
noise; a regressor has a strength that is drawn from its prior. The maximum of the likelihood has seen the
whole series.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import pynodes as pn
from pynodes import structure

WIDE = 1.645
"""Standard deviations on either side of a band of 90 %."""


def adapting(sets):
    """RMSE of what is believed in the end, coverage of its 90 % band, and nats per step lost on the way."""
    volatilities(sets)
    strengths(sets)


def volatilities(sets):
    """Of a walk."""
    graph = pn.Graph().add(u=pn.ContinuousInput(), x=pn.ContinuousState()).couple("x", "u")
    name, prior = "x.tonic_volatility", pn.Normal(-1.0, 1.5)
    slow = structure.adaptive(graph, {name: prior})
    states = {e: slow.compile(expansion=e) for e in ("enhanced", "unbounded", "structured")}
    plain, bank = graph.compile(), structure.bank(graph.compile(), {name: prior})
    grid = np.linspace(-9.0, 7.0, 161)
    score = jax.jit(
        lambda u: jax.vmap(lambda value: plain.replace({name: value}).surprise({"u": u}))(
            jnp.asarray(grid)
        )
    )
    for steps in (200, 1000):
        rng, found = np.random.default_rng(steps), {}
        for _ in range(sets):
            truth = -1.0 + 1.5 * rng.normal()
            x = rng.normal() + np.cumsum(np.exp(truth / 2) * rng.normal(size=steps))
            u = x + rng.normal(size=steps)
            told = float(plain.replace({name: truth}).surprise({"u": u}))
            for expansion, network in states.items():
                run = network.filter({"u": u}, throw=False)
                belief = run["x_tonic_volatility"]
                sd = float(belief.precision[-1]) ** -0.5
                error = float(belief.mean[-1]) - truth
                lost = (float(run.surprise.sum()) - told) / steps
                found.setdefault(f"slow state, {expansion}", []).append(
                    (error, abs(error) < WIDE * sd, lost)
                )
            run = bank.filter({"u": u})
            low, high = (run.quantile(name, q)[-1] for q in (0.05, 0.95))
            lost = (bank.score_forecasts({"u": u}).sum() - told) / steps
            found.setdefault("bank", []).append(
                (run.mean(name)[-1] - truth, low <= truth <= high, lost)
            )
            most = grid[np.argmin(np.asarray(score(u)))]
            found.setdefault("maximum likelihood", []).append((most - truth, np.nan, np.nan))
        report(f"volatility, {steps} steps, {sets} sets", found)


def strengths(sets):
    """Of a regressor."""
    graph = pn.Graph().add(u=pn.ContinuousInput(), r=pn.Regressor()).couple("r", "u")
    name, prior = "r->u.strength", pn.Normal(0.0, 0.5)
    slow = structure.adaptive(graph, {name: prior}).compile()
    bank, plain = structure.bank(graph.compile(), {name: prior}), graph.compile()
    rng, found, steps = np.random.default_rng(7), {}, 200
    for _ in range(sets):
        truth, r = 0.5 * rng.normal(), rng.normal(size=steps)
        u = truth * r + rng.normal(size=steps)
        told = float(plain.replace({name: truth}).surprise({"u": u, "r": r}))
        run = slow.filter({"u": u, "r_u_strength->u.strength": r})
        belief = run["r_u_strength"]
        error, sd = float(belief.mean[-1]) - truth, float(belief.precision[-1]) ** -0.5
        lost = (float(run.surprise.sum()) - told) / steps
        found.setdefault("slow state", []).append((error, abs(error) < WIDE * sd, lost))
        run = bank.filter({"u": u, "r": r})
        low, high = (run.quantile(name, q)[-1] for q in (0.05, 0.95))
        lost = (bank.score_forecasts({"u": u, "r": r}).sum() - told) / steps
        found.setdefault("bank", []).append(
            (run.mean(name)[-1] - truth, low <= truth <= high, lost)
        )
        found.setdefault("maximum likelihood", []).append((r @ u / (r @ r) - truth, np.nan, np.nan))
    report(f"strength, {steps} steps, {sets} sets", found)


def report(what, found):
    """One line per way of learning."""
    for who, rows in found.items():
        error, inside, lost = np.array(rows, float).T
        line = f"{what}, {who}: RMSE {np.sqrt(np.mean(error**2)):.4f}"
        if np.isfinite(lost).all():
            line += f", coverage of 90 % {inside.mean():.3f}, nats per step lost {lost.mean():.4f}"
            line += f" (median {np.median(lost):.4f})"
        print(line, flush=True)
