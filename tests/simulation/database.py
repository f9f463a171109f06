"""The database: shared by daemons, survives their crashes, can be put back as it was."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final, cast

from typing_extensions import override

from fakes.memory_rows import Rows
from fakes.memory_store import MemoryStore
from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.ports import Added, Claim, Claimed, DaemonRow, Limits, Settled, Store
from simulation.baton import SECOND, Timeline
from simulation.host import Process
from simulation.records import Records

LEASE: Final = 60 * SECOND


class Database:
    """The tables, and when each daemon gave its last sign of life by the database's clock."""

    def __init__(self, timeline: Timeline, *, shared: bool, rows: Rows | None = None) -> None:
        self.timeline = timeline
        self.shared = shared
        self.rows = rows or Rows()
        self.beats: dict[str, int] = {}
        self._saved: dict[str, Any] | None = None
        self._saved_states: dict[int, State] = {}

    def save(self, records: Records) -> None:
        """Keep a copy of it as it is now."""
        self._saved = {
            name: copy(value) for name, value in vars(self.rows).items() if name != "lock"
        }
        self._saved["queued"] = {key: list(order) for key, order in self.rows.queued.items()}
        self._saved_states = dict(records.states)
        records.saved_at = self.timeline.now

    def restore(self, records: Records) -> None:
        """Put the copy back; everything since is forgotten."""
        if self._saved is None:
            return
        for name, value in self._saved.items():
            setattr(self.rows, name, value)
        self._saved = None
        records.forgotten |= set(records.states) - set(self._saved_states)
        # Numbers are not given out again, so that the checker can tell requests apart.
        self.rows.last_request = max(records.states, default=0)
        records.states.update(self._saved_states)
        records.restored_at.append(self.timeline.now)

    def is_dead(self, owner: str) -> bool:
        """Whether a daemon's claims may be looked into by another one."""
        return not self.shared or self.timeline.now - self.beats.get(owner, -LEASE) >= LEASE


class SimulatedStore(MemoryStore):
    """One daemon's connection: notes every write for the checker.

    Args:
        database: the tables.
        owner: of the daemon's run, or a person's name.
        records: for the checker.
    """

    def __init__(self, database: Database, owner: str, records: Records) -> None:
        super().__init__(owner, database.rows)
        self._database = database
        self._records = records

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        if self._database.shared and self._database.is_dead(self.owner):
            lost = (
                ()
                if settled is None
                else self.record(settled.batch_id, settled.result, settled.changes)
            )
            return Claim(Claimed.LEASE_LOST, lost=lost)
        taken = super().claim(batch, limits, settled, ahead)
        if taken:
            self._records.claimed(batch, self.owner)
        return taken

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        lost = super().record(batch_id, result, changes)
        self._records.changed(changes, lost, self.owner)
        return lost

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        lost = super().apply(changes)
        self._records.changed(changes, lost, self.owner)
        return lost

    @override
    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        added = super().add(requests, actor, progress)
        for one in added:
            if one.new:
                self._records.added[one.request.id] = one.request.instance_id
                self._records.states[one.request.id] = one.request.state
                self._records.tell(actor, f"adds request {one.request.id}")
        return added

    @override
    def beat(self, row: DaemonRow, *, new_term: bool = False) -> bool:
        if not super().beat(row, new_term=new_term):
            return False
        self._database.beats[row.owner] = self._database.timeline.now
        return True

    @override
    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        found = super().abandoned(owner, limit)
        return tuple(one for one in found if self._is_over(self._owner_of(one), owner))

    def _is_over(self, whose: str, owner: str) -> bool:
        """Its own are those of an earlier term."""
        return whose == owner or self._database.is_dead(whose)

    def _owner_of(self, one: Request) -> str:
        return self._database.rows.attempts[one.attempt_id or ""].owner


class _Watched:
    """Makes every call of a store a step of its machine, before and after it."""

    def __init__(self, store: Store, host: Process) -> None:
        self._store = store
        self._host = host

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*given: Any, **named: Any) -> Any:
            self._host.step(f"store: {name}")
            self._host.pause(SECOND // 1000)
            self._host.store_fails(name)
            answer = found(*given, **named)
            self._host.step(f"store: {name}: done")
            self._host.store_fails(f"{name}: done")
            if name == "record":
                self._host.releasing = False
            return answer

        return call


def watched(store: Store, host: Process) -> Store:
    """The store as a daemon on that machine meets it."""
    return cast("Store", _Watched(store, host))
