"""The page about responses runs, and names every response."""

import pytest

from pynodes import responses as pr
from tests.pages import ROOT, executed


@pytest.mark.slow
def test_the_page_runs():
    """Block after block, as a reader would."""
    names = executed("docs/responses.md")

    assert names["each"].shape == names["choices"].shape
    assert set(names["slopes"]) == {"tonic_volatility", "inverse_temperature"}
    assert names["stubborn"].parameters() == {"pull": 0.5}


def test_the_page_names_every_public_response():
    text = (ROOT / "docs" / "responses.md").read_text(encoding="utf-8")

    for name in (name for name in vars(pr) if name[0] != "_"):
        public = getattr(pr, name)
        if getattr(public, "__module__", "").startswith("pynodes.responses"):
            assert name in text, name
