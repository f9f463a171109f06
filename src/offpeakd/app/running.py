"""The daemon, put together."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from offpeakd.app.credentials import check_credentials
from offpeakd.app.daemon_configuration import DaemonConfiguration
from offpeakd.app.databases import open_store_at
from offpeakd.app.served import Served
from offpeakd.app.surroundings import system_clock
from offpeakd.app.targets import LaneParts, lane_of
from offpeakd.core.errors import OffpeakdError
from offpeakd.ports import Store

if TYPE_CHECKING:
    from offpeakd.daemon import Daemon
    from offpeakd.lanes import TargetLane


def run_daemon(
    configuration: DaemonConfiguration,
    reread: Callable[[], DaemonConfiguration],
    environ: Mapping[str, str],
    *,
    until_idle: bool = False,
    only: tuple[str, ...] = (),
    log_to: TextIO | None = None,
    built: Callable[[], None] = lambda: None,
) -> int:
    """Run the daemon until a signal, idleness or a defect ends it.

    Args:
        configuration: to start with.
        reread: reads it anew, for SIGHUP.
        environ: for credentials and the service manager.
        until_idle: stop when nothing is left to do.
        only: patterns of the targets that this daemon serves; all of them unless told.
        log_to: where log lines go; standard error unless told.
        built: told when everything is loaded and made, before the daemon starts to work.

    Returns:
        the exit code.

    Raises:
        CredentialsError: a key file is missing or unusable.
        DaemonRunningError: another daemon holds the database.
        DatabaseError: the database can't be used.
        UsageError: no target is left to serve.
    """
    from offpeakd.adapters import logs
    from offpeakd.adapters.sql.lock import DatabaseLock

    logs.configure(configuration.log_level, configuration.log_format, log_to)
    served = Served(only)
    check_credentials(served.clouds(configuration.clouds), environ)
    owner = uuid4().hex
    with DatabaseLock(configuration.database.url):
        database = configuration.database.address()
        store = open_store_at(database, owner, configuration.lease_ttl)
        try:
            daemon = _daemon(
                configuration,
                reread,
                environ,
                store,
                database,
                owner,
                served,
                until_idle=until_idle,
            )
            built()
            return int(daemon.run())
        finally:
            store.close()


def _daemon(
    configuration: DaemonConfiguration,
    reread: Callable[[], DaemonConfiguration],
    environ: Mapping[str, str],
    store: Store,
    database: str,
    owner: str,
    served: Served,
    *,
    until_idle: bool,
) -> "Daemon":
    from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys
    from offpeakd.adapters.sql.hints import hints_of
    from offpeakd.adapters.systemd import SystemdNotifier
    from offpeakd.core.zone_names import forget_zones
    from offpeakd.daemon import Configured, Daemon
    from offpeakd.service.holds import Vitals
    from offpeakd.service.progress import Progress
    from offpeakd.service.rules import CurrentRules

    clock = system_clock()
    stopping = threading.Event()
    rules = CurrentRules(served.rules(configuration.rules))
    vitals = Vitals(clock.now())
    progress = Progress(clock)
    keys = RefusedKeys(clock)
    parts = LaneParts(owner, store, clock, rules, stopping, environ, vitals, keys, progress)

    def configured(by: DaemonConfiguration, running: "Mapping[str, TargetLane]") -> Configured:
        lanes = {
            cloud.target: lane_of(cloud, running.get(cloud.target), parts)
            for cloud in served.clouds(by.clouds)
        }
        return Configured(served.rules(by.rules), lanes)

    def reload(running: "Mapping[str, TargetLane]") -> Configured:
        forget_zones()
        new = _read_anew(reread)
        check_credentials(served.clouds(new.clouds), environ)
        return configured(new, running)

    return Daemon(
        owner=owner,
        store=store,
        clock=clock,
        notifier=SystemdNotifier.from_environment(environ),
        rules=rules,
        lanes=configured(configuration, {}).lanes,
        reload=reload,
        stopping=stopping,
        vitals=vitals,
        progress=progress,
        until_idle=until_idle,
        hints=hints_of(database, clock),
    )


def _read_anew(reread: Callable[[], DaemonConfiguration]) -> DaemonConfiguration:
    """Read it; whatever keeps it from being read leaves the old one in force.

    What reads it was not loaded at the start, and may be of a newer version by now.
    """
    try:
        return reread()
    except OffpeakdError:
        raise
    except Exception as error:
        raise OffpeakdError(
            f"the configuration can't be read ({type(error).__name__}: {error})",
            fix="If offpeakd was upgraded since the daemon started, restart the daemon.",
        ) from error
