"""NodeBeliefs: what one node believed, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pynodes._boundary import boundary
from pynodes._core.modules import namespace_of
from pynodes._errors import FieldError, nearest, quote
from pynodes._typing import Array

if TYPE_CHECKING:
    from pynodes._results.trajectories import Trajectories


class NodeBeliefs:
    """Beliefs of one node by field; every field has shape (time,), after any batch.

    Parameters
    ----------
    trajectories
        Where the beliefs are kept.
    name
        The node's name.
    """

    def __init__(self, trajectories: Trajectories, name: str) -> None:
        self._trajectories, self._name = trajectories, name

    @property
    def fields(self) -> list[str]:
        """Names of the fields that this node has."""
        errors = list(self._errors()) if self._has_parents() else []
        observed = ["surprise", "observed"] if self._observed() else []
        return list(dict.fromkeys([*self._recorded(), *errors, *observed]))

    @property
    def mean(self) -> Array:
        """Posterior mean; of an input, the observation, or its predicted mean where it is missing."""
        return self._field("mean")

    @property
    def precision(self) -> Array:
        """Posterior precision; of an input, the precision of an observation given its parents."""
        return self._field("precision")

    @property
    def predicted_mean(self) -> Array:
        """Mean before the step's evidence."""
        return self._field("predicted_mean")

    @property
    def predicted_precision(self) -> Array:
        """1 / variance of the prediction; of an input, of its predictive density, noise included."""
        return self._field("predicted_precision")

    @property
    @boundary
    def value_error(self) -> Array:
        """Value prediction error (δ): posterior minus predicted mean; of a binary node, over its variance."""
        return self._field("value_error")

    @property
    @boundary
    def volatility_error(self) -> Array:
        """Volatility prediction error (Δ): excess of the squared move over its prediction, relative to it."""
        return self._field("volatility_error")

    @property
    @boundary
    def effective_precision(self) -> Array:
        """Effective precision (γ): share of the predicted variance that was added in this step."""
        return self._field("effective_precision")

    @property
    @boundary
    def surprise(self) -> Array:
        """Minus the log predictive density of what was observed, in nats; zero where nothing was."""
        return self._field("surprise")

    @property
    @boundary
    def observed(self) -> Array:
        """Whether a value was observed."""
        return self._field("observed")

    @property
    @boundary
    def value(self) -> Array:
        """Observations of an input; NaN where missing."""
        if not self._observed():
            raise FieldError(f"{self._name!r} was given no values: it is not observed.")
        values, observed = self._own(self._trajectories.values), self._mask()
        xp = namespace_of(values, observed)
        beside = observed.reshape((*observed.shape, *(1,) * (values.ndim - observed.ndim)))
        return xp.where(beside, values, xp.nan)

    @boundary
    def __getattr__(self, field: str) -> Array:
        if field.startswith("_"):
            raise AttributeError(field)
        return self._field(field)

    def _field(self, field: str) -> Array:
        fields = self._recorded()
        if self._observed():
            fields = fields | {
                "surprise": self._own(self._trajectories.surprises),
                "observed": self._mask(),
            }
        if field not in fields and self._has_parents():
            fields = fields | self._errors()
        if field in fields:
            return fields[field]
        if field in ("value_error", "volatility_error") and not self._has_parents():
            raise FieldError(f"{self._name!r} has no parents, so it has no {field}.")
        raise FieldError(f"{self._name!r} has no field {field!r}. {nearest(field, self.fields)}")

    def _own(self, groups: dict[int, Array]) -> Array:
        """The node's part of what is kept by group, time first after any batch."""
        group, position = self._trajectories.labels.nodes[self._name]
        if len(self._trajectories.labels.groups[group]) == 1:
            return groups[group]
        axis = np.ndim(self._trajectories.found.alive)
        return groups[group][(slice(None),) * axis + (position,)]

    def _mask(self) -> Array:
        """Whether a value was observed, by step."""
        if self._trajectories.labels.nodes[self._name][0] in self._trajectories.observed:
            return self._own(self._trajectories.observed)
        surprise = self._own(self._trajectories.surprises)
        return namespace_of(surprise).ones(surprise.shape, dtype=bool)

    def _recorded(self) -> dict[str, Array]:
        column = self._trajectories._column(self._name)
        if column is None:
            return {}
        group, position = column
        whole = self._trajectories.records[group]
        if position is None:
            return whole
        axis = np.ndim(self._trajectories.found.alive)
        return {
            field: values[(slice(None),) * axis + (position,)] for field, values in whole.items()
        }

    def _errors(self) -> dict[str, Array]:
        recorded = self._recorded()
        try:
            with np.errstate(all="ignore"):  # as on the device
                return self._trajectories.labels.graph.nodes[self._name].errors(recorded)
        except KeyError as error:
            if error.args[0] in recorded:
                raise
            raise FieldError(
                f"The beliefs of {self._name!r} lack {error.args[0]!r}, of which its errors are made. The "
                "file that they are from was changed; filter the series again."
            ) from error

    def _observed(self) -> bool:
        return self._trajectories.labels.nodes[self._name][0] in self._trajectories.surprises

    def _has_parents(self) -> bool:
        return bool(self._trajectories.labels.graph.parents(self._name))

    def __repr__(self) -> str:
        return f"NodeBeliefs({self._name!r}, fields {quote(self.fields)})"

    def _repr_html_(self) -> str:
        from pynodes._results.html import fields_to_html

        return fields_to_html(self)
