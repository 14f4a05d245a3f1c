"""Words: what people of the field search for, and the page that answers it.

Entries of the index come before texts and names of code in the search of the site, so that a word leads to
the page that explains it, whatever functions are called like it. The search matches a query that is at least
half of an entry; so an entry is a term of the field, as a person would type it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

WORDS = {
    "start": ("filtering", "installation", "first steps", "tutorial", "getting started"),
    "models": (
        "HGF",
        "hierarchical Gaussian filter",
        "binary HGF",
        "continuous HGF",
        "premade models",
    ),
    "coming_from": (
        "TAPAS",
        "pyhgf",
        "HGF toolbox",
        "HierarchicalGaussianFiltering.jl",
        "hBayesDM",
    ),
    "theory/value": (
        "precision",
        "prediction error",
        "precision weighting",
        "precision-weighted prediction error",
    ),
    "theory/volatility": ("volatility", "volatility prediction error", "kappa", "omega", "noise"),
    "theory/expansions": ("eHGF", "enhanced HGF", "approximation"),
    "theory/unbounded": ("uHGF", "unbounded HGF"),
    "theory/surprise": ("surprise", "free energy", "log evidence", "model evidence"),
    "theory/missing": (
        "missing data",
        "missing observation",
        "ignored trials",
        "missing trials",
        "irregular intervals",
        "inter-trial interval",
    ),
    "theory/smoothing": ("smoothing", "smoother"),
    "theory/calibration": ("calibration", "coverage"),
    "theory/binary": ("perceptual uncertainty",),
    "theory/leaving_out": ("leave-one-out", "cross-validation", "PSIS", "LOO", "WAIC"),
    "learners": (
        "Rescorla-Wagner",
        "Pearce-Hall",
        "delta rule",
        "Kalman filter",
        "reinforcement learning",
        "learning rate",
        "hidden Markov model",
    ),
    "agents": ("reversal learning", "priors", "lapse rate", "perseveration", "prior predictive"),
    "responses": (
        "missing response",
        "response model",
        "observation model",
        "softmax",
        "inverse temperature",
        "reaction times",
    ),
    "environments": ("bandit", "restless bandit", "reversal task"),
    "acting": ("closed loop", "planning", "active inference", "forecast"),
    "fitting": (
        "parameter estimation",
        "maximum a posteriori",
        "parameter recovery",
        "model comparison",
        "Bayesian model selection",
        "exceedance probability",
        "condition effects",
        "within-subject conditions",
    ),
    "fits": (
        "fMRI",
        "EEG",
        "regressors",
        "parametric modulators",
        "BIDS",
        "posterior predictive check",
    ),
    "groups": (
        "group comparison",
        "group differences",
        "partial pooling",
        "hierarchical model",
        "random effects",
        "hierarchical Bayes",
        "empirical Bayes",
        "mixed effects",
        "shrinkage",
    ),
    "sampling": ("MCMC", "NUTS", "SMC", "divergences", "posterior"),
    "studies": (
        "power analysis",
        "sample size",
        "identifiability",
        "model recovery",
        "experimental design",
    ),
    "reporting": ("methods section", "reproducibility", "random seed"),
    "deep": ("predictive coding", "neural network", "deep learning", "backpropagation"),
    "structure": ("structure learning", "causal discovery", "Granger causality", "graph search"),
    "families": ("exponential family", "conjugate prior", "Dirichlet process"),
    "explorer": ("interactive", "visualisation"),
    "keeping": ("saving", "loading", "file format"),
    "citing": ("citation", "references"),
}
"""Words by page; each leads to one page."""


class IndexWords(SphinxTransform):
    """Entries of the index at the top of the pages that answer them, below the title."""

    default_priority: ClassVar = 500  # before the index of a page is read, at 850

    def apply(self, **_options: Any) -> None:
        """Add the page's entries."""
        words = WORDS.get(self.env.docname, ())
        section = next(iter(self.document.findall(nodes.section)), None)
        if words and section is not None:
            target = section["ids"][0]
            entries = [("single", word, target, "main", None) for word in words]
            # After the title, which Sphinx takes from the first place of a section.
            section.insert(1, addnodes.index(entries=entries, inline=False))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_transform(IndexWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
