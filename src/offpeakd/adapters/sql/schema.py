"""The database's schema: made, looked at, brought up to date, checked.

Its version is a number of four digits, kept where Alembic keeps it: in `alembic_version`.
"""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final

from offpeakd.adapters.sql.address import Address, address_of
from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.drivers import LOCK_PATIENCE, check_folder, prepare_file
from offpeakd.adapters.sql.faults import library_errors, translate
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.errors import DatabaseError, SchemaError
from offpeakd.core.values import value
from offpeakd.share import path_of

LATEST: Final = "0004"
"""The schema that this program reads and writes: its newest migration."""

VERSION_TABLE: Final = "alembic_version"

_OURS: Final = frozenset({VERSION_TABLE, "request", "batch", "attempt"})
"""Tables that every version of the schema has; another program's Alembic has not."""

_ONE_AT_A_TIME: Final = 0x6F66_6670
"""Number of the advisory lock under which PostgreSQL's schema is changed."""


class Standing(Enum):
    """How a database's schema relates to this program's."""

    EMPTY = auto()
    """Nothing there yet."""
    OLDER = auto()
    CURRENT = auto()
    NEWER = auto()
    """Written by a newer offpeakd."""
    FOREIGN = auto()
    """Another program's tables."""


@value
class Schema:
    """What a look at a database showed.

    Attributes:
        standing: how it relates to this program.
        version: of its schema; None where there is none.
    """

    standing: Standing
    version: str | None = None


@value
class Upgraded:
    """What `upgrade` did.

    Attributes:
        before: version found; None for an empty database.
        after: version now.
        backup: SQLite's file as it was before; None where nothing had to be saved.
    """

    before: str | None
    after: str
    backup: Path | None = None


def current(url: str) -> Schema:
    """Look which schema the database has; changes nothing, and makes no file.

    Raises:
        DatabaseError: it can't be reached or read.
    """
    address = address_of(url)
    if address.file is not None:
        return _look_at_file(address, address.file)
    database = Database(address)
    try:
        with database.driver_read() as connection:
            return _look(connection)
    finally:
        database.close()


def ensure(url: str) -> None:
    """See that the schema is this program's; an absent or empty database gets it.

    Cheap, and safe in many processes at once.

    Raises:
        SchemaError: it has another schema; nothing was touched.
        DatabaseError: it can't be reached, read or written.
    """
    ensured(url).close()


def ensured(url: str) -> Database:
    """The database, ready to be used: its schema is this program's.

    The connection that looked at it stays open: another one costs PostgreSQL a process.

    Raises:
        SchemaError: it has another schema; nothing was touched.
        DatabaseError: it can't be reached, read or written.
    """
    address = address_of(url)
    if address.file is not None:
        _settle(address, _look_at_file(address, address.file))
        return Database(address)
    database = Database(address)
    try:
        with database.driver_read() as connection:
            schema = _look(connection)
        _settle(address, schema)
    except BaseException:
        database.close()
        raise
    return database


def _settle(address: Address, schema: Schema) -> None:
    """Make the schema where there is none; refuse any other than this program's."""
    if schema.standing is Standing.EMPTY:
        _migrate(address)
    elif schema.standing is Standing.OLDER:
        raise SchemaError(
            f"the database {address.shown} has schema {schema.version}; this offpeakd needs"
            f" {LATEST}",
            fix="Stop the daemon and run: offpeakd db upgrade.",
        )
    else:
        _refuse(address, schema)


def upgrade(url: str, now: datetime) -> Upgraded:
    """Bring the schema up to date, all of it or nothing; saves a SQLite file first.

    Args:
        url: as configured in `database.url`.
        now: for the name of the backup, `<file>.<version>-<UTC stamp>.bak`.

    Raises:
        SchemaError: it was written by a newer offpeakd or another program.
        DatabaseError: it can't be reached, read or written, or the backup can't be made.
    """
    address = address_of(url)
    found = current(url)
    if found.standing is Standing.CURRENT:
        return Upgraded(found.version, LATEST)
    _refuse(address, found)
    backup = None
    if address.file is not None and found.standing is Standing.OLDER:
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        backup = Path(f"{address.file}.{found.version}-{stamp}.bak")
        _back_up(address, address.file, backup)
    _migrate(address)
    return Upgraded(found.version, LATEST, backup)


