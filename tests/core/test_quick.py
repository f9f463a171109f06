"""Windows that lie apart: when their answer needs a look at nothing else, and which one it is."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from core.calendar_words import DAY, HOUR, MINUTE, freeze, utc, window
from offpeakd.core.frozen import FrozenSpans
from offpeakd.core.occurrences import Recurrence
from offpeakd.core.openings import Opening
from offpeakd.core.quick import quick_phase
from offpeakd.core.standing import Phase, Standing
from offpeakd.core.timetable import Timetable
from offpeakd.core.windows import Freeze, Window

GUARD = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
NIGHT = window("22:00-04:00", zone="UTC", name="night", cutoff="45m")
TONIGHT = Opening(
    ("night",), utc("2026-06-02 22:00"), utc("2026-06-03 04:00"), utc("2026-06-03 03:15")
)
LAST_NIGHT = Opening(
    ("night",), utc("2026-06-01 22:00"), utc("2026-06-02 04:00"), utc("2026-06-02 03:15")
)
NEVER = window("10:00-11:00", zone="UTC", name="never", dates="2099-01-01")


def phase(
    of: Window, now: datetime, *others: Window | Freeze, guard: timedelta = GUARD
) -> Phase | None:
    windows = [of, *(one for one in others if isinstance(one, Window))]
    freezes = [one for one in others if isinstance(one, Freeze)]
    table = Timetable([], [], [FrozenSpans(one, place) for place, one in enumerate(freezes)])
    return quick_phase([Recurrence(one) for one in windows], table.spans, now, guard)


def said(of: Window, now: str, *freezes: Freeze) -> tuple[str, str, Standing]:
    found = phase(of, utc(now), *freezes)
    assert found is not None
    return f"{found.since:%d %H:%M}", f"{found.until:%d %H:%M}", found.at(utc(now))


@pytest.mark.parametrize("now", ["2026-06-02 04:00", "2026-06-02 21:59:59"])
def test_between_two_openings_it_is_closed_from_edge_to_edge(now: str) -> None:
    closed = Standing(None, TONIGHT, None, "window-closed")

    assert said(NIGHT, now) == ("02 04:00", "02 22:00", closed)


@pytest.mark.parametrize("now", ["2026-06-01 22:00", "2026-06-02 03:13:59"])
def test_from_its_start_to_the_guard_before_the_cutoff_it_is_open(now: str) -> None:
    still_open = Standing(LAST_NIGHT, TONIGHT, None, "open")

    assert said(NIGHT, now) == ("01 22:00", "02 03:14", still_open)


@pytest.mark.parametrize("now", ["2026-06-02 03:14", "2026-06-02 03:59:59"])
def test_from_the_guard_before_the_cutoff_to_the_end_it_is_too_late(now: str) -> None:
    late = Standing(LAST_NIGHT, TONIGHT, None, "past-cutoff")

    assert said(NIGHT, now) == ("02 03:14", "02 04:00", late)


def test_the_next_edge_is_where_the_answer_ends() -> None:
    found = phase(NIGHT, utc("2026-06-02 12:00"))

    assert found is not None
    assert found.edge_after(utc("2026-06-02 12:00")) == utc("2026-06-02 22:00")


@pytest.mark.parametrize(
    ("days", "now", "edges"),
    [
        ("fri", "2026-06-03 12:00", ("05-30 04:00", "06-05 22:00")),
        ("fri", "2026-06-05 22:00", ("06-05 22:00", "06-06 03:14")),
        ("mon-fri", "2026-06-06 12:00", ("06-06 04:00", "06-08 22:00")),
        ("mon wed", "2026-06-02 12:00", ("06-02 04:00", "06-03 22:00")),
    ],
)
def test_days_on_which_it_does_not_open_are_passed_over(
    days: str, now: str, edges: tuple[str, str]
) -> None:
    found = phase(window("22:00-04:00", zone="UTC", days=days, cutoff="45m"), utc(now))

    assert found is not None
    assert (f"{found.since:%m-%d %H:%M}", f"{found.until:%m-%d %H:%M}") == edges


@pytest.mark.parametrize(
    ("of", "alone"),
    [
        (window("22:00-04:00"), True),
        (window("22:00-04:00", days="daily"), True),
        (window("22:00-04:00", days="mon tue-thu"), True),
        (window("22:00 for 4h"), True),
        (window("22:00-04:00", days="sat#2"), False),
        (window("22:00-04:00", days="mon sat#2"), False),
        (window("22:00-04:00", days="mon", months="jan-oct"), False),
        (window("22:00-04:00", month_days=(1,)), False),
        (window("22:00-04:00", dates="2026-06-01..2026-06-30"), False),
        (window("22:00-04:00", days="mon", offset=1), False),
    ],
)
def test_only_a_window_that_opens_every_week_is_sure_to_have_an_opening_near(
    of: Window, *, alone: bool
) -> None:
    assert Recurrence(of).weekly is alone


@pytest.mark.parametrize(
    ("span", "near"),
    [
        pytest.param("2026-06-01T20:00Z..2026-06-01T22:00Z", False, id="ends-where-one-starts"),
        pytest.param("2026-06-01T20:00Z..2026-06-01T22:01Z", True, id="holds-its-start"),
        pytest.param("2026-06-02T05:00Z..2026-06-02T06:00Z", True, id="lies-between"),
        pytest.param("2026-06-03T04:00Z..2026-06-03T06:00Z", True, id="follows-the-one-to-come"),
        pytest.param("2026-06-03T04:01Z..2026-06-03T06:00Z", False, id="a-minute-later"),
    ],
)
def test_a_freeze_near_either_opening_needs_a_closer_look(span: str, *, near: bool) -> None:
    found = phase(NIGHT, utc("2026-06-02 12:00"), freeze(span))

    assert (found is None) is near


@pytest.mark.parametrize(("guard", "admitted"), [("05:14:59", True), ("05:15:00", False)])
def test_one_to_come_that_admits_nothing_is_not_the_next(guard: str, *, admitted: bool) -> None:
    hours, minutes, seconds = (int(part) for part in guard.split(":"))
    needed = timedelta(hours=hours, minutes=minutes, seconds=seconds)

    assert (phase(NIGHT, utc("2026-06-02 12:00"), guard=needed) is not None) is admitted


def test_a_guard_that_takes_all_but_an_instant_leaves_that_instant() -> None:
    weekly = window("22:00-04:00", zone="UTC", days="mon", cutoff="3h")
    found = phase(weekly, utc("2026-06-01 23:00"), guard=3 * HOUR - TICK)

    assert found is not None
    assert (found.since, found.until) == (utc("2026-06-01 22:00") + TICK, utc("2026-06-02 04:00"))


@pytest.mark.parametrize(
    ("times", "days", "now", "alone"),
    [
        pytest.param("00:00-24:00", "", "2026-06-03 12:00", False, id="without-a-break"),
        pytest.param("00:00-23:59", "", "2026-06-03 12:00", True, id="with-a-minute-s-break"),
        pytest.param("00:00-24:00", "mon tue", "2026-06-07 12:00", False, id="next-is-touched"),
        pytest.param("00:00-24:00", "mon tue", "2026-06-02 12:00", False, id="holding-is-touched"),
        pytest.param("00:00-24:00", "mon tue", "2026-06-03 12:00", False, id="both-are-over"),
        pytest.param("00:00-24:00", "mon", "2026-06-03 12:00", False, id="would-touch-if-chosen"),
        pytest.param("12:00 for 24h", "", "2026-06-03 12:00", False, id="for-a-day"),
        pytest.param("12:00 for 23h59m", "", "2026-06-03 12:00", True, id="for-a-minute-less"),
        pytest.param("12:00 for 30h", "", "2026-06-03 12:00", False, id="for-longer"),
    ],
)
def test_openings_that_touch_need_a_closer_look(
    times: str, days: str, now: str, *, alone: bool
) -> None:
    found = phase(window(times, zone="UTC", days=days), utc(now))

    assert (found is not None) is alone


@pytest.mark.parametrize(("length", "alone"), [("22h59m", True), ("23h", False)])
def test_the_next_opening_may_be_due_when_a_jump_skips_it(length: str, *, alone: bool) -> None:
    # Havana skips 00:00 to 01:00 on 8 March, so that day's opening is due at midnight, and one of
    # 23 h 30 m touches it. One of 23 h is looked at closer, to be sure.
    long = window(f"00:30 for {length}", zone="America/Havana")

    assert (phase(long, utc("2026-03-07 05:29")) is not None) is alone


@pytest.mark.parametrize(
    ("now", "alone"),
    [
        ("0001-12-31 12:00", False),
        ("0002-01-01 00:00", True),
        ("9998-12-31 23:59", True),
        ("9999-01-01 00:00", False),
    ],
)
def test_years_at_whose_edge_days_end_are_left_to_a_closer_look(now: str, *, alone: bool) -> None:
    assert (phase(window("22:00 for 4h", zone="UTC"), utc(now)) is not None) is alone


def nightly(number: int) -> Window:
    return window(f"{number:02}:10-{number:02}:50", zone="UTC", name=f"w{number}", cutoff="5m")


@pytest.mark.parametrize(
    ("now", "since", "until", "verdict", "windows"),
    [
        ("2026-06-01 03:09", "01 02:50", "01 03:10", "window-closed", ("", "w3")),
        ("2026-06-01 03:10", "01 03:10", "01 03:44", "open", ("w3", "w4")),
        ("2026-06-01 03:44", "01 03:44", "01 03:50", "past-cutoff", ("w3", "w4")),
        ("2026-06-01 03:50", "01 03:50", "01 04:10", "window-closed", ("", "w4")),
        ("2026-06-01 04:50", "01 04:50", "02 02:10", "window-closed", ("", "w2")),
    ],
)
def test_of_several_the_last_to_start_and_the_next_one_count(
    now: str, since: str, until: str, verdict: str, windows: tuple[str, str]
) -> None:
    found = phase(nightly(3), utc(now), nightly(4), nightly(2))

    assert found is not None
    standing = found.at(utc(now))
    assert (f"{found.since:%d %H:%M}", f"{found.until:%d %H:%M}") == (since, until)
    assert standing.verdict == verdict
    assert (
        tuple("" if one is None else one.windows[0] for one in (standing.opening, standing.next))
        == windows
    )


def test_one_that_admits_nothing_is_too_late_from_its_start_on() -> None:
    short = window("02:00-02:10", zone="UTC", name="short", cutoff="5m")
    found = phase(short, utc("2026-06-01 02:05"), window("05:00-06:00", name="x"), guard=6 * MINUTE)

    assert found is not None
    assert found.at(utc("2026-06-01 02:05")).verdict == "past-cutoff"
    assert (found.since, found.until) == (utc("2026-06-01 02:00"), utc("2026-06-01 02:10"))


def test_each_of_several_keeps_its_own_cutoff() -> None:
    early = window("02:00-03:00", zone="UTC", name="early", cutoff="10m")
    late = window("05:00-06:00", zone="UTC", name="late", cutoff="20m")
    found = phase(early, utc("2026-06-01 02:30"), late)

    assert found is not None
    standing = found.at(utc("2026-06-01 02:30"))
    assert standing.opening is not None
    assert standing.next is not None
    assert standing.opening.last_release == utc("2026-06-01 02:50")
    assert standing.next.last_release == utc("2026-06-01 05:40")


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        (window("04:00-05:00", zone="UTC", name="x"), False),
        (window("04:01-05:00", zone="UTC", name="x"), True),
        (window("21:00-22:00", zone="UTC", name="x"), False),
        (window("21:00-21:59", zone="UTC", name="x"), True),
        (window("22:00-04:00", zone="UTC", name="x"), False),
        (window("23:00-23:30", zone="UTC", name="x"), False),
        (window("10:00-11:00", zone="UTC", name="x", days="sat#2"), False),
        (window("10:00-11:00", zone="UTC", name="x", dates="2099-01-01"), False),
    ],
)
@pytest.mark.parametrize("now", ["2026-06-02 12:00", "2026-06-02 00:30"])
def test_several_count_alone_only_where_they_lie_apart(
    other: Window, now: str, *, apart: bool
) -> None:
    assert (phase(NIGHT, utc(now), other) is not None) is apart


@pytest.mark.parametrize(("count", "counted"), [(0, False), (1, True), (8, True), (9, False)])
def test_many_windows_or_none_need_a_closer_look(count: int, *, counted: bool) -> None:
    windows = [Recurrence(nightly(number)) for number in range(count)]
    found = quick_phase(windows, Timetable([], [], []).spans, utc("2026-06-01 12:00"), GUARD)

    assert (found is not None) is counted


def test_an_instant_may_be_given_on_any_clock() -> None:
    now = datetime.fromisoformat("2026-06-02T23:30:00+14:00")

    assert phase(NIGHT, now) is not None


# --------------------------------------------------------- beside the answer that looks at all

CHANGES = {
    "Europe/Berlin": ("2026-03-29 01:00", "2026-10-25 01:00"),
    "America/Havana": ("2026-03-08 05:00", "2026-11-01 05:00"),
    "America/St_Johns": ("2006-04-02 03:31", "2006-10-29 02:31"),
    "America/Santiago": ("2026-04-05 03:00", "2026-09-06 04:00"),
    "Australia/Lord_Howe": ("2026-04-04 15:00", "2026-10-03 15:30"),
    "Antarctica/Troll": ("2026-03-29 01:00",),
    "Pacific/Apia": ("2011-12-30 10:00",),
    "Pacific/Kwajalein": ("1993-08-21 12:00",),
    "America/Juneau": ("1867-10-18 23:00",),
    "Asia/Manila": ("1844-12-31 15:56",),
    "Asia/Kathmandu": ("1985-12-31 18:30",),
}
WINDOWS = (
    *("22:00-04:00", "23:00-05:00 on mon-thu sat", "00:30-24:00", "10:00-16:00", "02:15-02:45"),
    *("01:30-03:00", "23:30-23:29", "00:00 for 23h", "00:00-24:00 on mon-wed fri", "02:30 for 1h"),
    *("12:00-11:00 on tue-sat", "20:00 for 30h on mon thu", "00:30 for 23h45m"),
    *("22:00-02:00, 03:00-05:00", "23:30-00:30, 01:30-02:30 on sat sun, 10:00-20:00"),
    "00:00-02:30, 03:00-23:00 on mon-fri",
)


def instants(around: str) -> Iterator[datetime]:
    for hours in range(-80, 80, 7):
        yield utc(around) + hours * HOUR + 7 * MINUTE
    for step, off in product((-1, 0, 1), (0, -1, 1)):
        yield utc(around) + step * DAY + off * TICK


def made(zone: str, text: str) -> Iterator[Recurrence]:
    for number, item in enumerate(text.split(", ")):
        times, _, days = item.partition(" on ")
        yield Recurrence(window(times, zone=zone, name=f"w{number}", days=days, cutoff="10m"))


def both(zone: str, text: str) -> Sequence[Timetable]:
    """Windows, and the same ones beside another whose day is far."""
    few = list(made(zone, text))
    return Timetable(few, [], []), Timetable([*few, Recurrence(NEVER)], [], [])


@pytest.mark.parametrize("zone", CHANGES)
def test_round_clock_changes_the_answer_is_the_one_that_looks_at_all(zone: str) -> None:
    quick = asked = 0
    for text, around in product(WINDOWS, CHANGES[zone]):
        alone, beside = both(zone, text)
        for now in instants(around):
            alone.stretches, beside.stretches = {}, {}
            mine, theirs = alone.stretch(now, GUARD), beside.stretch(now, GUARD)

            assert mine.since <= now < mine.until
            assert mine.at(now) == theirs.at(now), (text, now)
            assert mine.edge_after(now) == theirs.edge_after(now), (text, now)
            if isinstance(mine, Phase):
                assert beside.stretch(mine.since, GUARD).at(mine.since) == mine.at(now)
            quick += isinstance(mine, Phase)
            asked += 1

    assert asked / 6 < quick < asked


def test_alone_it_is_answered_at_once_and_beside_another_it_is_laid_out() -> None:
    alone, beside = both("UTC", "22:00-04:00")
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    assert isinstance(alone.stretch(now, GUARD), Phase)
    assert not isinstance(beside.stretch(now, GUARD), Phase)
