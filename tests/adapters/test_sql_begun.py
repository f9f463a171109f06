"""PostgreSQL begins to write what came of a call while the next one is decided; nothing hangs on it."""

import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from fakes.pooler import NEEDS_POOLER, pooler
from fakes.postgres import fresh_database
from fakes.wishes import ANSWERED, accepted, added, batch_of, claimed, moved, wish
from offpeakd.adapters.sql import claims, look, single_messages
from offpeakd.adapters.sql.connections import MOST
from offpeakd.adapters.sql.planned import OFTEN
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.transactions import Question
from offpeakd.core.batch import as_claimed
from offpeakd.core.model import State
from offpeakd.ports import Behind, Claim, Claimed, Settled

OpenStore = Callable[[], SqlStore]


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "me")) as opened:
        yield opened


@pytest.fixture
def other(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "other")) as opened:
        yield opened


def _look_often(store: SqlStore) -> None:
    """By then a connection knows that it is the server it talks to."""
    for _ in range(OFTEN):
        store.stops()


def _said(store: SqlStore, words: str) -> Sequence[Any]:
    with store._database.read() as connection:
        return connection.exec_driver_sql(words).all()


def _settled(store: SqlStore) -> Settled:
    _look_often(store)
    before = claimed(store, wish(1), wish(2))
    return Settled("b1", ANSWERED, [accepted(one, f"job-{one.id}") for one in before])


def _begin(store: SqlStore, settled: Settled) -> None:
    store.begin_record(settled)
    assert store._begun


def _await_the_end(store: SqlStore) -> None:
    """Until the server has hung up on what was begun: it lets go of the locks a moment before."""
    [begun] = store._begun.values()
    driver = begun.connection.driver
    ended = select.poll()
    ended.register(driver.pgconn.socket, select.POLLRDHUP)
    assert ended.poll(10_000)


def _states(store: SqlStore, *numbers: int) -> list[State]:
    found = [store.get(number) for number in numbers]
    return [one.state for one in found if one is not None]


def _told(store: SqlStore, number: int) -> list[str]:
    return [one.kind for one in store.events(number)]


