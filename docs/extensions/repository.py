"""Pages as the site takes them from the repository: the index of a folder says its pages' order."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from sphinx.application import Sphinx

TREE = "\n\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def with_tree(text: str) -> str:
    """An index with the pages of its folder that it links to as a toctree, which GitHub does not know."""
    pages = dict.fromkeys(re.findall(r"\]\((\w+)\.md\)", text))
    return text + TREE.format(pages="\n".join(pages))


def read(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add to the index of a folder its toctree."""
    path = PurePosixPath(page)
    if path.name == "README" and path.parent.name:
        source[0] = with_tree(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at every page when it is read."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
