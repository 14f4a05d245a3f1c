"""Independent references in numpy: they share no code with the engine that they judge."""
