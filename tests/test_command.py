"""The command line: figures and tables that hold what was believed; one line for what is wrong."""

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest

import pynodes as pn
from pynodes.command.files import FileError
from pynodes.command.fit_file import make_agent, make_trials
from pynodes.command.main import main
from pynodes.fit.group.group_model import make_group_model
from tests.few import few

pytestmark = pytest.mark.versions

LEVELS = ["calm", "wild"]
OUTCOMES = [1.0, 0.0, np.nan, 1.0, 1.0]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with a table and two graphs, to work in."""
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(
        "trial,outcome,wait,rating\n1,1,1.5,0.3\n2,0,0.5,\n3,,1,0.1\n4,1,2,0.2\n5,1,1,NA\n"
    )
    Path("graph.json").write_text(pn.models.binary_hgf(2).to_json())
    Path("two.json").write_text(pn.models.binary_hgf(2).repeat(2, shared=["x2"]).to_json())
    yield
    assert not plt.get_fignums()


def table(path="run/trajectories.csv"):
    """The written trajectories by column."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    return {name: np.array(column, float) for name, *column in zip(*rows, strict=True)}


def filtered(*arguments):
    """Filter data.csv into run/, successfully."""
    assert main(["filter", "data.csv", *arguments, "--out", "run"]) == 0
    return table()


@pytest.mark.parametrize(
    "graph", ["--model binary_hgf", "--graph graph.json", "--model graph.json"]
)
def test_what_is_written_is_what_was_believed(graph, capsys):
    """Every field of every node, to the last digit."""
    found = filtered(*graph.split(), "--input", "outcome")

    model = pn.models.binary_hgf(3 if "binary" in graph else 2)
    beliefs = model.compile().filter({"u": OUTCOMES})
    assert list(found) == ["step", *beliefs.to_pandas().columns]
    for name, column in beliefs.to_pandas().items():
        np.testing.assert_array_equal(found[name], column)
    said = capsys.readouterr().out
    assert f"total surprise {float(np.sum(beliefs.surprise)):.2f} nats" in said
    assert str(Path("run/trajectories.csv")) in said
    assert plt.imread("run/beliefs.png").shape[1] > 500


