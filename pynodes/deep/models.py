"""Premade deep networks: graphs of layers, to be compiled, edited and trained as any other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from pynodes._core.functions import FUNCTIONS, Function, look_up_function, slope
from pynodes._errors import GraphError
from pynodes._graph.graph import Graph
from pynodes.couplings import (
    Attention,
    Compose,
    Constant,
    Convolution,
    Dense,
    DepthScaled,
    Embedding,
    Glorot,
    Normalisation,
    Residual,
)
from pynodes.couplings.initial import AbstractInitialiser
from pynodes.nodes import AbstractNode, BinaryLayer, CategoricalLayer, Layer, VolatileLayer

LEAVES = ("categorical", "gaussian", "binary")
"""Kinds of answer of a network."""


def chain(
    sizes: Sequence[int],
    *,
    function: Function | str = "tanh",
    leaf: str = "categorical",
    bias: bool = True,
    precision: float = 1.0,
    initial: AbstractInitialiser | None = None,
) -> Graph:
    """A network from ``x`` through ``h1``, ``h2``, ... to ``y``, without a function on ``x``.

    Parameters
    ----------
    sizes
        Units of every layer, ``x`` first and ``y`` last.
    function
        Coupling function of the hidden layers.
    leaf
        What ``y`` is: ``"categorical"``, ``"gaussian"`` or ``"binary"``.
    bias
        Whether edges have a bias.
    precision
        Of the hidden layers. Settled layers of precision 1 keep much of an error to themselves; 10 for every
        hidden layer learns about as backpropagation does (docs/theory/deep.md).
    initial
        How weights are drawn; ``Glorot()`` unless given.

    Raises
    ------
    GraphError
        Fewer than two sizes, or an unknown leaf.

    Examples
    --------
    >>> import pynodes as pn
    >>> pn.deep.models.chain([64, 128, 10])
    Graph(3 nodes, 2 edges)
    """
    check_layer_sizes(sizes, 2)
    hidden = {
        f"h{i}": Layer(shape=size, precision=precision) for i, size in enumerate(sizes[1:-1], 1)
    }
    nodes = {"x": Layer(shape=sizes[0]), **hidden, "y": make_leaf(leaf, sizes[-1])}
    edges = []
    for above, below in itertools.pairwise(nodes):
        inner: Any = {} if above == "x" else {"function": function}
        edges.append((above, below, Dense(bias=bias, initial=initial or Glorot(), **inner)))
    return Graph().extend(nodes, edges)


def generative(
    sizes: Sequence[int],
    outcomes: int | None = None,
    *,
    link: Function | str = "tanh",
    prior_precision: float | None = None,
    precision: float = 1.0,
) -> Graph:
    """A network that makes data: from the topmost ``z`` down to ``z1`` and ``x``, and to a label ``y``.

    Give ``x`` and ``y`` to learn, ``x`` alone to ask for the label, ``y`` alone for what such data look like.

    Parameters
    ----------
    sizes
        Units of every layer, the data first and the topmost last.
    outcomes
        Number of labels; None for a network without.
    link
        Nonlinearity of every layer below the topmost: the child's, not the parent's. It has a slope at 0,
        where the network begins.
    prior_precision
        Of the topmost layer, around 0; None for a flat prior.
    precision
        Of the data ``x`` given the layer above.

    Raises
    ------
    GraphError
        Fewer than two sizes, or a link that is flat at 0.

    Source: the network of pcn-torch 1.1, ``PredictiveCodingNetwork(dims, activation, output_dim)``.
    """
    check_layer_sizes(sizes, 2)
    if not float(slope(look_up_function(link), jnp.zeros(()))):
        raise GraphError(
            f"generative: link={link!r} is flat at 0, where the topmost layer begins, so that no error would "
            "reach it. Take one with a slope there, such as 'tanh' or 'leaky_relu'."
        )
    top = f"z{len(sizes) - 1}"
    nodes: dict[str, AbstractNode] = {
        "x": Layer(shape=sizes[0], link=look_up_function(link), precision=precision)
    }
    for number, size in enumerate(sizes[1:], 1):
        name = f"z{number}"
        last: dict[str, Any] = {"link": link}
        if name == top:
            last = {"prior_precision": prior_precision}
        nodes[name] = Layer(shape=size, **last)
    edges: list[Any] = [
        (above, below, Dense(bias=False)) for below, above in itertools.pairwise(nodes)
    ]
    if outcomes is not None:
        nodes["y"] = CategoricalLayer(outcomes=outcomes)
        edges.append((top, "y", Dense(bias=False)))
    return Graph().extend(nodes, edges)


def closed_form(
    sizes: Sequence[int],
    *,
    function: Function | str = "tanh",
    leaf: str = "categorical",
    precision: float = 1.0,
) -> Graph:
    """A chain whose hidden layers learn a log variance per unit, for one sweep in closed form.

    Parameters
    ----------
    sizes, function, leaf
        As for :func:`chain`.
    precision
        Of the hidden layers before anything was learned.

    Raises
    ------
    GraphError
        As for :func:`chain`.

    Source: the network of pyhgf's ``DeepNetwork`` (Baskakovs et al., arXiv 2605.20293), with layers that
    have no memory in their variance either.
    """
    graph = chain(sizes, function=function, leaf=leaf, precision=precision)
    return graph.revise(
        {
            name: VolatileLayer(shape=node.value_shape, log_variance=-math.log(precision))
            for name, node in graph.nodes.items()
            if name.startswith("h")
        }
    )


def residual(
    inputs: int,
    width: int,
    depth: int,
    outcomes: int,
    *,
    function: Function | str = "tanh",
    precision: float = 1.0,
    initial: AbstractInitialiser | None = None,
) -> Graph:
    """A deep chain of equal layers with skips, scaled by its depth.

    Parameters
    ----------
    inputs
        Units of ``x``.
    width, depth
        Units of the hidden layers, and how many there are.
    outcomes
        Number of labels.
    function
        Coupling function of the hidden layers.
    precision
        Of the hidden layers; about 10 times ``depth`` for schemes that settle.
    initial
        How weights are drawn; ``DepthScaled()`` unless given.

    Raises
    ------
    GraphError
        Sizes that are not positive.

    Source: Innocenti et al. (2025), arXiv 2505.13124.
    """
    check_layer_sizes((inputs, width, depth, outcomes), 4)
    dense: dict[str, Any] = {"initial": initial or DepthScaled(), "bias": False}
    inner: dict[str, Any] = dense | {"function": function}
    names = [f"h{number}" for number in range(1, depth + 1)]
    nodes: dict[str, AbstractNode] = {"x": Layer(shape=inputs)}
    nodes |= {name: Layer(shape=width, precision=precision) for name in names}
    nodes["y"] = CategoricalLayer(outcomes=outcomes)
    edges: list[Any] = [("x", names[0], Dense(**dense))]
    for above, below in itertools.pairwise(names):
        edges += [(above, below, Dense(**inner)), (above, below, Residual())]
    return Graph().extend(nodes, [*edges, (names[-1], "y", Dense(**inner))])


def convolutional(
    shape: tuple[int, int, int],
    channels: Sequence[int],
    outcomes: int,
    *,
    kernel: int = 3,
    function: Function | str = "relu",
) -> Graph:
    """Convolutions that halve an image ``x`` from layer to layer, and a readout ``y``.

    Parameters
    ----------
    shape
        Channels, height and width of ``x``.
    channels
        Channels of ``h1``, ``h2``, ...
    outcomes
        Number of labels.
    kernel
        Size of all kernels.
    function
        Coupling function of the hidden layers.

    Raises
    ------
    GraphError
        Sizes that are not positive.
    """
    check_layer_sizes((*shape, *channels, outcomes), 5)
    nodes: dict[str, AbstractNode] = {"x": Layer(shape=shape)}
    height, width = shape[1:]
    for number, count in enumerate(channels, 1):
        height, width = -(-height // 2), -(-width // 2)
        nodes[f"h{number}"] = Layer(shape=(count, height, width))
    edges = []
    for above, below in itertools.pairwise(nodes):
        inner: Any = {} if above == "x" else {"function": function}
        edges.append((above, below, Convolution(kernel=kernel, stride=2, **inner)))
    last = list(nodes)[-1]
    nodes["y"] = CategoricalLayer(outcomes=outcomes)
    return Graph().extend(nodes, [*edges, (last, "y", Dense(function=look_up_function(function)))])


def transformer(
    outcomes: int, length: int, width: int, *, heads: int = 4, depth: int = 2, causal: bool = True
) -> Graph:
    """A small transformer that predicts the code ``y`` after a sequence ``x`` of codes.

    Every block has two layers with beliefs: ``a1`` after attention, ``h1`` after the feed-forward part.

    Parameters
    ----------
    outcomes
        Number of codes.
    length
        Places of the sequence.
    width
        Features at every place.
    heads
        Heads of attention, which share the width.
    depth
        Number of blocks.
    causal
        Whether places take from earlier ones alone.

    Raises
    ------
    GraphError
        Sizes that are not positive.

    Source: Vaswani et al. (2017), arXiv 1706.03762, normalised first (Xiong et al. 2020, arXiv 2002.04745);
    of predictive coding: Pinchetti et al. (2022), arXiv 2211.03481.
    """
    check_layer_sizes((outcomes, length, width, heads, depth), 5)
    nodes: dict[str, AbstractNode] = {"x": Layer(shape=length), "h0": Layer(shape=(length, width))}
    edges: list[Any] = [("x", "h0", Embedding(outcomes=outcomes, placed=True))]
    for number in range(1, depth + 1):
        before, middle, after = f"h{number - 1}", f"a{number}", f"h{number}"
        nodes |= {name: Layer(shape=(length, width)) for name in (middle, after)}
        attend = Compose(Normalisation(), Attention(heads=heads, causal=causal))
        feed = Compose(
            Normalisation(),
            Dense(),
            Dense(function=FUNCTIONS["gelu"]),
            through=(None, (length, 4 * width)),
        )
        edges += [(before, middle, attend), (before, middle, Residual())]
        edges += [(middle, after, feed), (middle, after, Residual())]
    nodes["y"] = CategoricalLayer(outcomes=outcomes)
    return Graph().extend(nodes, [*edges, (f"h{depth}", "y", Dense())])


def bidirectional(
    sizes: Sequence[int],
    *,
    function: Function | str = "tanh",
    bias: bool = True,
    precision: float = 1.0,
    feedback_precision: float = 1.0,
    initial: AbstractInitialiser | None = None,
) -> Graph:
    """A chain from ``x`` through ``h1``, ``h2``, ... to ``y`` with edges that lead all the way back.

    Every layer is predicted from both sides, and the energy is the sum over both. Either end answers for
    the other, or half of one for its other half. Give ``y`` rows of numbers, such as one column per label.

    Parameters
    ----------
    sizes
        Units of every layer, ``x`` first and ``y`` last.
    function
        Coupling function of all edges but those that leave ``x`` or ``y``.
    bias
        Whether edges have a bias.
    precision, feedback_precision
        Of every layer around what the side of ``x`` predicts, and around what that of ``y`` does.
    initial
        How weights are drawn; ``Glorot()`` unless given.

    Raises
    ------
    GraphError
        Fewer than two sizes.

    Source: Oliviers et al. (2025), arXiv 2505.23415.
    """
    check_layer_sizes(sizes, 2)
    names = ["x", *(f"h{i}" for i in range(1, len(sizes) - 1)), "y"]
    own: dict[str, Any] = {"precision": precision, "feedback_precision": feedback_precision}
    nodes = {name: Layer(shape=size, **own) for name, size in zip(names, sizes, strict=True)}
    edges = []
    for above, below in itertools.pairwise(names):
        for start, end in ((above, below), (below, above)):
            inner: Any = {} if start in ("x", "y") else {"function": function}
            edge = Dense(bias=bias, initial=initial or Glorot(), feedback=start == below, **inner)
            edges.append((start, end, edge))
    return Graph().extend(nodes, edges)


def associative_memory(
    units: int, *, function: Function | str = "identity", bias: bool = True
) -> Graph:
    """A layer ``x`` whose units predict one another: trained on patterns, it fills in what is missing of one.

    No unit predicts itself. Give a part of a pattern and NaN for the rest, and settle.

    Parameters
    ----------
    units
        Units of the layer.
    function
        Coupling function.
    bias
        Whether there is one.

    Raises
    ------
    GraphError
        Less than two units.

    Source: Tang et al. (2023), doi 10.1371/journal.pcbi.1010719.
    """
    check_layer_sizes((units, units), 2)
    if units < 2:
        raise GraphError("Units that predict one another are two at least.")
    others = Dense(
        mask=1.0 - np.eye(units),
        function=look_up_function(function),
        bias=bias,
        feedback=True,
        initial=Constant(0.0),
    )
    return Graph().add(x=Layer(shape=units)).couple("x", "x", others)


def make_leaf(leaf: str, size: int) -> AbstractNode:
    """The node of an answer.

    Raises
    ------
    GraphError
        An unknown word.
    """
    if leaf not in LEAVES:
        raise GraphError(f"leaf must be one of {', '.join(map(repr, LEAVES))}, not {leaf!r}.")
    if leaf == "categorical":
        return CategoricalLayer(outcomes=size)
    return Layer(shape=size) if leaf == "gaussian" else BinaryLayer(shape=size)


def check_layer_sizes(sizes: Sequence[int], least: int) -> None:
    """Sizes are positive whole numbers, and enough of them.

    Raises
    ------
    GraphError
        They are not.
    """
    whole = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool)]
    if len(whole) < max(least, len(sizes)) or min(whole, default=0) < 1:
        raise GraphError(
            f"A network takes at least {least} sizes, positive whole numbers, not {list(sizes)}."
        )
