"""Results by name: what every node believed at every step."""
