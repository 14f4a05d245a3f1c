"""Model: a network and its responses as a function of free values; what an agent computes with.

A subject has a handful of free values, so its gradient is carried forward through the loop over time, as
that of the surprise is (``pynodes/_runtime/derivatives.py``), for all subjects at once and with tangents
before the subjects. Whoever builds on it may differentiate backward, through thousands of subjects, and
pays for one pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.custom_derivatives import SymbolicZero

from pynodes._core.besides import find_own_code, read_besides
from pynodes._core.modules import Module, choice
from pynodes._inference.laplace import total_log_prior
from pynodes._inference.newton import lane_value_and_grad
from pynodes._inference.priors import AbstractPrior
from pynodes._runtime.network import Network
from pynodes._typing import Array, Scalar
from pynodes.fit.agent.conditions import Split, Target, apply_splits, fix_levels
from pynodes.fit.agent.likelihood import (
    interval_of,
    list_read_nodes,
    score_streams,
    streams_of,
    sum_log_likelihood,
)
from pynodes.fit.data.layout import Sequences
from pynodes.fit.data.roles import ONLY

Values = dict[str, Any]
"""Free values by name."""

Likelihoods = Callable[..., Array]
"""A number per subject from its free values, of shape (subjects, values), and from arrays that stay."""


class Model(Module):
    """A network and its responses, of which some parameters are free. A pytree without data.

    Attributes
    ----------
    targets
        Every free value: its name, and the parameters that it sets.
    priors
        Prior of every free value, in the same order.
    splits
        What differs by conditions; the values of its levels are among the free ones.
    besides
        What code of the user's in the responses reads besides its arguments.
    """

    targets: tuple[tuple[str, tuple[Target, ...]], ...] = choice()
    network: Network
    response: Any
    priors: tuple[AbstractPrior, ...]
    splits: tuple[Split, ...] = choice(())
    besides: tuple[Any, ...] = choice(())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free values."""
        return tuple(name for name, _ in self.targets)

    @property
    def reads(self) -> tuple[str, ...] | None:
        """Names of the nodes whose beliefs the responses read; None for all, where one does not say."""
        return list_read_nodes(self.response)

    def constrain(self, unconstrained: Array) -> Values:
        """Free values by name, from unconstrained numbers along the last axis."""
        return {
            name: prior.constrain(unconstrained[..., index])
            for index, (name, prior) in enumerate(zip(self.names, self.priors, strict=True))
        }

    def log_prior(self, unconstrained: Array) -> Array:
        """Log prior density, in unconstrained space, of numbers along the last axis."""
        return total_log_prior(self.priors, unconstrained)

    def draw_unconstrained(self, key: Array) -> Array:
        """Free values from their priors, in unconstrained space, of shape (free values,)."""
        if not self.priors:
            return jnp.zeros(0)
        keys = jax.random.split(key, len(self.priors))
        drawn = [p.draw_unconstrained(k) for p, k in zip(self.priors, keys, strict=True)]
        return jnp.stack(drawn)

    def instantiate(
        self, values: Values, levels: Mapping[str, Any] | None = None
    ) -> tuple[Network, Any]:
        """Network and responses with the free values in place, under some levels of conditions."""
        return self._place(values, fix_levels(self.splits, values, levels))

    def prepare(self, values: Values, block: Sequences) -> tuple[Network, Any, Sequences]:
        """Network and responses with the free values in place, and a block of what differs by trial."""
        network, response = self._place(values, {})
        if not self.splits:
            return network, response, block
        return network, *apply_splits(self.splits, values, response, block)

    def _place(self, values: Values, known: Mapping[Target, Any]) -> tuple[Network, Any]:
        """Network and responses with free values in place, but for those of conditions."""
        given: dict[str, dict[str, Scalar]] = {"network": {}, "response": {}}
        differing = {name for split in self.splits for name in split.names}
        for name, targets in self.targets:
            for part, parameter in targets if name not in differing else ():
                given[part][parameter] = values[name]
        for (part, parameter), value in known.items():
            given[part][parameter] = value
        network = self.network.replace(given["network"])
        response = self.response
        return network, response if response is None else response.replace(given["response"])

    def filter(self, network: Network, block: Sequences, record: Any) -> Any:
        """Beliefs of one block; held, with the status saying so, where filtering failed."""
        dt = interval_of(block)
        return network.filter(block.inputs, dt=dt, frozen=block.frozen, record=record, throw=False)

    def stream_log_likelihoods(self, values: Values, block: Sequences) -> dict[str, Array]:
        """Log likelihood of every trial of one block, by stream; without responses, of what was seen."""
        network, response, block = self.prepare(values, block)
        beliefs = self.filter(network, block, self.reads)
        if response is None:
            return {ONLY: -beliefs.surprise}
        actions = block.actions if isinstance(block.actions, dict) else {ONLY: block.actions}
        return score_streams(response, beliefs, actions, block.covariates, block.frozen)

    def trial_log_likelihoods(self, values: Values, block: Sequences) -> Array:
        """Log likelihood of every trial of one block, all streams together."""
        parts = list(self.stream_log_likelihoods(values, block).values())
        return sum(parts[1:], start=parts[0])

    def log_likelihood(self, values: Values, blocks: Sequences) -> Array:
        """Log likelihood of one subject's blocks."""
        every = jax.vmap(lambda block: sum_log_likelihood(*self.prepare(values, block)))(blocks)
        return stop_infinite(jnp.sum(every))

    def log_joint(self, unconstrained: Array, blocks: Sequences) -> Array:
        """Log joint density of one subject's data and free values, in unconstrained space."""
        likelihood = self.log_likelihood(self.constrain(unconstrained), blocks)
        return likelihood + self.log_prior(unconstrained)


