"""The machine and the versions on it."""

from offpeakd.ports import Clock


def system_clock() -> Clock:
    """The machine's clocks."""
    from offpeakd.adapters.clock import SystemClock

    return SystemClock()


def versions() -> dict[str, str]:
    """Versions of this program and of what its answers depend on."""
    import platform
    import sqlite3

    from offpeakd import __version__
    from offpeakd.adapters import zone_data
    from offpeakd.adapters.sql.schema import LATEST

    return {
        "version": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "tzdata": zone_data.version(),
        "schema": LATEST,
    }
