"""Coming from other toolboxes: every name that the notebook promises exists."""

import dataclasses
import re

import pytest

import pynodes as pn
from tests.pages import ROOT

PAGE = "docs/notebooks/deep_from_elsewhere.md"
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
