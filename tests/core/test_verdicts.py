"""Why a request waits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.builders import (
    NIGHT,
    NOON,
    a_calendar,
    a_freeze,
    a_request,
    a_stop,
    always,
    nightly,
)
from offpeakd.core.calendar import Calendar
from offpeakd.core.clock_text import both_clocks, rfc3339
from offpeakd.core.model import State
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import (
    Code,
    Kind,
    LaneFacts,
    Situation,
    Verdict,
    blockers,
    hold_of,
    hold_text,
    verdict,
)


def situation(calendar: Calendar | None = None, **facts: object) -> Situation:
    lane = facts.pop("lane", LaneFacts())
    given: dict[str, object] = {
        "now": NIGHT,
        "calendar": calendar or a_calendar(nightly()),
        "policy": Policy(guard=timedelta(0)),
        "lanes": {"prod": lane},
    }
    return Situation(**{**given, **facts})  # type: ignore[arg-type]


def code_of(request: object, where: Situation) -> Code:
    found = verdict(request, where)  # type: ignore[arg-type]
    assert found is not None
    return found.code


def test_only_a_queued_request_has_a_verdict() -> None:
    running = a_request(state=State.RUNNING)

    assert verdict(running, situation()) is None
    assert blockers(running, situation()) == ()


def test_nothing_in_its_way_means_next_or_behind_others() -> None:
    first = situation(lane=LaneFacts(next_ids=frozenset({1})))

    assert code_of(a_request(1), first) is Code.NEXT
    assert code_of(a_request(2), first) is Code.BEHIND_IN_QUEUE


def test_an_open_window_without_a_daemon_says_that_none_runs() -> None:
    found = verdict(a_request(), situation(daemon_alive=False))

    assert found == Verdict(
        Code.NO_DAEMON,
        "nothing is in its way, but no daemon is running: start `offpeakd run`",
        Kind.PERSON,
    )


def test_a_closed_window_names_itself_and_both_clocks() -> None:
    found = verdict(a_request(), situation(now=NOON))

    assert found is not None
    assert found.code is Code.WINDOW_CLOSED
    assert found.until == NIGHT.replace(day=25, hour=1)
    assert found.sentence.startswith("waits for window nightly: opens Wed 01:00 UTC")


@pytest.mark.parametrize(
    ("calendar", "code"),
    [
        (a_calendar(), Code.NO_WINDOW),
        (a_calendar(nightly(), freezes=(a_freeze(),)), Code.FROZEN),
        (a_calendar(nightly(cutoff=timedelta(hours=3))), Code.PAST_CUTOFF),
        (a_calendar(always()), Code.NEXT),
    ],
    ids=["none", "frozen", "past-cutoff", "always"],
)
def test_the_calendar_has_the_word(calendar: Calendar, code: Code) -> None:
    where = situation(calendar, lane=LaneFacts(next_ids=frozenset({1})))

    assert code_of(a_request(), where) is code


def test_a_freeze_is_named_with_its_reason() -> None:
    found = verdict(a_request(), situation(a_calendar(nightly(), freezes=(a_freeze(),))))

    assert found is not None
    assert found.sentence.startswith("frozen by 'peak' (peak trade); opens ")


@pytest.mark.parametrize(
    ("kind", "code", "who"),
    [
        ("pause", Code.PAUSED, Kind.PERSON),
        ("credentials", Code.CREDENTIALS, Kind.PERSON),
        ("permission", Code.PERMISSION, Kind.PERSON),
        ("configuration", Code.CONFIGURATION, Kind.PERSON),
        ("throttled", Code.RATE_LIMITED, Kind.WAIT),
        ("unreachable", Code.CLOUD_UNREACHABLE, Kind.WAIT),
    ],
)
def test_a_stop_of_the_target_is_the_reason(kind: str, code: Code, who: Kind) -> None:
    stop = a_stop(kind, until=NIGHT + timedelta(minutes=1))

    found = verdict(a_request(), situation(lane=LaneFacts(stops=(stop,))))

    assert found is not None
    assert (found.code, found.kind) == (code, who)


def test_a_stop_for_everything_says_so() -> None:
    pause = a_stop("pause", scope="*")

    found = verdict(a_request(), situation(lane=LaneFacts(stops=(pause,))))

    assert found is not None
    assert found.sentence == "everything is paused by kim: billing run"


def test_a_stop_without_an_end_says_that_it_stands() -> None:
    found = verdict(a_request(), situation(lane=LaneFacts(stops=(a_stop("permission"),))))

    assert found is not None
    assert found.sentence == "billing run; target 'prod' is stopped"


def test_a_lapsed_stop_stops_nothing() -> None:
    lapsed = a_stop("throttled", until=NIGHT)

    assert code_of(a_request(), situation(lane=LaneFacts(stops=(lapsed,)))) is Code.BEHIND_IN_QUEUE


def test_a_full_target_waits_for_a_job_to_end() -> None:
    assert code_of(a_request(), situation(lane=LaneFacts(in_flight=3, limit=3))) is (
        Code.TARGET_LIMIT
    )


def test_the_daemons_own_reason_counts() -> None:
    hold = Verdict(Code.CLOCK_SKEW, "the clock disagrees with the cloud's", Kind.PERSON)

    assert code_of(a_request(), situation(lane=LaneFacts(holds=(hold,)))) is Code.CLOCK_SKEW


def test_a_reload_that_opens_a_window_waits_for_its_notice() -> None:
    noticed = situation(notices={"default": NIGHT + timedelta(minutes=10)})
    passed = situation(notices={"default": NIGHT})

    assert code_of(a_request(), noticed) is Code.MIN_NOTICE
    assert code_of(a_request(group="other"), noticed) is Code.MIN_NOTICE
    assert code_of(a_request(), passed) is Code.BEHIND_IN_QUEUE


def test_a_hold_names_its_reason() -> None:
    found = verdict(a_request(held_reason="billing run"), situation())

    assert found == Verdict(Code.HELD, "held: billing run", Kind.PERSON)


@pytest.mark.parametrize(
    ("facts", "code", "begins"),
    [
        (
            {"wait_reason": "backoff", "wait_detail": "try 1 of 5 was refused"},
            Code.BACKOFF,
            "try 1 of 5 was refused: waits until ",
        ),
        ({}, Code.NOT_BEFORE, "not before the requested time: waits until "),
    ],
    ids=["backoff", "not-before"],
)
def test_a_request_that_waits_by_itself_says_until_when(
    facts: dict[str, object], code: Code, begins: str
) -> None:
    request = a_request(wait_until=NIGHT + timedelta(minutes=5), **facts)

    found = verdict(request, situation())

    assert found is not None
    assert found.code is code
    assert found.sentence.startswith(begins)


def test_a_request_whose_wait_is_over_is_ready() -> None:
    assert code_of(a_request(wait_until=NIGHT), situation()) is Code.BEHIND_IN_QUEUE


def test_a_target_that_is_gone_from_the_configuration_needs_a_person() -> None:
    found = verdict(a_request(target="old"), situation())

    assert found is not None
    assert (found.code, found.kind) == (Code.UNKNOWN_TARGET, Kind.PERSON)


def test_the_deciding_reason_is_a_persons_first_and_else_the_last_to_end() -> None:
    soon = a_request(wait_until=NOON + timedelta(minutes=5), wait_reason="backoff")
    held = a_request(held_reason="billing run")

    assert [one.code for one in blockers(soon, situation(now=NOON))] == [
        Code.WINDOW_CLOSED,
        Code.BACKOFF,
    ]
    assert [one.code for one in blockers(held, situation(now=NOON))] == [
        Code.HELD,
        Code.WINDOW_CLOSED,
    ]


def test_a_hold_comes_back_from_a_sign_of_life_as_it_went_in() -> None:
    hold = Verdict(Code.CLOCK_SKEW, "off by 31 s: set it", Kind.PERSON)

    assert hold_text(hold) == "clock-skew: off by 31 s: set it"
    assert hold_of(hold_text(hold)) == hold


def test_a_hold_that_ends_by_itself_comes_back_with_its_end() -> None:
    hold = Verdict(Code.CALLS_FORGOTTEN, "an older copy: wait until it shows", until=NIGHT)

    assert hold_text(hold) == (
        f"calls-forgotten until {rfc3339(NIGHT)}: an older copy: wait until it shows"
    )
    assert hold_of(hold_text(hold)) == hold


@pytest.mark.parametrize("end", ["", " until", " until ", " until soon", " until 2026-11-24T22:00"])
def test_a_hold_without_an_end_that_can_be_read_asks_for_a_person(end: str) -> None:
    found = hold_of(f"calls-forgotten{end}: an older copy")

    assert (found.kind, found.until, found.sentence) == (Kind.PERSON, None, "an older copy")


def test_a_hold_that_ends_says_when_and_decides_by_it() -> None:
    hold = Verdict(Code.CALLS_FORGOTTEN, "an older copy", until=NIGHT + timedelta(minutes=2))

    found = verdict(a_request(), situation(lane=LaneFacts(holds=(hold,))))

    when = both_clocks(NIGHT + timedelta(minutes=2), situation().calendar.zone_of(""), NIGHT)
    assert found == replace(hold, sentence=f"an older copy; goes on {when}")


@pytest.mark.parametrize("text", ["sun-spots: too many", "no word at all"])
def test_a_hold_of_a_later_version_is_shown_as_a_fault(text: str) -> None:
    found = hold_of(text)

    assert found.code is Code.STORAGE_FAULT
    assert found.sentence in text
