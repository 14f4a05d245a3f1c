"""What comes out of sampling: tree, summaries, and whether draws can be relied on."""

import dataclasses
import json
import sys
import warnings

import numpy as np
import pytest

import pynodes as pn
from pynodes.fit import Trials, fit_map
from pynodes.fit.group.group_model import make_group_model
from tests.fit import cases
from tests.fit.drawn import (
    CHAINS,
    DRAWS,
    gaussian_draws,
    samples_of_one,
    samples_of_population,
    samples_of_study,
    study,
)

arviz_stats = pytest.importorskip("arviz_stats")


def changed(samples, **parts):
    """The same samples with something else in them."""
    return dataclasses.replace(samples, **parts)


def test_the_tree_has_the_groups_and_dimensions_that_are_promised():
    samples = samples_of_population()
    tree = samples.tree

    assert set(tree.children) == {
        *("posterior", "unconstrained_posterior", "prior", "log_likelihood"),
        *("sample_stats", "observed_data", "constant_data"),
    }
    sizes = dict(tree["posterior"].sizes)
    assert sizes == {"chain": CHAINS, "draw": DRAWS, "subject": 3}
    assert dict(tree["log_likelihood"].sizes) == {"chain": CHAINS, "draw": DRAWS, "trial": 40}
    assert tree["posterior"]["x2.tonic_volatility"].dims == ("chain", "draw", "subject")
    assert tree["posterior"]["x2.tonic_volatility:Intercept"].dims == ("chain", "draw")
    assert tree["posterior"]["subject"].values.tolist() == ["s0", "s1", "s2"]
    for name in ("subject", "session", "trial"):
        assert tree["log_likelihood"][name].dims == ("trial",)
    np.testing.assert_array_equal(
        tree["unconstrained_posterior"]["inverse_temperature"],
        samples.unconstrained[..., samples.names.index("inverse_temperature")],
    )
    np.testing.assert_allclose(
        tree["posterior"]["inverse_temperature"],
        np.exp(tree["unconstrained_posterior"]["inverse_temperature"]),
        rtol=1e-6,
    )


def test_arviz_leaves_trials_out_of_several_streams_as_we_do():
    """Its loo takes the one variable of log_likelihood: choices and times together, which add up."""
    random = np.random.default_rng(5)
    trials = Trials(
        {"u": random.random(30) < 0.7, "y": random.random(30) < 0.6, "t": random.normal(size=30)},
        inputs="u",
        actions={"choice": "y", "time": "t"},
    )
    response = {
        "choice": pn.responses.UnitSquareSigmoid(),
        "time": pn.responses.GaussianResponse(belief="u.predicted_mean"),
    }
    free = {
        "choice.inverse_temperature": pn.LogNormal(0, 0.3),
        "time.variance": pn.LogNormal(0, 0.3),
    }
    agent = pn.Agent(pn.Graph().add(u=pn.RescorlaWagner()), response, free=free)
    samples = gaussian_draws(agent, trials)
    tree = samples.tree

    apart = tree["log_likelihood_by_stream"]
    np.testing.assert_allclose(
        tree["log_likelihood"]["all streams"], apart["y"] + apart["t"], rtol=1e-9
    )
    found = arviz_stats.loo(tree)
    assert float(found.elpd) == pytest.approx(samples.loo().elpd, abs=0.01)


def test_the_tree_says_what_was_fitted_with_what():
    said = samples_of_study().tree.attrs

    assert said["creation_library_version"] == pn.__version__
    assert json.loads(said["settings"])["seed"] == 0
    assert {"pynodes", "jax", "numpy", "precision"} <= set(json.loads(said["versions"]))
    agent = json.loads(said["agent"])
    assert agent["free"]["inverse_temperature"]["kind"] == "LogNormal"
    assert pn.Graph.from_dict(agent["network"]["graph"]).nodes.keys() == {"u", "x2"}


