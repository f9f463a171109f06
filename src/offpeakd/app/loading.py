"""What every daemon is made of, whatever its configuration says."""

# pyright: reportUnusedImport=false

from contextlib import suppress


def load_parts() -> None:
    """Load it, so that putting a daemon together takes no time."""
    import offpeakd.adapters.huaweicloud.client
    import offpeakd.adapters.huaweicloud.credentials.opening
    import offpeakd.adapters.huaweicloud.refused_keys
    import offpeakd.adapters.logs
    import offpeakd.adapters.sql.hints
    import offpeakd.adapters.sql.lock
    import offpeakd.adapters.sql.schema
    import offpeakd.adapters.sql.store
    import offpeakd.adapters.systemd
    import offpeakd.core.zone_names
    import offpeakd.daemon  # noqa: F401


def load_driver() -> None:
    """Load the driver of PostgreSQL, which takes as long as half of the parts.

    Where it can't be loaded, whoever needs it will say so.
    """
    from offpeakd.adapters.sql.drivers import load_postgresql

    with suppress(ImportError):
        load_postgresql()
