"""Agents, and the likelihood of what they saw and did."""
