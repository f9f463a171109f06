"""Writes changes by compare-and-set: each only where the request still stands as it was read."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Any, Final

from offpeakd.adapters.sql.changes_postgresql import Rows, statement_of
from offpeakd.adapters.sql.changes_sqlite import update_requests
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import instant_text, json_text
from offpeakd.adapters.sql.prepared import Prepared, inserting
from offpeakd.adapters.sql.rows import EVENT_COLUMNS, column_of
from offpeakd.adapters.sql.single_messages import Begun
from offpeakd.adapters.sql.transactions import BY_KEY, Database
from offpeakd.core.batch import BatchResult
from offpeakd.core.change import Change
from offpeakd.core.model import FIELDS, values_of
from offpeakd.ports import Settled

INSERT_EVENT: Final = inserting("event", EVENT_COLUMNS[1:])

_RESULT: Final = ("job_id", "error_code", "error_message", "evidence", "resolved_by")
_CALL: Final = ("sent_at", "http_status", "cloud_request_id")
_KNOWN: Final = ("outcome", "finished_at", *_RESULT, *_CALL)
# What was known stays known until something newer replaces it.
_UPDATE_ATTEMPT: Final = Prepared(
    f"UPDATE attempt SET {', '.join(f'{name} = coalesce(:{name}, {name})' for name in _KNOWN)}"  # noqa: S608  # our own names
    " WHERE id = :id"
)

_BATCH_RESULT: Final = (
    "outcome",
    "sent_at",
    "finished_at",
    "http_status",
    "cloud_request_id",
    "error_code",
    "message",
    "answer",
)
_UPDATE_BATCH: Final = Prepared(
    f"UPDATE batch SET {', '.join(f'{name} = :{name}' for name in _BATCH_RESULT)} WHERE id = :id"  # noqa: S608  # our own names
)


class LostRaceError(Exception):
    """Not every change met its request as it was read; which ones isn't known yet."""


def write_changes(
    database: Database,
    changes: Sequence[Change],
    batch_id: str | None = None,
    result: BatchResult | None = None,
    begun: Begun | None = None,
) -> tuple[int, ...]:
    """Write changes, and what came of a call when there was one, in one transaction.

    Args:
        database: where.
        changes: of distinct requests, as a rule; one request's later change comes later.
        batch_id: the call's.
        result: what came of it.
        begun: what PostgreSQL was told of it already.

    Returns:
        ids of the requests that no longer stood as they were read; nothing is written of these.
    """
    if not changes and result is None:
        return ()
    call = None
    if batch_id is not None and result is not None:
        call = _batch_values(batch_id, result)
    if begun is not None:
        [[written]] = database.write_whole([], {}, begun=begun)
    else:
        written = _all_written(database, changes, result, call)
    if written:
        return ()
    with database.driver_write("" if database.is_sqlite else BY_KEY) as connection:
        if call is not None:
            _UPDATE_BATCH.run(connection, call)
        return _write_singly(connection, changes, result)


def write_settled(connection: Connection, settled: Settled) -> None:
    """Write what came of a call within a transaction on SQLite.

    Raises:
        LostRaceError: not all requests stand as they were read; the transaction has to be undone.
    """
    call = _batch_values(settled.batch_id, settled.result)
    _write_together(connection, settled.changes, settled.result, call)


def begin_settled(database: Database, settled: Settled) -> Begun | None:
    """Let PostgreSQL begin to write what came of a call; see `SingleMessages.begin`."""
    if database.is_sqlite or not _are_distinct(settled.changes):
        return None
    statement, values = settled_statement(database.dialect, settled)
    return database.begin_whole([statement], values)


def settled_statement(dialect: Dialect, settled: Settled) -> tuple[str, dict[str, Any]]:
    """The statement that writes what came of a call, with its values; see `statement_of`."""
    call = _batch_values(settled.batch_id, settled.result)
    return statement_of(_rows(dialect, settled.changes, settled.result, call))


def _batch_values(batch_id: str, result: BatchResult) -> dict[str, Any]:
    return {"id": batch_id, **{name: getattr(result, name) for name in _BATCH_RESULT}}


def _all_written(
    database: Database,
    changes: Sequence[Change],
    result: BatchResult | None,
    call: Mapping[str, Any] | None,
) -> bool:
    """The common case: nobody else moved anything, and a statement serves many requests."""
    if changes and not database.is_sqlite:
        if not _are_distinct(changes):
            return False
        statement, values = statement_of(_rows(database.dialect, changes, result, call))
        [[written]] = database.write_whole([statement], values)
        return bool(written)
    try:
        with database.driver_write() as connection:
            _write_together(connection, changes, result, call)
    except LostRaceError:
        return False
    return True


def _are_distinct(changes: Sequence[Change]) -> bool:
    """Whether one statement of PostgreSQL can write them: there are some, none for a request twice."""
    return 0 < len(changes) == len({change.before.id for change in changes})


