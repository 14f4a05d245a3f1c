"""Tables of draws, as frames of pandas, which is imported when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pynodes._errors import DataError
from pynodes._results.tables import extra
from pynodes._runtime.series import share
from pynodes.fit._regressors import on_average, under_draws
from pynodes.fit.data._units import keys_of
from pynodes.fit.mode._tables import long_frame
from pynodes.fit.mode.map import fit_map
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling._diagnostics import measured
from pynodes.fit.sampling._draws import spread_evenly

if TYPE_CHECKING:
    import pandas

    from pynodes.fit.sampling.samples import Samples


def summary(samples: Samples, mass: float) -> pandas.DataFrame:
    """A row per quantity, of the population and of every unit."""
    pd = extra("pandas")
    keys, names, draws = labelled(samples)
    mass = share("mass", mass)
    tails = np.quantile(draws, [0.5 - mass / 2, 0.5 + mass / 2], axis=(1, 2))
    columns: dict[str, Any] = {
        name: pd.Series([key.get(name) for key in keys], dtype=kind_of(keys, name))
        for name in dict.fromkeys(name for key in keys for name in key)
    }
    return pd.DataFrame(
        columns
        | {
            "parameter": names,
            "mean": draws.mean(axis=(1, 2)),
            "deviation": draws.std(axis=(1, 2), ddof=1),
            "lower": tails[0],
            "upper": tails[1],
        }
        | measured(draws)
    )


def kind_of(keys: list[dict[str, Any]], name: str) -> Any:
    """The type of a column of keys: that of its values, but one that can be empty where some have none."""
    return None if all(name in key for key in keys) else object


def trajectories(
    samples: Samples, fields: list[str] | None, at: str, draws: int | None
) -> pandas.DataFrame:
    """What was believed in every trial."""
    model, trials = samples.agent.model, samples.trials
    if at == "map":
        return most_probable(samples).trajectories(fields)
    chosen = np.arange(len(samples._flat))
    if draws is not None:
        chosen = spread_evenly(len(chosen), draws)
    if at == "mean":
        return long_frame(trials, on_average(model, samples._flat[chosen], trials, fields))
    if at != "draws":
        raise DataError(f"at must be 'mean', 'map' or 'draws', not {at!r}.")
    found = under_draws(model, samples._flat[chosen], trials, fields)
    chain, draw = np.divmod(chosen, samples.draws)
    numbered = {"chain": chain, "draw": draw}
    columns = {name: np.repeat(number, len(trials)) for name, number in numbered.items()}
    columns |= {name: np.tile(key, len(chosen)) for name, key in trials.key_frame().items()}
    return extra("pandas").DataFrame(columns | {n: rows.ravel() for n, rows in found.items()})


def most_probable(samples: Samples) -> MapFit:
    """The most probable parameters: of one unit, or of several given the population that fits them best."""
    settings = samples.drawn.settings
    if "formulas" not in settings:
        return fit_map(samples.agent, samples.trials, seed=int(settings.get("seed", 0)))
    from pynodes.fit.group.em import fit_em

    group = fit_em(
        samples.agent,
        samples.trials,
        formulas=settings["formulas"],
        covariance=settings.get("covariance", "diagonal"),
    )
    return group.individuals


def labelled(samples: Samples) -> tuple[list[dict[str, Any]], list[str], np.ndarray]:
    """Whose every quantity is, its name, and its draws, of shape (quantities, chains, draws)."""
    keys: list[dict[str, Any]] = [{} for _ in samples.population]
    names = list(samples.population)
    parts: list[np.ndarray] = list(samples.population.values())
    for index, key in enumerate(keys_of(samples.trials)):
        for name in samples.names:
            keys.append(key)
            names.append(name)
            parts.append(samples.values[name][:, :, index])
    return keys, names, np.stack([np.asarray(part, float) for part in parts])
