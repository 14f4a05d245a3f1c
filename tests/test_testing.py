"""The public checks: kinds that break a law are found, and the sentence says which law and where."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import pytest

import pynodes as pn
from tests.few import few


class WrongGradient(pn.Probability):
    """A closed form whose gradient is off by a hundredth."""

    def evidence(self, parent, child, dt):
        right = super().evidence(parent, child, dt)
        return pn.Evidence(gradient=1.01 * right.gradient, curvature=right.curvature)


class WrongCurvature(pn.Probability):
    """A closed form whose curvature has the wrong sign."""

    def evidence(self, parent, child, dt):
        right = super().evidence(parent, child, dt)
        return pn.Evidence(gradient=right.gradient, curvature=-right.curvature)


class StackedEvidence(pn.Probability):
    """A closed form written for several edges at once."""

    def evidence(self, parent, child, dt):
        right = super().evidence(parent, child, dt)
        return pn.Evidence(gradient=right.gradient[None], curvature=right.curvature)


class TupleEvidence(pn.Probability):
    """A closed form that returns a pair."""

    def evidence(self, parent, child, dt):
        right = super().evidence(parent, child, dt)
        return right.gradient, right.curvature


class StackedDensity(pn.Probability):
    """A density with an axis too many."""

    evidence = pn.AbstractCoupling.evidence

    def log_density(self, x, parent, child, dt):
        return super().log_density(x, parent, child, dt)[None]


class UndefinedDensity(pn.Probability):
    """A density that is not defined where it is needed."""

    evidence = pn.AbstractCoupling.evidence

    def log_density(self, x, parent, child, dt):
        return jnp.log(x - 100.0)


class OtherDensity(pn.Probability):
    """A density that is not of what its child predicts: a Gaussian's of its variance, for an outcome."""

    evidence = pn.AbstractCoupling.evidence

    def log_density(self, x, parent, child, dt):
        error = child.mean - child.predicted_mean - x + parent.predicted_mean
        return -0.5 * error**2 / child.predicted_variance


class MisspeltInlet(pn.Probability):
    """A contribution to an inlet that no kind has."""

    def predict(self, parent, dt):
        return {"logits": parent.predicted_mean}


class BareContribution(pn.Probability):
    """A contribution without the name of its inlet."""

    def predict(self, parent, dt):
        return self.strength * parent.predicted_mean


class StackedContribution(pn.Probability):
    """A contribution written for two edges."""

    def predict(self, parent, dt):
        return {"logit": parent.predicted_mean * jnp.ones(2)}


class Loud(pn.Probability):
    """A contribution that strength zero does not silence."""

    def predict(self, parent, dt):
        return {"logit": 0.1 + self.strength * parent.predicted_mean}


@pytest.mark.parametrize(
    ("kind", "sentence"),
    few(
        [
            (WrongGradient, r"evidence's gradient is the density's slope at \d+: \S+ is not \S+"),
            (WrongCurvature, r"evidence's curvature is minus the density's at \d+: \S+ is not \S+"),
            (StackedEvidence, r"gradient of StackedEvidence\.evidence\(\) has shape \(1,\)"),
            (TupleEvidence, r"TupleEvidence\.evidence\(\) must return an Evidence, not \("),
            (StackedDensity, r"StackedDensity\.log_density\(\) has shape \(1,\)"),
            (
                UndefinedDensity,
                r"UndefinedDensity\.log_density\(\) is nan at the parent's predicted",
            ),
            (OtherDensity, r"slope is minus that of the child's surprise, were the parent known"),
            (MisspeltInlet, r"predicts 'logits', which BinaryInput does not list in inlets"),
            (BareContribution, r"contributions by inlet, as in \{'logit': \.\.\.\}, not"),
            (StackedContribution, r"'logit' of StackedContribution\.predict\(\) has shape \(2,\)"),
            (Loud, r"a coupling of strength zero is silent: \S+ at \d+: \S+ is not"),
        ],
        5,
    ),
)
def test_a_broken_coupling_is_found(kind, sentence):
    """Each breaks one law and is fine otherwise."""
    with pytest.raises(AssertionError, match=sentence):
        pn.testing.check_coupling(kind(), child=pn.BinaryInput())


class Louder(pn.Volatility):
    """A message that claims twice the strength that the prediction had."""

    def message(self, parent, child):
        right = super().message(parent, child)
        return dataclasses.replace(right, strength=2 * right.strength)


