"""Settings: choices that a graph makes for all its nodes."""

from __future__ import annotations

import dataclasses

from pynodes._core.expansions import AbstractExpansion, Enhanced, Standard, Unbounded
from pynodes._core.scheme import AbstractScheme
from pynodes._core.structured import Structured
from pynodes._errors import GraphError, nearest

EXPANSIONS: dict[str, AbstractExpansion] = {
    "standard": Standard(),
    "enhanced": Enhanced(),
    "unbounded": Unbounded(),
    "structured": Structured(),
}
"""The expansions by the names that settings and files use."""

DEFAULT_EXPANSION = "enhanced"
"""The expansion of graphs that name none. Of the first three it is the nearest to the exact posterior on
moderate data; Standard fails, and Unbounded leans upward and loses a binary state within some thousand
trials (docs/theory/calibration.md)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Choices that hold for every node that does not make its own.

    Parameters
    ----------
    expansion
        The volatility update: ``"enhanced"`` (the default), ``"standard"``, ``"unbounded"``,
        ``"structured"`` or an expansion object.
    marginalise
        Whether predictions average over the uncertainty of parents, or take parents at their means.
    probability_clip
        Predicted probabilities stay within [clip, 1 - clip].
    evidence
        ``"at_once"``: inputs are predicted from the past alone. ``"in_turn"``: each also from the inputs
        before it in the same step, so that surprises add up to the log evidence where parents join them.
    scheme
        How beliefs are found; None for the one that suits the graph, which is one sweep in closed form.

    Raises
    ------
    GraphError
        An unknown expansion or scheme, a marginalise that is no truth value, or a clip outside (0, 0.5).
    """

    expansion: AbstractExpansion | str = DEFAULT_EXPANSION
    marginalise: bool = True
    probability_clip: float = 1e-6
    scheme: AbstractScheme | None = None
    evidence: str = "at_once"

    def __post_init__(self) -> None:
        object.__setattr__(self, "expansion", find_expansion(self.expansion))
        if not isinstance(self.marginalise, bool):
            raise GraphError(f"marginalise must be True or False, not {self.marginalise!r}.")
        if not isinstance(self.scheme, AbstractScheme | None):
            raise GraphError(
                f"scheme must be a scheme, such as pynodes.ClosedForm(), not {self.scheme!r}."
            )
        if self.evidence not in ("at_once", "in_turn"):
            raise GraphError(f"evidence must be 'at_once' or 'in_turn', not {self.evidence!r}.")
        clip = self.probability_clip
        if isinstance(clip, bool) or not isinstance(clip, int | float) or not 0 < clip < 0.5:
            raise GraphError(
                f"probability_clip must be a number between 0 and 0.5, not {clip!r}. For next to no "
                "clip, give a very small one, such as 1e-12."
            )

    @classmethod
    def names(cls) -> list[str]:
        """Names of the settings."""
        return [field.name for field in dataclasses.fields(cls)]

    def revise(self, **changes: object) -> Settings:
        """The same settings but for those given; None means unchanged.

        Raises
        ------
        GraphError
            An unknown name, or a value that its setting does not allow.
        """
        for name in changes:
            if name not in self.names():
                raise GraphError(f"A graph has no setting {name!r}. {nearest(name, self.names())}")
        given = {name: value for name, value in changes.items() if value is not None}
        return dataclasses.replace(self, **given)


def find_expansion(expansion: AbstractExpansion | str) -> AbstractExpansion:
    """The expansion behind a name; an expansion stands for itself."""
    if isinstance(expansion, AbstractExpansion):
        return expansion
    if isinstance(expansion, str) and expansion in EXPANSIONS:
        return EXPANSIONS[expansion]
    raise GraphError(f"No expansion is named {expansion!r}. {nearest(expansion, EXPANSIONS)}")


def name_expansion(expansion: AbstractExpansion | str) -> str:
    """The name under which an expansion is written down: its own, or its class's."""
    expansion = find_expansion(expansion)
    for name, known in EXPANSIONS.items():
        if expansion == known:
            return name
    return type(expansion).__name__