def test_options_reach_the_network():
    """Levels, parameters, expansion, times."""
    arguments = "--model binary_hgf --levels 4 --expansion enhanced --dt wait --input u=outcome"
    found = filtered(
        *arguments.split(), "--set", "x2.tonic_volatility=-1", "--set", "x4.tonic_drift=.1"
    )

    network = pn.models.binary_hgf(4, expansion="enhanced").compile()
    network = network.replace({"x2.tonic_volatility": -1.0, "x4.tonic_drift": 0.1})
    beliefs = network.filter({"u": OUTCOMES}, dt=[1.5, 0.5, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(found["x4.mean"], beliefs["x4"].mean)


def test_several_inputs_are_given_by_name():
    found = filtered("--graph", "two.json", "--input", "u[0]=outcome", "--input", "u[1]=outcome")

    np.testing.assert_array_equal(found["u[0].mean"], found["u[1].mean"])


def test_the_continuous_model_takes_the_units_of_the_data():
    """Empty and NA are missing."""
    found = filtered("--model", "continuous_hgf", "--input", "rating")

    np.testing.assert_array_equal(found["u.observed"], [1, 0, 1, 1, 0])
    ratings = np.array([0.3, np.nan, 0.1, 0.2, np.nan])
    network = pn.models.continuous_hgf(**pn.models.scaled_to(ratings)).compile()
    np.testing.assert_array_equal(found["x2.mean"], network.filter({"u": ratings})["x2"].mean)


@pytest.mark.slow
def test_a_regressor_and_many_nodes_are_no_obstacle():
    """The table has all nodes; the figure as many as can be read."""
    graph = pn.models.continuous_hgf(1).repeat(20).add(r=pn.Regressor()).couple("r", "x1[0]")
    Path("many.json").write_text(graph.to_json())
    inputs = [f"--input=u[{i}]=rating" for i in range(20)]

    found = filtered("--graph", "many.json", *inputs, "--input=r=wait")

    assert {"x1[0].mean", "x1[19].mean", "u[19].surprise"} <= set(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("outcome\n1\n\n0\n", [1, np.nan, 0]),
        ("outcome\r\n1\r\n0\r\n\r\n\r\n", [1, 0]),
        ("\ufeffoutcome , other\n 1 , a\n 0,b\n", [1, 0]),
        ('"outcome","note"\n"1","two\nlines"\n"0",""\n', [1, 0]),
    ],
)
def test_tables_as_programs_write_them(text, expected):
    """Blank lines, carriage returns, a byte order mark, spaces, quotes."""
    Path("data.csv").write_bytes(text.encode())

    found = filtered("--model", "binary_hgf", "--input", "outcome")

    values = np.where(found["u.observed"] == 1, found["u.mean"], np.nan)
    np.testing.assert_array_equal(values, expected)


BINARY = "--model binary_hgf --input outcome"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (f"nothere.csv {BINARY}", "There is no file 'nothere.csv'."),
        (f". {BINARY}", "'.' is a folder, not a file."),
        ("data.csv --model binary_hgf --input outcom", "Did you mean 'outcome'?"),
        ("data.csv --model binary_hgf --input v=outcome", "no input 'v'"),
        (f"data.csv {BINARY} --input rating", "'u' two columns"),
        (
            "data.csv --model binary_hgf --input rating",
            "0.3 at step 0, but a BinaryInput takes 0 or 1",
        ),
        (f"data.csv {BINARY} --dt rating", "dt must be"),
        (f"data.csv {BINARY} --dt outcome", "dt must be positive and finite, but is 0.0 at step 1"),
        (f"data.csv {BINARY} --levels 1", "at least 2, not 1"),
        (f"data.csv {BINARY} --levels 0", "at least 2, not 0"),
        (f"data.csv {BINARY} --levels two", "invalid int value: 'two'"),
        (f"data.csv {BINARY} --set x2.tonic=1", "Did you mean 'x2.tonic_drift'?"),
        (f"data.csv {BINARY} --set x2.tonic_volatility", "takes PARAMETER=VALUE"),
        (f"data.csv {BINARY} --set x2.tonic_volatility=low", "takes PARAMETER=VALUE with a number"),
        (f"data.csv {BINARY} --set x2.initial_precision=-1", "must be positive, not -1"),
        (f"data.csv {BINARY} --expansion ehgf", "No expansion is named 'ehgf'"),
        (f"data.csv {BINARY} --out data.csv", "'data.csv' is a file, so it cannot be the folder"),
        (
            "data.csv --model binary --input outcome",
            "no model 'binary'. Did you mean 'binary_hgf'?",
        ),
        ("data.csv --graph none.json --input outcome", "There is no file 'none.json'."),
        (
            "data.csv --graph data.csv --input outcome",
            "'data.csv' cannot be read as a graph. This is",
        ),
        (
            "data.csv --model broken.json --input outcome",
            "'broken.json' cannot be read as a graph. This",
        ),
        ("data.csv --graph other.json --input outcome", "'other.json' cannot be read as a graph"),
        ("data.csv --graph two.json --input outcome", "give --input NODE=COLUMN for each"),
        ("data.csv --graph two.json --input u[0]=outcome", "No series was given for 'u[1]'"),
        ("data.csv --graph graph.json --levels 3 --input outcome", "--levels goes with a premade"),
        ("data.csv --model binary_hgf", "required: --input"),
        ("data.csv --input outcome", "--model --graph is required"),
        (f"data.csv {BINARY} --colour red", "unrecognized arguments: --colour red"),
    ],
)
def test_what_is_wrong_takes_one_line_and_status_two(arguments, sentence, capsys):
    """And nothing on standard output."""
    Path("broken.json").write_text("{")
    Path("other.json").write_text('{"format": "other"}')

    assert status("filter", *arguments.split()) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("pynodes: ")
    assert sentence in said.err


