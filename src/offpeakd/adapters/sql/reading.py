"""Requests and what became of them, as people and rare chores ask for them."""

from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.conditions import HAS_ENDED, IS_LIVE, IS_READY
from offpeakd.adapters.sql.rows import (
    ATTEMPT_COLUMNS,
    DAEMON_COLUMNS,
    EVENT_COLUMNS,
    INSTANCE_COLUMNS,
    REQUEST_COLUMNS,
    attempt_of,
    daemon_of,
    event_of,
    instance_of,
    request_of,
)
from offpeakd.adapters.sql.tables import attempt, columns, event, instance, lease, request
from offpeakd.core.model import Request
from offpeakd.core.seen import Instance
from offpeakd.ports import AttemptRecord, DaemonRow, Event

_REQUESTS: Final = sa.select(*columns(request, REQUEST_COLUMNS))
_ATTEMPTS: Final = sa.select(*columns(attempt, ATTEMPT_COLUMNS))


def request_by_id(connection: sa.Connection, request_id: int) -> Request | None:
    """See `ports.Ledger.get`."""
    return _first(connection, _REQUESTS.where(request.c.id == request_id))


def latest_of(connection: sa.Connection, instance_id: str) -> Request | None:
    """See `ports.Ledger.latest`."""
    here = _REQUESTS.where(request.c.instance_id == instance_id).order_by(request.c.id.desc())
    live = _first(connection, here.where(sa.text(IS_LIVE)))
    return live or _first(connection, here.where(sa.text(HAS_ENDED)))


def ahead_of(connection: sa.Connection, one: Request) -> int:
    """See `ports.Ledger`; counts the index from its beginning up to the request."""
    wanted = (
        sa.select(sa.func.count())
        .select_from(request)
        .where(
            request.c.target == one.target,
            request.c.group_name == one.group,
            sa.text(IS_READY),
            sa.tuple_(request.c.priority, request.c.id)
            < sa.tuple_(sa.literal(one.priority), sa.literal(one.id)),
        )
    )
    return int(connection.execute(wanted).scalar_one())


def events_of(connection: sa.Connection, request_id: int) -> tuple[Event, ...]:
    """See `ports.Ledger.events`."""
    wanted = (
        sa.select(*columns(event, EVENT_COLUMNS))
        .where(event.c.request_id == request_id)
        .order_by(event.c.id)
    )
    return tuple(event_of(row) for row in connection.execute(wanted).all())


def attempts_of(connection: sa.Connection, request_id: int) -> tuple[AttemptRecord, ...]:
    """See `ports.Ledger.attempts`."""
    wanted = _ATTEMPTS.where(attempt.c.request_id == request_id).order_by(
        attempt.c.signed_at, attempt.c.id
    )
    return tuple(attempt_of(row) for row in connection.execute(wanted).all())


def attempt_by_id(connection: sa.Connection, attempt_id: str) -> AttemptRecord | None:
    """See `ports.Queue.batch_of`."""
    row = connection.execute(_ATTEMPTS.where(attempt.c.id == attempt_id)).one_or_none()
    return None if row is None else attempt_of(row)


def daemons(connection: sa.Connection) -> tuple[DaemonRow, ...]:
    """See `ports.Controls`."""
    wanted = sa.select(*columns(lease, DAEMON_COLUMNS)).order_by(
        lease.c.beat_at.desc(), lease.c.owner
    )
    return tuple(daemon_of(row) for row in connection.execute(wanted).all())


def instance_by_id(connection: sa.Connection, target: str, instance_id: str) -> Instance | None:
    """See `ports.Controls.instance`."""
    wanted = sa.select(*columns(instance, INSTANCE_COLUMNS)).where(
        instance.c.target == target, instance.c.id == instance_id
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else instance_of(row)


def _first(connection: sa.Connection, wanted: sa.Select[Any]) -> Request | None:
    row = connection.execute(wanted.limit(1)).first()
    return None if row is None else request_of(row)
