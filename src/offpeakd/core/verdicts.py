"""The closed list of reasons a request waits, and the one function that finds them.

Release, `why`, lists, status and metrics all ask here, so that they can't disagree.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from math import inf

from offpeakd.core.calendar import Calendar, Standing
from offpeakd.core.clock_text import both_clocks, rfc3339
from offpeakd.core.lane import Stop
from offpeakd.core.model import DEFAULT_GROUP, Request, State
from offpeakd.core.policy import Policy
from offpeakd.core.stops import stands
from offpeakd.core.values import value


class Code(StrEnum):
    """Why a request waits. Scripts may rely on the words; more may be added."""

    NEXT = "next"
    BEHIND_IN_QUEUE = "behind-in-queue"
    WINDOW_CLOSED = "window-closed"
    PAST_CUTOFF = "past-cutoff"
    FROZEN = "frozen"
    NO_WINDOW = "no-window"
    MIN_NOTICE = "min-notice"
    NOT_BEFORE = "not-before"
    UNANSWERED_CALL = "unanswered-call"
    BACKOFF = "backoff"
    INSTANCE_BUSY = "instance-busy"
    INSTANCE_ABNORMAL = "instance-abnormal"
    INSTANCE_FROZEN = "instance-frozen"
    TARGET_LIMIT = "target-limit"
    RATE_LIMITED = "rate-limited"
    CLOUD_UNREACHABLE = "cloud-unreachable"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    CONFIGURATION = "configuration"
    CLOCK_SKEW = "clock-skew"
    STORAGE_FAULT = "storage-fault"
    CALLS_FORGOTTEN = "calls-forgotten"
    PAUSED = "paused"
    HELD = "held"
    UNKNOWN_TARGET = "unknown-target"
    NO_DAEMON = "no-daemon"


class Kind(StrEnum):
    """Who ends the waiting."""

    WAIT = "wait"
    """Time does."""
    PERSON = "person"
    """A person has to do something."""


@value
class Verdict:
    """One reason to wait.

    Attributes:
        code: from the closed list.
        sentence: for people; names what it waits for and until when.
        kind: who ends it.
        until: when it ends by itself; None where nobody can know.
    """

    code: Code
    sentence: str
    kind: Kind = Kind.WAIT
    until: datetime | None = None


_UNTIL = " until "


def hold_text(hold: Verdict) -> str:
    """A daemon's reason to release nothing, as its sign of life carries it."""
    end = "" if hold.until is None else f"{_UNTIL}{rfc3339(hold.until)}"
    return f"{hold.code.value}{end}: {hold.sentence}"


def hold_of(text: str) -> Verdict:
    """The reason that a sign of life carries; one without an end asks for a person."""
    head, _, sentence = text.partition(": ")
    word, _, end = head.partition(_UNTIL)
    # A daemon of a later version may know words that this one doesn't.
    code = next((one for one in Code if one.value == word), Code.STORAGE_FAULT)
    until = _instant(end)
    kind = Kind.PERSON if until is None else Kind.WAIT
    return Verdict(code, sentence or text, kind, until)


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found


_STOP_CODES = {
    "pause": (Code.PAUSED, Kind.PERSON),
    "credentials": (Code.CREDENTIALS, Kind.PERSON),
    "permission": (Code.PERMISSION, Kind.PERSON),
    "configuration": (Code.CONFIGURATION, Kind.PERSON),
    "throttled": (Code.RATE_LIMITED, Kind.WAIT),
    "unreachable": (Code.CLOUD_UNREACHABLE, Kind.WAIT),
}


@value
class LaneFacts:
    """What is so for every request of one target.

    Attributes:
        in_flight: upgrades running or possibly running.
        limit: of them, as configured.
        stops: in force for the target, those of `*` included.
        holds: further reasons of the daemon to release nothing, such as a clock that disagrees.
        next_ids: request ids that would go out with the next batch.
    """

    in_flight: int = 0
    limit: int = 30
    stops: tuple[Stop, ...] = ()
    holds: tuple[Verdict, ...] = ()
    next_ids: frozenset[int] = frozenset()


@value
class Situation:
    """Everything a verdict depends on, besides the request.

    Attributes:
        now: the instant that is asked about.
        calendar: windows and freezes.
        policy: limits and patience.
        lanes: facts by target; a target that is missing is no longer configured.
        daemon_alive: whether some daemon gave a sign of life lately.
        notices: a changed configuration opens a group's windows not before this instant.
    """

    now: datetime
    calendar: Calendar
    policy: Policy
    lanes: Mapping[str, LaneFacts] = field(default_factory=dict[str, LaneFacts])
    daemon_alive: bool = True
    notices: Mapping[str, datetime] = field(default_factory=dict[str, datetime])

    def notice_until(self, group: str) -> datetime | None:
        """Until when a reload keeps a group shut; None when it doesn't."""
        until = self.notices.get(group, self.notices.get(DEFAULT_GROUP))
        return until if until is not None and self.now < until else None


def blockers(request: Request, situation: Situation) -> tuple[Verdict, ...]:
    """Every reason that a queued request waits, the deciding one first.

    Deciding is what a person has to end; else what ends last. An empty answer means that
    nothing is in its way.
    """
    if request.state is not State.QUEUED:
        return ()
    lane = situation.lanes.get(request.target)
    if lane is None:
        return (_unknown_target(request.target),)
    found = (
        *_own(request, situation),
        *lane_blockers(situation, lane),
        *group_blockers(situation, request.group),
    )
    return tuple(sorted(found, key=_weight))


