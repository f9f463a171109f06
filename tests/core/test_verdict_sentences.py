"""Every reason to wait as a person reads it: its sentence, who ends it, and until when."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, NOON, a_freeze, a_request, a_stop, always, nightly
from offpeakd.core.calendar import Calendar
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import (
    Code,
    Kind,
    LaneFacts,
    Situation,
    Verdict,
    blockers,
    hold_of,
    verdict,
)
from offpeakd.core.windows import Freeze

TICK = timedelta(microseconds=1)
GUARD = Policy().guard
HOUR = timedelta(hours=1)
OPENS = NIGHT + timedelta(days=1)
"""The next opening of group `eu`: on Wednesday at 03:00 in Berlin."""

EU = a_request(group="eu")


def calendar(*freezes: Freeze, cutoff: timedelta = timedelta(0)) -> Calendar:
    """All requests have a window in UTC and one in Berlin, those of `eu` that in Berlin alone."""
    berlin = replace(nightly(name="berlin", start="03:00", cutoff=cutoff), zone="Europe/Berlin")
    return Calendar({"nightly": nightly(), "berlin": berlin}, freezes, {"eu": ("berlin",)})


def situation(now: datetime = NIGHT, of: Calendar | None = None, **facts: Any) -> Situation:
    lane = LaneFacts(**facts.pop("lane", {}))
    return Situation(now, of or calendar(), Policy(), {"prod": lane}, **facts)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(
            situation(NOON),
            Verdict(
                Code.WINDOW_CLOSED,
                "waits for window berlin: opens Wed 03:00 CET (02:00Z), in 14 h",
                Kind.WAIT,
                OPENS,
            ),
            id="closed",
        ),
        pytest.param(
            situation(NOON, Calendar({"a": nightly(name="a"), "b": nightly(name="b")}, (), {})),
            Verdict(
                Code.WINDOW_CLOSED,
                "waits for window a, b: opens Wed 01:00 UTC (01:00Z), in 13 h",
                Kind.WAIT,
                OPENS - HOUR,
            ),
            id="closed: two open at once",
        ),
        pytest.param(
            situation(NIGHT + HOUR, calendar(cutoff=HOUR)),
            Verdict(
                Code.PAST_CUTOFF,
                "the window is open but past its cutoff; opens Wed 03:00 CET (02:00Z), in 23 h",
                Kind.WAIT,
                OPENS,
            ),
            id="past its cutoff",
        ),
        pytest.param(
            situation(NIGHT + 2 * HOUR - GUARD),
            Verdict(
                Code.PAST_CUTOFF,
                "the window is open but past its cutoff; opens Wed 03:00 CET (02:00Z), in 22 h",
                Kind.WAIT,
                OPENS,
            ),
            id="too late for the guard",
        ),
        pytest.param(
            situation(NIGHT, calendar(a_freeze())),
            Verdict(
                Code.FROZEN,
                "frozen by 'peak' (peak trade); opens Tue 2026-12-01 03:00 CET (02:00Z), in 7 d",
                Kind.WAIT,
                NIGHT + timedelta(days=7),
            ),
            id="frozen",
        ),
        pytest.param(
            situation(NIGHT, calendar(replace(a_freeze(last=date(2036, 1, 1)), reason=""))),
            Verdict(Code.FROZEN, "frozen by 'peak'", Kind.WAIT, None),
            id="frozen for years, nobody says why",
        ),
        pytest.param(
            situation(NIGHT, Calendar({}, (), {})),
            Verdict(
                Code.NO_WINDOW,
                "no window opens within 400 days: add one under `windows`",
                Kind.PERSON,
            ),
            id="no window",
        ),
        pytest.param(
            situation(notices={"eu": NIGHT + 10 * TICK + HOUR}),
            Verdict(
                Code.MIN_NOTICE,
                "the configuration was changed and opens a window over the present moment: "
                "released from Tue 04:00 CET (03:00Z), in 1 h",
                Kind.WAIT,
                NIGHT + 10 * TICK + HOUR,
            ),
            id="under notice",
        ),
    ],
)
def test_what_the_calendar_says_is_read_on_the_groups_own_clock(
    where: Situation, expected: Verdict
) -> None:
    assert blockers(EU, where) == (expected,)
    assert verdict(EU, where) == expected


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        pytest.param(
            a_stop("pause", until=None),
            Verdict(Code.PAUSED, "target 'prod' is paused by kim: billing run", Kind.PERSON),
            id="paused",
        ),
        pytest.param(
            a_stop("throttled", reason="too many calls", until=NIGHT + HOUR),
            Verdict(
                Code.RATE_LIMITED,
                "too many calls; target 'prod' is tried again Tue 03:00 UTC (03:00Z), in 1 h",
                Kind.WAIT,
                NIGHT + HOUR,
            ),
            id="tried again",
        ),
        pytest.param(
            a_stop("configuration", scope="*", reason="wrong project"),
            Verdict(Code.CONFIGURATION, "wrong project; everything is stopped", Kind.PERSON),
            id="stopped",
        ),
    ],
)
def test_a_stop_says_what_stands_still_and_when_it_goes_on(stop: Any, expected: Verdict) -> None:
    assert blockers(EU, situation(lane={"stops": (stop,)})) == (expected,)


def test_a_target_says_how_full_it_is_and_the_daemon_why_it_waits() -> None:
    hold = Verdict(Code.CLOCK_SKEW, "the clock disagrees with the cloud's", Kind.PERSON)

    found = blockers(EU, situation(lane={"in_flight": 30, "holds": (hold,)}))

    full = Verdict(Code.TARGET_LIMIT, "30 of 30 upgrades are running in this target")
    assert found == (hold, full)


@pytest.mark.parametrize(("running", "full"), [(29, False), (30, True), (31, True)])
def test_a_target_is_full_at_its_limit(running: int, full: bool) -> None:
    found = blockers(EU, situation(lane={"in_flight": running, "limit": 30}))

    assert [one.code for one in found] == [Code.TARGET_LIMIT] * full


def test_a_target_that_is_gone_is_named_with_both_ways_out() -> None:
    assert blockers(replace(EU, target="old"), situation()) == (
        Verdict(
            Code.UNKNOWN_TARGET,
            "target 'old' is not in the configuration any more: put it back, or cancel the request",
            Kind.PERSON,
        ),
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {},
            Verdict(
                Code.NOT_BEFORE,
                "not before the requested time: waits until Tue 04:00 CET (03:00Z), in 1 h",
                Kind.WAIT,
                NIGHT + HOUR,
            ),
            id="the requested time",
        ),
        pytest.param(
            {"wait_reason": "backoff", "wait_detail": "try 1 of 5 was refused"},
            Verdict(
                Code.BACKOFF,
                "try 1 of 5 was refused: waits until Tue 04:00 CET (03:00Z), in 1 h",
                Kind.WAIT,
                NIGHT + HOUR,
            ),
            id="a back-off",
        ),
    ],
)
def test_a_request_says_what_it_waits_for_itself(facts: dict[str, Any], expected: Verdict) -> None:
    assert blockers(replace(EU, wait_until=NIGHT + HOUR, **facts), situation()) == (expected,)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(
            situation(lane={"next_ids": frozenset({1})}),
            Verdict(Code.NEXT, "goes out with the next batch"),
            id="next",
        ),
        pytest.param(
            situation(),
            Verdict(Code.BEHIND_IN_QUEUE, "the window is open; others go before it"),
            id="behind others",
        ),
    ],
)
def test_a_request_that_nothing_keeps_says_where_it_stands(
    where: Situation, expected: Verdict
) -> None:
    assert verdict(EU, where) == expected


@pytest.mark.parametrize(
    ("ends", "waits"), [(NIGHT - TICK, False), (NIGHT, False), (NIGHT + TICK, True)], ids=str
)
def test_a_wait_and_a_notice_are_over_at_their_end(ends: datetime, waits: bool) -> None:
    own = blockers(replace(EU, wait_until=ends), situation())
    groups = blockers(EU, situation(notices={"eu": ends}))

    assert [one.code for one in own] == [Code.NOT_BEFORE] * waits
    assert [one.code for one in groups] == [Code.MIN_NOTICE] * waits


def test_a_groups_own_notice_counts_before_that_of_all() -> None:
    notices = {"eu": NIGHT, "default": NIGHT + HOUR}

    assert blockers(EU, situation(notices=notices)) == ()
    other = blockers(replace(EU, group="other"), situation(notices=notices))
    assert [one.until for one in other] == [NIGHT + HOUR]


def test_a_persons_reasons_come_first_then_what_has_no_known_end_then_what_ends_last() -> None:
    lane = {
        "in_flight": 30,
        "stops": (
            a_stop("throttled", until=NIGHT + TICK),
            a_stop("unreachable", until=NIGHT + 3 * HOUR),
            a_stop("pause"),
        ),
    }
    request = replace(EU, wait_until=NIGHT + HOUR)

    assert [one.code for one in blockers(request, situation(lane=lane))] == [
        Code.PAUSED,
        Code.TARGET_LIMIT,
        Code.CLOUD_UNREACHABLE,
        Code.NOT_BEFORE,
        Code.RATE_LIMITED,
    ]


def test_a_window_that_is_always_open_keeps_nobody() -> None:
    assert blockers(EU, situation(NOON, Calendar({"always": always()}, (), {}))) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("storage-fault: the disk is full", (Code.STORAGE_FAULT, "the disk is full")),
        ("clock-skew: off by 31 s: set it", (Code.CLOCK_SKEW, "off by 31 s: set it")),
        ("sun-spots: too many", (Code.STORAGE_FAULT, "too many")),
        ("no word at all", (Code.STORAGE_FAULT, "no word at all")),
    ],
)
def test_what_a_daemon_says_of_itself_is_for_a_person(text: str, expected: tuple[str, str]) -> None:
    code, sentence = expected

    assert hold_of(text) == Verdict(Code(code), sentence, Kind.PERSON)
