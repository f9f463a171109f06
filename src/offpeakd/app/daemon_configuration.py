"""What a daemon takes of the configuration, and how it comes by it."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
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


def read_while_loading(
    config: Path | None, environ: Mapping[str, str], cwd: Path
) -> DaemonConfiguration:
    """Read it in a process of its own, and load what a daemon is made of meanwhile.

    What checks a configuration takes longer to load than what a daemon is made of, and a daemon at
    work needs none of it.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    from offpeakd.adapters.head_start import begun_aside
    from offpeakd.app.loading import load_driver, load_parts
    from offpeakd.settings.first_look import names_postgresql

    with begun_aside(partial(read_daemon_configuration, config, environ, cwd)) as result:
        load_parts()
        if names_postgresql(config, environ, cwd):
            load_driver()
        return result()
