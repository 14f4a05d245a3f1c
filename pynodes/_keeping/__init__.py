"""Keeping: graphs, networks, states and trajectories in files, and back."""
