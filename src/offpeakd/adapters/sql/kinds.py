"""What kind of values columns keep, and what these look like in a database."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final


class Kind(Enum):
    """A kind of values, by PostgreSQL's word for it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "bigint"
    BOOLEAN = "boolean"
    INSTANT = "timestamptz"
    """An aware UTC instant: in SQLite ISO 8601 text with `Z`."""
    JSON = "jsonb"
    """Plain JSON: in SQLite its text."""
    SECONDS = "double precision"
    """A length of time, as a number that people can read."""


_OTHER_THAN_TEXT: Final = {
    Kind.INTEGER: "attempts count epoch http_status part pid priority resends size",
    Kind.NUMBER: "number request_id",
    Kind.BOOLEAN: "fenced patch_available",
    Kind.INSTANT: (
        "at beat_at changed_at deadline fenced_until finished_at not_before opening_end opening_start renewed_at"
        " requested_at seen_at sent_at signed_at since started_at submitted_at unknown_since until"
        " wait_until"
    ),
    Kind.JSON: "actions detail holds node_states passes tags targets windows",
    Kind.SECONDS: "clock_offset",
}
_KIND_OF: Final[Mapping[str, Kind]] = {
    name: kind for kind, names in _OTHER_THAN_TEXT.items() for name in names.split()
}


def kind_of(column: str) -> Kind:
    """What a column keeps: those of one name keep the same in all tables, but for `id`.

    An `id` is a number in `request` and `event`, and text elsewhere.
    """
    return _KIND_OF.get(column, Kind.TEXT)


@lru_cache(maxsize=256)  # one call's rows have one or two instants, each many times
def instant_text(instant: datetime) -> str:
    """An instant as SQLite keeps it: UTC, fixed width, so that text order is time order.

    Raises:
        ValueError: the instant names no zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} names no zone; an instant is aware")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


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
