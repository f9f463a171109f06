"""Column types that read well in both databases and compare right in both."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Dialect, Double, Text
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from offpeakd.adapters.sql.jsonb import BoundJsonb
from offpeakd.adapters.sql.kinds import instant_text, json_text


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: `timestamptz` in PostgreSQL, ISO 8601 text with `Z` in SQLite."""

    impl = Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            DateTime(timezone=True) if dialect.name == "postgresql" else Text()
        )

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = instant_text(value)
        return value if dialect.name == "postgresql" else text

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(value)


class Seconds(TypeDecorator[timedelta]):
    """A length of time, as a number of seconds that people can read."""

    impl = Double
    cache_ok = True

    @override
    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> float | None:
        return None if value is None else value.total_seconds()

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        return None if value is None else timedelta(seconds=value)


class Json(TypeDecorator[Any]):
    """Plain JSON: `jsonb` in PostgreSQL, text in SQLite. Written by us, so it is bound as text."""

    impl = Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BoundJsonb() if dialect.name == "postgresql" else Text())

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) else value
