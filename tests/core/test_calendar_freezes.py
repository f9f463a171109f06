"""Freezes beat windows; the ids are those of docs/development/calendar-cases.md."""

from datetime import timedelta
from itertools import pairwise

import pytest

from core.calendar_words import DAY, HOUR, calendar, edge, freeze, spans, utc, window
from offpeakd.core.calendar import Calendar
from offpeakd.core.windows import Freeze, Window

NIGHT = window("22:00-04:00", zone="UTC", name="night", cutoff="45m")
ALWAYS = Window("always", "UTC", always=True)


def frozen_days(which: Freeze, since: str, until: str) -> list[str]:
    """What is left of an open calendar, as its gaps: first and last instant of each."""
    found = list(calendar(ALWAYS, which).openings(utc(since), utc(until)))
    return [f"{edge(left.end)} - {edge(right.start)}" for left, right in pairwise(found)]


def test_c1_any_open_window_is_enough() -> None:
    plan = calendar(
        window("09:00-17:00", zone="UTC", days="mon-thu", name="most"),
        window("09:00-14:00", zone="UTC", days="fri", name="friday"),
    )

    assert plan.at(utc("2026-06-03 10:00")).verdict == "open"


def test_c2_a_freeze_that_does_not_hold_has_no_effect() -> None:
    plan = calendar(NIGHT, freeze("2026-12-20..2027-01-03", zone="UTC"))

    assert plan.at(utc("2026-06-03 23:00")).verdict == "open"


def test_c3_a_freeze_beats_a_window_and_is_named() -> None:
    plan = calendar(NIGHT, freeze("2026-12-20..2027-01-03", zone="UTC", name="year-end"))

    standing = plan.at(utc("2026-12-24 23:00"))

    assert standing.verdict == "frozen"
    assert standing.opening is None
    assert standing.freeze is not None
    assert standing.freeze.name == "year-end"
    assert standing.frozen_until == utc("2027-01-04 00:00")
    assert standing.next is not None
    assert standing.next.start == utc("2027-01-04 00:00")
    assert standing.next.notes == ("cut by freeze year-end",)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ("2026-06-03 00:14:59", "open"),
        ("2026-06-03 00:15", "past-cutoff"),
        ("2026-06-03 00:59:59", "past-cutoff"),
        ("2026-06-03 01:00", "frozen"),
    ],
)
def test_c4_the_cutoff_counts_back_from_the_freeze(now: str, verdict: str) -> None:
    plan = calendar(NIGHT, freeze("2026-06-03T01:00..2026-06-03T06:00", zone="UTC"))

    assert plan.at(utc(now)).verdict == verdict


def test_c5_a_window_goes_on_when_the_freeze_ends() -> None:
    plan = calendar(NIGHT, freeze("2026-06-02..2026-06-02", zone="UTC"))

    assert plan.at(utc("2026-06-02 23:59:59")).verdict == "frozen"
    assert plan.at(utc("2026-06-03 00:00")).verdict == "open"


@pytest.mark.parametrize(
    ("early", "late", "cutoff"),
    [
        pytest.param("22:00-02:00", "01:00-05:00", "30m", id="the-later-one"),
        pytest.param("22:00-05:00", "01:00-05:00", "10m", id="the-smaller-of-two-that-end-together"),
        pytest.param("22:00-05:00", "23:00-01:00", "10m", id="the-longer-one"),
    ],
)  # fmt: skip
def test_c6_windows_that_overlap_are_one_opening_with_the_cutoff_of_its_end(
    early: str, late: str, cutoff: str
) -> None:
    plan = calendar(
        window(early, zone="UTC", name="b", cutoff="10m"),
        window(late, zone="UTC", name="a", cutoff="30m"),
    )

    found = list(plan.openings(utc("2026-06-01 20:00"), utc("2026-06-02 20:00")))

    assert spans(found) == ["06-01 22:00 - 06-02 05:00"]
    assert found[0].windows == ("b", "a")
    assert found[0].last_release == utc("2026-06-02 05:00") - timedelta(minutes=int(cutoff[:2]))


def test_windows_that_open_together_are_named_in_order() -> None:
    plan = calendar(
        window("22:00-02:00", zone="UTC", name="b"), window("22:00-03:00", zone="UTC", name="a")
    )

    assert next(plan.openings(utc("2026-06-01 20:00"), utc("2026-06-02 00:00"))).windows == (
        "a",
        "b",
    )


def test_c8_a_group_has_the_windows_it_names_and_other_groups_have_all() -> None:
    windows = {
        "one": window("01:00-02:00", zone="Asia/Tokyo", name="one"),
        "two": window("05:00-06:00", zone="UTC", name="two"),
    }
    plan = Calendar(windows, [], {"canary": ("two",), "none": ()})

    night = (utc("2026-06-01 12:00"), utc("2026-06-02 12:00"))
    assert spans(list(plan.openings(*night, "canary"))) == ["06-02 05:00 - 06-02 06:00"]
    assert len(list(plan.openings(*night, "another"))) == 2
    assert plan.at(night[0], "none").verdict == "no-window"
    assert plan.groups == ("canary", "none")
    assert [plan.zone_of(group) for group in ("canary", "another", "none")] == [
        *("UTC", "Asia/Tokyo", "UTC")
    ]


