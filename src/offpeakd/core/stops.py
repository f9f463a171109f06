"""When a whole target stops releasing because of what the cloud said, and for how long."""

from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from offpeakd.core.errors import (
    CloudDeniedError,
    CloudError,
    CloudThrottledError,
    CredentialsError,
)
from offpeakd.core.lane import Stop
from offpeakd.core.outcomes import CloudProblem, ErrorKind

CREDENTIALS_WAIT: Final = timedelta(minutes=5)
"""Over five bad signatures in a row lock a key for five minutes (API gateway FAQ): one try."""

PERMISSION_WAIT: Final = timedelta(minutes=15)
THROTTLE_FIRST: Final = timedelta(seconds=5)
THROTTLE_MOST: Final = timedelta(minutes=5)
UNREACHABLE_FIRST: Final = timedelta(seconds=5)
UNREACHABLE_MOST: Final = timedelta(minutes=1)

AHEAD: Final = timedelta(minutes=1)
"""Two machines' clocks differ by no more while both may be trusted: a stop dated further ahead
was set by a wrong clock, and its end says nothing."""

PASSING: Final = frozenset(
    {"throttled", "unreachable", "credentials", "permission", "configuration"}
)
"""Stops that a call's success proves over."""

ALL: Final = PASSING | {"pause"}
"""Every kind of stop."""

MENDED_BY_HAND: Final = frozenset({"credentials", "permission", "configuration"})
"""Stops that a person mends; resuming or reloading says that it is done."""

PROVED_BY_READ: Final = frozenset({"unreachable", "credentials"})
"""Stops that a read's success proves over."""

ALL_CALLS: Final = frozenset({"credentials", "configuration", "throttled", "unreachable"})
"""Stops that keep reads back too; a missing permission may concern one call only."""


def stop_for_problem(
    target: str,
    problem: CloudProblem,
    now: datetime,
    earlier: tuple[Stop, ...],
    *,
    retry_after: timedelta | None = None,
    renewable: bool = False,
) -> Stop | None:
    """The stop that a whole-call refusal asks for; None where it concerns the requests only.

    Args:
        target: whose.
        problem: what the cloud refused with.
        now: the present instant.
        earlier: stops that stand, lapsed ones included: they count how often in a row.
        retry_after: what the cloud asked for.
        renewable: the token will be renewed before the next call, which deserves one try at once.
    """
    said = f"the cloud refused: {problem.code} {problem.message}".strip()
    match problem.kind:
        case ErrorKind.THROTTLED:
            return throttled(target, said, now, earlier, retry_after)
        case ErrorKind.AUTH if problem.status == HTTPStatus.UNAUTHORIZED:
            stop = denied(target, "credentials", said, now, earlier)
            return replace(stop, until=now) if renewable and stop.count == 1 else stop
        case ErrorKind.AUTH:
            return denied(target, "permission", said, now, earlier)
        case ErrorKind.CONFIGURATION:
            return denied(target, "configuration", said, now, earlier)
        case ErrorKind.RETRY if problem.code.startswith("APIGW."):
            return unreachable(target, said, now, earlier)
        case _:
            return None


def stop_for_unsent(
    target: str,
    reason: str,
    now: datetime,
    earlier: tuple[Stop, ...],
    retry_after: timedelta | None,
) -> Stop:
    """The stop after a call that could not be sent: no connection, or no call left this minute."""
    if retry_after is not None:
        return Stop(target, "throttled", reason, "offpeakd", now, now + retry_after)
    return unreachable(target, reason, now, earlier)


def stop_for_error(
    target: str,
    error: CloudError | CredentialsError,
    now: datetime,
    earlier: tuple[Stop, ...],
) -> Stop:
    """The stop that a failed read asks for."""
    match error:
        case CloudThrottledError():
            return throttled(target, error.message, now, earlier, error.retry_after)
        case CloudDeniedError(permission=True):
            return denied(target, "permission", error.message, now, earlier)
        case CloudDeniedError() | CredentialsError():
            return denied(target, "credentials", error.message, now, earlier)
        case _:
            return unreachable(target, error.message, now, earlier)


def throttled(
    target: str,
    reason: str,
    now: datetime,
    earlier: tuple[Stop, ...],
    retry_after: timedelta | None = None,
) -> Stop:
    """Too many calls: at least what the cloud asks for, and longer each time."""
    count = _count(earlier, "throttled")
    wait = max(_grown(THROTTLE_FIRST, THROTTLE_MOST, count), retry_after or timedelta(0))
    return Stop(target, "throttled", reason, "offpeakd", now, now + wait, count)


def unreachable(target: str, reason: str, now: datetime, earlier: tuple[Stop, ...]) -> Stop:
    """No connection: soon again, then less often."""
    count = _count(earlier, "unreachable")
    wait = _grown(UNREACHABLE_FIRST, UNREACHABLE_MOST, count)
    return Stop(target, "unreachable", reason, "offpeakd", now, now + wait, count)


def denied(target: str, kind: str, reason: str, now: datetime, earlier: tuple[Stop, ...]) -> Stop:
    """A key, permission or address that a person has to mend; tried again now and then."""
    wait = CREDENTIALS_WAIT if kind == "credentials" else PERMISSION_WAIT
    return Stop(target, kind, reason, "offpeakd", now, now + wait, _count(earlier, kind))


def stands(stop: Stop, now: datetime) -> bool:
    """Whether a stop holds at this instant.

    One that ends by itself has ended, too, where it was set by a clock that was ahead: nobody
    would try the target again before that far-off end, and nothing else would lift it.
    """
    return stop.until is None or (stop.until > now and stop.since <= now + AHEAD)


def in_force(stops: tuple[Stop, ...], kinds: frozenset[str], now: datetime) -> Stop | None:
    """The first stop of these kinds that still holds."""
    for stop in stops:
        if stop.kind in kinds and stands(stop, now):
            return stop
    return None


def _count(earlier: tuple[Stop, ...], kind: str) -> int:
    return 1 + max((stop.count for stop in earlier if stop.kind == kind), default=0)


def _grown(first: timedelta, most: timedelta, count: int) -> timedelta:
    return min(most, first * (1 << min(count - 1, 20)))
