"""What a target's lane does next, and when it looks again.

At most one batch a plan: a slow call may outlast the window, so the next batch is a new
decision with a new `now`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from offpeakd.core.calendar import Calendar, Opening
from offpeakd.core.lane import Lane
from offpeakd.core.values import value
from offpeakd.core.verdicts import (
    LaneFacts,
    Situation,
    Verdict,
    group_blockers,
    lane_blockers,
)

_FAR = timedelta(days=366)


@value
class Take:
    """Release up to `size` requests of a group inside an opening."""

    group: str
    opening: Opening
    size: int


@value
class Plan:
    """What to do now.

    Attributes:
        take: the batch to make; None when there is none to make.
        blockers: why there is none.
        wake_at: when to look again; now, when there may be another batch at once.
    """

    take: Take | None
    blockers: tuple[Verdict, ...]
    wake_at: datetime


def plan(lane: Lane, facts: LaneFacts, situation: Situation) -> Plan:
    """Decide a target's next batch.

    The open group whose last moment to release comes first goes first; groups that close at the
    same instant go by name.

    Args:
        lane: the target's queue.
        facts: limits and stops of the target.
        situation: instant, calendar and policy.
    """
    now = situation.now
    stopped = lane_blockers(situation, facts)
    if stopped:
        return Plan(None, stopped, _when_lifted(stopped, situation))
    room = min(situation.policy.batch_size, facts.limit - facts.in_flight)
    takes: list[Take] = []
    closed: list[Verdict] = []
    for group in lane.ready_groups:
        against = group_blockers(situation, group)
        closed.extend(against)
        opening = situation.calendar.at(now, group, situation.policy.guard).opening
        if not against and opening is not None:
            takes.append(Take(group, opening, room))
    if takes:
        return Plan(min(takes, key=lambda take: (_last(take.opening, now), take.group)), (), now)
    return Plan(None, tuple(closed), _next_look(lane, situation))


def admits(opening_group: str, situation: Situation) -> Verdict | None:
    """Whether a group may release at this very instant: what the gate asks.

    Returns:
        the reason against it; None when it may.
    """
    against = group_blockers(situation, opening_group)
    return against[0] if against else None


def next_edge(calendar: Calendar, groups: tuple[str, ...], now: datetime) -> datetime | None:
    """The next instant at which a window opens for some of the groups, or now if one is open."""
    edges: list[datetime] = []
    for group in groups:
        standing = calendar.at(now, group)
        if standing.verdict == "open":
            return now
        if standing.next is not None and standing.next.start is not None:
            edges.append(standing.next.start)
    return min(edges, default=None)


def _last(opening: Opening, now: datetime) -> datetime:
    return opening.last_release or now + _FAR


def _when_lifted(stopped: tuple[Verdict, ...], situation: Situation) -> datetime:
    """A stop may be lifted by a person at any time, so look again at least every poll."""
    latest = situation.now + situation.policy.poll
    untils = [verdict.until for verdict in stopped if verdict.until is not None]
    return min([latest, *untils])


def _next_look(lane: Lane, situation: Situation) -> datetime:
    now = situation.now
    edge = next_edge(situation.calendar, (*situation.calendar.groups, *lane.ready_groups), now)
    if edge is None:
        return now + _FAR
    if edge > now:
        return edge
    moments = [lane.next_ready_at, *situation.notices.values()]
    soon = [moment for moment in moments if moment is not None and moment > now]
    return min([now + situation.policy.poll, *soon])


def notices(
    before: Calendar,
    after: Calendar,
    groups: tuple[str, ...],
    now: datetime,
    min_notice: timedelta,
    earlier: Mapping[str, datetime],
    *,
    guards: tuple[timedelta, timedelta],
) -> Mapping[str, datetime]:
    """Until when a changed configuration keeps a group shut.

    A reload never by itself releases waiting work: where it lets a group release at the present
    moment and before nothing could be, `min_notice` passes first. That is so too where the window
    stands open in both, but was past its cutoff before.

    Args:
        before: the calendar in force until now.
        after: the one that takes its place.
        groups: of either.
        now: the present instant.
        min_notice: time to notice a mistake in.
        earlier: notices that still run.
        guards: those of either calendar's policy.
    """
    until = {group: moment for group, moment in earlier.items() if moment > now}
    for group in groups:
        released, releases = (
            calendar.at(now, group, guard).verdict == "open"
            for calendar, guard in zip((before, after), guards, strict=True)
        )
        if releases and not released:
            until[group] = now + min_notice
    return until
