"""From a wall clock to UTC."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar_words import HOUR, MINUTE, PlainClock, utc
from offpeakd.core.wallclock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    later,
    readings,
    wall_time,
    within_reach,
)

BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = PlainClock(BERLIN, date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("zone", "local", "first", "last"),
    [
        pytest.param("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59", "", id="before-gap"),
        pytest.param("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00", "", id="gap-starts"),
        pytest.param("Europe/Berlin", "2026-03-29 02:59:59", "2026-03-29 01:00", "", id="gap-ends"),
        pytest.param("Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00", "", id="after-gap"),
        pytest.param("Europe/Berlin", "2026-10-25 01:59", "2026-10-24 23:59", "", id="before-fold"),
        pytest.param("Europe/Berlin", "2026-10-25 02:00", "2026-10-25 00:00", "2026-10-25 01:00",
                     id="fold-starts"),
        pytest.param("Europe/Berlin", "2026-10-25 02:59", "2026-10-25 00:59", "2026-10-25 01:59",
                     id="fold-ends"),
        pytest.param("Europe/Berlin", "2026-10-25 03:00", "2026-10-25 02:00", "", id="after-fold"),
        pytest.param("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30", "",
                     id="half-an-hour"),
        pytest.param("Europe/Dublin", "2026-03-29 01:30", "2026-03-29 01:00", "",
                     id="negative-summer-time"),
        pytest.param("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00", "", id="a-lost-day"),
        pytest.param("Africa/Monrovia", "1972-01-07 00:20", "1972-01-07 00:44:30", "",
                     id="seconds"),
        pytest.param("Europe/Berlin", "2026-03-29 02:00:00.500000", "2026-03-29 01:00", "",
                     id="a-fraction-after-the-gap-starts"),
        pytest.param("Europe/Berlin", "2026-03-29 02:30:00.000001", "2026-03-29 01:00", "",
                     id="a-fraction-in-the-gap"),
    ],
)  # fmt: skip
def test_a_time_has_a_first_and_a_last_reading(
    zone: str, local: str, first: str, last: str
) -> None:
    found = readings(datetime.fromisoformat(local), ZoneInfo(zone))

    assert found == (utc(first), utc(last or first))


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_comes_twice_has_both_readings_whichever_is_meant(fold: int) -> None:
    local = datetime(2026, 10, 25, 2, 30, fold=fold)

    assert readings(local, BERLIN) == (utc("2026-10-25 00:30"), utc("2026-10-25 01:30"))


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.integers(0, 1))
def test_readings_are_what_a_clock_shows_that_runs_forward(local: datetime, fold: int) -> None:
    shown = CLOCK.shows(local) or [CLOCK.jump_over(local)]

    assert readings(local.replace(fold=fold), BERLIN) == (shown[0], shown[-1])


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0, "06-01 00:00"), (1439, "06-01 23:59"), (1440, "06-02 00:00"), (2879, "06-02 23:59")],
)
def test_a_wall_time_past_midnight_is_on_the_next_day(minutes: int, expected: str) -> None:
    time = wall_time(minutes)

    assert time.readings(date(2026, 6, 1), UTC)[0] == utc(f"2026-{expected}")
    assert time.shown(date(2026, 6, 1)) == datetime.fromisoformat(f"2026-{expected}")


def test_instants_stay_within_the_calendar() -> None:
    assert later(utc("2026-06-01 00:00"), HOUR) == utc("2026-06-01 01:00")
    assert later(FIRST_INSTANT, -MINUTE) == FIRST_INSTANT
    assert later(LAST_INSTANT, MINUTE) == LAST_INSTANT
    assert within_reach(FIRST_INSTANT) - FIRST_INSTANT == timedelta(days=8)
    assert LAST_INSTANT - within_reach(LAST_INSTANT) == timedelta(days=8)
    assert within_reach(utc("2026-06-01 00:00")) == utc("2026-06-01 00:00")
