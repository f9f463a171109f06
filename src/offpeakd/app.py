"""Puts the parts together: the only place that picks adapters.

Imports stand inside the functions, so that a command pays only for what it uses.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from offpeakd.core.calendar import Calendar
from offpeakd.core.model import Policy
from offpeakd.ports import Clock, Store

if TYPE_CHECKING:
    from offpeakd.settings.load import Loaded


def load_settings(config: Path | None, environ: Mapping[str, str], cwd: Path) -> "Loaded":
    """Read, merge and validate the configuration.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    from offpeakd.settings.load import load

    return load(config, environ, cwd)


def calendar(loaded: "Loaded") -> Calendar:
    """The windows and freezes of the configuration."""
    from offpeakd.settings.convert import calendar_of

    return calendar_of(loaded.settings)


def policy(loaded: "Loaded") -> Policy:
    """The limits and patience of the configuration."""
    from offpeakd.settings.convert import policy_of

    return policy_of(loaded.settings)


def system_clock() -> Clock:
    """The machine's clocks."""
    from offpeakd.adapters.clock import SystemClock

    return SystemClock()


def open_store(loaded: "Loaded", owner: str = "command") -> Store:
    """Open the database, creating it on first use.

    Args:
        loaded: the configuration.
        owner: random id of a daemon's run; commands claim nothing and keep the default.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.adapters.sql.schema import ensure
    from offpeakd.adapters.sql.store import SqlStore

    url = loaded.settings.database.url
    ensure(url)
    return SqlStore(url, owner)


__all__ = ["calendar", "load_settings", "open_store", "policy", "system_clock"]
