"""The store as the services see it: `ports.Store` on SQLite or PostgreSQL."""

from datetime import timedelta
from typing import Final

from typing_extensions import override

from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.controls import SqlControls
from offpeakd.adapters.sql.drivers import LOCK_PATIENCE
from offpeakd.adapters.sql.ledger import SqlLedger
from offpeakd.adapters.sql.queue import SqlQueue
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.ports import Store

LEASE_TTL: Final = timedelta(seconds=60)
"""How long a silent daemon keeps its claims, on PostgreSQL."""


class SqlStore(SqlQueue, SqlLedger, SqlControls, Store):
    """All sides of one database, for any number of threads.

    The schema has to stand: `schema.ensure` sees to that.

    Args:
        url: as configured in `database.url`.
        owner: random id of a daemon's run, or the name of a command.
        lease_ttl: how long a silent daemon keeps its claims, on PostgreSQL.
        lock_patience: how long a writer waits for another one.
        database: one that is open already; the store closes it.
    """

    def __init__(
        self,
        url: str,
        owner: str,
        *,
        lease_ttl: timedelta = LEASE_TTL,
        lock_patience: timedelta = LOCK_PATIENCE,
        database: Database | None = None,
    ) -> None:
        self.owner = owner
        SqlQueue.__init__(
            self,
            database or Database(address_of(url), lock_patience=lock_patience),
            Term(owner, lease_ttl),
        )

    @override
    def close(self) -> None:
        self._database.close()
