"""Nothing is compiled for other subjects, seeds or data of the same size, nor to show a result."""

import contextlib
import dataclasses
import warnings

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.fit import groups
from tests.fit.cases import chooser, table
from tests.fit.drawn import samples_of_population, samples_of_study, study

COMPILING = "/jax/core/compile/"
"""How the events begin by which JAX tells of a program that is traced, lowered or compiled."""

LENGTHS = ((9, 7), (5, 9), (8, 3))


class Count:
    """How often a program was traced, lowered or compiled since it was made."""

    def __init__(self):
        self.programs = 0

    def heard(self, event, duration, **_):
        del duration
        self.programs += event.startswith(COMPILING)


@contextlib.contextmanager
def counted():
    """A count that ends with the block."""
    count, listening = Count(), [True]

    def heard(event, duration, **said):
        if listening[0]:
            count.heard(event, duration, **said)

    jax.monitoring.register_event_duration_secs_listener(heard)
    yield count
    listening[0] = False


def trials(seed, **only):
    data = pn.Trials(table(LENGTHS, seed=seed), inputs="u", actions="y", by=["subject", "session"])
    return data.only(**only) if only else data


def sampled(data, seed):
    """A short run; what it says of itself does not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pn.fit_nuts(chooser(), data, chains=2, tune=200, draws=50, seed=seed, progress=False)


def mapped(data, seed):
    pn.fit_map(chooser(), data, seed=seed)


def grouped(data, seed):
    del seed  # EM has no chance in it
    pn.fit_em(chooser(), data)


def test_programs_that_are_compiled_are_counted():
    """So that a count of none means something."""
    with counted() as count:
        jax.jit(lambda x: 3.25 * x)(1.5)
    before = count.programs
    jax.jit(lambda x: 3.75 * x)(1.5)

    assert before > 0
    assert count.programs == before


@pytest.mark.slow
@pytest.mark.parametrize("fit", [mapped, grouped, sampled])
def test_another_study_compiles_nothing(fit):
    fit(trials(0), 0)
    with counted() as count:
        fit(trials(1), 0)
        fit(trials(0), 7)

    assert count.programs == 0


@pytest.mark.slow
@pytest.mark.parametrize("fit", [mapped, sampled])
def test_another_subject_compiles_nothing(fit):
    fit(trials(0, subject="s0"), 0)
    with counted() as count:
        fit(trials(0, subject="s1"), 0)
        fit(trials(2, subject="s2"), 5)

    assert count.programs == 0


@pytest.mark.slow
def test_a_study_that_is_simulated_compiles_nothing():
    values = {"x2.tonic_volatility": -3.0, "inverse_temperature": 2.0}
    design = trials(0)
    mapped(pn.simulate(chooser(), design, values, seed=1).trials, 0)
    with counted() as count:
        mapped(pn.simulate(chooser(), design, values, seed=2).trials, 0)

    assert count.programs == 0


def subjects():
    return pn.fit_map(chooser(), study(), starts=2, refine=1)


def group():
    return pn.fit_em(groups.rater(), groups.trials(groups.frame()), iterations=2)


def compared():
    return pn.compare({"one": samples_of_study(), "other": samples_of_population()}, by="loo")


SHOWN = {
    "agent": chooser,
    "trials": study,
    "fit of subjects": subjects,
    "fit of a group": group,
    "average": lambda: pn.parameter_average(subjects()),
    "directions": lambda: subjects().identifiability(),
    "draws": samples_of_study,
    "draws of a population": samples_of_population,
    "draws with evidence": lambda: dataclasses.replace(samples_of_study(), log_evidence=-3.0),
    "draws with weights": lambda: dataclasses.replace(samples_of_study(), pareto_k=0.3),
    "left out": lambda: samples_of_study().loo(),
    "comparison": lambda: pn.compare({"one": subjects(), "other": subjects()}),
    "comparison by leaving out": compared,
    "random effects": lambda: pn.random_effects_bms(compared()),
    "predictions": lambda: samples_of_study().predict(draws=3),
    "check of priors": lambda: pn.check_priors(chooser(), study(), n=3),
    "parameters recovered": lambda: pn.parameter_recovery(chooser(), study(), 2, starts=2),
    "models recovered": lambda: pn.model_recovery({"a": chooser()}, study(), 2, starts=2),
    "design": lambda: pn.design_analysis(chooser(), study(), [4], 2, starts=2),
    "simulation": lambda: pn.simulate(chooser(), study()),
}
"""Everything that fitting returns."""


@pytest.mark.parametrize(
    "names",
    [
        ("agent", "trials", "fit of subjects", "draws"),
        pytest.param(tuple(SHOWN), marks=pytest.mark.slow),
    ],
    ids=["usual", "every"],
)
def test_to_show_a_result_compiles_nothing(names):
    """Whoever types its name in a notebook waits for nothing."""
    results = {name: SHOWN[name]() for name in names}
    jax.clear_caches()
    for name, found in results.items():
        with counted() as count:
            text = repr(found)
            html = found._repr_html_() if hasattr(found, "_repr_html_") else ""

        assert count.programs == 0, name
        assert type(found).__name__ in text + html, name


def test_an_estimate_is_shown_as_it_is():
    """What is printed was computed with the fit: it is the value of the mode."""
    fit = subjects()
    means = {name: np.mean(values) for name, values in fit.estimates.items()}

    assert all(f"{name} {mean:.4g}" in repr(fit) for name, mean in means.items())
    for number, (name, prior) in enumerate(fit.agent.priors.items()):
        np.testing.assert_allclose(
            fit.estimates[name], prior.constrain(fit.unconstrained[:, number]), rtol=1e-12
        )
