"""Order: pages with cells are read apart from one another, so that all workers have some.

Sphinx hands each worker pages that follow one another. Notebooks take seconds where other pages take
hundredths, and their names begin alike: one worker would execute nearly all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def spread_notebooks(_app: Any, env: Any, names: list[str]) -> None:
    """Put pages with cells at equal distances among the others, in place."""
    slow = [n for n in names if "{code-cell}" in Path(env.doc2path(n)).read_text(encoding="utf-8")]
    others = [name for name in names if name not in set(slow)]
    between = -(-len(others) // (len(slow) + 1))
    names[:] = others[:between]
    for number, name in enumerate(slow, start=1):
        names += [name, *others[number * between : (number + 1) * between]]


def setup(app: Any) -> dict[str, Any]:
    """Connect it."""
    app.connect("env-before-read-docs", spread_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
