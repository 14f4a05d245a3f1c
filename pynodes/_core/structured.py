"""Structured: a child's belief depends on its volatility parent's, and that dependence is remembered.

Beside mean and variance, the child on a volatility edge keeps its conditional Gaussian given the parent:
how its mean leans on the parent, how its variance does, and what that variance is. Derived in
docs/theory/structured.md; the sweeps are in ``_engine/structured.py``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.arithmetic import CEILING, bound_log_growth, log, reciprocal, root, stage
from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import (
    AbstractExpansion,
    ChildEvidence,
    beside_messages,
    sum_messages,
)
from pynodes._core.messages import VolatilityMessage
from pynodes._core.modules import Module, choice
from pynodes._core.tilts import Tilt, mix_tilts, weigh_tilts
from pynodes._typing import Array, Scalar


@dataclasses.dataclass(frozen=True)
class QuadratureRule:
    """Places under the standard normal distribution, in pairs about zero, and their weights."""

    points: tuple[float, ...]
    weights: tuple[float, ...]


NODES = (3, 5, 7)
"""Numbers of nodes that may be asked for."""

EDGES = ("volatility", "all")
"""Edges on which beliefs may be kept conditional."""

REACH = 2.5
"""The nodes' standard deviation is at most this over the mean strength of the edges below: beyond it one unit
of the rule is a factor of exp(2.5) in a variance, and what lies further out is left as it was."""

SOFT = 1e-6
"""Share of the nodes' variance that is added to the variance over them when a slope is divided by it: once
all weight is on one node there is no slope to be seen."""


@dataclasses.dataclass(frozen=True)
class Structured(AbstractExpansion):
    """Volatility evidence averaged over nodes of the parent, the child's belief kept conditional on it.

    A choice of whole graphs. Nearly exact on trees of volatility; on one continuous state it is the Kalman
    filter. The surprise of a step is that of all inputs together.

    Parameters
    ----------
    nodes
        Of the rule of Gauss and Hermite by which a parent is averaged over: 3, 5 or 7. Five for three
        states above one another, or for many children of one parent.
    edges
        On which edges a child's belief is kept conditional on its parent: ``"volatility"``, or ``"all"`` for
        value edges between Gaussian states too. A pair of such states is then the Kalman filter.

    Raises
    ------
    GraphError
        Another number of nodes, or other edges.

    Source: derived in docs/theory/structured.md, which names what it builds on: assumed-density filtering
    (Minka 2001), projected on a tree (Minka and Qi 2003).
    """

    nodes: int = 3
    edges: str = "volatility"

    def __post_init__(self) -> None:
        from pynodes._errors import GraphError

        if isinstance(self.nodes, bool) or self.nodes not in NODES:
            raise GraphError(f"Structured: nodes must be 3, 5 or 7, not {self.nodes!r}.")
        if self.edges not in EDGES:
            raise GraphError(
                f"Structured: edges must be 'volatility' or 'all', not {self.edges!r}."
            )

    def rule(self) -> QuadratureRule:
        """The rule of Gauss and Hermite for the standard normal distribution."""
        points, weights = np.polynomial.hermite_e.hermegauss(self.nodes)
        points, weights = points - points[::-1], weights + weights[::-1]
        return QuadratureRule(
            points=tuple(float(0.5 * x) for x in points),
            weights=tuple(float(w) for w in weights / np.sum(weights)),
        )

    def __call__(self, belief: Gaussian, evidence: ChildEvidence) -> tuple[Array, Array]:
        if evidence.nodes is not None:
            return evidence.nodes.mean, evidence.nodes.variance
        if evidence.tilt is not None:
            return evidence.tilt.moments(belief.predicted_mean, belief.predicted_variance)
        return super().__call__(belief, evidence)

    def volatile(
        self, point: Array, variance: Array, pull: Array | None, message: VolatilityMessage
    ) -> tuple[Array, Array]:
        """The message integrated, for kinds that hear one without a conditional."""
        centre = point if pull is None else point + variance * pull
        window = reach_of(variance, jnp.mean(jnp.abs(message.strength)))

        def hear(places: Places) -> list[Heard]:
            found = [beside_messages(centre + step, message) for step in places.steps()]
            return [(sum_messages(message.log_density(x), centre), 1.0) for x in found]

        nodes = weigh_nodes(Places.spread(self.rule(), window), centre, variance, hear)
        return nodes.mean, nodes.variance


LEAN = 40.0
"""No log variance is taken to change by more than this from the middle to a node: 17 powers of ten."""


class Places(Module):
    """Where a parent is looked at: the places of a rule, so many times a scale from a middle.

    Attributes
    ----------
    scale
        Standard deviation of the places.
    shift
        How far their middle is above the parent's prediction; None where it is the prediction.
    rule
        Places and weights for a scale of one.
    """

    scale: Array
    shift: Array | None = None
    rule: QuadratureRule = choice()

    @classmethod
    def spread(cls, rule: QuadratureRule, variance: Array, shift: Array | None = None) -> Places:
        """Places of this variance."""
        return cls(scale=root(variance), shift=shift, rule=rule)

    def steps(self) -> list[Array]:
        """From the middle."""
        return [self.scale * point for point in self.rule.points]

    def offsets(self) -> list[Array]:
        """From the parent's prediction."""
        steps = self.steps()
        return steps if self.shift is None else [self.shift + step for step in steps]

    def reach(self, slope: Array) -> Array:
        """By how much something of this slope changes over one scale, within :data:`LEAN` at the farthest."""
        farthest = LEAN / self.rule.points[-1]
        return jnp.clip(slope * self.scale, -farthest, farthest)

    def powers(self, slope: Array) -> list[Array]:
        """``exp(slope step)`` at all places: an exponential and a reciprocal for every two of them."""
        reach = self.reach(slope)
        above = [jnp.exp(reach * point) for point in self.rule.points if point > 0]
        middle = [jnp.ones_like(reach)] * (len(self.rule.points) % 2)
        return stage([*(reciprocal(one) for one in reversed(above)), *middle, *above])


