"""Small makers of core values, so that a test states only what it is about."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from offpeakd.core.batch import BatchResult
from offpeakd.core.calendar import Calendar
from offpeakd.core.lane import Lane, Stop
from offpeakd.core.model import LIVE, Request, State
from offpeakd.core.seen import Instance
from offpeakd.core.selectors import parse_days, parse_local_time
from offpeakd.core.windows import Freeze, Window

NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""A Tuesday, inside the window of `nightly`."""

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def an_id(number: int) -> str:
    """A well-formed instance id."""
    return f"{number:032x}in02"


def a_request(number: int = 1, /, **facts: Any) -> Request:
    """A queued request of instance `number`."""
    given: dict[str, Any] = {
        "target": "prod",
        "instance_id": an_id(number),
        "requested_at": NOON,
        "id": number,
        "finished_at": None if facts.get("state", State.QUEUED) in LIVE else NIGHT,
    }
    return Request(**{**given, **facts})


def a_claimed(number: int = 1, /, **facts: Any) -> Request:
    """A request whose call is under way."""
    given: dict[str, Any] = {"state": State.SUBMITTING, "attempt_id": f"a{number}", "attempts": 1}
    return a_request(number, **{**given, **facts})


def an_instance(number: int = 1, /, **facts: Any) -> Instance:
    """An instance that is fit for the upgrade."""
    given: dict[str, Any] = {
        "id": an_id(number),
        "seen_at": NIGHT,
        "mode": "ReplicaSet",
        "whole_version": "4.0.3.5",
        "patch_available": True,
        "node_states": ("normal",),
    }
    return Instance(**{**given, **facts})


def a_result(**facts: Any) -> BatchResult:
    """An answered call."""
    given: dict[str, Any] = {
        "outcome": "answered",
        "finished_at": NIGHT,
        "sent_at": NIGHT - timedelta(seconds=1),
        "http_status": 202,
    }
    return BatchResult(**{**given, **facts})


def a_lane(**facts: Any) -> Lane:
    """A target's queue with one ready group."""
    given: dict[str, Any] = {
        "target": "prod",
        "ready_groups": ("default",),
        "next_ready_at": None,
        "in_flight": 0,
        "stops": (),
    }
    return Lane(**{**given, **facts})


def a_stop(kind: str = "pause", **facts: Any) -> Stop:
    """A stop of target `prod`."""
    given: dict[str, Any] = {
        "scope": "prod",
        "kind": kind,
        "reason": "billing run",
        "actor": "kim",
        "since": NIGHT,
    }
    return Stop(**{**given, **facts})


def nightly(
    *, cutoff: timedelta = timedelta(0), name: str = "nightly", start: str = "01:00"
) -> Window:
    """Daily, in UTC, from `start` to 05:00."""
    return Window(
        name=name,
        zone="UTC",
        days=(parse_days("daily"),),
        start=parse_local_time(start),
        end=parse_local_time("05:00", end=True),
        cutoff=cutoff,
    )


def always() -> Window:
    """Never closed."""
    return Window(name="always", zone="UTC", always=True)


def a_freeze(first: date = date(2026, 11, 20), last: date = date(2026, 11, 30)) -> Freeze:
    """Whole days in UTC."""
    return Freeze(name="peak", reason="peak trade", zone="UTC", start=first, end=last)


def a_calendar(*windows: Window, freezes: tuple[Freeze, ...] = ()) -> Calendar:
    """A calendar of these windows; every group has all of them."""
    return Calendar({window.name: window for window in windows}, freezes, {})
