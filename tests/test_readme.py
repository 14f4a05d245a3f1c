"""The README does what it says."""

import re
import runpy
from pathlib import Path

import numpy as np

import pynodes as pn

README = (Path(__file__).parents[1] / "README.md").read_text()


def example() -> str:
    """The README's example."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    return code


def test_the_example_runs_and_draws(tmp_path, monkeypatch):
    """It ends with two pictures; its gradient is the slope of its surprise."""
    (tmp_path / "example.py").write_text(example())
    monkeypatch.chdir(tmp_path)

    found = runpy.run_path("example.py")

    assert {path.name for path in tmp_path.glob("*.png")} == {"beliefs.png", "graph.png"}
    slope = found["jax"].grad(found["surprise"])(-3.0)
    rise = float(found["surprise"](-3.0 + 1e-5) - found["surprise"](-3.0 - 1e-5))
    np.testing.assert_allclose(slope, rise / 2e-5, rtol=1e-6)


def test_every_name_in_the_table_exists():
    """What the README promises can be found."""
    table = README.split("## What there is")[1].split("## The code")[0]
    kinds = re.findall(r"`([A-Z][A-Za-z]+)`", table)
    assert len(kinds) >= 11
    for name in kinds:
        assert hasattr(pn, name), name
    for name in re.findall(r"`(?:pn\.models\.)?(binary_hgf|continuous_hgf|jget)`", table):
        assert hasattr(pn.models, name), name


def test_the_example_is_about_twenty_lines():
    """As the heading above it says."""
    assert len([line for line in example().splitlines() if line.strip()]) <= 22