def test_pointwise_log_likelihoods_are_those_of_the_agent():
    """By the agent's own function at single draws; a missing response has none, and needs none."""
    samples = samples_of_study()
    found = samples.tree["log_likelihood"]["y"].values
    answered = ~np.isnan(samples.trials.numbers("y"))
    for chain, draw in ((0, 0), (3, 117)):
        values = {name: draws[chain, draw] for name, draws in samples.values.items()}
        expected = samples.agent.pointwise_log_likelihood(values, samples.trials)
        np.testing.assert_allclose(found[chain, draw], expected[answered], atol=2e-3, rtol=1e-4)

    assert np.isfinite(found).all()
    assert answered.sum() == 40


def test_arviz_takes_the_tree():
    """Its table of the posterior, its own leaving-out, and a comparison by it, with the first trials in."""
    tree = samples_of_study().tree
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that some draws are too influential
        loo = arviz_stats.loo(tree, reff=1.0)
        table = arviz_stats.summary(tree, var_names=["x2.tonic_volatility"])
        compared = arviz_stats.compare({"one": tree, "other": samples_of_population().tree})
    own = samples_of_study().loo()

    assert loo.elpd == pytest.approx(own.elpd, abs=1e-3)
    assert loo.p == pytest.approx(own.effective_parameters, abs=1e-3)
    assert loo.n_data_points == len(own.pointwise)
    assert list(table.index) == [f"x2.tonic_volatility[s{n}]" for n in range(3)]
    assert len(compared) == 2


def test_a_single_unit_has_no_dimension_of_its_own():
    tree = samples_of_one().tree

    assert tree["posterior"]["x2.tonic_volatility"].dims == ("chain", "draw")


def test_units_of_two_keys_have_both():
    samples = gaussian_draws(cases.chooser(), study(parameters_per="session"))
    posterior = samples.tree["posterior"]

    assert posterior["x2.tonic_volatility"].dims == ("chain", "draw", "subject_session")
    assert posterior["subject"].values.tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert posterior["session"].values.tolist() == [0, 1, 0, 1, 0, 1]
    assert list(samples.summary().columns[:3]) == ["subject", "session", "parameter"]


def test_a_name_with_a_slash_can_stand_in_a_tree():
    names = [str(name) for name in samples_of_population().tree["posterior"].data_vars]

    assert not any("/" in name for name in names)
    assert "x2.tonic_volatility:scale(age \N{DIVISION SLASH} 10)" in names


def test_a_summary_has_moments_and_quantiles_of_the_draws():
    samples = samples_of_population()
    table = samples.summary(mass=0.8)
    row = table[(table["subject"] == "s1") & (table["parameter"] == "inverse_temperature")].iloc[0]
    draws = samples.values["inverse_temperature"][..., 1].astype(float)

    assert len(table) == 6 + 6
    assert table["subject"][:6].isna().all()
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std(ddof=1))
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(draws, [0.1, 0.9]).tolist())
    assert row["ess_bulk"] == pytest.approx(CHAINS * DRAWS, rel=0.3)
    assert row["mcse"] == pytest.approx(draws.std() / np.sqrt(row["ess_bulk"]), rel=0.1)


def test_keys_that_are_whole_numbers_stay_so():
    data = cases.table()
    data["subject"] = np.repeat([7, 8, 9], [16, 14, 11])
    trials = Trials(data, inputs="u", actions="y", by=["subject", "session"])
    samples = gaussian_draws(cases.chooser(), trials)

    assert samples.summary()["subject"].tolist() == [7, 7, 8, 8, 9, 9]
    assert samples.summary()["subject"].dtype.kind == "i"
    assert samples.trajectories(["x2.mean"])["subject"].dtype.kind == "i"


def test_draws_from_the_posterior_have_no_problems():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert samples_of_study().check() == []


def test_chains_that_disagree_are_warned_of():
    samples = samples_of_study()
    apart = samples.unconstrained.copy()
    apart[0, :, 2, 1] += 3.0
    with pytest.warns(pn.SamplingWarning, match="do not agree") as caught:
        found = changed(samples, unconstrained=apart).check()

    assert "'inverse_temperature' of 's2'" in str(caught[0].message)
    assert any("fewer than 400 effective draws" in said for said in found)