@pytest.mark.slow
def test_a_message_that_contradicts_the_prediction_is_found():
    """It is consistent with itself, but not with what the child does."""
    with pytest.raises(AssertionError, match="growth is the child's, were the parent known"):
        pn.testing.check_coupling(Louder(), child=pn.ContinuousState())


class Heedless(pn.ContinuousInput):
    """An input that takes what lies under the mask for an observation."""

    def observe(self, belief, value, observed):
        return belief.clamped(value)


class NanWhereMissing(pn.ContinuousInput):
    """An input that says NaN for nothing."""

    def observe(self, belief, value, observed):
        return belief.clamped(jnp.where(observed, value, jnp.nan))


class Shaky(pn.ContinuousInput):
    """An input whose surprise is fine, but whose derivative divides zero by zero in a gap."""

    def surprise(self, belief):
        error = jnp.sqrt((belief.mean - belief.predicted_mean) ** 2 * self.precision)
        return 0.5 * (jnp.log(2 * jnp.pi / self.precision) + error**2)


class Stacked(pn.ContinuousInput):
    """An input that predicts two numbers."""

    def predict(self, belief, inlet, dt):
        one = super().predict(belief, inlet, dt)
        return one.updated(one.mean * jnp.ones(2), one.variance)


class StackedSurprise(pn.ContinuousInput):
    """An input that is surprised three times."""

    def surprise(self, belief):
        return super().surprise(belief) * jnp.ones(3)


class Narrow(pn.ContinuousInput):
    """An input that rounds to single precision."""

    def predict(self, belief, inlet, dt):
        one = super().predict(belief, inlet, dt)
        return one.updated(jnp.asarray(one.mean, jnp.float32), one.variance)


class Wordless(pn.ContinuousInput):
    """An input that predicts nothing at all."""

    def predict(self, belief, inlet, dt):
        return None


class Detached(pn.ContinuousInput):
    """An input whose surprise has lost its gradient."""

    def surprise(self, belief):
        return jax.lax.stop_gradient(super().surprise(belief))


class Impossible(pn.ContinuousState):
    """A state that learns its way to a negative variance."""

    def update(self, belief, evidence):
        return belief.updated(belief.predicted_mean, -belief.predicted_variance)


class Forgetful(pn.ContinuousState):
    """A state whose belief depends on how often it was told to start."""

    def init(self):
        return pn.Gaussian.start(jnp.nan, 1.0)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    few(
        [
            (
                Heedless,
                r"a missing observation leaves the prediction: u\.mean at \d+: \S+ is not 0",
            ),
            (NanWhereMissing, r"mean of NanWhereMissing\.observe\(\) of a missing value is nan"),
            (Shaky, r"the gradient through gaps: u\.precision is not finite: nan"),
            (Stacked, r"mean of Stacked\.predict\(\) has shape \(2,\).*written for one node"),
            (StackedSurprise, r"StackedSurprise\.surprise\(\) has shape \(3,\)"),
            (Narrow, r"mean of Narrow\.predict\(\) is float32, where float64 is computed with"),
            (Wordless, r"Wordless\.predict\(\) must return a belief, such as belief\.predicted\("),
            (Detached, r"gradient of u\.precision: 0 is not \S+"),
            (
                Impossible,
                r"beliefs are finite: at step 0 that of 'node' is not finite, or its",
            ),
            (Forgetful, r"mean of Forgetful\.init\(\) is nan"),
        ],
        5,
    ),
)
def test_a_broken_kind_is_found(kind, sentence):
    """Each breaks one law and is fine otherwise."""
    with pytest.raises(AssertionError, match=sentence):
        pn.testing.check_node(kind())


class Misweighed(pn.BinaryInput):
    """An input whose probabilities do not sum to one."""

    def surprise(self, belief):
        return 1.1 * super().surprise(belief)


def test_probabilities_that_do_not_sum_to_one_are_found():
    """Only where all outcomes are named can this be asked."""
    with pytest.raises(AssertionError, match=r"predictive probabilities sum to one: \S+ is not 1"):
        pn.testing.check_node(Misweighed(), outcomes=(0, 1))


class Silent(pn.AbstractNode):
    """An input that forgot to say how surprised it is."""

    observable = True

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        return belief.predicted(belief.mean, variance=belief.variance)


