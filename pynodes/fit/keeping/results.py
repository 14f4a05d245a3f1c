"""Results: fits and what is made of them, in files, and what they must be to be read from one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pynodes._errors import FormatError
from pynodes._inference.laplace import LaplacePosterior
from pynodes._inference.random_effects import RandomEffects
from pynodes._keeping.records import Keeper
from pynodes.fit.agent.agent import Agent
from pynodes.fit.agent.predictive import Predictive
from pynodes.fit.agent.simulation import Simulation
from pynodes.fit.comparing.comparison import AbstractComparison, Comparison, PredictiveComparison
from pynodes.fit.comparing.random_effects import GroupComparison
from pynodes.fit.data.roles import Roles
from pynodes.fit.data.trials import Trials
from pynodes.fit.group import formula_columns as columns
from pynodes.fit.group.design import Design, GroupedEffects
from pynodes.fit.group.estimates import EMResult, MarginalState
from pynodes.fit.group.formula import Parsed, read_subject_covariates
from pynodes.fit.group.group_fit import GroupFit
from pynodes.fit.group.group_model import GroupModel
from pynodes.fit.group.marginal import LaplaceSites, scatter_coordinates
from pynodes.fit.group.population import Population
from pynodes.fit.keeping.agents import read_agent, write_agent
from pynodes.fit.keeping.tables import check_roles, read_trials, write_trials
from pynodes.fit.mode.average import ParameterAverage
from pynodes.fit.mode.identifiability import Identifiability
from pynodes.fit.mode.map_fit import MapFit
from pynodes.fit.sampling.leave_one_out import LeaveOneOut
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.target import Problem
from pynodes.fit.study.prior_check import PriorCheck
from pynodes.fit.study.recovery import ModelRecovery, ParameterRecovery
from pynodes.fit.study.study_design import DesignAnalysis

KEEPERS: dict[type, Keeper] = {
    Agent: Keeper(write_agent, read_agent),
    Trials: Keeper(write_trials, read_trials),
}
"""How what is no plain record is kept."""

RECORDS: tuple[type, ...] = (
    *(
        MapFit,
        GroupFit,
        Samples,
        Simulation,
        Predictive,
        PriorCheck,
        ParameterRecovery,
        ModelRecovery,
    ),
    *(DesignAnalysis, ParameterAverage, Identifiability, Comparison, PredictiveComparison),
    *(RandomEffects, GroupComparison, LeaveOneOut),
)
"""What is kept field by field."""

PARTS: tuple[type, ...] = (
    *(Roles, LaplacePosterior, GroupModel, Population, Design, GroupedEffects, Parsed),
    *(EMResult, MarginalState, LaplaceSites, Problem),
    *(
        columns.NamedColumn,
        columns.ConstantColumn,
        columns.Elementwise,
        columns.Scaled,
        columns.Powers,
    ),
    *(columns.Polynomials, columns.Spline, columns.Coded, columns.Product),
)
"""What is kept so inside of others."""

MODE = {
    "unconstrained": "f n p",
    "log_joint": "f n",
    "log_likelihood": "f n",
    "hessian": "f n p p",
    "covariance": "f n p p",
    "log_evidence": "f n",
    "converged": "b n",
    "definite": "b n",
    "agreeing": "i n",
}
"""The arrays of posteriors of n subjects with p free values."""

STATE = {
    "value": "f",
    "gradient": "f s",
    "hessian": "f s s",
    "weights": "f w",
    "gradients": "f w s",
    "precision": "f w w",
    "means": "f n p",
    "scale": "f p p",
}
"""Those of a population with s coordinates of scatter, and w coefficients and effects."""

SITES = {
    "unconstrained": "f n p",
    "log_likelihood": "f n",
    "gradient": "f n p",
    "curvature": "f n p p",
    "converged": "b n",
    "definite": "b n",
}
"""Those of the likelihoods of its subjects."""


def check_arrays(thing: Any, shapes: dict[str, str], **sizes: int) -> dict[str, int]:
    """The arrays of a thing are of some kind of number and of shapes that go together.

    Parameters
    ----------
    thing
        Its fields are arrays.
    shapes
        By field the kind of number, and the name of every dimension.
    sizes
        Dimensions that are known.

    Returns
    -------
    All dimensions.

    Raises
    ------
    FormatError
        An array of another kind or shape.
    """
    for name, said in shapes.items():
        kind, *names = said.split()
        array = np.asarray(getattr(thing, name))
        found: dict[str, int] = dict(zip(names, array.shape, strict=False))
        expected = tuple(int((found | sizes).get(each, 0)) for each in names)
        if array.dtype.kind != kind or array.shape != expected:
            raise FormatError(
                f"{type(thing).__name__}.{name} is {array.dtype} of shape {array.shape}, where {kind} of "
                f"shape {expected} belongs."
            )
        sizes |= dict(zip(names, expected, strict=True))
    return sizes


def check_map(fit: MapFit) -> None:
    """A posterior of every subject and free value."""
    count = len(fit.subjects)
    check_arrays(fit.posterior, MODE, n=count, p=len(fit.names))
    kinds = {name: (values.dtype.kind, values.shape) for name, values in fit.values.items()}
    if kinds != dict.fromkeys(fit.names, ("f", (count,))):
        raise FormatError(f"The values in this file are not one of {fit.names} for each subject.")


def check_group(fit: GroupFit) -> None:
    """Numbers of the population that its designs describe, and designs of the subjects that there are."""
    names, population = fit.names, fit.group.population
    check_population(fit.group, fit.agent, fit.trials)
    weights = sum(
        len(d.terms) + sum(g.levels * len(g.columns) for g in d.grouped) for d in population.designs
    )
    scatter = len(scatter_coordinates(population)[0])
    sizes = {"n": len(fit.subjects), "p": len(names), "s": scatter, "w": weights}
    sizes |= {"h": len(population.names)}
    shapes = {"scatter": "f s", "hyperparameters": "f h", "standard_errors": "f h"}
    check_arrays(fit.result, shapes, **sizes)
    check_arrays(fit.result.state, STATE, **sizes)
    check_arrays(fit.result.sites, SITES, **sizes)


def check_population(group: GroupModel, agent: Agent, trials: Trials) -> None:
    """Designs of an agent's parameters over the subjects of some trials, which compute what they hold."""
    population, names = group.population, agent.names
    check_arrays(population, {"prior_sds": "f p"}, p=len(names))
    lengths = {len(population.designs), len(population.centred), len(names)}
    found = {population.parameters, tuple(group.parts), tuple(group.formulas)}
    if len(lengths) > 1 or found != {names}:
        raise FormatError(f"The population in this file is not one of {names}.")
    for name, design in zip(names, population.designs, strict=True):
        check_design(design, len(trials.subjects))
        levels = {f"{name}:{part.factor}": part.levels for part in design.grouped}
        if {key: len(group.levels.get(key, ())) for key in levels} != levels:
            raise FormatError(f"The levels of the design of {name!r} are not those of its effects.")
        check_terms(name, group.parts[name], design, trials)


