"""Gallery: an image of every figure that pynodes draws, as docs/gallery.md shows them.

Takes a minute or two; a part of it with --only.

    python examples/gallery.py --out docs/figures/gallery
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import pynodes as pn
from pynodes import plotting

DPI = 200
"""Of images; films are for the screen."""

SCREEN = 80

COLOURS = 128
"""Of an image, so that its file stays small: lines on white need no more."""


@cache
def outcomes() -> np.ndarray:
    """Two hundred outcomes, thirty of which were not seen."""
    found = pn.data.association().outcomes[:200].astype(float)
    found[120:150] = np.nan
    return found


@cache
def network(levels: int = 3) -> Any:
    """A binary HGF."""
    return pn.models.binary_hgf(levels).compile()


@cache
def beliefs(levels: int = 3) -> Any:
    """What it believed about the outcomes."""
    return network(levels).filter({"u": outcomes()})


@cache
def rates() -> Any:
    """A network for an exchange rate, and what it believed of it."""
    series = pn.data.usd_chf()[:300]
    found = pn.models.continuous_hgf(**pn.models.scaled_to(series, 2)).compile()
    return found, found.filter({"u": series})


@cache
def searched() -> Any:
    """Edges between five series, one of which drives two others."""
    rng = np.random.default_rng(3)
    strengths = np.diag([0.5, 0.4, 0.3, 0.5, 0.2])
    strengths[0, [1, 2]], strengths[2, 3] = 0.4, -0.35
    series = np.zeros((300, 5))
    for step in range(1, 300):
        series[step] = series[step - 1] @ strengths + rng.normal(size=5)
    space = pn.structure.space(pn.structure.lagged(list("abcde")), probability=0.2)
    return pn.structure.search(space, dict(zip("abcde", series.T, strict=True)))


@cache
def tried() -> Any:
    """The agent of the studies, and the trials of six subjects."""
    frame = pn.data.study().query("subject < 's07' and session == 1")
    trials = pn.Trials(frame, inputs="u", actions="y", by="subject")
    return pn.agents.binary_hgf(2), trials


@cache
def fitted() -> Any:
    """Its fit to every subject alone."""
    return pn.fit_map(*tried(), starts=4)


@cache
def grouped() -> Any:
    """Its fit to the group."""
    return pn.fit_em(*tried())


@cache
def drawn() -> Any:
    """Draws from the posterior of one subject."""
    agent, trials = tried()
    return pn.fit_nuts(agent, trials.only(subject="s01"), draws=1000, chains=2, seed=1)


@cache
def design() -> Any:
    """What simulated subjects see."""
    return pn.Trials({"u": pn.data.association().outcomes[:160]}, inputs="u")


@cache
def rivals() -> Any:
    """Two agents that are compared."""
    return {"HGF": pn.agents.binary_hgf(2), "Rescorla-Wagner": pn.agents.rescorla_wagner()}


@cache
def compared() -> Any:
    """Their evidence for every subject."""
    _, trials = tried()
    return pn.compare({name: pn.fit_map(one, trials, starts=2) for name, one in rivals().items()})


def graph() -> Any:
    """A graph with what its nodes believed at one step."""
    return plotting.plot_graph(pn.models.binary_hgf(3), beliefs=beliefs(), step=150)


def node() -> Any:
    """One node in detail."""
    return beliefs().plot_node("x2")


def every_node() -> Any:
    """Beliefs, responses, learning rates and surprise."""
    chance = np.asarray(beliefs()["u"].predicted_mean)
    choices = (np.random.default_rng(1).random(len(chance)) < chance).astype(float)
    return beliefs().plot(rates="x2->u", responses={"choice": choices})


def batch() -> Any:
    """A network under forty parameter sets, in two groups."""
    values = np.random.default_rng(0).normal([[-4.5], [-3.0]], 0.6, (2, 20)).ravel()

    def run(value: Any) -> Any:
        return network().replace({"x2.tonic_volatility": value}).filter({"u": outcomes()})

    return plotting.plot_batch(jax.vmap(run)(values), groups=["slow"] * 20 + ["fast"] * 20)


def runs() -> Any:
    """Two networks on the same data."""
    return plotting.plot_runs({"three levels": beliefs(3), "two levels": beliefs(2)})


def trajectory_correlation() -> Any:
    """Which beliefs move together."""
    return plotting.plot_trajectory_correlation(beliefs())


def forecast() -> Any:
    """What an exchange rate may become."""
    found, past = rates()
    ahead = found.forecast(jax.random.key(0), 60, start=past.final, draws=500)
    return ahead.plot(history=past, draws=3)


def clusters() -> Any:
    """Sorts of observation that appear one after the other."""
    rng = np.random.default_rng(3)
    parts = [rng.integers(0, 2, 80), rng.integers(0, 3, 70), rng.integers(0, 4, 90)]
    sorts = np.concatenate(parts)
    values = np.array([-4.0, 1.0, 5.0, -1.5])[sorts] + 0.5 * rng.normal(size=len(sorts))
    state = pn.DirichletProcessState(
        components=8, initial_statistics=(0.0, 20.0), pseudo_count=0.02
    )
    found = pn.Graph().add(u=state).compile().filter({"u": values})
    return plotting.plot_clusters(found, "u", values)


def densities() -> Any:
    """What was predicted of a series whose mean and deviation change."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 60), rng.normal(4, 0.5, 60)])
    state = pn.ExponentialFamilyState(pseudo_count=8.0)
    found = pn.Graph().add(u=state).compile().filter({"u": values})
    return plotting.plot_densities(found, "u", 8, values=values)


