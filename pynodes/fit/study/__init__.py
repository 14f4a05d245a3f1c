"""Whole studies: simulated, predicted, recovered."""
