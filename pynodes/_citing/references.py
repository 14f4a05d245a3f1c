"""References: the papers that pynodes' parts name as their sources."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """One paper, book or program.

    Attributes
    ----------
    key
        By which BibTeX knows it.
    cited
        Authors and year, as a text cites it.
    marks
        What a description that means it contains: a DOI, or the words that stand for it.
    kind
        The kind of BibTeX's entry.
    fields
        Its fields.
    """

    key: str
    cited: str
    marks: tuple[str, ...]
    kind: str
    fields: dict[str, str]

    @property
    def bibtex(self) -> str:
        """The entry for BibTeX."""
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return f"@{self.kind}{{{self.key},\n" + ",\n".join(lines) + "\n}"


def article(
    key: str, cited: str, author: str, title: str, journal: str, doi: str, **more: str
) -> Reference:
    """A paper in a journal, known by its DOI."""
    fields = {"author": author, "title": title, "journal": journal, "year": cited.split()[-1]}
    fields |= {name.rstrip("_"): value for name, value in more.items()} | {"doi": doi}
    return Reference(key=key, cited=cited, marks=(doi,), kind="article", fields=fields)


def other(
    key: str, cited: str, kind: str, marks: tuple[str, ...], author: str, title: str, **more: str
) -> Reference:
    """Something that is no paper in a journal, or has no DOI."""
    fields = {"author": author, "title": title, "year": cited.split()[-1], **more}
    return Reference(key=key, cited=cited, marks=marks, kind=kind, fields=fields)