def status(*arguments):
    """The exit status of a command, however it leaves."""
    try:
        return main(list(arguments))
    except SystemExit as left:
        return left.code


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; it needs a header line and rows"),
        (b"\n\n", "is empty"),
        (b"outcome\n", "has a header, but no rows"),
        (b"outcome\n1\nx\n", "line 3, column 'outcome': 'x' is not a number"),
        (b'outcome,note\n1,"a\nb"\nmaybe,\n', "line 4, column 'outcome': 'maybe' is not a number"),
        (b"outcome\n1,5\n", "line 2: the header has 1 cell"),
        (b"outcome,other\n1,2\n0\n", "line 3: the header has 2 cells, this line 1"),
        (b"outcome,other\n1,2\n\n0,1\n", "line 3: the header has 2 cells, this line 1"),
        (b"outcome,outcome\n1,0\n", "has 2 columns named 'outcome'"),
        (b"outcome\ninf\n", "'u' is inf at step 0"),
        (b"\xff\xfe\x00\x01", "is not text in UTF-8"),
    ],
)
def test_a_bad_table_is_named_by_line_and_column(content, sentence, capsys):
    """The line is the one that an editor shows."""
    Path("bad.csv").write_bytes(content)

    assert status("filter", "bad.csv", *BINARY.split()) == 2

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert sentence in said


def test_a_place_that_cannot_be_written_is_named(capsys):
    Path("run/trajectories.csv").mkdir(parents=True)

    assert status("filter", "data.csv", *BINARY.split(), "--out", "run") == 2

    assert "trajectories.csv' cannot be written: " in capsys.readouterr().err


def test_a_breakdown_names_node_and_step(capsys):
    """An error of the science, told like the others.

    Where growth is less than half of the variance, a surprising jump has negative curvature, more than
    the standard expansion can bear.
    """
    rows = "\n".join(str(x) for x in [*[0.0, 0.1] * 15, *[50.0, 100.0] * 5])
    Path("jump.csv").write_text(f"u\n{rows}\n")
    arguments = "--model continuous_hgf --expansion standard --input u --set x1.tonic_volatility=-8"

    assert status("filter", "jump.csv", *arguments.split()) == 2

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "fell to zero or below at step" in said


@pytest.mark.slow
def test_the_demo_writes_the_figures_that_it_names(capsys):
    """Two series and a deep network, two pictures each."""
    assert main(["demo", "--out", "figures"]) == 0

    said = capsys.readouterr().out
    found = sorted(Path("figures").iterdir())
    assert len(found) == 6
    for path in found:
        assert str(path) in said
        assert plt.imread(path).shape[0] > 200
    assert "USD/CHF" in said
    assert "warning" not in said
    assert "320 trials" in said
    assert "of 100 other images told right" in said


def test_the_module_runs_as_a_program():
    """The entry point, once for real: status, one line, no traceback."""
    call = [sys.executable, "-m", "pynodes", "filter", "none.csv", *BINARY.split()]
    root = str(Path(pn.__file__).parents[1])

    done = subprocess.run(call, capture_output=True, text=True, env={"PYTHONPATH": root})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pynodes: There is no file 'none.csv'.\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["demo", "--help"], ["filter", "--help"], ["fit", "--help"]]
)
def test_help_is_no_error(arguments, capsys):
    assert status(*arguments) == 0
    assert "--help" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert status("--version") == 0
    assert capsys.readouterr().out == f"pynodes {pn.__version__}\n"