class Conditional(Module):
    """A child's belief given a parent: a Gaussian whose moments depend on where the parent is.

    With the parent at a distance d above its mean, the child's mean is ``slope d`` above its own, and its
    variance is ``variance exp(steepness d)``. No variance depends on where a value parent is.

    Attributes
    ----------
    slope, steepness
        Of the mean, and of the log of the variance, in the parent.
    variance
        With the parent at its mean.
    """

    slope: Array
    steepness: Array
    variance: Array

    @classmethod
    def start(cls, variance: Array) -> Conditional:
        """The belief of a child that does not depend on its parent."""
        still = jnp.zeros_like(variance)
        return cls(slope=still, steepness=still, variance=variance)


class Neighbourhood(Module):
    """Where a volatility parent may be in this step, and what that says of where it was.

    Attributes
    ----------
    strength
        Mean strength of the edges below, which bounds how far the nodes are apart.
    scale
        Standard deviation of the nodes about the prediction.
    kept
        Regression of the previous value on the present one.
    blurred
        What is left of the previous variance once the present value is known.
    """

    strength: Array
    scale: Array
    kept: Array
    blurred: Array

    @classmethod
    def still(cls, variance: Array) -> Neighbourhood:
        """Of a parent that learns nothing of its children."""
        none = jnp.zeros_like(variance)
        return cls(strength=none, scale=root(variance), kept=none, blurred=none)

    @classmethod
    def of(cls, before: Array, predicted: Array, gain: Scalar, strength: Array) -> Neighbourhood:
        """From the variances before and after a step that kept ``gain`` of the value."""
        kept = gain * before * reciprocal(jnp.maximum(predicted, before))
        blurred = jnp.maximum(before * (1 - gain * kept), 0.0)
        scale = root(reach_of(predicted, strength))
        return stage(cls(strength=strength, scale=scale, kept=kept, blurred=blurred))

    def places(self, rule: QuadratureRule) -> Places:
        """The nodes about the prediction."""
        return Places(scale=self.scale, rule=rule)


LEFT = 0.1
"""At least this share of a child's variance is there once its other parents are known."""


