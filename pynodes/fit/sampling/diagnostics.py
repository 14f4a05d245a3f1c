"""Diagnostics: whether draws can be relied on, and in words what to do if not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import SamplingError, quote
from pynodes._results.tables import extra

if TYPE_CHECKING:
    from pynodes.fit.sampling.samples import Samples

AGREEING = 1.01
"""R-hat above which chains do not agree yet (Vehtari et al. 2021, doi 10.1214/20-BA1221)."""

ENOUGH = 400.0
"""Effective draws below which means and intervals are coarse (the same)."""

MOVING = 0.3
"""Fraction of missing information below which energies hardly move (Betancourt 2016, arXiv 1604.00695)."""

STILL = 1e-10
"""Step size below which a chain does not move."""

WANDERING = ("nuts", "smc")
"""Samplers whose chains should end up in the same distribution."""

RELIABLE = 0.7
"""Shape of a tail of weights above which they are not to be relied on."""

FEWEST = 8
"""Draws per chain below which nothing can be said."""


def measure(draws: np.ndarray) -> dict[str, np.ndarray]:
    """R-hat, effective draws and Monte-Carlo error of quantities, of shape (quantities, chains, draws)."""
    stats = extra("arviz_stats.base").array_stats
    draws = np.asarray(draws, float)
    if not len(draws) or draws.shape[-1] < FEWEST:
        return {n: np.full(len(draws), np.nan) for n in ("ess_bulk", "ess_tail", "r_hat", "mcse")}
    return {
        "ess_bulk": stats.ess(draws, method="bulk"),
        "ess_tail": stats.ess(draws, method="tail", prob=(0.05, 0.95)),
        "r_hat": stats.rhat(draws),
        "mcse": stats.mcse(draws, method="mean"),
    }


def find_stuck(samples: Samples) -> list[str]:
    """A sentence for every chain that did not move."""
    whole = samples.unconstrained.reshape(samples.chains, samples.draws, -1)
    found: list[str] = []
    for chain in range(len(whole) if whole.shape[1] else 0):
        steps = samples.stats.get("step_size")
        small = steps is not None and float(np.median(steps[chain])) < STILL
        still = whole.shape[1] > 1 and bool(np.any(np.ptp(whole[chain], axis=0) == 0))
        lost = not np.all(np.isfinite(whole[chain]))
        if small or still or lost:
            why = "its draws are all the same" if still else "its step size is zero"
            found.append(f"Chain {chain} is stuck: {'it has no finite draws' if lost else why}.")
    return found


def refuse_stuck(samples: Samples) -> None:
    """Refuse draws of which a chain did not move.

    Raises
    ------
    SamplingError
        It says which chain.
    """
    found = find_stuck(samples)
    if found:
        raise SamplingError(
            f"{' '.join(found)} Nothing can be concluded from these draws. Sample with another seed and more "
            "tuning (tune=), give priors of smaller volatilities, or look at fit_map(...).problems() first."
        )


def describe_sampling_problems(samples: Samples) -> list[str]:
    """What may mislead, a sentence each."""
    found = find_stuck(samples)
    if samples.method in WANDERING:
        found += [*check_mixing(samples), *check_divergences(samples), *check_energy(samples)]
    return [*found, *check_weights(samples)]


def check_weights(samples: Samples) -> Iterator[str]:
    """Draws from something else that weights cannot make up for."""
    if samples.pareto_k is not None and not samples.pareto_k <= RELIABLE:
        yield (
            "The normal approximation is poor: the importance weights have a Pareto k of "
            f"{samples.pareto_k:.2f}, above {RELIABLE:g}, so that means and intervals are unreliable. "
            "Use fit_nuts."
        )


def check_mixing(samples: Samples) -> Iterator[str]:
    """Chains that disagree, and quantities of which there are few effective draws."""
    labels, draws = list_quantities(samples)
    if draws.shape[-1] < FEWEST:
        yield f"There are only {draws.shape[-1]} draws per chain: too few for diagnostics. Draw more."
        return
    found = measure(draws)
    apart = ~(found["r_hat"] <= AGREEING)
    if draws.shape[1] == 1:
        yield "There is one chain, so that agreement of chains cannot be checked. Use chains=4."
    elif apart.any():
        worst = int(np.nanargmax(np.where(np.isnan(found["r_hat"]), np.inf, found["r_hat"])))
        yield (
            f"Chains do not agree: R-hat is above {AGREEING:g} for {count_among(apart)}, the most "
            f"{found['r_hat'][worst]:.3f} for {labels[worst]}. Tune and draw for longer (tune=, draws=); if "
            "that does not help, look for parameters that the data do not tell apart."
        )
    effective = np.minimum(found["ess_bulk"], found["ess_tail"])
    few = ~(effective >= ENOUGH)
    if few.any():
        worst = int(np.nanargmin(np.where(np.isnan(effective), -np.inf, effective)))
        yield (
            f"There are fewer than {ENOUGH:g} effective draws of {count_among(few)}, the fewest "
            f"{effective[worst]:.0f}, of {labels[worst]}: means and intervals are coarse. Draw more (draws=)."
        )


def check_divergences(samples: Samples) -> Iterator[str]:
    """Draws at which the sampler left the density that it follows."""
    flags = samples.stats.get("diverging")
    count = 0 if flags is None else int(np.sum(flags))
    if flags is None or not count:
        return
    advice = (
        "another parameterisation ('centred' or 'noncentred') of parameters with a small population sd"
        if samples.population
        else "more informative priors"
    )
    yield (
        f"{count} of {flags.size} draws diverged ({count / flags.size:.2%}): the sampler missed some region, "
        "so that draws are biased away from it. Take smaller steps (a higher target_acceptance=), or try "
        f"{advice}."
    )


def check_energy(samples: Samples) -> Iterator[str]:
    """Chains whose energy hardly moves from draw to draw."""
    energy = samples.stats.get("energy")
    if energy is None or energy.shape[1] < FEWEST:
        return
    spread = np.var(energy, axis=1)
    moved = np.mean(np.diff(energy, axis=1) ** 2, axis=1)
    chains = np.flatnonzero(moved < MOVING * spread)
    if len(chains):
        yield (
            f"The energy of chain{'s' * (len(chains) > 1)} {quote(chains.tolist())} hardly moves (E-BFMI "
            f"below {MOVING:g}): tails are explored slowly. Try another parameterisation, or "
            "more informative priors."
        )


def count_among(flags: np.ndarray) -> str:
    """How many of how many quantities."""
    return f"{int(flags.sum())} of {len(flags)} quantities"


def list_quantities(samples: Samples) -> tuple[list[str], np.ndarray]:
    """Everything that was drawn, in words, and of shape (quantities, chains, draws)."""
    labels = [repr(name) for name in samples.population]
    parts: list[Any] = list(samples.population.values())
    single = len(samples.trials.subjects) == 1
    for number, name in enumerate(samples.names):
        for index, subject in enumerate(samples.trials.subjects):
            labels.append(repr(name) if single else f"{name!r} of {subject!r}")
            parts.append(samples.unconstrained[:, :, index, number])
    return labels, np.stack([np.asarray(part, float) for part in parts])
