"""Counts requests by target and state as they change, so that nobody has to count a million.

The database itself keeps the count, by triggers: it stays true whoever writes. SQLite has one
writer, and one row a count. In PostgreSQL each connection adds to rows of its own, so that nobody
waits for another's count; `fold` puts them together now and then.
"""

from typing import TYPE_CHECKING, Final

from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.model import State

if TYPE_CHECKING:
    import sqlalchemy as sa

TRIGGERS: Final = ("tally_added", "tally_changed", "tally_gone")
FUNCTION: Final = "offpeakd_tally"

FOLDED: Final = 0
"""The part in which folded counts stand; no connection of PostgreSQL has this number."""

_SQLITE_PLUS: Final = (
    "INSERT INTO tally (target, state, part, number) VALUES (NEW.target, NEW.state, 0, 1)"
    " ON CONFLICT (target, state, part) DO UPDATE SET number = number + 1;"
)
_SQLITE_MINUS: Final = (
    "UPDATE tally SET number = number - 1"
    " WHERE target = OLD.target AND state = OLD.state AND part = 0;"
)
_SQLITE_CHANGED: Final = (
    "CREATE TRIGGER tally_changed AFTER UPDATE OF target, state ON request"
    " WHEN OLD.state <> NEW.state OR OLD.target <> NEW.target"
    f" BEGIN {_SQLITE_MINUS} {_SQLITE_PLUS} END"
)
_SQLITE: Final = (
    f"CREATE TRIGGER tally_added AFTER INSERT ON request BEGIN {_SQLITE_PLUS} END",
    _SQLITE_CHANGED,
    f"CREATE TRIGGER tally_gone AFTER DELETE ON request BEGIN {_SQLITE_MINUS} END",
)

_POSTGRESQL_FUNCTION: Final = """CREATE FUNCTION offpeakd_tally() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), count(*) FROM news GROUP BY target, state
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), -count(*) FROM olds GROUP BY target, state
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  ELSE
    INSERT INTO tally AS t (target, state, part, number)
    SELECT target, state, pg_backend_pid(), sum(step)
    FROM (SELECT target, state, 1 AS step FROM news
          UNION ALL SELECT target, state, -1 FROM olds) AS steps
    GROUP BY target, state HAVING sum(step) <> 0
    ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number;
  END IF;
  RETURN NULL;
END $body$"""
_AFTER: Final = (
    "CREATE TRIGGER {} AFTER {} ON request REFERENCING {}"
    f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
)
_POSTGRESQL: Final = (
    _POSTGRESQL_FUNCTION,
    _AFTER.format("tally_added", "INSERT", "NEW TABLE AS news"),
    _AFTER.format("tally_changed", "UPDATE", "OLD TABLE AS olds NEW TABLE AS news"),
    _AFTER.format("tally_gone", "DELETE", "OLD TABLE AS olds"),
)

_COUNTS: Final = "SELECT target, state, sum(number) FROM tally GROUP BY target, state"
_REAL_COUNTS: Final = "SELECT target, state, count(*) FROM request GROUP BY target, state"


def definitions(dialect: str) -> tuple[str, ...]:
    """The statements that create the triggers.

    Args:
        dialect: `sqlite` or `postgresql`.
    """
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL


def counts(connection: "sa.Connection") -> dict[tuple[str, State], int]:
    """Requests by target and state; those that there are none of are left out."""
    rows = connection.exec_driver_sql(_COUNTS).all()
    return {(target, State(state)): int(number) for target, state, number in rows if number}


def missing_triggers(connection: "sa.Connection") -> list[str]:
    """Triggers that somebody has dropped: without them the counts are not true any more."""
    if connection.dialect.name == "sqlite":
        wanted = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        wanted = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'request'::regclass"
    found = set(connection.exec_driver_sql(wanted).scalars())
    return [name for name in TRIGGERS if name not in found]


def miscounts(connection: "sa.Connection") -> list[str]:
    """Where the counts are not those of the requests; reads the whole table, so it is asked for."""
    rows = connection.exec_driver_sql(_REAL_COUNTS).all()
    real = {(target, State(state)): int(number) for target, state, number in rows}
    counted = counts(connection)
    return [
        f"{real.get(pair, 0)} requests of target {pair[0]} are {pair[1].value};"
        f" {counted.get(pair, 0)} were counted"
        for pair in sorted(real.keys() | counted.keys())
        if real.get(pair, 0) != counted.get(pair, 0)
    ]


def fold(database: Database) -> None:
    """Put the counts of PostgreSQL's connections together.

    Rows that a transaction is writing at this moment are left for the next time. A reader sees
    either the parts or their sum.
    """
    if database.is_sqlite:
        return
    with database.driver_write() as connection:
        _FOLD.run(connection, {})


_FOLD: Final = Prepared(
    "WITH parts AS (SELECT target, state, part FROM tally WHERE part <> 0"
    " ORDER BY target, state, part FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM tally USING parts WHERE tally.target = parts.target"
    " AND tally.state = parts.state AND tally.part = parts.part"
    " RETURNING tally.target, tally.state, tally.number)"
    " INSERT INTO tally AS t (target, state, part, number)"
    " SELECT target, state, 0, sum(number) FROM gone GROUP BY target, state"
    " ON CONFLICT (target, state, part) DO UPDATE SET number = t.number + excluded.number"
)
