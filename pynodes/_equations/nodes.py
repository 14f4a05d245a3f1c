"""Equations of nodes: what each kind of node, and each family of observations, says in LaTeX.

One registered function per kind, found by its class; a kind without its own is written as the one from
which it is derived.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from pynodes import families, nodes
from pynodes._core.functions import identity
from pynodes._core.modules import parameters_of
from pynodes._equations.couplings import write_function
from pynodes._equations.notation import (
    Notation,
    bracket_terms,
    distribution_line,
    equality_line,
    logistic_term,
    name_to_latex,
    normal_line,
    number_to_latex,
    sum_terms,
)
from pynodes.nodes._outcomes import AbstractCategorical
from pynodes.nodes._walk import AbstractWalk


@functools.singledispatch
def node_equations(node: Any, notation: Notation) -> list[str]:
    """The generative equations of one node, as lines of LaTeX that are aligned at ``&``.

    Unless a kind writes its own: that its value has a distribution that depends on its parents
    and parameters, which are named.
    """
    names = [notation.parameter(name) for name in parameters_of(node)]
    parents = [term for inlet in notation.fed for term in notation.terms(inlet)]
    past = [notation.before] if node.has_memory else []
    given = [*past, *parents, *names]
    kind = name_to_latex(type(node).__name__)
    return [rf"{notation.now} &\sim {kind}\left( {', '.join(given)} \right)"]


@node_equations.register
def write_categorical(node: AbstractCategorical, notation: Notation) -> list[str]:
    logits = [
        equality_line(rf"\ell_{{{notation.tag},{place}}}^{{(t)}}", logit)
        + (rf", \quad j = 0, \dots, {node.outcomes - 1}" if place == "j" else "")
        for place, logit in notation.places("logits", node.outcomes)
    ]
    own = rf"\ell_{{{notation.tag},j}}^{{(t)}}"
    notation.say(rf"$\ell_{{{notation.tag},j}}$ is the logit of outcome $j$.")
    if node.normalised:
        share = rf"e^{{{own}}} / \sum_{{i}} e^{{\ell_{{{notation.tag},i}}^{{(t)}}}}"
    else:
        share = logistic_term(notation, own)
    return [write_outcome(node, notation, share), *logits]


def write_outcome(node: AbstractCategorical, notation: Notation, share: str) -> str:
    """How the outcome comes from the probability of each, or from its weight."""
    if node.normalised:
        return rf"P\left( {notation.now} = j \right) &= {share}"
    if not isinstance(node, nodes.CategoricalInput):
        return rf"P\left( {notation.now} = j \right) &\propto {share}"
    notation.say("$[a = b]$ is 1 where $a = b$ and 0 elsewhere; just one of the indicators is 1.")
    return distribution_line(rf"\left[ {notation.now} = j \right]", "Bernoulli", share)


@node_equations.register
def write_walk(node: AbstractWalk, notation: Notation) -> list[str]:
    return [
        *write_walk_step(node, notation, notation.symbol, list_growth_terms(node, notation)),
        write_initial_belief(notation, notation.first, "initial_mean", "initial_precision"),
    ]


def list_growth_terms(node: AbstractWalk, notation: Notation) -> list[str]:
    """What adds up to the log of how fast its variance grows."""
    growth = [notation.parameter("tonic_volatility"), *notation.terms("log_volatility")]
    return [*growth, notation.own("y")] if isinstance(node, nodes.VolatileState) else growth


def write_initial_belief(notation: Notation, first: str, mean: str, precision: str) -> str:
    """The belief before the first step."""
    return normal_line(first, notation.parameter(mean), notation.inverse(precision))


def write_walk_step(
    node: AbstractWalk, notation: Notation, symbol: str, growth: list[str], inner: str = ""
) -> list[str]:
    """How a quantity of a node walks, with the parameters whose names begin with a word."""
    kept, own = f"{inner}autoconnection", f"{inner}tonic_drift"
    driven = [notation.added(own), *([] if inner else notation.terms("drift"))]
    drift = [term for term in driven if term]
    variance = rf"\exp\left( {sum_terms(growth)} \right)"
    now, before = f"{symbol}^{{(t)}}", f"{symbol}^{{(t-1)}}"
    if node.memory == "discrete" or notation.idle(kept, 1.0):
        mean = sum_terms([notation.times(kept, before), notation.lasting(drift)])
        return [normal_line(now, mean, notation.lasting([variance]))]
    # An exact memory fades with time; drift and volatility act for as long as it is not forgotten.
    rate = notation.parameter(kept)
    once, twice = notation.power(rate), notation.power(rate, 2)
    reach = rf"\frac{{1 - {once}}}{{-\ln {rate}}}"
    moved = rf"{reach} {bracket_terms(drift)}" if drift else ""
    spread = rf"\frac{{1 - {twice}}}{{-2 \ln {rate}}} {variance}"
    return [normal_line(now, sum_terms([rf"{once} \, {before}", moved]), spread)]


@node_equations.register(nodes.BinaryInput)
@node_equations.register(nodes.BinaryState)
@node_equations.register(nodes.BinaryLayer)
def write_binary(node: Any, notation: Notation) -> list[str]:
    del node
    chance = logistic_term(notation, notation.sum("logit"))
    return [distribution_line(notation.now, "Bernoulli", chance)]


@node_equations.register
def write_constant_state(node: nodes.ConstantState, notation: Notation) -> list[str]:
    return [equality_line(notation.now, notation.parameter("value"))]


@node_equations.register
def write_continuous_input(node: nodes.ContinuousInput, notation: Notation) -> list[str]:
    mean = [*notation.terms("location"), notation.lasting(notation.terms("drift"))]
    fixed = "" if node.noiseless() else notation.inverse("precision")
    driven = notation.terms("log_noise")
    noise = rf"\exp\left( {sum_terms(driven)} \right)" if driven else ""
    return [normal_line(notation.now, sum_terms(mean), sum_terms([fixed, noise]))]


@node_equations.register
def write_dirichlet_process_state(
    node: nodes.DirichletProcessState, notation: Notation
) -> list[str]:
    tag, cluster, earlier = notation.tag, notation.own("z"), notation.own("z", "s")
    concentration, known = (
        notation.parameter("concentration"),
        notation.parameter("pseudo_count"),
    )
    held, expected, count = (rf"{sign}_{{{tag},c}}" for sign in ("n", r"\xi", r"\nu"))
    total = rf"\left( n + {concentration} \right)"
    notation.say(
        f"${held}$ is how many of the $n$ observations before step $t$ came from component $c$, "
        f"of which there are {node.components} at most; $T$ are the sufficient statistics of "
        f"{node.family!r}."
    )
    learned = rf"\sum_{{s < t, {earlier} = c}} T\left( {notation.symbol}^{{(s)}} \right)"
    base = rf"{known} \, {notation.parameter('initial_statistics')}"
    return [
        rf"P\left( {cluster} = c \right) &= {held} / {total}, \quad "
        rf"P\left( {cluster} \text{{ new}} \right) = {concentration} / {total}",
        family_equation(node.family, rf"{notation.now} \mid {cluster} = c", expected, count),
        equality_line(count, f"{known} + {held}"),
        equality_line(expected, rf"\left( {base} + {learned} \right) / {count}"),
    ]


@node_equations.register
def write_dual_rescorla_wagner(node: nodes.DualRescorlaWagner, notation: Notation) -> list[str]:
    option, value = f"c_{{{notation.tag}}}^{{(t)}}", rf"v_{{{notation.tag},i}}"
    now, before = f"{value}^{{(t)}}", f"{value}^{{(t-1)}}"
    chosen = rf"v_{{{notation.tag},{option}}}^{{(t-1)}}"
    error = rf"\left( {notation.now} - {before} \right)"
    other = rf"\left( 1 - {notation.now} - {before} \right)"
    notation.say(f"${option}$ is the option that was chosen, 0 or 1.")
    rate = notation.times("learning_rate", error)
    less = notation.times("learning_rate", notation.times("counterfactual", other) or "0")
    return [
        distribution_line(notation.now, "Bernoulli", chosen),
        equality_line(now, sum_terms([before, rate])) + rf", \quad i = {option}",
        equality_line(now, sum_terms([before, less])) + rf", \quad i \neq {option}",
        equality_line(notation.own("v", "0"), notation.parameter("initial_mean")),
    ]


@node_equations.register
def write_exponential_family_state(
    node: nodes.ExponentialFamilyState, notation: Notation
) -> list[str]:
    expected, count = notation.own(r"\hat{\xi}"), notation.own(r"\hat{\nu}")
    before = notation.own(r"\xi", "t-1")
    weight = rf"\frac{{T\left( {notation.now} \right) - {expected}}}{{{count} + 1}}"
    notation.say(f"$T$ are the sufficient statistics of {node.family!r}.")
    return [
        family_equation(node.family, notation.now, expected, count),
        *write_expectation(node, notation, expected, before),
        equality_line(count, write_count(node, notation)),
        equality_line(notation.own(r"\xi"), rf"{expected} + {weight}"),
        equality_line(notation.own(r"\xi", "0"), notation.parameter("initial_statistics")),
    ]


def write_expectation(
    node: nodes.ExponentialFamilyState, notation: Notation, expected: str, before: str
) -> list[str]:
    """What is expected before an observation: what was, or what parents say."""
    if "statistics" not in notation.fed:
        return [equality_line(expected, before)]
    size = len(node.family.default_statistics)
    return [
        equality_line(
            rf"\left[ {expected} \right]_{{{place + 1}}}",
            notation.sum("statistics", place)
            if notation.terms("statistics", place)
            else rf"\left[ {before} \right]_{{{place + 1}}}",
        )
        for place in range(size)
    ]


def write_count(node: nodes.ExponentialFamilyState, notation: Notation) -> str:
    """How many observations the expectation is worth."""
    if "statistics" in notation.fed:
        precision = notation.parameter("precision")
        notation.say(
            r"$\bar{r}$ is the average of $r_i = v_i / (v_i + 1 / p_i)$ over the statistics with "
            f"parents, $v_i$ being the variance of what these predict and $p = {precision}$."
        )
        return r"\left( 1 - \bar{r} \right) / \bar{r}"
    count = notation.parameter("pseudo_count")
    driven = notation.terms("log_pseudo_count")
    if driven:
        return rf"{count} \exp\left( {sum_terms(driven)} \right)"
    if not node.growing:
        return count
    notation.say("$n_t$ is the number of observations before step $t$.")
    return f"{count} + n_t"


@node_equations.register
def write_hidden_markov(node: nodes.HiddenMarkov, notation: Notation) -> list[str]:
    now, before = notation.own("z"), notation.own("z", "t-1")
    emission, transition = notation.parameter("emission"), notation.parameter("transition")
    notation.say(
        rf"$\left[ M \right]_i$ is row $i$ of a matrix; ${now}$ is the hidden state, counted from 0."
    )
    return [
        distribution_line(notation.now, "Categorical", rf"\left[ {emission} \right]_{{{now}}}"),
        distribution_line(now, "Categorical", rf"\left[ {transition} \right]_{{{before}}}"),
        distribution_line(notation.own("z", "1"), "Categorical", notation.parameter("initial")),
    ]


@node_equations.register
def write_kalman_filter(node: nodes.KalmanFilter, notation: Notation) -> list[str]:
    now, before = notation.own("x"), notation.own("x", "t-1")
    growth = rf"\exp\left( {notation.parameter('tonic_volatility')} \right)"
    mean, variance = (
        notation.parameter("initial_mean"),
        notation.inverse("initial_precision"),
    )
    return [
        normal_line(notation.now, now, notation.inverse("precision")),
        normal_line(now, before, notation.lasting([growth])),
        normal_line(notation.own("x", "0"), mean, variance),
    ]


@node_equations.register
def write_noisy_binary_input(node: nodes.NoisyBinaryInput, notation: Notation) -> list[str]:
    low, high = notation.parameter("low"), notation.parameter("high")
    outcome = notation.own("b")
    notation.say(f"${outcome}$ is the outcome, and ${notation.now}$ the reading of it.")
    level = rf"{low} \left( 1 - {outcome} \right) + {high} \, {outcome}"
    return [
        normal_line(notation.now, level, notation.parameter("variance")),
        distribution_line(outcome, "Bernoulli", logistic_term(notation, notation.sum("logit"))),
    ]


@node_equations.register
def write_pearce_hall(node: nodes.PearceHall, notation: Notation) -> list[str]:
    now, before, last = notation.own("v"), notation.own("v", "t-1"), notation.own(r"a", "t-1")
    error = rf"{notation.now} - {before}"
    moved = notation.times("salience", rf"{last} \left( {error} \right)")
    return [
        distribution_line(notation.now, "Bernoulli", before),
        equality_line(now, sum_terms([before, moved])),
        equality_line(notation.own("a"), rf"\left| {error} \right|"),
        equality_line(notation.own("v", "0"), notation.parameter("initial_mean")),
        equality_line(notation.own("a", "0"), notation.parameter("initial_associability")),
    ]


@node_equations.register
def write_regression_input(node: nodes.RegressionInput, notation: Notation) -> list[str]:
    strengths, before = notation.own(r"\mathbf{w}"), notation.own(r"\mathbf{w}", "t-1")
    first = notation.own(r"\mathbf{w}", "0")
    terms = notation.own(r"\mathbf{r}")
    known = node.noise == "known"
    noise = notation.inverse("precision") if known else rf"s_{{{notation.tag}}}"
    unit = "" if known else rf"s_{{{notation.tag}}} \, "
    parents = [one for place in range(node.terms) for one in notation.terms("terms", place)]
    notation.say(rf"${terms} = \left( {', '.join(parents)} \right)$ are the parents.")
    lines = [normal_line(notation.now, rf"{strengths} \cdot {terms}", noise)]
    if float(np.asarray(node.tonic_volatility)) > -math.inf:
        growth = rf"\exp\left( {notation.parameter('tonic_volatility')} \right)"
        lines.append(normal_line(strengths, before, rf"{unit}{notation.lasting([growth])} \, I"))
    else:
        lines.append(rf"{strengths} &= {before}")
    mean = notation.parameter("initial_mean")
    spread = rf"{unit}\mathrm{{diag}}\left( {notation.parameter('initial_variance')} \right)"
    lines.append(normal_line(first, mean, spread))
    if not known:
        shape, scale = notation.parameter("noise_shape"), notation.parameter("noise_scale")
        lines.append(rf"{noise} &\sim \mathrm{{InverseGamma}}\left( {shape}, {scale} \right)")
    return lines


@node_equations.register
def write_regressor(node: nodes.Regressor, notation: Notation) -> list[str]:
    notation.say(f"${notation.now}$ is given at every step.")
    return []


@node_equations.register
def write_rescorla_wagner(node: nodes.RescorlaWagner, notation: Notation) -> list[str]:
    before = notation.own("v", "t-1")
    return [
        distribution_line(notation.now, "Bernoulli", before),
        *write_delta_rule_steps(node, notation),
    ]


@node_equations.register
def write_delta_rule(node: nodes.DeltaRule, notation: Notation) -> list[str]:
    before = notation.own("v", "t-1")
    return [
        normal_line(notation.now, before, notation.inverse("precision")),
        *write_delta_rule_steps(node, notation),
    ]


def write_delta_rule_steps(
    node: nodes.RescorlaWagner | nodes.DeltaRule, notation: Notation
) -> list[str]:
    """How an expectation moves with its error, at one rate or at two, and where it begins."""
    now, before = notation.own("v"), notation.own("v", "t-1")
    error = rf"\left( {notation.now} - {before} \right)"

    def move(rate: str) -> str:
        return equality_line(now, sum_terms([before, notation.times(rate, error)]))

    lines = [move("learning_rate")]
    if node.negative_learning_rate is not None:
        above, below = rf"{notation.now} \geq {before}", rf"{notation.now} < {before}"
        lines = [
            rf"{move('learning_rate')}, \quad {above}",
            rf"{move('negative_learning_rate')}, \quad {below}",
        ]
    return [*lines, equality_line(notation.own("v", "0"), notation.parameter("initial_mean"))]


@node_equations.register
def write_sutton_k1(node: nodes.SuttonK1, notation: Notation) -> list[str]:
    own = notation.own
    before, trace, rate, error = own("v", "t-1"), own("h", "t-1"), own(r"\eta"), own(r"\delta")
    logit = r"\operatorname{logit}"
    moved = notation.times("meta_rate", rf"{error} \, {trace}")
    return [
        distribution_line(notation.now, "Bernoulli", before),
        equality_line(error, rf"{notation.now} - {before}"),
        equality_line(
            rf"{logit} {rate}", sum_terms([rf"{logit} {own(chr(92) + 'eta', 't-1')}", moved])
        ),
        equality_line(own("v"), rf"{before} + {rate} \, {error}"),
        equality_line(
            own("h"),
            rf"\left( {trace} + {rate} \, {error} \right) \left( 1 - {rate} \right)",
        ),
        equality_line(own("v", "0"), notation.parameter("initial_mean")),
        equality_line(own(r"\eta", "0"), notation.parameter("initial_learning_rate")),
        equality_line(own("h", "0"), notation.parameter("initial_trace")),
    ]


@node_equations.register
def write_volatile_state(node: nodes.VolatileState, notation: Notation) -> list[str]:
    inner = f"y_{{{notation.tag}}}"
    notation.say(f"${inner}$ is an inner level, the log volatility of its node.")
    return [
        *write_walk(node, notation),
        *write_walk_step(
            node, notation, inner, [notation.parameter("inner_tonic_volatility")], "inner_"
        ),
        write_initial_belief(
            notation, f"{inner}^{{(0)}}", "initial_inner_mean", "initial_inner_precision"
        ),
    ]


@node_equations.register
def write_layer(node: nodes.Layer, notation: Notation) -> list[str]:
    def mean(inlet: str) -> str:
        total = notation.sum(inlet)
        if node.link is identity:
            return total
        return write_function(node.link, notation, rf"\left( {total} \right)")

    driven = notation.terms("log_noise")
    noise = rf"\exp\left( {sum_terms(driven)} \right)" if driven else ""
    root, back = not notation.terms("location"), notation.terms("feedback")
    lines = []
    if not root or node.prior_precision is not None:
        own = notation.inverse("prior_precision" if root else "precision")
        lines.append(normal_line(notation.now, mean("location"), sum_terms([own, noise])))
    elif not back:
        lines.append(rf"p\left( {notation.now} \right) &\propto 1")
        notation.say("A density that is proportional to 1 is a flat prior: such nodes are given.")
    if back:
        own = "precision" if node.feedback_precision is None else "feedback_precision"
        lines.append(normal_line(notation.now, mean("feedback"), notation.inverse(own)))
        notation.say("A layer with two lines has the product of both densities, up to a constant.")
    return lines


@node_equations.register
def write_categorical_layer(node: nodes.CategoricalLayer, notation: Notation) -> list[str]:
    del node
    tag = notation.tag
    notation.say(rf"$\ell_{{{tag},j}}$ is the logit of outcome $j$.")
    share = rf"e^{{\ell_{{{tag},j}}}} / \sum_i e^{{\ell_{{{tag},i}}}}"
    logits = rf"\ell_{{{tag}}} &= {notation.sum('logit')}"
    return [rf"P\left( {notation.now} = j \right) &= {share}", logits]


@functools.singledispatch
def family_equation(family: Any, value: str, expected: str, count: str) -> str:
    """The predictive density in LaTeX, of some statistics and a count."""
    density = rf"{name_to_latex(type(family).__name__)}\text{{-predictive}}"
    return rf"{value} &\sim {density}\left( {expected},\; {count} \right)"


@family_equation.register
def write_bernoulli_family(
    family: families.Bernoulli, value: str, expected: str, count: str
) -> str:
    del count
    return rf"{value} &\sim \mathrm{{Bernoulli}}\left( {expected} \right)"


@family_equation.register
def write_categorical_family(
    family: families.Categorical, value: str, expected: str, count: str
) -> str:
    del count
    return rf"{value} &\sim \mathrm{{Categorical}}\left( {expected} \right)"


@family_equation.register
def write_exponential_family(
    family: families.Exponential, value: str, expected: str, count: str
) -> str:
    rate = rf"\mathrm{{Gamma}}\left( {count} + 1,\; {count} \, {expected} \right)"
    return rf"{value} &\sim \mathrm{{Exponential}}\left( r \right), \quad r \sim {rate}"


@family_equation.register
def write_multivariate_normal(
    family: families.MultivariateNormal, value: str, expected: str, count: str
) -> str:
    first = rf"\left[ {expected} \right]_{{x}}"
    spread = rf"\left[ {expected} \right]_{{x x^T}} - {first} {first}^T"
    return write_student(value, first, spread, count, family.freedom)


@family_equation.register
def write_normal_family(family: families.Normal, value: str, expected: str, count: str) -> str:
    first = rf"\left[ {expected} \right]_1"
    spread = rf"\left[ {expected} \right]_2 - {first}^2"
    return write_student(value, first, spread, count, family.freedom)


def write_student(value: str, first: str, spread: str, count: str, freedom: float) -> str:
    """A value that follows Student's t, in LaTeX: around a mean, with a spread that the count widens."""
    degrees = f"{count} + {number_to_latex(freedom)}"
    widened = rf"\frac{{{count} + 1}}{{{degrees}}} \left( {spread} \right)"
    scale = spread if freedom == 1 else widened
    return rf"{value} &\sim t_{{{degrees}}}\left( {first},\; {scale} \right)"


