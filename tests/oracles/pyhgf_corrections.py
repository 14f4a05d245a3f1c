"""Where pynodes deliberately computes something else than pyhgf 0.3.2, one switch for each."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Corrections:
    """Which of pyhgf's rules are replaced by what the derivation says; none unless switched on.

    Attributes
    ----------
    time_in_drift_evidence
        The evidence of a Drift edge carries the time step that its prediction has.
    time_free_observation
        Observation and Noise edges say the same however long a step lasted.
    derivatives_at_prediction
        Coupling functions are differentiated at the predicted mean, where the evidence is expanded;
        not at the previous posterior mean, nor (enhanced) at the new one.
    one_gain
        The second derivative of a coupling function is weighted by the same gain as the first.
    value_before_volatility
        Enhanced hears its value children with all their weight before its volatility children.
    value_children_heard
        Unbounded hears its value children.
    every_volatility_child_heard
        Unbounded hears every volatility child, not the first alone.
    undivided_volatility_error
        The volatility error is not divided by the number of volatility parents.
    other_volatility_parents_kept
        The look at a known parent keeps what the child's other volatility parents predict.
    noise_error_from_posterior
        The error of an input's noise is (u - m)² + s, with the mean's posterior after the value parents
        were updated; not (u - m)² + 1/precision with its prediction.
    noise_without_uncertainty
        An input with Noise parents weighs its errors by its noise alone, as inputs without do.
    silence_without_observation
        A node without an observed descendant sends no message and keeps its prediction.
    probability_uses_coupling
        A binary prediction uses the strength and the function of its Probability edges.
    bounded_growth
        Log growth is bent above 64, so that no variance overflows.
    unguarded_numbers
        A vanishing growth is no NaN, and precisions have no ceiling; a precision that is not positive
        is reported, not replaced.
    """

    time_in_drift_evidence: bool = False
    time_free_observation: bool = False
    derivatives_at_prediction: bool = False
    one_gain: bool = False
    value_before_volatility: bool = False
    value_children_heard: bool = False
    every_volatility_child_heard: bool = False
    undivided_volatility_error: bool = False
    other_volatility_parents_kept: bool = False
    noise_error_from_posterior: bool = False
    noise_without_uncertainty: bool = False
    silence_without_observation: bool = False
    probability_uses_coupling: bool = False
    bounded_growth: bool = False
    unguarded_numbers: bool = False

    @classmethod
    def only(cls, *names: str) -> Corrections:
        """The named corrections and no other."""
        return cls(**dict.fromkeys(names, True))


NONE = Corrections()
"""pyhgf 0.3.2."""

ALL = Corrections.only(*(field.name for field in dataclasses.fields(Corrections)))
"""pynodes."""
