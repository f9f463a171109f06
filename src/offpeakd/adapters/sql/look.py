"""Looks at one target's queue: what waits, what runs, what stops it, and what comes next."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.first_ready import first_ready
from offpeakd.adapters.sql.prepared import Prepared, given
from offpeakd.adapters.sql.rows import REQUEST_COLUMNS, STOP_COLUMNS, request_of, stop_of
from offpeakd.adapters.sql.tables import (
    HIGH_WATER,
    IS_IN_FLIGHT,
    IS_READY,
    IS_WAITING,
    control,
    request,
    tally,
)
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database, Question
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import Request
from offpeakd.ports import Behind

_next_ready = (
    sa.select(sa.func.min(request.c.wait_until, type_=request.c.wait_until.type))
    .where(request.c.target == given(request.c.target), sa.text(IS_WAITING))
    .scalar_subquery()
)
_in_flight_now = (
    sa.select(sa.cast(sa.func.coalesce(sa.func.sum(tally.c.number), 0), tally.c.number.type))
    .where(tally.c.target == given(request.c.target), sa.text(IS_IN_FLIGHT))
    .scalar_subquery()
)
_WAITING_AND_RUNNING: Final = Prepared(sa.select(_next_ready, _in_flight_now))


def _first_ready_group(*more: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    return (
        sa.select(request.c.group_name)
        .where(request.c.target == given(request.c.target), sa.text(IS_READY), *more)
        .order_by(request.c.group_name)
        .limit(1)
        .scalar_subquery()
    )


def _ready_groups() -> Prepared:
    """From one group to the next along the index: as many looks as there are groups."""
    found = sa.select(_first_ready_group().label("name")).cte("found", recursive=True)
    found = found.union_all(
        sa.select(_first_ready_group(request.c.group_name > found.c.name)).where(
            found.c.name.is_not(None)
        )
    )
    return Prepared(sa.select(found.c.name).where(found.c.name.is_not(None)))


_READY_GROUPS: Final = _ready_groups()
_STOPS: Final = Prepared(
    sa.select(*STOP_COLUMNS).where(
        control.c.scope.in_([sa.literal_column("'*'"), given(control.c.scope)]),
        control.c.kind != sa.literal_column(f"'{HIGH_WATER}'"),
    )
)
_ready: Final = (
    sa.select(*REQUEST_COLUMNS)
    .where(
        request.c.target == given(request.c.target),
        request.c.group_name == given(request.c.group_name),
        sa.text(IS_READY),
    )
    .order_by(request.c.priority, request.c.id)
    .limit(sa.bindparam("given_limit", type_=sa.Integer()))
)
_READY: Final = Prepared(_ready)
# What another daemon is claiming at this moment is passed over and not waited for, so that
# daemons on one target choose different rows.
_READY_AND_FREE: Final = Prepared(
    _ready.with_for_update(key_share=True, skip_locked=True, of=request)
)


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
