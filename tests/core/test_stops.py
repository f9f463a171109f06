"""When a whole target stops, and for how long."""

from datetime import timedelta

import pytest

from fakes.builders import NIGHT, a_calendar, a_stop
from offpeakd.core import stops
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudError,
    CloudThrottledError,
    CloudUnreachableError,
    CredentialsError,
)
from offpeakd.core.lane import Stop
from offpeakd.core.outcomes import CloudProblem, ErrorKind
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import LaneFacts, Situation, lane_blockers

TICK = timedelta(microseconds=1)


def problem(kind: ErrorKind, status: int, code: str = "APIGW.0301") -> CloudProblem:
    return CloudProblem(code, "no", kind, status)


@pytest.mark.parametrize(
    ("refusal", "kind", "wait"),
    [
        (problem(ErrorKind.AUTH, 401), "credentials", timedelta(minutes=5)),
        (problem(ErrorKind.AUTH, 403), "permission", timedelta(minutes=15)),
        (problem(ErrorKind.CONFIGURATION, 404), "configuration", timedelta(minutes=15)),
        (problem(ErrorKind.THROTTLED, 429), "throttled", timedelta(seconds=5)),
        (problem(ErrorKind.RETRY, 503, "APIGW.0613"), "unreachable", timedelta(seconds=5)),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_refusal_of_the_target_stops_it(
    refusal: CloudProblem, kind: str, wait: timedelta
) -> None:
    stop = stops.stop_for_problem("prod", refusal, NIGHT, ())

    assert stop is not None
    assert (stop.kind, stop.until) == (kind, NIGHT + wait)


@pytest.mark.parametrize(
    ("refusal", "kind", "wait"),
    [
        (problem(ErrorKind.AUTH, 401), "credentials", timedelta(minutes=5)),
        (problem(ErrorKind.AUTH, 403), "permission", timedelta(minutes=15)),
        (problem(ErrorKind.CONFIGURATION, 404), "configuration", timedelta(minutes=15)),
        (problem(ErrorKind.THROTTLED, 429), "throttled", timedelta(seconds=20)),
        (problem(ErrorKind.RETRY, 503), "unreachable", timedelta(seconds=20)),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_a_stop_says_whose_it_is_since_when_why_and_how_often_in_a_row(
    refusal: CloudProblem, kind: str, wait: timedelta
) -> None:
    earlier = (a_stop("pause", count=9), a_stop(kind, count=2))

    stop = stops.stop_for_problem("prod", refusal, NIGHT, earlier)

    reason = "the cloud refused: APIGW.0301 no"
    assert stop == Stop("prod", kind, reason, "offpeakd", NIGHT, NIGHT + wait, 3)


def test_a_refusal_holds_for_as_long_as_the_cloud_asks() -> None:
    refusal, asked = problem(ErrorKind.THROTTLED, 429), timedelta(minutes=9)

    stop = stops.stop_for_problem("prod", refusal, NIGHT, (), retry_after=asked)

    assert stop is not None
    assert stop.until == NIGHT + asked


@pytest.mark.parametrize("kind", [ErrorKind.RETRY, ErrorKind.PERMANENT, ErrorKind.DONE], ids=str)
def test_a_refusal_of_an_instance_stops_nothing(kind: ErrorKind) -> None:
    refusal = problem(kind, 400, "DBS.200011")

    assert stops.stop_for_problem("prod", refusal, NIGHT, ()) is None


def test_a_token_that_will_be_renewed_deserves_one_try_at_once_and_no_second() -> None:
    refusal = problem(ErrorKind.AUTH, 401)
    first = stops.stop_for_problem("prod", refusal, NIGHT, (), renewable=True)
    assert first is not None
    second = stops.stop_for_problem("prod", refusal, NIGHT, (first,), renewable=True)

    assert first.until == NIGHT
    assert second is not None
    assert second.until == NIGHT + timedelta(minutes=5)


def test_throttling_waits_longer_each_time_and_at_least_what_the_cloud_asks() -> None:
    earlier: tuple[Stop, ...] = ()
    waits = []
    for _ in range(8):
        stop = stops.throttled("prod", "slow down", NIGHT, earlier)
        assert stop.until is not None
        waits.append((stop.until - NIGHT).total_seconds())
        earlier = (stop,)

    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    asked = stops.throttled("prod", "slow down", NIGHT, (), timedelta(minutes=9))
    assert asked.until == NIGHT + timedelta(minutes=9)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CloudThrottledError("slow"), "throttled"),
        (CloudDeniedError("no", code="APIGW.0301", fix=""), "credentials"),
        (CloudDeniedError("no", code="DBS.1", fix="", permission=True), "permission"),
        (CredentialsError("no key"), "credentials"),
        (CloudUnreachableError("no route"), "unreachable"),
        (CloudError("odd"), "unreachable"),
    ],
    ids=["throttled", "denied", "not-permitted", "no-key", "unreachable", "odd"],
)
def test_a_failed_read_stops_the_target(error: CloudError | CredentialsError, kind: str) -> None:
    stop = stops.stop_for_error("prod", error, NIGHT, (a_stop(kind, count=2),))

    assert stop.until is not None
    assert stop == Stop("prod", kind, error.message, "offpeakd", NIGHT, stop.until, 3)


def test_a_throttled_read_waits_for_as_long_as_the_cloud_asks() -> None:
    error = CloudThrottledError("slow", retry_after=timedelta(minutes=9))

    assert stops.stop_for_error("prod", error, NIGHT, ()).until == NIGHT + timedelta(minutes=9)


def test_a_call_that_found_no_connection_is_tried_soon() -> None:
    stop = stops.stop_for_unsent("prod", "refused", NIGHT, (), None)

    soon = NIGHT + timedelta(seconds=5)
    assert stop == Stop("prod", "unreachable", "refused", "offpeakd", NIGHT, soon)


def test_a_used_up_budget_waits_until_there_is_room() -> None:
    stop = stops.stop_for_unsent("prod", "60 calls", NIGHT, (), timedelta(seconds=12))

    then = NIGHT + timedelta(seconds=12)
    assert stop == Stop("prod", "throttled", "60 calls", "offpeakd", NIGHT, then)


@pytest.mark.parametrize(
    ("until", "holds"),
    [(None, True), (NIGHT + timedelta(seconds=1), True), (NIGHT, False)],
    ids=["until-resumed", "before-its-end", "at-its-end"],
)
def test_a_stop_holds_until_its_end(until: object, holds: bool) -> None:
    stop = a_stop("throttled", until=until)

    found = stops.in_force((a_stop("pause"), stop), frozenset({"throttled"}), NIGHT)

    assert (found is not None) is holds


@pytest.mark.parametrize(
    ("ahead", "holds"),
    [
        (stops.AHEAD - TICK, True),
        (stops.AHEAD, True),
        (stops.AHEAD + TICK, False),
        (timedelta(days=2), False),
    ],
    ids=str,
)
def test_a_stop_dated_by_a_clock_that_was_ahead_has_ended(ahead: timedelta, holds: bool) -> None:
    stop = stops.unreachable("prod", "no route", NIGHT + ahead, ())

    assert (stops.in_force((stop,), stops.ALL, NIGHT) is not None) is holds
    facts = LaneFacts(stops=(stop,))
    assert bool(lane_blockers(Situation(NIGHT, a_calendar(), Policy()), facts)) is holds


def test_a_pause_holds_whatever_clock_it_was_set_by() -> None:
    pause = a_stop("pause", since=NIGHT + timedelta(days=2))

    assert stops.in_force((pause,), stops.ALL, NIGHT) == pause
