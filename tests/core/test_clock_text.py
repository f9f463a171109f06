"""Instants and distances for people and for scripts."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.calendar_words import utc
from offpeakd.core.clock_text import both_clocks, distance, length_text, rfc3339

NOW = utc("2026-11-24 15:48")


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        ("2026-11-24 22:00", "Europe/Berlin", "Tue 23:00 CET (22:00Z), in 6 h 12 m"),
        ("2026-11-24 23:30", "Europe/Berlin", "Wed 00:30 CET (Tue 23:30Z), in 7 h 42 m"),
        ("2026-11-30 15:48", "UTC", "Mon 15:48 UTC (15:48Z), in 6 d"),
        ("2026-11-30 15:48:01", "UTC", "Mon 2026-11-30 15:48 UTC (15:48Z), in 6 d"),
        ("2026-12-31 16:00", "Asia/Shanghai", "Fri 2027-01-01 00:00 CST (Thu 16:00Z), in 37 d"),
        ("2026-11-24 15:43", "Europe/Berlin", "Tue 2026-11-24 16:43 CET (15:43Z), 5 m ago"),
        ("2026-11-24 15:48", "Europe/Berlin", "Tue 16:48 CET (15:48Z), now"),
        ("2026-11-24 15:48:20", "Europe/Berlin", "Tue 16:48 CET (15:48Z), in 20 s"),
        ("2026-11-25 02:00", "America/Sao_Paulo", "Tue 23:00 UTC-03 (Wed 02:00Z), in 10 h 12 m"),
    ],
)
def test_people_read_both_clocks_and_the_distance(instant: str, zone: str, expected: str) -> None:
    assert both_clocks(utc(instant), zone, NOW) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 m"),
        (timedelta(minutes=59, seconds=59), "59 m"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=6, minutes=12, seconds=30), "6 h 12 m"),
        (timedelta(hours=23, minutes=59), "23 h 59 m"),
        (timedelta(days=1, minutes=5), "1 d"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(hours=-2), "2 h"),
    ],
)
def test_a_distance_has_its_two_largest_units(span: timedelta, expected: str) -> None:
    assert distance(span) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(), "0 s"),
        (timedelta(hours=3), "3 h"),
        (timedelta(minutes=90), "1 h 30 m"),
        (timedelta(days=1, hours=1, seconds=1), "1 d 1 h 1 s"),
    ],
)
def test_a_length_is_written_in_full(span: timedelta, expected: str) -> None:
    assert length_text(span) == expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (utc("2026-11-24 22:00"), "2026-11-24T22:00:00Z"),
        (utc("2026-11-24 22:00:00.000500"), "2026-11-24T22:00:00.000500Z"),
        (datetime(2026, 11, 24, 23, tzinfo=ZoneInfo("Europe/Berlin")), "2026-11-24T22:00:00Z"),
    ],
)
def test_scripts_read_utc(instant: datetime, expected: str) -> None:
    assert rfc3339(instant) == expected


def test_an_instant_without_zone_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="an instant needs a zone"):
        rfc3339(datetime(2026, 11, 24))
