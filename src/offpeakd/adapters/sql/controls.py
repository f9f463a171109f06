"""Stops, signs of life, and what is known of instances."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, cast

import sqlalchemy as sa
from typing_extensions import override

from offpeakd.adapters.sql.changes import INSERT_EVENT
from offpeakd.adapters.sql.columns import Instant, instant_text
from offpeakd.adapters.sql.dialects import insert
from offpeakd.adapters.sql.instances import see_instances
from offpeakd.adapters.sql.prepared import Prepared, given
from offpeakd.adapters.sql.room import server_of, take_call
from offpeakd.adapters.sql.rows import (
    DAEMON_COLUMNS,
    INSTANCE_COLUMNS,
    STOP_COLUMNS,
    daemon_of,
    instance_of,
    stop_of,
)
from offpeakd.adapters.sql.schema import refuse_newer
from offpeakd.adapters.sql.tables import (
    HIGH_WATER,
    IS_FINAL,
    attempt,
    batch,
    control,
    instance,
    lease,
    request,
)
from offpeakd.adapters.sql.tally import fold
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.adapters.sql.turns import leave_turns, take_turn
from offpeakd.core.lane import Stop
from offpeakd.core.seen import Instance
from offpeakd.ports import Controls, DaemonRow

FORGET_SILENT_AFTER: Final = timedelta(days=1)
"""A daemon that has not been heard of for so long is no longer listed."""


_IDS_AT_ONCE: Final = 1000

# The gate asks before each call.
_STOPS: Final = Prepared(
    sa.select(*STOP_COLUMNS)
    .where(control.c.kind != sa.literal_column(f"'{HIGH_WATER}'"))
    .order_by(control.c.scope, control.c.kind)
)


class SqlControls(Controls):
    """`ports.Controls` on a database."""

    def __init__(self, database: Database, term: Term) -> None:
        self._database = database
        self._term = term

    @override
    def stops(self) -> tuple[Stop, ...]:
        [rows] = self._database.ask([(_STOPS, {})])
        return tuple(stop_of(row) for row in rows)

    @override
    def put_stop(self, stop: Stop) -> None:
        with self._database.write() as connection:
            connection.execute(self._upsert(control, _facts(stop)))
            detail = {
                "scope": stop.scope,
                "kind": stop.kind,
                "reason": stop.reason,
                "until": None if stop.until is None else instant_text(stop.until),
                "count": stop.count,
            }
            _append(connection, stop.since, "stopped", stop.actor, detail)

    @override
    def lift_stop(
        self,
        scope: str,
        kinds: frozenset[str],
        actor: str,
        reason: str,
        at: datetime | None = None,
    ) -> int:
        lifted = (
            sa.delete(control)
            .where(
                control.c.scope == scope,
                control.c.kind.in_(sorted(kinds - {HIGH_WATER})),
            )
            .returning(control.c.kind)
        )
        with self._database.write() as connection:
            found = sorted(connection.execute(lifted).scalars())
            if found:
                detail = {"scope": scope, "kinds": ", ".join(found), "reason": reason}
                _append(connection, at or self._time_of(connection), "lifted", actor, detail)
        return len(found)

    @override
    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        now, lapsed = self._clock(row.beat_at, self._term.ttl)
        _, silent = self._clock(row.beat_at, FORGET_SILENT_AFTER)
        passes = {target: instant_text(at) for target, at in row.passes.items()}
        upsert = self._upsert(
            lease,
            {**_facts(row), "passes": passes, "renewed_at": now, "epoch": self._term.epoch + 1},
            epoch=self._next_epoch(lapsed, new_term=new_term),
        )
        with self._database.write() as connection:
            refuse_newer(self._database, connection)
            server = server_of(self._database, connection)
            if not new_term and not self._stands(connection, row.owner, server):
                return False
            epoch = connection.execute(upsert.returning(lease.c.epoch)).scalar_one()
            connection.execute(sa.delete(lease).where(lease.c.renewed_at < silent))
        self._term.epoch, self._term.server = epoch, server
        self._term.told_at = row.beat_at if row.owner == self._term.owner else None
        return True

    @override
    def leave(self, owner: str) -> None:
        with self._database.write() as connection:
            connection.execute(sa.delete(lease).where(lease.c.owner == owner))
            leave_turns(self._database, connection, owner)
        self._term.told_at = None

    @override
    def take_turn(self, name: str, owner: str, length: timedelta) -> bool:
        return take_turn(self._database, name, owner, length)

    @override
    def take_call(self, target: str, per_minute: int) -> timedelta | None:
        if self._database.is_sqlite:
            # One daemon alone makes calls, and counts them itself.
            return None
        return take_call(self._database, target, per_minute)

    @override
    def daemons(self) -> tuple[DaemonRow, ...]:
        wanted = sa.select(*DAEMON_COLUMNS).order_by(lease.c.beat_at.desc(), lease.c.owner)
        with self._database.read() as connection:
            return tuple(daemon_of(row) for row in connection.execute(wanted).all())

    @override
    def see_instances(self, target: str, instances: Sequence[Instance]) -> None:
        see_instances(self._database, target, instances)

    @override
    def instance(self, target: str, instance_id: str) -> Instance | None:
        wanted = sa.select(*INSTANCE_COLUMNS).where(
            instance.c.target == target, instance.c.id == instance_id
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else instance_of(row)

    @override
    def high_water(self, now: datetime) -> datetime:
        mark = Stop("*", HIGH_WATER, "the latest time seen", "offpeakd", now)
        with self._database.write() as connection:
            [(seen,)] = self._raise_mark.rows(connection, _facts(mark))
            return _read_instant(seen, connection.dialect)

    @cached_property
    def _raise_mark(self) -> Prepared:
        """With each sign of life, however idle a daemon is."""
        values = {one.name: given(control.c[one.name]) for one in fields(Stop)}
        now = values["since"]
        since = sa.case((control.c.since < now, now), else_=control.c.since)
        return Prepared(self._upsert(control, values, since=since).returning(control.c.since))

    @override
    def forget_finished(self, before: datetime, limit: int) -> int:
        doomed = (
            sa.select(request.c.id)
            .where(
                sa.text(IS_FINAL),
                request.c.finished_at < before,
                sa.or_(request.c.state != "failed", request.c.acknowledged_by.is_not(None)),
            )
            .order_by(request.c.finished_at, request.c.id)
            .limit(limit)
        )
        with self._database.write() as connection:
            ids = connection.execute(doomed).scalars().all()
            for start in range(0, len(ids), _IDS_AT_ONCE):
                _forget(connection, ids[start : start + _IDS_AT_ONCE])
        if not ids:
            fold(self._database)
        return len(ids)

    def _upsert(self, table: sa.Table, values: Mapping[str, Any], **instead: Any) -> Any:
        """Insert a row, or replace the one with its key; `instead` says what else to set."""
        statement = insert(self._database, table).values(dict(values))
        key = [column.name for column in table.primary_key]
        news = {name: statement.excluded[name] for name in values if name not in key}
        return statement.on_conflict_do_update(index_elements=key, set_={**news, **instead})

    def _next_epoch(self, lapsed: Any, *, new_term: bool) -> sa.ColumnElement[int]:
        """A term's number is higher than any that the daemon or its row knows."""
        if not new_term:
            return sa.case((lease.c.renewed_at < lapsed, lease.c.epoch + 1), else_=lease.c.epoch)
        mine = self._term.epoch + 1
        return sa.case((lease.c.epoch >= mine, lease.c.epoch + 1), else_=mine)

    def _stands(self, connection: sa.Connection, owner: str, server: str) -> bool:
        """Whether the last sign of life is still there, on the server that took it."""
        if self._term.told_at is None or owner != self._term.owner:
            return True
        mine = sa.select(lease.c.beat_at).where(lease.c.owner == owner)
        told_at = connection.execute(mine).scalar_one_or_none()
        return (told_at, server) == (self._term.told_at, self._term.server)

    def _clock(self, at: datetime, ago: timedelta) -> tuple[Any, Any]:
        """Now, and some time ago: by the server's clock, which all daemons share, or by ours."""
        if self._database.is_sqlite:
            return at, at - ago
        return sa.func.now(), sa.func.now() - sa.literal(ago, sa.Interval)

    def _time_of(self, connection: sa.Connection) -> datetime:
        """The database's own clock."""
        if self._database.is_sqlite:
            wanted = sa.select(sa.func.strftime("%Y-%m-%dT%H:%M:%f000Z", "now", type_=Instant))
        else:
            wanted = sa.select(sa.func.now(type_=Instant))
        return connection.execute(wanted).scalar_one()


