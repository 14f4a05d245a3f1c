"""Bridges: agents and data as models of other packages, for those who go on there."""
