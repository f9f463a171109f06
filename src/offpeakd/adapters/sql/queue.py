"""The release's side of the store."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import override

from offpeakd.adapters.sql.changes import begin_settled, write_changes
from offpeakd.adapters.sql.claims import claim
from offpeakd.adapters.sql.look import look, ready_in
from offpeakd.adapters.sql.prepared import Prepared, given
from offpeakd.adapters.sql.rows import (
    ATTEMPT_COLUMNS,
    REQUEST_COLUMNS,
    attempt_of,
    request_of,
)
from offpeakd.adapters.sql.single_messages import Begun
from offpeakd.adapters.sql.tables import (
    IS_IN_FLIGHT,
    IS_WAITING,
    attempt,
    event,
    in_states,
    lease,
    request,
)
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

_due = (
    sa.select(request.c.id)
    .where(
        request.c.target == given(request.c.target),
        sa.text(IS_WAITING),
        request.c.wait_until <= given(request.c.wait_until, "now"),
    )
    .order_by(request.c.wait_until)
    .limit(MADE_READY_AT_ONCE)
)
# The condition stands outside as well: PostgreSQL looks again at a row that it had to wait for.
_MAKE_READY: Final = Prepared(
    sa.update(request)
    .where(
        request.c.id.in_(_due),
        sa.text(IS_WAITING),
        request.c.wait_until <= given(request.c.wait_until, "now"),
    )
    .values(wait_until=sa.null(), wait_reason=sa.null(), wait_detail=sa.null())
)


@lru_cache
def _in_flight(states: frozenset[State]) -> Prepared:
    """Asked for every target every few seconds, also where nothing runs."""
    return Prepared(
        sa.select(*REQUEST_COLUMNS)
        .where(
            request.c.target == given(request.c.target),
            sa.text(IS_IN_FLIGHT),
            sa.text(in_states(states)),
            request.c.id > given(request.c.id, "after_id"),
        )
        .order_by(request.c.id)
        .limit(sa.bindparam("given_limit", type_=sa.Integer()))
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
        with self._database.write() as connection:
            _MAKE_READY.run(connection, {"target": target, "now": now})
        return self._look(target, groups, first)

    @override
    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        return ready_in(self._database, self._term, target, group, limit)

    @override
    def overdue_requests(self, now: datetime, limit: int) -> tuple[Request, ...]:
        return self._requests(
            sa.select(*REQUEST_COLUMNS)
            .where(sa.text("state = 'queued'"), request.c.deadline <= now)
            .order_by(request.c.deadline, request.c.id)
            .limit(limit)
        )

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
        with self._database.read() as connection:
            return tuple(request_of(row) for row in _in_flight(states).rows(connection, wanted))

    @override
    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        dead: sa.ColumnElement[bool] = attempt.c.owner != owner
        if not self._database.is_sqlite:
            silence = sa.func.now() - sa.bindparam("ttl", self._term.ttl, sa.Interval)
            term = sa.select(lease.c.owner).where(
                lease.c.owner == attempt.c.owner, lease.c.epoch == attempt.c.epoch
            )
            # Its own attempts are a daemon's to settle, unless it lost its lease since.
            alive = term.where((lease.c.renewed_at > silence) | (lease.c.owner == owner))
            dead = ~alive.exists() & (dead | (attempt.c.epoch < self._term.epoch))
        return self._requests(
            sa.select(*REQUEST_COLUMNS)
            .join(attempt, attempt.c.id == request.c.attempt_id)
            .where(sa.text(f"request.{IS_IN_FLIGHT} AND request.state = 'submitting'"), dead)
            # In the order of the index of what is in flight, however long the queue is.
            .order_by(request.c.target, request.c.state, request.c.id)
            .limit(limit)
        )

    @override
    def batch_of(self, attempt_id: str) -> AttemptRecord | None:
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(*ATTEMPT_COLUMNS).where(attempt.c.id == attempt_id)
            ).one_or_none()
        return None if row is None else attempt_of(row)

    @override
    def known_jobs(self, target: str, instance_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        here = (request.c.target == target, request.c.instance_id.in_(instance_ids))
        wanted = sa.union(
            sa.select(request.c.instance_id, request.c.job_id).where(
                *here, request.c.job_id.is_not(None)
            ),
            sa.select(request.c.instance_id, attempt.c.job_id)
            .join(attempt, attempt.c.request_id == request.c.id)
            .where(*here, attempt.c.job_id.is_not(None)),
        )
        retried = (
            sa.select(request.c.instance_id, event.c.detail)
            .join(event, event.c.request_id == request.c.id)
            .where(*here, event.c.kind == "retried")
        )
        known: dict[str, frozenset[str]] = {}
        with self._database.read() as connection:
            named = [tuple(row) for row in connection.execute(wanted).all()]
            named += [(of, detail.get("job_id")) for of, detail in connection.execute(retried)]
        for instance_id, job_id in named:
            if job_id:
                known[instance_id] = known.get(instance_id, frozenset()) | {job_id}
        return known

    def _requests(self, wanted: sa.Select[Any]) -> tuple[Request, ...]:
        with self._database.read() as connection:
            return tuple(request_of(row) for row in connection.execute(wanted).all())

    def _look(self, target: str, groups: Sequence[str] | None, first: int) -> Lane:
        return look(self._database, self._term, target, groups, first)
