"""Files of fits: what is read is what was written, and everything else is refused."""

import dataclasses
import json
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import pynodes as pn
from pynodes.fit import Agent, Beta, Gamma, LogitNormal, Normal, Trials, fit_em, fit_map, load_fit
from pynodes.fit.keeping._document import Reviver, agent_document
from pynodes.fit.keeping._trials_document import columns_dataset, roles_document, trials_of
from pynodes.responses import (
    AbstractBinaryResponse,
    GaussianResponse,
    LinearResponse,
    OwnResponse,
    Softmax,
    UnitSquareSigmoid,
)
from tests.fit import cases
from tests.fit.drawn import gaussian_draws, samples_of_one, samples_of_population, study
from tests.fit.test_map import linear_agent, linear_trials

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")


def same_trials(found, expected):
    assert found.roles == expected.roles
    assert found.keys == expected.keys
    assert set(found.columns) == set(expected.columns)
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], column)


def same_likelihood(found, expected):
    """Both agents say the same of the same data, number for number."""
    values = {name: float(prior.constrain(prior.centre)) for name, prior in expected.priors.items()}
    one, other = (agent.log_likelihood(values, study()) for agent in (found, expected))
    assert float(one) == float(other)
    assert found.model.places == expected.model.places


@pytest.mark.parametrize("made", [samples_of_one, samples_of_population])
def test_samples_come_back_as_they_were(tmp_path, made):
    samples, path = made(), tmp_path / "fit.nc"
    samples.to_netcdf(path)
    found = load_fit(path)

    np.testing.assert_array_equal(found.positions, samples.positions)
    assert found.positions.dtype == samples.positions.dtype
    assert list(found.population) == list(samples.population)
    for name, draws in samples.population.items():
        np.testing.assert_array_equal(found.population[name], draws)
    for name, numbers in samples.drawn.stats.items():
        np.testing.assert_array_equal(found.drawn.stats[name], numbers)
        assert found.drawn.stats[name].dtype == numbers.dtype
    assert found.provenance == samples.provenance
    same_trials(found.trials, samples.trials)
    assert found.score() == pytest.approx(samples.score(), abs=1e-9)


def test_what_the_tree_writes_is_read_too(tmp_path):
    samples, path = samples_of_population(), tmp_path / "tree.nc"
    samples.tree.to_netcdf(path, engine="h5netcdf")

    np.testing.assert_array_equal(load_fit(path).positions, samples.positions)


def test_a_file_is_what_arviz_reads(tmp_path):
    arviz_stats = pytest.importorskip("arviz_stats")
    samples, path = samples_of_population(), tmp_path / "fit.nc"
    samples.to_netcdf(path)
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        table = arviz_stats.summary(tree, var_names=["inverse_temperature:deviation"])

    assert len(table) == 1


def test_a_map_fit_comes_back_as_it_was(tmp_path):
    agent = linear_agent(Normal(-0.3, 1.7))
    fit = fit_map(agent, linear_trials(), starts=2, polished=1, seed=3)
    path = tmp_path / "map.nc"
    fit.to_netcdf(path)
    found = load_fit(path)

    for name in ("positions", "hessian", "covariance", "lme", "accuracy", "bic", "converged"):
        np.testing.assert_array_equal(getattr(found, name), getattr(fit, name))
    assert found.provenance == fit.provenance
    assert found.provenance["seed"] == 3
    assert found.problems() == fit.problems()
    same_trials(found.trials, fit.trials)


@pytest.mark.slow
def test_a_group_comes_back_as_it_was(tmp_path):
    pytest.importorskip("formulae")
    group = fit_em(cases.chooser(), study(), formulas={"x2.tonic_volatility": "scale(age)"})
    path = tmp_path / "group.nc"
    group.to_netcdf(path)
    found = load_fit(path)

    assert found.estimates == group.estimates
    assert found.provenance == group.provenance
    assert found.log_evidence == group.log_evidence
    assert found.problems() == group.problems()
    np.testing.assert_array_equal(found.individuals.covariance, group.individuals.covariance)
    assert found.population.equals(group.population)
    assert found.score() == group.individuals.score()
    same_trials(found.trials, group.trials)


class Careless(AbstractBinaryResponse):
    """Chooses what is believed, whatever that is."""

    weight: float = pn.parameter(1.0)

    def logit(self, beliefs, given):
        del given
        return self.weight * (beliefs("u.predicted_mean") - 0.5)


class Wide(Normal):
    """A prior of one's own."""


def surprised(beliefs):
    return beliefs["u"].predicted_mean ** 2


def own_density(beliefs, response, slope):
    return -0.5 * (response - slope * beliefs["u"].predicted_mean) ** 2