def test_divergences_and_what_to_do_about_them_are_said():
    samples = samples_of_population()
    flags = np.zeros((CHAINS, DRAWS), bool)
    flags[1, 3:8] = True
    (said,) = changed(samples, stats=samples.stats | {"diverging": flags}).problems()

    assert said.startswith("5 of 1000 draws diverged (0.50%)")
    assert "target_acceptance" in said
    assert "noncentred" in said


def test_energies_that_hardly_move_are_said():
    samples = samples_of_study()
    energy = np.cumsum(np.random.default_rng(0).normal(size=(CHAINS, DRAWS)), axis=1)
    (said,) = changed(samples, stats=samples.stats | {"energy": energy}).problems()

    assert "E-BFMI" in said


@pytest.mark.parametrize("how", ["constant", "no step", "not finite"])
def test_a_stuck_chain_is_an_error(how):
    samples = samples_of_study()
    positions, stats = samples.unconstrained.copy(), dict(samples.stats)
    if how == "constant":
        positions[2] = positions[2, :1]
    if how == "no step":
        stats["step_size"] = np.where(np.arange(CHAINS)[:, None] == 2, 1e-13, 0.5) + np.zeros(
            (CHAINS, DRAWS)
        )
    if how == "not finite":
        positions[2, 5] = np.nan

    with pytest.raises(pn.SamplingError, match="Chain 2 is stuck"):
        changed(samples, unconstrained=positions, stats=stats).check()


def test_few_draws_say_so():
    samples = samples_of_one()
    few = changed(
        samples,
        unconstrained=samples.unconstrained[:, :5],
        stats={name: array[:, :5] for name, array in samples.stats.items()},
    )

    assert "only 5 draws per chain" in few.problems()[0]


def test_particles_are_compared_between_chains_and_weights_are_looked_at():
    samples = samples_of_one()
    apart = samples.unconstrained + 3.0 * np.arange(CHAINS)[:, None, None, None]

    assert "do not agree" in changed(samples, unconstrained=apart, method="smc").problems()[0]
    assert changed(samples, unconstrained=apart, method="pathfinder").problems() == []
    assert changed(samples, method="pathfinder", pareto_k=1.4).problems()


def test_one_subject_can_be_taken():
    one = samples_of_study()["s1"]

    assert one.subjects == ("s1",)
    np.testing.assert_array_equal(
        one.unconstrained[:, :, 0], samples_of_study().unconstrained[:, :, 1]
    )
    problem = samples_of_population().problem
    group = make_group_model(problem.agent, problem.trials)
    member = changed(samples_of_population(), problem=dataclasses.replace(problem, group=group))[
        "s2"
    ]
    assert member.population == {}
    assert member.problem.group is None
    assert set(member.tree["posterior"].data_vars) == set(member.names)
    with pytest.raises(pn.DataError, match="No subject 's9'"):
        samples_of_study()["s9"]


