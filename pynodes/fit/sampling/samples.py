"""Samples: draws from a posterior, and what follows from them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from pynodes._citing.versions import versions
from pynodes._errors import SamplingWarning
from pynodes.fit._fitted import Fitted
from pynodes.fit.agent.agent import Agent
from pynodes.fit.comparing.leave_one_out import LeaveOneOut, leave_one_out
from pynodes.fit.data._units import trials_of
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling import _diagnostics
from pynodes.fit.sampling._drawn import Drawn
from pynodes.fit.sampling._draws import place_of, spread_evenly

if TYPE_CHECKING:
    import pandas
    import xarray

    from pynodes.plotting.panels import Panels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Samples(Fitted):
    """Draws from the posterior of the parameters of some subjects, and of their population if there is one.

    Made by :func:`~pynodes.fit.fit_nuts` and its like. What is called a *position* is on the line of the
    prior (a logarithm under a LogNormal).

    Attributes
    ----------
    agent, trials
        What was fitted to what.
    drawn
        The draws as plain arrays, and what the sampler noted on the way.
    versions
        Of what computed them.
    """

    agent: Agent
    trials: Trials
    drawn: Drawn
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    @property
    def chains(self) -> int:
        """How many chains there are."""
        return self.drawn.positions.shape[0]

    @property
    def draws(self) -> int:
        """How many draws every chain has."""
        return self.drawn.positions.shape[1]

    @property
    def positions(self) -> np.ndarray:
        """Draws on the lines of the priors, of shape (chains, draws, subjects, free values)."""
        return self.drawn.positions

    @property
    def population(self) -> dict[str, np.ndarray]:
        """Draws of what the subjects have in common, by name, of shape (chains, draws); empty without."""
        return self.drawn.population

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Draws of the parameters by name, of shape (chains, draws, subjects)."""
        found = self.agent.model.constrained(jnp.asarray(self.positions))
        return {name: np.asarray(values) for name, values in found.items()}

    @property
    def method(self) -> str:
        """Which sampler it was."""
        return self.drawn.method

    @property
    def settings(self) -> dict[str, Any]:
        """What it was asked for."""
        return self.drawn.settings

    @cached_property
    def tree(self) -> xarray.DataTree:
        """Everything as a tree that ArviZ takes; see docs/fits.md for its groups and dimensions.

        Raises
        ------
        MissingExtraError
            xarray is not installed.
        """
        return self.to_tree()

    def to_tree(
        self, *, prior: int = 500, predictive: int = 0, fields: list[str] | None = None
    ) -> xarray.DataTree:
        """The tree with more, or less, in it than :attr:`tree` has.

        Parameters
        ----------
        prior
            Number of draws from the prior; 0 for none.
        predictive
            Number of draws of which responses are simulated, for the group ``posterior_predictive``.
        fields
            What was believed under every draw, as for :meth:`trajectories`, for the group ``trajectories``.

        Raises
        ------
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            xarray is not installed.
        """
        from pynodes.fit.sampling._tree import tree_of

        return tree_of(self, prior=prior, predictive=predictive, fields=fields)

    def plot(self, *, axes: Any = None) -> Panels:
        """Draw the draws against priors; see :func:`pynodes.plotting.plot_draws`."""
        from pynodes.plotting import plot_draws

        return plot_draws(self, axes=axes)

    def summary(self, mass: float = 0.9) -> pandas.DataFrame:
        """A row per quantity: first of the population, if there is one, then of every subject.

        ``mean`` and ``deviation`` of the posterior, ``lower`` and ``upper``, the ends of its central
        interval; ``ess_bulk`` and ``ess_tail``, effective draws; ``r_hat``; ``mcse``, the Monte-Carlo
        error of the mean.

        Parameters
        ----------
        mass
            Probability of the interval.

        Raises
        ------
        MissingExtraError
            pandas or arviz-stats is not installed.
        """
        from pynodes.fit.sampling._sample_tables import summary

        return summary(self, mass)

    def problems(self) -> list[str]:
        """What may mislead, a sentence each; empty if nothing was found.

        Chains that are stuck or disagree, few effective draws, divergences, energies that hardly move.

        Raises
        ------
        MissingExtraError
            arviz-stats is not installed.
        """
        return _diagnostics.problems(self)

    def check(self) -> list[str]:
        """The same as :meth:`problems`, with a warning if there are any; a stuck chain is an error.

        Raises
        ------
        SamplingError
            A chain did not move: nothing can be concluded from the draws.
        """
        _diagnostics.refuse_stuck(self)
        found = self.problems()
        if found:
            warnings.warn(" ".join(found), SamplingWarning, stacklevel=2)
        return found

    def loo(self, unit: str = "trial", *, progress: bool | None = None) -> LeaveOneOut:
        """How well every trial, session or subject is predicted by a model that has not seen it.

        By Pareto-smoothed importance sampling (docs/theory/leaving_out.md): nothing is fitted again.

        Parameters
        ----------
        unit
            What is left out at a time: ``"trial"``, ``"session"`` or ``"subject"``.
        progress
            Whether to show progress; by default in a terminal or a notebook, once it takes a second.

        Raises
        ------
        DataError
            An unknown unit, or but one item.
        """
        return leave_one_out(self, unit, progress)

    def trajectories(
        self, fields: list[str] | None = None, *, at: str = "mean", draws: int | None = None
    ) -> pandas.DataFrame:
        """What was believed in every trial: a row per row of the data, in its order.

        It has the columns that key the trials, so that it merges with the data, and a column per field.
        Which fields are predictions and which posteriors their names say.

        Parameters
        ----------
        fields
            ``"node.field"``, ``"parent->child.field"``, ``"surprise"`` or ``"log_likelihood"``; by default
            predicted mean and mean of every node that has them.
        at
            ``"mean"``: the mean of what was believed, over all draws. ``"map"``: what was believed under the
            most probable parameters, of one subject those of :func:`fit_map`, of several those that
            :func:`fit_em` finds given their population. ``"draws"``: what was believed under every draw, with
            columns ``chain`` and ``draw``.
        draws
            Of how many draws, spread evenly, for ``"mean"`` and ``"draws"``; by default all.

        Raises
        ------
        DataError
            Another word for ``at``.
        FieldError, UnknownNodeError
            A field that is not there.
        MissingExtraError
            pandas is not installed.
        """
        from pynodes.fit.sampling._sample_tables import trajectories

        return trajectories(self, fields, at, draws)

    @property
    def _flat(self) -> np.ndarray:
        """Positions of all chains, one after the other."""
        return self.positions.reshape(-1, *self.positions.shape[2:])

    def _places(self, draws: int, seed: int) -> np.ndarray:
        """Draws that are spread evenly over all."""
        del seed
        return self._flat[spread_evenly(len(self._flat), draws)]

    def _scoring(self) -> np.ndarray:
        """All draws."""
        return self._flat

    def __getitem__(self, subject: Any) -> Samples:
        """The draws of one subject without its population; its prior is then the agent's."""
        place = place_of(subject, self.trials)
        if len(self) == 1:
            return self
        alone = {n: v for n, v in self.settings.items() if n not in ("formulas", "covariance")}
        positions = self.positions[:, :, place : place + 1]
        return dataclasses.replace(
            self,
            trials=trials_of(self.trials, subject),
            drawn=dataclasses.replace(
                self.drawn, positions=positions, population={}, settings=alone
            ),
        )

    def __repr__(self) -> str:
        who = f"{len(self)} subject{'s' * (len(self) > 1)}"
        found: Mapping[str, np.ndarray] = self.population or self.values
        shown = ", ".join(f"{name} {np.mean(draws):.4g}" for name, draws in found.items())
        return f"Samples({self.drawn.method}, {self.chains} x {self.draws} draws, {who}; means: {shown})"