def verdict(request: Request, situation: Situation) -> Verdict | None:
    """Why a request waits, in one reason; None for one that doesn't wait."""
    if request.state is not State.QUEUED:
        return None
    found = blockers(request, situation)
    if found:
        return found[0]
    if not situation.daemon_alive:
        return Verdict(
            Code.NO_DAEMON,
            "nothing is in its way, but no daemon is running: start `offpeakd run`",
            Kind.PERSON,
        )
    if request.id in situation.lanes[request.target].next_ids:
        return Verdict(Code.NEXT, "goes out with the next batch")
    return Verdict(Code.BEHIND_IN_QUEUE, "the window is open; others go before it")


def lane_blockers(situation: Situation, lane: LaneFacts) -> tuple[Verdict, ...]:
    """What keeps a whole target from releasing."""
    zone = situation.calendar.zone_of("")
    found = [
        _of_stop(stop, zone, situation.now) for stop in lane.stops if stands(stop, situation.now)
    ]
    found.extend(_of_hold(hold, zone, situation.now) for hold in lane.holds)
    if lane.in_flight >= lane.limit:
        found.append(
            Verdict(
                Code.TARGET_LIMIT,
                f"{lane.in_flight} of {lane.limit} upgrades are running in this target",
            )
        )
    return tuple(found)


def group_blockers(situation: Situation, group: str) -> tuple[Verdict, ...]:
    """What the calendar says against a group's release."""
    now = situation.now
    zone = situation.calendar.zone_of(group)
    standing = situation.calendar.at(now, group, situation.policy.guard)
    found: list[Verdict] = []
    if standing.verdict != "open":
        found.append(_of_standing(standing, zone, now))
    elif (notice := situation.notice_until(group)) is not None:
        found.append(
            Verdict(
                Code.MIN_NOTICE,
                "the configuration was changed and opens a window over the present moment: "
                f"released from {both_clocks(notice, zone, now)}",
                until=notice,
            )
        )
    return tuple(found)


def _weight(found: Verdict) -> tuple[bool, float]:
    ends = inf if found.until is None else found.until.timestamp()
    return found.kind is not Kind.PERSON, -ends


def _unknown_target(target: str) -> Verdict:
    return Verdict(
        Code.UNKNOWN_TARGET,
        f"target '{target}' is not in the configuration any more: put it back, or cancel the request",
        Kind.PERSON,
    )


def _own(request: Request, situation: Situation) -> tuple[Verdict, ...]:
    found: list[Verdict] = []
    if request.held_reason is not None:
        found.append(Verdict(Code.HELD, f"held: {request.held_reason}", Kind.PERSON))
    if request.wait_until is not None and request.wait_until > situation.now:
        zone = situation.calendar.zone_of(request.group)
        when = both_clocks(request.wait_until, zone, situation.now)
        code = Code(request.wait_reason or Code.NOT_BEFORE)
        detail = request.wait_detail or "not before the requested time"
        found.append(Verdict(code, f"{detail}: waits until {when}", until=request.wait_until))
    return tuple(found)


def _of_stop(stop: Stop, zone: str, now: datetime) -> Verdict:
    code, kind = _STOP_CODES[stop.kind]
    whose = "everything" if stop.scope == "*" else f"target '{stop.scope}'"
    if stop.kind == "pause":
        sentence = f"{whose} is paused by {stop.actor}: {stop.reason}"
    elif stop.until is not None:
        sentence = f"{stop.reason}; {whose} is tried again {both_clocks(stop.until, zone, now)}"
    else:
        sentence = f"{stop.reason}; {whose} is stopped"
    return Verdict(code, sentence, kind, stop.until)


def _of_hold(hold: Verdict, zone: str, now: datetime) -> Verdict:
    if hold.until is None:
        return hold
    when = both_clocks(hold.until, zone, now)
    return replace(hold, sentence=f"{hold.sentence}; goes on {when}")


def _of_standing(standing: Standing, zone: str, now: datetime) -> Verdict:
    opens = standing.next.start if standing.next is not None else None
    when = f"opens {both_clocks(opens, zone, now)}" if opens is not None else ""
    later = f"; {when}" if when else ""
    match Code(standing.verdict):
        case Code.FROZEN if standing.freeze is not None:
            why = f" ({standing.freeze.reason})" if standing.freeze.reason else ""
            sentence = f"frozen by '{standing.freeze.name}'{why}{later}"
            return Verdict(Code.FROZEN, sentence, until=opens)
        case Code.PAST_CUTOFF:
            sentence = f"the window is open but past its cutoff{later}"
            return Verdict(Code.PAST_CUTOFF, sentence, until=opens)
        case Code.WINDOW_CLOSED if standing.next is not None:
            names = ", ".join(standing.next.windows)
            return Verdict(Code.WINDOW_CLOSED, f"waits for window {names}: {when}", until=opens)
        case _:
            return Verdict(
                Code.NO_WINDOW,
                "no window opens within 400 days: add one under `windows`",
                Kind.PERSON,
            )