class OtherParents(Module):
    """What a child's other volatility parents make uncertain once one of them is known, or none.

    Attributes
    ----------
    spread
        Standard deviation of what they say of the log of the child's growth.
    slope, steepness
        By how much the child's mean, and the log of the variance that it carried over, lean on them, per
        standard deviation of what they say.
    told
        Log evidence of the child averaged over all of its parents, to which evidence is relative.
    """

    spread: Array
    slope: Array
    steepness: Array
    told: Array | None = None

    def ask(
        self, rule: QuadratureRule, below: Any, mean: Array, parts: tuple[Array, Array, Array]
    ) -> Tilt:
        """What is below the child makes of it, averaged over where they may be.

        ``parts`` of its variance, themselves averages: carried over, grown, and the rest.
        """
        standard = Places(scale=jnp.ones_like(self.spread), rule=rule)
        carried, grown = (
            [part * power * reciprocal(average_nodes(rule.weights, powers)) for power in powers]
            for part, powers in (
                (parts[0], standard.powers(self.steepness)),
                (parts[1], standard.powers(self.spread)),
            )
        )
        components = []
        for point, one, other in zip(rule.points, carried, grown, strict=True):
            variance = one + other + parts[2]
            left = jnp.maximum(variance - self.slope**2, LEFT * variance)
            components.append((mean + point * self.slope, left))
        tilts = [below.tilt(*one) for one in components]
        whole = parts[0] + parts[1] + parts[2]
        tilt = mix_tilts(rule.weights, tilts, components, (mean, whole))
        if self.told is None:
            return tilt
        return dataclasses.replace(tilt, log_evidence=tilt.log_evidence - self.told)


class ConditionalPrediction(Module):
    """What a child is predicted to be, with its volatility parent a distance d above its prediction.

    Its mean is ``mean + slope d``. Its variance is what it carried over, which depends on the parent as the
    last step left it; what grew, which depends on the parent now; and the rest, which does not.

    Attributes
    ----------
    mean, slope
        Of the child.
    carried, steepness
        Variance carried over with the parent at its prediction, and the slope of its log.
    log_growth, strength
        Log of the growth with the parent at its prediction, and its slope.
    rest
        Variance from elsewhere: value parents, and where the parent had been.
    moments
        Mean and variance at the places about the parent's prediction, where they need not be found again.
    others
        The child's other volatility parents, over which growth is averaged; None without any.
    """

    mean: Array
    slope: Array
    carried: Array
    steepness: Array
    log_growth: Array
    strength: Array
    rest: Array
    moments: list[tuple[Array, Array]] | None = None
    others: OtherParents | None = None

    def at(self, offset: Array) -> tuple[Array, Array]:
        """Mean and variance of the child with the parent this far above its prediction."""
        lean = self.steepness * offset
        carried = self.carried * jnp.exp(jnp.where(lean < CEILING, lean, CEILING))
        growth = jnp.exp(bound_log_growth(self.log_growth + self.strength * offset))
        return self.mean + self.slope * offset, carried + growth + self.rest

    def widen(self, by: Array) -> ConditionalPrediction:
        """The same with so much more variance from elsewhere, never less than none."""
        return dataclasses.replace(self, rest=jnp.maximum(self.rest + by, 0.0), moments=None)

    def scale(self, by: Array) -> ConditionalPrediction:
        """The same with a variance so many times as large, the slope of the mean apart."""
        return dataclasses.replace(
            self,
            carried=self.carried * by,
            log_growth=self.log_growth + log(by),
            rest=self.rest * by,
            moments=None,
        )

    def ask(self, below: Any, places: Places) -> list[tuple[Tilt, Array, Array]]:
        """What is below the child makes of it at all places of a rule, and its mean and variance there."""
        if self.others is None:
            return [(below.tilt(*one), *one) for one in self.over(places)]
        growths = self.growths(places)
        found = []
        for (mean, variance), growth in zip(
            self.over_growths(places, growths), growths, strict=True
        ):
            parts = (variance - growth - self.rest, growth, self.rest)
            found.append((self.others.ask(places.rule, below, mean, parts), mean, variance))
        return found

    def ask_at(self, rule: QuadratureRule, below: Any, offset: Array) -> Tilt:
        """The same with the parent this far above its prediction."""
        mean, variance = self.at(offset)
        if self.others is None:
            return below.tilt(mean, variance)
        growth = jnp.exp(bound_log_growth(self.log_growth + self.strength * offset))
        parts = (variance - growth - self.rest, growth, self.rest)
        return self.others.ask(rule, below, mean, parts)

    def over(self, places: Places) -> list[tuple[Array, Array]]:
        """The same at all places of a rule."""
        if self.moments is not None and places.shift is None:
            return self.moments
        return self.over_growths(places, self.growths(places))

    def over_growths(self, places: Places, growths: list[Array]) -> list[tuple[Array, Array]]:
        """The same once it is known how much variance grows there."""
        carried, steepness = self.carried, self.steepness
        if places.shift is not None:
            carried = carried * jnp.exp(jnp.clip(steepness * places.shift, -LEAN, LEAN))
        leans = places.powers(steepness)
        return stage(
            [
                (self.mean + self.slope * offset, carried * lean + growth + self.rest)
                for offset, lean, growth in zip(places.offsets(), leans, growths, strict=True)
            ]
        )

    def growths(self, places: Places) -> list[Array]:
        """The growth of the variance at all places of a rule."""
        middle = self.log_growth
        if places.shift is not None:
            middle = middle + self.strength * places.shift
        # At the farthest place growth stays under its bound.
        top = CEILING - jnp.abs(places.reach(self.strength)) * places.rule.points[-1]
        bounded = bound_log_growth(middle)
        growth = stage(jnp.exp(jnp.where(bounded < top, bounded, top)))
        return [growth * power for power in places.powers(self.strength)]