def test_c9_dates_are_whole_local_days_with_the_last_one_included() -> None:
    shanghai = freeze("2026-09-30..2026-10-08", zone="Asia/Shanghai")

    assert frozen_days(shanghai, "2026-09-01 00:00", "2026-11-01 00:00") == [
        "09-29 16:00 - 10-08 16:00"
    ]


@pytest.mark.parametrize(
    ("yearly", "expected"),
    [
        pytest.param("11-01..11-12", ["11-01 00:00 - 11-13 00:00"] * 2, id="in-one-year"),
        pytest.param("11-20..01-05", ["01-01 00:00", "11-20 00:00 - 01-06 00:00"], id="C9-over-new-year"),
        pytest.param("12-24", ["12-24 00:00 - 12-25 00:00"] * 2, id="one-day"),
        pytest.param("02-29", ["02-29 00:00 - 03-01 00:00"], id="leap-day-only"),
        pytest.param("02-27..02-29", ["02-27 00:00 - 03-01 00:00"] * 2, id="until-the-leap-day"),
        pytest.param("02-29..03-02", ["03-01 00:00 - 03-03 00:00", "02-29 00:00 - 03-03 00:00"],
                     id="from-the-leap-day"),
    ],
)  # fmt: skip
def test_yearly_freezes_come_back(yearly: str, expected: list[str]) -> None:
    found = frozen_days(freeze(yearly=yearly, zone="UTC"), "2027-01-02 00:00", "2028-12-31 00:00")

    if yearly == "11-20..01-05":
        assert found == ["11-20 00:00 - 01-06 00:00"]
    else:
        assert found == expected


def test_a_freeze_of_the_whole_year_leaves_nothing() -> None:
    plan = calendar(NIGHT, freeze(yearly="01-01..12-31", zone="UTC"))

    standing = plan.at(utc("2026-06-01 23:00"))

    assert list(plan.openings(utc("2026-01-01 00:00"), utc("2028-01-01 00:00"))) == []
    assert (standing.verdict, standing.next) == ("frozen", None)
    assert standing.frozen_until is not None
    assert standing.frozen_until > utc("2027-06-01 00:00")


def test_days_of_the_month_are_frozen_on_the_freeze_s_own_clock() -> None:
    closing = freeze(month_days=(-1, 1, 31), zone="Asia/Tokyo")

    assert frozen_days(closing, "2026-01-15 00:00", "2026-04-15 00:00") == [
        "01-30 15:00 - 02-01 15:00",
        "02-27 15:00 - 03-01 15:00",
        "03-30 15:00 - 04-01 15:00",
    ]


def test_a_freeze_may_name_instants() -> None:
    exact = freeze("2026-10-01T00:00:00+08:00..2026-10-02T12:30:00Z")

    assert frozen_days(exact, "2026-09-01 00:00", "2026-11-01 00:00") == [
        "09-30 16:00 - 10-02 12:30"
    ]


def test_a_freeze_whose_mixed_edges_turn_out_backwards_holds_never() -> None:
    backwards = freeze("2026-10-01T00:00:00Z..2026-10-01T01:00", zone="Asia/Tokyo")

    assert frozen_days(backwards, "2026-09-01 00:00", "2026-11-01 00:00") == []


@pytest.mark.parametrize(
    ("span", "before", "after"),
    [
        pytest.param("2026-10-01..9999-12-31", "open", "frozen", id="for-ever"),
        pytest.param("0001-01-01..2026-09-30", "frozen", "open", id="since-ever"),
    ],
)
def test_a_freeze_may_reach_to_the_ends_of_the_calendar(span: str, before: str, after: str) -> None:
    plan = calendar(ALWAYS, freeze(span, zone="UTC"))

    assert plan.at(utc("2026-09-30 23:59:59")).verdict == before
    assert plan.at(utc("2026-10-01 00:00")).verdict == after


def test_a_freeze_of_some_groups_holds_only_those() -> None:
    plan = calendar(NIGHT, freeze("2026-06-01..2026-06-30", zone="UTC", groups=("prod",)))

    now = utc("2026-06-03 23:00")
    assert plan.at(now, "prod").verdict == "frozen"
    assert plan.at(now, "default").verdict == "open"


def test_of_several_freezes_the_one_that_ends_last_is_named() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-01..2026-06-05", zone="UTC", name="short"),
        freeze("2026-06-02..2026-06-10", zone="UTC", name="long"),
        freeze("2026-06-11..2026-06-12", zone="UTC", name="following"),
    )

    standing = plan.at(utc("2026-06-03 12:00"))

    assert standing.freeze is not None
    assert standing.freeze.name == "long"
    assert standing.frozen_until == utc("2026-06-13 00:00")


