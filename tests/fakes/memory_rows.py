"""What the in-memory store keeps, and the rules of its tables."""

import threading
from bisect import insort
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime

from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import AttemptResult, Change, Detail
from offpeakd.core.lane import Stop
from offpeakd.core.model import LIVE, Request, State
from offpeakd.core.seen import Instance
from offpeakd.ports import AttemptRecord, DaemonRow, Event


@dataclass
class Rows:
    """The tables, shared by every store on the same database."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    requests: dict[int, Request] = field(default_factory=dict)
    live: dict[tuple[str, str], int] = field(default_factory=dict)
    queued: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    open_attempts: dict[tuple[str, str], str] = field(default_factory=dict)
    batches: dict[str, tuple[Batch, BatchResult | None]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    stops: dict[tuple[str, str], Stop] = field(default_factory=dict)
    daemons: dict[str, DaemonRow] = field(default_factory=dict)
    terms: dict[str, int] = field(default_factory=dict)
    instances: dict[tuple[str, str], Instance] = field(default_factory=dict)
    calls: dict[str, list[datetime]] = field(default_factory=dict)
    high_water: datetime | None = None
    last_request: int = 0
    last_event: int = 0

    def copied(self) -> "Rows":
        """As a backup has them; under a lock of its own."""
        with self.lock:
            return Rows(**deepcopy({k: v for k, v in vars(self).items() if k != "lock"}))

    def put(self, request: Request) -> None:
        """Write a request, and keep the indexes true."""
        key = (request.target, request.instance_id)
        if request.state in LIVE:
            assert self.live.get(key, request.id) == request.id, "two live requests"
        before = self.requests.get(request.id)
        if before is not None and is_ready(before):
            self.queued[before.target, before.group].remove((before.priority, before.id))
        self.requests[request.id] = request
        if is_ready(request):
            order = self.queued.setdefault((request.target, request.group), [])
            insort(order, (request.priority, request.id))
        if request.state in LIVE:
            self.live[key] = request.id
        elif self.live.get(key) == request.id:
            del self.live[key]

    def append(
        self,
        at: datetime,
        kind: str,
        actor: str,
        detail: Detail,
        request: Request | None = None,
    ) -> None:
        """Append an event."""
        self.last_event += 1
        number, state = (None, None) if request is None else (request.id, request.state)
        self.events.append(Event(self.last_event, number, at, kind, actor, state, dict(detail)))

    def stands(self, before: Request) -> bool:
        """Whether a request is still in the state, and under the attempt, that was read."""
        now = self.requests.get(before.id)
        return now is not None and (now.state, now.attempt_id) == (before.state, before.attempt_id)

    def change(self, change: Change, result: BatchResult | None) -> bool:
        """Write one change, unless somebody else was first."""
        if not self.stands(change.before):
            return False
        now = self.requests[change.before.id]
        altered = {
            name: getattr(change.after, name)
            for name in Request.__dataclass_fields__
            if getattr(change.before, name) != getattr(change.after, name)
        }
        after = replace(now, **altered)
        self.put(after)
        at = change.after.changed_at or change.after.requested_at
        if change.attempt is not None and change.before.attempt_id is not None:
            self.know(change.before.attempt_id, change.attempt, result, at)
        if change.event:
            self.append(at, change.event, change.actor, change.detail, after)
        return True

    def know(
        self, attempt_id: str, news: AttemptResult, result: BatchResult | None, at: datetime
    ) -> None:
        """Add to what is known of an attempt; what was known stays until something replaces it."""
        old = self.attempts[attempt_id]
        known = {
            name: getattr(old.result, name) if new is None else new
            for name in AttemptResult.__dataclass_fields__
            for new in [getattr(news, name)]
        }
        record = replace(old, result=AttemptResult(**known))
        if news.outcome is not None:
            record = replace(record, finished_at=at)
            target = self.requests[old.request_id].target
            self.open_attempts.pop((target, old.instance_id), None)
        if result is not None:
            record = replace(
                record,
                sent_at=result.sent_at or old.sent_at,
                http_status=result.http_status or old.http_status,
                cloud_request_id=result.cloud_request_id or old.cloud_request_id,
            )
        self.attempts[attempt_id] = record

    def forget(self, doomed: Iterable[Request]) -> int:
        """Delete requests, their attempts and events, and batches that nothing is left of."""
        ids = {request.id for request in doomed}
        for number in ids:
            del self.requests[number]
        self.attempts = _kept(self.attempts, lambda one: one.request_id not in ids)
        self.events = [one for one in self.events if one.request_id not in ids]
        left = {one.batch_id for one in self.attempts.values()}
        self.batches = {key: batch for key, batch in self.batches.items() if key in left}
        return len(ids)


def is_ready(request: Request) -> bool:
    """Whether a release may take it."""
    return (
        request.state is State.QUEUED and request.wait_until is None and request.held_reason is None
    )


def _kept(
    records: dict[str, AttemptRecord], keep: Callable[[AttemptRecord], bool]
) -> dict[str, AttemptRecord]:
    return {key: record for key, record in records.items() if keep(record)}
