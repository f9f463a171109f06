"""`offpeakd`, and `python -m offpeakd`."""

import gc
import sys


def main() -> int:
    """Run the command that this process was started for; its exit code."""
    # Hardly anything that is loaded is garbage, and looking for it takes a tenth of the time.
    gc.disable()
    from offpeakd.cli.main import main as command  # noqa: PLC0415 - not before that

    gc.enable()
    return command()


if __name__ == "__main__":
    sys.exit(main())
