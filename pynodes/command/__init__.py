"""The command line: ``pynodes demo`` and ``pynodes filter``."""
