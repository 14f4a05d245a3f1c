"""Pages of the documentation, for tests that run what they show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def blocks(page: str, language: str = "python") -> list[str]:
    """The fenced blocks of a page in one language, in order; the page is named from the root."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def executed(page: str) -> dict[str, Any]:
    """What a page's Python blocks define, run one after the other as a reader would."""
    names: dict[str, Any] = {"__name__": page}
    for block in blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), names)
    return names
