"""Nothing is compiled for other subjects, seeds or data of the same size: not the smallest program."""

import contextlib
import warnings

import jax
import pytest

import pynodes as pn
from tests.fit.cases import chooser, table

COMPILING = "/jax/core/compile/backend_compile_duration"
"""The event by which JAX tells of a program that is compiled."""

LENGTHS = ((9, 7), (5, 9), (8, 3))


class Count:
    """How many programs were compiled since it was made."""

    def __init__(self):
        self.programs = 0

    def heard(self, event, duration, **_):
        del duration
        self.programs += event == COMPILING


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
