"""Many daemons: what each of them sees and holds, chores in turns, calls and requests counted, hints."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

PLUS = (
    "INSERT INTO tally (target, state, part, number) VALUES (NEW.target, NEW.state, 0, 1)"
    " ON CONFLICT (target, state, part) DO UPDATE SET number = number + 1;"
)
MINUS = (
    "UPDATE tally SET number = number - 1"
    " WHERE target = OLD.target AND state = OLD.state AND part = 0;"
)
CHANGED = (
    "CREATE TRIGGER tally_changed AFTER UPDATE OF target, state ON request"
    " WHEN OLD.state <> NEW.state OR OLD.target <> NEW.target"
    f" BEGIN {MINUS} {PLUS} END"
)
SQLITE = (
    f"CREATE TRIGGER tally_added AFTER INSERT ON request BEGIN {PLUS} END",
    CHANGED,
    f"CREATE TRIGGER tally_gone AFTER DELETE ON request BEGIN {MINUS} END",
)
FUNCTION = """CREATE FUNCTION offpeakd_tally() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), count(*) FROM news GROUP BY target, state
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), -count(*) FROM olds GROUP BY target, state
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  ELSE
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), sum(step)
    FROM (SELECT target, state, 1 AS step FROM news
          UNION ALL SELECT target, state, -1 FROM olds) AS steps
    GROUP BY target, state HAVING sum(step) <> 0
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  END IF;
  RETURN NULL;
END $body$"""
AFTER = (
    "CREATE TRIGGER {} AFTER {} ON request REFERENCING {}"
    " FOR EACH STATEMENT EXECUTE FUNCTION offpeakd_tally()"
)
POSTGRESQL = (
    FUNCTION,
    AFTER.format("tally_added", "INSERT", "NEW TABLE AS news"),
    AFTER.format("tally_changed", "UPDATE", "OLD TABLE AS olds NEW TABLE AS news"),
    AFTER.format("tally_gone", "DELETE", "OLD TABLE AS olds"),
)

HINT = """CREATE FUNCTION offpeakd_hint() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_TABLE_NAME = 'control' THEN
    PERFORM pg_notify('offpeakd', left(scope, 500))
    FROM (SELECT DISTINCT scope FROM olds WHERE kind <> 'high-water') AS lifted
    WHERE pg_notification_queue_usage() < 0.5;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM pg_notify('offpeakd', left(target, 500))
    FROM (SELECT DISTINCT target FROM news
          WHERE state = 'queued' AND held_reason IS NULL) AS added
    WHERE pg_notification_queue_usage() < 0.5;
  ELSE
    PERFORM pg_notify('offpeakd', left(target, 500))
    FROM (SELECT target
          FROM (SELECT target, state, held_reason, 1 AS step FROM news
                UNION ALL SELECT target, state, held_reason, -1 FROM olds) AS steps
          GROUP BY target
          HAVING sum(step) FILTER (WHERE state = 'submitting'
                                   OR (state = 'queued' AND held_reason IS NULL)) > 0
          OR sum(step) FILTER (WHERE state = 'running') < 0) AS changed
    WHERE pg_notification_queue_usage() < 0.5;
  END IF;
  RETURN NULL;
END $body$"""
HINTS = (
    HINT,
    *(
        f"CREATE TRIGGER {name} AFTER {when} REFERENCING {what}"
        " FOR EACH STATEMENT EXECUTE FUNCTION offpeakd_hint()"
        for name, when, what in (
            ("hint_added", "INSERT ON request", "NEW TABLE AS news"),
            ("hint_changed", "UPDATE ON request", "OLD TABLE AS olds NEW TABLE AS news"),
            ("hint_lifted", "DELETE ON control", "OLD TABLE AS olds"),
        )
    ),
)

VIEW = """CREATE VIEW follow_up AS
SELECT id AS request_id, target, instance_id, group_name, 'failed' AS what,
       finished_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE (state = 'needs_review' OR (state = 'failed' AND acknowledged_by IS NULL)) AND state = 'failed' AND acknowledged_by IS NULL
UNION ALL
SELECT id AS request_id, target, instance_id, group_name, 'needs_review' AS what,
       changed_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE (state = 'needs_review' OR (state = 'failed' AND acknowledged_by IS NULL)) AND state = 'needs_review'
UNION ALL
SELECT +id AS request_id, target, instance_id, group_name, 'unknown' AS what,
       unknown_since AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state IN ('submitting', 'unknown', 'running') AND state = 'unknown' AND unknown_since < {thirty_minutes_ago}
UNION ALL
SELECT +id AS request_id, target, instance_id, group_name, 'running' AS what,
       submitted_at AS since, error_code, error_message, job_id, batch_id, attempts,
       reason, requested_by, requested_at
FROM request WHERE state IN ('submitting', 'unknown', 'running') AND state = 'running' AND submitted_at < {four_hours_ago}"""

AGO = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{} minutes')",
    "postgresql": "now() - interval '{} minutes'",
}


def upgrade() -> None:
    """Everything is added; of what was there, an index and a view read better than before."""
    _what_a_daemon_sees()
    _turns_and_calls()
    _tally()
    _many_that_finished_at_once()
    _follow_up_by_index()
    _hints()


def _what_a_daemon_sees() -> None:
    op.add_column("lease", sa.Column("holds", JSON, nullable=False, server_default="{}"))
    op.add_column("lease", sa.Column("passes", JSON, nullable=False, server_default="{}"))
    op.add_column("lease", sa.Column("clock_offset", sa.Double()))
    op.add_column("attempt", sa.Column("epoch", sa.Integer(), nullable=False, server_default="1"))


def _turns_and_calls() -> None:
    op.create_table(
        "turn",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turn"),
    )
    op.create_table(
        "call",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("target", "number", name="pk_call"),
    )


def _tally() -> None:
    op.create_table(
        "tally",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("target", "state", "part", name="pk_tally"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    # The triggers come first: on PostgreSQL they keep writers out until all of this is committed.
    statements = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "INSERT INTO tally (target, state, part, number)"
        " SELECT target, state, 0, count(*) FROM request GROUP BY target, state"
    )


def _many_that_finished_at_once() -> None:
    final = sa.text("state IN ('succeeded', 'failed', 'cancelled', 'expired')")
    op.drop_index("ix_request_finished", "request")
    op.create_index(
        "ix_request_finished",
        "request",
        ["finished_at", "id"],
        sqlite_where=final,
        postgresql_where=final,
    )


def _follow_up_by_index() -> None:
    connection = op.get_bind()
    ago = AGO[connection.dialect.name]
    connection.exec_driver_sql("DROP VIEW follow_up")
    # Past the library, which would take the colons of the clock format for parameters.
    connection.exec_driver_sql(
        VIEW.format(thirty_minutes_ago=ago.format(30), four_hours_ago=ago.format(240))
    )


def _hints() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for statement in HINTS:
            connection.exec_driver_sql(statement)
