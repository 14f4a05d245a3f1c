"""Every example runs, in a folder of its own, and writes the figure that it names."""

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


def called(name, *arguments, folder, seconds=120):
    """What an example says, run as a reader would run it."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(EXAMPLES.parent), "MPLBACKEND": "agg"},
        timeout=seconds,
    ).stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWING)
def test_an_example_draws_where_it_is_told(name, tmp_path):
    """It says what it wrote, and writes nothing else."""
    said = called(name, "--out", "here", folder=tmp_path)

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert said == f"Wrote {Path('here') / f'{name}.png'}\n"
    assert written == [tmp_path / "here" / f"{name}.png"]
    height, width, _ = plt.imread(written[0]).shape
    assert min(height, width) > 500


@pytest.mark.slow
def test_a_small_study_of_recovery_runs(tmp_path):
    """Its tables have a row per parameter and per model, and rows of probabilities sum to one."""
    said = called(
        *("recovery", "--out", "here", "--subjects", "5", "--trials", "40"),
        folder=tmp_path,
        seconds=600,
    )

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
def test_figures_go_to_a_folder_of_that_name_by_default(tmp_path):
    called("usd_chf", folder=tmp_path)

    assert (tmp_path / "figures" / "usd_chf.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_says_what_it_is_for(path, tmp_path):
    """Its help begins with the first line of the file."""
    first = path.read_text(encoding="utf-8").splitlines()[0].strip('"')

    said = called(path.stem, "--help", folder=tmp_path)

    assert " ".join(first.split()) in " ".join(said.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_part_of_the_gallery_is_drawn_where_it_is_told(tmp_path):
    called("gallery", "--out", "here", "--only", "plot_graph", "plot_node", folder=tmp_path)

    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"plot_graph.png", "plot_node.png"}


def test_every_example_is_known():
    """Those that draw one figure are run here as they are, the others in part, here or elsewhere."""
    tables = {"calibration", "exactness", "gallery", "recovery"}

    assert {path.stem for path in EXAMPLES.glob("*.py")} - tables == set(DRAWING)
