"""How things stand at an instant: verdicts, horizon, endless openings, and what is kept."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from core.calendar_words import DAY, HOUR, MINUTE, calendar, edge, freeze, spans, utc, window
from offpeakd.core.calendar import Calendar
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT
from offpeakd.core.windows import Window

NIGHT = window("22:00-04:00", zone="UTC", name="night", cutoff="45m")
ALWAYS = Window("always", "UTC", always=True)
GUARD = timedelta(seconds=10)


@pytest.mark.parametrize(
    ("now", "verdict", "following"),
    [
        pytest.param("2026-06-01 21:59:59.999999", "window-closed", "06-01 22:00", id="before"),
        pytest.param("2026-06-01 22:00", "open", "06-02 22:00", id="start"),
        pytest.param("2026-06-02 03:14:49.999999", "open", "06-02 22:00", id="last-moment"),
        pytest.param("2026-06-02 03:14:50", "past-cutoff", "06-02 22:00", id="guard"),
        pytest.param("2026-06-02 03:59:59.999999", "past-cutoff", "06-02 22:00", id="last"),
        pytest.param("2026-06-02 04:00", "window-closed", "06-02 22:00", id="end"),
    ],
)
def test_a_verdict_turns_exactly_at_the_edges(now: str, verdict: str, following: str) -> None:
    standing = calendar(NIGHT).at(utc(now), guard=GUARD)

    assert standing.verdict == verdict
    assert (standing.opening is not None) == (verdict in {"open", "past-cutoff"})
    assert standing.next is not None
    assert edge(standing.next.start) == following


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    plan = calendar(NIGHT)
    there = datetime.fromisoformat("2026-06-02T08:00:00+09:00")

    assert plan.at(there) == plan.at(there.astimezone(UTC))
    assert plan.at(there).verdict == "open"


def test_an_instant_without_zone_is_refused() -> None:
    plan = calendar(NIGHT)
    plan.at(utc("2026-06-02 08:00"))

    with pytest.raises(TypeError):
        plan.at(datetime(2026, 6, 2, 8))


def test_a_group_that_names_an_unknown_window_is_refused() -> None:
    with pytest.raises(ValueError, match="group 'canary' names window 'nihgt'"):
        Calendar({"night": NIGHT}, [], {"canary": ("nihgt",)})


def test_a_guard_that_leaves_nothing_of_any_opening_opens_never() -> None:
    standing = calendar(NIGHT).at(utc("2026-06-01 23:00"), guard=timedelta(hours=6))

    assert (standing.verdict, standing.next) == ("past-cutoff", None)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        pytest.param("2026-11-26 09:59:59", "no-window", id="more-than-400-days"),
        pytest.param("2026-11-26 10:00", "window-closed", id="400-days"),
        pytest.param("2026-11-26 10:00:01", "window-closed", id="less"),
    ],
)
def test_the_next_opening_is_looked_for_400_days_ahead(now: str, verdict: str) -> None:
    which = window("10:00-11:00", zone="UTC", dates="2027-12-31")
    warm = calendar(which)
    for days in (410, 405, 402, 401, 390):
        warm.at(utc("2027-12-31 10:00") - days * DAY)

    assert calendar(which).at(utc(now)).verdict == verdict
    assert warm.at(utc(now)).verdict == verdict


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param((ALWAYS,), id="always"),
        pytest.param((window("00:00-24:00", zone="Asia/Shanghai"),), id="whole-days"),
        pytest.param((window("10:00 for 25h"),), id="longer-than-days"),
        pytest.param(
            (
                window("20:30-08:30", zone="UTC", name="a"),
                window("08:30-16:00", zone="UTC", name="b"),
                window("13:00 for 8h", zone="UTC", name="c"),
            ),
            id="three-shifts",
        ),
        pytest.param(
            (
                window("00:15-23:30", zone="UTC", name="a"),
                window("22:00-01:00", zone="UTC", name="b", offset=31),
            ),
            id="two-shifts",
        ),
        pytest.param((ALWAYS, NIGHT), id="always-and-more"),
    ],
)
def test_what_never_closes_has_neither_start_nor_end(windows: tuple[Window, ...]) -> None:
    plan = calendar(*windows)
    names = tuple(sorted(part.name for part in windows))

    for hours in (0, 7, 31, 24 * 40, 24 * 700, -24 * 3):
        standing = plan.at(utc("2026-06-01 12:34") + hours * HOUR)
        assert standing.verdict == "open"
        assert standing.next is None
        assert standing.opening is not None
        assert (standing.opening.start, standing.opening.end) == (None, None)
        assert standing.opening.last_release is None
        assert standing.opening.minutes is None
        assert standing.opening.windows == names
    assert len(list(plan.openings(utc("2026-01-01 00:00"), utc("2027-01-01 00:00")))) == 1


def test_a_long_opening_of_given_dates_has_its_true_ends() -> None:
    plan = calendar(window("00:00-24:00", zone="UTC", dates="2026-01-01..2027-06-30"))

    for day in (date(2026, 1, 1), date(2026, 9, 1), date(2027, 6, 30)):
        opening = plan.at(datetime(day.year, day.month, day.day, 12, tzinfo=UTC)).opening
        assert opening is not None
        assert spans([opening]) == ["01-01 00:00 - 07-01 00:00"]
        assert opening.minutes == (365 + 181) * 24 * 60


def test_nothing_lies_between_an_instant_and_itself() -> None:
    now = utc("2026-06-01 23:00")

    assert list(calendar(NIGHT).openings(now, now)) == []
    assert list(calendar(NIGHT).openings(now, now - DAY)) == []


def test_an_opening_that_overlaps_an_edge_is_listed_whole() -> None:
    found = calendar(NIGHT).openings(utc("2026-06-02 03:59:59"), utc("2026-06-02 22:00:01"))

    assert spans(list(found)) == ["06-01 22:00 - 06-02 04:00", "06-02 22:00 - 06-03 04:00"]


def test_edges_that_only_touch_are_not_listed() -> None:
    assert list(calendar(NIGHT).openings(utc("2026-06-02 04:00"), utc("2026-06-02 22:00"))) == []


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (FIRST_INSTANT, "no-window"),
        (FIRST_INSTANT + 7 * DAY, "no-window"),
        (FIRST_INSTANT + 9 * DAY, "open"),
        (LAST_INSTANT - 9 * DAY, "open"),
        (LAST_INSTANT - 7 * DAY, "no-window"),
        (LAST_INSTANT, "no-window"),
    ],
)
def test_nothing_is_open_where_days_cannot_be_counted(now: datetime, verdict: str) -> None:
    assert calendar(ALWAYS, freeze(yearly="02-01..02-02")).at(now).verdict == verdict
    assert calendar(NIGHT).at(now).opening is None or verdict == "open"


def test_openings_of_the_first_and_the_last_year_can_be_listed() -> None:
    plan = calendar(NIGHT, freeze(yearly="06-01..06-30", zone="UTC"))

    assert len(list(plan.openings(FIRST_INSTANT, FIRST_INSTANT + 365 * DAY))) > 300
    assert len(list(plan.openings(LAST_INSTANT - 365 * DAY, LAST_INSTANT))) > 200


def test_threads_that_ask_at_once_get_the_answers_of_one() -> None:
    instants = [utc("2026-06-01 00:00") + number * 37 * MINUTE for number in range(2000)]
    shared, alone = calendar(NIGHT), calendar(NIGHT)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(shared.at, instants * 2))

    assert answers == [alone.at(now) for now in instants] * 2


def test_many_guards_are_answered_and_few_are_kept() -> None:
    plan = calendar(NIGHT)
    last = utc("2026-06-02 03:15")

    for seconds in range(50):
        guard = timedelta(seconds=seconds)
        assert plan.at(last - guard - MINUTE, guard=guard).verdict == "open"
        assert plan.at(last - guard, guard=guard).verdict == "past-cutoff"
        assert len(plan._every.stretches) <= 8


def test_years_of_questions_keep_no_more_than_a_stretch() -> None:
    plan = calendar(NIGHT, freeze(month_days=(1,)))

    for number in range(3000):
        plan.at(utc("2026-06-01 00:00") + number * DAY)

    stretch = next(iter(plan._every.stretches.values()))
    assert stretch.until - stretch.since < timedelta(days=600)
