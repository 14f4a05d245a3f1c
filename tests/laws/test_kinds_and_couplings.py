"""Laws 1, 2, 6, 7, 9 and 12, by the public checks that a user's own kinds pass too."""

import pytest

import pynodes as pn
from tests.laws import cases


@pytest.mark.slow
@pytest.mark.parametrize("node", cases.KINDS, ids=repr)
def test_a_kind_keeps_the_laws(node):
    pn.testing.check_node(node, outcomes=cases.outcomes_of(node))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases.COUPLED, ids=repr)
def test_a_coupling_keeps_the_laws(case):
    pn.testing.check_coupling(case.coupling, child=case.child)


@pytest.mark.parametrize(
    ("parent", "probabilities"),
    [
        (pn.CategoricalState(outcomes=3), [0.2, 0.5, 0.9]),
        (pn.CategoricalState(outcomes=2, normalised=True), [0.85, 0.15]),
        (pn.BinaryState(), [0.3, 0.6]),
    ],
    ids=repr,
)
def test_an_emission_is_the_likelihood_of_every_alternative(parent, probabilities):
    coupling = pn.Emission(probabilities=probabilities)

    pn.testing.check_coupling(coupling, parent=parent, child=pn.BinaryInput())


class Wrong(pn.Probability):
    """A coupling whose closed form is off by a factor."""

    def evidence(self, parent, child, dt):
        right = super().evidence(parent, child, dt)
        return pn.Evidence(gradient=1.01 * right.gradient, curvature=right.curvature)


@pytest.mark.slow
def test_the_check_finds_evidence_that_is_not_the_derivative():
    with pytest.raises(AssertionError, match="gradient is the density's slope"):
        pn.testing.check_coupling(Wrong(), child=pn.BinaryInput())


class Loud(pn.Drift):
    """A coupling that says something at strength zero."""

    def predict(self, parent, dt):
        return {**super().predict(parent, dt), "drift": 0.01 + parent.predicted_mean}


@pytest.mark.slow
def test_the_check_finds_a_coupling_that_is_not_silent():
    with pytest.raises(AssertionError):
        pn.testing.check_coupling(Loud(), child=pn.ContinuousState())


class Heedless(pn.ContinuousInput):
    """An input that takes what lies under the mask for an observation."""

    def observe(self, belief, value, observed):
        return belief.clamped(value)


def test_the_check_finds_a_kind_that_ignores_the_mask():
    with pytest.raises(AssertionError, match="missing observation"):
        pn.testing.check_node(Heedless())


class Misweighed(pn.BinaryInput):
    """An input whose probabilities do not sum to one."""

    def surprise(self, belief):
        return 1.1 * super().surprise(belief)


@pytest.mark.slow
def test_the_check_finds_probabilities_that_do_not_sum_to_one():
    with pytest.raises(AssertionError, match="sum to one"):
        pn.testing.check_node(Misweighed(), outcomes=(0, 1))
