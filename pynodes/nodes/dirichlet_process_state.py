"""DirichletProcessState: observations that come in clusters, as many as it takes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax.numpy as jnp

from pynodes._core.modules import choice, parameter
from pynodes._errors import ParameterError
from pynodes._typing import Array, Scalar
from pynodes.nodes._base import Inlets
from pynodes.nodes._partitions import Partitions
from pynodes.nodes._statistics import (
    AbstractFamilyLearner,
    check_family,
    fill_in,
    flaw_of_statistics,
)

MANY = 32
"""Partitions kept by default: half as many find five clusters less often (docs/theory/clusters.md)."""


class DirichletProcessState(AbstractFamilyLearner):
    """An observed quantity from a mixture of unknown size: online clustering in one pass.

    An observation comes from a known component with probability proportional to what that component has
    got so far, or from a new one with probability proportional to the concentration. Each component is
    a member of the family of which nothing is known at first but the initial statistics; what it
    predicts, and what a new one would, is the exact predictive density of a conjugate belief.

    Which observations belong together is not known; the most probable partitions so far are kept, each
    with its probability, and each observation adds one more to every one of them in every way there is.

    Parameters
    ----------
    components
        How many components there can be.
    family
        Of what each component is; such as ``pynodes.families.Normal()``.
    concentration
        Weight of a new component, in observations (α).
    pseudo_count, initial_statistics
        What is known of a component before it has observed anything, as for
        :class:`ExponentialFamilyState`. For normal components: mean and mean square of all data to be
        expected, and the ratio of the variance within components to that of their means.
    hypotheses
        How many partitions are kept: 32 unless given, and 1 with soft assignment. One alone cannot
        take a decision back.
    assignment
        ``"hard"``: an observation belongs to one component, which one being kept as hypotheses. ``"soft"``:
        it is either new, or shared out among the open components as they explain it.
    overflow
        What happens to an observation that wants a new component when all are open. ``"absorb"``: it
        goes to the components that are there, as any other. ``"merge"``: the two that are most probably
        one become one, without any loss, which frees a place. ``overflowed`` counts them either way.

    Raises
    ------
    ParameterError
        A choice that is not named here, or statistics that no distribution of the family has.

    Fields: by component ``weights``, ``counts``, ``statistics``, ``means``, ``variances``,
    ``responsibilities``; ``new_weight``; ``assigned``, the component that took most of the
    observation, -1 if there was none; ``active``, how many are open; ``overflowed``, how many
    observations found no room up to here; ``mean`` and ``variance`` of the mixture. They are those of
    the most probable partition, whose probability among those kept is ``certainty``. All also as predicted.

    The surprise is averaged over the partitions. It is exact as long as all of them are kept, which is
    while there are no more than ``hypotheses``.

    Source: Wang and Dunson (2011), doi 10.1198/jcgs.2010.07081 (one hypothesis); Fearnhead (2004), doi
    10.1023/B:STCO.0000009418.04621.cd (many); docs/theory/clusters.md, which says how the candidates
    of pyhgf 0.3.2 differ.
    """

    components: int = choice(10)
    assignment: str = choice("hard")
    overflow: str = choice("absorb")
    hypotheses: int | None = choice(None)
    concentration: Scalar = parameter(1.0, symbol="α", positive=True)
    pseudo_count: Scalar = parameter(0.1, symbol="ν₀", positive=True)
    initial_statistics: Any = parameter(None, symbol="ξ₀", rank=1)

    def __post_init__(self) -> None:
        check_family(self)
        if self.hypotheses is None:
            object.__setattr__(self, "hypotheses", 1 if self.assignment == "soft" else MANY)
        for name in ("components", "hypotheses"):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ParameterError(
                    f"DirichletProcessState: {name} must be a positive whole number, not {number!r}."
                )
        allowed = {"assignment": ("hard", "soft"), "overflow": ("absorb", "merge")}
        for name, (one, other) in allowed.items():
            if getattr(self, name) not in (one, other):
                raise ParameterError(
                    f"DirichletProcessState: {name} must be {one!r} or {other!r}, not "
                    f"{getattr(self, name)!r}."
                )
        if self.overflow == "merge" and self.components < 2:
            raise ParameterError(
                "DirichletProcessState: a single component cannot be merged. Give more components, or "
                "overflow='absorb'."
            )
        if self.assignment == "soft" and self.hypotheses != 1:
            raise ParameterError(
                "DirichletProcessState: with assignment='soft' there is one hypothesis, not "
                f"{self.hypotheses}: what is shared out has no alternatives to be weighed against."
            )
        fill_in(self, "initial_statistics", self.family.default_statistics)

    def check(self, connected: Collection[str]) -> str | None:
        del connected
        return flaw_of_statistics(self.family, self.initial_statistics)

    def begin(self) -> dict[str, Array]:
        return self.partitions().begin(self.hypotheses or MANY)

    def expect(self, memory: Any, inlet: Inlets, dt: Scalar) -> dict[str, Array]:
        del inlet, dt
        return memory | {
            "responsibilities": jnp.zeros_like(memory["responsibilities"]),
            "assigned": jnp.full_like(memory["assigned"], -1.0),
        }

    def learn(self, memory: Any, value: Array) -> dict[str, Array]:
        return self.partitions().after(memory, value)

    def log_density(self, memory: Any, value: Array) -> Array:
        return self.partitions().log_density(memory, value)

    def sample_from(self, key: Array, memory: Any) -> Array:
        return self.partitions().sample(key, memory)

    def show(self, memory: Any) -> dict[str, Array]:
        return self.partitions().show(memory)

    def partitions(self) -> Partitions:
        """The rules by which partitions grow."""
        kind = jnp.result_type(float)
        return Partitions(
            family=self.family,
            components=self.components,
            shares=self.assignment == "soft",
            merges=self.overflow == "merge",
            base=jnp.asarray(self.initial_statistics, kind),
            pseudo_count=jnp.asarray(self.pseudo_count, kind),
            concentration=jnp.asarray(self.concentration, kind),
        )