def check(url: str) -> tuple[str, ...]:
    """Look for damage: SQLite's own quick check, and the schema compared with this program's.

    Reads the whole of a SQLite file, so it is asked for, and not part of a start.

    Returns:
        what is wrong, a sentence each; nothing when all is well.

    Raises:
        SchemaError: the schema isn't this program's version.
        DatabaseError: it can't be reached or read.
    """
    from offpeakd.adapters.sql.soundness import faults_of  # noqa: PLC0415  # it loads Alembic

    address = address_of(url)
    found = current(url)
    if found.standing is Standing.EMPTY:
        return (f"the database {address.shown} is empty or absent",)
    ensure(url)
    database = Database(address)
    try:
        with database.read() as connection:
            return faults_of(connection)
    finally:
        database.close()


def _refuse(address: Address, schema: Schema) -> None:
    if schema.standing is Standing.NEWER:
        raise SchemaError(
            f"the database {address.shown} was written by a newer offpeakd: it has schema"
            f" {schema.version}, this one knows {LATEST}",
            fix="Install that version again, or put the backup made before its upgrade in place.",
        )
    if schema.standing is Standing.FOREIGN:
        raise SchemaError(
            f"the database {address.shown} holds another program's tables; nothing was touched",
            fix="Give offpeakd a database of its own in database.url.",
        )


def refuse_newer(database: Database, connection: Connection) -> None:
    """Refuse to go on with a schema that was made after this program.

    A daemon asks with each sign of life: another one's `db upgrade` may have come meanwhile.

    Raises:
        SchemaError: it is newer.
    """
    [(version,)] = _VERSION.rows(connection, {})
    if version > LATEST:
        _refuse(database.address, Schema(Standing.NEWER, version))


_VERSION: Final = Prepared(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  # our own name


def _look_at_file(address: Address, file: Path) -> Schema:
    """Looks past the pragmas of the daemon's connections: those write into a foreign file."""
    check_folder(file)
    if not file.exists():
        return Schema(Standing.EMPTY)
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_PATIENCE.total_seconds())) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            version = None
            if names >= _OURS:
                rows = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608  # our own name
                version = next((number for (number,) in rows), None)
    except library_errors() as error:
        raise translate(error, address) from error
    return _schema(frozenset(names), version)


_NAMES: Final = {
    Dialect.SQLITE: Prepared("SELECT name FROM sqlite_master"),
    Dialect.POSTGRESQL: Prepared(
        "SELECT c.relname FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname <> 'pg_catalog'"
        " AND pg_catalog.pg_table_is_visible(c.oid)"
    ),
}
"""Everything that may hold rows where this program would look for its own, in one statement."""


def _look(connection: Connection) -> Schema:
    names = frozenset(name for (name,) in _NAMES[connection.dialect].rows(connection, {}))
    version = None
    if names >= _OURS:
        version = next((number for (number,) in _VERSION.rows(connection, {})), None)
    return _schema(names, version)


def _schema(names: frozenset[str], version: str | None) -> Schema:
    if not names:
        return Schema(Standing.EMPTY)
    if version is None:
        return Schema(Standing.FOREIGN)
    if version == LATEST:
        return Schema(Standing.CURRENT, version)
    return Schema(Standing.OLDER if version < LATEST else Standing.NEWER, version)


def _migrate(address: Address) -> None:
    # The library is slow to import, and nearly every command finds a schema that is up to date.
    from alembic import command  # noqa: PLC0415  # a current schema does without the library
    from alembic.config import Config  # noqa: PLC0415  # likewise
    from alembic.util import CommandError  # noqa: PLC0415  # likewise

    if address.file is not None:
        prepare_file(address.file)
    config = Config()
    config.set_main_option("script_location", str(path_of("alembic")).replace("%", "%%"))
    database = Database(address)
    try:
        with database.driver_write(core=True) as connection:
            if not database.is_sqlite:
                connection.say(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})")
                # Counting a large queue once takes its time.
                connection.say("SET LOCAL statement_timeout = 0")
            if _look(connection).standing is Standing.CURRENT:
                return
            core = connection.core
            if core is not None and not core.in_transaction():
                # It stands already, begun past the library; now Alembic believes it too.
                core.begin()
            config.attributes["connection"] = core
            command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaError(
            f"the database {address.shown} can't be brought to schema {LATEST}: {error}",
            fix="Nothing was changed. Use the version of offpeakd that wrote it.",
        ) from error
    finally:
        database.close()


def _back_up(address: Address, file: Path, backup: Path) -> None:
    try:
        os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError(
            f"the backup {backup} can't be made: {error.strerror}; nothing was changed",
            fix="Free some space, or move an older backup of that name away.",
        ) from error
    try:
        with closing(sqlite3.connect(file)) as here, closing(sqlite3.connect(backup)) as there:
            here.backup(there)
        _sync(backup)
    except sqlite3.Error as error:
        backup.unlink()
        raise translate(error, address) from error


def _sync(backup: Path) -> None:
    """The folder's entry of a new file has to reach the disk as well."""
    descriptor = os.open(backup.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
