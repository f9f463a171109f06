"""Openings against a naive reading of the rules, minute by minute, in fourteen zones."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from core.calendar_words import DAY, MINUTE, PlainClock
from offpeakd.core.calendar import Calendar, Opening
from offpeakd.core.selectors import DateRange, DaySelector, LocalTime, YearlyRange
from offpeakd.core.windows import Freeze, Window

ZONES = (
    *("UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns"),
    *("America/Santiago", "America/Havana", "Africa/Cairo", "Africa/Casablanca"),
    *("Asia/Kathmandu", "Asia/Shanghai", "Australia/Lord_Howe", "Pacific/Chatham"),
    "Antarctica/Troll",
)
FIRST, LAST = date(2025, 11, 1), date(2027, 3, 1)
LENGTH = 10


@cache
def clock(zone: str) -> PlainClock:
    return PlainClock(ZoneInfo(zone), FIRST, LAST)


@cache
def transition_days() -> tuple[date, ...]:
    starts = {start.date() for zone in ZONES for start, _, _ in clock(zone).stretches}
    return tuple(sorted(day for day in starts if date(2026, 1, 1) <= day < date(2027, 1, 1)))


# ------------------------------------------------------------------- the rules, read naively


def earliest(zone: str, local: datetime) -> datetime:
    shown = clock(zone).shows(local)
    return shown[0] if shown else clock(zone).jump_over(local)


def latest(zone: str, local: datetime) -> datetime:
    shown = clock(zone).shows(local)
    return shown[-1] if shown else clock(zone).jump_over(local)


def wall(day: date, minutes: int) -> datetime:
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def opens_on(window: Window, day: date) -> bool:
    """Whether the selectors choose the day, counted on the fingers."""
    length = monthrange(day.year, day.month)[1]
    same = [n for n in range(1, length + 1) if day.replace(day=n).weekday() == day.weekday()]
    counted = {same.index(day.day) + 1, same.index(day.day) - len(same)}
    by_week = any(
        day.weekday() in selector.weekdays and (selector.nth is None or selector.nth in counted)
        for selector in window.days
    )
    by_month = bool({day.day, day.day - length - 1} & set(window.month_days))
    by_date = any(span.first <= day <= span.last for span in window.dates)
    return (
        (by_week or not window.days)
        and (by_month or not window.month_days)
        and (day.month in window.months or not window.months)
        and (by_date or not window.dates)
    )


def interval(window: Window, day: date) -> tuple[datetime, datetime]:
    assert window.start is not None
    start = wall(day, window.start.minutes)
    if window.length is not None:
        begun = latest(window.zone, start)
        return begun, begun + window.length
    assert window.end is not None
    over_midnight = window.end.minutes <= window.start.minutes
    end = wall(day + DAY if over_midnight else day, window.end.minutes)
    both = len(clock(window.zone).shows(start)) == len(clock(window.zone).shows(end)) == 2
    begun = earliest(window.zone, start) if both else latest(window.zone, start)
    return begun, earliest(window.zone, end)


def frozen_spans(freeze: Freeze) -> Iterator[tuple[datetime, datetime]]:
    if isinstance(freeze.start, datetime) and isinstance(freeze.end, datetime):
        yield earliest(freeze.zone, freeze.start), latest(freeze.zone, freeze.end)
        return
    for number in range((LAST - FIRST).days):
        day = FIRST + number * DAY
        if is_frozen(freeze, day):
            yield earliest(freeze.zone, wall(day, 0)), latest(freeze.zone, wall(day + DAY, 0))


def is_frozen(freeze: Freeze, day: date) -> bool:
    if freeze.yearly is not None:
        first, last, this = freeze.yearly.first, freeze.yearly.last, (day.month, day.day)
        return first <= this <= last if first <= last else (this >= first or this <= last)
    if freeze.month_days:
        length = monthrange(day.year, day.month)[1]
        return day.day in freeze.month_days or day.day - length - 1 in freeze.month_days
    assert freeze.start is not None
    assert freeze.end is not None
    return freeze.start <= day <= freeze.end


def open_minutes(
    windows: list[Window], freezes: list[Freeze], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """Stretches of open minutes within an interval."""
    count = (until - since) // MINUTE
    minutes = bytearray(count)

    def paint(start: datetime, end: datetime, value: int) -> None:
        low = min(max((start - since) // MINUTE, 0), count)
        high = min(max((end - since) // MINUTE, low), count)
        minutes[low:high] = bytes([value]) * (high - low)

    for window in windows:
        for number in range(-40, (until - since).days + 3):
            chosen = since.date() + number * DAY
            if opens_on(window, chosen):
                paint(*interval(window, chosen + window.offset_days * DAY), 1)
    for freeze in freezes:
        for span in frozen_spans(freeze):
            paint(*span, 0)
    edges = [n for n in range(count + 1) if minute(minutes, n) != minute(minutes, n - 1)]
    instants = [since + edge * MINUTE for edge in edges]
    return list(zip(instants[::2], instants[1::2], strict=True))


def minute(minutes: bytearray, number: int) -> int:
    return minutes[number] if 0 <= number < len(minutes) else 0


# ---------------------------------------------------------------------------- random calendars

times = st.one_of(
    st.sampled_from([0, 15, 30, 60, 90, 105, 120, 135, 150, 180, 1380, 1410, 1425]),
    st.integers(0, 1439),
)
month_days = st.lists(
    st.one_of(st.integers(1, 31), st.integers(-31, -1)), min_size=1, max_size=6
).map(tuple)
selectors = st.one_of(
    st.frozensets(st.integers(0, 6), min_size=1).map(DaySelector),
    st.builds(
        DaySelector,
        st.integers(0, 6).map(lambda day: frozenset({day})),
        st.sampled_from([1, 2, 3, 4, 5, -1, -2, -3, -4, -5]),
    ),
)
near_days = st.builds(
    lambda day, shift: day + shift * DAY,
    st.deferred(lambda: st.sampled_from(transition_days())),
    st.integers(-5, 5),
)


@st.composite
def windows(draw: st.DrawFn, centre: date) -> Window:
    start = draw(times)
    by_length = draw(st.integers(0, 3)) == 0
    ends = st.one_of(times, st.just(1440)).filter(lambda end: end != start)
    lengths = st.one_of(st.integers(1, 600), st.integers(1, 4 * 1440))
    first = centre + draw(st.integers(-6, 6)) * DAY
    dates = DateRange(first, first + draw(st.integers(0, 5)) * DAY)
    return Window(
        name=f"w{draw(st.integers(0, 10**6))}",
        zone=draw(st.sampled_from(ZONES)),
        days=draw(st.one_of(st.just(()), st.lists(selectors, min_size=1, max_size=3).map(tuple))),
        month_days=draw(st.one_of(st.just(()), st.just(()), month_days)),
        months=draw(st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(1, 12)))),
        dates=draw(st.sampled_from([(), (), (), (dates,)])),
        offset_days=draw(st.sampled_from([0, 0, 0, 1, 3, 31])),
        start=LocalTime(start),
        end=None if by_length else LocalTime(draw(ends)),
        length=timedelta(minutes=draw(lengths)) if by_length else None,
    )


@st.composite
def freezes(draw: st.DrawFn, centre: date) -> Freeze:
    kind = draw(st.sampled_from(["days", "times", "yearly", "month_days"]))
    first = centre + draw(st.integers(-5, 5)) * DAY
    last = first + draw(st.integers(0, 4)) * DAY
    name, zone = f"f{draw(st.integers(0, 10**6))}", draw(st.sampled_from(ZONES))
    match kind:
        case "days":
            return Freeze(name, "", zone, start=first, end=last)
        case "times":
            start = wall(first, draw(times))
            end = start + timedelta(minutes=draw(st.integers(1, 3000)))
            return Freeze(name, "", zone, start=start, end=end)
        case "yearly":
            # The naive reading knows two years, so that 29 February cannot occur.
            return Freeze(
                name,
                "",
                zone,
                yearly=YearlyRange((first.month, first.day), (last.month, last.day)),
            )
        case _:
            return Freeze(name, "", zone, month_days=draw(month_days))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[list[Window], list[Freeze], datetime, datetime]:
    centre = draw(near_days)
    since = datetime.combine(centre - LENGTH // 2 * DAY, time(draw(st.integers(0, 23))), UTC)
    return (
        draw(st.lists(windows(centre), min_size=1, max_size=4, unique_by=lambda one: one.name)),
        draw(st.lists(freezes(centre), max_size=2)),
        since,
        since + LENGTH * DAY,
    )


def made(parts: list[Window], cuts: list[Freeze]) -> Calendar:
    return Calendar({part.name: part for part in parts}, cuts, {})


def clipped(
    found: list[Opening], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    return [(max(one.start or since, since), min(one.end or until, until)) for one in found]


# ---------------------------------------------------------------------------------- statements


@given(calendars())
def test_openings_are_what_the_rules_say_to_the_minute(
    case: tuple[list[Window], list[Freeze], datetime, datetime],
) -> None:
    parts, cuts, since, until = case

    found = list(made(parts, cuts).openings(since, until))

    assert clipped(found, since, until) == open_minutes(parts, cuts, since, until)


@given(calendars())
def test_openings_are_in_order_apart_and_not_empty(
    case: tuple[list[Window], list[Freeze], datetime, datetime],
) -> None:
    parts, cuts, since, until = case

    found = list(made(parts, cuts).openings(since, until))

    for one in found:
        assert one.start is None or one.start < until
        assert one.end is None or one.end > since
        assert one.start is None or one.end is None or one.start < one.end
        assert one.windows
    for left, right in pairwise(found):
        assert left.end is not None
        assert right.start is not None
        # Without a freeze between them they would be one.
        assert left.end < right.start


@given(calendars(), st.lists(st.integers(0, LENGTH * 1440 - 1), min_size=1, max_size=20))
def test_asking_at_an_instant_agrees_with_the_list(
    case: tuple[list[Window], list[Freeze], datetime, datetime], minutes: list[int]
) -> None:
    parts, cuts, since, until = case
    plan = made(parts, cuts)
    found = list(plan.openings(since, until))
    edges = [edge for one in found for edge in (one.start, one.end) if edge is not None]
    instants = [since + number * MINUTE for number in minutes]
    instants += [edge + step * timedelta(microseconds=1) for edge in edges for step in (-1, 0, 1)]

    for now in instants:
        if not since <= now < until:
            continue
        standing = plan.at(now)
        holding = [
            one
            for one in found
            if (one.start is None or one.start <= now) and (one.end is None or now < one.end)
        ]
        assert ([standing.opening] if standing.opening else []) == holding
        assert (standing.verdict == "open") == bool(holding)
        ahead = [one for one in found if one.start is not None and one.start > now]
        if ahead:
            assert standing.next == ahead[0]
        elif standing.next is not None:
            assert standing.next.start is not None
            assert standing.next.start >= until


@given(calendars())
def test_what_is_kept_from_earlier_questions_changes_no_answer(
    case: tuple[list[Window], list[Freeze], datetime, datetime],
) -> None:
    parts, cuts, since, _ = case
    plan = made(parts, cuts)
    moments = [
        since + number * timedelta(hours=hours) for hours in (7, -31) for number in range(12)
    ]

    assert [plan.at(now) for now in moments] == [made(parts, cuts).at(now) for now in moments]


@given(calendars())
def test_a_freeze_never_adds_time(
    case: tuple[list[Window], list[Freeze], datetime, datetime],
) -> None:
    parts, cuts, since, until = case
    free = clipped(list(made(parts, []).openings(since, until)), since, until)

    for start, end in clipped(list(made(parts, cuts).openings(since, until)), since, until):
        assert any(low <= start and end <= high for low, high in free)


@given(calendars(), st.timedeltas(timedelta(), timedelta(hours=3)))
def test_every_answer_follows_from_the_opening(
    case: tuple[list[Window], list[Freeze], datetime, datetime], guard: timedelta
) -> None:
    parts, cuts, since, _ = case
    plan = made(parts, cuts)

    for hours in range(0, 24 * LENGTH, 5):
        now = since + timedelta(hours=hours)
        standing = plan.at(now, guard=guard)
        if standing.opening is not None:
            admitted = standing.opening.admits(now, guard)
            assert standing.verdict == ("open" if admitted else "past-cutoff")
            assert standing.freeze is None
        else:
            assert standing.verdict in {"frozen", "window-closed", "no-window"}
            assert (standing.freeze is not None) == (standing.verdict == "frozen")
        if standing.next is not None:
            assert standing.next.start is not None
            assert standing.next.start > now
            assert standing.next.admits(standing.next.start, guard)
