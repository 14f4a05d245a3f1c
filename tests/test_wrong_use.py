"""Wrong uses: each raises at the wrong call, with a class of its own, the culprit and the remedy."""

import pytest

import pynodes as pn
from tests.small import network
from tests.wrong_use import files, graphs, networks, series

TABLE = [*graphs.WRONG, *networks.WRONG, *series.WRONG, *files.WRONG]


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


ERRORS = [e for e in vars(pn).values() if isinstance(e, type) and issubclass(e, Exception)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_a_pynodes_error(error):
    """So that one except clause catches what pynodes raises on purpose, and nothing else."""
    assert issubclass(error, pn.PynodesError)


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


COMMANDS = {
    "no command": ([], "required"),
    "an unknown command": (["fliter"], "fliter"),
    "no input": (["filter", "{data}", "--model", "binary_hgf"], "--input"),
    "an unknown model": (["filter", "{data}", "--model", "hmm", "--input", "u"], "binary_hgf"),
    "neither model nor graph": (["filter", "{data}", "--input", "u"], "--model --graph"),
    "no such file": (
        ["filter", "{folder}/none.csv", "--model", "binary_hgf", "--input", "u"],
        "There is no file",
    ),
    "an unknown column": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcme"],
        "no column 'outcme'. Did you mean 'outcome'?",
    ),
    "a cell that is no number": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "word"],
        "line 3, column 'word': 'two' is not a number.",
    ),
    "an outcome that is neither 0 nor 1": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "amount"],
        "'u' is 2.5 at step 0, but a BinaryInput takes 0 or 1.",
    ),
    "an unknown parameter": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcome", "--set", "x2.omega=1"],
        "no parameter 'x2.omega'",
    ),
    "a parameter without a number": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcome", "--set", "x2"],
        "--set takes PARAMETER=VALUE",
    ),
    "an unknown expansion": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcome", "--expansion", "ehgf"],
        "No expansion is named 'ehgf'",
    ),
    "too few levels": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcome", "--levels", "1"],
        "levels must be a whole number of at least 2",
    ),
    "times that stand still": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "outcome", "--dt", "outcome"],
        "dt must be positive and finite, but is 0.0 at step 1.",
    ),
    "a graph that is none": (
        ["filter", "{data}", "--graph", "{data}", "--input", "outcome"],
        "This is not JSON",
    ),
    "an unknown node": (
        ["filter", "{data}", "--model", "binary_hgf", "--input", "v=outcome"],
        "no input 'v'",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), COMMANDS.values(), ids=COMMANDS)
def test_a_wrong_command_says_so_in_a_sentence_and_returns_2(arguments, words, tmp_path, capsys):
    from pynodes.command.main import main

    data = tmp_path / "data.csv"
    data.write_text("outcome,amount,word\n1,2.5,1\n0,3.5,two\n")
    places = {"data": data, "folder": tmp_path}
    given = [argument.format(**places) for argument in arguments]

    try:
        status = main(
            [*given, "--out", str(tmp_path / "out")] if given[:1] == ["filter"] else given
        )
    except SystemExit as leave:
        status = leave.code

    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert words in said.err
    assert "Traceback" not in said.err


def test_what_fails_while_filtering_names_node_step_and_remedy():
    """The standard expansion can reach a negative precision; NaN never says so."""
    graph = pn.models.binary_hgf(expansion="standard", tonic_volatility=(2.0, 2.0))

    with pytest.raises(pn.FilterError) as caught:
        network(graph).filter({"u": pn.data.association().outcomes})

    for word in ("'x3'", "step", "zero or below", "'enhanced'", "'unbounded'"):
        assert word in str(caught.value)