def check_design(design: Design, subjects: int) -> None:
    """Columns of every subject, and levels that there are."""
    shapes = {"fixed": "f n t", "prior_means": "f t", "prior_sds": "f t"}
    check_arrays(design, shapes, n=subjects, t=len(design.terms))
    for part in design.grouped:
        shapes = {"level": "i n", "values": "f n c", "prior_sds": "f c"}
        check_arrays(part, shapes, n=subjects, c=len(part.columns))
        level = np.asarray(part.level)
        if not 0 <= level.min() <= level.max() < part.levels:
            raise FormatError(f"A subject is at a level of {part.factor!r} that is not there.")


def check_terms(name: str, part: Parsed, design: Design, trials: Trials) -> None:
    """What computes the columns of others computes those of the subjects."""
    covariates = {n for term in part.terms for n in list_covariates(term)}
    found = part.columns_for(
        read_subject_covariates(trials, covariates, name) or {"": np.zeros(len(trials.subjects))}
    )
    if found.shape != np.shape(design.fixed) or not np.allclose(
        found, design.fixed, rtol=1e-6, atol=1e-6
    ):
        raise FormatError(f"The design of {name!r} does not fit its terms.")


def list_covariates(part: Any) -> list[str]:
    """Names of the covariates that columns are computed of."""
    if isinstance(part, columns.NamedColumn):
        return [part.name]
    inside = getattr(part, "parts", (part.part,) if hasattr(part, "part") else ())
    return [name for each in inside for name in list_covariates(each)]


