"""The daemon, put together."""

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from offpeakd.app.configuration import address_of, reference_of
from offpeakd.app.credentials import check_credentials
from offpeakd.app.databases import open_store
from offpeakd.app.served import Served
from offpeakd.app.surroundings import system_clock
from offpeakd.app.targets import LaneParts, lane_of
from offpeakd.ports import Clock, Hints, Store

if TYPE_CHECKING:
    from offpeakd.daemon import Daemon
    from offpeakd.lanes import TargetLane
    from offpeakd.settings.load import Loaded


def run_daemon(
    loaded: "Loaded",
    reread: Callable[[], "Loaded"],
    environ: Mapping[str, str],
    *,
    until_idle: bool = False,
    only: tuple[str, ...] = (),
    log_to: TextIO | None = None,
    built: Callable[[], None] = lambda: None,
) -> int:
    """Run the daemon until a signal, idleness or a defect ends it.

    Args:
        loaded: the configuration to start with.
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

    log = loaded.settings.log
    logs.configure(log.level, log.format, log_to)
    served = Served(only)
    served.check(loaded)
    check_credentials(loaded, environ, served)
    owner = uuid4().hex
    with DatabaseLock(loaded.settings.database.url):
        store = open_store(loaded, environ, owner)
        try:
            daemon = _daemon(loaded, reread, environ, store, owner, served, until_idle=until_idle)
            built()
            return int(daemon.run())
        finally:
            store.close()


def _daemon(
    loaded: "Loaded",
    reread: Callable[[], "Loaded"],
    environ: Mapping[str, str],
    store: Store,
    owner: str,
    served: Served,
    *,
    until_idle: bool,
) -> "Daemon":
    from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys
    from offpeakd.adapters.systemd import SystemdNotifier
    from offpeakd.core.zone_names import forget_zones
    from offpeakd.daemon import Configured, Daemon
    from offpeakd.service.holds import Vitals
    from offpeakd.service.progress import Progress
    from offpeakd.service.rules import CurrentRules
    from offpeakd.settings.convert import targets_of

    clock = system_clock()
    stopping = threading.Event()
    rules = CurrentRules(served.rules(loaded))
    vitals = Vitals(clock.now())
    progress = Progress(clock)
    keys = RefusedKeys(clock)
    parts = LaneParts(owner, store, clock, rules, stopping, environ, vitals, keys, progress)

    def lanes(of: "Loaded", running: "Mapping[str, TargetLane]") -> "dict[str, TargetLane]":
        return {
            target.name: lane_of(
                address_of(target, of, environ),
                reference_of(target, of, environ),
                running.get(target.name),
                parts,
            )
            for target in targets_of(of.settings)
            if target.name in served
        }

    def reload(running: "Mapping[str, TargetLane]") -> Configured:
        forget_zones()
        new = reread()
        served.check(new)
        check_credentials(new, environ, served)
        return Configured(served.rules(new), lanes(new, running))

    return Daemon(
        owner=owner,
        store=store,
        clock=clock,
        notifier=SystemdNotifier.from_environment(environ),
        rules=rules,
        lanes=lanes(loaded, {}),
        reload=reload,
        stopping=stopping,
        vitals=vitals,
        progress=progress,
        until_idle=until_idle,
        hints=_hints(loaded, environ, clock),
    )


def _hints(loaded: "Loaded", environ: Mapping[str, str], clock: Clock) -> Hints | None:
    """PostgreSQL tells when there is something to do; on SQLite there is nobody to tell it."""
    from offpeakd.adapters.sql.hints import hints_of
    from offpeakd.settings.references import database_address

    return hints_of(database_address(loaded, environ), clock)
