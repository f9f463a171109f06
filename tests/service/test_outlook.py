"""A reader learns why requests wait without changing anything."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, NOON, a_calendar, a_request, a_stop, nightly
from fakes.memory_store import MemoryStore
from offpeakd.core.change import Change
from offpeakd.core.model import State
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Code, Kind, Verdict, hold_text
from offpeakd.ports import DaemonRow, Filter
from offpeakd.service.outlook import is_alive, outlook
from offpeakd.service.rules import Rules

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def rules(**facts: Any) -> Rules:
    given: dict[str, Any] = {
        "calendar": a_calendar(nightly()),
        "policy": Policy(),
        "in_flight": {"prod": 30},
        "config_hash": "c0ffee",
        "tzdata_version": "2026a",
    }
    return Rules(**{**given, **facts})


def a_daemon(**facts: Any) -> DaemonRow:
    given: dict[str, Any] = {
        "owner": "run-1",
        "host": "db1",
        "pid": 42,
        "version": "0.1.0",
        "targets": ("prod",),
        "started_at": NOON,
        "beat_at": NIGHT,
        "config_hash": "c0ffee",
    }
    return DaemonRow(**{**given, **facts})


def a_store(count: int = 1, *, alive: bool = True, **facts: Any) -> MemoryStore:
    store = MemoryStore()
    store.add([a_request(number, id=0, **facts) for number in range(1, count + 1)], "ann")
    if alive:
        store.beat(a_daemon())
    return store


def codes(store: MemoryStore, of: Rules, now: datetime = NIGHT) -> list[str | None]:
    view = outlook(store, of, now)
    verdicts = [view.verdict(one) for one in store.page(Filter(), 0, 100)]
    return [None if one is None else one.code.value for one in verdicts]


def test_the_next_batch_goes_before_the_others() -> None:
    assert codes(a_store(12), rules()) == ["next"] * 10 + ["behind-in-queue"] * 2


def test_the_limit_of_the_target_makes_the_next_batch_smaller() -> None:
    assert codes(a_store(3), rules(in_flight={"prod": 2})) == ["next"] * 2 + ["behind-in-queue"]


@pytest.mark.parametrize(
    ("store", "of", "now", "expected"),
    [
        pytest.param(a_store(), rules(), NOON, "window-closed", id="closed"),
        pytest.param(a_store(alive=False), rules(), NIGHT, "no-daemon", id="nobody at work"),
        pytest.param(a_store(held_reason="audit"), rules(), NIGHT, "held", id="held"),
        pytest.param(
            a_store(wait_until=NIGHT + SECOND, wait_reason="backoff"),
            rules(),
            NIGHT,
            "backoff",
            id="waits for its time",
        ),
        pytest.param(a_store(), rules(in_flight={}), NIGHT, "unknown-target", id="target gone"),
        pytest.param(
            a_store(), rules(notices={"default": NIGHT + SECOND}), NIGHT, "min-notice", id="notice"
        ),
    ],
)
def test_every_kind_of_reason_reaches_the_reader(
    store: MemoryStore, of: Rules, now: datetime, expected: str
) -> None:
    assert codes(store, of, now) == [expected]


def test_a_stop_of_another_target_keeps_nobody_here() -> None:
    store = a_store()
    store.put_stop(a_stop(scope="test"))
    assert codes(store, rules(in_flight={"prod": 30, "test": 30})) == ["next"]

    store.put_stop(a_stop(scope="*"))
    assert codes(store, rules()) == ["paused"]


def test_what_does_not_wait_has_no_verdict() -> None:
    store = a_store()
    (one,) = store.page(Filter(), 0, 1)
    store.apply([Change(one, one.moved_to(State.CANCELLED, NIGHT, finished_at=NIGHT), "cancelled")])

    assert codes(store, rules()) == [None]


@pytest.mark.parametrize(
    ("silent", "alive"),
    [
        pytest.param(timedelta(seconds=59), True, id="just before its claims end"),
        pytest.param(timedelta(seconds=60), True, id="at the last moment"),
        pytest.param(timedelta(seconds=61), False, id="just after"),
    ],
)
def test_a_daemon_is_alive_as_long_as_its_claims_last(silent: timedelta, alive: bool) -> None:
    assert is_alive(a_daemon(), NIGHT + silent, Policy()) is alive


HELD = {"prod": "clock-skew: off by a minute"}
WAITS = {"prod": hold_text(Verdict(Code.CALLS_FORGOTTEN, "wait", until=NIGHT + SECOND))}


@pytest.mark.parametrize(
    ("daemons", "expected"),
    [
        pytest.param([{"holds": HELD}], "clock-skew", id="the only one holds it"),
        pytest.param([{"holds": HELD}, {"owner": "run-2"}], "next", id="another one does not"),
        pytest.param([{"holds": HELD}, {"owner": "run-2", "holds": HELD}], "clock-skew", id="both"),
        pytest.param(
            [{"holds": HELD}, {"owner": "run-2", "targets": ("other",)}],
            "clock-skew",
            id="another one serves other targets",
        ),
        pytest.param(
            [{"holds": HELD}, {"owner": "run-2", "beat_at": NIGHT - Policy().lease_ttl - SECOND}],
            "clock-skew",
            id="another one is silent",
        ),
        pytest.param([{"holds": {"other": "clock-skew: x"}}], "next", id="it holds another target"),
        pytest.param(
            [{"holds": HELD}, {"owner": "run-2", "holds": WAITS}],
            "calls-forgotten",
            id="another one goes on first",
        ),
        pytest.param(
            [{"holds": WAITS}, {"owner": "run-2", "holds": HELD}],
            "calls-forgotten",
            id="it goes on first",
        ),
    ],
)
def test_a_target_waits_for_what_holds_every_daemon_that_serves_it(
    daemons: list[dict[str, Any]], expected: str
) -> None:
    store = a_store(alive=False)
    for facts in daemons:
        store.beat(a_daemon(**facts))

    assert codes(store, rules()) == [expected]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(NIGHT + SECOND - TICK, "calls-forgotten", id="just before its end"),
        pytest.param(NIGHT + SECOND, "next", id="at its end"),
        pytest.param(NIGHT + SECOND + TICK, "next", id="just after"),
    ],
)
def test_a_wait_that_is_over_since_it_was_told_holds_nothing(at: datetime, expected: str) -> None:
    store = a_store(alive=False)
    store.beat(a_daemon(holds=WAITS))

    assert codes(store, rules(), at) == [expected]


def test_of_two_waits_the_one_that_ends_first_is_told() -> None:
    store = a_store(alive=False)
    for number, seconds in enumerate((2, 1, 3)):
        until = NIGHT + seconds * SECOND
        told = hold_text(Verdict(Code.CALLS_FORGOTTEN, "wait", until=until))
        store.beat(a_daemon(owner=f"run-{number}", holds={"prod": told}))
    [request] = store.page(Filter(), 0, 1)

    found = outlook(store, rules(), NIGHT).verdict(request)

    assert found is not None
    assert (found.kind, found.until) == (Kind.WAIT, NIGHT + SECOND)