def check_samples(fit: Samples) -> None:
    """Draws of every subject and free value, and as many of what was noted of each."""
    sizes = {"n": len(fit.subjects), "p": len(fit.names)}
    sizes = check_arrays(fit, {"unconstrained": "f c d n p"}, **sizes)
    if fit.problem.group is not None:
        check_population(fit.problem.group, fit.agent, fit.trials)
    drawn = sizes["c"], sizes["d"]
    for name, values in (fit.population | fit.stats).items():
        if values.shape != drawn:
            raise FormatError(f"{name!r} has shape {values.shape}, where {drawn} belongs.")
    if 0 in drawn:
        raise FormatError("There is no draw in this file.")


def check_recovery(recovery: ParameterRecovery) -> None:
    """As many fits as were simulated."""
    sizes = check_arrays(recovery, {"true": "f n p"}, p=len(recovery.agent.names))
    check_arrays(recovery.posterior, MODE, **sizes)


def check_analysis(analysis: DesignAnalysis) -> None:
    """A recovery for every number of trials, of the same simulated subjects."""
    if not analysis.recoveries or len(analysis.recoveries) != len(analysis.trials):
        raise FormatError("There is not one recovery for each number of trials.")
    for recovery in analysis.recoveries:
        shapes = {"true": "f n p"}
        check_arrays(
            recovery, shapes, n=len(analysis.recoveries[0].true), p=len(analysis.agent.names)
        )


def check_comparison(found: AbstractComparison) -> None:
    """Evidence of every model for every subject."""
    check_arrays(found, {"evidence": "f n m"}, n=len(found.subjects), m=len(found.models))


def check_effects(found: RandomEffects) -> None:
    """Counts of every model."""
    shapes = {"prior_counts": "f m", "counts": "f m", "posterior_model_probabilities": "f n m"}
    check_arrays(found, shapes, m=len(found.models))


def check_left_out(found: LeaveOneOut) -> None:
    """Numbers of every item."""
    names = ("pointwise", "effective", "pareto_k", "watanabe")
    shapes: dict[str, str] = dict.fromkeys(names, "f i")
    sizes = check_arrays(found, shapes, i=len(found.owners))
    if any(len(values) != sizes["i"] for values in found.keys.values()):
        raise FormatError("The keys of what was left out are not one for each item.")


def make_shape_check(names: Callable[[Any], int], **shapes: str) -> Callable[[Any], None]:
    """A check of arrays over the free values of an agent, or over names."""

    def check(thing: Any) -> None:
        check_arrays(thing, shapes, p=names(thing))

    return check


CHECKS: dict[type, Callable[[Any], None]] = {
    Roles: check_roles,
    MapFit: check_map,
    GroupFit: check_group,
    Samples: check_samples,
    ParameterRecovery: check_recovery,
    DesignAnalysis: check_analysis,
    Comparison: check_comparison,
    PredictiveComparison: check_comparison,
    RandomEffects: check_effects,
    LeaveOneOut: check_left_out,
    ParameterAverage: make_shape_check(
        lambda one: len(one.agent.names), mean="f p", covariance="f p p"
    ),
    Identifiability: make_shape_check(
        lambda one: len(one.names), prior_sds="f p", curvatures="f p", directions="f p p"
    ),
    ModelRecovery: make_shape_check(lambda one: len(one.models), evidence="f p d p"),
    Predictive: make_shape_check(lambda one: len(one.agent.names), unconstrained="f d n p"),
    PriorCheck: make_shape_check(lambda one: 0, failing="b n d", bounded="b n d"),
}
"""What things must be besides having the fields that they declare."""
