"""One window on its days, asked for directly."""

from datetime import date, timedelta

import pytest

from core.calendar_words import DAY, HOUR, calendar, utc, window
from offpeakd.core.occurrences import Occurrence, Recurrence, unending
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT
from offpeakd.core.windows import Window

JUNE, SIXTH = date(2026, 6, 1), date(2026, 6, 6)


def test_an_ordinary_day_has_an_opening_without_a_note() -> None:
    night = Recurrence(window("22:00-05:00", name="night", zone="UTC", cutoff="45m"))

    assert night.occurrence(JUNE) == Occurrence(
        utc("2026-06-01 22:00"), "night", utc("2026-06-02 05:00"), timedelta(minutes=45), ""
    )


def test_a_window_of_a_given_length_keeps_its_name_and_its_cutoff() -> None:
    long = Recurrence(window("22:00 for 30h", name="long", zone="UTC", cutoff="45m"))

    assert long.occurrence(JUNE) == Occurrence(
        utc("2026-06-01 22:00"), "long", utc("2026-06-03 04:00"), timedelta(minutes=45), ""
    )


def test_a_window_that_is_always_open_has_nothing_odd_about_it() -> None:
    assert unending(Window("always", "UTC", always=True, cutoff=HOUR)) == Occurrence(
        FIRST_INSTANT, "always", LAST_INSTANT, HOUR, ""
    )


@pytest.mark.parametrize("offset", [0, 1, 31])
def test_days_are_those_on_which_it_opens_with_both_ends_included(offset: int) -> None:
    daily = Recurrence(window("10:00-11:00", zone="UTC", offset=offset))

    assert daily.days(JUNE.toordinal(), SIXTH.toordinal()) == [
        JUNE + number * DAY for number in range(6)
    ]


@pytest.mark.parametrize(
    ("dates", "chosen"),
    [
        pytest.param("2026-05-30", [], id="opens-the-day-before"),
        pytest.param("2026-05-31", [JUNE], id="opens-on-the-first-day"),
        pytest.param("2026-06-05", [SIXTH], id="opens-on-the-last-day"),
        pytest.param("2026-06-06", [], id="opens-the-day-after"),
    ],
)
def test_a_date_with_an_offset_is_looked_for_where_it_opens(dates: str, chosen: list[date]) -> None:
    late = Recurrence(window("10:00-11:00", zone="UTC", dates=dates, offset=1))

    assert late.days(JUNE.toordinal(), SIXTH.toordinal()) == chosen


def at_ten(*, days: str = "", month_days: tuple[int, ...] = (), months: str = "") -> Window:
    return window("10:00-11:00", zone="UTC", days=days, month_days=month_days, months=months)


@pytest.mark.parametrize(
    ("which", "chosen", "left_out"),
    [
        (at_ten(months="jun"), "2026-06-30 10:30", "2026-07-01 10:30"),
        (at_ten(month_days=(30,)), "2026-06-30 10:30", "2026-07-01 10:30"),
        (at_ten(days="mon", months="jun"), "2026-06-29 10:30", "2026-06-30 10:30"),
        (at_ten(days="daily", months="jun"), "2026-06-30 10:30", "2026-07-01 10:30"),
        (at_ten(days="daily", month_days=(30,)), "2026-06-30 10:30", "2026-07-01 10:30"),
        (at_ten(days="sun#1 tue#-1"), "2026-06-30 10:30", "2026-07-01 10:30"),
    ],
    ids=["months", "month-days", "weekday-months", "daily-months", "daily-days", "counted"],
)
def test_every_kind_of_selector_counts_alone_and_with_another(
    which: Window, chosen: str, left_out: str
) -> None:
    assert calendar(which).at(utc(chosen)).verdict == "open"
    assert calendar(which).at(utc(left_out)).verdict == "window-closed"


@pytest.mark.parametrize("times", ["22:00 for 4h", "22:00 for 28h", "22:00-02:00"])
def test_an_opening_of_the_day_before_is_still_open(times: str) -> None:
    plan = calendar(window(times, zone="UTC", dates="2026-06-01"))

    assert plan.at(utc("2026-06-02 01:59:59")).verdict == "open"
    assert plan.at(utc("2026-06-01 21:59:59")).verdict == "window-closed"


def test_an_opening_until_noon_is_found_also_where_the_machine_counts_another_day() -> None:
    plan = calendar(window("22:00-12:00", zone="UTC", dates="2026-06-01"))

    assert plan.at(utc("2026-06-02 11:59:59")).verdict == "open"
    assert plan.at(utc("2026-06-02 12:00")).verdict == "no-window"