def test_of_freezes_that_end_together_the_first_in_the_file_is_named() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-02..2026-06-05", zone="UTC", name="b"),
        freeze("2026-06-01..2026-06-05", zone="UTC", name="a"),
    )

    standing = plan.at(utc("2026-06-03 12:00"))

    assert standing.freeze is not None
    assert standing.freeze.name == "b"


def test_c10_openings_that_a_freeze_swallows_are_reported() -> None:
    plan = calendar(NIGHT, freeze("2026-06-02..2026-06-03", zone="UTC", name="audit"))

    found = plan.skipped(utc("2026-06-01 00:00"), utc("2026-06-05 00:00"))

    assert [skip.sentence for skip in found] == [
        "night does not open on 2026-06-02: frozen by audit"
    ]


def test_c10_a_calendar_without_an_opening_in_sight_says_so() -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", dates="2026-06-01"))

    standing = plan.at(utc("2026-06-02 00:00"))

    assert (standing.verdict, standing.opening, standing.next) == ("no-window", None, None)


def test_c12_no_window_means_closed() -> None:
    plan = calendar()

    assert plan.at(utc("2026-06-02 00:00")).verdict == "no-window"
    assert plan.groups == ("default",)
    assert plan.zone_of("default") == "UTC"


def test_a_piece_that_the_cutoff_takes_whole_is_shown_but_never_next() -> None:
    plan = calendar(NIGHT, freeze("2026-06-02T22:30..2026-06-03T12:00", zone="UTC", name="x"))

    standing = plan.at(utc("2026-06-02 12:00"))
    inside = plan.at(utc("2026-06-02 22:10"))

    assert standing.next is not None
    assert standing.next.start == utc("2026-06-03 22:00")
    assert inside.verdict == "past-cutoff"
    assert inside.opening is not None
    assert inside.opening.notes == (
        "cut by freeze x",
        "nothing is released: the cutoff takes all of it",
    )


def test_the_pieces_of_a_cut_opening_name_their_own_windows() -> None:
    plan = calendar(
        window("20:00-01:00", zone="UTC", name="early", cutoff="5m"),
        window("01:00-05:00", zone="UTC", name="late", cutoff="10m"),
        freeze("2026-06-02T00:00..2026-06-02T02:00", zone="UTC", name="x"),
    )

    found = list(plan.openings(utc("2026-06-01 18:00"), utc("2026-06-02 18:00")))

    assert [(opening.windows, edge(opening.last_release)) for opening in found] == [
        (("early",), "06-01 23:55"),
        (("late",), "06-02 04:50"),
    ]


def test_freezes_that_touch_or_nest_leave_no_empty_piece() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-01T23:00..2026-06-02T01:00", zone="UTC", name="outer"),
        freeze("2026-06-01T23:30..2026-06-02T00:30", zone="UTC", name="inner"),
        freeze("2026-06-02T01:00..2026-06-02T02:00", zone="UTC", name="next"),
    )

    found = list(plan.openings(utc("2026-06-01 18:00"), utc("2026-06-02 18:00")))

    assert spans(found) == ["06-01 22:00 - 06-01 23:00", "06-02 02:00 - 06-02 04:00"]
    assert [opening.notes for opening in found] == [
        ("cut by freeze outer",),
        ("cut by freeze next",),
    ]


def test_a_freeze_that_ends_as_the_window_starts_cuts_nothing() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-01T20:00..2026-06-01T22:00", zone="UTC", name="before"),
        freeze("2026-06-02T04:00..2026-06-02T05:00", zone="UTC", name="after"),
    )

    opening = next(plan.openings(utc("2026-06-01 22:00"), utc("2026-06-02 00:00")))

    assert spans([opening]) == ["06-01 22:00 - 06-02 04:00"]
    assert opening.notes == ()


def test_an_always_window_keeps_its_cutoff_before_a_freeze() -> None:
    plan = calendar(
        Window("always", "UTC", always=True, cutoff=HOUR),
        freeze("2026-06-02..2026-06-02", zone="UTC"),
    )

    assert plan.at(utc("2026-06-01 22:59:59")).verdict == "open"
    assert plan.at(utc("2026-06-01 23:00")).verdict == "past-cutoff"
    assert plan.at(utc("2026-06-01 23:00")).next is not None


def test_frozen_days_many_years_apart_are_resolved_again_each_time() -> None:
    plan = calendar(ALWAYS, freeze(month_days=(1,), zone="UTC"))

    verdicts = {
        plan.at(utc("2026-05-31 23:00") + year * 365 * DAY + 2 * HOUR * year).verdict
        for year in range(30)
    }

    assert verdicts == {"open", "frozen"}
