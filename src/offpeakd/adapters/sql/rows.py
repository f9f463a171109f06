"""Turns rows into the core's values and back."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from offpeakd.core.change import AttemptResult
from offpeakd.core.lane import Stop
from offpeakd.core.model import FIELDS, Request, State
from offpeakd.core.seen import Instance
from offpeakd.ports import AttemptRecord, DaemonRow, Event


def column_of(field: str) -> str:
    """The column that keeps an attribute of a request; `group` is a word of SQL."""
    return "group_name" if field == "group" else field


REQUEST_COLUMNS: Final = tuple(map(column_of, FIELDS))
_STATE_AT: Final = FIELDS.index("state")


def request_of(row: Sequence[Any]) -> Request:
    """A request from a row of `REQUEST_COLUMNS`."""
    values = list(row)
    values[_STATE_AT] = State(values[_STATE_AT])
    return Request(*values)


ATTEMPT_COLUMNS: Final = (
    "id",
    "batch_id",
    "request_id",
    "instance_id",
    "owner",
    "signed_at",
    "fenced",
    "whole_version",
    "sent_at",
    "finished_at",
    "http_status",
    "cloud_request_id",
    "outcome",
    "job_id",
    "error_code",
    "error_message",
    "evidence",
    "resolved_by",
)
_RESULT_AT: Final = ATTEMPT_COLUMNS.index("outcome")


def attempt_of(row: Sequence[Any]) -> AttemptRecord:
    """An attempt from a row of `ATTEMPT_COLUMNS`."""
    values: list[Any] = [*row[:_RESULT_AT], AttemptResult(*row[_RESULT_AT:])]
    return AttemptRecord(*values)


EVENT_COLUMNS: Final = (
    "id",
    "request_id",
    "at",
    "kind",
    "actor",
    "state",
    "detail",
)


def event_of(row: Sequence[Any]) -> Event:
    """An event from a row of `EVENT_COLUMNS`."""
    number, request_id, at, kind, actor, state, detail = row
    return Event(
        number, request_id, at, kind, actor, None if state is None else State(state), detail
    )


STOP_COLUMNS: Final = (
    "scope",
    "kind",
    "reason",
    "actor",
    "since",
    "until",
    "count",
)


def stop_of(row: Sequence[Any]) -> Stop:
    """A stop from a row of `STOP_COLUMNS`."""
    return Stop(*row)


DAEMON_COLUMNS: Final = tuple(field.name for field in fields(DaemonRow))
_TARGETS_AT: Final = DAEMON_COLUMNS.index("targets")
_PASSES_AT: Final = DAEMON_COLUMNS.index("passes")


def daemon_of(row: Sequence[Any]) -> DaemonRow:
    """A daemon's sign of life from a row of `DAEMON_COLUMNS`."""
    values = list(row)
    values[_TARGETS_AT] = tuple(values[_TARGETS_AT])
    values[_PASSES_AT] = {
        target: datetime.fromisoformat(at) for target, at in values[_PASSES_AT].items()
    }
    return DaemonRow(*values)


INSTANCE_COLUMNS: Final = tuple(field.name for field in fields(Instance))
_LISTS_AT: Final = tuple(INSTANCE_COLUMNS.index(field) for field in ("actions", "node_states"))


def instance_of(row: Sequence[Any]) -> Instance:
    """An instance from a row of `INSTANCE_COLUMNS`."""
    values = list(row)
    for place in _LISTS_AT:
        values[place] = tuple(values[place])
    return Instance(*values)