class Deaf(pn.AbstractNode):
    """A state that cannot learn."""

    def init(self):
        return pn.Gaussian.start(0.0, 1.0)

    def predict(self, belief, inlet, dt):
        return belief.predicted(belief.mean, variance=belief.variance)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Silent, r"Silent cannot be observed: it defines no surprise\(belief\)"),
        (Deaf, r"Deaf has children but no update\(belief, evidence\): it cannot learn from them"),
    ],
)
def test_what_a_kind_lacks_is_named(kind, sentence):
    """A method that is needed and was not written."""
    with pytest.raises(pn.PynodesError, match=sentence):
        pn.testing.check_node(kind())


@pytest.mark.parametrize(
    ("wrong", "error", "sentence"),
    [
        (lambda: pn.testing.check_node(pn.BinaryInput), TypeError, r"instance, BinaryInput\(\)"),
        (lambda: pn.testing.check_node(pn.Drift()), TypeError, "no AbstractNode; subclass it"),
        (
            lambda: pn.testing.check_coupling(pn.Drift, child=pn.ContinuousState()),
            TypeError,
            r"instance, Drift\(\)",
        ),
        (
            lambda: pn.testing.check_coupling(pn.Drift(), child=pn.BinaryInput()),
            pn.CouplingError,
            "Drift feeds 'drift', but 'u' is a BinaryInput",
        ),
        (
            lambda: pn.testing.check_node(pn.BinaryInput(), series=[0, 1]),
            pn.InputError,
            r"series must be at least 8 numbers, not an array of shape \(2,\)",
        ),
        (
            lambda: pn.testing.check_node(pn.BinaryInput(), series=[0.5] * 8),
            pn.InputError,
            "0.5 at step 0, but a BinaryInput takes 0 or 1",
        ),
    ],
)
def test_a_check_that_is_misused_says_how_to_use_it(wrong, error, sentence):
    """Wrong arguments are no broken laws."""
    with pytest.raises(error, match=sentence):
        wrong()


class Overstated(pn.Probability):
    """A tilt that moves the belief twice as far as what happened does."""

    def tilt(self, mean, variance, parent, child, dt):
        right = super().tilt(mean, variance, parent, child, dt)
        return dataclasses.replace(right, gradient=2 * right.gradient)


class Inflated(pn.Probability):
    """A tilt whose derivatives in the mean are right, and whose evidence grows with the variance."""

    def tilt(self, mean, variance, parent, child, dt):
        right = super().tilt(mean, variance, parent, child, dt)
        return dataclasses.replace(right, factor=right.factor * (1 + variance))


class Elastic(pn.Volatility):
    """Leans on its parent twice as much as it predicts."""

    def elasticity(self, parent):
        return 2 * self.strength


class Hasty(pn.Drift):
    """Says that it moves its child by the time step twice."""

    def sensitivity(self, parent, child, dt):
        return dt * super().sensitivity(parent, child, dt)


class Hoarding(pn.ContinuousState):
    """Says that it keeps half of what it keeps."""

    def kept_share(self, dt):
        return 0.5, 0.5


class Skewed(pn.BinaryInput):
    """An average that is none."""

    def average(self, belief, inlet, variance):
        right = super().average(belief, inlet, variance)
        return dataclasses.replace(right, predicted_mean=right.predicted_mean**2)


@pytest.mark.parametrize(
    ("wrong", "child", "sentence"),
    few(
        [
            (Overstated(), pn.BinaryInput(), "tilt: its gradient is the slope of its log evidence"),
            (
                Inflated(),
                pn.BinaryInput(),
                "tilt: its log evidence changes with the variance by half",
            ),
            (Elastic(), pn.ContinuousState(), "elasticity: the slope of the child's log variance"),
            (Hasty(), pn.ContinuousState(), "sensitivity: the slope of the child's predicted mean"),
            (Hoarding(), None, "kept_share: the share of its value that a step keeps"),
            (Skewed(), None, "average: over parents that are known it is the prediction"),
        ],
        3,
    ),
)
def test_wrong_words_to_the_structured_expansion_are_found(wrong, child, sentence):
    """Each overrides one hook, and says something that its own predictions contradict."""
    check = pn.testing.check_node
    if child is not None:
        check = partial(pn.testing.check_coupling, child=child)
    with pytest.raises(AssertionError, match=sentence):
        check(wrong)
