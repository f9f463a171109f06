"""Stops, signs of life, turns, and what is known of instances."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Protocol

from offpeakd.core.lane import Stop
from offpeakd.core.seen import Instance
from offpeakd.core.values import value


@value
class DaemonRow:
    """A daemon's sign of life, for `status`.

    Attributes:
        owner: random id of this run.
        host: where it runs.
        pid: its process id there.
        version: of the program.
        targets: names it serves.
        started_at: when this run began.
        beat_at: its last sign of life.
        config_hash: of the configuration in force.
        config_error: why the last reload was refused; None when it was not.
        note: anything else that people should know of it.
        holds: why this daemon releases nothing now, by target: code, end where it is known, and
            sentence, as `core.verdicts.hold_text` writes them; targets that it doesn't hold are
            left out.
        passes: when it last passed over each target.
        clock_offset: its wall clock less the cloud's; None before the first answer.
    """

    owner: str
    host: str
    pid: int
    version: str
    targets: tuple[str, ...]
    started_at: datetime
    beat_at: datetime
    config_hash: str
    config_error: str | None = None
    note: str | None = None
    holds: Mapping[str, str] = field(default_factory=dict[str, str])
    passes: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    clock_offset: timedelta | None = None


class Controls(Protocol):
    """Stops, signs of life and what is known of instances."""

    def stops(self) -> tuple[Stop, ...]:
        """Every stop in force or past its `until`; the reader compares."""
        ...

    def put_stop(self, stop: Stop) -> None:
        """Set or replace the stop of that scope and kind, and append an event."""
        ...

    def lift_stop(self, scope: str, kinds: frozenset[str], actor: str, reason: str) -> int:
        """Remove stops; returns how many there were."""
        ...

    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        """Write a daemon's sign of life, and renew its lease.

        Args:
            row: what it tells.
            new_term: begin another term of the lease: what was claimed in terms before is
                abandoned from then on, by this daemon as well.

        Returns:
            whether it is written. It is not where the database is no longer as the daemon's last
            sign of life left it: a fail-over or a restored copy may have lost what was committed.
            Nothing can be claimed then until a new term is begun.

        Raises:
            SchemaError: the database has been given a newer schema than this program's.
        """
        ...

    def leave(self, owner: str) -> None:
        """Remove a daemon's sign of life and its turns: it stops in order."""
        ...

    def take_turn(self, name: str, owner: str, length: timedelta) -> bool:
        """Whether a chore that one daemon does for all is this one's to do now.

        The first to ask has the turn, keeps it by asking again, and loses it once it has not
        asked for `length`. Chores compare before they write, so that one that overruns its turn
        does no harm.

        Args:
            name: of the chore.
            owner: the daemon that asks.
            length: how long the turn lasts.
        """
        ...

    def take_call(self, target: str, per_minute: int) -> timedelta | None:
        """Count a read of the cloud against what all daemons together may ask a target.

        Args:
            target: its name.
            per_minute: calls in any 60 seconds.

        Returns:
            None when it may be made now; else how long until there is room.
        """
        ...

    def daemons(self) -> tuple[DaemonRow, ...]:
        """Every sign of life, the newest first."""
        ...

    def see_instances(self, target: str, instances: Sequence[Instance]) -> None:
        """Remember what a look at the cloud showed, where no later one is remembered already."""
        ...

    def instance(self, target: str, instance_id: str) -> Instance | None:
        """What the last look showed."""
        ...

    def high_water(self, now: datetime) -> datetime:
        """Raise the highest wall-clock time ever seen to `now`, and return it."""
        ...

    def forget_finished(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` final, acknowledged or successful requests finished before."""
        ...
