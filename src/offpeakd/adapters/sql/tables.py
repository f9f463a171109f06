"""Tables, indexes and checks. `docs/usage/database.md` describes them for people."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.columns import Instant, Json, Seconds
from offpeakd.adapters.sql.conditions import (
    HAS_DEADLINE,
    HAS_ENDED,
    HAS_FENCE,
    HAS_NO_LIVE_END,
    IS_FINAL,
    IS_IN_FLIGHT,
    IS_LIVE,
    IS_OPEN,
    IS_READY,
    IS_WAITING,
    NEEDS_A_PERSON,
    in_states,
)
from offpeakd.core.model import DEFAULT_GROUP, LIVE, State

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Number: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A rising number; SQLite numbers by itself only what is declared INTEGER."""


def columns(table: sa.Table, names: Sequence[str]) -> list[sa.Column[Any]]:
    """Columns of a table, in the order of their names."""
    return [table.c[name] for name in names]


def _index(
    name: str, table: sa.Table, *columns: str, where: str = "", unique: bool = False
) -> None:
    condition = sa.text(where) if where else None
    sa.Index(
        name,
        *(table.c[column] for column in columns),
        unique=unique,
        sqlite_where=condition,
    )


request: Final = sa.Table(
    "request",
    metadata,
    sa.Column("id", Number, sa.Identity(), primary_key=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("instance_id", sa.Text, nullable=False),
    sa.Column("group_name", sa.Text, nullable=False, server_default=DEFAULT_GROUP),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="100"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("requested_by", sa.Text, nullable=False, server_default=""),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("not_before", Instant),
    sa.Column("deadline", Instant),
    sa.Column("held_reason", sa.Text),
    sa.Column("wait_until", Instant),
    sa.Column("wait_reason", sa.Text),
    sa.Column("wait_detail", sa.Text),
    sa.Column("cohort", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempt_id", sa.Text),
    sa.Column("batch_id", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Column("job_status", sa.Text),
    sa.Column("job_progress", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("submitted_at", Instant),
    sa.Column("unknown_since", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("changed_at", Instant),
    sa.Column("fenced_until", Instant),
    sa.CheckConstraint(in_states(frozenset(State)), name="state"),
    # SQLite can't add a check to a table that is there: it has triggers for this one.
    sa.CheckConstraint(HAS_NO_LIVE_END, name="end").ddl_if(dialect="postgresql"),
    sqlite_autoincrement=True,
)
_index("uq_request_live", request, "instance_id", "target", where=IS_LIVE, unique=True)
_index("ix_request_claim", request, "target", "group_name", "priority", "id", where=IS_READY)
_index("ix_request_waiting", request, "target", "wait_until", where=IS_WAITING)
_index("ix_request_in_flight", request, "target", "state", "id", where=IS_IN_FLIGHT)
_index("ix_request_deadline", request, "deadline", where=HAS_DEADLINE)
_index("ix_request_follow_up", request, "id", where=NEEDS_A_PERSON)
_index("ix_request_finished", request, "finished_at", "id", where=IS_FINAL)
_index("ix_request_ended", request, "instance_id", "id", where=HAS_ENDED)
_index("ix_request_fenced", request, "fenced_until", where=HAS_FENCE)
_index("ix_request_state", request, "target", "state", "id")

END_TRIGGERS: Final = {
    name: (
        f"CREATE TRIGGER {name} AFTER {when} ON request"
        f" WHEN NEW.finished_at IS NOT NULL AND NEW.{in_states(LIVE)}"
        " BEGIN SELECT RAISE(ABORT, 'a live request has no end'); END"
    )
    for name, when in (
        ("request_end_added", "INSERT"),
        ("request_end_changed", "UPDATE OF state, finished_at"),
    )
}
"""Hold `HAS_NO_LIVE_END` on SQLite; by name."""

batch: Final = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("windows", Json, nullable=False),
    sa.Column("opening_start", Instant),
    sa.Column("opening_end", Instant),
    sa.Column("signed_at", Instant, nullable=False),
    sa.Column("fenced", sa.Boolean, nullable=False),
    sa.Column("body_sha256", sa.Text, nullable=False),
    sa.Column("config_hash", sa.Text, nullable=False),
    sa.Column("tzdata_version", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("sent_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("http_status", sa.Integer),
    sa.Column("cloud_request_id", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("answer", sa.Text),
)

attempt: Final = sa.Table(
    "attempt",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, sa.ForeignKey("batch.id"), nullable=False),
    sa.Column(
        "request_id", Number, sa.ForeignKey("request.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("instance_id", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
    sa.Column("fenced", sa.Boolean, nullable=False),
    sa.Column("whole_version", sa.Text),
    sa.Column("sent_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("http_status", sa.Integer),
    sa.Column("cloud_request_id", sa.Text),
    sa.Column("outcome", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("evidence", sa.Text),
    sa.Column("resolved_by", sa.Text),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
)
_index("uq_attempt_open", attempt, "target", "instance_id", where=IS_OPEN, unique=True)
_index("ix_attempt_request", attempt, "request_id")
_index("ix_attempt_batch", attempt, "batch_id")

event: Final = sa.Table(
    "event",
    metadata,
    sa.Column("id", Number, sa.Identity(), primary_key=True),
    sa.Column("request_id", Number, sa.ForeignKey("request.id", ondelete="CASCADE")),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("detail", Json, nullable=False),
    sqlite_autoincrement=True,
)
_index("ix_event_request", event, "request_id", "id")

control: Final = sa.Table(
    "control",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("count", sa.Integer, nullable=False),
)

lease: Final = sa.Table(
    "lease",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("targets", Json, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("beat_at", Instant, nullable=False),
    sa.Column("renewed_at", Instant, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("config_hash", sa.Text, nullable=False),
    sa.Column("config_error", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("holds", Json, nullable=False, server_default="{}"),
    sa.Column("passes", Json, nullable=False, server_default="{}"),
    sa.Column("clock_offset", Seconds),
)

instance: Final = sa.Table(
    "instance",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("actions", Json, nullable=False),
    sa.Column("version", sa.Text),
    sa.Column("whole_version", sa.Text),
    sa.Column("patch_available", sa.Boolean),
    sa.Column("node_states", Json, nullable=False),
    sa.Column("tags", Json, nullable=False),
)

turn: Final = sa.Table(
    "turn",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("until", Instant, nullable=False),
)

call: Final = sa.Table(
    "call",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
)

tally: Final = sa.Table(
    "tally",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", Number, nullable=False),
    sqlite_with_rowid=False,
)
"""Requests by target and state, kept by triggers (`tally.py`)."""
