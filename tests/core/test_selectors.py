"""The short texts that choose days, times and zones."""

import subprocess
import sys
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offpeakd.core.selectors import (
    MONTHS,
    WEEKDAYS,
    DateRange,
    DaySelector,
    GrammarError,
    LocalTime,
    YearlyRange,
    parse_dates,
    parse_days,
    parse_local_time,
    parse_moment,
    parse_month_day,
    parse_months,
    parse_offset,
    parse_yearly,
    parse_zone,
)
from offpeakd.core.zone_names import zone_of_name


def weekdays(*numbers: int) -> DaySelector:
    return DaySelector(frozenset(numbers))


def end_time(text: str) -> LocalTime:
    return parse_local_time(text, end=True)


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (parse_days, "mon", weekdays(0)),
        (parse_days, "Sun", weekdays(6)),
        (parse_days, "mon-thu", weekdays(0, 1, 2, 3)),
        (parse_days, "sat-mon", weekdays(5, 6, 0)),
        (parse_days, "daily", weekdays(*range(7))),
        (parse_days, "sat#2", DaySelector(frozenset({5}), 2)),
        (parse_days, "fri#-1", DaySelector(frozenset({4}), -1)),
        (parse_days, "fri#05", DaySelector(frozenset({4}), 5)),
        (parse_months, "jan", frozenset({1})),
        (parse_months, "jan-oct", frozenset(range(1, 11))),
        (parse_months, "nov-feb", frozenset({11, 12, 1, 2})),
        (parse_dates, "2026-12-28", DateRange(date(2026, 12, 28), date(2026, 12, 28))),
        (parse_dates, "2026-12-28..2027-01-02", DateRange(date(2026, 12, 28), date(2027, 1, 2))),
        (parse_yearly, "11-01..11-12", YearlyRange((11, 1), (11, 12))),
        (parse_yearly, "12-20..01-05", YearlyRange((12, 20), (1, 5))),
        (parse_yearly, "02-29", YearlyRange((2, 29), (2, 29))),
        (parse_local_time, "00:00", LocalTime(0)),
        (parse_local_time, "22:30", LocalTime(1350)),
        (parse_local_time, "23:59", LocalTime(1439)),
        (end_time, "24:00", LocalTime(1440)),
        (parse_moment, "2026-12-20", date(2026, 12, 20)),
        (parse_moment, "2026-11-27T08:00", datetime(2026, 11, 27, 8)),
        (parse_moment, "2026-11-27 08:00:30", datetime(2026, 11, 27, 8, 0, 30)),
        (parse_moment, "2026-11-27T08:00Z", datetime(2026, 11, 27, 8, tzinfo=UTC)),
        (
            parse_moment,
            "2026-10-01T00:00:00+08:00",
            datetime(2026, 10, 1, tzinfo=timezone(timedelta(hours=8))),
        ),
        (parse_offset, "0d", 0),
        (parse_offset, "31d", 31),
        (parse_zone, "UTC", "UTC"),
        (parse_zone, "Europe/Amsterdam", "Europe/Amsterdam"),
        (parse_zone, "America/Argentina/Salta", "America/Argentina/Salta"),
        (parse_zone, "America/Port-au-Prince", "America/Port-au-Prince"),
    ],
)
def test_what_is_well_written_is_read(
    parse: Callable[[str], object], text: str, expected: object
) -> None:
    assert parse(text) == expected


