"""Running a program: the sweeps, the loop over time, and the network that wraps them."""
