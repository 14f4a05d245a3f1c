"""What every kind of node says: how it predicts, and how it hears."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from numbers import Integral
from typing import Any, ClassVar, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.beliefs import Gaussian
from pynodes._core.expansions import ChildEvidence
from pynodes._core.modules import Module
from pynodes._errors import ParameterError, PynodesError
from pynodes._typing import AnyArray, Array, Scalar

Inlets: TypeAlias = Mapping[str, Array]
"""What came down to a node, summed over its parents, by inlet; zero where nobody feeds it."""


def read_shape(owner: object, shape: Any) -> tuple[int, ...]:
    """The shape of a node that holds an array: () for a number, a whole number for a vector.

    Raises
    ------
    ParameterError
        Something else than positive whole numbers.
    """
    if shape == ():
        return ()
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not all(isinstance(n, Integral) and not isinstance(n, bool) and int(n) > 0 for n in sizes):
        raise ParameterError(
            f"{type(owner).__name__}: shape must be positive whole numbers, as in shape=(64,), not {shape!r}."
        )
    return tuple(int(size) for size in sizes)


class AbstractNode(Module, abc.ABC):
    """One kind of node, written for one node; subclassing it is all it takes to add a kind.

    Fields declared with ``parameter`` may be fitted and replaced by name; fields declared with
    ``choice`` are static. A choice whose default is None and whose name is a setting of the graph
    (``expansion``, ``marginalise``, ``probability_clip``) takes the graph's value.

    Attributes
    ----------
    inlets
        Names of what parents may feed. The first one is what a plain value coupling feeds.
    observable
        Whether the node is an input: it must be given a series, and has a surprise.
    remembers
        Whether the next step starts from this step's posterior; inputs usually start afresh.
    given
        Name of a parameter that is given at every step under the node's name, or None.
    required
        Names of parameters that mean nothing unless a series is given for each, under its full name. They
        matter where the node is observed and may be missing elsewhere. Each has a lowest value.
    learns
        Whether its children's evidence moves it; a constant's does not.
    shape
        A choice of kinds whose rules are elementwise: the shape of the array that the node holds.
    uninformed_surprise
        Surprise of one outcome under a guess that knows nothing, in nats; None without such a guess.
    support
        The values a discrete node may take. Its :meth:`update` then hears the log density of its
        children at each of them, instead of a gradient and a curvature.
    discrete
        Whether its value is one of a few, so that it cannot be found by small steps.
    learns_in_part
        Whether what it learns from may count to a power between 0 and 1 (``gate=``).
    """

    inlets: ClassVar[tuple[str, ...]] = ()
    observable: ClassVar[bool] = False
    has_memory: ClassVar[bool] = True
    given: ClassVar[str | None] = None
    required: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[bool] = True
    support: ClassVar[tuple[float, ...] | None] = None
    discrete: ClassVar[bool] = False
    learns_in_part: ClassVar[bool] = True

    expects: ClassVar[str] = "finite numbers"
    uninformed_surprise: ClassVar[float | None] = None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one observation: () for a number."""
        return getattr(self, "shape", ())

    @property
    def value_shape(self) -> tuple[int, ...]:
        """Shape of the node's value, as its belief holds it: () for a number."""
        return getattr(self, "shape", ())

    @property
    def elementwise(self) -> bool:
        """Whether its value is an array whose elements each follow the node's rules by themselves."""
        return bool(getattr(self, "shape", ()))

    def accepts(self, values: AnyArray) -> AnyArray:
        """Which numbers in some observations the node can take; ``expects`` says it in words.

        Written with comparisons and methods of arrays, since the values may be traced.
        """
        return np.ones(values.shape, dtype=bool)

    def check(self, connected: Collection[str]) -> str | None:
        """Why the node cannot be filtered, as words that follow its name; None if it can.

        Looked at when a graph is compiled and when a parameter is replaced, for what concerns several
        fields at once, or the inlets that parents feed.
        """
        del connected

    def bind(self, fed: Collection[str]) -> Self:
        """The node for the inlets that its parents feed; called when a graph is compiled."""
        del fed
        return self

    @abc.abstractmethod
    def init(self) -> Any:
        """The belief before the first step: an :class:`AbstractBelief`, most often a Gaussian."""

    @abc.abstractmethod
    def predict(self, belief: Any, inlet: Inlets, dt: Scalar) -> Any:
        """The belief about this step, from the previous belief and what the parents predict."""

    def average(self, belief: Any, inlet: Inlets, variance: Inlets) -> Any:
        """The prediction averaged over the parents, from the variance that they give each inlet.

        Asked for by the Structured expansion, of kinds whose :meth:`predict` takes the parents at their
        means; by default nothing is averaged.
        """
        del inlet, variance
        return belief

    def update(self, belief: Any, evidence: ChildEvidence) -> Any:
        """The belief after the evidence of the children."""
        del evidence
        raise PynodesError(
            f"{type(self).__name__} has children but no update(belief, evidence): it cannot learn from them."
        )

    def observe(self, belief: Any, value: Array, observed: Array | bool) -> Any:
        """The belief after an observation; where ``observed`` is false there is none."""
        return belief.clamped(value, observed)

    def observe_in_part(
        self, belief: Any, value: Array, observed: Array | bool, power: Array
    ) -> Any:
        """The belief after an observation whose likelihood counts to a power between 0 and 1.

        That of an input without a past is what it saw: its parents hear it to that power. A kind that learns
        from what it observes itself says what it then learns.
        """
        del power
        return self.observe(belief, value, observed)

    def repredict(self, belief: Any, inlet: Inlets, dt: Scalar) -> Any:
        """The prediction from value parents that are already updated."""
        del inlet, dt
        return belief

    def memory_gain(self, dt: Scalar) -> tuple[Scalar, Scalar]:
        """How a Gaussian belief of the previous step enters the prediction, for smoothing.

        Returns
        -------
        By how much the predicted mean changes with the previous one; and the share of the previous
        variance that is in the predicted one although, by that slope, it should not be.
        """
        del dt
        raise PynodesError(
            f"{type(self).__name__} cannot be smoothed: it defines no memory_gain(dt)."
        )

    def kept_share(self, dt: Scalar) -> tuple[Scalar, Scalar]:
        """Shares of its value and of its variance that a step keeps.

        Of nodes with volatility parents or children. Asked for by the Structured expansion; from
        :meth:`memory_gain` unless a kind says so itself.
        """
        gain, surplus = self.memory_gain(dt)
        return gain, jnp.asarray(gain) ** 2 + surplus

    def surprise(self, belief: Any) -> Array:
        """Minus the log predictive density of the value that was observed, in nats."""
        del belief
        raise PynodesError(
            f"{type(self).__name__} cannot be observed: it defines no surprise(belief)."
        )

    def energy(self, value: Array, inlet: Inlets) -> Array:
        """Surprise of a value, its parents being at values that feed the inlets so.

        Element by element where the node is elementwise. A kind may write a shorter form.
        """
        belief = self.predict(self.init(), inlet, jnp.ones(()))
        return self.surprise(self.observe(belief, value, True))

    def sample(self, key: Array, belief: Any) -> Array:
        """A value from the prediction, all parents being known."""
        del key, belief
        raise PynodesError(
            f"{type(self).__name__} cannot be simulated: it defines no sample(key, belief)."
        )

    def sample_initial(self, key: Array, belief: Any) -> Any:
        """What a simulation starts from: a value that is known, drawn from the belief."""
        noise = jax.random.normal(key, jnp.shape(belief.mean), belief.mean.dtype)
        return Gaussian.certain(belief.mean + jnp.sqrt(belief.variance) * noise)

    def sample_hidden(self, key: Array, belief: Any) -> Any:
        """The prediction of a simulated node, after everything but its value was drawn."""
        del key
        return belief

    def known_as(self, belief: Any, value: Array) -> Any:
        """The belief of a simulated node after its value was drawn: that value, known."""
        del belief
        return Gaussian.certain(value)

    def errors(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """Prediction errors from the reported fields of a node with parents."""
        return {"value_error": fields["mean"] - fields["predicted_mean"]}

    def report(self, belief: Any) -> dict[str, Array]:
        """The fields that trajectories keep; the precision of an input is that of its prediction."""
        return {
            "mean": belief.mean,
            "precision": belief.predicted_precision if self.observable else belief.precision,
            "predicted_mean": belief.predicted_mean,
            "predicted_precision": belief.predicted_precision,
        }
