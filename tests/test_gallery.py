"""The gallery shows every figure, with images that the script of examples makes."""

import inspect
import os
import re
import runpy
import subprocess
import sys

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from pynodes import plotting
from tests.pages import ROOT

PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "figures" / "gallery"
NAMES = [
    name
    for name, found in ((name, getattr(plotting, name)) for name in dir(plotting))
    if inspect.isfunction(found) and name.startswith(("plot_", "animate_"))
]
MOST = 200_000
"""Bytes of an image of 200 dots per inch."""


def test_there_are_figures():
    assert len(NAMES) > 20


def test_every_figure_has_a_section_and_an_image():
    """The section names the function, says how it is called, and shows the image that has its name."""
    for name in NAMES:
        (section,) = (part for part in PAGE.split("\n### ") if f"\n`{name}`: `" in part)
        image = IMAGES / f"{name}.{'gif' if name.startswith('animate') else 'png'}"

        assert re.search(rf"!\[[^\]]+\]\(figures/gallery/{image.name}\)", section), name
        assert 3_000 < image.stat().st_size < MOST, name
        assert min(plt.imread(image).shape[:2]) > 100, name
        with Image.open(image) as opened:
            assert image.suffix == ".gif" or opened.info["dpi"][0] == pytest.approx(200, abs=1)


def test_the_gallery_shows_nothing_that_is_gone():
    shown = re.findall(r"figures/gallery/(\w+)\.\w+\)", PAGE)

    assert sorted(shown) == sorted(NAMES)
    assert {path.stem for path in IMAGES.iterdir()} == set(NAMES)


def test_the_script_draws_what_the_gallery_shows():
    script = runpy.run_path(str(ROOT / "examples" / "gallery.py"), run_name="gallery")

    assert [*script["FIGURES"], "animate_beliefs"] == sorted(
        NAMES, key=[*script["FIGURES"], "animate_beliefs"].index
    )


@pytest.mark.slow
def test_the_script_writes_images(tmp_path):
    """A few of them, for a column."""
    wanted = ["plot_graph", "plot_runs", "plot_densities"]

    subprocess.run(
        [
            *(sys.executable, str(ROOT / "examples" / "gallery.py"), "--width", "3.5"),
            *("--out", str(tmp_path), "--only", *wanted),
        ],
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        timeout=300,
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.png" for n in wanted)
    assert all(plt.imread(path).shape[1] <= 3.5 * 200 for path in tmp_path.iterdir())
