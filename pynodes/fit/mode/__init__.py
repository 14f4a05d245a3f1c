"""The mode of a posterior, and the evidence around it."""
