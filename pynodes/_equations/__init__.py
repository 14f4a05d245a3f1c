"""Equations: the generative model of a graph in LaTeX, kind by kind."""
