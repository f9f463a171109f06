"""Pausing stops releases; resuming says what was mended."""

from dataclasses import replace

import pytest

from fakes.builders import NOON, a_stop
from fakes.memory_store import MemoryStore
from offpeakd.core.errors import UsageError
from offpeakd.core.lane import Stop
from offpeakd.service.stops import pause, resume


def a_store(*stops: Stop) -> MemoryStore:
    store = MemoryStore()
    for stop in stops:
        store.put_stop(stop)
    return store


def test_a_pause_replaces_the_one_before_and_hands_it_back() -> None:
    store = MemoryStore()

    assert pause(store, "*", "ann", " audit ", NOON) is None
    assert pause(store, "*", "kim", "billing", NOON) == Stop("*", "pause", "audit", "ann", NOON)
    assert store.stops() == (Stop("*", "pause", "billing", "kim", NOON),)


def test_a_reason_has_to_say_something() -> None:
    store = a_store(a_stop())

    with pytest.raises(UsageError, match="the reason is empty"):
        pause(store, "*", "ann", "  ", NOON)
    with pytest.raises(UsageError, match="the reason is empty"):
        resume(store, "prod", "ann", "")

    assert store.stops() == (a_stop(),)


@pytest.mark.parametrize(
    ("scope", "stop", "lifted"),
    [
        pytest.param("prod", a_stop(), True, id="pause of the target"),
        pytest.param("test", a_stop(), False, id="pause of another target"),
        pytest.param("*", a_stop(), False, id="a target's pause outlives resuming everything"),
        pytest.param("prod", replace(a_stop(), scope="*"), False, id="nor the other way round"),
        pytest.param("*", replace(a_stop(), scope="*"), True, id="pause of everything"),
        pytest.param("prod", a_stop("credentials"), True, id="credentials"),
        pytest.param("prod", a_stop("permission"), True, id="permission"),
        pytest.param("*", a_stop("configuration"), True, id="configuration, by everything"),
        pytest.param("test", a_stop("credentials"), False, id="credentials of another target"),
        pytest.param("prod", a_stop("throttled"), True, id="throttled, before it ends by itself"),
        pytest.param("*", a_stop("unreachable"), True, id="unreachable, by everything"),
        pytest.param("test", a_stop("unreachable"), False, id="unreachable of another target"),
    ],
)
def test_resuming_lifts_what_it_names(scope: str, stop: Stop, lifted: bool) -> None:
    store = a_store(stop)

    done = resume(store, scope, "ann", "mended")

    assert done.lifted == ((stop,) if lifted else ())
    assert store.stops() == (() if lifted else (stop,))
    still_paused = stop.kind == "pause" and not lifted
    assert done.left == ((stop,) if still_paused else ())
