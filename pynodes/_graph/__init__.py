"""The specification of a network: an immutable graph, its rules, and its exchange formats."""
