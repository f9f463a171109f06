"""PostgreSQL's `jsonb`, for values that are text on this side."""

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from typing_extensions import override


class BoundJsonb(JSONB):
    """`jsonb` whose values arrive as text already."""

    @override
    def bind_processor(self, dialect: Dialect) -> None:
        return None

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        return None
