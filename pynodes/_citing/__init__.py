"""Citing: the papers behind a model, and with what it was computed, for a methods section."""
