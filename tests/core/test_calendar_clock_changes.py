"""Nights on which the clocks change; the ids are those of docs/development/calendar-cases.md."""

from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

import pytest

from core.calendar_words import DAY, HOUR, MINUTE, calendar, edge, freeze, spans, utc, window
from offpeakd.core.zone_names import forget_zones

NO_GUARD = timedelta()


@pytest.mark.parametrize(
    ("zone", "days", "times", "night", "expected"),
    [
        pytest.param("Europe/Berlin", "sun", "01:00-05:00", "2026-03-29",
                     ["03-29 00:00 - 03-29 03:00"], id="A1"),
        pytest.param("Europe/Berlin", "sun", "02:00-03:00", "2026-03-29", [], id="A2"),
        pytest.param("Europe/Berlin", "sun", "02:30-04:30", "2026-03-29",
                     ["03-29 01:00 - 03-29 02:30"], id="A3"),
        pytest.param("Europe/Berlin", "sun", "00:30-02:30", "2026-03-29",
                     ["03-28 23:30 - 03-29 01:00"], id="A4"),
        pytest.param("Europe/Berlin", "sun", "01:00-05:00", "2026-10-25",
                     ["10-24 23:00 - 10-25 04:00"], id="A5"),
        pytest.param("Europe/Berlin", "sun", "02:15-02:45", "2026-10-25",
                     ["10-25 00:15 - 10-25 00:45"], id="A6"),
        pytest.param("Europe/Berlin", "sun", "01:00-02:30", "2026-10-25",
                     ["10-24 23:00 - 10-25 00:30"], id="A7"),
        pytest.param("Europe/Berlin", "sun", "02:30-04:00", "2026-10-25",
                     ["10-25 01:30 - 10-25 03:00"], id="A8"),
        pytest.param("America/New_York", "sun", "01:30-02:30", "2026-03-08",
                     ["03-08 06:30 - 03-08 07:00"], id="A9"),
        pytest.param("America/New_York", "sun", "01:30-02:30", "2026-11-01",
                     ["11-01 06:30 - 11-01 07:30"], id="A10"),
        pytest.param("America/Santiago", "sun", "00:00-04:00", "2026-09-06",
                     ["09-06 04:00 - 09-06 07:00"], id="A11"),
        pytest.param("America/Santiago", "sat", "22:00-02:00", "2026-09-05",
                     ["09-06 02:00 - 09-06 05:00"], id="A12"),
        pytest.param("Africa/Cairo", "fri", "00:00-01:00", "2026-04-24", [], id="A13"),
        pytest.param("Africa/Cairo", "thu", "23:30-00:30", "2026-10-29",
                     ["10-29 21:30 - 10-29 22:30"], id="A14"),
        pytest.param("Europe/Dublin", "sun", "01:00-03:00", "2026-03-29",
                     ["03-29 01:00 - 03-29 02:00"], id="A15"),
        pytest.param("Australia/Lord_Howe", "sun", "02:00-04:00", "2026-10-04",
                     ["10-03 15:30 - 10-03 17:00"], id="A16"),
        pytest.param("Europe/Berlin", "sat", "22:00-06:00", "2026-03-28",
                     ["03-28 21:00 - 03-29 04:00"], id="A17"),
        pytest.param("Europe/Berlin", "sat", "22:00-06:00", "2026-10-24",
                     ["10-24 20:00 - 10-25 05:00"], id="A18"),
        pytest.param("Europe/Berlin", "sun", "02:30 for 2h", "2026-03-29",
                     ["03-29 01:00 - 03-29 03:00"], id="for-from-a-gap"),
        pytest.param("Europe/Berlin", "sun", "02:30 for 2h", "2026-10-25",
                     ["10-25 01:30 - 10-25 03:30"], id="for-from-the-repeated-hour"),
        pytest.param("Pacific/Apia", "daily", "22:00-04:00", "2011-12-30",
                     ["12-30 08:00 - 12-30 14:00"], id="a-date-that-was-skipped"),
    ],
)  # fmt: skip
def test_such_a_night_opens_once_with_its_true_ends(
    zone: str, days: str, times: str, night: str, expected: list[str]
) -> None:
    noon = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=ZoneInfo(zone))
    found = calendar(window(times, zone=zone, days=days)).openings(
        noon - 13 * HOUR, noon + 13 * HOUR
    )

    assert spans(list(found)) == expected


