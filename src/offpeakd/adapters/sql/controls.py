"""Stops, signs of life, and what is known of instances."""

# ruff: noqa: PLC0415 - what a daemon doesn't do in every pass may load the library

from collections.abc import Sequence
from datetime import datetime, timedelta

from typing_extensions import override

from offpeakd.adapters.sql import leases, stops
from offpeakd.adapters.sql.conditions import HIGH_WATER
from offpeakd.adapters.sql.instances import see_instances
from offpeakd.adapters.sql.retention import forget_finished
from offpeakd.adapters.sql.room import take_call
from offpeakd.adapters.sql.tally import fold
from offpeakd.adapters.sql.term import Term
from offpeakd.adapters.sql.transactions import Database
from offpeakd.adapters.sql.turns import take_turn
from offpeakd.core.lane import Stop
from offpeakd.core.seen import Instance
from offpeakd.ports import Controls, DaemonRow


class SqlControls(Controls):
    """`ports.Controls` on a database."""

    def __init__(self, database: Database, term: Term) -> None:
        self._database = database
        self._term = term

    @override
    def stops(self) -> tuple[Stop, ...]:
        return stops.stops(self._database)

    @override
    def put_stop(self, stop: Stop) -> None:
        stops.put_stop(self._database, stop)

    @override
    def lift_stop(
        self,
        scope: str,
        kinds: frozenset[str],
        actor: str,
        reason: str,
        at: datetime | None = None,
    ) -> int:
        return stops.lift_stop(
            self._database, scope, sorted(kinds - {HIGH_WATER}), actor, reason, at
        )

    @override
    def high_water(self, now: datetime) -> datetime:
        return stops.raise_mark(self._database, now)

    @override
    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        return leases.beat(self._database, self._term, row, new_term=new_term)

    @override
    def leave(self, owner: str) -> None:
        leases.leave(self._database, self._term, owner)

    @override
    def take_turn(self, name: str, owner: str, length: timedelta) -> bool:
        return take_turn(self._database, name, owner, length)

    @override
    def take_call(self, target: str, per_minute: int) -> timedelta | None:
        if self._database.is_sqlite:
            # One daemon alone makes calls, and counts them itself.
            return None
        return take_call(self._database, target, per_minute)

    @override
    def daemons(self) -> tuple[DaemonRow, ...]:
        from offpeakd.adapters.sql.reading import daemons

        with self._database.read() as connection:
            return daemons(connection)

    @override
    def see_instances(self, target: str, instances: Sequence[Instance]) -> None:
        see_instances(self._database, target, instances)

    @override
    def instance(self, target: str, instance_id: str) -> Instance | None:
        from offpeakd.adapters.sql.reading import instance_by_id

        with self._database.read() as connection:
            return instance_by_id(connection, target, instance_id)

    @override
    def forget_finished(self, before: datetime, limit: int) -> int:
        forgotten = forget_finished(self._database, before, limit)
        if not forgotten:
            fold(self._database)
        return forgotten
