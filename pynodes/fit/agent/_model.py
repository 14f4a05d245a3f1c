"""Model: a network and its responses as a function of free values; what an agent computes with."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pynodes._core.modules import Module, choice
from pynodes._runtime.network import Network
from pynodes._typing import Array, Scalar
from pynodes.fit.data._roles import ONLY
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.prior._prior import AbstractPrior
from pynodes.responses import AbstractResponse, JointResponse

Place = tuple[str, str]
"""``"network"`` or ``"response"``, and the name of a parameter there."""

Values = dict[str, Any]
"""Free values by name."""


class Model(Module):
    """A network and its responses, of which some parameters are free. A pytree without data.

    Attributes
    ----------
    places
        Every free value: its name, and the parameters that it sets.
    priors
        Prior of every free value, in the same order.
    """

    places: tuple[tuple[str, tuple[Place, ...]], ...] = choice()
    network: Network
    response: Any
    priors: tuple[AbstractPrior, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free values."""
        return tuple(name for name, _ in self.places)

    @property
    def reads(self) -> tuple[str, ...] | None:
        """Names of the nodes whose beliefs the responses read; None for all, where one does not say."""
        if self.response is None:
            return ()
        every = [part.reads for part in streams_of(self.response).values()]
        return tuple(n for names in every for n in names) if all(every) else None

    def constrained(self, positions: Array) -> Values:
        """Values at positions, which are the last axis."""
        return {
            name: prior.constrain(positions[..., index])
            for index, (name, prior) in enumerate(zip(self.names, self.priors, strict=True))
        }

    def log_prior(self, positions: Array) -> Array:
        """Log prior density of positions, which are the last axis, per unit of every line."""
        parts = [prior.density_at(positions[..., index]) for index, prior in enumerate(self.priors)]
        return sum(parts[1:], start=parts[0]) if parts else jnp.zeros(positions.shape[:-1])

    def placed(self, values: Values) -> tuple[Network, Any]:
        """Network and responses with the free values in place."""
        given: dict[str, dict[str, Scalar]] = {"network": {}, "response": {}}
        for name, targets in self.places:
            for part, parameter in targets:
                given[part][parameter] = values[name]
        network = self.network.replace(given["network"])
        response = self.response
        return network, response if response is None else response.replace(given["response"])

    def beliefs(self, network: Network, block: Sequences, record: Any) -> Any:
        """Beliefs of one block; held, with the status saying so, where filtering failed."""
        dt = 1.0 if block.dt is None else block.dt
        return network.filter(block.inputs, dt=dt, frozen=block.frozen, record=record, throw=False)

    def by_stream(self, values: Values, block: Sequences) -> dict[str, Array]:
        """Log likelihood of every trial of one block, by stream; without responses, of what was seen."""
        network, response = self.placed(values)
        beliefs = self.beliefs(network, block, self.reads)
        if response is None:
            return {ONLY: -beliefs.surprise}
        actions = block.actions if isinstance(block.actions, dict) else {ONLY: block.actions}
        return {
            stream: part.log_likelihood(
                beliefs,
                actions[stream],
                covariates={n: v for n, v in block.covariates.items() if n in part.covariates},
                frozen=block.frozen,
            )
            for stream, part in streams_of(response).items()
        }

    def trialwise(self, values: Values, block: Sequences) -> Array:
        """Log likelihood of every trial of one block, all streams together."""
        parts = list(self.by_stream(values, block).values())
        return sum(parts[1:], start=parts[0])

    def log_likelihood(self, values: Values, blocks: Sequences) -> Array:
        """Log likelihood of one subject's blocks."""
        return still(jnp.sum(jax.vmap(lambda block: self.trialwise(values, block))(blocks)))

    def log_joint(self, positions: Array, blocks: Sequences) -> tuple[Array, Array]:
        """Log joint density of one subject's data and positions, and the likelihood's part of it."""
        likelihood = self.log_likelihood(self.constrained(positions), blocks)
        return likelihood + self.log_prior(positions), likelihood


def still(total: Array) -> Array:
    """A total that does not change with anything where it is infinite."""
    return jnp.where(total > -jnp.inf, total, -jnp.inf)


def streams_of(response: AbstractResponse | JointResponse) -> dict[str, AbstractResponse]:
    """The streams of a response, by name; of a single one, under none."""
    return dict(response.streams) if isinstance(response, JointResponse) else {ONLY: response}


@jax.jit
def each_stream(model: Model, values: Values, sequences: Sequences) -> dict[str, Array]:
    """Log likelihood of every trial of every subject; values have one axis, the subjects."""

    def one(values: Values, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: model.by_stream(values, block))(blocks)

    return jax.vmap(one)(values, sequences)
