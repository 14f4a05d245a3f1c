"""Training: what is decided before a network is trained, as one frozen value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from pynodes._boundary import boundary
from pynodes._engine.closed_form import ClosedForm
from pynodes._errors import ParameterError, nearest
from pynodes.deep.errors import GaussNewton
from pynodes.deep.learning import check_optimiser
from pynodes.deep.scheme import AbstractPointScheme, check_numbers
from pynodes.deep.settle import Settle
from pynodes.deep.weight_beliefs import Learning

RECORDS = ("epochs", "batches", "steps")
"""What a history keeps: every epoch; every batch too; every step of the scheme too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    epochs
        How often all samples are seen.
    batch
        Samples that weights learn from together.
    scheme
        How values are found; 20 steps of :class:`Settle` by default. Or ``pynodes.ClosedForm()``: one sweep
        per sample with Gaussian beliefs.
    test_scheme
        How they are found when validating; that of training by default.
    optimiser
        A gradient transformation of optax; Adam with a rate of 0.001 by default.
    rate
        By what every move of the weights is multiplied; another rate compiles nothing.
    rate_steps
        Epochs from which on the rate is another, as in ``{10: 0.1}``.
    key
        Seed of the order of samples and of schemes that draw.
    shuffle
        Whether samples come in another order in every epoch.
    drop_last
        Whether samples that do not fill a batch are left out.
    weights_per_batch
        Steps of the weights at the values that were found for a batch.
    precisions
        ``"fixed"``, or ``"learned"``: those of layers with parents learn with the weights, by their logs.
    learning
        How weights learn: weighed errors, or a belief about every weight; see :class:`Learning`.
    record
        ``"epochs"``, ``"batches"`` or ``"steps"``.
    validate_with
        Values and targets to test on, as :func:`pynodes.deep.test` takes them.
    validate_every
        Epochs between two validations.
    throw
        Whether values or weights that are no longer numbers raise; otherwise training ends.

    Raises
    ------
    ParameterError
        An unknown name, or a value that its field cannot take.
    """

    epochs: int = 10
    batch: int = 64
    scheme: Any = dataclasses.field(default_factory=Settle)
    test_scheme: Any = None
    optimiser: Any = None
    rate: float = 1.0
    rate_steps: Mapping[int, float] | None = None
    key: int = 0
    shuffle: bool = True
    drop_last: bool = False
    weights_per_batch: int = 1
    precisions: str = "fixed"
    learning: Learning = dataclasses.field(default_factory=Learning)
    record: str = "batches"
    validate_with: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None
    validate_every: int = 1
    throw: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "weights_per_batch", "validate_every"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ParameterError(
                    f"Training: {name} must be a whole number of at least 1, not {value!r}."
                )
        for name in ("scheme", "test_scheme"):
            scheme = getattr(self, name)
            if scheme is None and name == "test_scheme":
                continue
            if not isinstance(scheme, AbstractPointScheme | ClosedForm):
                hint = (
                    " It is an optimiser: give it as optimiser=."
                    if hasattr(scheme, "update")
                    else ""
                )
                raise ParameterError(
                    f"Training: {name} must be a scheme, such as pynodes.deep.Settle(steps=20), not "
                    f"{scheme!r}.{hint}"
                )
            if isinstance(scheme, AbstractPointScheme):
                check_numbers(scheme, arrays=True)
        if self.optimiser is not None:
            check_optimiser(self.optimiser)
        self.check_learning()
        if self.record not in RECORDS:
            raise ParameterError(
                f"Training: record must be one of {', '.join(RECORDS)}, not {self.record!r}."
            )
        if self.precisions not in ("fixed", "learned"):
            raise ParameterError(
                f"Training: precisions must be 'fixed' or 'learned', not {self.precisions!r}."
            )
        if isinstance(self.rate, bool) or not 0 < self.rate < float("inf"):
            raise ParameterError(f"Training: rate must be a positive number, not {self.rate!r}.")

    def check_learning(self) -> None:
        """How weights learn goes with all else.

        Raises
        ------
        ParameterError
            No :class:`Learning`; beliefs beside an optimiser with nothing to move, or beside several
            steps per batch; errors that are not weighed under a scheme on points.
        """
        learning, closed = self.learning, isinstance(self.scheme, ClosedForm)
        if not isinstance(learning, Learning):
            raise ParameterError(
                "Training: learning must be a pynodes.deep.Learning, such as Learning(beliefs=True), not "
                f"{learning!r}."
            )
        check_numbers(learning, arrays=True)
        if not learning.weigh and not closed:
            raise ParameterError(
                f"Training: under {self.scheme!r} weights go down the energy, which weighs errors by their "
                "precisions. Learning(weigh=False) is for pynodes.ClosedForm()."
            )
        if not learning.beliefs:
            return
        if self.weights_per_batch > 1:
            raise ParameterError(
                f"Training: weights_per_batch={self.weights_per_batch} would have beliefs count every sample "
                "as often. Leave it out."
            )
        moves = self.precisions == "learned" or getattr(self.scheme, "by", None) is not None
        if self.optimiser is not None and not moves:
            raise ParameterError(
                "Training: with Learning(beliefs=True) every weight has a step of its own, and the optimiser "
                "has nothing to move. Leave it out; rate= multiplies the moves."
            )

    @property
    def test_with(self) -> AbstractPointScheme:
        """The scheme that finds values when testing, where the forward pass is not the answer."""
        scheme = self.scheme if self.test_scheme is None else self.test_scheme
        return GaussNewton() if isinstance(scheme, ClosedForm) else scheme

    def rate_at(self, epoch: int) -> float:
        """The rate of an epoch, counted from 0."""
        reached = [
            (start, rate) for start, rate in (self.rate_steps or {}).items() if start <= epoch
        ]
        return max(reached)[1] if reached else self.rate


def by_known_names(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that says which name it does not know, and the nearest that it does."""
    known = [field.name for field in dataclasses.fields(Training)]

    @boundary
    def named(self: Training, *args: Any, **values: Any) -> None:
        for name in values:
            if name not in known:
                raise ParameterError(f"Training has no option {name!r}. {nearest(name, known)}")
        if args:
            raise ParameterError("Training takes its options by name, as in Training(epochs=5).")
        init(self, **values)

    return named


Training.__init__ = by_known_names(Training.__init__)  # type: ignore[method-assign]
