"""The release's side of the store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from offpeakd.core.batch import Batch, BatchResult
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import Request, State
from offpeakd.core.values import value


@value
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


@value
class Settled:
    """What came of a call, and what it makes of its requests.

    Attributes:
        batch_id: the call's.
        result: of the call as a whole.
        changes: of its requests.
    """

    batch_id: str
    result: BatchResult
    changes: Sequence[Change]


@value
class Behind:
    """A target's queue right behind a batch.

    Attributes:
        stops: of the target and of all, at that moment.
        read: gives the queue as it was then, with the batch's group alone, where that has something
            ready; None where it couldn't be read. A store may keep something for it: it has to be
            called within moments, once, and whatever else happens.
    """

    stops: tuple[Stop, ...]
    read: Callable[[], Lane | None]


@value
class Claim:
    """The answer to a claim; true where it was taken. Where it was not, nothing of it is written.

    Attributes:
        standing: how it ended.
        room_in: after how long there is room again, where time alone makes some.
        lost: of the call that was settled along with it, as `record` returns them.
        behind: the target's queue once the batch was written; None where nobody looked.
    """

    standing: Claimed
    room_in: timedelta | None = None
    lost: tuple[int, ...] = ()
    behind: Behind | None = None

    def __bool__(self) -> bool:
        return self.standing is Claimed.TAKEN


@value
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


class Queue(Protocol):
    """The release's side of the store. Every call is one durable transaction."""

    def lane(
        self,
        target: str,
        now: datetime | None,
        groups: Sequence[str] | None = None,
        first: int = 1,
    ) -> Lane:
        """One target's queue. Makes ready what waited until `now`; nothing where that is None.

        A request that was made ready no longer knows until when it waited, so only a clock that
        can be trusted may say what time it is.

        Args:
            target: its name.
            now: the present instant, where it can be trusted.
            groups: where given, `ready_groups` is the first of them that has a ready request,
                which costs the same however many groups there are.
            first: how many of that group's ready requests to read along with it, as `ready` would.
        """
        ...

    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        """The next ready requests in order: priority, then age."""
        ...

    def overdue_requests(self, now: datetime, limit: int) -> tuple[Request, ...]:
        """Queued requests whose deadline has passed."""
        ...

    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        """Write the batch and its attempts, and move its requests to `submitting`.

        Room is taken within the same transaction, so that daemons together never take more.

        Args:
            batch: as it is about to be sent.
            limits: of its target; None where nothing limits it.
            settled: what came of the call before, to be recorded first: in the same transaction
                as a rule, and whether the batch is written or not.
            ahead: how many ready requests to look at right after that; 0 for no look.

        Returns:
            whether it is written; nothing of the batch is, when any request no longer stands as
            it has it, or when there is no room for all of them.
        """
        ...

    def begin_record(self, settled: Settled) -> None:
        """Begin to write what came of a call that `claim` takes along, or `record` writes, at once.

        A store may use the time until then; it counts as written only when one of them says so.
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
