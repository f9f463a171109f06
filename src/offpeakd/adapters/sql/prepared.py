"""Statements compiled once, and run on the driver's own cursor."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor

_GIVEN: Final = "given_"
"""The library keeps bare column names for itself; compiling takes this prefix off again."""


def cursor_of(connection: sa.Connection) -> DBAPICursor:
    """The driver's own cursor, past the library; nothing is left of it once it is out of use."""
    driver: Any = connection.connection.driver_connection
    cursor: DBAPICursor = driver.cursor()
    return cursor


def given(column: sa.Column[Any], name: str = "") -> sa.BindParameter[Any]:
    """A parameter of a prepared statement, with a column's type.

    Args:
        column: whose type converts the value.
        name: the parameter's; the column's name by default.
    """
    return sa.bindparam(f"{_GIVEN}{name or column.name}", type_=column.type)


class Prepared:
    """A statement compiled once for each database, and run on the driver's own cursor.

    The two transactions around each call are the hot path: the general way of running a statement
    costs there about as much as the statement itself (`docs/decisions/002-core-not-orm.md`).
    Every parameter is named, and its column's type converts it.
    """

    def __init__(self, statement: sa.Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement that returns rows."""
        return self.read(connection.dialect, self.found(connection, values))

    def found(
        self, connection: sa.Connection, values: Mapping[str, Any]
    ) -> Sequence[Sequence[Any]]:
        """Run a statement that returns rows, and give them as the driver does; see `read`."""
        cursor = cursor_of(connection)
        cursor.execute(self.text(connection.dialect), self.bound(connection.dialect, values))
        return cursor.fetchall()

    def text(self, dialect: sa.Dialect) -> str:
        """The statement as the driver takes it."""
        return self._for(dialect).text

    def bound(self, dialect: sa.Dialect, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the driver takes them."""
        return self._for(dialect).bind(values)

    def read(self, dialect: sa.Dialect, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Rows as the driver gives them, in the types of their columns."""
        compiled = self._for(dialect)
        return [compiled.read(row) for row in rows]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run a statement once; returns how many rows it wrote."""
        compiled = self._for(connection.dialect)
        cursor = cursor_of(connection)
        cursor.execute(compiled.text, compiled.bind(values))
        return cursor.rowcount

    def each_like(
        self,
        connection: sa.Connection,
        common: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
    ) -> int:
        """Run a statement on SQLite for each row; returns how many rows all of them wrote.

        Args:
            connection: that writes.
            common: values of every parameter, of which a row may replace some.
            rows: values of one row each, as the driver takes them; of the same names in all.
        """
        compiled = self._for(connection.dialect)
        bound = compiled.bind(common)
        text, names = compiled.by_place
        # By name, SQLite looks up every value of every row.
        alike = [bound.get(name) for name in names]
        own = [(place, name) for place, name in enumerate(names) if name in rows[0]]
        values: list[list[Any]] = []
        for row in rows:
            given = alike.copy()
            for place, name in own:
                given[place] = row[name]
            values.append(given)
        cursor = cursor_of(connection)
        cursor.executemany(text, values)
        return cursor.rowcount

    def _for(self, dialect: sa.Dialect) -> "_Compiled":
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        return found


class _Compiled:
    def __init__(self, statement: sa.Executable, dialect: sa.Dialect) -> None:
        compiled = cast("Any", statement).compile(dialect=dialect)
        self.text = str(compiled).replace(_GIVEN, "")
        names: dict[sa.BindParameter[Any], str] = compiled.bind_names
        binds = {name.removeprefix(_GIVEN): bind for bind, name in names.items()}
        self._fixed: dict[str, Any] = {
            name: bind.value for name, bind in binds.items() if not bind.required
        }
        self._into = [
            (name, convert)
            for name, bind in binds.items()
            if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        ]
        self._names = tuple(binds)
        selected = statement.selected_columns if isinstance(statement, sa.Select) else ()
        self._out_of = [
            (place, convert)
            for place, column in enumerate(selected)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    @cached_property
    def by_place(self) -> tuple[str, tuple[str, ...]]:
        """The text with its values by their places, and their names in that order."""
        if not self._names:
            return self.text, ()
        named = re.compile(rf":({'|'.join(map(re.escape, self._names))})\b")
        return named.sub("?", self.text), tuple(named.findall(self.text))

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        bound = {**self._fixed, **values}
        for name, convert in self._into:
            if bound[name] is not None:
                bound[name] = convert(bound[name])
        return bound

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in self._out_of:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)
