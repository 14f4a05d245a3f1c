"""Coming from other toolboxes: every name that the page promises exists, and its code runs."""

import dataclasses
import re

import numpy as np
import pytest

import pynodes as pn
from tests.pages import ROOT, executed

PAGE = "docs/deep_from_elsewhere.md"
NAMES = sorted(set(re.findall(r"\bpn((?:\.\w+)+)", (ROOT / PAGE).read_text(encoding="utf-8"))))


def find(path):
    """What a dotted name means; a field of a class counts as one."""
    found = pn
    for name in path.strip(".").split("."):
        fields = (
            {f.name for f in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else ()
        )
        found = getattr(found, name, name) if name in fields else getattr(found, name)
    return found


def test_the_page_names_much():
    assert len(NAMES) > 45


@pytest.mark.parametrize("path", NAMES)
def test_every_name_exists(path):
    find(path)


def test_names_that_are_not_there_are_found_out():
    with pytest.raises(AttributeError):
        find(".deep.Training.learning_rate")


@pytest.mark.slow
def test_the_code_of_the_page_runs():
    """And the label was free: its accuracy is no better than three random labels allow for."""
    page = executed(PAGE)
    assert 0 <= page["report"].accuracy <= 1
    assert np.isfinite(page["run"].network["z1->x.weights"]).all()
