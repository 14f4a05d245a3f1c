"""What recorded runs of pyhgf 0.3.2 do otherwise than we derive it."""

import dataclasses

import jax.numpy as jnp

import pynodes as pn
from pynodes.couplings._array import evidence_at_inlet


class Recorded(pn.Dense):
    """As recorded: f'' is weighed with the gain of the curvature, where the derivation has that of the mean.

    What the parent is unsure of does not reach the child's prediction; curvatures are floored at zero.
    """

    def predict(self, parent, dt):
        return {self.inlet: super().predict(parent, dt)[self.inlet]}

    def evidence(self, parent, child, dt):
        found = super().evidence(parent, child, dt)
        force = child.mean - child.predicted_mean
        if self.inlet != "logit":
            force = evidence_at_inlet(child, self.inlet, dt).curvature * force
        curvature = found.curvature - self.bend(parent.predicted_mean, force)
        return dataclasses.replace(found, curvature=jnp.maximum(curvature, 0.0))
