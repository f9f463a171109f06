"""Pages through requests, always by an index: never a scan of the queue."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice, product
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.follow_up import VIEW
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, request_of
from offpeakd.adapters.sql.tables import request
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter

_IDS_AT_ONCE: Final = 1000
_follow_up: Final = sa.table(
    VIEW,
    sa.column("request_id"),
    sa.column("target"),
    sa.column("group_name"),
    sa.column("instance_id"),
    sa.column("what"),
)


def page(
    connection: sa.Connection, which: Filter, after_id: int, limit: int
) -> tuple[Request, ...]:
    """Requests that the filter lets through, by id, from `after_id` on."""
    if which.follow_up:
        wanted = [_followed_up(which)]
    elif which.instance_id is None and (which.states or which.targets):
        wanted = [_one_pair(which, *pair) for pair in _pairs(connection, which)]
    else:
        wanted = [sa.select(request.c.id).where(*_conditions(which, request.c, request.c.state))]
    ids = (connection.execute(_from(one, after_id, limit)).scalars().all() for one in wanted)
    return _requests(connection, list(islice(merge(*ids), limit)))


def _from(wanted: sa.Select[Any], after_id: int, limit: int) -> sa.Select[Any]:
    [number] = wanted.selected_columns
    return wanted.where(number > after_id).order_by(number).limit(limit)


def _followed_up(which: Filter) -> sa.Select[Any]:
    columns = _follow_up.c
    return sa.select(columns.request_id).where(*_conditions(which, columns, columns.what))


def _one_pair(which: Filter, target: str, state: State) -> sa.Select[Any]:
    conditions = [request.c.target == target, request.c.state == state.value]
    if which.groups:
        conditions.append(request.c.group_name.in_(sorted(which.groups)))
    return sa.select(request.c.id).where(*conditions)


def _conditions(
    which: Filter, columns: Any, state: sa.ColumnElement[str]
) -> Iterator[sa.ColumnElement[bool]]:
    chosen = (
        (state, sorted(one.value for one in which.states)),
        (columns.target, sorted(which.targets)),
        (columns.group_name, sorted(which.groups)),
        (columns.instance_id, [] if which.instance_id is None else [which.instance_id]),
    )
    return (column.in_(names) for column, names in chosen if names)


def _pairs(connection: sa.Connection, which: Filter) -> Iterator[tuple[str, State]]:
    """Each target with each state: within a pair, the index is in the order of ids."""
    return product(
        sorted(which.targets) or _targets(connection), sorted(which.states) or tuple(State)
    )


def _targets(connection: sa.Connection) -> list[str]:
    """Every target that has requests, from one to the next along the index."""
    found = sa.select(sa.func.min(request.c.target).label("name")).cte("found", recursive=True)
    following = sa.select(sa.func.min(request.c.target)).where(request.c.target > found.c.name)
    found = found.union_all(sa.select(following.scalar_subquery()).where(found.c.name.is_not(None)))
    rows = connection.execute(sa.select(found.c.name).where(found.c.name.is_not(None)))
    return [name for (name,) in rows]


def _requests(connection: sa.Connection, ids: Sequence[int]) -> tuple[Request, ...]:
    found: list[Request] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        rows = connection.execute(
            sa.select(*REQUEST_COLUMNS).where(request.c.id.in_(some)).order_by(request.c.id)
        )
        found.extend(request_of(row) for row in rows)
    return tuple(found)