@pytest.mark.parametrize(
    ("zone", "day", "times"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", "02:00-03:00", id="A2"),
        pytest.param("Africa/Cairo", "2026-04-24", "00:00-01:00", id="A13"),
    ],
)
def test_a_night_that_vanishes_is_reported(zone: str, day: str, times: str) -> None:
    noon = utc(f"{day} 12:00")

    found = calendar(window(times, zone=zone)).skipped(noon - DAY, noon)

    assert [(str(skip.day), skip.cause, skip.sentence) for skip in found] == [
        (day, "clocks", f"w does not open on {day}: the clocks of {zone} skip all of it")
    ]


@pytest.mark.parametrize(
    ("zone", "times", "night", "notes"),
    [
        pytest.param("Europe/Berlin", "01:00-05:00", "2026-03-29",
                     ("3 h instead of 4 h: clocks go forward",), id="A1"),
        pytest.param("Europe/Berlin", "01:00-05:00", "2026-10-25",
                     ("5 h instead of 4 h: clocks go back",), id="A5"),
        pytest.param("Europe/Berlin", "02:30-04:00", "2026-10-25", (), id="A8"),
        pytest.param("Europe/Berlin", "02:30 for 2h", "2026-03-29",
                     ("opens at 03:00 instead of 02:30: clocks go forward",), id="for"),
        pytest.param("Europe/Berlin", "02:30 for 2h", "2026-10-25", (), id="for-twice"),
        pytest.param("Europe/Berlin", "01:00-05:00", "2026-05-03", (), id="ordinary"),
    ],
)  # fmt: skip
def test_an_unusual_length_or_start_is_noted(
    zone: str, times: str, night: str, notes: tuple[str, ...]
) -> None:
    morning = utc(f"{night} 06:00")

    opening = next(calendar(window(times, zone=zone)).openings(morning - 8 * HOUR, morning))

    assert opening.notes == notes


def test_the_note_of_one_window_in_a_longer_opening_names_it() -> None:
    plan = calendar(window("01:00-05:00", name="early"), window("05:00-08:00", name="late"))

    opening = next(plan.openings(utc("2026-03-29 00:00"), utc("2026-03-29 01:00")))

    assert opening.notes == ("early: 3 h instead of 4 h: clocks go forward",)


@pytest.mark.parametrize(
    ("night", "last"),
    [
        pytest.param("2026-03-28", "2026-03-29 03:00", id="A17"),
        pytest.param("2026-10-24", "2026-10-25 04:00", id="A18"),
    ],
)
def test_the_cutoff_counts_back_in_elapsed_time(night: str, last: str) -> None:
    plan = calendar(window("22:00-06:00", days="sat", cutoff="60m"))
    evening = utc(f"{night} 12:00")

    opening = next(plan.openings(evening, evening + DAY))

    assert opening.last_release == utc(last)
    assert opening.admits(utc(last) - timedelta(seconds=1), NO_GUARD)
    assert not opening.admits(utc(last), NO_GUARD)


def test_a19_a_freeze_takes_the_widest_reading_of_ambiguous_times() -> None:
    plan = calendar(window("00:00-06:00", days="sun"), freeze("2026-10-25T02:15..2026-10-25T02:45"))

    found = plan.openings(utc("2026-10-24 12:00"), utc("2026-10-25 12:00"))

    assert spans(list(found)) == ["10-24 22:00 - 10-25 00:15", "10-25 01:45 - 10-25 05:00"]


