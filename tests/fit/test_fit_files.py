"""Fits, agents and trials in files: what is read is what was written, and everything else is refused."""

import contextlib
import dataclasses
import datetime
import functools
import json
import re

import jax.numpy as jnp
import numpy as np
import pandas
import pytest

import pynodes as pn
from pynodes._files import list_everything
from pynodes._inference.laplace import LaplacePosterior
from pynodes._keeping import container
from pynodes.fit import (
    Agent,
    Beta,
    Comparison,
    Gamma,
    GroupComparison,
    GroupFit,
    Identifiability,
    LeaveOneOut,
    LogitNormal,
    MapFit,
    ModelRecovery,
    Normal,
    ParameterAverage,
    ParameterRecovery,
    Predictive,
    PredictiveComparison,
    PriorCheck,
    RandomEffects,
    Simulation,
    Trials,
    fit_em,
    fit_map,
)
from pynodes.fit.group.estimates import EMResult, MarginalState
from pynodes.fit.group.group_model import make_group_model
from pynodes.fit.group.marginal import LaplaceSites, scatter_coordinates
from pynodes.fit.keeping import results
from pynodes.fit.sampling.tree import prior_dataset
from pynodes.fit.study.study_design import DesignAnalysis
from pynodes.responses import (
    AbstractBinaryResponse,
    GaussianResponse,
    LinearResponse,
    OwnResponse,
    Softmax,
    UnitSquareSigmoid,
)
from tests.few import few
from tests.fit import cases
from tests.fit.drawn import gaussian_draws, samples_of_one, samples_of_population, study
from tests.fit.test_map import linear_agent, linear_trials
from tests.test_keeping import edited, keys_of, nothing_runs

pytestmark = pytest.mark.versions

FORMULA = "C(group, Treatment('b')) + poly(log(age), 2) + (1|site)"


def again(thing, folder, **options):
    """What comes back of something that was saved."""
    pn.save(folder / "kept.npz", thing)
    return pn.load(folder / "kept.npz", **options)


def numbers(random, shapes, **sizes):
    """Arrays of some kinds and shapes, as the checks of files know them."""
    kinds = {"f": lambda a: a, "b": lambda a: a > 0, "i": lambda a: np.abs(np.rint(a)).astype(int)}
    found = {}
    for name, said in shapes.items():
        kind, *dims = said.split()
        found[name] = kinds[kind](random.normal(size=[sizes[dim] for dim in dims]))
    return found


@functools.cache
def members():
    """Trials of six members of two groups and three sites."""
    count = np.repeat(np.arange(6), 2)
    return Trials(
        {
            "subject": np.array([f"s{number}" for number in count]),
            "u": np.tile([1.0, 0.0], 6),
            "y": np.tile([0.0, np.nan], 6),
            "age": np.array([20.0, 31.0, 24.0, 45.0, 36.0, 28.0])[count],
            "group": np.array(list("abbaba"))[count],
            "site": np.array(list("xxyyzz"))[count],
        },
        inputs="u",
        actions="y",
        by="subject",
    )


