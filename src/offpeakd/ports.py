"""What the services need from outside, as small protocols. Adapters implement them.

Times are aware UTC. A port raises errors of `core.errors` only; a library's own never pass it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from offpeakd.core.model import (
    AttemptResult,
    Batch,
    BatchResult,
    Change,
    Detail,
    Instance,
    Job,
    Lane,
    Request,
    State,
    Stop,
)
from offpeakd.core.outcomes import CloudProblem, Outcome

__all__ = [
    "Added",
    "AttemptRecord",
    "Claim",
    "Claimed",
    "Clock",
    "Cloud",
    "Controls",
    "DaemonRow",
    "Event",
    "Filter",
    "Hints",
    "JobPage",
    "Lane",
    "Ledger",
    "Limits",
    "Notifier",
    "Queue",
    "SignedCall",
    "Stop",
    "Store",
    "UpgradeAnswer",
]


class Clock(Protocol):
    """The only reader of clocks."""

    def now(self) -> datetime:
        """Wall clock, aware UTC: decides windows."""
        ...

    def boottime(self) -> timedelta:
        """Time since boot, suspend included: decides ages. Never steps."""
        ...


# --------------------------------------------------------------------------- the cloud


@dataclass(frozen=True, slots=True)
class SignedCall:
    """One upgrade call, serialised and signed once; exactly these bytes are sent.

    Attributes:
        instance_ids: in the body's order.
        body: the bytes.
        headers: every header the client sends, the signature's among them. Secret: never logged.
        signed_at: the literal instant in the signature, or of the token's use.
        fenced: whether a signature makes the call go stale by itself (a token does not).
    """

    instance_ids: tuple[str, ...]
    body: bytes
    headers: Mapping[str, str] = field(repr=False)
    signed_at: datetime
    fenced: bool


@dataclass(frozen=True, slots=True)
class UpgradeAnswer:
    """What came of one upgrade call.

    Attributes:
        result: of the call as a whole.
        outcomes: one for each instance of the call, by instance id.
        problem: the whole-call refusal, if it was one.
        retry_after: what the cloud asked for, where it did.
        cloud_time: the answer's `Date` header, where there was one.
        foreign_ids: instances that the answer names and the call did not.
        renewable: refused for a token that the next call will have renewed.
    """

    result: BatchResult
    outcomes: Mapping[str, Outcome]
    problem: CloudProblem | None = None
    retry_after: timedelta | None = None
    cloud_time: datetime | None = None
    foreign_ids: tuple[str, ...] = ()
    renewable: bool = False


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of the job list.

    Attributes:
        jobs: as listed, newest first where the cloud keeps its word.
        full: whether there may be a next page.
    """

    jobs: tuple[Job, ...]
    full: bool


class Cloud(Protocol):
    """One target: a project in a region, with credentials.

    Reads raise `CloudUnreachableError`, `CloudThrottledError`, `CloudDeniedError`,
    `CloudRefusedError` or `CredentialsError`. `send` raises nothing: everything that can happen
    to a call is an answer.
    """

    def list_instances(self) -> tuple[Instance, ...]:
        """Every instance of the project, all pages, each once."""
        ...

    def find_instance(self, instance_id: str) -> Instance | None:
        """One instance; None when the cloud knows none of that id."""
        ...

    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        """Serialise and sign the batch call for one to ten distinct instances."""
        ...

    def send(self, call: SignedCall, gate: Callable[[], str | None]) -> UpgradeAnswer:
        """Make the call, once: no retry, no redirect.

        Args:
            call: from `sign_upgrade`.
            gate: asked after the connection stands and before the first byte is written;
                text is a veto and its reason, which proves the call unsent.
        """
        ...

    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        """A page of up to 100 upgrade jobs created between two instants."""
        ...

    def find_job(self, job_id: str) -> Job | None:
        """One job; None while the cloud does not show it."""
        ...

    def upgrade_minutes(self, instance_id: str) -> int | None:
        """The cloud's estimate for the quickest method; None where it has none."""
        ...

    def clock_offset(self) -> timedelta | None:
        """How far our wall clock is ahead of the cloud's at this moment.

        The cloud's present time is the `Date` of its last answer that had one, plus the boot time
        that has passed since: a step of our clock shows at once, without another call.

        Returns:
            None while no answer has told a time.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


# --------------------------------------------------------------------------- the store


@dataclass(frozen=True, slots=True)
class Limits:
    """What one target may bear, all daemons taken together.

    Attributes:
        in_flight: upgrades at once.
        calls_per_minute: calls to the cloud in any 60 seconds.
    """

    in_flight: int
    calls_per_minute: int


class Claimed(Enum):
    """How a claim ended."""

    TAKEN = auto()
    """Written: the call may be made."""
    NOT_AS_READ = auto()
    """Somebody else moved one of the requests since it was read: read again."""
    TARGET_FULL = auto()
    """As many upgrades run as the target may bear, or too many for the whole batch."""
    CALLS_SPENT = auto()
    """The target's calls of this minute are used up."""
    LEASE_LOST = auto()
    """The daemon was silent for too long: it has to give a sign of life first."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim; true where it was taken. Where it was not, nothing is written.

    Attributes:
        standing: how it ended.
        room_in: after how long there is room again, where time alone makes some.
    """

    standing: Claimed
    room_in: timedelta | None = None

    def __bool__(self) -> bool:
        return self.standing is Claimed.TAKEN


