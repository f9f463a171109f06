"""SQLAlchemy, for whatever a daemon doesn't run in every pass, loaded when that is asked for."""

# ruff: noqa: PLC0415 - the library takes longer to load than a daemon to start without it

import threading
from typing import TYPE_CHECKING, Any, Final

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.dialects import Dialect

if TYPE_CHECKING:
    import sqlalchemy as sa

_DRIVERS: Final = {
    Dialect.SQLITE: "sqlite+pysqlite://",
    Dialect.POSTGRESQL: "postgresql+psycopg://",
}


class Core:
    """Shows our connections to the library; safe to share between threads.

    Args:
        dialect: of the database.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._one_at_a_time = threading.Lock()
        self._engine: sa.Engine | None = None
        self._handed_over: Any = None

    def of(self, connection: Connection) -> "sa.Connection":
        """The library's view of a connection.

        Args:
            connection: outside a transaction: of the first it sees, the library asks the server
                what it is, and rolls that back.
        """
        if connection.core is None:
            with self._one_at_a_time:
                if self._engine is None:
                    self._engine = self._made()
                self._handed_over = connection.driver
                connection.core = self._engine.connect()
        return connection.core

    def _made(self) -> "sa.Engine":
        import sqlalchemy as sa

        options: dict[str, Any] = {"paramstyle": "named"}
        if self._dialect is Dialect.POSTGRESQL:
            options = {"use_native_hstore": False}
        return sa.create_engine(
            _DRIVERS[self._dialect],
            creator=lambda: self._handed_over,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            hide_parameters=True,
            **options,
        )
