"""One target's queue, and what stops it."""

from datetime import datetime

from offpeakd.core.model import Request
from offpeakd.core.values import value


@value
class Stop:
    """Release is stopped for a target, by a person or by what the cloud said.

    Attributes:
        scope: a target's name, or `*` for all.
        kind: `pause` (a person; until resumed), `credentials`, `permission`, `configuration`,
            `throttled` or `unreachable` (until `until`, then one try).
        reason: for people.
        actor: who: a person, or `offpeakd`.
        since: from when.
        until: till when; None for a pause.
        count: how often in a row.
    """

    scope: str
    kind: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None = None
    count: int = 1


@value
class Lane:
    """What the plan needs to know of one target's queue.

    Attributes:
        target: its name.
        ready_groups: groups with at least one request that is ready now.
        next_ready_at: the earliest `wait_until` among the queued that are not held.
        in_flight: requests submitting, unknown or running.
        stops: those of this target and of `*`.
        first: the next ready requests of the only group in `ready_groups`; None where every group
            was asked for.
    """

    target: str
    ready_groups: tuple[str, ...]
    next_ready_at: datetime | None
    in_flight: int
    stops: tuple[Stop, ...]
    first: tuple[Request, ...] | None = None
