"""What fitting refuses, since it would mean something else than was meant."""

import numpy as np
import pytest
from scipy.special import logsumexp

import pynodes as pn
from pynodes.fit.sampling.leave_one_out import list_items
from tests.fit.cases import FREE, VALUES, chooser, table, watcher
from tests.fit.drawn import gaussian_modes


def trials(data=None, **roles):
    """The small study."""
    roles = {"inputs": "u", "actions": "y", "by": ["subject", "session"]} | roles
    return pn.Trials(table() if data is None else data, **roles)


@pytest.mark.parametrize(
    "use",
    [
        lambda data: pn.fit_map(chooser(), data),
        lambda data: pn.fit_em(chooser(), data),
        lambda data: pn.fit_nuts(chooser(), data),
        lambda data: pn.simulate(chooser(), data),
        lambda data: pn.check_priors(chooser(), data),
        lambda data: pn.parameter_recovery(chooser(), data, n=2),
    ],
    ids=["map", "em", "nuts", "simulate", "priors", "recovery"],
)
def test_a_frame_is_no_trials(use):
    with pytest.raises(pn.DataError, match=r"pn\.Trials\(frame"):
        use(table())


def test_fits_to_other_responses_are_not_compared():
    """Nor are those to other inputs, where inputs are what is explained."""
    data = table()
    other = data | {"z": 1 - data["y"]}
    fits = {
        "one": gaussian_modes(chooser(), trials()),
        "other": gaussian_modes(chooser(), trials(other, actions="z")),
    }
    with pytest.raises(pn.DataError, match="same responses"):
        pn.compare(fits)

    reversed_inputs = trials(data | {"u": 1 - data["u"]}, actions=None)
    seen = {
        "one": gaussian_modes(watcher(), trials(actions=None)),
        "other": gaussian_modes(watcher(), reversed_inputs),
    }
    with pytest.raises(pn.DataError, match="same responses"):
        pn.compare(seen)


def test_responses_that_are_seen_too_are_not_simulated():
    """New responses beside old inputs would be a study that nobody did."""
    network = pn.Graph().add(u=pn.DualRescorlaWagner())
    agent = pn.Agent(
        network, pn.responses.UnitSquareSigmoid(), free={"u.learning_rate": pn.LogitNormal(0, 1)}
    )
    data = table()
    both = trials(data, inputs={"u": "u", "u.choice": "y"})

    with pytest.raises(pn.DataError, match="seen by the agent too"):
        pn.simulate(agent, both)


def test_values_have_one_per_subject_or_one_for_all():
    with pytest.raises(pn.ParameterError, match="one per subject"):
        pn.simulate(chooser(), trials(), VALUES | {"inverse_temperature": [1.0, 2.0]})


@pytest.mark.parametrize("mass", [95, 0, 1, True, "much"])
def test_the_mass_of_an_interval_is_a_share(mass):
    fit = gaussian_modes(chooser(), trials())

    with pytest.raises(pn.InputError, match="between 0 and 1"):
        fit.interval(mass)


@pytest.mark.slow
def test_what_is_learned_of_individuals_in_a_population_is_not_averaged_over_their_priors():
    group = pn.fit_em(chooser(), trials())

    with pytest.raises(pn.DataError, match="population as a prior"):
        pn.parameter_average(group.individuals)
    with pytest.raises(pn.DataError, match="population as a prior"):
        group.individuals.identifiability()


def test_a_single_subject_has_no_unknown_covariance():
    with pytest.raises(pn.ParameterError, match="covariance must be"):
        pn.fit_nuts(chooser(), trials().only(subject="s0"), covariance="banana")


def test_models_of_other_responses_are_not_recovered_among_each_other():
    two = {
        "choice": pn.responses.UnitSquareSigmoid(),
        "again": pn.responses.UnitSquareSigmoid(),
    }
    free = {"x2.tonic_volatility": FREE["x2.tonic_volatility"]}
    joint = pn.Agent(pn.models.binary_hgf(2), two, free=free)

    with pytest.raises(pn.ParameterError, match="same responses"):
        pn.model_recovery({"one": chooser(), "two": joint}, trials(), n=2)


def test_trials_do_not_change_with_the_arrays_they_were_made_of():
    data = table()
    kept = trials(data)
    before = kept.numbers("u").copy()
    data["u"][:] = 1 - data["u"]

    np.testing.assert_array_equal(kept.numbers("u"), before)


def test_what_is_masked_is_missing():
    data = table()
    masked = np.ma.MaskedArray(data["u"], mask=np.arange(len(data["u"])) == 3)
    kept = trials(data | {"u": masked})

    assert np.isnan(kept.numbers("u")).nonzero()[0].tolist() == [3]


def test_a_trial_without_what_its_response_must_know_does_not_count():
    """It has no likelihood, so that no criterion may count it."""
    response = pn.responses.BinarySoftmax()
    assert not response.covariates["reward_one"].optional
    agent = pn.Agent(
        pn.models.binary_hgf(2),
        response,
        free={"inverse_temperature": pn.LogNormal(1, 1)},
    )
    data = table()
    rewards = np.ones(len(data["u"]))
    rewards[:4] = np.nan
    named = dict.fromkeys(response.covariates, "rewards")
    fit = pn.fit_map(agent, trials(data | {"rewards": rewards}, covariates=named), starts=1)

    whole = np.bincount(np.unique(data["subject"], return_inverse=True)[1])
    assert (whole - fit.observations).tolist() == [4, 0, 0]


def test_no_probability_at_all_is_minus_infinity():
    assert logsumexp(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]), axis=1).tolist() == [
        -np.inf,
        0.0,
    ]


def test_sessions_that_are_not_named_are_not_left_out():
    kept = trials(table(lengths=((9,), (7,))), by="subject")

    with pytest.raises(pn.DataError, match="name no sessions"):
        list_items(kept, np.ones(len(kept), bool), "session")


@pytest.mark.parametrize("formulas", ["age", ["age"], 1])
def test_formulas_that_say_of_which_parameter_nothing_are_refused(formulas):
    with pytest.raises(pn.FormulaError, match=r"formulas by parameter.*not "):
        pn.fit_em(chooser(), trials(), formulas=formulas)
    with pytest.raises(pn.FormulaError, match=r"formulas by parameter.*not "):
        pn.fit_nuts(chooser(), trials(), formulas=formulas)


@pytest.mark.parametrize("values", [5, [-3.0, 1.0], "x2.tonic_volatility"])
def test_values_without_names_are_refused(values):
    with pytest.raises(pn.ParameterError, match="values by name, a mapping, not "):
        pn.simulate(chooser(), trials(), values)
    with pytest.raises(pn.ParameterError, match="values by name, a mapping, not "):
        chooser().log_likelihood(values, trials())


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("x2->u.gain", r"edge 'x2->u' has no field 'gain'.*'learning_rate'"),
        ("x2->u.name", "edge 'x2->u' has no field 'name'"),
        ("x2.plot", "'x2' has no field 'plot'"),
        ("x2.fields", r"'x2\.fields' is nothing that changes"),
        ("x2.men", r"'x2' has no field 'men'"),
        ("x2", "A field is"),
    ],
)
def test_fields_that_are_none_are_named(field, said):
    with pytest.raises(pn.FieldError, match=said):
        gaussian_modes(chooser(), trials().only(subject="s1")).trajectories([field])
