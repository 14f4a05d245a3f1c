"""Mathematics as MathML, which browsers draw by themselves: a page needs no network and no script.

Sphinx's own way fetches MathJax from another site, so that offline every equation is its source.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.dom import minidom

from latex2mathml.converter import convert

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

RELATIONS = {"&#x0007E;": "&#x0223C;", "&#x000B1;": "&#x000B1;", ";": ";", ":": ":"}
"""What the converter takes for letters and would set without space around it."""


def to_mathml(text: str, *, display: bool) -> str:
    """An equation in LaTeX as MathML.

    Raises
    ------
    ValueError
        It was not understood: what came out is no XML, or still has commands of LaTeX.
    """
    source = text.strip().replace("{aligned}", "{align*}")
    found = convert(source, display="block" if display else "inline")
    for sign, relation in RELATIONS.items():
        found = found.replace(f"<mi>{sign}</mi>", f"<mo>{relation}</mo>")
    try:
        minidom.parseString(found)
    except Exception as error:
        raise ValueError(f"no MathML comes of {text!r}: {error}") from error
    if re.search(r"\\[a-zA-Z]+", found):
        raise ValueError(f"LaTeX is left in the MathML of {text!r}")
    return found


def write_inline(translator: HTML5Translator, node: nodes.Element) -> None:
    """An equation within a sentence."""
    translator.body.append(to_mathml(node.astext(), display=False))
    skip()


def write_block(translator: HTML5Translator, node: nodes.Element) -> None:
    """An equation by itself; a wide one scrolls in its place."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(f"{to_mathml(node.astext(), display=True)}</div>")
    skip()


def skip() -> None:
    """Nothing below a node of mathematics is written any more."""
    from docutils import nodes

    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Make it a way to write mathematics."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
