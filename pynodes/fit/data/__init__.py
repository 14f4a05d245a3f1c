"""Data: the trials of a frame, and where each goes."""