def test_a_freeze_in_the_hour_that_is_skipped_cuts_nothing() -> None:
    plan = calendar(window("00:00-06:00", days="sun"), freeze("2026-03-29T02:15..2026-03-29T02:45"))

    found = plan.openings(utc("2026-03-28 12:00"), utc("2026-03-29 12:00"))

    assert spans(list(found)) == ["03-28 23:00 - 03-29 04:00"]


@pytest.mark.parametrize("minutes", range(0, 121, 15))
def test_a20_the_next_opening_lies_strictly_ahead_also_in_the_repeated_hour(minutes: int) -> None:
    now = utc("2026-10-25 00:00") + minutes * MINUTE

    coming = calendar(window("02:15-02:45")).at(now).next

    assert coming is not None
    assert coming.start is not None
    assert coming.start > now
    assert edge(coming.start) == ("10-25 00:15" if minutes < 15 else "10-26 01:15")


def test_a21_a_day_of_23_hours_does_not_swallow_the_next_night() -> None:
    plan = calendar(window("00:00-01:00", zone="US/Pacific"))

    coming = plan.at(datetime(2022, 3, 13, 12, tzinfo=ZoneInfo("America/Los_Angeles"))).next

    assert coming is not None
    assert edge(coming.start) == "03-14 07:00"


def test_a22_the_wall_clock_time_stays_after_summer_time() -> None:
    plan = calendar(window("20:00-21:00", zone="Europe/Paris"))

    found = plan.openings(utc("2022-10-29 00:00"), utc("2022-11-02 00:00"))

    assert [edge(opening.start) for opening in found] == [
        *("10-29 18:00", "10-30 19:00", "10-31 19:00", "11-01 19:00"),
    ]


def test_a23_a_weekly_window_keeps_its_wall_clock_time_all_year() -> None:
    zone = ZoneInfo("America/Chicago")
    plan = calendar(window("22:00-23:00", zone="America/Chicago", days="tue"))

    found = list(plan.openings(utc("2026-01-01 12:00"), utc("2027-01-01 12:00")))

    assert len(found) == 52
    assert {opening.minutes for opening in found} == {60}
    assert {
        f"{opening.start.astimezone(zone):%a %H:%M}"
        for opening in found
        if opening.start is not None
    } == {"Tue 22:00"}


def test_a24_lengths_are_real_although_both_ends_are_in_one_zone() -> None:
    plan = calendar(window("23:00-07:00", zone="US/Eastern"))

    opening = next(plan.openings(utc("2022-11-06 03:30"), utc("2022-11-06 04:00")))

    assert opening.minutes == 9 * 60
    assert opening.notes == ("9 h instead of 8 h: clocks go back",)


def test_a25_a_calendar_made_after_an_update_of_the_zone_data_follows_it(tmp_path: Path) -> None:
    released = files("tzdata.zoneinfo") / "Asia"
    ours = tmp_path / "Asia" / "Moved"
    ours.parent.mkdir()
    noon = utc("2026-01-05 12:00")
    starts = []
    reset_tzpath(to=[str(tmp_path)])
    try:
        for rules in ("Beirut", "Tokyo"):
            ours.write_bytes((released / rules).read_bytes())
            forget_zones()
            coming = calendar(window("01:00-02:00", zone="Asia/Moved")).at(noon).next
            starts.append(edge(coming.start) if coming is not None else None)
    finally:
        reset_tzpath()
        forget_zones()

    assert starts == ["01-05 23:00", "01-05 16:00"]


def test_a_repeated_midnight_leaves_a_hole_between_two_whole_days() -> None:
    plan = calendar(window("00:00-24:00", zone="America/Havana", dates="2026-10-31..2026-11-01"))

    found = plan.openings(utc("2026-10-31 00:00"), utc("2026-11-02 12:00"))

    assert spans(list(found)) == ["10-31 04:00 - 11-01 04:00", "11-01 05:00 - 11-02 05:00"]
