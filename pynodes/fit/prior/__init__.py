"""Priors, and the lines on which parameters are searched."""
