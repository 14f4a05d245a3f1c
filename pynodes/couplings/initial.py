"""Initialisers: what the weights of an edge are before anything was learned."""

from __future__ import annotations

import abc
import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._core.modules import is_traced, namespace_of
from pynodes._errors import ParameterError, format_value
from pynodes._typing import AnyArray, Array


@dataclasses.dataclass(frozen=True)
class EdgePlace:
    """Where an edge lies among the array couplings of its graph.

    Attributes
    ----------
    depth
        Edges on the longest path through the graph.
    first, last
        Whether its parent has no parents, and its child no children, of that kind.
    merges
        Whether what it adds meets a skip at its child: an edge without weights of its own.
    """

    depth: int = 1
    first: bool = False
    last: bool = False
    merges: bool = False


ALONE = EdgePlace()
"""The place of an edge in a graph of which nothing is known."""


@dataclasses.dataclass(frozen=True)
class AbstractInitialiser(abc.ABC):
    """How weights are drawn; a frozen value that a graph holds in the place of numbers.

    A subclass gives :meth:`draw`. Arrays lie child first: (outputs, inputs, ...), where axes beyond the
    second are those of a kernel.
    """

    @abc.abstractmethod
    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        """Weights of a shape."""

    def factor(self, inputs: int, place: EdgePlace) -> float:
        """By what the contribution of an edge is multiplied that adds up so many inputs."""
        del inputs, place
        return 1.0


def count_inputs(shape: tuple[int, ...]) -> int:
    """How many numbers add up in one element of the child."""
    return math.prod(shape[1:])


def count_outputs(shape: tuple[int, ...]) -> int:
    """To how many elements of the child one element of the parent adds."""
    return shape[0] * math.prod(shape[2:])


FEWEST = 1_024
"""Numbers that are drawn at least, and a fourth of what is drawn next: shapes share few programs."""


@partial(jax.jit, static_argnames="length")
def draw_normals(key: Array, length: int) -> Array:
    """So many standard normal numbers."""
    return jax.random.normal(key, (length,), jnp.result_type(float))


@partial(jax.jit, static_argnames="length")
def draw_uniforms(key: Array, length: int) -> Array:
    """So many numbers between -1 and 1."""
    return jax.random.uniform(key, (length,), jnp.result_type(float), -1.0, 1.0)


def standard_normal(key: Array, shape: tuple[int, ...]) -> AnyArray:
    """Standard normal numbers of a shape."""
    return cut(draw_normals(key, length_for(shape)), shape)


def standard_uniform(key: Array, shape: tuple[int, ...]) -> AnyArray:
    """Numbers between -1 and 1, of a shape."""
    return cut(draw_uniforms(key, length_for(shape)), shape)


def length_for(shape: tuple[int, ...]) -> int:
    """How many numbers are drawn for a shape."""
    length = FEWEST
    while length < math.prod(shape):
        length *= 4
    return length


def cut(numbers: Array, shape: tuple[int, ...]) -> AnyArray:
    """The first of some numbers in a shape; on the host if they are known."""
    known = numbers if is_traced(numbers) else np.asarray(numbers)
    return known[: math.prod(shape)].reshape(shape)


def check_scale(owner: str, name: str, value: object) -> None:
    """A scale is a positive number.

    Raises
    ------
    ParameterError
        It is none.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ParameterError(
            f"{owner}: {name} must be a positive number, not {format_value(value)}."
        )


@dataclasses.dataclass(frozen=True)
class AbstractScaledInitialiser(AbstractInitialiser):
    """An initialiser with a gain: by what its standard deviation is multiplied.

    Parameters
    ----------
    gain
        A positive number.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_scale(type(self).__name__, "gain", self.gain)


@dataclasses.dataclass(frozen=True)
class Glorot(AbstractScaledInitialiser):
    """Uniform, of variance 2 / (inputs + outputs): what goes down and what goes up keep their scale.

    Source: Glorot & Bengio (2010), AISTATS, equation 16.
    """

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        bound = self.gain * math.sqrt(6 / (count_inputs(shape) + count_outputs(shape)))
        return bound * standard_uniform(key, shape)


@dataclasses.dataclass(frozen=True)
class He(AbstractScaledInitialiser):
    """Normal, of variance 2 / inputs: keeps the scale of what goes down through rectified units.

    Source: He et al. (2015), arXiv 1502.01852, equation 10.
    """

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        sd = self.gain * math.sqrt(2 / count_inputs(shape))
        return sd * standard_normal(key, shape)


@dataclasses.dataclass(frozen=True)
class LeCun(AbstractScaledInitialiser):
    """Normal, of variance 1 / inputs: keeps the scale of what goes down through linear units.

    Source: LeCun et al. (1998), Efficient BackProp, section 4.6.
    """

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        sd = self.gain * math.sqrt(1 / count_inputs(shape))
        return sd * standard_normal(key, shape)


@dataclasses.dataclass(frozen=True)
class Orthogonal(AbstractScaledInitialiser):
    """Rows, or columns where those are fewer, that are orthogonal and of length ``gain``; uniformly so.

    Source: Saxe et al. (2014), arXiv 1312.6120; uniform by the signs of Mezzadri (2007), Notices of the
    AMS 54:592.
    """

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        rows, columns = shape[0], count_inputs(shape)
        tall = (max(rows, columns), min(rows, columns))
        numbers = standard_normal(key, tall)
        xp = namespace_of(numbers)
        q, r = xp.linalg.qr(numbers)
        q = self.gain * q * xp.sign(xp.diag(r))
        return (q if rows >= columns else q.T).reshape(shape)


@dataclasses.dataclass(frozen=True)
class RandomNormal(AbstractInitialiser):
    """Normal around zero, whatever the size.

    Parameters
    ----------
    sd
        Standard deviation.
    """

    sd: float = 0.01

    def __post_init__(self) -> None:
        check_scale("RandomNormal", "sd", self.sd)

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        return self.sd * standard_normal(key, shape)


@dataclasses.dataclass(frozen=True)
class Constant(AbstractInitialiser):
    """One number everywhere.

    Parameters
    ----------
    value
        The number.
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise ParameterError(
                f"Constant: value must be a finite number, not {format_value(self.value)}."
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        del key
        return np.full(shape, self.value, jnp.result_type(float))


@dataclasses.dataclass(frozen=True)
class DepthScaled(AbstractInitialiser):
    """Standard normal weights, and contributions scaled so that depth and width change nothing (muPC).

    With N inputs and L edges on the longest path a contribution is multiplied by 1 / sqrt(N) where it
    comes from a root, by 1 / N where it goes to a leaf, and by 1 / sqrt(N) between them, or
    1 / sqrt(N L) where it meets a skip. The factors are the edges' ``scale``, which is not learned.

    Source: Innocenti et al. (2025), arXiv 2505.13124, table 1; L is counted on the longest path, and a
    branch counts it only where it merges with a skip.
    """

    def draw(self, key: Array, shape: tuple[int, ...]) -> AnyArray:
        return standard_normal(key, shape)

    def factor(self, inputs: int, place: EdgePlace) -> float:
        if place.last:
            return 1 / inputs
        shared = place.depth if place.merges and not place.first else 1
        return 1 / math.sqrt(inputs * shared)
