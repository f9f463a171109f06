"""Writes a batch down before its call is made: all of it, or nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from offpeakd.adapters.sql.changes import (
    INSERT_EVENT,
    LostRaceError,
    settled_statement,
    write_changes,
    write_settled,
)
from offpeakd.adapters.sql.changes_sqlite import update_requests
from offpeakd.adapters.sql.claims_postgresql import CLAIM, Written
from offpeakd.adapters.sql.conditions import IS_READY
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.kinds import instant_text, json_text, json_with
from offpeakd.adapters.sql.look import Answers, behind, questions
from offpeakd.adapters.sql.prepared import inserting
from offpeakd.adapters.sql.room import lock_of, room_values, take_room, verdict
from offpeakd.adapters.sql.single_messages import Begun
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database, Question
from offpeakd.core.batch import Batch
from offpeakd.core.model import Request
from offpeakd.ports import Claim, Claimed, Limits, Settled

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
_INSERT_BATCH: Final = inserting("batch", _BATCH_COLUMNS)

_NEWS: Final = {
    "state": "'submitting'",
    "attempt_id": "{attempt_id}",
    "batch_id": "{batch_id}",
    "attempts": "attempts + 1",
    "changed_at": "{changed_at}",
}
# A request that was moved to another group since it was read may have other windows.
_STANDS: Final = (
    f"{IS_READY} AND request.attempt_id IS {{was_attempt_id}}"
    " AND request.target = {target} AND request.group_name = {group}"
)
_TAKEN: Final = (
    *("id", "was_attempt_id", "target", "group"),
    *("attempt_id", "batch_id", "changed_at"),
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
_INSERT_ATTEMPT: Final = inserting("attempt", _ATTEMPT_COLUMNS)


class _RefusedError(Exception):
    """Passing through the transaction, it takes back what was written."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim


def claim(
    database: Database,
    wanted: Batch,
    limits: Limits | None,
    term: Term,
    settled: Settled | None = None,
    begun: Begun | None = None,
    ahead: int = 0,
) -> Claim:
    """Write the batch, its attempts and events, and move its requests to `submitting`.

    Args:
        database: where.
        wanted: the batch.
        limits: of its target; None where nothing limits it.
        term: of the daemon's lease.
        settled: what came of the call before, to be written first. A commit is most of what a
            claim costs, so they share one where nobody else came between.
        begun: what PostgreSQL was told of that already.
        ahead: how many ready requests to look at once it is written.

    Returns:
        whether the batch was written; if not, nothing of it was.
    """
    if not database.is_sqlite:
        return _write_whole(database, wanted, limits, term, settled, begun, ahead)
    if settled is None:
        return _write_alone(database, wanted, limits, term, ahead)
    try:
        with database.driver_write() as connection:
            write_settled(connection, settled)
            return _write(connection, wanted, limits, term, ahead)
    except (_RefusedError, LostRaceError):
        lost = write_changes(database, settled.changes, settled.batch_id, settled.result)
        return replace(_write_alone(database, wanted, limits, term, ahead), lost=lost)


def _write_alone(
    database: Database, wanted: Batch, limits: Limits | None, term: Term, ahead: int
) -> Claim:
    try:
        with database.driver_write() as connection:
            return _write(connection, wanted, limits, term, ahead)
    except _RefusedError as refused:
        return refused.claim


def _write_whole(
    database: Database,
    wanted: Batch,
    limits: Limits | None,
    term: Term,
    settled: Settled | None,
    begun: Begun | None,
    ahead: int,
) -> Claim:
    batch_row = database.dialect.into(_batch_values(wanted))
    members = [
        {
            "id": one.id,
            "instance_id": one.instance_id,
            "was_attempt_id": one.attempt_id,
            "attempt_id": attempt_id,
            "whole_version": whole_version,
        }
        for one, attempt_id, whole_version in _members(wanted)
    ]
    lock = lock_of(wanted.target) if limits is not None or term.epoch else ""
    values = {
        **batch_row,
        **room_values(wanted.target, limits, term),
        "attempt_epoch": term.epoch or 1,
        "members": json_text(members),
        "detail": json_text(claim_detail(wanted)),
    }
    statements = [CLAIM]
    if settled is not None and begun is None:
        statement, news = settled_statement(database.dialect, settled)
        statements, values = [statement, CLAIM], values | news
    asked = questions(wanted.target, wanted.group, ahead) if ahead else ()
    [*recorded, found], hear = database.write_and_ask(statements, values, lock, begun, *asked)
    seen = behind(wanted.target, wanted.group, *hear) if hear else None
    lost: tuple[int, ...] = ()
    claim: Claim | None = None
    try:
        if settled is not None and recorded != [(True,)]:
            lost = write_changes(database, settled.changes, settled.batch_id, settled.result)
        claim = _found(Written(*found), len(members), limits)
        return replace(claim, lost=lost, behind=seen if claim else None)
    finally:
        if seen is not None and not claim:
            seen.read()