@pytest.mark.parametrize(
    ("name", "separator"), few([("a.csv", ";"), ("b.tsv", "\t"), ("c.txt", "|")], 1)
)
def test_tables_of_two_people_are_read_as_other_programs_write_them(
    tmp_path, monkeypatch, capsys, name, separator
):
    """Separators, true and false, n/a; each session by itself, as if it were a file of its own."""
    monkeypatch.chdir(tmp_path)
    outcomes = {("p1", "1"): ["TRUE", "false", "n/a", "1"], ("p2", "1"): ["0", "no", "Yes"]}
    header = ["participant", "session", "onset", "outcome"]
    rows = [
        [*key, str(2 * step), cell]
        for key, cells in outcomes.items()
        for step, cell in enumerate(cells)
    ]
    text = "\n".join(separator.join(row) for row in [header, *rows])
    (tmp_path / name).write_text(text + "\n")
    asked = ["--model", "binary_hgf", "--input", "outcome", "--by", "participant,session"]

    assert main(["filter", name, *asked, "--time", "onset", "--out", "run"]) == 0

    with open("run/trajectories.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [(row["participant"], row["session"]) for row in table] == [("p1", "1")] * 4 + [
        ("p2", "1")
    ] * 3
    expected = pn.models.binary_hgf().compile().filter({"u": [0.0, 0.0, 1.0]}, dt=2.0)
    np.testing.assert_allclose([float(row["x2.mean"]) for row in table[4:]], expected["x2"].mean)
    assert table[2]["u.observed"] == "0.0"
    assert sorted(path.name for path in (tmp_path / "run").glob("*.png")) == [
        "beliefs-p1-1.png",
        "beliefs-p2-1.png",
    ]
    assert "participant p2, session 1: 3 steps" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_of_two_people_is_fitted_as_in_python(tmp_path, monkeypatch, capsys):
    """Texts of choices have codes; estimates, beliefs and the fit are those of the same call."""
    monkeypatch.chdir(tmp_path)
    rng, keys = np.random.default_rng(2), [(p, str(s)) for p in ("p1", "p2") for s in (1, 2)]
    cells = rng.integers(0, 2, (len(keys), 12, 2))
    words = [
        (key, "TRUE" if o else "false", "rl"[c])
        for key, rows in zip(keys, cells, strict=True)
        for o, c in rows
    ]
    lines = [
        ";".join((*key, outcome, "n/a" if row == 3 else choice))
        for row, (key, outcome, choice) in enumerate(words)
    ]
    Path("data.csv").write_text("\n".join(["participant;session;outcome;choice", *lines]) + "\n")
    asked = "fit data.csv --agent rescorla_wagner --input outcome --action choice --code choice=r,l"

    assert main([*asked.split(), "--by", "participant,session", "--out", "run"]) == 0
    said = capsys.readouterr().out
    choices = np.where(np.arange(len(words)) == 3, np.nan, cells[..., 1].ravel())
    frame = {"u": cells[..., 0].ravel(), "y": choices}
    frame |= {
        "participant": [key[0] for key, *_ in words],
        "session": [key[1] for key, *_ in words],
    }
    trials = pn.Trials(frame, inputs="u", actions="y", by=["participant", "session"])
    kept = pn.load("run/fit.npz")
    alone = pn.fit_map(pn.agents.rescorla_wagner(), trials)
    for name in alone.names:
        np.testing.assert_array_equal(kept.values[name], alone.values[name])
    with open("run/trajectories.csv", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["participant"], row["session"]) == ("p2", "1")
        ]
    beliefs = alone.beliefs("p2", block=0)
    np.testing.assert_allclose(
        [float(row["u.predicted_mean"]) for row in rows], beliefs["u"].predicted_mean
    )
    for name in ("fit.png", "beliefs-p1.png", "beliefs-p2.png"):
        assert plt.imread(f"run/{name}").shape[1] > 500
    assert "estimates.csv" in said