def transitions() -> Any:
    """A world that goes around, first one way and then the other."""
    rng = np.random.default_rng(0)
    turns = np.where(rng.random(400) < 0.8, np.where(np.arange(400) < 200, 1, 3), 2)
    inputs = pn.models.transition_inputs(np.cumsum(turns) % 4, 4, start=0)
    world = pn.models.transition_hgf(4, normalised=True, expansion="enhanced").compile()
    return plotting.plot_transitions(world.filter(inputs), [0, 199, 399])


def sides() -> Any:
    """Two groups of people, whose learning differs."""
    frame = pn.data.study().query("session == 1")
    trials = pn.Trials(frame, inputs="u", actions="y", by="subject")
    formulas = {"x2.tonic_volatility": "group", "inverse_temperature": "group"}
    found = pn.fit_em(tried()[0], trials, formulas=formulas)
    return found.plot_groups("group", labels={"x2.tonic_volatility": "tonic volatility of x2"})


def predicted() -> Any:
    """What the priors of an agent allow, trial by trial."""
    agent, trials = tried()
    found = pn.prior_predictive(agent, trials.only(subject="s01"), draws=100)
    return found.plot_trials()


@cache
def digits() -> tuple[Any, np.ndarray, Any]:
    """A trained network of handwritten digits, halves of images, and what they settled to."""
    import optax
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images, seen = images / 16, 1400
    graph = (
        pn.Graph()
        .add(z=pn.Layer(shape=64, prior_precision=4.0), h=pn.Layer(shape=128, precision=4.0))
        .add(x=pn.Layer(shape=64, precision=20.0), y=pn.CategoricalLayer(outcomes=10))
        .couple("z", "h", pn.Dense())
        .couple("h", "x", pn.Dense(function="tanh"))
        .couple("z", "y", pn.Dense(function="tanh"))
    )
    training = pn.deep.Training(
        epochs=10,
        batch=64,
        scheme=pn.deep.GaussNewton(outer=3, inner=5),
        optimiser=optax.adam(4e-3),
        drop_last=True,
    )
    data = {"x": images[:seen], "y": labels[:seen]}
    run = pn.deep.train(graph.compile(key=0), data, training)
    half = images[seen:].copy()
    half[:, 32:] = np.nan
    filled = pn.deep.settle(run.network, {"x": half}, pn.deep.GaussNewton(outer=8, inner=8))
    return run.network, half, filled["x"].value