@functools.cache
def results_of_every_sort():
    """One of everything that a fit can be or become, with numbers of its shapes that nobody computed."""
    random, agent, trials = np.random.default_rng(0), cases.chooser(), members()
    free, subjects = len(agent.names), 6
    group = make_group_model(agent, trials, {agent.names[0]: FORMULA}, covariance="full")
    designs = group.population.designs
    effects = [g.levels * len(g.columns) for d in designs for g in d.grouped]
    sizes = {"n": subjects, "p": free, "w": sum(len(d.terms) for d in designs) + sum(effects)}
    sizes["s"] = len(scatter_coordinates(group.population)[0])
    posterior = LaplacePosterior(**numbers(random, results.MODE, **sizes))
    fit = MapFit(
        agent=agent,
        trials=trials,
        posterior=posterior,
        values={name: random.normal(size=subjects) for name in agent.names},
        settings={"seed": np.int64(3), "t": (1, 2.5)},
    )
    result = EMResult(
        scatter=random.normal(size=sizes["s"]),
        state=MarginalState(**numbers(random, results.STATE, **sizes)),
        sites=LaplaceSites(**numbers(random, results.SITES, **sizes)),
        hyperparameters=random.normal(size=len(group.population.names)),
        standard_errors=random.random(len(group.population.names)),
        iterations=4,
        change=0.1,
        converged=True,
    )
    recovery = ParameterRecovery(
        agent=agent, true=random.normal(size=(subjects, free)), posterior=posterior
    )
    left_out = LeaveOneOut(
        unit="trial",
        keys={"subject": ["a", "b"], "when": [datetime.date(2026, 1, 1), None]},
        owners=("a", ("b", 2)),
        draws=7,
        **{
            name: random.normal(size=2)
            for name in ("pointwise", "effective", "pareto_k", "watanabe")
        },
    )
    comparison = {
        "models": ("a", "b"),
        "subjects": ("s1", ("s2", 3)),
        "evidence": random.normal(size=(2, 2)),
    }
    effect = {"models": ("a", "b"), "prior_counts": np.ones(2), "counts": random.random(2)}
    families = RandomEffects(
        **effect, posterior_model_probabilities=random.random((2, 2)), bayesian_omnibus_risk=0.5
    )
    values = {name: random.normal(size=subjects) for name in agent.names}
    every = [
        trials,
        agent,
        fit,
        GroupFit(
            agent=agent,
            trials=trials,
            group=group,
            result=result,
            settings={"covariance": "full"},
        ),
        samples_of_one(),
        samples_of_population(),
        Simulation(trials=trials, values=values),
        Predictive(
            agent=agent,
            trials=trials,
            unconstrained=random.normal(size=(3, subjects, free)),
            seed=1,
        ),
        PriorCheck(
            agent=agent,
            trials=trials,
            values=values,
            failing=np.ones((subjects, 3), bool),
            bounded=np.zeros((subjects, 3), bool),
        ),
        recovery,
        ModelRecovery(models=("a", "b"), evidence=random.normal(size=(2, 5, 2))),
        DesignAnalysis(agent=agent, trials=(10, 20), recoveries=(recovery, recovery)),
        ParameterAverage(agent=agent, mean=random.normal(size=free), covariance=np.eye(free)),
        Identifiability(
            names=agent.names,
            prior_sds=np.ones(free),
            curvatures=np.ones(free),
            directions=np.eye(free),
        ),
        Comparison(**comparison, criterion="lme"),
        PredictiveComparison(**comparison, criterion="loo", parts={"a": left_out, "b": left_out}),
        dataclasses.replace(families, families=families),
        GroupComparison(
            groups={"patients": families, "2": families},
            together=families,
            log_evidence_apart=-3.5,
            log_evidence_together=-4.0,
        ),
        left_out,
    ]
    return {type(thing).__name__ + " 2" * (thing is every[5]): thing for thing in every}


SORTS = (
    *("Trials", "Agent", "MapFit", "GroupFit", "Samples", "Samples 2", "Simulation", "Predictive"),
    *("PriorCheck", "ParameterRecovery", "ModelRecovery", "DesignAnalysis", "ParameterAverage"),
    *("Identifiability", "Comparison", "PredictiveComparison", "RandomEffects", "GroupComparison"),
    "LeaveOneOut",
)
"""What they are called here."""


def assert_same(found, expected, where=""):
    """Two things of one type with the same in them, bit for bit."""
    where = f"{where}.{type(expected).__name__}"
    if isinstance(expected, np.ndarray) or hasattr(expected, "__array__"):
        one, other = np.asarray(found), np.asarray(expected)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        if one.dtype.kind == "O":
            assert_same(one.tolist(), other.tolist(), where)
        else:
            assert one.tobytes() == other.tobytes(), where
        return
    assert type(found) is type(expected), where
    if isinstance(expected, Trials):
        assert found.roles == expected.roles
        assert_same(found.columns, expected.columns, where)
    elif isinstance(expected, Agent):
        assert found.model.targets == expected.model.targets
        assert repr(found) == repr(expected)
    elif dataclasses.is_dataclass(expected) and not isinstance(expected, type):
        for field in dataclasses.fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name), where)
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name, each in expected.items():
            assert_same(found[name], each, f"{where}[{name!r}]")
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected), where
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, where)
    else:
        assert found == expected or found != found, where


def plainly(thing):
    """A fit whose settings are as a file has them: numbers of NumPy's are plain ones."""
    if not getattr(thing, "settings", None) or not isinstance(thing, MapFit):
        return thing
    settings = {n: getattr(v, "item", lambda v=v: v)() for n, v in thing.settings.items()}
    return dataclasses.replace(thing, settings=settings)


