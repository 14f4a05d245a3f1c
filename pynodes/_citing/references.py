"""References: the papers that pynodes' parts name as their sources, read from ``references.bib``."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from importlib import resources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """One paper, book or program.

    Attributes
    ----------
    key
        By which BibTeX knows it.
    kind
        The kind of BibTeX's entry.
    fields
        Its fields.
    marks
        Words that stand for it in the description of a part, beside its identifier.
    """

    key: str
    kind: str
    fields: dict[str, str]
    marks: tuple[str, ...] = ()

    @property
    def cited(self) -> str:
        """Authors and year, as a text cites it."""
        return f"{self.authors} {self.fields['year']}"

    @property
    def authors(self) -> str:
        """The family names of its authors, as a text cites them."""
        names = [name.split(",")[0].strip("{}") for name in self.fields["author"].split(" and ")]
        if len(names) > 2 or names[-1] == "others":
            return f"{names[0]} et al."
        return " and ".join(names)

    @property
    def bibtex(self) -> str:
        """The entry for BibTeX."""
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return f"@{self.kind}{{{self.key},\n" + ",\n".join(lines) + "\n}"

    def is_named_in(self, source: str) -> bool:
        """Whether a source names it: by its identifier, or else by its authors and year."""
        known = [self.fields[name] for name in ("doi", "eprint") if name in self.fields]
        marks = [*known, *self.marks] or [f"{self.authors} ({self.fields['year']})"]
        return any(mark in source for mark in marks)


@cache
def read_references() -> dict[str, Reference]:
    """All references, by key."""
    text = resources.files("pynodes._citing").joinpath("references.bib").read_text("utf-8")
    found: dict[str, Reference] = {}
    for kind, key, body in re.findall(
        r"^@(\w+)\{(\w+),\n(.*?)\n\}$", text, re.DOTALL | re.MULTILINE
    ):
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", body, re.MULTILINE))
        marks = tuple(filter(None, fields.pop("keywords", "").split("; ")))
        found[key] = Reference(key=key, kind=kind, fields=fields, marks=marks)
    return found
