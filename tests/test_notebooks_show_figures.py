"""Drawing leaves matplotlib as it is, also where drawing is what makes it choose its backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = """
import matplotlib
from matplotlib.backends.backend_agg import *
from matplotlib.backends.backend_agg import _BackendAgg

matplotlib.interactive(True)
"""
"""A backend that is interactive from when it is loaded, as that of a notebook is."""

DRAWING = """
import matplotlib

import pynodes as pn

before = dict(matplotlib.rcParams)
pn.models.binary_hgf().plot()
changed = {name for name in before if matplotlib.rcParams[name] != before[name]}
print(matplotlib.is_interactive(), sorted(changed))
"""


@pytest.mark.slow
def test_a_first_figure_leaves_a_notebook_interactive(tmp_path):
    """Else no later figure of the user's own would be shown."""
    (tmp_path / "notebook_backend.py").write_text(NOTEBOOK)
    places = os.pathsep.join([str(ROOT), str(tmp_path)])

    said = subprocess.run(
        [sys.executable, "-c", DRAWING],
        env={**os.environ, "MPLBACKEND": "module://notebook_backend", "PYTHONPATH": places},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout

    assert said == "True ['interactive']\n"
