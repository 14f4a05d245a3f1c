"""Training: what is decided before a network is trained, as one frozen value."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

from pynodes._boundary import boundary
from pynodes._engine.closed_form import ClosedForm
from pynodes._errors import ParameterError, format_value, nearest
from pynodes.deep.errors import GaussNewton
from pynodes.deep.learning import check_optimiser
from pynodes.deep.reading import read_whole_number
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
    measures
        Numbers to note at each: functions of the :class:`TestReport`, by name.
    arithmetic
        How precisely matrices are multiplied, as ``jax.default_matmul_precision`` takes it: ``"bfloat16"``
        or ``"tensorfloat32"`` where a device has such products. As JAX does it by default.
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
    measures: Mapping[str, Callable[[Any], float]] | None = None
    arithmetic: str | None = None
    throw: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "weights_per_batch", "validate_every", "key"):
            least = 0 if name == "key" else 1
            value = read_whole_number("Training", name, getattr(self, name), least)
            object.__setattr__(self, name, value)
        for name in ("shuffle", "drop_last", "throw"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(
                    f"Training: {name} must be True or False, not {getattr(self, name)!r}."
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
        check_rate("rate", self.rate)
        if not isinstance(self.rate_steps, Mapping | None):
            raise ParameterError(
                "Training: rate_steps must be rates by the epochs from which on they hold, as in "
                f"{{10: 0.1}}, not {self.rate_steps!r}."
            )
        for epoch, rate in (self.rate_steps or {}).items():
            read_whole_number("Training", "an epoch of rate_steps", epoch, 0)
            check_rate(f"rate_steps of epoch {epoch}", rate)
        self.check_validation()
        self.multiply()

    def multiply(self) -> AbstractContextManager[Any]:
        """In which matrices are multiplied as ``arithmetic`` says.

        Raises
        ------
        ParameterError
            A name that JAX does not know.
        """
        if self.arithmetic is None:
            return nullcontext()
        try:
            return jax.default_matmul_precision(self.arithmetic)
        except (ValueError, TypeError) as error:
            raise ParameterError(
                "Training: arithmetic must be a precision of products that JAX knows, such as 'bfloat16', "
                f"'tensorfloat32' or 'highest', not {self.arithmetic!r}."
            ) from error

    def check_validation(self) -> None:
        """What is held back is a pair of values and targets; measures are functions of its report.

        Raises
        ------
        ParameterError
            Something else, or measures without what is held back.
        """
        held = self.validate_with
        pair = isinstance(held, tuple | list) and len(held) == 2
        if held is not None and not (pair and all(isinstance(part, Mapping) for part in held)):
            raise ParameterError(
                "Training: validate_with must be a pair of values and targets by node name, as in "
                f"({{'x': images}}, {{'y': labels}}), not {format_value(held, 80)}."
            )
        if self.measures is None:
            return
        named = isinstance(self.measures, Mapping) and all(map(callable, self.measures.values()))
        if not named or held is None:
            raise ParameterError(
                "Training: measures must be functions of the report of what is held back, by name, as in "
                "measures={'errors': lambda report: 1 - report.accuracy}, beside validate_with=, not "
                f"{format_value(self.measures, 80)}."
            )

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
        if closed and self.precisions == "learned":
            raise ParameterError(
                f"Training: precisions='learned' is for schemes on points. Under {self.scheme!r} a "
                "pynodes.VolatileLayer learns those of its units as it goes."
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


def check_rate(name: str, value: Any) -> None:
    """By what moves are multiplied is a positive number.

    Raises
    ------
    ParameterError
        It is something else.
    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 < float(value) < float("inf"):
        raise ParameterError(f"Training: {name} must be a positive number, not {value!r}.")


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
