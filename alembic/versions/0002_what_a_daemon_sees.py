"""A daemon says what it holds back, when it last passed over each target, and its clock's error."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add what `status` shows of each daemon."""
    op.add_column("lease", sa.Column("holds", JSON, nullable=False, server_default="{}"))
    op.add_column("lease", sa.Column("passes", JSON, nullable=False, server_default="{}"))
    op.add_column("lease", sa.Column("clock_offset", sa.Double()))
