"""fit_nuts: draw from the posterior by the no-U-turn sampler."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import jax

from pynodes._boundary import boundary
from pynodes._runtime.series import positive, read_share
from pynodes.fit._seeds import check_seed
from pynodes.fit.agent.agent import Agent
from pynodes.fit.data.trials import Trials
from pynodes.fit.sampling.chains import make_schedule
from pynodes.fit.sampling.checkpoint import SamplerCheckpoint, describe_run
from pynodes.fit.sampling.running import SamplingRun, run_chains, select_records
from pynodes.fit.sampling.samples import Samples
from pynodes.fit.sampling.start import find_frame, whiten_target
from pynodes.fit.sampling.target import Problem, make_problem

MAX_DOUBLINGS = 10
"""A trajectory is doubled at most so often."""


@boundary
def fit_nuts(
    agent: Agent,
    trials: Trials,
    *,
    formulas: Mapping[str, str] | None = None,
    covariance: str = "diagonal",
    parameterisation: str | Mapping[str, str] = "auto",
    chains: int = 4,
    draws: int = 1000,
    tune: int = 300,
    target_acceptance: float = 0.8,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Samples:
    """Sample the posterior by the no-U-turn sampler (MCMC), of one subject or of a group.

    The parameters of a single subject have the agent's priors. Those of several are normally distributed in
    a population that is unknown too (docs/groups.md). Chains begin around the mode, farther out than the
    posterior reaches, and measure in units of its curvature. The same seed makes the same draws. Other
    subjects, seeds or data of the same size compile nothing.

    Parameters
    ----------
    agent
        The agent.
    trials
        What was seen and done.
    formulas
        What the parameters of subjects depend on, by name, as for :func:`fit_em`.
    covariance
        ``"diagonal"`` or ``"full"``, as for :func:`fit_em`.
    parameterisation
        ``"centred"``: a subject's parameters are sampled as they are; ``"noncentred"``: by how far they are
        from what is expected of the subject; or one of both by parameter. ``"auto"`` has those centred of
        which the data of a subject say more than the population does.
    chains, draws
        Number of chains, and of draws from each.
    tune
        Transitions of a chain before that, which adapt step size and metric and are not kept. Chains begin
        near the mode with the metric of its curvature, so that few will do; more where chains disagree.
    target_acceptance
        Acceptance rate for which the step size is adapted; more makes smaller steps.
    seed
        Of everything random.
    checkpoint
        A folder. Every fifty transitions are written to it, and the same call goes on from there after an
        interruption of whatever kind, with the same draws as if there had been none.
    progress
        Whether to show progress; by default in a terminal or a notebook, once it takes a second.

    Returns
    -------
    The draws. If sampling is interrupted from the keyboard, those that there are, with a warning.

    Raises
    ------
    DataError
        Trials that do not fit the agent, or formulas that do not fit the trials.
    ParameterError
        An agent without free values; a parameterisation of something else.
    InputError
        Numbers with which there is nothing to do.
    CheckpointError
        A folder that is damaged, or of another run.
    FilterError
        Filtering fails wherever one looks.
    SamplingError
        A chain that did not move.
    MissingExtraError
        blackjax is not installed.
    """
    settings = {
        "seed": check_seed(seed),
        "chains": positive("chains", chains),
        "draws": positive("draws", draws),
        "tune": positive("tune", tune),
        "target_acceptance": read_share("target_acceptance", target_acceptance),
    }
    problem = make_problem(agent, trials, formulas, covariance, parameterisation)
    folder, known = open_checkpoint(checkpoint, problem, settings)
    centred, frame = known[0] if known else find_frame(problem)
    if folder is not None and not known:
        folder.write(centred, frame)
    run = SamplingRun(
        target=whiten_target(problem.target(centred), frame),
        keys=jax.random.split(jax.random.key(settings["seed"]), chains),
        schedule=make_schedule(tune, draws),
        target_acceptance=settings["target_acceptance"],
        max_doublings=MAX_DOUBLINGS,
    )
    records = run_chains(run, folder, known[1:], progress)
    samples = Samples(
        problem=dataclasses.replace(problem, centred=centred),
        method="nuts",
        unconstrained=records["parameters"],
        population=select_records(records, "population"),
        stats=select_records(records, "stats"),
        settings=settings,
    )
    samples.check()
    return samples


def open_checkpoint(
    folder: str | os.PathLike[str] | None, problem: Problem, settings: dict[str, Any]
) -> tuple[SamplerCheckpoint | None, list[Any]]:
    """The checkpoint in a folder, if one is named, and what is written there."""
    if folder is None:
        return None, []
    group = None if problem.group is None else problem.group.population
    parts = {"agent": problem.agent.model, "data": problem.sequences, "design": group}
    checkpoint = SamplerCheckpoint(folder, describe_run(parts, settings | problem.settings))
    return checkpoint, checkpoint.read()
