"""Wrong uses: each raises at the wrong call, with a class of its own, the culprit and the remedy.

Those of the command line are in test_command.py.
"""

import pytest

import pynodes as pn
from tests.small import network
from tests.wrong_use import edits, files, graphs, networks, series, switches, transfers

TABLE = [
    *graphs.WRONG,
    *edits.WRONG,
    *networks.WRONG,
    *series.WRONG,
    *files.WRONG,
    *switches.WRONG,
    *transfers.WRONG,
]


@pytest.mark.parametrize("wrong", TABLE, ids=repr)
def test_a_wrong_use_is_named_with_its_remedy(wrong):
    with pytest.raises(wrong.error) as caught:
        wrong.use()

    message = str(caught.value)
    for word in wrong.words:
        assert word in message


def test_the_table_is_long_and_has_no_use_twice():
    names = [wrong.what for wrong in TABLE]

    assert len(names) > 130
    assert len(set(names)) == len(names)


RAISED = [e for e in vars(pn).values() if isinstance(e, type) and issubclass(e, Exception)]
WARNINGS = [e for e in RAISED if issubclass(e, Warning)]
ERRORS = [e for e in RAISED if e not in WARNINGS]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_a_pynodes_error(error):
    """So that one except clause catches what pynodes raises on purpose, and nothing else."""
    assert issubclass(error, pn.PynodesError)


@pytest.mark.parametrize("warning", WARNINGS)
def test_every_warning_is_shown_to_users_and_is_no_error(warning):
    assert issubclass(warning, UserWarning)
    assert not issubclass(warning, pn.PynodesError)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (pn.UnknownNodeError, KeyError),
        (pn.GraphError, ValueError),
        (pn.ParameterError, ValueError),
        (pn.InputError, ValueError),
        (pn.FieldError, AttributeError),
        (pn.FilterError, ArithmeticError),
        (pn.MissingExtraError, ImportError),
    ],
)
def test_errors_are_the_built_in_ones_too(error, builtin):
    """So that code which knows nothing of pynodes catches them as well."""
    assert issubclass(error, builtin)


def test_what_fails_while_filtering_names_node_step_and_remedy():
    """The standard expansion can reach a negative precision; NaN never says so."""
    graph = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))

    with pytest.raises(pn.FilterError) as caught:
        network(graph).filter({"u": pn.data.association().outcomes})

    for word in ("'x3'", "step", "zero or below", "'enhanced'", "'unbounded'"):
        assert word in str(caught.value)