def _write_together(
    connection: Connection,
    changes: Sequence[Change],
    result: BatchResult | None,
    call: Mapping[str, Any] | None,
) -> None:
    if call is not None:
        _UPDATE_BATCH.run(connection, call)
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    # In the order of ids: two writers then never wait for each other.
    for change in sorted(changes, key=_id):
        shape = _shape(change)
        shapes.setdefault(shape, []).append(_request_values(change, shape))
    for shape, values in shapes.items():
        if _update_requests(connection, shape, values) != len(values):
            raise LostRaceError
    _write_attempts_and_events(connection, changes, result)


def _rows(
    dialect: Dialect,
    changes: Sequence[Change],
    result: BatchResult | None,
    call: Mapping[str, Any] | None = None,
) -> Rows:
    call_values = _call_values(result)
    ordered = sorted(changes, key=_id)
    return Rows(
        [_request_values(change, _shape(change)) for change in ordered],
        [one | call_values for one in _attempts(ordered)],
        [_event_values(change) for change in ordered if change.event],
        None if call is None else dialect.into(call),
    )


def _id(change: Change) -> int:
    return change.before.id


def _write_singly(
    connection: Connection, changes: Sequence[Change], result: BatchResult | None
) -> tuple[int, ...]:
    """Somebody was first with at least one: find out with which."""
    lost: list[int] = []
    written: list[Change] = []
    for change in sorted(changes, key=_id):
        shape = _shape(change)
        if connection.dialect is Dialect.POSTGRESQL:
            if not _written_alone(connection, change, result):
                lost.append(change.before.id)
        elif _update_request(shape).run(connection, _request_values(change, shape)):
            written.append(change)
        else:
            lost.append(change.before.id)
    _write_attempts_and_events(connection, written, result)
    return tuple(lost)


def _written_alone(connection: Connection, change: Change, result: BatchResult | None) -> bool:
    statement, values = statement_of(_rows(connection.dialect, [change], result))
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return bool(cursor.fetchall()[0][0])


def _attempts(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [values for change in changes if (values := _attempt_values(change)) is not None]


def _call_values(result: BatchResult | None) -> dict[str, Any]:
    return {name: None if result is None else getattr(result, name) for name in _CALL}


def _write_attempts_and_events(
    connection: Connection, changes: Sequence[Change], result: BatchResult | None
) -> None:
    attempts = _attempts(changes)
    if attempts:
        common = {**dict.fromkeys(_KNOWN), **_call_values(result)}
        _UPDATE_ATTEMPT.each_like(connection, common, attempts)
    events = [_event_values(change) for change in changes if change.event]
    if events:
        rows = [{**one, "detail": json_text(one["detail"])} for one in events]
        INSERT_EVENT.each_like(connection, {"detail": None, "at": None}, rows)


def _shape(change: Change) -> tuple[str, ...]:
    """The attributes that the change alters."""
    return tuple(compress(FIELDS, map(ne, values_of(change.before), values_of(change.after))))


def _update_requests(
    connection: Connection, shape: tuple[str, ...], values: Sequence[Mapping[str, Any]]
) -> int:
    columns = [column_of(field) for field in shape or ("state",)]
    return update_requests(
        connection,
        {name: f"{{{name}}}" for name in columns},
        "request.state = {was_state} AND request.attempt_id IS {was_attempt_id}",
        ("id", "was_state", "was_attempt_id", *columns),
        [connection.dialect.into(row) for row in values],
    )


@lru_cache(maxsize=256)
def _update_request(shape: tuple[str, ...]) -> Prepared:
    """On SQLite, which alone writes changes singly."""
    # Even a change that alters nothing has to meet the request as it was read.
    news = (f"{name} = :{name}" for name in map(column_of, shape or ("state",)))
    return Prepared(
        f"UPDATE request SET {', '.join(news)}"  # noqa: S608  # our own names
        " WHERE id = :id AND state = :was_state AND attempt_id IS :was_attempt_id"
    )


@lru_cache(maxsize=256)
def _columns_of(shape: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The columns that keep the attributes, each with its attribute."""
    return tuple((column_of(field), field) for field in shape or ("state",))


def _request_values(change: Change, shape: tuple[str, ...]) -> dict[str, Any]:
    after = change.after
    values = {column: getattr(after, field) for column, field in _columns_of(shape)}
    if "state" in values:
        values["state"] = values["state"].value
    values["id"] = change.before.id
    values["was_state"] = change.before.state.value
    values["was_attempt_id"] = change.before.attempt_id
    return values


def _attempt_values(change: Change) -> dict[str, Any] | None:
    known = change.attempt
    if known is None or change.before.attempt_id is None:
        return None
    values: dict[str, Any] = {name: getattr(known, name) for name in ("outcome", *_RESULT)}
    values["id"] = change.before.attempt_id
    values["finished_at"] = None if known.outcome is None else _at(change)
    return values


def _event_values(change: Change) -> dict[str, Any]:
    return {
        "request_id": change.before.id,
        "at": _at(change),
        "kind": change.event,
        "actor": change.actor,
        "state": change.after.state.value,
        "detail": dict(change.detail),
    }


def _at(change: Change) -> str:
    return instant_text(change.after.changed_at or change.after.requested_at)