def _found(written: Written, size: int, limits: Limits | None) -> Claim:
    room = verdict(written.wait, written.in_flight, size, limits, holds_lease=written.holds_lease)
    return room if written.whole or not room else Claim(Claimed.NOT_AS_READ)


def _write(
    connection: Connection, wanted: Batch, limits: Limits | None, term: Term, ahead: int
) -> Claim:
    members = _members(wanted)
    room = take_room(connection, wanted.target, len(members), limits)
    if not room:
        raise _RefusedError(room)
    taken = update_requests(connection, _NEWS, _STANDS, _TAKEN, _takes(wanted, members))
    if taken != len(members):
        raise _RefusedError(Claim(Claimed.NOT_AS_READ))
    _INSERT_BATCH.run(connection, _batch_values(wanted))
    tries = [
        {
            "id": attempt_id,
            "request_id": one.id,
            "instance_id": one.instance_id,
            "whole_version": whole_version,
        }
        for one, attempt_id, whole_version in members
    ]
    _INSERT_ATTEMPT.each_like(connection, _attempt_values(wanted, term), tries)
    common = json_text(claim_detail(wanted))
    events = [
        {"request_id": one.id, "detail": json_with(common, "attempt_id", attempt_id)}
        for one, attempt_id, _ in members
    ]
    INSERT_EVENT.each_like(connection, _event_values(wanted), events)
    if not ahead:
        return room
    hear = [_heard(connection, asked) for asked in questions(wanted.target, wanted.group, ahead)]
    return replace(room, behind=behind(wanted.target, wanted.group, *hear))


def _heard(connection: Connection, asked: Sequence[Question]) -> Callable[[], Answers]:
    """Asked within the transaction; to read what was answered is left for later."""
    dialect = connection.dialect
    found = [(one, one.found(connection, values)) for one, values in asked]
    return lambda: [one.read(dialect, rows) for one, rows in found]


def _members(wanted: Batch) -> list[tuple[Request, str, str | None]]:
    """In the order of ids: two writers then never wait for each other."""
    return sorted(
        zip(wanted.requests, wanted.attempt_ids, wanted.instance_versions, strict=True),
        key=lambda member: member[0].id,
    )


def _takes(
    wanted: Batch, members: Sequence[tuple[Request, str, str | None]]
) -> list[dict[str, Any]]:
    common = {
        "target": wanted.target,
        "batch_id": wanted.id,
        "changed_at": instant_text(wanted.signed_at),
    }
    return [
        {
            **common,
            "id": one.id,
            "was_attempt_id": one.attempt_id,
            "group": one.group,
            "attempt_id": attempt_id,
        }
        for one, attempt_id, _ in members
    ]


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


def _attempt_values(wanted: Batch, term: Term) -> dict[str, Any]:
    return {
        "batch_id": wanted.id,
        "target": wanted.target,
        "owner": wanted.owner,
        "signed_at": wanted.signed_at,
        "fenced": wanted.fenced,
        "epoch": term.epoch or 1,
    }


def _event_values(wanted: Batch) -> dict[str, Any]:
    return {
        "at": wanted.signed_at,
        "kind": "submitting",
        "actor": "offpeakd",
        "state": "submitting",
        "detail": None,
    }


def claim_detail(wanted: Batch) -> dict[str, str | None]:
    """What the event of a release keeps, beside its attempt: by which rules it was decided."""
    return {
        "batch_id": wanted.id,
        "group": wanted.group,
        "windows": ", ".join(wanted.windows),
        "opening_start": _text(wanted.opening_start),
        "opening_end": _text(wanted.opening_end),
        "config_hash": wanted.config_hash,
        "tzdata_version": wanted.tzdata_version,
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
