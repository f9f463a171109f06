"""Openings laid over each other, asked for directly, and how far they are followed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.calendar_words import DAY, HOUR, calendar, spans, utc, window
from offpeakd.core.occurrences import LAST_DAY, Recurrence
from offpeakd.core.runs import runs
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT

TICK = timedelta(microseconds=1)
NIGHT = window("22:00-04:00", zone="UTC", name="night", dates="2026-06-01")
START, END = utc("2026-06-01 22:00"), utc("2026-06-02 04:00")


@pytest.mark.parametrize(
    ("since", "until", "listed"),
    [
        pytest.param(START - DAY, START, False, id="until-it-starts"),
        pytest.param(START - DAY, START + TICK, True, id="until-it-has-started"),
        pytest.param(END - TICK, END + DAY, True, id="from-its-last-instant-on"),
        pytest.param(END, END + DAY, False, id="from-its-end-on"),
    ],
)
def test_a_run_is_listed_that_overlaps_and_not_one_that_touches(
    since: datetime, until: datetime, *, listed: bool
) -> None:
    found = [(run.start, run.end) for run in runs([Recurrence(NIGHT)], [], since, until)]

    assert found == ([(START, END)] if listed else [])


def test_shifts_that_follow_each_other_for_ever_have_no_start_at_the_very_change() -> None:
    plan = calendar(
        window("20:00-22:00", zone="UTC", name="short"),
        window("22:00-20:00", zone="UTC", name="long"),
    )

    opening = next(plan.openings(START, START + HOUR))

    assert (opening.start, opening.end) == (None, None)


def test_whole_days_that_join_late_in_the_evening_far_west_have_no_start() -> None:
    plan = calendar(window("23:30 for 24h", zone="Pacific/Pago_Pago"))

    opening = plan.at(datetime.fromisoformat("2026-06-01T23:40:00-11:00")).opening

    assert opening is not None
    assert (opening.start, opening.end) == (None, None)


def test_what_a_clock_change_does_is_noted_once_however_far_back_the_opening_goes() -> None:
    plan = calendar(window("00:00-24:00", dates="2026-03-01..2026-03-29"))

    opening = plan.at(utc("2026-03-29 12:00")).opening

    assert opening is not None
    assert spans([opening]) == ["02-28 23:00 - 03-29 22:00"]
    assert opening.notes == ("w: 23 h instead of 1 d: clocks go forward",)


@pytest.mark.parametrize("days", range(731, 736))
def test_an_opening_without_a_start_has_no_note_on_one(days: int) -> None:
    plan = calendar(window("00:00-24:00"))

    now = utc("2024-03-30 23:30") + days * DAY
    opening = next(plan.openings(now, now + HOUR))

    assert (opening.start, opening.end, opening.notes) == (None, None, ())


def test_a_run_without_a_start_starts_with_nothing_odd() -> None:
    now = utc("2026-06-01 12:00")
    [run] = runs([Recurrence(window("00:00-24:00"))], [], now, now + HOUR)

    assert (run.start, run.end) == (FIRST_INSTANT, LAST_INSTANT)
    assert run.occurrences[0].note == ""


@pytest.mark.parametrize("back", [0, 1, 2, 3, 4, 7])
def test_the_last_day_that_can_be_counted_is_listed_wherever_one_begins(back: int) -> None:
    first = datetime.combine(date.fromordinal(LAST_DAY - back), datetime.min.time(), UTC)
    plan = calendar(window("10:00-11:00", zone="UTC"))

    assert len(list(plan.openings(first, LAST_INSTANT))) == back + 1
