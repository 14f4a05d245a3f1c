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


FRONTIERS = "Frontiers in Human Neuroscience"
PLOS = "PLOS Computational Biology"

MODELS: tuple[Reference, ...] = (
    article(
        "mathys2011",
        "Mathys et al. 2011",
        "Mathys, Christoph and Daunizeau, Jean and Friston, Karl J. and Stephan, Klaas E.",
        "A {Bayesian} foundation for individual learning under uncertainty",
        FRONTIERS,
        "10.3389/fnhum.2011.00039",
        volume="5",
        pages="39",
    ),
    article(
        "mathys2014",
        "Mathys et al. 2014",
        "Mathys, Christoph D. and Lomakina, Ekaterina I. and Daunizeau, Jean and Iglesias, Sandra and "
        "Brodersen, Kay H. and Friston, Karl J. and Stephan, Klaas E.",
        "Uncertainty in perception and the {Hierarchical Gaussian Filter}",
        FRONTIERS,
        "10.3389/fnhum.2014.00825",
        volume="8",
        pages="825",
    ),
    other(
        "weber2023",
        "Weber et al. 2023",
        "misc",
        ("2305.10937",),
        "Weber, Lilian Aline and Waade, Peter Thestrup and Legrand, Nicolas and M{\\o}ller, Anna Hedvig "
        "and Stephan, Klaas Enno and Mathys, Christoph",
        "The generalized {Hierarchical Gaussian Filter}",
        eprint="2305.10937",
        archiveprefix="arXiv",
    ),
    other(
        "legrand2024",
        "Legrand et al. 2024",
        "misc",
        ("the unbounded HGF of pyhgf", "layers of volatile nodes in pyhgf"),
        "Legrand, Nicolas and Weber, Lilian and Waade, Peter Thestrup and Daugaard, Anna Hedvig M{\\o}ller "
        "and Khodadadi, Mojtaba and Miku{\\v{s}}, Nace and Mathys, Christoph",
        "pyhgf: A neural network library for predictive coding",
        eprint="2410.09206",
        archiveprefix="arXiv",
    ),
    other(
        "mathys2020",
        "Mathys and Weber 2020",
        "inproceedings",
        ("10.1007/978-3-030-64919-7_7",),
        "Mathys, Christoph and Weber, Lilian",
        "Hierarchical {Gaussian} filtering of sufficient statistic time series for active inference",
        booktitle="Active Inference. IWAI 2020",
        series="Communications in Computer and Information Science",
        volume="1326",
        doi="10.1007/978-3-030-64919-7_7",
    ),
    article(
        "diaconis1979",
        "Diaconis and Ylvisaker 1979",
        "Diaconis, Persi and Ylvisaker, Donald",
        "Conjugate priors for exponential families",
        "The Annals of Statistics",
        "10.1214/aos/1176344611",
        volume="7",
        number="2",
        pages="269--281",
    ),
    article(
        "wang2011",
        "Wang and Dunson 2011",
        "Wang, Lianming and Dunson, David B.",
        "Fast {Bayesian} inference in {Dirichlet} process mixture models",
        "Journal of Computational and Graphical Statistics",
        "10.1198/jcgs.2010.07081",
        volume="20",
        number="1",
        pages="196--216",
    ),
    article(
        "fearnhead2004",
        "Fearnhead 2004",
        "Fearnhead, Paul",
        "Particle filters for mixture models with an unknown number of components",
        "Statistics and Computing",
        "10.1023/B:STCO.0000009418.04621.cd",
        volume="14",
        pages="11--21",
    ),
    other(
        "rescorla1972",
        "Rescorla and Wagner 1972",
        "incollection",
        ("Rescorla and Wagner (1972)",),
        "Rescorla, Robert A. and Wagner, Allan R.",
        "A theory of {Pavlovian} conditioning: Variations in the effectiveness of reinforcement and "
        "nonreinforcement",
        booktitle="Classical Conditioning {II}: Current Research and Theory",
        editor="Black, Abraham H. and Prokasy, William F.",
        publisher="Appleton-Century-Crofts",
        pages="64--99",
    ),
    article(
        "pearce1980",
        "Pearce and Hall 1980",
        "Pearce, John M. and Hall, Geoffrey",
        "A model for {Pavlovian} learning: Variations in the effectiveness of conditioned but not of "
        "unconditioned stimuli",
        "Psychological Review",
        "10.1037/0033-295X.87.6.532",
        volume="87",
        number="6",
        pages="532--552",
    ),
    other(
        "sutton1992",
        "Sutton 1992",
        "inproceedings",
        ("Sutton (1992)",),
        "Sutton, Richard S.",
        "Gain adaptation beats least squares?",
        booktitle="Proceedings of the Seventh {Yale} Workshop on Adaptive and Learning Systems",
        pages="161--166",
    ),
    article(
        "kalman1960",
        "Kalman 1960",
        "Kalman, Rudolf E.",
        "A new approach to linear filtering and prediction problems",
        "Journal of Basic Engineering",
        "10.1115/1.3662552",
        volume="82",
        number="1",
        pages="35--45",
    ),
    article(
        "rabiner1989",
        "Rabiner 1989",
        "Rabiner, Lawrence R.",
        "A tutorial on hidden {Markov} models and selected applications in speech recognition",
        "Proceedings of the IEEE",
        "10.1109/5.18626",
        volume="77",
        number="2",
        pages="257--286",
    ),
    article(
        "frassle2021",
        "Frässle et al. 2021",
        'Fr{\\"a}ssle, Stefan and others',
        "{TAPAS}: An open-source software package for translational neuromodeling and computational "
        "psychiatry",
        "Frontiers in Psychiatry",
        "10.3389/fpsyt.2021.680811",
        volume="12",
        pages="680811",
    ),
)
"""Behind kinds of node, couplings, expansions and families."""