def stop_infinite(total: Array) -> Array:
    """A total that does not change with anything where it is infinite."""
    return jnp.where(total > -jnp.inf, total, -jnp.inf)


@jax.jit
def subject_log_likelihoods(model: Model, values: Values, sequences: Sequences) -> dict[str, Array]:
    """Log likelihood of every trial of every subject, by stream; values have one axis, the subjects."""

    def of_subject(values: Values, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: model.stream_log_likelihoods(values, block))(blocks)

    return jax.vmap(of_subject)(values, sequences)


@jax.custom_jvp
def log_likelihoods(model: Model, unconstrained: Array, sequences: Sequences) -> Array:
    """Log likelihood of every subject's data under free values of its own.

    Parameters
    ----------
    model
        What all subjects have in common.
    unconstrained
        Free values in unconstrained space, of shape (subjects, free values).
    sequences
        What was seen and done.

    Returns
    -------
    Of shape (subjects,): minus infinity, with gradient zero, where filtering fails before a response. It
    can be batched and differentiated in either direction, and then forward as often as one likes.
    """
    return plain_log_likelihoods(unconstrained, model, sequences)


def plain_log_likelihoods(unconstrained: Array, model: Model, sequences: Sequences) -> Array:
    """The same without a derivative rule."""

    def of_subject(unconstrained: Array, blocks: Sequences) -> Array:
        return model.log_likelihood(model.constrain(unconstrained), blocks)

    return jax.vmap(of_subject)(unconstrained, sequences)


def log_likelihoods_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Values and their changes: through the gradients, unless more than free values changes."""
    model, unconstrained, sequences = primals
    others = jax.tree.leaves((tangents[0], tangents[2]), is_leaf=is_zero)
    if not all(map(is_zero, others)):
        return differentiate_all(primals, tangents)
    # Flat, since JAX loses its way in trees with None when it differentiates through custom batching.
    leaves, tree = jax.tree.flatten((model, sequences))

    def likelihoods(unconstrained: Array, *leaves: Any) -> Array:
        return plain_log_likelihoods(unconstrained, *jax.tree.unflatten(tree, leaves))

    values, gradients = batched_value_and_grad(likelihoods)(unconstrained, *leaves)
    return values, jnp.sum(gradients * tangents[1], axis=-1)


log_likelihoods.defjvp(log_likelihoods_jvp, symbolic_zeros=True)


def batched_value_and_grad(function: Likelihoods) -> Callable[..., tuple[Array, Array]]:
    """Values and gradients of many subjects; over a batch, tangents come before batch and subjects.

    Left to itself ``vmap`` would put the batch first, and loops would run over tangents or a few subjects.
    """

    def compute(unconstrained: Array, *fixed: Array) -> tuple[Array, Array]:
        units = np.eye(unconstrained.shape[-1])
        transformed = lane_value_and_grad(lambda at: function(at, *fixed), units)
        values, gradients = transformed(unconstrained)
        return values, jnp.moveaxis(gradients, 0, -1)

    batched = custom_vmap(compute)

    @batched.def_vmap
    def _(size: int, batch: Any, unconstrained: Array, *fixed: Array) -> tuple[Any, Any]:
        if not any(batch):
            return compute(unconstrained, *fixed), (False, False)
        if not batch[0]:
            unconstrained = jnp.broadcast_to(unconstrained, (size, *unconstrained.shape))
        axes = [0 if is_batched else None for is_batched in batch[1:]]
        whole = jax.vmap(function, in_axes=(0, *axes), axis_size=size)
        return batched_value_and_grad(whole)(unconstrained, *fixed), (True, True)

    return batched


def differentiate_all(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    """Values and their changes with anything, by ordinary differentiation."""
    leaves, tree = jax.tree.flatten(primals)
    directions = jax.tree.leaves(tangents, is_leaf=is_zero)
    moving = [not is_zero(direction) for direction in directions]
    at = [leaf for leaf, moves in zip(leaves, moving, strict=True) if moves]
    along = [direction for direction, moves in zip(directions, moving, strict=True) if moves]

    def compute(at: list[Array]) -> Array:
        given = iter(at)
        filled = [
            next(given) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)
        ]
        model, unconstrained, sequences = jax.tree.unflatten(tree, filled)
        return plain_log_likelihoods(unconstrained, model, sequences)

    return jax.jvp(compute, (at,), (along,))


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is known to be zero."""
    return isinstance(tangent, SymbolicZero)


def refresh_model(model: Model) -> Model:
    """A model that says what the code of its responses reads besides, so that programs are those of now.

    Raises
    ------
    ParameterError
        What code in the network reads is no longer what it was: its programs are kept by the network.
    """
    model.network.labels.refuse_changed_code()
    parts = streams_of(model.response).values() if model.response is not None else ()
    besides = tuple(
        known for part in parts for code in find_own_code(part) if (known := read_besides(code))
    )
    return model if besides == model.besides else dataclasses.replace(model, besides=besides)
