"""``python -m pynodes``: the demo, and filtering a file."""

import sys

from pynodes.command.main import main

if __name__ == "__main__":
    sys.exit(main())
