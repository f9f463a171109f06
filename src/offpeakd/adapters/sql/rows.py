"""Turns rows into the core's values and back."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.tables import attempt, control, event, instance, lease, request
from offpeakd.core.change import AttemptResult
from offpeakd.core.lane import Stop
from offpeakd.core.model import FIELDS, Request, State
from offpeakd.core.seen import Instance
from offpeakd.ports import AttemptRecord, DaemonRow, Event


def column_of(field: str) -> str:
    """The column that keeps an attribute of a request; `group` is a word of SQL."""
    return "group_name" if field == "group" else field


REQUEST_COLUMNS: Final = tuple(request.c[column_of(field)] for field in FIELDS)
_STATE_AT: Final = FIELDS.index("state")


def request_of(row: Sequence[Any]) -> Request:
    """A request from a row of `REQUEST_COLUMNS`."""
    values = list(row)
    values[_STATE_AT] = State(values[_STATE_AT])
    return Request(*values)


ATTEMPT_COLUMNS: Final[tuple[sa.Column[Any], ...]] = (
    attempt.c.id,
    attempt.c.batch_id,
    attempt.c.request_id,
    attempt.c.instance_id,
    attempt.c.owner,
    attempt.c.signed_at,
    attempt.c.fenced,
    attempt.c.whole_version,
    attempt.c.sent_at,
    attempt.c.finished_at,
    attempt.c.http_status,
    attempt.c.cloud_request_id,
    attempt.c.outcome,
    attempt.c.job_id,
    attempt.c.error_code,
    attempt.c.error_message,
    attempt.c.evidence,
    attempt.c.resolved_by,
)
_RESULT_AT: Final = ATTEMPT_COLUMNS.index(attempt.c.outcome)


def attempt_of(row: Sequence[Any]) -> AttemptRecord:
    """An attempt from a row of `ATTEMPT_COLUMNS`."""
    values: list[Any] = [*row[:_RESULT_AT], AttemptResult(*row[_RESULT_AT:])]
    return AttemptRecord(*values)


EVENT_COLUMNS: Final = (
    event.c.id,
    event.c.request_id,
    event.c.at,
    event.c.kind,
    event.c.actor,
    event.c.state,
    event.c.detail,
)


def event_of(row: Sequence[Any]) -> Event:
    """An event from a row of `EVENT_COLUMNS`."""
    number, request_id, at, kind, actor, state, detail = row
    return Event(
        number, request_id, at, kind, actor, None if state is None else State(state), detail
    )


STOP_COLUMNS: Final = (
    control.c.scope,
    control.c.kind,
    control.c.reason,
    control.c.actor,
    control.c.since,
    control.c.until,
    control.c.count,
)


def stop_of(row: Sequence[Any]) -> Stop:
    """A stop from a row of `STOP_COLUMNS`."""
    return Stop(*row)


DAEMON_COLUMNS: Final = tuple(lease.c[field.name] for field in fields(DaemonRow))
_TARGETS_AT: Final = DAEMON_COLUMNS.index(lease.c.targets)
_PASSES_AT: Final = DAEMON_COLUMNS.index(lease.c.passes)


def daemon_of(row: Sequence[Any]) -> DaemonRow:
    """A daemon's sign of life from a row of `DAEMON_COLUMNS`."""
    values = list(row)
    values[_TARGETS_AT] = tuple(values[_TARGETS_AT])
    values[_PASSES_AT] = {
        target: datetime.fromisoformat(at) for target, at in values[_PASSES_AT].items()
    }
    return DaemonRow(*values)


INSTANCE_FIELDS: Final = tuple(field.name for field in fields(Instance))
INSTANCE_COLUMNS: Final = tuple(instance.c[field] for field in INSTANCE_FIELDS)
_LISTS_AT: Final = tuple(INSTANCE_FIELDS.index(field) for field in ("actions", "node_states"))


def instance_of(row: Sequence[Any]) -> Instance:
    """An instance from a row of `INSTANCE_COLUMNS`."""
    values = list(row)
    for place in _LISTS_AT:
        values[place] = tuple(values[place])
    return Instance(*values)
