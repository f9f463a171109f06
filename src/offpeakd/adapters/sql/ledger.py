"""The people's side of the store: asking, looking, deciding."""

# ruff: noqa: PLC0415 - a daemon loads the library only when it does what people do

from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from offpeakd.adapters.sql.changes import write_changes
from offpeakd.adapters.sql.listing import page
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.ports import Added, AttemptRecord, Event, Filter, Ledger


class SqlLedger(Ledger):
    """`ports.Ledger` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        from offpeakd.adapters.sql.adding import add

        return add(self._database, requests, actor, progress)

    @override
    def get(self, request_id: int) -> Request | None:
        from offpeakd.adapters.sql.reading import request_by_id

        with self._database.read() as connection:
            return request_by_id(connection, request_id)

    @override
    def latest(self, instance_id: str) -> Request | None:
        from offpeakd.adapters.sql.reading import latest_of

        with self._database.read() as connection:
            return latest_of(connection, instance_id)

    @override
    def page(self, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
        with self._database.driver_read() as connection:
            return page(connection, which, after_id, limit)

    @override
    def counts(self) -> Mapping[tuple[str, State], int]:
        from offpeakd.adapters.sql.tally import counts

        with self._database.read() as connection:
            return counts(connection)

    @override
    def ahead_of(self, request: Request) -> int:
        from offpeakd.adapters.sql.reading import ahead_of

        with self._database.read() as connection:
            return ahead_of(connection, request)

    @override
    def events(self, request_id: int) -> tuple[Event, ...]:
        from offpeakd.adapters.sql.reading import events_of

        with self._database.read() as connection:
            return events_of(connection, request_id)

    @override
    def attempts(self, request_id: int) -> tuple[AttemptRecord, ...]:
        from offpeakd.adapters.sql.reading import attempts_of

        with self._database.read() as connection:
            return attempts_of(connection, request_id)

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        return write_changes(self._database, changes)