class Nodes(Module):
    """Where a volatility parent was looked at, and how probable what happened was there.

    Attributes
    ----------
    places
        Of the nodes.
    weights
        Posterior weights.
    moved
        The mean of the nodes, above their middle.
    centre, mean, variance
        Mean of the parent before its volatility children were heard; its posterior moments.
    log_evidence
        Log of the weighted sum of what the children's evidence was at the nodes.
    posteriors
        Mean and variance at every node of the child, if it is the only one and this its only parent.
    """

    places: Places
    weights: tuple[Array, ...]
    moved: Array
    centre: Array
    mean: Array
    variance: Array
    log_evidence: Array
    posteriors: list[tuple[Array, Array]] | None = None


class Structure(Module):
    """What a belief knows under Structured, beside its moments.

    Attributes
    ----------
    conditionals
        The belief given the parents, for every bundle of them; None for those on which it is not kept.
    predictions
        The same of the prediction.
    kernel
        Of a node with value parents or children on which, or whose, beliefs are conditional: where it was
        before the step, given where it is.
    neighbourhood, nodes
        Of a node with volatility children: where it may be, and where it was looked at.
    below
        What has a ``tilt(mean, variance)``: all that was observed below the node.
    gain
        What hearing its children together adds to their log evidence apart.
    covariance
        Of a node with several parents: what they know of one another through it.
    coparents
        The same of the prediction.
    """

    conditionals: tuple[Conditional | None, ...] | None = None
    predictions: tuple[Any, ...] | None = None
    kernel: Any = None
    neighbourhood: Neighbourhood | None = None
    nodes: Nodes | None = None
    below: Any = None
    gain: Array | None = None
    covariance: Array | None = None
    coparents: Any = None

    def carry(self) -> Structure | None:
        """The part of the belief from which the next step starts."""
        if self.conditionals is None:
            return None
        return Structure(conditionals=self.conditionals, covariance=self.covariance)


def begin_conditional(belief: Any, shapes: Sequence[tuple[int, ...] | None] | None) -> Any:
    """An initial belief that depends on no parent yet, with room for what it will keep of each."""
    if shapes is None:
        return belief
    variance = jnp.asarray(belief.variance)
    kept = tuple(
        None
        if shape is None
        else Conditional.start(jnp.broadcast_to(variance, (*shape, *jnp.shape(variance))))
        for shape in shapes
    )
    slots = sum(math.prod(shape) for shape in shapes if shape is not None)
    apart = jnp.zeros((slots, slots, *jnp.shape(variance))) if slots > 1 else None
    return dataclasses.replace(belief, structured=Structure(conditionals=kept, covariance=apart))


def reach_of(variance: Array, strength: Array) -> Array:
    """Variance of the nodes of a parent, given the mean strength of its edges."""
    squared = strength * strength
    wide = squared * variance > REACH**2
    return jnp.where(wide, REACH**2 * reciprocal(jnp.where(wide, squared, 1.0)), variance)