def _cut_all(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as there:
        there.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_nobody_sees_what_is_only_begun(store: SqlStore, other: SqlStore) -> None:
    settled = _settled(store)
    _begin(store, settled)
    assert _states(other, 1, 2) == [State.SUBMITTING] * 2
    assert store.record("b1", ANSWERED, settled.changes) == ()
    assert _states(other, 1, 2) == [State.RUNNING] * 2
    assert _told(other, 1) == ["added", "submitting", "accepted"]


def test_a_claim_ends_what_was_begun(store: SqlStore, other: SqlStore) -> None:
    settled = _settled(store)
    after = batch_of(added(store, wish(3)), "b2")
    _begin(store, settled)
    assert store.claim(after, None, settled) == Claim(Claimed.TAKEN)
    assert _states(other, 1, 2, 3) == [State.RUNNING, State.RUNNING, State.SUBMITTING]
    assert _told(other, 1) == ["added", "submitting", "accepted"]


def test_what_was_begun_and_is_lost_with_its_connection_is_written_on_another(
    store: SqlStore, url: str
) -> None:
    settled = _settled(store)
    _begin(store, settled)
    _cut_all(url)
    assert store.record("b1", ANSWERED, settled.changes) == ()
    assert _told(store, 1) == ["added", "submitting", "accepted"]


def test_who_falls_silent_after_having_begun_keeps_nobody_from_writing(
    url: str, other: SqlStore
) -> None:
    with closing(SqlStore(url, "me", lock_patience=timedelta(milliseconds=500))) as store:
        settled = _settled(store)
        one, _ = (change.before for change in settled.changes)
        _begin(store, settled)
        assert other.apply([moved(one, State.UNKNOWN)]) == (), "after the server gave it up"
        _await_the_end(store)
        assert store.record("b1", ANSWERED, settled.changes) == (1,)
    assert _states(other, 1, 2) == [State.UNKNOWN, State.RUNNING]


def test_who_read_before_waits_for_nothing_that_is_begun(store: SqlStore, other: SqlStore) -> None:
    one, two = added(store, wish(1), wish(2))
    stale = batch_of([two, one], "b2", owner="other")
    assert store.claim(batch_of([one], "b1"))
    [before] = as_claimed(batch_of([one], "b1"))
    settled = Settled("b1", ANSWERED, [accepted(before)])
    _look_often(store)
    _begin(store, settled)
    assert other.claim(stale) == Claim(Claimed.NOT_AS_READ)
    assert other.apply([moved(one, State.CANCELLED)]) == (one.id,)
    begun = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    assert _said(store, begun) == [(1,)], "the server has not given it up"
    assert store.record("b1", ANSWERED, settled.changes) == ()


def test_many_that_have_begun_leave_connections_for_the_rest(store: SqlStore) -> None:
    batches = [batch_of(added(store, wish(n)), f"x{n}") for n in range(9, MOST + 10)]
    settled: list[Settled] = []
    _settled(store)
    for one in batches:
        assert store.claim(one)
        changes = [accepted(request, f"job-{request.id}") for request in as_claimed(one)]
        settled.append(Settled(one.id, ANSWERED, changes))
        store.begin_record(settled[-1])
    assert store.stops() == ()
    for each in settled:
        assert store.record(each.batch_id, ANSWERED, each.changes) == ()
    assert {one.state for one in store.in_flight("prod", frozenset({State.RUNNING}), 0, 99)} == {
        State.RUNNING
    }


def test_a_claim_that_is_written_is_taken_whatever_becomes_of_its_name(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise psycopg.errors.UndefinedTable

    monkeypatch.setattr(store._database._messages._planned, "learn", fail)
    settled = _settled(store)
    after = batch_of(added(store, wish(3)), "b2")
    _begin(store, settled)
    assert store.claim(after, None, settled) == Claim(Claimed.TAKEN)
    assert _states(store, 1, 2, 3) == [State.RUNNING, State.RUNNING, State.SUBMITTING]


STOPS: list[Question] = [(look._STOPS, {"scope": "prod"})]
SOUND: list[Question] = [(Prepared("SELECT 1"), {})]


def _taken(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, *asked: list[Question]
) -> Behind | None:
    """A claim that is taken, and ends what was begun; what it gives of the queue behind it."""
    monkeypatch.setattr(claims, "questions", lambda *_, **__: asked)
    settled = _settled(store)
    after = batch_of(added(store, wish(3)), "b2")
    _begin(store, settled)
    claim = store.claim(after, None, settled, ahead=5)
    assert (claim.standing, claim.lost) == (Claimed.TAKEN, ())
    return claim.behind


def _all_is_given_back(store: SqlStore) -> None:
    assert _states(store, 1, 2, 3) == [State.RUNNING, State.RUNNING, State.SUBMITTING]
    left_open = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND starts_with(state, 'idle in transaction')"
    )
    assert _said(store, left_open) == [(0,)]
    messages = store._database._messages
    for _ in range(single_messages._MOST_BEGUN):
        assert messages._room_to_begin.acquire(blocking=False)


@pytest.mark.parametrize("of", ["the stops", "the rest"])
@pytest.mark.parametrize(
    "look",
    [
        "1 / 0",
        "'infinity'::timestamptz",
        "pg_terminate_backend(pg_backend_pid(), 0)",
        "pg_cancel_backend(pg_backend_pid())",
        "pg_sleep(60)",
    ],
)
def test_a_claim_is_taken_whatever_becomes_of_the_look_behind_it(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, look: str, of: str
) -> None:
    broken: list[Question] = [(Prepared(f"SELECT {look}"), {})]
    parts = (broken, SOUND) if of == "the stops" else (STOPS, broken)
    behind = _taken(store, monkeypatch, *parts)

    assert behind is None if of == "the stops" else behind and behind.read() is None
    _all_is_given_back(store)


@pytest.mark.parametrize(
    "look", ["pg_terminate_backend(pg_backend_pid(), 0)", "'infinity'::timestamptz"]
)
def test_a_look_that_costs_its_connection_costs_no_place_in_the_pool(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    broken: list[Question] = [(Prepared(f"SELECT {look}"), {})]
    monkeypatch.setattr(claims, "questions", lambda *_, **__: (STOPS, broken))
    for number in range(MOST + 1):
        claim = store.claim(batch_of(added(store, wish(number)), f"b{number}"), ahead=5)
        assert claim.behind is not None
        assert claim.behind.read() is None

    assert store.stops() == ()
    assert store._database._connections._room._value == MOST


def test_nothing_is_named_while_the_cloud_works_on_a_call(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = _taken(store, monkeypatch, STOPS, SOUND)

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(store._database._messages._planned, "learn", fail)
    assert behind is not None
    behind.read()
    monkeypatch.undo()
    _all_is_given_back(store)


def test_a_look_whose_server_falls_silent_is_given_up(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[int] = []
    begin = store.begin_record

    def watched(settled: Settled) -> None:
        begin(settled)
        [begun] = store._begun.values()
        servers.append(begun.connection.driver.info.backend_pid)

    monkeypatch.setattr(store, "begin_record", watched)
    slow: list[Question] = [(Prepared("SELECT pg_sleep(0.4)"), {})]
    behind = _taken(store, monkeypatch, STOPS, slow)
    [server] = servers
    os.kill(server, signal.SIGSTOP)
    try:
        assert behind is not None
        assert behind.read() is None
        _all_is_given_back(store)
    finally:
        os.kill(server, signal.SIGCONT)


def test_what_nobody_has_read_yet_leaves_connections_for_the_rest(
    store: SqlStore,
) -> None:
    _look_often(store)
    unread: list[Behind | None] = []
    for number in range(MOST):
        before = batch_of(added(store, wish(2 * number)), f"x{number}")
        assert store.claim(before)
        changes = [accepted(one, f"job-{one.id}") for one in as_claimed(before)]
        settled = Settled(before.id, ANSWERED, changes)
        store.begin_record(settled)
        after = batch_of(added(store, wish(2 * number + 1)), f"y{number}")
        unread.append(store.claim(after, None, settled, ahead=5).behind)

    assert store.stops() == ()
    assert all(one is not None and one.read() is not None for one in unread)


@NEEDS_POOLER
def test_a_claim_shows_the_queue_behind_its_batch_behind_a_pooler(url: str) -> None:
    with pooler(url) as pooled, closing(SqlStore(pooled, "me")) as store:
        for turn in range(2 * OFTEN):
            one, two = added(store, wish(2 * turn), wish(2 * turn + 1))
            claim = store.claim(batch_of([one], f"x{turn}"), ahead=5)
            assert claim.behind is not None
            behind = claim.behind.read()
            assert behind is not None
            assert behind.first == (two,)
            assert store.claim(batch_of([two], f"y{turn}"))


@NEEDS_POOLER
def test_nothing_is_begun_behind_a_pooler(url: str) -> None:
    with pooler(url) as pooled, closing(SqlStore(pooled, "me")) as store:
        settled = _settled(store)
        store.begin_record(settled)
        assert not store._begun
        assert store.record("b1", ANSWERED, settled.changes) == ()
        assert _states(store, 1, 2) == [State.RUNNING] * 2
