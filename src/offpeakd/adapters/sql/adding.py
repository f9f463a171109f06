"""Stores new requests, many at a time, all or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from operator import itemgetter
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from offpeakd.adapters.sql.conditions import IS_LIVE
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, column_of, request_of
from offpeakd.adapters.sql.tables import columns, event, request
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.earliest import CLOCK_AHEAD, waiting_for_its_time
from offpeakd.core.errors import DatabaseError
from offpeakd.core.model import Request
from offpeakd.ports import Added

CHUNK: Final = 1000
"""Rows of one statement."""

_ROUNDS: Final = 3
"""How often an id may be neither free nor taken: its live request ended just then."""

_Key = tuple[str, str]
_T = TypeVar("_T")
_DEFAULTS: Final = {
    field.name: field.default
    for field in fields(Request)
    if field.default is not MISSING and field.name not in {"id", "state"}
}
_WAITING: Final = ("fenced_until", "wait_until", "wait_reason", "wait_detail")
_BY_INSTANCE: Final = itemgetter(1, 0)
_ALWAYS: Final = ("target", "instance_id", "requested_at", "state")


def add(
    database: Database,
    requests: Sequence[Request],
    actor: str,
    progress: Callable[[int], None] | None = None,
) -> tuple[Added, ...]:
    """Store new requests in one transaction; an instance with a live request keeps that one.

    Args:
        database: where.
        requests: as they shall stand; their ids are given here.
        actor: who asks.
        progress: told how many of them are dealt with, now and then.
    """
    first: dict[_Key, Request] = {}
    for one in requests:
        first.setdefault((one.target, one.instance_id), one)
    with database.write() as connection:
        new, standing = _settle(connection, first, actor, progress)
    answered: set[_Key] = set()
    added: list[Added] = []
    for one in requests:
        key = (one.target, one.instance_id)
        if key in new:
            added.append(Added(new[key], new=key not in answered))
            answered.add(key)
        else:
            added.append(Added(standing[key], new=False))
    return tuple(added)


def _settle(
    connection: sa.Connection,
    wanted: Mapping[_Key, Request],
    actor: str,
    progress: Callable[[int], None] | None,
) -> tuple[dict[_Key, Request], dict[_Key, Request]]:
    new: dict[_Key, Request] = {}
    standing: dict[_Key, Request] = {}
    columns = _columns(wanted.values())
    # In the order of the index, which halves its work; and two writers never wait for each other.
    left = sorted(wanted, key=_BY_INSTANCE)
    for _ in range(_ROUNDS):
        for keys in _chunks(left, CHUNK):
            new.update(_insert(connection, [wanted[key] for key in keys], columns, actor))
            standing.update(_standing(connection, [key for key in keys if key not in new]))
            if progress is not None:
                progress(len(new) + len(standing))
        left = [key for key in left if key not in new and key not in standing]
        if not left:
            return new | _fenced(connection, new), standing
    raise DatabaseError(
        f"the requests of {len(left)} instances kept ending while they were asked for",
        fix="Ask again.",
    )


def _fenced(connection: sa.Connection, new: Mapping[_Key, Request]) -> dict[_Key, Request]:
    """Those that have to wait for a call of an earlier request, which was never answered.

    They are looked for once the new ones are there: the earlier ones have ended by then.
    """
    if not new:
        return {}
    now = max(one.requested_at for one in new.values())
    place = (request.c.target, request.c.instance_id)
    wanted = sa.select(*place, sa.func.max(request.c.fenced_until)).group_by(*place)
    found = connection.execute(wanted.where(request.c.fenced_until > now - CLOCK_AHEAD)).all()
    fenced = {
        key: waiting_for_its_time(replace(new[key], fenced_until=until), now)
        for target, instance_id, until in found
        if (key := (target, instance_id)) in new
    }
    for one in fenced.values():
        values = {name: getattr(one, name) for name in _WAITING}
        connection.execute(sa.update(request).where(request.c.id == one.id).values(values))
    return fenced


def _columns(requests: Iterable[Request]) -> tuple[str, ...]:
    """The attributes that any of the requests sets; the table knows the others' defaults."""
    used: set[str] = set(_ALWAYS)
    for one in requests:
        used.update(name for name, default in _DEFAULTS.items() if getattr(one, name) != default)
    return tuple(sorted(used))


def _insert(
    connection: sa.Connection, requests: Sequence[Request], columns: Sequence[str], actor: str
) -> dict[_Key, Request]:
    rows = [{column_of(name): getattr(one, name) for name in columns} for one in requests]
    made = {
        (target, instance_id): number
        for number, target, instance_id in insert_rows(
            connection,
            request,
            rows,
            "ON CONFLICT DO NOTHING RETURNING id, target, instance_id",
        )
    }
    new = {
        key: replace(one, id=made[key])
        for one in requests
        if (key := (one.target, one.instance_id)) in made
    }
    events: list[dict[str, Any]] = [
        {
            "request_id": one.id,
            "at": one.requested_at,
            "kind": "added",
            "actor": actor,
            "state": one.state.value,
            "detail": {},
        }
        for one in new.values()
    ]
    insert_rows(connection, event, events)
    return new


def _standing(connection: sa.Connection, keys: Sequence[_Key]) -> dict[_Key, Request]:
    found: dict[_Key, Request] = {}
    by_target: dict[str, list[str]] = {}
    for target, instance_id in keys:
        by_target.setdefault(target, []).append(instance_id)
    for target, instance_ids in by_target.items():
        rows = connection.execute(
            sa.select(*columns(request, REQUEST_COLUMNS)).where(
                request.c.target == target,
                request.c.instance_id.in_(instance_ids),
                sa.text(IS_LIVE),
            )
        )
        for row in rows:
            one = request_of(row)
            found[one.target, one.instance_id] = one
    return found


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    ending: str = "",
) -> list[Any]:
    """Insert rows by one statement; returns what its `RETURNING` gives.

    The text is put together here: building it from a thousand rows' parameters would take the
    library longer than the database takes to run it.
    """
    if not rows:
        return []
    dialect = connection.dialect
    names = list(rows[0])
    marks = ", ".join("%s" if dialect.name == "postgresql" else "?" for _ in names)
    text = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "  # noqa: S608  # names of our own columns
        f"{', '.join([f'({marks})'] * len(rows))} {ending}"
    )
    values: list[Any] = []
    convert = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    for row in rows:
        values.extend(
            into(value) if into is not None else value
            for into, value in zip(convert, row.values(), strict=True)
        )
    cursor: Any = connection.connection.cursor()
    cursor.execute(text, values)
    return list(cursor.fetchall()) if "RETURNING" in ending else []


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
