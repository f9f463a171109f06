"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
LIVE = "state IN ('queued', 'submitting', 'unknown', 'running', 'needs_review')"
IN_FLIGHT = "state IN ('submitting', 'unknown', 'running')"

VIEW = """CREATE VIEW follow_up AS
SELECT id AS request_id, target, instance_id, group_name, 'failed' AS what,
       finished_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state = 'failed' AND acknowledged_by IS NULL
UNION ALL
SELECT id AS request_id, target, instance_id, group_name, 'needs_review' AS what,
       changed_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state = 'needs_review'
UNION ALL
SELECT id AS request_id, target, instance_id, group_name, 'unknown' AS what,
       unknown_since AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state IN ('submitting', 'unknown', 'running') AND state = 'unknown' AND unknown_since < {thirty_minutes_ago}
UNION ALL
SELECT id AS request_id, target, instance_id, group_name, 'running' AS what,
       submitted_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state IN ('submitting', 'unknown', 'running') AND state = 'running' AND submitted_at < {four_hours_ago}"""

AGO = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{} minutes')",
    "postgresql": "now() - interval '{} minutes'",
}


def upgrade() -> None:
    _batch()
    _control()
    _instance()
    _lease()
    _request()
    _attempt()
    _event()
    ago = AGO[op.get_bind().dialect.name]
    # Past the library, which would take the colons of the clock format for parameters.
    op.get_bind().exec_driver_sql(
        VIEW.format(thirty_minutes_ago=ago.format(30), four_hours_ago=ago.format(240))
    )


def _batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("windows", JSON, nullable=False),
        sa.Column("opening_start", INSTANT),
        sa.Column("opening_end", INSTANT),
        sa.Column("signed_at", INSTANT, nullable=False),
        sa.Column("fenced", sa.Boolean(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("tzdata_version", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("sent_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("http_status", sa.Integer()),
        sa.Column("cloud_request_id", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_batch"),
    )


def _control() -> None:
    op.create_table(
        "control",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "kind", name="pk_control"),
    )


def _instance() -> None:
    op.create_table(
        "instance",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("actions", JSON, nullable=False),
        sa.Column("version", sa.Text()),
        sa.Column("whole_version", sa.Text()),
        sa.Column("patch_available", sa.Boolean()),
        sa.Column("node_states", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.PrimaryKeyConstraint("target", "id", name="pk_instance"),
    )


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.Column("renewed_at", INSTANT, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("config_error", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("owner", name="pk_lease"),
    )


def _request() -> None:
    op.create_table(
        "request",
        sa.Column("id", NUMBER, sa.Identity(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False, server_default="default"),
        sa.Column("state", sa.Text(), nullable=False, server_default="queued"),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="100"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("requested_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("not_before", INSTANT),
        sa.Column("deadline", INSTANT),
        sa.Column("held_reason", sa.Text()),
        sa.Column("wait_until", INSTANT),
        sa.Column("wait_reason", sa.Text()),
        sa.Column("wait_detail", sa.Text()),
        sa.Column("cohort", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("resends", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("attempt_id", sa.Text()),
        sa.Column("batch_id", sa.Text()),
        sa.Column("job_id", sa.Text()),
        sa.Column("job_status", sa.Text()),
        sa.Column("job_progress", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("submitted_at", INSTANT),
        sa.Column("unknown_since", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("changed_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_request"),
        sa.CheckConstraint(
            "state IN ('queued', 'submitting', 'unknown', 'running', 'succeeded', 'failed', 'cancelled', 'expired', 'needs_review')",
            name=op.f("ck_request_state"),
        ),
        sqlite_autoincrement=True,
    )
    _index(
        "ix_request_claim",
        "request",
        ["target", "group_name", "priority", "id"],
        where="state = 'queued' AND wait_until IS NULL AND held_reason IS NULL",
    )
    _index(
        "ix_request_deadline",
        "request",
        ["deadline"],
        where="state = 'queued' AND deadline IS NOT NULL",
    )
    _index(
        "ix_request_finished",
        "request",
        ["finished_at"],
        where="state IN ('succeeded', 'failed', 'cancelled', 'expired')",
    )
    _index(
        "ix_request_follow_up",
        "request",
        ["id"],
        where="state = 'needs_review' OR (state = 'failed' AND acknowledged_by IS NULL)",
    )
    _index("ix_request_in_flight", "request", ["target", "state", "id"], where=IN_FLIGHT)
    _index("ix_request_instance", "request", ["instance_id", "id"])
    _index("ix_request_state", "request", ["target", "state", "id"])
    _index(
        "ix_request_waiting",
        "request",
        ["target", "wait_until"],
        where="state = 'queued' AND held_reason IS NULL AND wait_until IS NOT NULL",
    )
    _index("uq_request_live", "request", ["target", "instance_id"], where=LIVE, unique=True)


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "batch_id",
            sa.Text(),
            sa.ForeignKey("batch.id", name="fk_attempt_batch_id"),
            nullable=False,
        ),
        sa.Column(
            "request_id",
            NUMBER,
            sa.ForeignKey("request.id", ondelete="CASCADE", name="fk_attempt_request_id"),
            nullable=False,
        ),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("signed_at", INSTANT, nullable=False),
        sa.Column("fenced", sa.Boolean(), nullable=False),
        sa.Column("whole_version", sa.Text()),
        sa.Column("sent_at", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("http_status", sa.Integer()),
        sa.Column("cloud_request_id", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("job_id", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("resolved_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
    )
    _index("ix_attempt_batch", "attempt", ["batch_id"])
    _index("ix_attempt_request", "attempt", ["request_id"])
    _index(
        "uq_attempt_open",
        "attempt",
        ["target", "instance_id"],
        where="outcome IS NULL",
        unique=True,
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", NUMBER, sa.Identity(), nullable=False),
        sa.Column(
            "request_id",
            NUMBER,
            sa.ForeignKey("request.id", ondelete="CASCADE", name="fk_event_request_id"),
        ),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sqlite_autoincrement=True,
    )
    _index("ix_event_request", "event", ["request_id", "id"])


def _index(
    name: str, table: str, columns: list[str], *, where: str = "", unique: bool = False
) -> None:
    condition = sa.text(where) if where else None
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