@family_equation.register
def write_poisson_family(family: families.Poisson, value: str, expected: str, count: str) -> str:
    rate = rf"\mathrm{{Gamma}}\left( {count} \, {expected},\; {count} \right)"
    return rf"{value} &\sim \mathrm{{Poisson}}\left( r \right), \quad r \sim {rate}"


@node_equations.register
def write_volatile_layer(node: nodes.VolatileLayer, notation: Notation) -> list[str]:
    del node
    inner = f"y_{{{notation.tag}}}"
    notation.say(f"${inner}$ is an inner level, the log variance of its node's units.")
    own = [notation.parameter("log_variance"), f"{inner}^{{(t)}}"]
    log_variance = sum_terms([*own, *notation.terms("log_volatility")])
    volatility = notation.parameter("inner_tonic_volatility")
    before = notation.times("inner_autoconnection", f"{inner}^{{(t-1)}}")
    drift = notation.added("inner_tonic_drift")
    first_mean, first = (
        notation.parameter("initial_inner_mean"),
        notation.inverse("initial_inner_precision"),
    )
    return [
        normal_line(
            notation.now,
            sum_terms(notation.terms("location")),
            rf"\exp\left( {log_variance} \right)",
        ),
        normal_line(
            f"{inner}^{{(t)}}", sum_terms([before, drift]), rf"\exp\left( {volatility} \right)"
        ),
        normal_line(f"{inner}^{{(0)}}", first_mean, first),
    ]
