"""Puts the parts together: the only place that picks adapters.

Imports stand inside the functions, so that a command pays only for what it uses.
"""

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from uuid import uuid4

from offpeakd.core.calendar import Calendar
from offpeakd.core.errors import CredentialsError, Problem, UsageError
from offpeakd.core.model import Policy
from offpeakd.ports import Clock, Hints, Store

if TYPE_CHECKING:
    from offpeakd.adapters.huaweicloud.address import Address
    from offpeakd.adapters.huaweicloud.credentials.references import Reference
    from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys
    from offpeakd.adapters.sql.schema import Schema, Upgraded
    from offpeakd.daemon import Daemon
    from offpeakd.lanes import TargetLane
    from offpeakd.service.holds import Vitals
    from offpeakd.service.progress import Progress
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.rules import CurrentRules, Rules
    from offpeakd.settings.convert import TargetSettings
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


def open_store(loaded: "Loaded", environ: Mapping[str, str], owner: str = "command") -> Store:
    """Open the database, creating it on first use.

    Args:
        loaded: the configuration.
        environ: for where a password file lies.
        owner: random id of a daemon's run; commands claim nothing and keep the default.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.adapters.sql.schema import ensure
    from offpeakd.adapters.sql.store import SqlStore
    from offpeakd.settings.references import database_address

    url = database_address(loaded, environ)
    ensure(url)
    return SqlStore(url, owner, lease_ttl=loaded.settings.lease.ttl)


def upgrade_database(loaded: "Loaded", environ: Mapping[str, str], now: datetime) -> "Upgraded":
    """Bring the database's schema up to date; a SQLite file is saved first.

    Raises:
        DaemonRunningError: a daemon works on that SQLite file.
        DatabaseError: it can't be used, or was written by something else.
    """
    from offpeakd.adapters.sql.lock import DatabaseLock
    from offpeakd.adapters.sql.schema import upgrade
    from offpeakd.settings.references import database_address

    url = database_address(loaded, environ)
    with DatabaseLock(url):
        return upgrade(url, now)


def database_schema(loaded: "Loaded", environ: Mapping[str, str]) -> "Schema":
    """Which schema the database has; changes nothing.

    Raises:
        DatabaseError: it can't be reached or read.
    """
    from offpeakd.adapters.sql.schema import current
    from offpeakd.settings.references import database_address

    return current(database_address(loaded, environ))


def check_database(loaded: "Loaded", environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the database, a sentence each.

    Raises:
        DatabaseError: it can't be reached or read, or has another schema.
    """
    from offpeakd.adapters.sql.schema import check
    from offpeakd.settings.references import database_address

    return check(database_address(loaded, environ))


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
    _check_credentials(loaded, environ, served)
    owner = uuid4().hex
    with DatabaseLock(loaded.settings.database.url):
        store = open_store(loaded, environ, owner)
        try:
            daemon = _daemon(loaded, reread, environ, store, owner, served, until_idle=until_idle)
            built()
            return int(daemon.run())
        finally:
            store.close()


