"""What travels along edges, what a node holds, and how evidence becomes a posterior."""
