"""Small networks with random weights, and data for them."""

import numpy as np

import pynodes as pn


def dense(rng, size, inputs, function="tanh", **choices):
    weights = rng.normal(size=(size, inputs)) / np.sqrt(inputs)
    return pn.Dense(weights=weights, bias=0.1 * rng.normal(size=size), function=function, **choices)


def chain(sizes, leaf, seed=0, function="tanh", apart=(), **layer):
    """X -> h1 -> ... -> y."""
    rng = np.random.default_rng(seed)
    names = ["x", *(f"h{i}" for i in range(1, len(sizes))), "y"]
    nodes = {
        n: pn.Layer(shape=s, marginalise=False if n in apart else None, **layer)
        for n, s in zip(names[:-1], sizes, strict=True)
    }
    graph = pn.Graph().add(nodes, y=leaf)
    widths = [*sizes, leaf.value_shape[0]]
    for i in range(len(sizes)):
        edge = dense(rng, widths[i + 1], widths[i], "identity" if i == 0 else function)
        graph = graph.couple(names[i], names[i + 1], edge)
    return graph


def dag(seed=0):
    """Skips, two parents of one child, links, a latent root and three kinds of leaf."""
    rng = np.random.default_rng(seed)
    graph = pn.Graph().add(
        x=pn.Layer(shape=3),
        z=pn.Layer(shape=2, prior_precision=0.7),
        a=pn.Layer(shape=4, precision=2.0),
        b=pn.Layer(shape=4, link="tanh"),
        y=pn.CategoricalLayer(outcomes=3),
        u=pn.BinaryLayer(shape=2),
        w=pn.Layer(shape=3, precision=0.5, link="tanh"),
    )
    edges = [
        ("x", "a", 4, 3),
        ("z", "a", 4, 2),
        ("z", "b", 4, 2),
        ("a", "b", 4, 4),
        ("a", "u", 2, 4),
    ]
    edges += [("b", "y", 3, 4), ("x", "y", 3, 3), ("b", "w", 3, 4)]
    for parent, child, size, inputs in edges:
        graph = graph.couple(parent, child, dense(rng, size, inputs))
    return graph


def leaves(count, seed=1):
    """Data for the root and the leaves of :func:`dag`."""
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=(count, 3)),
        "y": rng.integers(0, 3, count),
        "u": rng.integers(0, 2, (count, 2)).astype(float),
        "w": rng.normal(size=(count, 3)),
    }
