"""The two kinds of databases, and how each takes a statement and a value."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final, NoReturn

from offpeakd.adapters.sql.kinds import Kind, instant_text, json_text

Converter = Callable[[Any], Any]

_VALUE: Final = re.compile(r"(?<![:\w]):(\w+)|%")


class Dialect(Enum):
    """A kind of database."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"

    def statement(self, text: str) -> str:
        """A statement as the driver takes it.

        Args:
            text: with `:name` where values go.
        """
        if self is Dialect.SQLITE:
            return text
        return _VALUE.sub(lambda found: f"%({found[1]})s" if found[1] else "%%", text)

    def into(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as the driver takes them; what it takes as it is stays so."""
        convert = _INTO[self]
        return {
            name: value if (into := convert.get(value.__class__)) is None else into(value)
            for name, value in values.items()
        }

    def out_of(self, kind: Kind) -> Converter | None:
        """What makes a value of what the driver gives; None where that is one already."""
        return _OUT_OF[self].get(kind)


def _aware(instant: datetime) -> datetime:
    instant_text(instant)
    return instant


def _refuse(day: date) -> NoReturn:
    raise TypeError(f"{day.isoformat()} is a day; what is kept is an instant")


def _in_seconds(length: timedelta) -> float:
    return length.total_seconds()


_ALIKE: Final[Mapping[type, Converter]] = {
    date: _refuse,  # the drivers take it, and it compares with no instant
    timedelta: _in_seconds,
    dict: json_text,
    list: json_text,
    tuple: json_text,
}
_INTO: Final[Mapping[Dialect, Mapping[type, Converter]]] = {
    Dialect.SQLITE: {datetime: instant_text, **_ALIKE},
    Dialect.POSTGRESQL: {datetime: _aware, **_ALIKE},
}


def _in_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _length_of(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


_OUT_OF: Final[Mapping[Dialect, Mapping[Kind, Converter]]] = {
    Dialect.SQLITE: {
        Kind.INSTANT: datetime.fromisoformat,
        Kind.JSON: json.loads,
        Kind.BOOLEAN: bool,
        Kind.SECONDS: _length_of,
    },
    Dialect.POSTGRESQL: {Kind.INSTANT: _in_utc, Kind.SECONDS: _length_of},
}
