"""What statements in SQL believe of columns is what the tables say."""

from datetime import date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from offpeakd.adapters.sql.columns import Instant, Json, Seconds
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import Kind, kind_of
from offpeakd.adapters.sql.tables import metadata

_KINDS = {
    sa.Text: Kind.TEXT,
    sa.Integer: Kind.INTEGER,
    sa.BigInteger: Kind.NUMBER,
    sa.Boolean: Kind.BOOLEAN,
    Instant: Kind.INSTANT,
    Json: Kind.JSON,
    Seconds: Kind.SECONDS,
}
_COLUMNS = [
    pytest.param(column, id=f"{table.name}.{column.name}")
    for table in metadata.tables.values()
    for column in table.columns
    if column.name != "id"
]


@pytest.mark.parametrize("column", _COLUMNS)
def test_a_column_keeps_what_its_table_says(column: sa.Column[object]) -> None:
    assert kind_of(column.name) is _KINDS[type(column.type)]


def test_values_go_by_name_into_a_statement_of_either_database() -> None:
    text = "SELECT 50 % :one, CAST(:two AS text), now()::text, '10:30', ':no' || :one_more"
    assert Dialect.SQLITE.statement(text) == text
    assert Dialect.POSTGRESQL.statement(text) == (
        "SELECT 50 %% %(one)s, CAST(%(two)s AS text), now()::text, '10:30', '%(no)s' || %(one_more)s"
    )


@pytest.mark.parametrize("dialect", Dialect)
def test_an_instant_without_a_zone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="names no zone"):
        dialect.into({"at": datetime(2026, 3, 4, 12)})


@pytest.mark.parametrize("dialect", Dialect)
def test_a_day_is_no_instant(dialect: Dialect) -> None:
    with pytest.raises(TypeError, match="is a day"):
        dialect.into({"at": date(2026, 3, 4)})


def test_values_come_back_from_sqlite_as_they_went_in() -> None:
    there = timezone(timedelta(hours=8))
    values = {
        "at": datetime(2026, 3, 4, 12, 0, 0, 7, tzinfo=there),
        "detail": {"ä": [1, None, True]},
        "targets": ("one", "two"),
        "clock_offset": timedelta(seconds=-1.5),
        "attempts": 3,
        "reason": "why",
        "until": None,
    }
    taken = Dialect.SQLITE.into(values)
    assert taken["at"] == "2026-03-04T04:00:00.000007Z"
    back = {
        name: value if (convert := Dialect.SQLITE.out_of(kind_of(name))) is None else convert(value)
        for name, value in taken.items()
        if value is not None
    }
    assert back == {
        name: ["one", "two"] if name == "targets" else value
        for name, value in values.items()
        if value is not None
    }
    assert back["at"].utcoffset() == timedelta()