@dataclass(frozen=True, slots=True)
class Served:
    """Which targets a daemon serves.

    Attributes:
        patterns: shell patterns of their names; without any, every target is served.
    """

    patterns: tuple[str, ...] = ()

    def __contains__(self, target: str) -> bool:
        return not self.patterns or any(fnmatchcase(target, one) for one in self.patterns)

    def rules(self, loaded: "Loaded") -> "Rules":
        """The rules, of the targets that are served."""
        rules = rules_of(loaded)
        return replace(
            rules,
            in_flight={name: most for name, most in rules.in_flight.items() if name in self},
            elsewhere=frozenset(name for name in rules.in_flight if name not in self),
        )

    def check(self, loaded: "Loaded") -> None:
        """See that a target is left.

        Raises:
            UsageError: no target's name fits any of the patterns.
        """
        names = sorted(loaded.settings.targets)
        if not any(name in self for name in names):
            raise UsageError(
                f"no target fits --targets {' '.join(self.patterns)}",
                fix=f"The targets are: {', '.join(names)}.",
            )


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
            target.name: _lane(
                _address(target, of, environ),
                _reference(target, of, environ),
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
        _check_credentials(new, environ, served)
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


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What the lanes of one daemon share."""

    owner: str
    store: Store
    clock: Clock
    rules: "CurrentRules"
    stopping: threading.Event
    environ: Mapping[str, str]
    vitals: "Vitals"
    keys: "RefusedKeys"
    progress: "Progress"

    def take_call(self, target: str, most: int) -> timedelta | None:
        """Count a read against what all daemons may ask; each is a step of its pass."""
        self.progress.step()
        return self.store.take_call(target, most)


def _lane(
    address: "Address", reference: "Reference", running: "TargetLane | None", parts: LaneParts
) -> "TargetLane":
    """A target's services; those that run already where nothing about the target has changed."""
    from offpeakd.adapters.huaweicloud.client import DdsCloud
    from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
    from offpeakd.lanes import TargetLane
    from offpeakd.service.follow_up import FollowUp
    from offpeakd.service.holds import Holds
    from offpeakd.service.inventory import Inventory
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.release import Release

    identity = (address, reference)
    if running is not None and running.identity == identity:
        return running
    credentials = open_credentials(reference, address, parts.clock, parts.environ)
    cloud = DdsCloud(
        address,
        credentials,
        parts.clock,
        keys=parts.keys,
        shared=lambda most: parts.take_call(address.name, most),
    )
    inventory = Inventory(address.name, cloud, parts.store, parts.clock)
    holds = Holds(
        address.name, parts.vitals, parts.store, cloud, inventory, parts.clock, parts.rules
    )
    release = Release(
        address.name,
        parts.owner,
        parts.store,
        cloud,
        inventory,
        parts.clock,
        parts.rules,
        holds,
        parts.stopping,
    )
    follow_up = FollowUp(address.name, parts.store, cloud, parts.clock, parts.rules)
    reconcile = Reconcile(address.name, parts.store, cloud, parts.clock, parts.rules)
    return TargetLane(address.name, identity, release, follow_up, reconcile, holds, cloud.close)


@contextmanager
def reconciler(
    loaded: "Loaded", environ: Mapping[str, str], store: Store, clock: Clock, target: str
) -> "Generator[Reconcile]":
    """One target's reconciling, for a command.

    Args:
        loaded: the configuration.
        environ: for credentials.
        store: opened.
        clock: for when.
        target: its name in the configuration.

    Raises:
        CredentialsError: its key files are missing or unusable.
    """
    from offpeakd.adapters.huaweicloud.client import DdsCloud
    from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.rules import CurrentRules
    from offpeakd.settings.convert import targets_of

    one = next(one for one in targets_of(loaded.settings) if one.name == target)
    address = _address(one, loaded, environ)
    credentials = open_credentials(_reference(one, loaded, environ), address, clock, environ)
    cloud = DdsCloud(address, credentials, clock, shared=lambda most: store.take_call(target, most))
    try:
        yield Reconcile(target, store, cloud, clock, CurrentRules(rules_of(loaded)))
    finally:
        cloud.close()


def rules_of(loaded: "Loaded") -> "Rules":
    """What decides, as the services see it."""
    from offpeakd.adapters import zone_data
    from offpeakd.service.rules import Rules

    return Rules(
        calendar=calendar(loaded),
        policy=policy(loaded),
        in_flight={name: one.in_flight for name, one in loaded.settings.targets.items()},
        config_hash=loaded.hash,
        tzdata_version=zone_data.version(),
        calls_per_minute={
            name: one.requests_per_minute for name, one in loaded.settings.targets.items()
        },
    )


def _address(target: "TargetSettings", loaded: "Loaded", environ: Mapping[str, str]) -> "Address":
    from offpeakd.adapters.huaweicloud.address import Address
    from offpeakd.settings.references import credential_path

    folder = loaded.folder
    ca_file = str(credential_path(target.ca_file, environ, folder)) if target.ca_file else None
    return Address(
        name=target.name,
        region=target.region,
        project_id=target.project_id,
        endpoint=target.endpoint,
        iam_endpoint=target.iam_endpoint,
        requests_per_minute=target.requests_per_minute,
        ca_file=ca_file,
    )


def _reference(
    target: "TargetSettings", loaded: "Loaded", environ: Mapping[str, str]
) -> "Reference":
    from offpeakd.adapters.huaweicloud.credentials import references
    from offpeakd.settings.models import (
        AccessKeySection,
        EcsAgencySection,
        PasswordSection,
        TokenFileSection,
    )
    from offpeakd.settings.references import credential_path

    def at(text: str) -> Path:
        return credential_path(text, environ, loaded.folder)

    match target.credentials:
        case None:
            return references.EnvironmentKeys()
        case AccessKeySection(
            access_key_file=access, secret_key_file=secret, security_token_file=token
        ):
            return references.AccessKeyFiles(at(access), at(secret), at(token) if token else None)
        case PasswordSection(user=user, domain=domain, password_file=password):
            return references.PasswordFile(user, domain, at(password), target.project_id)
        case TokenFileSection(path=path):
            return references.TokenFile(at(path))
        case EcsAgencySection():
            return references.EcsAgency()


def credential_problems(
    loaded: "Loaded", environ: Mapping[str, str], served: Served = Served()
) -> tuple[Problem, ...]:
    """What is wrong with the files that the configuration names for keys and tokens."""
    from offpeakd.adapters.huaweicloud.credentials.opening import check_credentials
    from offpeakd.settings.convert import targets_of

    return tuple(
        problem
        for target in targets_of(loaded.settings)
        if target.name in served
        for problem in check_credentials(_reference(target, loaded, environ), environ)
    )


def _check_credentials(loaded: "Loaded", environ: Mapping[str, str], served: Served) -> None:
    problems = credential_problems(loaded, environ, served)
    if problems:
        raise CredentialsError("\n".join(str(problem) for problem in problems))
