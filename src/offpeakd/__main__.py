"""`python -m offpeakd`: the same as the command."""

import sys

from offpeakd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
