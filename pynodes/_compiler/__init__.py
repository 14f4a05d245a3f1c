"""From a graph with names to a schedule with groups, and arrays that say who is attached to whom."""