def agents():
    """Agents of many sorts, and what a reader must be given."""
    graph = pn.models.binary_hgf(2)
    replaced = graph.compile(expansion="enhanced").replace({"x2.autoconnection": 0.875})
    return {
        "usual": (cases.chooser(), {}),
        "without responses": (cases.watcher(), {}),
        "replaced": (Agent(replaced, UnitSquareSigmoid(inverse_temperature=1 / 3)), {}),
        "switched": (
            Agent(
                pn.models.binary_hgf(3).compile().switch({"x3->x2": False}),
                UnitSquareSigmoid(),
                free={"x2.tonic_volatility": Normal(-3, 1)},
            ),
            {},
        ),
        "tied": (
            Agent(
                pn.models.binary_hgf(3),
                UnitSquareSigmoid(),
                free={
                    "pace": Normal(jnp.asarray(-3.0), 1.0),
                    "inverse_temperature": Gamma(2.0, 0.5),
                    "x2->u.strength": Beta(2, 2, lower=0.5, upper=1.5),
                },
                tied={"pace": ["x2.tonic_volatility", "x3.tonic_volatility"]},
            ),
            {},
        ),
        "linear": (
            Agent(
                graph,
                LinearResponse(
                    terms=("u.predicted_mean", surprised),
                    weights={"u.predicted_mean": 0.5, "surprised": 2.0},
                ),
                free={"variance": pn.LogNormal(0, 1)},
            ),
            {"functions": {"surprised": surprised}},
        ),
        "own function": (
            Agent(graph, OwnResponse.of(own_density, slope=0.5), free={"slope": Normal(0, 1)}),
            {"functions": {"own_density": own_density}},
        ),
        "own classes": (
            Agent(graph, Careless(weight=2.0), free={"x2.tonic_volatility": Wide(-3, 1)}),
            {"kinds": [Careless, Wide]},
        ),
        "softmax": (
            Agent(
                graph,
                Softmax(options=("u.predicted_mean", "x2.predicted_mean")),
                free={"x2.autoconnection": LogitNormal(0, 1)},
            ),
            {},
        ),
    }


@pytest.mark.parametrize("name", agents())
def test_agents_come_back_as_they_were(name):
    agent, given = agents()[name]
    said = json.loads(json.dumps(agent_document(agent)))

    same_likelihood(Reviver(**given).agent(said), agent)


def test_streams_come_back_as_they_were():
    responses = {"choice": UnitSquareSigmoid(), "time": GaussianResponse(belief="u.predicted_mean")}
    agent = Agent(
        pn.models.binary_hgf(2), responses, free={"choice.inverse_temperature": pn.LogNormal(0, 1)}
    )
    found = Reviver().agent(json.loads(json.dumps(agent_document(agent))))

    assert found.names == agent.names
    assert repr(found.response) == repr(agent.response)


@pytest.mark.parametrize(
    ("name", "said"),
    [("own classes", "'Wide'.*kinds="), ("own function", "'own_density'.*functions=")],
)
def test_what_a_reader_lacks_is_named(tmp_path, name, said):
    agent, given = agents()[name]
    path = tmp_path / "fit.nc"
    samples = gaussian_draws(agent, study(), draws=20)
    samples.to_netcdf(path)
    with pytest.raises(pn.FormatError, match=said):
        load_fit(path)

    assert load_fit(path, **given).names == agent.names


def test_columns_of_every_sort_come_back():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "subject": pandas.Categorical(["a/b", "a/b", "ü", "ü"]),
            "run": [1, 2, 1, 2],
            "trial": [0, 0, 0, 0],
            "u": [1.0, np.nan, 0.0, 1.0],
            "y": pandas.array([1, None, 0, 1], dtype="Int64"),
            "bad": [True, False, False, False],
            "when": pandas.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
            "note": ["x", None, "", "y"],
        }
    )
    trials = Trials(
        frame, inputs="u", actions="y", by=["subject", "run"], ignored="bad", unit="run"
    )
    found = trials_of(columns_dataset(trials), json.loads(json.dumps(roles_document(trials))))

    assert found.subjects == trials.subjects == (("a/b", 1), ("a/b", 2), ("ü", 1), ("ü", 2))
    np.testing.assert_array_equal(found.numbers("y"), trials.numbers("y"))
    np.testing.assert_array_equal(found.ignored, trials.ignored)
    np.testing.assert_array_equal(found.columns["when"], trials.columns["when"])
    assert found.columns["bad"].dtype == bool
    assert found.columns["note"].tolist()[0] == "x"
    assert found.roles == trials.roles


def test_what_no_file_can_hold_is_refused_by_name(tmp_path):
    data = cases.table() | {"odd": np.array([object()] * 41)}
    trials = Trials(data, inputs="u", actions="y", by=["subject", "session"])
    samples = dataclasses.replace(samples_of_population(), trials=trials)
    with pytest.raises(pn.FormatError, match="column 'odd'"):
        samples.to_netcdf(tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "fit.nc"
    samples_of_one().to_netcdf(path)
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], b"", b"not a file"):
        path.write_bytes(part)
        with pytest.raises(pn.FormatError, match="no netCDF file"):
            load_fit(path)
    with pytest.raises(FileNotFoundError):
        load_fit(tmp_path / "none.nc")


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.nc"
    xarray.DataTree.from_dict({"posterior": xarray.Dataset({"a": ("x", [1.0])})}).to_netcdf(
        path, engine="h5netcdf"
    )
    with pytest.raises(pn.FormatError, match="no fit that pynodes wrote"):
        load_fit(path)
    tree = samples_of_one().tree.copy()
    del tree["posterior"]
    tree.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(pn.FormatError, match="does not say what a file of a fit says"):
        load_fit(path)


def test_an_old_file_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    samples_of_one().to_netcdf(path)
    before = path.read_bytes()

    def broken(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr(xarray.DataTree, "to_netcdf", broken)
    with pytest.raises(OSError, match="disk full"):
        samples_of_one().to_netcdf(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_writes_files_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(pn.MissingExtraError, match=r"pynodes\[fit\]"):
        samples_of_one().to_netcdf(tmp_path / "fit.nc")
