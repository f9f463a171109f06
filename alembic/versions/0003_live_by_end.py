"""Live requests are told by their having no end, which a claim doesn't write; JSON is JSON."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LIVE = "state IN ('queued', 'submitting', 'unknown', 'running', 'needs_review')"
FINAL = "state IN ('succeeded', 'failed', 'cancelled', 'expired')"
TRIGGER = (
    "CREATE TRIGGER {} AFTER {} ON request"
    f" WHEN NEW.finished_at IS NOT NULL AND NEW.{LIVE}"
    " BEGIN SELECT RAISE(ABORT, 'a live request has no end'); END"
)
SQLITE = (
    TRIGGER.format("request_end_added", "INSERT"),
    TRIGGER.format("request_end_changed", "UPDATE OF state, finished_at"),
)


JSON = {
    "batch": ("windows",),
    "event": ("detail",),
    "instance": ("actions", "node_states", "tags"),
    "lease": ("targets", "holds", "passes"),
}


def upgrade() -> None:
    """The index holds the same requests as before."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        # Nobody writes between the mending and the rule.
        connection.exec_driver_sql("LOCK TABLE request IN ACCESS EXCLUSIVE MODE")
    _mend(connection)
    op.drop_index("uq_request_live", "request")
    is_live = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_request_live",
        "request",
        ["target", "instance_id"],
        unique=True,
        sqlite_where=is_live,
        postgresql_where=is_live,
    )
    if connection.dialect.name == "postgresql":
        op.create_check_constraint(
            op.f("ck_request_end"), "request", f"finished_at IS NULL OR {FINAL}"
        )
        _unwrap(connection)
        return
    for statement in SQLITE:
        connection.exec_driver_sql(statement)


def _unwrap(connection: sa.Connection) -> None:
    """Earlier builds wrote some of PostgreSQL's JSON as strings with JSON in them."""
    for table, columns in JSON.items():
        for column in columns:
            connection.exec_driver_sql(
                f"UPDATE {table} SET {column} = ({column} #>> '{{}}')::jsonb"  # noqa: S608  # our own names
                f" WHERE jsonb_typeof({column}) = 'string'"
            )


def _mend(connection: sa.Connection) -> None:
    """No version of the program wrote such rows; a hand may have."""
    request = sa.table(
        "request",
        *map(sa.column, ("finished_at", "changed_at", "submitted_at", "requested_at")),
    )
    columns = request.c
    last_seen = sa.func.coalesce(columns.changed_at, columns.submitted_at, columns.requested_at)
    unended = (sa.text(FINAL), columns.finished_at.is_(None))
    connection.execute(sa.update(request).where(*unended).values(finished_at=last_seen))
    ended = (sa.text(LIVE), columns.finished_at.is_not(None))
    connection.execute(sa.update(request).where(*ended).values(finished_at=sa.null()))
