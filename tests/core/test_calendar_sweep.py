"""One window on every day of a year in every zone of the database."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from core.calendar_words import PlainClock
from offpeakd.core.occurrences import Recurrence
from offpeakd.core.selectors import GrammarError, LocalTime, parse_zone
from offpeakd.core.windows import Window

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
NOMINAL = timedelta(hours=3)


def accepted(name: str) -> bool:
    try:
        return parse_zone(name) == name
    except GrammarError:
        return False


def lengths(zone: str) -> Iterator[tuple[date, timedelta]]:
    window = Window("w", zone, start=LocalTime(90), end=LocalTime(270))
    recurrence = Recurrence(window)
    for day in recurrence.days(FIRST.toordinal(), LAST.toordinal()):
        found = recurrence.occurrence(day)
        yield day, found.end - found.start if found is not None else timedelta()


def expected(clock: PlainClock, day: date) -> timedelta:
    """From 01:30 to 04:30, as a clock shows it that is only ever read forward."""
    start, end = datetime.combine(day, time(1, 30)), datetime.combine(day, time(4, 30))
    starts = clock.shows(start) or [clock.jump_over(start)]
    ends = clock.shows(end) or [clock.jump_over(end)]
    both = len(starts) == len(ends) == 2
    return ends[0] - (starts[0] if both else starts[-1])


@pytest.fixture(scope="module")
def zones() -> list[str]:
    return sorted(name for name in available_timezones() if accepted(name))


def test_every_night_of_a_year_in_every_zone_has_its_true_length(zones: list[str]) -> None:
    odd: Counter[timedelta] = Counter()
    longer_from_the_first_reading = 0
    for zone in zones:
        clock = PlainClock(ZoneInfo(zone) if zone != "UTC" else ZoneInfo("Etc/UTC"), FIRST, LAST)
        changes = {start.date() for start, _, _ in clock.stretches[1:]}
        near = {day + timedelta(days=shift) for day in changes for shift in (-1, 0, 1)}
        for day, length in lengths(zone):
            if day not in near:
                assert length == NOMINAL, (zone, day)
                continue
            assert length == expected(clock, day), (zone, day)
            odd[length] += length != NOMINAL
            starts = clock.shows(datetime.combine(day, time(1, 30)))
            longer_from_the_first_reading += len(starts) > 1

    assert len(zones) > 400
    assert sum(odd.values()) > 200
    # An ambiguous 01:30 opens at its later reading, so that no night of that kind is longer than
    # it says. A rule that took the earlier one would count as many long nights more.
    assert longer_from_the_first_reading > 50
    assert {hours(length) for length in +odd} <= {1.5, 2.0, 2.5, 3.5, 4.0, 5.0}


def hours(length: timedelta) -> float:
    return length / timedelta(hours=1)
