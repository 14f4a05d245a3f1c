"""Sampling: draws from posteriors, of one subject or of a whole study."""
