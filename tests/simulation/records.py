"""What happened, for the checker and for a person who replays a seed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from offpeakd.core.batch import Batch
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.ports import SignedCall
from simulation.baton import SECOND, Timeline


@dataclass(frozen=True, slots=True)
class FirstByte:
    """The first byte of one call.

    Attributes:
        call: which.
        at: when, by a right clock.
        gate_began: when the gate began to look.
        offset: the machine's wall clock less the right time.
        frozen: spans of the configuration in force that release nothing.
        notice_until: until when a reload keeps it shut, by the machine's wall clock.
        instance_ids: in the body.
        claimed_at: when its batch was written down; 0 where it was not.
        stepped: whether the wall clock was set while the gate looked.
    """

    call: str
    at: int
    gate_began: int
    offset: int
    frozen: tuple[tuple[int, int], ...]
    notice_until: int
    instance_ids: tuple[str, ...]
    claimed_at: int
    stepped: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a request's state, as the store took it.

    Attributes:
        at: when, by a right clock.
        request: its number.
        before: the state that was.
        after: the state that is.
        event: the kind of the event.
        by: owner or person who wrote it.
        owner: whose attempt it was.
        attempt: that attempt.
    """

    at: int
    request: int
    before: State
    after: State
    event: str
    by: str
    owner: str | None
    attempt: str | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Somebody stopped all releases."""

    since: int
    until: int | None = None


@dataclass
class Records:
    """Everything that the checker reads."""

    timeline: Timeline
    lines: list[tuple[int, str, str]] = field(default_factory=list)
    first_bytes: list[FirstByte] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Calls of which the cloud gave its whole answer, whether or not it came back."""
    moves: list[Move] = field(default_factory=list)
    batches: dict[str, tuple[Batch, ...]] = field(default_factory=dict)
    """By call: the batches that were claimed for it."""
    states: dict[int, State] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    added: dict[int, str] = field(default_factory=dict)
    """Instance by number of its request."""
    claimed_at: dict[str, int] = field(default_factory=dict)
    """By call: when its first batch was written down."""
    reviews: list[Request] = field(default_factory=list)
    """Requests as they went to a person."""
    forgotten: set[int] = field(default_factory=set)
    """Requests that a restored database does not have."""
    saved_at: int = 0
    restored_at: list[int] = field(default_factory=list)
    known_at_retry: dict[int, set[str]] = field(default_factory=dict)
    """Jobs that a request had ended by when a person asked for it once more."""
    pauses: list[Pause] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    unresolved: list[Request] = field(default_factory=list)
    """Requests submitting or unknown longer after the trouble than anything takes."""
    logged: list[dict[str, object]] = field(default_factory=list)
    _calls: int = 0

    def tell(self, who: str, what: str) -> None:
        """Put a line into the trace."""
        self.lines.append((self.timeline.now, who, what))

    def next_call(self) -> int:
        """A number that makes a call's body its own."""
        self._calls += 1
        return self._calls

    def name_of(self, call: SignedCall) -> str:
        """What a call is known by, here and in its batch."""
        return hashlib.sha256(call.body).hexdigest()[:10]

    def claimed(self, batch: Batch, owner: str) -> None:
        """A batch was written down."""
        name = batch.body_sha256[:10]
        self.claimed_at.setdefault(name, self.timeline.now)
        self.batches[name] = (*self.batches.get(name, ()), batch)
        for request, attempt in zip(batch.requests, batch.attempt_ids, strict=True):
            self.owners[attempt] = owner
            self._moved(request.id, State.SUBMITTING, "submitting", owner, attempt)

    def changed(self, changes: Sequence[Change], lost: Sequence[int], by: str) -> None:
        """Changes were written, but for the lost ones."""
        for change in changes:
            if change.before.id not in lost:
                if change.after.state is State.NEEDS_REVIEW:
                    self.reviews.append(change.after)
                if change.event == "retried" and change.before.job_id is not None:
                    known = self.known_at_retry.setdefault(change.before.id, set())
                    known.add(change.before.job_id)
                by_whom = by if change.actor == "offpeakd" else change.actor
                self._moved(
                    change.before.id,
                    change.after.state,
                    change.event,
                    by_whom,
                    change.before.attempt_id,
                )

    def _moved(self, request: int, after: State, event: str, by: str, attempt: str | None) -> None:
        before = self.states[request]
        self.states[request] = after
        owner = self.owners.get(attempt or "")
        now = self.timeline.now
        self.moves.append(Move(now, request, before, after, event, by, owner, attempt))
        if before is not after or event:
            self.tell(by, f"request {request}: {before} → {after} ({event})")

    def call_of(self, attempt: str) -> str:
        """The call that an attempt was part of; empty when it was part of none."""
        found = (
            call
            for call, batches in self.batches.items()
            if any(attempt in batch.attempt_ids for batch in batches)
        )
        return next(found, "")

    def end_pause(self) -> None:
        """The pause that stands, if one does, is over."""
        if self.pauses and self.pauses[-1].until is None:
            self.pauses.append(Pause(self.pauses.pop().since, self.timeline.now))

    def trace(self, last: int) -> str:
        """The last lines of the trace, readable."""
        return "\n".join(
            f"{at / SECOND:12.3f}  {who:<10}  {what}" for at, who, what in self.lines[-last:]
        )
