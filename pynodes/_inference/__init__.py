"""Inference: priors, searches for modes, evidence and group comparison, whatever the model is."""
