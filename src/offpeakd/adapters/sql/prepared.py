"""Statements that a daemon runs in every pass, on the driver's own cursor."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import Kind, kind_of

Rows = list[tuple[Any, ...]]


class Prepared:
    """A statement in SQL, which both databases understand unless it says else.

    They are the hot path: to run a statement by the library costs twice as much, and to load the
    library took a third of a daemon's start (`docs/decisions/017-sql-for-every-pass.md`).

    Args:
        text: with `:name` where a value goes.
        gives: the columns of its rows, in order; their kinds say what the values are.
    """

    def __init__(self, text: str, gives: Sequence[str] = ()) -> None:
        self._gives = tuple(map(kind_of, gives))
        self._said = {dialect: _Said(text, self._gives, dialect) for dialect in Dialect}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        """Run a statement that returns rows."""
        return self.read(connection.dialect, self.found(connection, values))

    def found(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run a statement that returns rows, and give them as the driver does; see `read`."""
        dialect = connection.dialect
        cursor = connection.cursor()
        cursor.execute(self.text(dialect), dialect.into(values))
        return cursor.fetchall()

    def text(self, dialect: Dialect) -> str:
        """The statement as the driver takes it."""
        return self._said[dialect].text

    def read(self, dialect: Dialect, rows: Sequence[Sequence[Any]]) -> Rows:
        """Rows as the driver gives them, in the kinds of their columns."""
        said = self._said[dialect]
        return [said.read(row) for row in rows]

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run a statement once; returns how many rows it wrote."""
        dialect = connection.dialect
        cursor = connection.cursor()
        cursor.execute(self.text(dialect), dialect.into(values))
        return cursor.rowcount

    def each_like(
        self,
        connection: Connection,
        common: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
    ) -> int:
        """Run a statement on SQLite for each row; returns how many rows all of them wrote.

        Args:
            connection: that writes.
            common: values of every parameter, of which a row may replace some.
            rows: values of one row each, as the driver takes them; of the same names in all.
        """
        bound = connection.dialect.into(common)
        text, names = self._said[Dialect.SQLITE].by_place
        # By name, SQLite looks up every value of every row.
        alike = [bound.get(name) for name in names]
        own = [(place, name) for place, name in enumerate(names) if name in rows[0]]
        values: list[list[Any]] = []
        for row in rows:
            given = alike.copy()
            for place, name in own:
                given[place] = row[name]
            values.append(given)
        cursor = connection.cursor()
        cursor.executemany(text, values)
        return cursor.rowcount


def inserting(table: str, columns: Sequence[str]) -> Prepared:
    """A statement that inserts one row, with a value for each column, by its name."""
    names, values = ", ".join(columns), ", ".join(f":{one}" for one in columns)
    return Prepared(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608  # our own names


class OneOf(NamedTuple):
    """The condition that a column has one of some values; nothing fulfils it where there are none.

    Attributes:
        text: the condition.
        values: by the names that stand in it.
    """

    text: str
    values: Mapping[str, Any]


def one_of(column: str, values: Collection[Any]) -> OneOf:
    """See `OneOf`; the values' names are the column's, numbered."""
    word = column.rpartition(".")[2]
    named = {f"{word}_{place}": one for place, one in enumerate(values)}
    return OneOf(f"{column} IN ({', '.join(f':{name}' for name in named)})", named)


@lru_cache(maxsize=64)
def prepared(text: str, gives: tuple[str, ...] = ()) -> Prepared:
    """A statement that is put together when it is needed; of those, some are kept."""
    return Prepared(text, gives)


class _Said:
    """A statement as one driver takes it."""

    def __init__(self, text: str, gives: Sequence[Kind], dialect: Dialect) -> None:
        self.text = dialect.statement(text)
        converters = ((place, dialect.out_of(kind)) for place, kind in enumerate(gives))
        self._out_of = [(place, convert) for place, convert in converters if convert is not None]

    @cached_property
    def by_place(self) -> tuple[str, tuple[str, ...]]:
        """SQLite's text with its values by their places, and their names in that order."""
        return _NAMED.sub("?", self.text), tuple(_NAMED.findall(self.text))

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self._out_of:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)


_NAMED: Final = re.compile(r":(\w+)")
