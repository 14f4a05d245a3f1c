"""Keeping: how things are written to files and read again: whole, or not at all."""