class Queue(Protocol):
    """The release's side of the store. Every call is one durable transaction."""

    def lane(
        self, target: str, now: datetime | None, groups: Sequence[str] | None = None
    ) -> Lane:
        """One target's queue. Makes ready what waited until `now`; nothing where that is None.

        A request that was made ready no longer knows until when it waited, so only a clock that
        can be trusted may say what time it is.

        Args:
            target: its name.
            now: the present instant, where it can be trusted.
            groups: where given, `ready_groups` is the first of them that has a ready request,
                which costs the same however many groups there are.
        """
        ...

    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        """The next ready requests in order: priority, then age."""
        ...

    def overdue_requests(self, now: datetime, limit: int) -> tuple[Request, ...]:
        """Queued requests whose deadline has passed."""
        ...

    def claim(self, batch: Batch, limits: Limits | None = None) -> Claim:
        """Write the batch and its attempts, and move its requests to `submitting`.

        Room is taken within the same transaction, so that daemons together never take more.

        Args:
            batch: as it is about to be sent.
            limits: of its target; None where nothing limits it.

        Returns:
            whether it is written; nothing is, when any request no longer stands as the batch
            has it, or when there is no room for all of them.
        """
        ...

    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        """Write what came of a call: the batch, each request, its attempt and its event.

        Returns:
            ids of requests that somebody else had moved meanwhile; the others are written.
        """
        ...

    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        """Write changes.

        Returns:
            ids of requests that no longer stood as `before`; the others are written.
        """
        ...

    def in_flight(
        self, target: str, states: frozenset[State], after_id: int, limit: int
    ) -> tuple[Request, ...]:
        """Requests of one target in some of the states submitting, unknown, running; by id."""
        ...

    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        """Requests `submitting` whose claim is dead: no living daemon's, or of a term that is over."""
        ...

    def batch_of(self, attempt_id: str) -> "AttemptRecord | None":
        """The attempt, with when its call was signed."""
        ...

    def known_jobs(self, target: str, instance_ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The cloud's job ids that requests of these instances, or their attempts, name or named.

        A job that no attempt of ours began is named by its request alone, and a retry takes it off
        there: the history has it still.

        Returns:
            by instance id; an instance without any is left out.
        """
        ...


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One request's part in one batch, as stored.

    Attributes:
        id: the attempt's.
        batch_id: its batch.
        request_id: whose.
        instance_id: of which instance.
        owner: the daemon run that made it.
        signed_at: when the call was signed.
        fenced: whether its signature goes stale by itself.
        whole_version: the instance's full version before the call.
        sent_at: when the first byte was written.
        finished_at: when it was settled.
        http_status: of the answer.
        cloud_request_id: the cloud's X-Request-Id.
        result: what is known of it.
    """

    id: str
    batch_id: str
    request_id: int
    instance_id: str
    owner: str
    signed_at: datetime
    fenced: bool
    whole_version: str | None
    sent_at: datetime | None
    finished_at: datetime | None
    http_status: int | None
    cloud_request_id: str | None
    result: AttemptResult


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a request's history, append-only."""

    id: int
    request_id: int | None
    at: datetime
    kind: str
    actor: str
    state: State | None
    detail: Detail


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests a listing shows; empty means any."""

    states: frozenset[State] = frozenset()
    targets: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    instance_id: str | None = None
    follow_up: bool = False
    """Only what a person has to look at: the `follow_up` view."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one id given to `add`.

    Attributes:
        request: the new request, or the live one that stood already.
        new: whether it is new.
    """

    request: Request
    new: bool


class Ledger(Protocol):
    """The people's side of the store: asking, looking, deciding."""

    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        """Store new requests, all or nothing; an instance with a live request keeps that one.

        Args:
            requests: new ones.
            actor: who asks.
            progress: told now and then how many are dealt with.
        """
        ...

    def get(self, request_id: int) -> Request | None:
        """One request by our number."""
        ...

    def latest(self, instance_id: str) -> Request | None:
        """An instance's live request, or else its last one."""
        ...

    def page(self, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
        """Requests in the order of their ids; no transaction stays open between pages."""
        ...

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Requests by target and state."""
        ...

    def ahead_of(self, request: Request) -> int:
        """Ready requests that go before it in its target and group."""
        ...

    def events(self, request_id: int) -> tuple[Event, ...]:
        """A request's history, oldest first."""
        ...

    def attempts(self, request_id: int) -> tuple[AttemptRecord, ...]:
        """A request's attempts, oldest first."""
        ...

    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        """As `Queue.apply`."""
        ...


@dataclass(frozen=True, slots=True)
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
        holds: why this daemon releases nothing now, by target: code and sentence, as
            `core.verdicts.hold_text` writes them; targets that it doesn't hold are left out.
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
        """Remember what a look at the cloud showed."""
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


class Store(Queue, Ledger, Controls, Protocol):
    """All sides of one database."""

    def close(self) -> None:
        """Close connections."""
        ...


class Notifier(Protocol):
    """Tells the service manager how the daemon is."""

    def ready(self, status: str) -> None:
        """Started."""
        ...

    def status(self, text: str) -> None:
        """One line for people."""
        ...

    def alive(self) -> None:
        """Feed the watchdog: called by the work itself, never by a thread beside it."""
        ...

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        ...

    def stopping(self) -> None:
        """Stopping in order."""
        ...


class Hints(Protocol):
    """Says when a target may have something to do before anybody would look there.

    A hint, no more: one that never comes costs time, and one too many a look.
    """

    def start(self, wake: Callable[[str], None]) -> None:
        """Listen, in a thread of its own, until `stop`; a lost connection is made anew.

        Args:
            wake: told the name of a target, or `*` for all of them. Must not take long.
        """
        ...

    def stop(self) -> None:
        """Listen no more. Takes two seconds at most."""
        ...
