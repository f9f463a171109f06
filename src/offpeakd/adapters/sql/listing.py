"""Pages through requests, always by an index: never a scan of the queue."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice, product
from typing import Any, Final, NamedTuple

from offpeakd.adapters.sql.conditions import HAS_ENDED, IS_LIVE
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.follow_up import VIEW
from offpeakd.adapters.sql.prepared import OneOf, Prepared, one_of, prepared
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, request_of
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter

_IDS_AT_ONCE: Final = 1000

_HALVES: Final = (IS_LIVE, HAS_ENDED)
"""Each has an index of instances."""

# From one to the next along the index.
_TARGETS: Final = Prepared(
    "WITH RECURSIVE found (name) AS (SELECT min(target) FROM request UNION ALL"
    " SELECT (SELECT min(target) FROM request WHERE target > found.name)"
    " FROM found WHERE name IS NOT NULL) SELECT name FROM found WHERE name IS NOT NULL"
)


class _Search(NamedTuple):
    """Where to look for numbers of requests.

    Attributes:
        number: the column that has them.
        table: which.
        conditions: that have to be fulfilled.
    """

    number: str
    table: str
    conditions: Sequence[OneOf]


def page(connection: Connection, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
    """Requests that the filter lets through, by id, from `after_id` on."""
    if which.follow_up:
        searches = [_Search("request_id", VIEW, list(_conditions(which, "what")))]
    elif which.instance_id is not None:
        named = list(_conditions(which, "state"))
        searches = [_Search("id", "request", [*named, OneOf(half, {})]) for half in _HALVES]
    elif which.states or which.targets:
        searches = [_one_pair(which, *pair) for pair in _pairs(connection, which)]
    else:
        searches = [_Search("id", "request", list(_conditions(which, "state")))]
    bounds = {"after_id": after_id, "limit": limit}
    ids = (_found(connection, search, bounds) for search in searches)
    return _requests(connection, list(islice(merge(*ids), limit)))


def _found(connection: Connection, search: _Search, bounds: Mapping[str, int]) -> list[int]:
    number, table, conditions = search
    text = (
        f"SELECT {number} FROM {table} WHERE"  # noqa: S608  # our own words
        f" {' AND '.join([*(one.text for one in conditions), f'{number} > :after_id'])}"
        f" ORDER BY {number} LIMIT :limit"
    )
    values: dict[str, Any] = dict(bounds)
    for one in conditions:
        values |= one.values
    return [found for (found,) in prepared(text).rows(connection, values)]


def _one_pair(which: Filter, target: str, state: State) -> _Search:
    conditions = [one_of("target", [target]), one_of("state", [state.value])]
    if which.groups:
        conditions.append(one_of("group_name", sorted(which.groups)))
    return _Search("id", "request", conditions)


def _conditions(which: Filter, state: str) -> Iterator[OneOf]:
    chosen = (
        (state, sorted(one.value for one in which.states)),
        ("target", sorted(which.targets)),
        ("group_name", sorted(which.groups)),
        ("instance_id", [] if which.instance_id is None else [which.instance_id]),
    )
    return (one_of(column, names) for column, names in chosen if names)


def _pairs(connection: Connection, which: Filter) -> Iterator[tuple[str, State]]:
    """Each target with each state: within a pair, the index is in the order of ids."""
    return product(
        sorted(which.targets) or _targets(connection), sorted(which.states) or tuple(State)
    )


def _targets(connection: Connection) -> list[str]:
    """Every target that has requests."""
    return [name for (name,) in _TARGETS.rows(connection, {})]


def _requests(connection: Connection, ids: Sequence[int]) -> tuple[Request, ...]:
    found: list[Request] = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = one_of("id", ids[start : start + _IDS_AT_ONCE])
        text = f"SELECT {', '.join(REQUEST_COLUMNS)} FROM request WHERE {some.text} ORDER BY id"  # noqa: S608  # our own words
        found.extend(map(request_of, prepared(text, REQUEST_COLUMNS).rows(connection, some.values)))
    return tuple(found)
