"""Where a parent of many children is: their evidence may be much narrower than what was predicted of it.

Of the structured expansion. The parent is first looked for over rows of points; then the nodes of the rule
are laid about what was found. Where a row sees the posterior well its moments count, and these need not be a
Gaussian's: evidence that a parent is low hardly says how low.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.modules import Module
from pynodes._core.structured import (
    Heard,
    Nodes,
    Places,
    QuadratureRule,
    reach_of,
    weigh_nodes,
)
from pynodes._typing import Array

MANY = 4
"""From so many children on their joint evidence may be much narrower than the prediction: the parent is first
looked for."""

LOOKS, ZOOMS, FAR = 7, 3, 4.0
"""At so many points, so many times, the first time over so many standard deviations to either side."""


class Row(Module):
    """Moments of a parent's posterior over a row of points.

    Attributes
    ----------
    mean, variance
        The mean above the centre of its prior.
    log_evidence
        Log of the average of the evidence over its prior.
    apart
        How far the points are from one another.
    """

    mean: Array
    variance: Array
    log_evidence: Array
    apart: Array

    def correct(self, nodes: Nodes, centre: Array, variance: Array) -> Nodes:
        """Nodes with these moments, where the row saw more than they do.

        That is where the posterior is another than the prior, and where the points are close enough.
        """
        middle, left = self.mean, self.variance * reciprocal(variance)
        changed = jnp.maximum(0.9 - left, middle**2 * reciprocal(variance) - 0.1)
        close = self.variance * reciprocal(self.apart**2) - 0.3
        share = jnp.clip(8 * jnp.minimum(changed, close), 0.0, 1.0)
        return dataclasses.replace(
            nodes,
            mean=nodes.mean + share * (centre + self.mean - nodes.mean),
            variance=nodes.variance + share * (self.variance - nodes.variance),
            log_evidence=nodes.log_evidence + share * (self.log_evidence - nodes.log_evidence),
        )


def find(variance: Array, log_evidence: Callable[[Array], Array], shift: Array) -> Row:
    """About where a parent's posterior is, above the centre of its prior.

    Moments over a row of points, then over a closer one about what was found. A row no wider than twice the
    posterior's deviation apart has its moments to a part in a hundred.
    """
    steps = jnp.reshape(jnp.linspace(-1.0, 1.0, LOOKS), (LOOKS, *(1,) * jnp.ndim(variance)))
    middle, half = jnp.zeros_like(variance), FAR * jnp.sqrt(variance)
    around, apart, total = variance, half, jnp.zeros_like(variance)
    for _ in range(ZOOMS):
        points = middle + half * steps
        heard = jax.vmap(log_evidence)(points + shift)
        logs = heard - 0.5 * points**2 * reciprocal(variance)
        weights, total = jax.nn.softmax(logs, axis=0), jax.nn.logsumexp(logs, axis=0)
        middle = jnp.sum(weights * points, axis=0)
        around = jnp.sum(weights * (points - middle) ** 2, axis=0)
        apart = half * (2 / (LOOKS - 1))
        # Points that straddle a narrow posterior make up to a quarter of their squared distance of it.
        straddled = jnp.minimum(around, 0.25 * apart**2)
        half = jnp.sqrt(9 * (around - straddled) + 5.2 * straddled + 0.7 * apart**2)
    total = total + 0.5 * log(apart**2 * reciprocal(2 * math.pi * variance))
    return Row(mean=middle, variance=around, log_evidence=total, apart=apart)


def weigh_about(
    rule: QuadratureRule,
    centre: Array,
    variance: Array,
    strength: Array,
    log_evidence: Callable[[Array], Array],
    hear: Callable[[Places], list[Heard]],
    shift: Array,
) -> Nodes:
    """As :func:`weigh`, with the nodes where the posterior is instead of where the prior is."""
    row = find(variance, log_evidence, shift)
    middle, left = row.mean, row.variance + 0.02 * row.apart**2
    # A wide posterior near the prior is no Gaussian, and is better seen from there.
    narrow = 2 - 4 * left * reciprocal(variance)
    distant = middle**2 * reciprocal(variance) - 1
    own = jnp.clip(jnp.maximum(narrow, distant), 0.0, 1.0)
    middle, left = own * middle, variance + own * (left - variance)
    spread = reach_of(left, strength)
    narrower = left < variance
    reached = jnp.where(
        narrower,
        variance + spread - left,
        variance * spread * reciprocal(jnp.where(narrower, 1.0, left)),
    )

    def hear_corrected(places: Places) -> list[Heard]:
        # The rule's weights are those of N(middle, spread): they are exchanged for those of the prior, as far
        # as the nodes reach.
        steps = places.steps()
        prior = [-0.5 * (middle + step) ** 2 * reciprocal(reached) for step in steps]
        own = [-0.5 * step**2 * reciprocal(spread) for step in steps]
        heard = zip(hear(places), prior, own, strict=True)
        return [(value + one - other, factor) for (value, factor), one, other in heard]

    places = Places.spread(rule, spread, shift + middle)
    nodes = weigh_nodes(places, centre + middle, left, hear_corrected)
    ratio = spread * reciprocal(reached)
    nodes = dataclasses.replace(nodes, log_evidence=nodes.log_evidence + 0.5 * log(ratio))
    return row.correct(nodes, centre, variance)
