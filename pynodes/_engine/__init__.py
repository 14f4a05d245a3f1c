"""The engine: two sweeps, what travels along edges, the scheme, and the loop over time."""
