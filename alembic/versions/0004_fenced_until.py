"""A call that was never answered is remembered; instances have one index for live, one for ended requests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
LIVE = "finished_at IS NULL"
ENDED = "finished_at IS NOT NULL"
FENCED = "fenced_until IS NOT NULL"


def upgrade() -> None:
    """Whoever writes waits: PostgreSQL keeps them out from the first index on, until the last."""
    op.add_column("request", sa.Column("fenced_until", INSTANT))
    op.drop_index("uq_request_live", "request")
    op.drop_index("ix_request_instance", "request")
    _index("uq_request_live", ["instance_id", "target"], LIVE, unique=True)
    _index("ix_request_ended", ["instance_id", "id"], ENDED)
    _index("ix_request_fenced", ["fenced_until"], FENCED)


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "request",
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
