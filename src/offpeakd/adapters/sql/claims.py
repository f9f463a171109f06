"""Writes a batch down before its call is made: all of it, or nothing."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.changes import INSERT_EVENT
from offpeakd.adapters.sql.claims_postgresql import write_claim
from offpeakd.adapters.sql.columns import instant_text, json_text
from offpeakd.adapters.sql.room import lock_of, room_values, take_room, verdict
from offpeakd.adapters.sql.tables import IS_READY, attempt, batch, request
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import BY_KEY, Database, Prepared, given
from offpeakd.core.model import Batch, Request
from offpeakd.ports import Claim, Claimed, Limits

_BATCH_COLUMNS: Final = (
    "id",
    "target",
    "group_name",
    "size",
    "owner",
    "windows",
    "opening_start",
    "opening_end",
    "signed_at",
    "fenced",
    "body_sha256",
    "config_hash",
    "tzdata_version",
)
_INSERT_BATCH: Final = Prepared(
    sa.insert(batch).values({name: given(batch.c[name]) for name in _BATCH_COLUMNS})
)

# A request that was moved to another group since it was read may have other windows.
_TAKE: Final = Prepared(
    sa.update(request)
    .where(
        request.c.id == given(request.c.id),
        sa.text(IS_READY),
        request.c.attempt_id.is_not_distinct_from(given(request.c.attempt_id, "was_attempt_id")),
        request.c.target == given(request.c.target, "in_target"),
        request.c.group_name == given(request.c.group_name, "in_group"),
    )
    .values(
        state=sa.text("'submitting'"),
        attempt_id=given(request.c.attempt_id),
        batch_id=given(request.c.batch_id),
        attempts=sa.text("attempts + 1"),
        changed_at=given(request.c.changed_at),
    )
)

_ATTEMPT_COLUMNS: Final = (
    "id",
    "batch_id",
    "request_id",
    "target",
    "instance_id",
    "owner",
    "signed_at",
    "fenced",
    "whole_version",
    "epoch",
)
_INSERT_ATTEMPT: Final = Prepared(
    sa.insert(attempt).values({name: given(attempt.c[name]) for name in _ATTEMPT_COLUMNS})
)


class _RefusedError(Exception):
    """Passing through the transaction, it takes back what was written."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim


def claim(database: Database, wanted: Batch, limits: Limits | None, term: Term) -> Claim:
    """Write the batch, its attempts and events, and move its requests to `submitting`.

    Args:
        database: where.
        wanted: the batch.
        limits: of its target; None where nothing limits it.
        term: of the daemon's lease.

    Returns:
        whether it was written; if not, nothing was.
    """
    first = BY_KEY
    if limits is not None or term.epoch:
        first = f"{BY_KEY}; {lock_of(wanted.target)}"
    try:
        with database.write("" if database.is_sqlite else first) as connection:
            if database.is_sqlite:
                result = _write(connection, wanted, limits, term)
            else:
                result = _write_at_once(connection, wanted, limits, term)
            if not result:
                raise _RefusedError(result)  # noqa: TRY301  # passing through the `with` rolls back
    except _RefusedError as refused:
        return refused.claim
    return Claim(Claimed.TAKEN)


def _write_at_once(
    connection: sa.Connection, wanted: Batch, limits: Limits | None, term: Term
) -> Claim:
    batch_row = _INSERT_BATCH.bound(connection, _batch_values(wanted))
    members = [
        {
            "id": one.id,
            "instance_id": one.instance_id,
            "was_attempt_id": one.attempt_id,
            "attempt_id": attempt_id,
            "whole_version": whole_version,
            "group_name": one.group,
            "detail": claim_detail(wanted, attempt_id),
        }
        for one, attempt_id, whole_version in _members(wanted)
    ]
    written = write_claim(
        connection,
        {
            **batch_row,
            **room_values(wanted.target, limits, term),
            "attempt_epoch": term.epoch or 1,
            "members": json_text(members),
        },
    )
    room = verdict(
        written.wait, written.in_flight, len(members), limits, holds_lease=written.holds_lease
    )
    return room if written.whole or not room else Claim(Claimed.NOT_AS_READ)


def _write(connection: sa.Connection, wanted: Batch, limits: Limits | None, term: Term) -> Claim:
    members = _members(wanted)
    room = take_room(connection, wanted.target, len(members), limits)
    if not room:
        return room
    takes = [_take_values(wanted, one, attempt_id) for one, attempt_id, _ in members]
    if _TAKE.each(connection, takes) != len(takes):
        return Claim(Claimed.NOT_AS_READ)
    _INSERT_BATCH.run(connection, _batch_values(wanted))
    _INSERT_ATTEMPT.each(
        connection,
        [{**_attempt_values(wanted, *member), "epoch": term.epoch or 1} for member in members],
    )
    INSERT_EVENT.each(
        connection, [_event_values(wanted, one, attempt_id) for one, attempt_id, _ in members]
    )
    return room


def _members(wanted: Batch) -> list[tuple[Request, str, str | None]]:
    """In the order of ids: two writers then never wait for each other."""
    return sorted(
        zip(wanted.requests, wanted.attempt_ids, wanted.instance_versions, strict=True),
        key=lambda member: member[0].id,
    )


def _take_values(wanted: Batch, one: Request, attempt_id: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "was_attempt_id": one.attempt_id,
        "in_target": wanted.target,
        "in_group": one.group,
        "attempt_id": attempt_id,
        "batch_id": wanted.id,
        "changed_at": wanted.signed_at,
    }


def _batch_values(wanted: Batch) -> dict[str, Any]:
    return {
        "id": wanted.id,
        "target": wanted.target,
        "group_name": wanted.group,
        "size": len(wanted.requests),
        "owner": wanted.owner,
        "windows": wanted.windows,
        "opening_start": wanted.opening_start,
        "opening_end": wanted.opening_end,
        "signed_at": wanted.signed_at,
        "fenced": wanted.fenced,
        "body_sha256": wanted.body_sha256,
        "config_hash": wanted.config_hash,
        "tzdata_version": wanted.tzdata_version,
    }


def _attempt_values(
    wanted: Batch, one: Request, attempt_id: str, whole_version: str | None
) -> dict[str, Any]:
    return {
        "id": attempt_id,
        "batch_id": wanted.id,
        "request_id": one.id,
        "target": wanted.target,
        "instance_id": one.instance_id,
        "owner": wanted.owner,
        "signed_at": wanted.signed_at,
        "fenced": wanted.fenced,
        "whole_version": whole_version,
    }


def _event_values(wanted: Batch, one: Request, attempt_id: str) -> dict[str, Any]:
    return {
        "request_id": one.id,
        "at": wanted.signed_at,
        "kind": "submitting",
        "actor": "offpeakd",
        "state": "submitting",
        "detail": claim_detail(wanted, attempt_id),
    }


def claim_detail(wanted: Batch, attempt_id: str) -> dict[str, str | None]:
    """What the event of a release keeps: by which rules it was decided."""
    return {
        "batch_id": wanted.id,
        "attempt_id": attempt_id,
        "group": wanted.group,
        "windows": ", ".join(wanted.windows),
        "opening_start": _text(wanted.opening_start),
        "opening_end": _text(wanted.opening_end),
        "config_hash": wanted.config_hash,
        "tzdata_version": wanted.tzdata_version,
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
