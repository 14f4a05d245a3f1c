"""Fits, agents and trials in files."""
