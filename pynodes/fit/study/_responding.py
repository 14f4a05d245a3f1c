"""Responding: what an agent does, and is expected to do, under many draws of its parameters."""

from __future__ import annotations

import jax

from pynodes._typing import Array
from pynodes.fit.agent._model import Model, streams_of
from pynodes.fit.data._sequences import Sequences
from pynodes.fit.study.simulation import acted


@jax.jit
def acted_under_draws(
    model: Model, sequences: Sequences, positions: Array, keys: Array
) -> tuple[dict[str, Array], Array]:
    """Responses by stream under every draw, and whether filtering went well, by draw and subject."""

    def under(position: Array, key: Array) -> tuple[dict[str, Array], Array]:
        return acted(model, model.constrained(position), sequences, key)

    return jax.vmap(under)(positions, keys)


@jax.jit
def expected_under_draws(model: Model, sequences: Sequences, positions: Array) -> dict[str, Array]:
    """What is expected of every response by stream, of shape (draws, subjects, blocks, steps, ...)."""

    def of_block(position: Array, block: Sequences) -> dict[str, Array]:
        network, response = model.placed(model.constrained(position))
        beliefs = model.beliefs(network, block, model.reads)
        return {
            stream: part.predict(
                beliefs,
                covariates={n: v for n, v in block.covariates.items() if n in part.covariates},
            )
            for stream, part in streams_of(response).items()
        }

    def of_subject(position: Array, blocks: Sequences) -> dict[str, Array]:
        return jax.vmap(lambda block: of_block(position, block))(blocks)

    return jax.vmap(lambda draw: jax.vmap(of_subject)(draw, sequences))(positions)
