"""On which days a window opens; the ids are those of docs/development/calendar-cases.md."""

from datetime import timedelta

import pytest

from core.calendar_words import DAY, calendar, edge, spans, utc, window
from offpeakd.core.selectors import GrammarError
from offpeakd.core.windows import Window

MONDAY = utc("2026-06-01 00:00")
NO_GUARD = timedelta()


def opens(*windows: Window, since: str, until: str) -> list[str]:
    return spans(list(calendar(*windows).openings(utc(since), utc(until))))


def verdict(which: Window, now: str) -> str:
    return calendar(which).at(utc(now)).verdict


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-06-01 00:30", "window-closed", id="monday-morning"),
        pytest.param("2026-06-01 21:59:59", "window-closed", id="just-before-monday-night"),
        pytest.param("2026-06-01 22:00", "open", id="monday-night"),
        pytest.param("2026-06-05 00:00", "open", id="thursday-night-after-midnight"),
        pytest.param("2026-06-05 01:59:59", "open", id="just-before-its-end"),
        pytest.param("2026-06-05 02:00", "window-closed", id="its-end"),
        pytest.param("2026-06-05 23:00", "window-closed", id="friday-night"),
    ],
)
def test_b1_a_night_belongs_to_the_day_on_which_it_opens(now: str, expected: str) -> None:
    assert verdict(window("22:00-02:00", zone="UTC", days="mon-thu"), now) == expected


def test_b2_an_end_before_the_start_is_the_next_day() -> None:
    assert opens(
        window("21:00-05:00", zone="UTC", dates="2026-06-01"),
        since="2026-06-01 00:00",
        until="2026-06-03 00:00",
    ) == ["06-01 21:00 - 06-02 05:00"]


@pytest.mark.parametrize("end", ["00:00", "24:00"])
def test_b3_an_end_at_midnight_is_the_midnight_that_follows(end: str) -> None:
    assert opens(
        window(f"18:25-{end}", zone="UTC", dates="2026-06-01"),
        since="2026-06-01 00:00",
        until="2026-06-03 00:00",
    ) == ["06-01 18:25 - 06-02 00:00"]


def test_b4_windows_that_touch_at_midnight_leave_no_hole() -> None:
    plan = calendar(
        window("22:00-24:00", zone="UTC", name="late", cutoff="30m"),
        window("00:00-07:00", zone="UTC", name="early", cutoff="45m"),
    )

    standing = plan.at(utc("2026-06-01 23:59:30"))

    assert standing.verdict == "open"
    assert standing.opening is not None
    assert spans([standing.opening]) == ["06-01 22:00 - 06-02 07:00"]
    assert standing.opening.windows == ("late", "early")
    assert standing.opening.last_release == utc("2026-06-02 06:15")


@pytest.mark.parametrize("times", ["00:00-00:00", "22:00-22:00"])
def test_b5_a_window_that_ends_as_it_starts_is_an_error(times: str) -> None:
    with pytest.raises(GrammarError) as caught:
        window(times)

    start = times[:5]
    assert str(caught.value) == (
        f"empty window: from and to are both {start}. For a whole day write from 00:00 to 24:00"
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param("2026-06-01 00:59:59.999999", "window-closed", id="just-before-the-start"),
        pytest.param("2026-06-01 01:00", "open", id="the-start"),
        pytest.param("2026-06-01 04:59:59.999999", "open", id="just-before-the-end"),
        pytest.param("2026-06-01 05:00", "window-closed", id="the-end"),
    ],
)
def test_b6_the_start_is_included_and_the_end_is_not(now: str, expected: str) -> None:
    assert verdict(window("01:00-05:00", zone="UTC"), now) == expected


def test_b7_a_length_runs_into_the_next_week() -> None:
    assert opens(
        window("23:30 for 90m", zone="UTC", days="sun"),
        since="2026-06-07 00:00",
        until="2026-06-09 00:00",
    ) == ["06-07 23:30 - 06-08 01:00"]


def test_b8_a_night_crosses_the_year() -> None:
    assert opens(
        window("22:00-04:00", zone="UTC", dates="2026-12-31"),
        since="2026-12-31 00:00",
        until="2027-01-02 00:00",
    ) == ["12-31 22:00 - 01-01 04:00"]


@pytest.mark.parametrize(
    ("month_days", "year", "expected"),
    [
        pytest.param((-1,), 2026, "01-31 02-28 03-31 04-30", id="last-day"),
        pytest.param((-1,), 2028, "01-31 02-29 03-31 04-30", id="last-day-of-a-leap-year"),
        pytest.param((29,), 2026, "01-29 03-29 04-29", id="day-29"),
        pytest.param((30, 31), 2026, "01-30 01-31 03-30 03-31 04-30", id="days-30-and-31"),
        pytest.param((-31,), 2026, "01-01 03-01", id="31st-last-day"),
        pytest.param((-30, 1), 2026, "01-01 01-02 02-01 03-01 03-02 04-01", id="1st-and-30th-last"),
    ],
)
def test_b8_days_of_the_month_follow_its_length(
    month_days: tuple[int, ...], year: int, expected: str
) -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", month_days=month_days))

    found = plan.openings(utc(f"{year}-01-01 00:00"), utc(f"{year}-05-01 00:00"))

    assert " ".join(edge(opening.start)[:5] for opening in found) == expected


