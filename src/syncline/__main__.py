"""``python -m syncline``: the command, for launchers that want a module."""

import sys

from syncline.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