NAME_A_WEEKDAY = "Write a name such as mon: systems number them differently"
COUNT_IT = "Count from 1 to 5, or from the end with -1 to -5, such as sat#2 or fri#-1"
QUOTE_IT = 'Write the time in quotes as "22:30"'
NAME_A_ZONE = "Write an IANA name such as Europe/Berlin, Asia/Shanghai or UTC"


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        pytest.param(parse_days, "1", f"weekday by number: '1'. {NAME_A_WEEKDAY}", id="B11"),
        pytest.param(
            parse_days, "1-5", f"weekday by number: '1'. {NAME_A_WEEKDAY}", id="B11-range"
        ),
        (parse_days, "monday", "unknown weekday 'monday'. Did you mean mon?"),
        (parse_days, "tusday", "unknown weekday 'tusday'. Did you mean tue?"),
        (parse_days, "mon-frid", "unknown weekday 'frid'. Did you mean fri?"),
        (
            parse_days,
            "weekend",
            "unknown weekday 'weekend'. Did you mean wed?",
        ),
        (
            parse_days,
            "xyzzy",
            "unknown weekday 'xyzzy'. Write one of mon, tue, wed, thu, fri, sat, sun",
        ),
        (
            parse_days,
            "mon,tue",
            "expected one weekday or a range, got 'mon,tue'. Write a list: [mon, wed]",
        ),
        (
            parse_days,
            "mon-mon",
            "'mon-mon' starts and ends with the same weekday. Write mon for that one; daily for all",
        ),
        (parse_days, "sat#0", f"no month has the weekday 'sat#0'. {COUNT_IT}"),
        (parse_days, "sat#6", f"no month has the weekday 'sat#6'. {COUNT_IT}"),
        (parse_days, "sat#-6", f"no month has the weekday 'sat#-6'. {COUNT_IT}"),
        (parse_days, "sat#", f"no month has the weekday 'sat#'. {COUNT_IT}"),
        (parse_days, "sat#2#1", f"no month has the weekday 'sat#2#1'. {COUNT_IT}"),
        (parse_days, "tusday#2", "unknown weekday 'tusday'. Did you mean tue?"),
        (parse_days, "sat#two", f"no month has the weekday 'sat#two'. {COUNT_IT}"),
        (
            parse_months,
            "10",
            ("month by number: '10'. Write a name such as jan: systems number them differently"),
        ),
        (parse_months, "sept", "unknown month 'sept'. Did you mean sep?"),
        (
            parse_months,
            "may-may",
            ("'may-may' starts and ends with the same month. Write may for that one"),
        ),
        (
            parse_dates,
            "28.12.2026",
            "expected a date, got '28.12.2026'. Write 2026-12-28 or 2026-12-28..2026-12-30",
        ),
        (
            parse_dates,
            "2026-12-28..soon",
            ("expected a date, got '2026-12-28..soon'. Write 2026-12-28 or 2026-12-28..2026-12-30"),
        ),
        (
            parse_yearly,
            "11-01..soon",
            (
                "expected days of the year, got '11-01..soon'. "
                "Write month and day as 11-01..11-12, or one day as 12-24"
            ),
        ),
        (
            parse_dates,
            "2026-02-30",
            "2026-02-30 does not exist: day is out of range for month. Write a real date",
        ),
        (
            parse_dates,
            "2026-12-30..2026-12-28",
            "'2026-12-30..2026-12-28' ends before it starts. Write 2026-12-28..2026-12-30",
        ),
        (
            parse_yearly,
            "1.11.-12.11.",
            (
                "expected days of the year, got '1.11.-12.11.'. "
                "Write month and day as 11-01..11-12, or one day as 12-24"
            ),
        ),
        (
            parse_yearly,
            "02-30",
            "02-30 is no day of any year: day is out of range for month. Write MM-DD",
        ),
        (parse_local_time, "2am", "expected HH:MM, got '2am'. Write \"02:00\""),
        (parse_local_time, "12am", "expected HH:MM, got '12am'. Write \"00:00\""),
        (parse_local_time, "2:30 p.m.", "expected HH:MM, got '2:30 p.m.'. Write \"14:30\""),
        (parse_local_time, "21H15", "expected HH:MM, got '21H15'. Write \"21:15\""),
        (parse_local_time, "9 PM", "expected HH:MM, got '9 PM'. Write \"21:00\""),
        (parse_local_time, "23.59", "expected HH:MM, got '23.59'. Write \"23:59\""),
        (parse_local_time, "24.00", f"expected HH:MM, got '24.00'. {QUOTE_IT}"),
        (parse_local_time, "9.60", f"expected HH:MM, got '9.60'. {QUOTE_IT}"),
        (parse_local_time, "9:30", "expected HH:MM, got '9:30'. Write \"09:30\""),
        (parse_local_time, "22:30:00", "expected HH:MM, got '22:30:00'. Write \"22:30\""),
        (
            parse_local_time,
            "1350",
            "expected HH:MM, got '1350'. Write \"13:50\"",
        ),
        (
            parse_local_time,
            "99",
            "expected HH:MM, got '99'. Write the time in quotes as \"22:30\"",
        ),
        (
            parse_local_time,
            "late",
            "expected HH:MM, got 'late'. Write the time in quotes as \"22:30\"",
        ),
        pytest.param(
            parse_local_time,
            "24:30",
            "hour 24 only as 24:00. Write 24:00 for the end of the day",
            id="E3-24:30",
        ),
        pytest.param(
            parse_local_time,
            "25:00",
            "no day has a time 25:00. Write 00:00 to 23:59, or 24:00 as an end",
            id="E3-25:00",
        ),
        (
            parse_local_time,
            "22:60",
            ("no day has a time 22:60. Write 00:00 to 23:59, or 24:00 as an end"),
        ),
        (
            parse_local_time,
            "24:00",
            "24:00 can only end a window. Write 00:00 and the day after",
        ),
        (
            parse_moment,
            "tomorrow",
            (
                "expected a date or a date with a time, got 'tomorrow'. "
                "Write 2026-12-20, 2026-12-20T08:00 or 2026-12-20T08:00+01:00"
            ),
        ),
        (
            parse_moment,
            "2026-12-20T25:00",
            "'2026-12-20T25:00' does not exist: hour must be in 0..23. Write a real date and time",
        ),
        (parse_offset, "12h", "expected whole days, got '12h'. Write 0d to 31d, such as 1d"),
        (parse_offset, "32d", "expected whole days, got '32d'. Write 0d to 31d, such as 1d"),
        (parse_offset, "-1d", "expected whole days, got '-1d'. Write 0d to 31d, such as 1d"),
        (
            parse_zone,
            "EST",
            "'EST' is not the name of a time zone region. Did you mean America/New_York? (IANA name)",
        ),
        (
            parse_zone,
            "CET",
            "'CET' is not the name of a time zone region. Did you mean Europe/Berlin? (IANA name)",
        ),
        (
            parse_zone,
            "IST",
            (
                "'IST' is not the name of a time zone region. "
                "Did you mean Asia/Kolkata, Europe/Dublin or Asia/Jerusalem? (IANA name)"
            ),
        ),
        (
            parse_zone,
            "GMT+8",
            (
                "'GMT+8' is a fixed offset, not a time zone region. "
                "Did you mean Asia/Shanghai? (IANA name)"
            ),
        ),
        (
            parse_zone,
            "Etc/GMT+8",
            (
                "'Etc/GMT+8' is UTC-8: the sign of Etc names is reversed. "
                "Did you mean Asia/Shanghai or America/Los_Angeles? (IANA name)"
            ),
        ),
        (
            parse_zone,
            "Etc/GMT-8",
            (
                "'Etc/GMT-8' is UTC+8: the sign of Etc names is reversed. "
                "Did you mean America/Los_Angeles or Asia/Shanghai? (IANA name)"
            ),
        ),
        (
            parse_zone,
            "UTC+13:45",
            "'UTC+13:45' is a fixed offset, not a time zone region. " + NAME_A_ZONE,
        ),
        (parse_zone, "CET+1", "unknown time zone 'CET+1'. Did you mean Europe/Berlin? (IANA name)"),
        (parse_zone, "XYZ-3", f"unknown time zone 'XYZ-3'. {NAME_A_ZONE}"),
        (parse_zone, "Etc/UTC", "unknown time zone 'Etc/UTC'. Did you mean UTC? (IANA name)"),
        (
            parse_zone,
            "utc",
            "'utc' is not the name of a time zone region. Did you mean UTC? (IANA name)",
        ),
        (
            parse_zone,
            "europe/berlin",
            "unknown time zone 'europe/berlin'. Did you mean Europe/Berlin? (IANA name)",
        ),
        (
            parse_zone,
            "Berlin",
            "unknown time zone 'Berlin'. Did you mean Europe/Berlin? (IANA name)",
        ),
        (
            parse_zone,
            "New York",
            "unknown time zone 'New York'. Did you mean America/New_York? (IANA name)",
        ),
        (
            parse_zone,
            "Europe/Amstredam",
            "unknown time zone 'Europe/Amstredam'. Did you mean Europe/Amsterdam? (IANA name)",
        ),
        (
            parse_zone,
            "right/Europe/Berlin",
            "unknown time zone 'right/Europe/Berlin'. Did you mean Europe/Berlin? (IANA name)",
        ),
        (parse_zone, "NO", f"unknown time zone 'NO'. {NAME_A_ZONE}"),
        (parse_zone, "../etc/passwd", f"unknown time zone '../etc/passwd'. {NAME_A_ZONE}"),
        (parse_zone, "", f"unknown time zone ''. {NAME_A_ZONE}"),
        (parse_zone, "a\nb", f"unknown time zone 'a\\nb'. {NAME_A_ZONE}"),
    ],
)
def test_anything_else_is_refused_with_a_way_out(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(text)

    assert str(caught.value) == message


def test_a_folder_of_the_database_is_no_zone() -> None:
    with pytest.raises(GrammarError, match="unknown time zone 'America/Argentina'"):
        parse_zone("America/Argentina")


@pytest.mark.parametrize(
    ("text", "year_and_month", "days"),
    [
        ("sat", (2026, 11), [7, 14, 21, 28]),
        ("sat-mon", (2026, 11), [1, 2, 7, 8, 9, 14, 15, 16, 21, 22, 23, 28, 29, 30]),
        ("sat#1", (2026, 11), [7]),
        ("sun#1", (2026, 11), [1]),
        ("sun#2", (2026, 11), [8]),
        ("sat#2", (2026, 11), [14]),
        ("sat#4", (2026, 11), [28]),
        ("sat#5", (2026, 11), []),
        ("sun#5", (2026, 11), [29]),
        ("mon#5", (2026, 11), [30]),
        ("mon#-1", (2026, 11), [30]),
        ("tue#-1", (2026, 11), [24]),
        ("tue#-4", (2026, 11), [3]),
        ("tue#-5", (2026, 11), []),
        ("sun#-5", (2026, 11), [1]),
        ("tue#5", (2028, 2), [29]),
        ("tue#-1", (2028, 2), [29]),
        ("mon#-1", (2027, 2), [22]),
    ],
)
def test_a_counted_weekday_is_counted_from_either_end_of_its_month(
    text: str, year_and_month: tuple[int, int], days: list[int]
) -> None:
    year, month = year_and_month
    last = monthrange(year, month)[1]
    selector = parse_days(text)

    found = [day for day in range(1, last + 1) if selector.matches(date(year, month, day))]

    assert found == days


@pytest.mark.parametrize("number", [1, 31, -1, -31])
def test_days_of_the_month_count_from_both_ends(number: int) -> None:
    assert parse_month_day(number) == number


@pytest.mark.parametrize("number", [0, 32, -32, True])
def test_no_other_number_is_a_day_of_the_month(number: int) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_month_day(number)

    assert str(caught.value) == (
        f"no month has a day {number}. Write 1 to 31, or -1 to -31 counted from the end"
    )


@pytest.mark.parametrize(("names", "parse"), [(WEEKDAYS, parse_days), (MONTHS, parse_months)])
def test_every_name_reads_as_itself_and_as_nothing_else(
    names: tuple[str, ...], parse: Callable[[str], object]
) -> None:
    assert len({repr(parse(name)) for name in names}) == len(names)


@given(st.integers(0, 1440))
def test_a_time_that_is_written_reads_the_same(minutes: int) -> None:
    time = LocalTime(minutes)

    assert parse_local_time(time.text, end=True) == time


@given(st.text(max_size=20), st.sampled_from([parse_days, parse_months, parse_dates, parse_yearly,
                                              parse_local_time, parse_moment, parse_offset,
                                              parse_zone]))  # fmt: skip
def test_no_text_fails_in_another_way(text: str, parse: Callable[[str], object]) -> None:
    with suppress(GrammarError):
        parse(text)


WITHOUT_DATABASE = """
import sys, zoneinfo
sys.modules["tzdata"] = None
zoneinfo.reset_tzpath(to=[])
from offpeakd.core.selectors import GrammarError, parse_zone
from offpeakd.core.zone_names import zone_of_name
print(parse_zone("UTC"), zone_of_name("UTC"))
try:
    parse_zone("Europe/Berlin")
except GrammarError as error:
    print(error)
"""


def test_a_machine_without_time_zones_is_told_so_and_utc_works_on_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_DATABASE], capture_output=True, text=True, check=True
    )

    assert ran.stdout.splitlines() == [
        "UTC UTC",
        (
            "no time zone database on this machine, so 'Europe/Berlin' can't be looked up. "
            "Install the Python package tzdata, or the operating system's"
        ),
    ]


def test_a_zone_by_name_has_its_rules() -> None:
    summer = datetime(2026, 7, 1, tzinfo=zone_of_name("Europe/Berlin"))

    assert summer.utcoffset() == timedelta(hours=2)


def test_a_zone_that_is_none_has_no_rules() -> None:
    with pytest.raises(GrammarError):
        zone_of_name("Mars/Olympus")