def test_trajectories_are_averaged_over_draws():
    """By filtering under single draws, one after the other."""
    samples = samples_of_study()
    fields = ["x2.mean", "surprise"]
    every = samples.trajectories(fields, at="draws", draws=5)
    mean = samples.trajectories(fields, draws=5)
    rows = len(samples.trials)
    first = every[:rows]
    chosen = first.iloc[0]
    values = {
        name: float(draws[chosen["chain"], chosen["draw"], 0])
        for name, draws in samples.values.items()
    }
    network, _ = samples.agent.instantiate(values)
    u = samples.trials.numbers("u")[:9]

    np.testing.assert_allclose(
        first["x2.mean"][:9], network.filter({"u": u})["x2"].mean, rtol=1e-4, atol=1e-6
    )
    stacked = every["x2.mean"].to_numpy().reshape(5, rows)
    np.testing.assert_allclose(mean["x2.mean"], stacked.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert list(mean.columns) == ["subject", "session", "trial", *fields]
    assert list(every.columns[:2]) == ["chain", "draw"]


def test_trajectories_merge_with_the_data():
    pandas = pytest.importorskip("pandas")
    samples = samples_of_study()
    frame = pandas.DataFrame(samples.trials.columns)
    merged = frame.merge(
        samples.trajectories(["x2.mean"]), on=["subject", "session", "trial"], validate="1:1"
    )

    assert len(merged) == len(frame)
    assert merged["x2.mean"].notna().all()


def test_a_subjects_beliefs_are_a_run_under_its_estimates():
    """Of samples under the means of draws: what the network with these values believes, by session."""
    samples = samples_of_study()
    model, place = samples.agent.model, samples.trials.subjects.index("s1")
    values = {n: float(v) for n, v in model.constrain(samples.flat.mean(axis=0)[place]).items()}
    network, _ = samples.agent.instantiate(values)
    owner, block, _ = samples.trials.layout.index
    mine = samples.trials.numbers("u")[(owner == place) & (block == 1)]
    beliefs = samples.beliefs("s1", block=1)

    np.testing.assert_allclose(
        beliefs["x2"].mean, network.filter({"u": mine})["x2"].mean, rtol=1e-4, atol=1e-6
    )
    assert set(beliefs.messages()) == {"x2->u"}
    with pytest.raises(pn.DataError, match="name one"):
        samples.beliefs()
    with pytest.raises(pn.DataError, match="no block 7"):
        samples.beliefs("s1", block=7)


def test_events_have_onsets_durations_and_what_was_believed():
    """Columns as BIDS orders them; durations of a column of timedeltas count in seconds."""
    samples = samples_of_study()
    onsets = 2.5 * samples.trials.layout.index[2]
    waits = np.full(len(onsets), 1500, "timedelta64[ms]")
    timed = samples.trials.with_columns({"onset": onsets, "wait": waits, "all": 0.0 * onsets})
    timed = changed(samples, problem=dataclasses.replace(samples.problem, trials=timed))
    events = timed.events("onset", duration="wait", trial_type="y", fields=["u.value_error"])

    assert list(events.columns) == [
        "onset",
        "duration",
        "trial_type",
        "u.value_error",
        "subject",
        "session",
        "trial",
    ]
    np.testing.assert_array_equal(events["onset"], onsets)
    assert set(events["duration"]) == {1.5}
    found = samples.trajectories(["u.value_error"])["u.value_error"]
    np.testing.assert_array_equal(events["u.value_error"], found)
    with pytest.raises(pn.DataError, match="does not rise to row 1"):
        timed.events("all")
    with pytest.raises(pn.DataError, match="0 or more"):
        timed.events("onset", duration=-1.0)


@pytest.mark.slow
def test_trajectories_at_the_mode_are_those_of_a_fit():
    samples = samples_of_one()
    fit = fit_map(samples.agent, samples.trials, seed=0)

    found = samples.trajectories(["x2.mean"], at="map")["x2.mean"]
    np.testing.assert_allclose(found, fit.trajectories(["x2.mean"])["x2.mean"], rtol=1e-5)
    with pytest.raises(pn.DataError, match="'mean', 'map' or 'draws'"):
        samples.trajectories(at="mode")


def test_many_draws_are_looked_at_in_parts(monkeypatch):
    from pynodes.fit.agent import draws

    samples = samples_of_study()
    whole = draws.pointwise_log_likelihoods(samples.agent.model, samples.flat[:50], samples.trials)[
        ""
    ]
    monkeypatch.setattr(draws, "TRIALS_AT_ONCE", 7 * int(np.prod(samples.trials.layout.shape)))
    parts = draws.pointwise_log_likelihoods(samples.agent.model, samples.flat[:50], samples.trials)[
        ""
    ]

    assert whole.shape == (50, 41)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("package", ["xarray", "arviz_stats"])
def test_what_is_not_installed_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.base", None)
    samples = changed(samples_of_one())  # without what was kept
    with pytest.raises(pn.MissingExtraError, match=r"\.\["):
        _ = samples.tree if package == "xarray" else samples.summary()
