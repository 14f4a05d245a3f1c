"""EdgeMessages: what went down and up one edge, step by step."""

from __future__ import annotations

import dataclasses

from pynodes._typing import Array


@dataclasses.dataclass(frozen=True)
class EdgeMessages:
    """What a parent told its child, and what it heard; every array has time first.

    NaN where a step did not count, because it was frozen or a belief had broken down.

    Attributes
    ----------
    contribution
        What the parent added to the child's prediction, in the units of the edge's inlet: to its drift,
        its logit, its log volatility, ...
    gradient, curvature
        What the child said about the parent: the first derivative and minus the second of its log
        density, at the parent's predicted mean; zero where it had nothing to say. None where the parent
        does not hear such: a constant hears nothing.
    support
        Log density of what the child did at every value that the parent may take, along the last axis;
        None unless the parent takes one of a few values.

    A gradient times the parent's posterior variance is how far the child pulls the parent's mean. These
    pulls add up to the move of the mean where no child is a volatility child, or the expansion is
    Standard. The other expansions look at volatility children from other points too.
    """

    contribution: Array
    gradient: Array | None = None
    curvature: Array | None = None
    support: Array | None = None
