"""The release's side of the store."""

# ruff: noqa: PLC0415 - what a daemon doesn't do in every pass may load the library

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from typing_extensions import override

from offpeakd.adapters.sql.changes import begin_settled, write_changes
from offpeakd.adapters.sql.claims import claim
from offpeakd.adapters.sql.conditions import IS_IN_FLIGHT, IS_WAITING, in_states
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.known_jobs import known_jobs
from offpeakd.adapters.sql.look import look, ready_in
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, request_of
from offpeakd.adapters.sql.single_messages import Begun
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.lane import Lane
from offpeakd.core.model import Request, State
from offpeakd.ports import AttemptRecord, Claim, Limits, Queue, Settled

MADE_READY_AT_ONCE: Final = 10_000
"""Requests made ready in one transaction; a larger crowd takes several looks."""

_DUE: Final = f"{IS_WAITING} AND wait_until <= :now"
# The condition stands outside as well: PostgreSQL looks again at a row that it had to wait for.
_MAKE_READY: Final = Prepared(
    "UPDATE request SET wait_until = NULL, wait_reason = NULL, wait_detail = NULL"  # noqa: S608  # our own words
    f" WHERE id IN (SELECT id FROM request WHERE target = :target AND {_DUE}"
    f" ORDER BY wait_until LIMIT {MADE_READY_AT_ONCE}) AND {_DUE}"
)
_REQUESTS: Final = f"SELECT {', '.join(f'request.{name}' for name in REQUEST_COLUMNS)} FROM request"  # noqa: S608  # our own names
_OVERDUE: Final = Prepared(
    f"{_REQUESTS} WHERE state = 'queued' AND deadline <= :now ORDER BY deadline, id LIMIT :limit",
    gives=REQUEST_COLUMNS,
)

# Its own attempts are a daemon's to settle, unless it lost its lease since.
_DEAD: Final = {
    Dialect.SQLITE: "attempt.owner <> :owner",
    Dialect.POSTGRESQL: (
        "(attempt.owner <> :owner OR attempt.epoch < :epoch) AND NOT EXISTS (SELECT FROM lease"
        " WHERE lease.owner = attempt.owner AND lease.epoch = attempt.epoch"
        " AND (lease.renewed_at > now() - :ttl * interval '1 second' OR lease.owner = :owner))"
    ),
}
# In the order of the index of what is in flight, however long the queue is.
_ABANDONED: Final = {
    dialect: Prepared(
        f"{_REQUESTS} JOIN attempt ON attempt.id = request.attempt_id"
        f" WHERE request.{IS_IN_FLIGHT} AND request.state = 'submitting' AND {dead}"
        " ORDER BY request.target, request.state, request.id LIMIT :limit",
        gives=REQUEST_COLUMNS,
    )
    for dialect, dead in _DEAD.items()
}


@lru_cache
def _in_flight(states: frozenset[State]) -> Prepared:
    """Asked for every target every few seconds, also where nothing runs."""
    return Prepared(
        f"{_REQUESTS} WHERE target = :target AND {IS_IN_FLIGHT} AND {in_states(states)}"
        " AND id > :after_id ORDER BY id LIMIT :limit",
        gives=REQUEST_COLUMNS,
    )


class SqlQueue(Queue):
    """`ports.Queue` on a database."""

    def __init__(self, database: Database, term: Term) -> None:
        self._database = database
        self._term = term
        self._begun: dict[str, Begun] = {}

    @override
    def lane(
        self,
        target: str,
        now: datetime | None,
        groups: Sequence[str] | None = None,
        first: int = 1,
    ) -> Lane:
        lane = self._look(target, groups, first)
        if now is None or lane.next_ready_at is None or lane.next_ready_at > now:
            return lane
        with self._database.driver_write() as connection:
            _MAKE_READY.run(connection, {"target": target, "now": now})
        return self._look(target, groups, first)

    @override
    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        return ready_in(self._database, self._term, target, group, limit)

    @override
    def overdue_requests(self, now: datetime, limit: int) -> tuple[Request, ...]:
        return self._requests(_OVERDUE, {"now": now, "limit": limit})

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        begun = None if settled is None else self._begun.pop(settled.batch_id, None)
        return claim(self._database, batch, limits, self._term, settled, begun, ahead)

    @override
    def begin_record(self, settled: Settled) -> None:
        # What keeps it from beginning will show when it is written.
        with suppress(DatabaseError):
            begun = begin_settled(self._database, settled)
            if begun is not None:
                self._begun[settled.batch_id] = begun

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        begun = self._begun.pop(batch_id, None)
        return write_changes(self._database, changes, batch_id, result, begun)

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        return write_changes(self._database, changes)

    @override
    def in_flight(
        self, target: str, states: frozenset[State], after_id: int, limit: int
    ) -> tuple[Request, ...]:
        if not states:
            return ()
        wanted = {"target": target, "after_id": after_id, "limit": limit}
        return self._requests(_in_flight(states), wanted)

    @override
    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        term = {"epoch": self._term.epoch, "ttl": self._term.ttl}
        statement = _ABANDONED[self._database.dialect]
        return self._requests(statement, {**term, "owner": owner, "limit": limit})

    @override
    def batch_of(self, attempt_id: str) -> AttemptRecord | None:
        from offpeakd.adapters.sql.reading import attempt_by_id

        with self._database.read() as connection:
            return attempt_by_id(connection, attempt_id)

    @override
    def known_jobs(self, target: str, instance_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        return known_jobs(self._database, target, instance_ids)

    def _requests(self, wanted: Prepared, values: Mapping[str, Any]) -> tuple[Request, ...]:
        with self._database.driver_read() as connection:
            return tuple(map(request_of, wanted.rows(connection, values)))

    def _look(self, target: str, groups: Sequence[str] | None, first: int) -> Lane:
        return look(self._database, self._term, target, groups, first)
