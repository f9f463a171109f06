"""What a daemon takes of the configuration, and how it comes by it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from offpeakd.app.configuration import TargetCloud, clouds_of, load_settings, rules_of
from offpeakd.core.values import value

if TYPE_CHECKING:
    from offpeakd.service.rules import Rules
    from offpeakd.settings.database_place import DatabasePlace
    from offpeakd.settings.load import Loaded


@value
class DaemonConfiguration:
    """What a daemon takes of the configuration: values that know nothing of files and validation.

    Attributes:
        log_level: what is logged.
        log_format: how it looks.
        database: where it is.
        lease_ttl: how long a silent daemon keeps its claims, on PostgreSQL.
        rules: that decide, for every target.
        clouds: every target's.
        warnings: what is allowed and hardly meant, each a sentence.
    """

    log_level: str
    log_format: str
    database: "DatabasePlace"
    lease_ttl: timedelta
    rules: "Rules"
    clouds: tuple[TargetCloud, ...]
    warnings: tuple[str, ...]


def daemon_configuration(loaded: "Loaded", environ: Mapping[str, str]) -> DaemonConfiguration:
    """What a daemon takes of a configuration that was read."""
    from offpeakd.settings.references import database_place

    settings = loaded.settings
    return DaemonConfiguration(
        log_level=settings.log.level,
        log_format=settings.log.format,
        database=database_place(loaded, environ),
        lease_ttl=settings.lease.ttl,
        rules=rules_of(loaded),
        clouds=clouds_of(loaded, environ),
        warnings=loaded.warnings,
    )


def read_daemon_configuration(
    config: Path | None, environ: Mapping[str, str], cwd: Path
) -> DaemonConfiguration:
    """Read it.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    return daemon_configuration(load_settings(config, environ, cwd), environ)


def read_while_loading(read: Callable[[], DaemonConfiguration]) -> DaemonConfiguration:
    """Read it in a process of its own, and load what a daemon is made of meanwhile.

    To check a configuration takes a third of what a start has to load, and a daemon at work needs
    none of it.

    Args:
        read: as `read_daemon_configuration` does.

    Raises:
        OffpeakdError: what `read` raised.
    """
    from offpeakd.adapters.head_start import begun_aside
    from offpeakd.app.loading import load_parts

    with begun_aside(read) as result:
        load_parts()
        return result()
