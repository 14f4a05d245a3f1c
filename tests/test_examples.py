"""Every example runs, in a folder of its own, and writes the figure that it names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DRAWING = [
    "bandit",
    "binary_learning",
    "clusters",
    "count_input",
    "planning",
    "plates",
    "regressor",
    "smoothing",
    "transitions",
    "usd_chf",
]


TOGETHER = """
import contextlib, io, json, os, runpy, sys

import jax

said = []
for script, folder, arguments in json.loads(sys.argv[1]):
    jax.config.update("jax_enable_x64", False)
    os.chdir(folder)
    sys.argv = [script, *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as leaving:
            assert not leaving.code, script
    said.append(out.getvalue())
print(json.dumps(said))
"""
"""A process that runs examples one after the other, each as in a process of its own."""


def run_examples(calls, seconds=300):
    """What examples say, by script, folder and arguments; run as a reader would run them."""
    given = [(str(EXAMPLES / f"{name}.py"), str(folder), rest) for name, folder, *rest in calls]
    said = subprocess.run(
        [sys.executable, "-c", TOGETHER, json.dumps(given)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent), "MPLBACKEND": "agg"},
        timeout=seconds,
    ).stdout
    return json.loads(said)


def folders_of(parent, names):
    """A folder of its own for each of some names."""
    for name in names:
        (parent / name).mkdir()
    return {name: parent / name for name in names}


@pytest.mark.slow
def test_examples_draw_where_they_are_told(tmp_path):
    """They say what they wrote, and write nothing else; in figures/, if they are not told."""
    folders = folders_of(tmp_path, [*DRAWING, "by default"])
    less = {"planning": ("--agents", "2")}
    calls = [(name, folders[name], "--out", "here", *less.get(name, ())) for name in DRAWING]

    *said, _ = run_examples([*calls, ("usd_chf", folders["by default"])])

    for name, sentence in zip(DRAWING, said, strict=True):
        folder = folders[name]
        assert sentence == f"Wrote {Path('here') / f'{name}.png'}\n"
        written = [path for path in folder.rglob("*") if path.is_file()]
        assert written == [folder / "here" / f"{name}.png"]
        assert min(plt.imread(written[0]).shape[:2]) > 500, name
    assert (folders["by default"] / "figures" / "usd_chf.png").exists()


@pytest.mark.slow
def test_a_small_study_of_recovery_runs(tmp_path):
    """Its tables have a row per parameter and per model, and rows of probabilities sum to one."""
    few = ("--out", "here", "--subjects", "5", "--trials", "40")
    (said,) = run_examples([("recovery", tmp_path, *few)])

    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in said.splitlines()
        if line.startswith("| ")
    ]
    assert [row[0] for row in rows[1:4]] == [
        "x2.tonic_volatility",
        "x3.tonic_volatility",
        "inverse_temperature",
    ]
    models = ["HGF, 3 levels", "HGF, 2 levels", "Rescorla-Wagner"]
    assert [row[0] for row in rows[5:8]] == models
    assert all(abs(sum(map(float, row[1:])) - 1) < 0.02 for row in rows[5:8])
    written = {path.name for path in tmp_path.rglob("*.png")}
    assert written == {"parameter_recovery.png", "model_recovery.png"}


@pytest.mark.slow
def test_examples_say_what_they_are_for(tmp_path):
    """Their help begins with the first line of the file."""
    scripts = sorted(EXAMPLES.glob("*.py"))

    said = run_examples([(script.stem, tmp_path, "--help") for script in scripts])

    for script, words in zip(scripts, said, strict=True):
        first = script.read_text(encoding="utf-8").splitlines()[0].strip('"')
        assert " ".join(first.split()) in " ".join(words.split()), script.stem
    assert not list(tmp_path.iterdir())


def test_every_example_is_known():
    """Those that draw one figure are run here as they are, the others in part, here or elsewhere."""
    tables = {"calibration", "exact_agents", "exactness", "gallery", "recovery"}

    assert {path.stem for path in EXAMPLES.glob("*.py")} - tables == set(DRAWING)