Heard = tuple[Array, Any]
"""How probable what was heard is at one place: a logarithm, and a factor beside it."""


def weigh_nodes(
    places: Places,
    centre: Array,
    variance: Array,
    hear: Callable[[Places], list[Heard]] | None = None,
) -> Nodes:
    """Look at a parent's nodes about a centre, and weigh them by what its children say there.

    Parameters
    ----------
    places
        Of the nodes, about the centre.
    centre, variance
        The parent's belief before.
    hear
        What the children say at the places; None if they say nothing.
    """
    steps = places.steps()
    weights: list[Any] = [weight + jnp.zeros_like(places.scale) for weight in places.rule.weights]
    total = jnp.zeros_like(places.scale)
    if hear is not None:
        weights, total = stage(weigh_tilts(places.rule.weights, stage(hear(places))))
    moved = stage(average_nodes(weights, steps))
    around = stage(average_nodes(weights, [(step - moved) ** 2 for step in steps]))
    return Nodes(
        places=places,
        weights=tuple(weights),
        moved=moved,
        centre=centre,
        mean=centre + moved,
        variance=around + (variance - places.scale**2),
        log_evidence=total,
    )


def average_nodes(weights: Sequence[Any], values: Sequence[Array]) -> Array:
    """A weighted sum over nodes."""
    terms: list[Array] = [weight * value for weight, value in zip(weights, values, strict=True)]
    return sum(terms[1:], start=terms[0])


def condition(
    nodes: Nodes,
    means: Sequence[Array],
    variances: Sequence[Array],
    strength: Array,
    predicted_mean: Array,
    parent_mean: Array,
    parent_variance: Array,
) -> tuple[Conditional, Array, Array]:
    """A child's conditional belief, and its moments, from what it is at every node of its parent.

    Parameters
    ----------
    nodes
        Of the parent, with their posterior weights.
    means, variances
        The child's posterior at every node.
    strength
        Of the edge: no log variance leans more on the parent than growth does.
    predicted_mean
        The parent's, from which the offsets of the nodes are taken.
    parent_mean, parent_variance
        The parent's belief after the step.
    """
    weights, places = nodes.weights, nodes.places
    around = [step - nodes.moved for step in places.steps()]
    variance = average_nodes(weights, [one * one for one in around]) + SOFT * places.scale**2
    share = reciprocal(jnp.where(variance > 0, variance, 1.0))
    mean = average_nodes(weights, means)
    slope = share * average_nodes(weights, [a * m for a, m in zip(around, means, strict=True)])
    mean, slope, share = stage((mean, slope, share))
    left = average_nodes(
        weights,
        [v + (m - mean - slope * a) ** 2 for a, m, v in zip(around, means, variances, strict=True)],
    )
    limit = jnp.abs(strength)
    steepness = jnp.clip(share * lean_of(weights, around, variances), -limit, limit)
    left, steepness = stage((left, steepness))
    ahead = average_nodes(weights, places.powers(steepness))
    ahead = ahead * jnp.exp(jnp.clip(-steepness * nodes.moved, -LEAN, LEAN))
    middle = nodes.moved if places.shift is None else places.shift + nodes.moved
    moved = parent_mean - (predicted_mean + middle)
    return (
        Conditional(slope=slope, steepness=steepness, variance=left * reciprocal(ahead)),
        mean + slope * moved,
        left + slope**2 * parent_variance,
    )


def lean_of(weights: Sequence[Array], around: Sequence[Array], variances: Sequence[Array]) -> Array:
    """The covariance of the log of a variance with a place whose weighted mean is zero.

    A constant has none, so logs are taken relative to that in the middle: one less of the dearest operation.
    """
    middle = len(variances) // 2
    inverse = reciprocal(variances[middle])
    terms = [
        weight * one * log(jnp.clip(variance * inverse, 1 / FARTHEST, FARTHEST))
        for number, (weight, one, variance) in enumerate(
            zip(weights, around, variances, strict=True)
        )
        if number != middle
    ]
    return sum(terms[1:], start=terms[0])


FARTHEST = 1e30
"""No variance at a node is taken for more than so many times the one in the middle."""
