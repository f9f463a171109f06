"""Looks at one target's queue: what waits, what runs, what stops it, and what comes next."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final

from offpeakd.adapters.sql.conditions import HIGH_WATER, IS_IN_FLIGHT, IS_READY, IS_WAITING
from offpeakd.adapters.sql.first_ready import first_ready
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, STOP_COLUMNS, request_of, stop_of
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database, Question
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import Request
from offpeakd.ports import Behind

_WAITING_AND_RUNNING: Final = Prepared(
    f"SELECT (SELECT min(wait_until) FROM request WHERE target = :target AND {IS_WAITING}),"  # noqa: S608  # our own words
    " CAST((SELECT coalesce(sum(number), 0) FROM tally"
    f" WHERE target = :target AND {IS_IN_FLIGHT}) AS bigint)",
    gives=("wait_until", "number"),
)
_STOPS: Final = Prepared(
    f"SELECT {', '.join(STOP_COLUMNS)} FROM control"  # noqa: S608  # our own words
    f" WHERE scope IN ('*', :scope) AND kind <> '{HIGH_WATER}'",
    gives=STOP_COLUMNS,
)


def _ready_groups() -> Prepared:
    """From one group to the next along the index: as many looks as there are groups."""
    first = (
        "(SELECT group_name FROM request"  # noqa: S608  # our own words
        f" WHERE target = :target AND {IS_READY}{{more}} ORDER BY group_name LIMIT 1)"
    )
    following = first.format(more=" AND group_name > found.name")
    return Prepared(
        f"WITH RECURSIVE found (name) AS (SELECT {first.format(more='')} UNION ALL"  # noqa: S608  # as above
        f" SELECT {following} FROM found WHERE found.name IS NOT NULL)"
        " SELECT name FROM found WHERE name IS NOT NULL"
    )


_READY_GROUPS: Final = _ready_groups()
_ready: Final = (
    f"SELECT {', '.join(REQUEST_COLUMNS)} FROM request"  # noqa: S608  # our own words
    f" WHERE target = :target AND group_name = :group_name AND {IS_READY}"
    " ORDER BY priority, id LIMIT :limit"
)
_READY: Final = Prepared(_ready, gives=REQUEST_COLUMNS)
# What another daemon is claiming at this moment is passed over and not waited for, so that
# daemons on one target choose different rows.
_READY_AND_FREE: Final = Prepared(f"{_ready} FOR NO KEY UPDATE SKIP LOCKED", gives=REQUEST_COLUMNS)


def look(
    database: Database, term: Term, target: str, groups: Sequence[str] | None, first: int
) -> Lane:
    """See `ports.Queue.lane`; nothing is made ready here."""
    facts = _facts(target)
    if groups is None:
        waiting, stops, names = database.ask([*facts, (_READY_GROUPS, {"target": target})])
        return _lane(target, sorted(name for (name,) in names), waiting, stops)
    shared = _shares(database, term)
    # The first has some, as a rule.
    nearest = [_next_of(target, group, first, shared=shared) for group in groups[:1]]
    waiting, stops, *rows = database.ask([*facts, *nearest], locks=shared)
    found = _requests(chain(*rows))
    if found:
        return _lane(target, groups[:1], waiting, stops, found)
    ready = first_ready(database, target, groups)
    found = [one for group in ready for one in ready_in(database, term, target, group, first)]
    return _lane(target, ready, waiting, stops, found)


def ready_in(
    database: Database, term: Term, target: str, group: str, limit: int
) -> tuple[Request, ...]:
    """See `ports.Queue.ready`."""
    shared = _shares(database, term)
    [rows] = database.ask([_next_of(target, group, limit, shared=shared)], locks=shared)
    return tuple(_requests(rows))


def _shares(database: Database, term: Term) -> bool:
    """Whether other daemons may be choosing at this moment as well."""
    return not database.is_sqlite and term.epoch > 0


def _next_of(target: str, group: str, limit: int, *, shared: bool) -> Question:
    """Asks for ready requests; for those that no other daemon is choosing at this moment."""
    wanted = {"target": target, "group_name": group, "limit": limit}
    return (_READY_AND_FREE if shared else _READY), wanted


_UNREADABLE: Final = (ValueError, LookupError, TypeError)
"""What is raised where a row holds what no value can be made of: a look by itself will say so."""

Answers = list[list[tuple[Any, ...]]]
"""The rows of each question."""


def questions(target: str, group: str, first: int) -> tuple[list[Question], list[Question]]:
    """What a look behind a batch asks: the stops, and then the rest.

    It locks nothing, so others may be choosing the same.
    """
    waiting, stops = _facts(target)
    return [stops], [waiting, _next_of(target, group, first, shared=False)]


def behind(
    target: str,
    group: str,
    hear_stops: Callable[[], Answers | None],
    hear: Callable[[], Answers | None],
) -> Behind | None:
    """What the answers to `questions` say; without a group where that has nothing ready.

    Args:
        target: its name.
        group: the batch's.
        hear_stops: gives what was answered to the first questions; None where they failed.
        hear: the same for the rest, later.
    """
    with suppress(*_UNREADABLE):
        answers = hear_stops()
        if answers is not None:
            [stops] = answers
            return Behind(_stops(stops), partial(_behind, target, group, stops, hear))
    with suppress(*_UNREADABLE):
        hear()
    return None


def _behind(
    target: str, group: str, stops: Sequence[tuple[Any, ...]], hear: Callable[[], Answers | None]
) -> Lane | None:
    with suppress(*_UNREADABLE):
        answers = hear()
        if answers is not None:
            waiting, rows = answers
            found = _requests(rows)
            return _lane(target, [group] if found else [], waiting, stops, found)
    return None


def _facts(target: str) -> tuple[Question, Question]:
    return (_WAITING_AND_RUNNING, {"target": target}), (_STOPS, {"scope": target})


def _stops(rows: Iterable[tuple[Any, ...]]) -> tuple[Stop, ...]:
    return tuple(sorted(map(stop_of, rows), key=lambda stop: (stop.scope, stop.kind)))


def _requests(rows: Iterable[tuple[Any, ...]]) -> list[Request]:
    return [request_of(row) for row in rows]


def _lane(
    target: str,
    ready_groups: Sequence[str],
    waiting: Sequence[tuple[Any, ...]],
    stops: Sequence[tuple[Any, ...]],
    first: Sequence[Request] | None = None,
) -> Lane:
    [(next_ready_at, in_flight)] = waiting
    return Lane(
        target,
        tuple(ready_groups),
        next_ready_at,
        in_flight,
        _stops(stops),
        None if first is None else tuple(first),
    )