def test_there_is_one_of_everything_that_is_kept():
    every = {type(thing) for thing in results_of_every_sort().values()}

    assert every == {*results.KEEPERS, *results.RECORDS}
    assert tuple(results_of_every_sort()) == SORTS


@pytest.mark.parametrize("name", SORTS)
def test_a_result_comes_back_as_it_was(name, tmp_path):
    thing = results_of_every_sort()[name]

    assert_same(again(thing, tmp_path), plainly(thing))


@pytest.mark.parametrize("name", SORTS)
def test_a_flipped_bit_of_a_result_is_refused(name, tmp_path):
    path = tmp_path / "kept.npz"
    pn.save(path, results_of_every_sort()[name])
    data = path.read_bytes()

    for place in range(0, len(data), max(1, len(data) // 200)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(pn.FormatError):
            pn.load(path)


CHANGES = ["renamed", "removed", None, -1, "text", [], {}, {"array": 0}, 10**300]


@pytest.mark.parametrize("name", few(SORTS, 3))
def test_a_changed_header_of_a_result_is_read_or_refused(name, tmp_path):
    """Every entry in turn is another, under a digest that is right. Never is there an error of another kind.

    Of lists that are long the first entries will do.
    """
    path = tmp_path / "kept.npz"
    pn.save(path, results_of_every_sort()[name])
    data = path.read_bytes()
    header, _ = container.unpack(data)
    pn.load(path)
    ways = [way for way in keys_of(header) if all(step not in range(2, 99) for step in way)]
    for number, way in enumerate(ways):
        what = CHANGES[number % len(CHANGES)]

        def edit(header, _, way=way, what=what):
            *above, key = way
            for step in above:
                header = header[step]
            if what == "renamed" and isinstance(header, dict):
                header[f"{key}s"] = header.pop(key)
            elif what in ("removed", "renamed"):
                del header[key]
            else:
                header[key] = what

        path.write_bytes(edited(data, edit))
        try:
            found = pn.load(path)
        except pn.FormatError:
            continue
        assert type(found).__name__ == name.split()[0]


ARRAY = r'{"array": (\d+)}'
"""How a header says which array is meant."""

SWAPS = {
    "single": lambda array: array.astype(np.float32),
    "whole": lambda array: array.astype(int),
    "longer": lambda array: np.concatenate([np.atleast_1d(array)] * 2),
    "flat": lambda array: array.ravel()[:1].reshape(()),
    "empty": lambda array: np.zeros((0, *array.shape[1:])),
}


@pytest.mark.parametrize("what", few(SWAPS, 2))
@pytest.mark.parametrize("kind", ["MapFit", "GroupFit", "ParameterRecovery"])
def test_arrays_that_do_not_go_with_the_rest_are_refused(kind, what, tmp_path):
    """Each in turn: what is read has numbers for every subject and every value."""
    thing = results_of_every_sort()[kind]
    path = tmp_path / "kept.npz"
    pn.save(path, thing)
    data = path.read_bytes()
    header, arrays = container.unpack(data)
    columns = [
        int(each) for each in re.findall(ARRAY, json.dumps(header["content"].get("trials", 0)))
    ]
    for place, array in enumerate(arrays):
        if array.dtype != np.float64 or (what == "flat" and not array.ndim):
            continue
        if place in columns and what in ("single", "whole"):
            continue  # numbers of any type may stand in a column

        def edit(_, arrays, place=place):
            return [SWAPS[what](a) if number == place else a for number, a in enumerate(arrays)]

        path.write_bytes(edited(data, edit))
        if what == "single" or (what == "whole" and set(np.unique(array)) <= {0, 1}):
            with contextlib.suppress(pn.FormatError):
                pn.load(path)  # as fits without double precision are, and the codes of levels
            continue
        with pytest.raises(pn.FormatError):
            pn.load(path)


def test_a_formula_in_a_file_is_never_read(tmp_path):
    """It is a label. What is expected of others comes from numbers."""
    group = results_of_every_sort()["GroupFit"]
    evil = """I('a" == group) + np.lib.npyio.os.system("touch mark") + I(group == 'a')"""
    path = tmp_path / "kept.npz"
    pn.save(path, group)

    def edit(header, _):
        header["content"]["group"]["formulas"]["x2.tonic_volatility"] = evil

    path.write_bytes(edited(path.read_bytes(), edit))
    pn.load(path)  # what is imported late is there
    with nothing_runs():
        found = pn.load(path)
    assert found.formulas["x2.tonic_volatility"] == evil
    assert_same(found.group.parts, group.group.parts)


@pytest.mark.slow
def test_draws_of_a_population_from_a_file_need_no_formula(tmp_path, monkeypatch):
    """Neither to draw from their prior nor to look for its mode: the file has the design."""
    agent, trials = cases.chooser(), members()
    model = make_group_model(agent, trials, {agent.names[0]: FORMULA})
    samples = gaussian_draws(agent, trials, chains=2, draws=10)
    samples = dataclasses.replace(
        samples, problem=dataclasses.replace(samples.problem, group=model)
    )
    found = again(samples, tmp_path)

    def refused(*_):
        raise AssertionError("a formula was read")

    monkeypatch.setattr("pynodes.fit.group.group_model.read_formula", refused)
    assert_same(found.problem.group, model)
    expected = prior_dataset(samples, 4)
    assert prior_dataset(found, 4).equals(expected)
    assert len(expected) > len(agent.names)


@pytest.mark.parametrize(
    "evil", ["os.system", "np.load", "__import__", "scale", "np.lib.npyio.os.system"]
)
def test_a_file_computes_only_what_is_in_the_table(evil, tmp_path):
    agent = cases.chooser()
    group = results_of_every_sort()["GroupFit"]
    formulas = {agent.names[0]: "log(age)"}
    path = tmp_path / "kept.npz"
    pn.save(path, dataclasses.replace(group, group=make_group_model(agent, members(), formulas)))
    text = path.read_bytes()

    def edit(header, _):
        parts = header["content"]["group"]["parts"]["x2.tonic_volatility"]["terms"][1]["parts"]
        assert parts[0]["function"] == "log"
        parts[0]["function"] = evil

    path.write_bytes(edited(text, edit))
    with pytest.raises(pn.FormatError, match="no function that a formula knows"):
        pn.load(path)


def same_likelihood(found, expected):
    """Both agents say the same of the same data, number for number."""
    values = {
        name: float(prior.constrain(prior.unconstrained_mean))
        for name, prior in expected.priors.items()
    }
    one, other = (agent.log_likelihood(values, study()) for agent in (found, expected))
    assert float(one) == float(other)
    assert found.model.targets == expected.model.targets


def test_a_map_fit_says_the_same_when_it_comes_back(tmp_path):
    fit = fit_map(linear_agent(Normal(-0.3, 1.7)), linear_trials(), starts=2, refine=1, seed=3)
    found = again(fit, tmp_path)

    for name in ("unconstrained", "hessian", "covariance", "lme", "accuracy", "bic", "converged"):
        np.testing.assert_array_equal(getattr(found, name), getattr(fit, name))
    assert found.provenance == fit.provenance
    assert found.provenance["seed"] == 3
    assert found.problems() == fit.problems()


@pytest.mark.slow
def test_a_group_says_the_same_when_it_comes_back(tmp_path):
    pytest.importorskip("formulae")
    group = fit_em(cases.chooser(), study(), formulas={"x2.tonic_volatility": "scale(age)"})
    found = again(group, tmp_path)

    assert found.estimates == group.estimates
    assert found.provenance == group.provenance
    assert found.log_evidence == group.log_evidence
    assert found.problems() == group.problems()
    np.testing.assert_array_equal(found.individuals.covariance, group.individuals.covariance)
    assert found.population.equals(group.population)
    assert found.score() == group.individuals.score()
    others = {"age": [20.0, 50.0]}
    assert found.expect(others).equals(group.expect(others))


def test_samples_say_the_same_when_they_come_back(tmp_path):
    found = again(samples_of_one(), tmp_path)

    assert found.score() == samples_of_one().score()
    assert found.provenance == samples_of_one().provenance


@pytest.mark.slow
def test_what_is_exported_is_what_arviz_reads(tmp_path):
    """A tree of the draws in netCDF. pynodes does not read it, and says what does."""
    xarray = pytest.importorskip("xarray")
    arviz_stats = pytest.importorskip("arviz_stats")
    pytest.importorskip("h5netcdf")
    samples, path = samples_of_population(), tmp_path / "fit.nc"
    samples.tree.to_netcdf(path, engine="h5netcdf")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        table = arviz_stats.summary(tree, var_names=["inverse_temperature:sd"])
        assert (
            tree["constant_data"]["subject"].values.tolist() == study().columns["subject"].tolist()
        )

    assert len(table) == 1
    with pytest.raises(pn.FormatError, match=r"samples\.tree\.to_netcdf.*xarray\.open_datatree"):
        pn.load(path)


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
        "by condition": (
            cases.chooser().split(
                ["x2.tonic_volatility", "inverse_temperature"],
                by="session",
                levels=[0, 1],
                free={
                    "x2.tonic_volatility[1]": pn.Fixed(-2.5),
                    "inverse_temperature[1]": Gamma(2, 1),
                },
            ),
            {},
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


@pytest.mark.parametrize("name", few(agents(), 4))
def test_agents_come_back_as_they_were(name, tmp_path):
    agent, given = agents()[name]

    same_likelihood(again(agent, tmp_path, **given), agent)


def test_streams_come_back_as_they_were(tmp_path):
    responses = {"choice": UnitSquareSigmoid(), "time": GaussianResponse(belief="u.predicted_mean")}
    agent = Agent(
        pn.models.binary_hgf(2), responses, free={"choice.inverse_temperature": pn.LogNormal(0, 1)}
    )
    found = again(agent, tmp_path)

    assert found.names == agent.names
    assert repr(found.response) == repr(agent.response)


@pytest.mark.parametrize(
    ("name", "said"),
    [("own classes", "'Wide'.*kinds="), ("own function", "'own_density'.*functions=")],
)
def test_what_a_reader_lacks_is_named(tmp_path, name, said):
    agent, given = agents()[name]
    samples, path = gaussian_draws(agent, study(), draws=20), tmp_path / "kept.npz"
    pn.save(path, samples)
    with pytest.raises(pn.FormatError, match=said):
        pn.load(path)

    assert pn.load(path, **given).names == agent.names


def test_columns_of_every_sort_come_back(tmp_path):
    frame = pandas.DataFrame(
        {
            "subject": pandas.Categorical(["a/b", "a/b", "ü", "ü"]),
            "run": [1, 2, 1, 2],
            "trial": [0, 0, 0, 0],
            "u": [1.0, np.nan, 0.0, 1.0],
            "y": pandas.array([1, None, 0, 1], dtype="Int64"),
            "bad": [True, False, False, False],
            "when": pandas.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", None]),
            "day": [
                datetime.date(2024, 1, 1),
                None,
                datetime.datetime(2024, 1, 2, 3),
                float("nan"),
            ],
            "note": pandas.Series(["x", None, "", "\ud800"], dtype=object),
            "mixed": [1, True, 1.0, "1"],
            "short": np.array([1, 2, 3, 4], np.uint8),
            "half": np.array([0.5, np.nan, np.inf, -1.0], np.float16),
            "swapped": np.array([1.0, 2.0, 3.0, 4.0], ">f8"),
        }
    )
    trials = Trials(
        frame, inputs="u", actions="y", by=["subject", "run"], frozen="bad", parameters_per="run"
    )
    found = again(trials, tmp_path)

    assert found.subjects == trials.subjects == (("a/b", 1), ("a/b", 2), ("ü", 1), ("ü", 2))
    np.testing.assert_array_equal(found.numbers("y"), trials.numbers("y"))
    np.testing.assert_array_equal(found.frozen, trials.frozen)
    assert found.roles == trials.roles
    for name in ("when", "short", "half", "bad", "run"):
        assert found.columns[name].dtype == trials.columns[name].dtype
        np.testing.assert_array_equal(found.columns[name], trials.columns[name])
    np.testing.assert_array_equal(found.columns["swapped"], [1, 2, 3, 4])
    for name in ("day", "note", "mixed"):
        assert list(map(repr, found.columns[name])) == list(map(repr, trials.columns[name]))


def test_what_no_file_can_hold_is_refused_by_name(tmp_path):
    data = cases.table() | {"odd": np.array([object()] * 41)}
    trials = Trials(data, inputs="u", actions="y", by=["subject", "session"])
    problem = dataclasses.replace(samples_of_population().problem, trials=trials)
    samples = dataclasses.replace(samples_of_population(), problem=problem)
    with pytest.raises(pn.FormatError, match="column 'odd'"):
        pn.save(tmp_path / "kept.npz", samples)
    assert list(tmp_path.iterdir()) == []


def test_every_name_that_is_kept_is_one_of_ours():
    """What pynodes.save says that it keeps can be found by that name."""
    public = {**vars(pn), **vars(pn.fit), **vars(pn.fit.study.study_design), **vars(pn.structure)}

    assert all(name in public for name in list_everything().names)
