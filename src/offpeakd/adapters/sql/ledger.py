"""The people's side of the store: asking, looking, deciding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import override

from offpeakd.adapters.sql import adding, listing, tally
from offpeakd.adapters.sql.changes import write_changes
from offpeakd.adapters.sql.rows import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    REQUEST_COLUMNS,
    attempt_of,
    event_of,
    request_of,
)
from offpeakd.adapters.sql.tables import IS_LIVE, IS_READY, attempt, event, request
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.ports import Added, AttemptRecord, Event, Filter, Ledger

_REQUESTS: Final = sa.select(*REQUEST_COLUMNS)


class SqlLedger(Ledger):
    """`ports.Ledger` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        return adding.add(self._database, requests, actor, progress)

    @override
    def get(self, request_id: int) -> Request | None:
        return self._first(_REQUESTS.where(request.c.id == request_id))

    @override
    def latest(self, instance_id: str) -> Request | None:
        here = _REQUESTS.where(request.c.instance_id == instance_id).order_by(request.c.id.desc())
        return self._first(here.where(sa.text(IS_LIVE))) or self._first(here)

    @override
    def page(self, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
        with self._database.read() as connection:
            return listing.page(connection, which, after_id, limit)

    @override
    def counts(self) -> Mapping[tuple[str, State], int]:
        with self._database.read() as connection:
            return tally.counts(connection)

    @override
    def ahead_of(self, request: Request) -> int:
        with self._database.read() as connection:
            return int(connection.execute(_ahead_of(request)).scalar_one())

    @override
    def events(self, request_id: int) -> tuple[Event, ...]:
        wanted = (
            sa.select(*EVENT_COLUMNS).where(event.c.request_id == request_id).order_by(event.c.id)
        )
        with self._database.read() as connection:
            return tuple(event_of(row) for row in connection.execute(wanted).all())

    @override
    def attempts(self, request_id: int) -> tuple[AttemptRecord, ...]:
        wanted = (
            sa.select(*ATTEMPT_COLUMNS)
            .where(attempt.c.request_id == request_id)
            .order_by(attempt.c.signed_at, attempt.c.id)
        )
        with self._database.read() as connection:
            return tuple(attempt_of(row) for row in connection.execute(wanted).all())

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        return write_changes(self._database, changes)

    def _first(self, wanted: sa.Select[Any]) -> Request | None:
        with self._database.read() as connection:
            row = connection.execute(wanted.limit(1)).first()
        return None if row is None else request_of(row)


def _ahead_of(one: Request) -> sa.Select[Any]:
    """Counts the index from its beginning up to the request."""
    return (
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
