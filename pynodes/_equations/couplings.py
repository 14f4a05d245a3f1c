"""Equations of couplings: what each kind of coupling adds at its inlet, is in LaTeX.

One registered function per kind, found by its class; a kind without its own is written as the one from
which it is derived.
"""

from __future__ import annotations

import functools
from typing import Any

from pynodes import couplings
from pynodes._core.functions import Function, name_function
from pynodes._core.modules import parameters_of
from pynodes._equations.notation import (
    Notation,
    name_to_latex,
)
from pynodes._graph.edits import is_lagged
from pynodes.couplings._nonlinear import AbstractNonlinear
from pynodes.couplings.volatility import AbstractLogVariance


@functools.singledispatch
def coupling_term(coupling: Any, notation: Notation) -> str:
    """What the parent adds at its inlet, in LaTeX; for the equations of a graph.

    Unless a coupling writes its own: a function of the parent and of all parameters, by the name of
    the coupling.
    """
    names = [notation.parameter(name) for name in parameters_of(coupling)]
    kind = name_to_latex(type(coupling).__name__)
    return rf"{kind}\left( {', '.join([notation.now, *names])} \right)"


@coupling_term.register
def write_nonlinear(coupling: AbstractNonlinear, notation: Notation) -> str:
    term = notation.times("strength", write_function(coupling.function, notation))
    return term.replace(notation.now, notation.before) if is_lagged(coupling) else term


@coupling_term.register
def write_dense(coupling: couplings.Dense, notation: Notation) -> str:
    weights = notation.parameter("weights")
    if coupling.mask is not None:
        weights = rf"\left( {weights} \circ {notation.parameter('mask')} \right)"
    term = rf"{weights} \, {write_function(coupling.function, notation)}"
    whole = term if coupling.bias is None else rf"{term} + {notation.parameter('bias')}"
    if notation.idle("scale", 1.0):
        return whole
    return notation.times("scale", rf"\left( {whole} \right)")


@coupling_term.register
def write_convolution(coupling: couplings.Convolution, notation: Notation) -> str:
    name = r"\mathrm{conv}^\top" if coupling.transposed else r"\mathrm{conv}"
    function = write_function(coupling.function, notation)
    term = rf"{name}\left( {notation.parameter('weights')}, {function} \right)"
    whole = term if coupling.bias is None else rf"{term} + {notation.parameter('bias')}"
    if notation.idle("scale", 1.0):
        return whole
    return notation.times("scale", rf"\left( {whole} \right)")


@coupling_term.register
def write_pooling(coupling: couplings.Pooling, notation: Notation) -> str:
    function = write_function(coupling.function, notation)
    term = rf"\mathrm{{{coupling.kind}}}_{{{coupling.window}}}\left( {function} \right)"
    return notation.times("scale", term)


@coupling_term.register
def write_residual(coupling: couplings.Residual, notation: Notation) -> str:
    return notation.times("strength", write_function(coupling.function, notation))


@coupling_term.register
def write_normalisation(coupling: couplings.Normalisation, notation: Notation) -> str:
    notation.say(r"$\mathrm{norm}(x)$ is $x$ less its mean, over its standard deviation.")
    term = rf"\mathrm{{norm}}\left( {write_function(coupling.function, notation)} \right)"
    if coupling.gain is not None:
        term = rf"{notation.parameter('gain')} \circ {term}"
    return term if coupling.bias is None else rf"{term} + {notation.parameter('bias')}"


@coupling_term.register
def write_attention(coupling: couplings.Attention, notation: Notation) -> str:
    bias = () if coupling.bias is None else ("bias",)
    names = ("query", "key", "value", "weights", *bias)
    listed = ", ".join(notation.parameter(name) for name in names)
    function = write_function(coupling.function, notation)
    return notation.times("scale", rf"\mathrm{{attention}}\left( {function}; {listed} \right)")


@coupling_term.register
def write_embedding(coupling: couplings.Embedding, notation: Notation) -> str:
    term = rf"{notation.parameter('weights')}_{{{notation.now}}}"
    if not coupling.placed:
        return notation.times("scale", term)
    return notation.times("scale", rf"\left( {term} + {notation.parameter('places')} \right)")


@coupling_term.register
def write_composition(coupling: couplings.Compose, notation: Notation) -> str:
    chain = r" \circ ".join(name_to_latex(type(part).__name__) for part in coupling.parts[::-1])
    return rf"\left( {chain} \right)\left( {notation.now} \right)"


@coupling_term.register
def write_emission(coupling: couplings.Emission, notation: Notation) -> str:
    chances = notation.parameter("probabilities")
    notation.say(r"$\operatorname{logit}(p) = \ln(p / (1 - p))$.")
    return rf"\operatorname{{logit}} \left[ {chances} \right]_{{{notation.now}}}"


FORMULAE = {
    "identity": "{}",
    "square": r"\left( {} \right)^2",
    "tanh": r"\tanh {}",
    "sin": r"\sin {}",
    "relu": r"\max\left( 0, {} \right)",
    "softplus": r"\ln\left( 1 + e^{{{}}} \right)",
    "sigmoid": r"\left( 1 + e^{{-{}}} \right)^{{-1}}",
    "exp": r"e^{{{}}}",
    "leaky_relu": r"\max\left( {0}, 0.01 \, {0} \right)",
    "gelu": r"{0} \, \Phi\left( {0} \right)",
    "silu": r"{0} \left( 1 + e^{{-{0}}} \right)^{{-1}}",
    "elu": r"\max\left( {0}, e^{{\min\left( {0}, 0 \right)}} - 1 \right)",
    "hard_tanh": r"\max\left( -1, \min\left( 1, {} \right) \right)",
}
"""The named functions as equations write them."""


def write_function(function: Function, notation: Notation, inside: str | None = None) -> str:
    """A function of the parent's value, or of what else is inside, in LaTeX."""
    name, inside = name_function(function), notation.now if inside is None else inside
    if name in FORMULAE:
        return FORMULAE[name].format(inside)
    sign = name_to_latex(name) if name.isidentifier() else "f"
    notation.say(f"${sign}$ is the coupling function {name} that the model was given.")
    return rf"{sign}\left( {inside} \right)"


@coupling_term.register(couplings.PseudoCount)
@coupling_term.register(couplings.Statistic)
@coupling_term.register(couplings.Term)
@coupling_term.register(AbstractLogVariance)
def write_strength(coupling: Any, notation: Notation) -> str:
    return notation.times("strength", notation.now)