def cosines() -> Any:
    """What weights learn beside backpropagation, by depth and precision."""
    rng = np.random.default_rng(0)
    batch = {"x": rng.normal(size=(256, 64)), "y": rng.integers(0, 10, 256)}
    scheme = pn.deep.GaussNewton(outer=4, inner=8)
    chains = {
        precision: pn.deep.models.chain([64, *[48] * 6, 10], precision=precision).compile(key=0)
        for precision in (1.0, 10.0, 60.0)
    }
    return plotting.plot_cosines(
        {
            f"precision {precision:g}": pn.deep.health(chain, batch, scheme)
            for precision, chain in chains.items()
        }
    )


FIGURES: dict[str, Callable[[], Any]] = {
    "plot_graph": graph,
    "plot_beliefs": every_node,
    "plot_node": node,
    "plot_batch": batch,
    "plot_runs": runs,
    "plot_trajectory_correlation": trajectory_correlation,
    "plot_forecast": forecast,
    "plot_clusters": clusters,
    "plot_densities": densities,
    "plot_transitions": transitions,
    "plot_subject": lambda: fitted()["s01"].plot_trajectories(),
    "plot_posteriors": lambda: fitted().plot(),
    "plot_draws": lambda: drawn().plot(),
    "plot_correlation": lambda: drawn().plot_correlation(),
    "plot_influence": lambda: drawn().loo().plot(),
    "plot_residuals": lambda: fitted().plot_residuals(),
    "plot_predictions": predicted,
    "plot_check": lambda: fitted().predict(draws=50).plot("subject"),
    "plot_population": lambda: grouped().plot(),
    "plot_groups": sides,
    "plot_shrinkage": lambda: grouped().plot_shrinkage(fitted()),
    "plot_comparison": lambda: compared().plot(),
    "plot_structure": lambda: searched().plot(),
    "plot_edge_calibration": lambda: searched().calibrate(100).plot(),
    "plot_frequencies": lambda: pn.random_effects_bms(compared()).plot(),
    "plot_recovery": lambda: pn.parameter_recovery(tried()[0], design(), n=40, seed=1).plot(),
    "plot_confusion": lambda: pn.model_recovery(rivals(), design(), n=20, seed=1).plot(),
    "plot_design": lambda: pn.design_analysis(
        tried()[0], design(), trials=[40, 80, 160], n=30
    ).plot(),
    "plot_reconstructions": lambda: plotting.plot_reconstructions(digits()[1], digits()[2], (8, 8))[
        0, 0
    ],
    "plot_receptive_fields": lambda: plotting.plot_receptive_fields(
        np.asarray(digits()[0]["h->x.weights"]).T, (8, 8)
    ).flat[0],
    "plot_cosines": cosines,
}
"""Every figure, by the name of the function that draws it."""


def main(arguments: list[str] | None = None) -> None:
    """Draw them, and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figures")
    parser.add_argument("--only", nargs="*", choices=[*FIGURES, "animate_beliefs"], help="these")
    parser.add_argument("--width", type=float, default=7.0, help="inches of the paper")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = given.only or [*FIGURES, "animate_beliefs"]
    for name in wanted:
        path = given.out / f"{name}.png"
        if name == "animate_beliefs":
            path = beliefs().animate(path.with_suffix(".gif"), steps=[95, 96], dpi=SCREEN)
        else:
            with plotting.paper(given.width):
                figure = FIGURES[name]().figure
            figure.savefig(path, dpi=DPI)
            plt.close(figure)
            with Image.open(path) as image:
                small = image.convert("RGB").quantize(COLOURS)
            small.save(path, optimize=True, dpi=(DPI, DPI))
        print(f"Wrote {path}")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