def test_a_file_is_fitted_by_group_and_by_condition(tmp_path, monkeypatch, capsys):
    """Groups of people in formulas, and conditions within them: asked of the same call in Python."""
    monkeypatch.chdir(tmp_path)
    frame = pandas.DataFrame(
        {
            "who": np.repeat(["p1", "p2"], 4),
            "group": np.repeat(["x", "y"], 4),
            "block": np.tile(np.repeat(["calm", "wild"], 2), 2),
            "u": np.arange(8) % 2,
            "y": np.arange(8) % 2 * 1.0,
        }
    )
    frame.to_csv("data.csv", index=False)
    asked = [
        "fit",
        "data.csv",
        "--agent",
        "rescorla_wagner",
        "--input",
        "u",
        "--action",
        "y",
        "--by",
        "who",
        "--method",
        "em",
    ]
    own = ["--split", "u.learning_rate=block", "--formula", "inverse_temperature=0 + group"]
    calls = []

    def fit_em(agent, trials, **options):
        calls.append((agent, trials, options))
        return make_group_model(agent, trials, options["formulas"])

    monkeypatch.setattr(pn, "fit_em", fit_em)
    with pytest.raises(AttributeError):  # a design alone is no fit that could be written
        main([*asked, *own, "--out", "run"])
    ((agent, trials, options),) = calls

    expected = pn.agents.rescorla_wagner().split("u.learning_rate", by="block", levels=LEVELS)
    assert agent.names == expected.names
    assert options == {"seed": 0, "formulas": {"inverse_temperature": "0 + group"}}
    assert trials.subjects == ("p1", "p2")
    values = {
        "u.learning_rate[calm]": 0.1,
        "u.learning_rate[wild]": 0.4,
        "inverse_temperature": 2.0,
    }
    told = pn.Trials(frame, inputs="u", actions="y", by="who")
    assert agent.log_likelihood(values, trials) == expected.log_likelihood(values, told)
    for wrong, said in (
        (["--formula", "inverse_temperature=group", "--method", "map"], "add --method em"),
        (["--split", "u.learning_rate"], "PARAMETER=COLUMN"),
        (["--split", "u.learning=block"], "no free value 'u.learning'"),
        (["--split", "u.learning_rate=blok"], "no column 'blok'"),
    ):
        assert main([*asked, *wrong]) == 2
        assert said in capsys.readouterr().err


def test_habits_are_asked_for_by_the_command():
    """The choice before is of the same person, and the agent goes by it."""
    keys = {"who": np.array(["a", "a", "b", "b"])}
    columns = keys | {"u": np.ones(4), "y": np.array([1.0, 0.0, 1.0, 1.0])}
    options = SimpleNamespace(
        agent="rescorla_wagner",
        input="u",
        action="y",
        dt=None,
        time=None,
        levels=None,
        lapse=True,
        perseveration=True,
        reaction_time=None,
        file="data.csv",
    )
    trials, series = make_trials(options, columns, ["who"], {})
    agent = make_agent(options, series, columns)

    np.testing.assert_array_equal(trials.columns["previous_choice"], [np.nan, 1.0, np.nan, 1.0])
    assert set(trials.roles.covariates) == {"previous_choice"}
    assert {"lapse_rate", "perseveration"} < set(agent.names)
    options.agent, options.reaction_time = "binary_hgf", "ms"
    columns |= {"ms": np.array([400.0, np.nan, 700.0, 550.0])}
    trials, _ = make_trials(options, columns, ["who"], {})
    np.testing.assert_array_equal(trials.columns["log_reaction_time"], np.log(columns["ms"]))
    streams = make_agent(options, series, columns).response.streams
    assert list(streams) == list(trials.roles.actions) == ["choice", "time"]
    columns["ms"][2] = 0.0
    with pytest.raises(FileError, match="row 2: a reaction time of 0 has no log"):
        make_trials(options, columns, ["who"], {})
    options.agent, options.reaction_time = "delta_rule", None
    with pytest.raises(FileError, match="agents that choose"):
        make_agent(options, series, columns)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--agent binary --input outcome --action outcome", "Did you mean 'binary_hgf'?"),
        ("--agent binary_hgf --input outcome --action rating", "column 'rating', row 0"),
        ("--agent binary_hgf --input outcome --action outcome --code outcome", "COLUMN=TEXT,TEXT"),
        ("--agent binary_hgf --input outcome --action outcome --method mcmc", "no method 'mcmc'"),
        ("--agent binary_hgf --input outcome --action outcome --by who", "no column 'who'"),
        ("--agent delta_rule --input rating --action rating --levels 2", "--levels goes with"),
        (
            "--agent sutton_k1 --input outcome --action outcome --reaction-time ms",
            "not with 'sutton",
        ),
    ],
)
def test_a_fit_that_cannot_be_takes_one_line(arguments, sentence, capsys):
    assert status("fit", "data.csv", *arguments.split()) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert sentence in said.err
