"""Names of environment variables."""

from typing import Final

PREFIX: Final = "OFFPEAKD_"
"""Of every variable that sets something."""

CONFIG: Final = f"{PREFIX}CONFIG"
"""Names the configuration's file."""
