"""References between docstrings, which name things as their modules do and not as users do."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


def resolve(
    app: Sphinx, _env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """A link to the one documented name whose last parts are those of the target."""
    if node.get("refdomain") != "py":
        return None
    known = app.env.domains.python_domain.objects
    kinds = {"func": ("function",), "meth": ("method",)}.get(node["reftype"])
    for name in (node["reftarget"], node["reftarget"].rpartition(".")[2]):
        found = {
            entry.node_id: entry
            for full, entry in known.items()
            if f".{full}".endswith(f".{name}") and (kinds is None or entry.objtype in kinds)
        }
        if len(found) == 1:
            (entry,) = found.values()
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content)
    return None


def unlinked(_app: Sphinx, _domain: Any, node: addnodes.pending_xref) -> bool | None:
    """True, which is no warning, for types of annotations: those of other packages are not linked."""
    written = isinstance(node.next_node(), nodes.literal)  # as a role, such as :class:`Graph`
    return True if node["reftype"] in ("class", "obj") and not written else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Look once more for what Sphinx does not find."""
    app.connect("missing-reference", resolve)
    app.connect("warn-missing-reference", unlinked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
