"""Library: the charts' JavaScript, as the installed Bokeh brings it along."""

from __future__ import annotations

import base64
import gzip
import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pynodes._errors import MissingExtraError

SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
"""Charts, and the way to make them from JavaScript."""


@cache
def charts() -> tuple[str, str, str]:
    """Bokeh's version, its licence, and its scripts, gzip in base64.

    Raises
    ------
    MissingExtraError
        Bokeh is not installed.
    """
    spec = find_spec("bokeh")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "The explorer draws with bokeh, which is not installed. Install it with: "
            "pip install 'pynodes[explore]'"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "server" / "static" / "js"
    scripts = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    notice = re.search(r"/\*!(.*?)\*/", scripts, flags=re.DOTALL)
    licence = re.sub(r"^ *\*? ?", "", notice[1].strip(), flags=re.MULTILINE) if notice else ""
    packed = gzip.compress(scripts.encode(), compresslevel=9, mtime=0)
    return version("bokeh"), licence, base64.b64encode(packed).decode("ascii")
