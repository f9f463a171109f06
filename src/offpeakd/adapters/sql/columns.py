"""Column types that read well in both databases and compare right in both."""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, Double, Text
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from offpeakd.adapters.sql.dialects import bound_jsonb


@lru_cache(maxsize=256)  # one call's rows have one or two instants, each many times
def instant_text(instant: datetime) -> str:
    """An instant as SQLite keeps it: UTC, fixed width, so that text order is time order.

    Raises:
        ValueError: the instant names no zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} names no zone; an instant is aware")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


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


_written: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def json_text(value: Any) -> str:
    """Plain JSON as both databases are given it."""
    return _written(value)


def json_with(common: str, name: str, value: str) -> str:
    """An object of JSON with one member more, where many are alike but for that.

    Args:
        common: the others, as `json_text` wrote them.
        name: of the member.
        value: its value.
    """
    return f"{common[:-1]}, {json_text(name)}: {json_text(value)}}}"


class Json(TypeDecorator[Any]):
    """Plain JSON: `jsonb` in PostgreSQL, text in SQLite. Written by us, so it is bound as text."""

    impl = Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(bound_jsonb() if dialect.name == "postgresql" else Text())

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json_text(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) else value