def _append(
    connection: sa.Connection, at: datetime, kind: str, actor: str, detail: Mapping[str, Any]
) -> None:
    """Append an event that belongs to no request."""
    INSERT_EVENT.run(
        connection,
        {
            "request_id": None,
            "at": at,
            "kind": kind,
            "actor": actor,
            "state": None,
            "detail": detail,
        },
    )


def _read_instant(value: Any, dialect: sa.Dialect) -> datetime:
    # Only NULL is read as None, and the column has none.
    return cast("datetime", Instant().process_result_value(value, dialect))


def _facts(value: DaemonRow | Stop) -> dict[str, Any]:
    """The fields of a value as they are; the standard library's way copies all that is in them."""
    return {one.name: getattr(value, one.name) for one in fields(value)}


def _forget(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Delete requests with their attempts and events, and batches that nothing is left of."""
    named = _batches_of(connection, attempt.c.request_id.in_(ids))
    connection.execute(sa.delete(request).where(request.c.id.in_(ids)))
    left = _batches_of(connection, attempt.c.batch_id.in_(named))
    connection.execute(sa.delete(batch).where(batch.c.id.in_(sorted(named - left))))


def _batches_of(connection: sa.Connection, which: sa.ColumnElement[bool]) -> set[str]:
    found = connection.execute(sa.select(attempt.c.batch_id).where(which).distinct())
    return set(found.scalars())