def at_ten(
    *, days: str = "", month_days: tuple[int, ...] = (), months: str = "", dates: str = ""
) -> Window:
    return window(
        "10:00-11:00", zone="UTC", days=days, month_days=month_days, months=months, dates=dates
    )


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        pytest.param(at_ten(month_days=(31,)), ["2026-02 day 31", "2026-04 day 31"], id="B8-31"),
        pytest.param(at_ten(month_days=(-30,)), ["2026-02 day -30"], id="B8-30th-last"),
        pytest.param(
            at_ten(days="sat#5"), ["2026-02 sat#5", "2026-03 sat#5", "2026-04 sat#5"], id="B12-5th"
        ),
        pytest.param(
            at_ten(days="sat#-5 mon"),
            ["2026-02 sat#-5", "2026-03 sat#-5", "2026-04 sat#-5"],
            id="B12-5th-from-the-end",
        ),
        pytest.param(at_ten(days="sat#4"), [], id="every-month-has-a-fourth"),
        pytest.param(
            at_ten(month_days=(31,), months="mar-apr"), ["2026-04 day 31"], id="months-that-count"
        ),
        pytest.param(
            at_ten(month_days=(31,), dates="2026-01-01..2026-02-05"),
            ["2026-02 day 31"],
            id="dates-that-count",
        ),
        pytest.param(at_ten(month_days=(31,), days="mon"), [], id="weekdays-of-the-month-as-well"),
    ],
)
def test_days_that_a_month_lacks_are_reported(asked: Window, lacking: list[str]) -> None:
    found = calendar(asked).skipped(utc("2026-01-01 00:00"), utc("2026-05-01 00:00"))

    assert [skip.sentence for skip in found] == [
        f"w does not open: {month} has no {name}"
        for month, _, name in (text.partition(" ") for text in lacking)
    ]
    assert {skip.cause for skip in found} <= {"no-such-day"}


@pytest.mark.parametrize(
    "until", ["2026-02-28 09:59:59", "2026-02-28 10:00", "2026-02-28 10:00:01"]
)
def test_an_absence_counts_where_the_opening_would_have_begun(until: str) -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", month_days=(31,)))

    found = plan.skipped(utc("2026-02-01 00:00"), utc(until))

    assert len(found) == (1 if until.endswith("01") else 0)


def test_b9_a_range_of_weekdays_may_run_over_the_weekend() -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", days="sat-mon"))

    found = plan.openings(MONDAY, MONDAY + 7 * DAY)

    assert [f"{opening.start:%a}" for opening in found] == ["Mon", "Sat", "Sun"]


def test_b10_weekdays_are_those_of_the_window_s_own_zone() -> None:
    assert opens(
        window("05:00-06:00", zone="Australia/Melbourne", days="sat"),
        since="2026-06-01 00:00",
        until="2026-06-08 00:00",
    ) == ["06-05 19:00 - 06-05 20:00"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param("sat#2", "08-08 09-12 10-10", id="first-is-a-saturday"),
        pytest.param("sat#1", "08-01 09-05 10-03", id="first"),
        pytest.param("sat#5", "08-29 10-31", id="fifth-where-there-is-one"),
        pytest.param("sat#-1", "08-29 09-26 10-31", id="last"),
        pytest.param("sat#-5", "08-01 10-03", id="fifth-last"),
        pytest.param("sat#2 sat#-1", "08-08 08-29 09-12 09-26 10-10 10-31", id="two-of-them"),
    ],
)
def test_b12_weekdays_are_counted_within_the_month(days: str, expected: str) -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", days=days))

    found = plan.openings(utc("2026-08-01 00:00"), utc("2026-11-01 00:00"))

    assert " ".join(edge(opening.start)[:5] for opening in found) == expected


def test_b13_days_without_a_time_are_an_error() -> None:
    with pytest.raises(GrammarError, match="no time to open"):
        Window("w", "UTC", days=window("10:00-11:00", days="sat").days)


def test_all_selectors_have_to_match() -> None:
    plan = calendar(
        window(
            "10:00-11:00",
            zone="UTC",
            days="fri",
            month_days=(13,),
            months="feb-nov",
            dates="2026-01-01..2026-10-31",
        )
    )

    found = plan.openings(utc("2025-01-01 00:00"), utc("2027-12-31 00:00"))

    assert [edge(opening.start) for opening in found] == ["02-13 10:00", "03-13 10:00"]


def test_an_offset_counts_from_the_chosen_day_over_the_end_of_the_month() -> None:
    plan = calendar(
        window("00:30 for 4h", zone="Asia/Shanghai", days="sat#-1", months="jan-oct", offset=1)
    )

    found = plan.openings(utc("2026-10-01 00:00"), utc("2026-12-31 00:00"))

    assert spans(list(found)) == ["10-31 16:30 - 10-31 20:30"]


def test_dates_that_overlap_open_once_a_day() -> None:
    assert opens(
        window("10:00-11:00", zone="UTC", dates="2026-06-02..2026-06-03 2026-06-01..2026-06-02"),
        since="2026-05-01 00:00",
        until="2026-07-01 00:00",
    ) == ["06-01 10:00 - 06-01 11:00", "06-02 10:00 - 06-02 11:00", "06-03 10:00 - 06-03 11:00"]


@pytest.mark.parametrize(
    ("times", "length"), [("00:00-24:00", 24), ("12:00 for 36h", 36), ("00:00 for 25h", 25)]
)
def test_c7_windows_of_a_day_and_more_join_over_the_weekend(times: str, length: int) -> None:
    plan = calendar(window(times, zone="UTC", days="sat-sun"))

    opening = plan.at(utc("2026-06-07 13:00")).opening

    assert opening is not None
    assert opening.minutes == (24 + length) * 60


def test_an_opening_is_found_from_far_inside_it() -> None:
    plan = calendar(window("00:00 for 31d", zone="UTC", dates="2026-06-01"))

    opening = plan.at(utc("2026-07-01 23:59")).opening

    assert opening is not None
    assert spans([opening]) == ["06-01 00:00 - 07-02 00:00"]
    assert plan.at(utc("2026-07-02 00:00")).verdict == "no-window"
