"""Units: subjects or their sessions, whichever have parameters of their own."""

import numpy as np
import pytest

import pynodes as pn
from pynodes.fit import Trials, fit_map
from tests.fit.cases import VALUES, chooser, sessions_of, table

KEYS = ["subject", "session"]
LENGTHS = ((9, 7), (5, 9), (8, 3))


def trials(data=None, **options):
    data = table(LENGTHS) if data is None else data
    return Trials(data, inputs="u", actions="y", **{"by": KEYS} | options)


def test_every_session_may_be_a_unit():
    found = trials(parameters_per="session")

    assert found.subjects == tuple((f"s{s}", session) for s in range(3) for session in range(2))
    assert found.layout.shape[:2] == (6, 1)
    assert found.key_of(("s1", 0)) == {"subject": "s1", "session": 0}
    assert found.label(("s1", 0)) == "subject 's1', session 0"
    assert "3 subjects, 6 sessions with parameters of their own" in repr(found)
    html = found._repr_html_()
    assert "<th>subject</th><th>session</th><th>trials</th>" in html
    assert "<td>s2</td><td>1</td><td>3</td>" in html


def test_units_are_subjects_unless_it_is_said():
    assert trials().subjects == trials(parameters_per="subject").subjects == ("s0", "s1", "s2")
    alone = Trials(table(((5,),)), inputs="u")
    assert alone.key_of(alone.subjects[0]) == {}
    assert alone.label(alone.subjects[0]) == "the series"


def test_likelihoods_of_sessions_are_the_same_whosever_parameters():
    """With the same values, what is a unit changes nothing; with others, only that session."""
    same = chooser().pointwise_log_likelihood(VALUES, trials(parameters_per="session"))
    np.testing.assert_allclose(
        same, chooser().pointwise_log_likelihood(VALUES, trials()), rtol=1e-12
    )
    varied = {name: np.full(6, value) for name, value in VALUES.items()}
    varied["inverse_temperature"][3] = 1.0
    other = np.asarray(chooser().pointwise_log_likelihood(varied, trials(parameters_per="session")))
    mine = sessions_of(table(LENGTHS))[3]
    np.testing.assert_allclose(other[~mine], np.asarray(same)[~mine], rtol=1e-12)
    assert not np.allclose(other[mine], np.asarray(same)[mine])


@pytest.mark.slow
def test_every_session_is_fitted_as_if_it_were_a_subject():
    """The same fit as with a column that tells all sessions apart."""
    data = table(LENGTHS)
    joined = data | {"both": np.char.add(data["subject"], data["session"].astype(str))}
    fit = fit_map(chooser(), trials(parameters_per="session"), starts=4)
    other = fit_map(chooser(), trials(joined, by="both"), starts=4)

    np.testing.assert_allclose(fit.unconstrained, other.unconstrained, rtol=1e-8)
    for frame in (fit.table(), fit.summary()):
        assert list(frame.columns[:2]) == KEYS
    assert fit.table()["session"].tolist() == [0, 1] * 3
    own = fit[("s1", 1)]
    assert own.subjects == (("s1", 1),)
    assert own.estimates["inverse_temperature"] == fit.estimates["inverse_temperature"][3]
    assert len(own.trajectories()) == LENGTHS[1][1]
    with pytest.raises(pn.DataError, match="No subject 's1'"):
        fit["s1"]
    compared = pn.compare({"one": fit, "other": fit}).table
    assert compared.index.tolist() == list(fit.subjects)


def test_a_part_keeps_its_units():
    part = trials(parameters_per="session").only(subject="s1")

    assert part.subjects == (("s1", 0), ("s1", 1))
    assert part.only(session=1).subjects == (("s1", 1),)


def test_what_names_no_units_is_refused():
    with pytest.raises(pn.DataError, match="'subject' and 'session'"):
        trials(parameters_per="run")
    with pytest.raises(pn.DataError, match="parameters of its own"):
        trials(parameters_per="session", carry_over=True)
