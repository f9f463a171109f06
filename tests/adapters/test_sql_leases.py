"""Leases, terms and turns of daemons on one PostgreSQL: rows, by the server's clock."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from fakes.postgres import fresh_database
from fakes.set_clock import SetClock
from fakes.wishes import NOON, accepted, added, batch_of, moved, wish
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import as_claimed
from offpeakd.core.errors import DatabaseError, SchemaError
from offpeakd.core.model import State
from offpeakd.ports import Claimed, DaemonRow, Limits
from offpeakd.service.recover import Recover

Open = Callable[[str], SqlStore]
HOUR = timedelta(hours=1)
PLENTY = Limits(1000, 1000)


def _sql(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as found:
        yield found


@pytest.fixture
def open_store(url: str) -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda owner: stack.enter_context(closing(SqlStore(url, owner)))


def _sign_of(owner: str) -> DaemonRow:
    return DaemonRow(owner, "host", 1, "1", ("prod",), NOON, NOON, "c0ffee")


def _falls_silent(url: str) -> None:
    """As if every daemon had been frozen for longer than its lease."""
    _sql(url, "UPDATE lease SET renewed_at = renewed_at - interval '1 hour'")


def test_the_claims_of_a_living_daemon_are_its_own(open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    one.beat(_sign_of("one"))
    assert one.claim(batch_of(added(one, wish(1)), owner="one"), PLENTY)
    assert other.abandoned("other", 10) == ()


def test_the_claims_of_a_silent_daemon_become_unknown_by_whoever_looks(
    url: str, open_store: Open
) -> None:
    one, other = open_store("one"), open_store("other")
    one.beat(_sign_of("one"))
    batch = batch_of(added(one, wish(1)), owner="one")
    assert one.claim(batch, PLENTY)
    _falls_silent(url)
    assert other.abandoned("other", 10) == as_claimed(batch)
    assert Recover("other", other, SetClock(NOON)).run_once() == 1
    [request] = other.in_flight("prod", frozenset({State.UNKNOWN}), 0, 10)
    assert request.id == batch.requests[0].id


def test_a_daemon_that_was_silent_too_long_claims_nothing_before_its_next_sign_of_life(
    url: str, open_store: Open
) -> None:
    store = open_store("one")
    store.beat(_sign_of("one"))
    request = added(store, wish(1))
    _falls_silent(url)
    for limits in (PLENTY, None):
        assert store.claim(batch_of(request, owner="one"), limits).standing is Claimed.LEASE_LOST
    assert store.attempts(request[0].id) == ()
    store.beat(_sign_of("one"))
    assert store.claim(batch_of(request, owner="one"), PLENTY)


def test_a_lease_that_was_taken_up_again_is_another_term(url: str, open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    one.beat(_sign_of("one"))
    before, after = added(one, wish(1), wish(2))
    first = batch_of([before], "b1", "one")
    assert one.claim(first, PLENTY)
    _falls_silent(url)
    one.beat(_sign_of("one"))
    assert one.claim(batch_of([after], "b2", "one"), PLENTY)
    # The call of the term before may be anywhere; the one of this term is under way.
    assert other.abandoned("other", 10) == as_claimed(first)
    assert one.abandoned("one", 10) == as_claimed(first)


def test_a_sign_of_life_in_time_keeps_the_term(open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    one.beat(_sign_of("one"))
    assert one.claim(batch_of(added(one, wish(1)), owner="one"), PLENTY)
    one.beat(_sign_of("one"))
    assert one.abandoned("one", 10) == ()
    assert other.abandoned("other", 10) == ()


def test_a_late_answer_does_not_overwrite_what_another_daemon_wrote(
    url: str, open_store: Open
) -> None:
    one, other = open_store("one"), open_store("other")
    one.beat(_sign_of("one"))
    batch = batch_of(added(one, wish(1)), owner="one")
    assert one.claim(batch, PLENTY)
    _falls_silent(url)
    Recover("other", other, SetClock(NOON)).run_once()
    [claimed] = as_claimed(batch)
    assert one.apply([accepted(claimed)]) == (claimed.id,)


def test_a_chore_is_one_daemons_until_it_stops_asking(url: str, open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    assert one.take_turn("retention", "one", HOUR)
    assert not other.take_turn("retention", "other", HOUR)
    assert one.take_turn("retention", "one", HOUR)
    assert other.take_turn("expiry", "other", HOUR)
    _sql(url, "UPDATE turn SET until = now() - interval '1 second' WHERE name = 'retention'")
    assert other.take_turn("retention", "other", HOUR)
    assert not one.take_turn("retention", "one", HOUR)


def test_a_turn_that_is_half_over_is_made_longer(url: str, open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    assert one.take_turn("retention", "one", HOUR)
    _sql(url, "UPDATE turn SET until = now() + interval '29 minutes'")
    assert one.take_turn("retention", "one", HOUR)
    _sql(url, "UPDATE turn SET until = until - interval '45 minutes'")
    assert not other.take_turn("retention", "other", HOUR)


def test_a_daemon_that_leaves_gives_its_turns_back(open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    assert one.take_turn("retention", "one", HOUR)
    one.leave("one")
    assert other.take_turn("retention", "other", HOUR)


def test_of_many_that_ask_at_once_one_has_the_turn(open_store: Open) -> None:
    names = [f"d{number}" for number in range(6)]
    start = threading.Barrier(len(names))

    def ask(name: str) -> bool:
        store = open_store(name)
        start.wait(10)
        return store.take_turn("retention", name, HOUR)

    with ThreadPoolExecutor(len(names)) as pool:
        assert sorted(pool.map(ask, names)) == [False] * 5 + [True]


def test_reads_of_all_daemons_share_the_calls_of_a_target(open_store: Open) -> None:
    one, other = open_store("one"), open_store("other")
    assert one.take_call("prod", 3) is None
    assert other.take_call("prod", 3) is None
    assert one.claim(batch_of(added(one, wish(1))), Limits(10, 3))
    missing = other.take_call("prod", 3)
    assert missing is not None
    assert timedelta(0) < missing <= timedelta(minutes=1)
    assert other.take_call("elsewhere", 3) is None


def test_calls_older_than_a_minute_leave_room_and_are_forgotten(url: str, open_store: Open) -> None:
    store = open_store("one")
    for _ in range(3):
        assert store.take_call("prod", 3) is None
    _sql(url, "UPDATE call SET at = at - interval '59 seconds'")
    assert store.take_call("prod", 3) is not None
    _sql(url, "UPDATE call SET at = at - interval '3 seconds'")
    for _ in range(3):
        assert store.take_call("prod", 3) is None
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM call").fetchone() == (3,)


def test_calls_that_lie_ahead_of_a_clock_that_was_set_back_block_nothing(
    url: str, open_store: Open
) -> None:
    store = open_store("one")
    assert store.take_call("prod", 1) is None
    _sql(url, "UPDATE call SET at = at + interval '1 hour'")
    assert store.take_call("prod", 1) is None


def test_on_sqlite_the_one_daemon_has_every_turn_and_counts_its_own_reads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    with closing(SqlStore(url, "one")) as store:
        assert store.take_turn("retention", "one", HOUR)
        assert all(store.take_call("prod", 1) is None for _ in range(3))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_daemon_notices_with_its_sign_of_life_that_the_schema_is_newer(
    kind: str, url: str, tmp_path: Path
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/offpeakd.db"
        ensure(url)
    with closing(SqlStore(url, "one")) as store:
        store.beat(_sign_of("one"))
        with store._database.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(SchemaError, match="newer offpeakd") as refused:
            store.beat(_sign_of("one"))
        assert refused.value.exit_code == 6


def test_a_daemon_passes_over_what_another_is_claiming_at_this_moment(open_store: Open) -> None:
    one, other, reader = open_store("one"), open_store("other"), open_store("reader")
    requests = added(one, *(wish(number) for number in range(6)))
    for name, store in (("one", one), ("other", other)):
        store.beat(_sign_of(name))
    with one._database.write() as connection:
        connection.exec_driver_sql(
            "SELECT id FROM request ORDER BY id LIMIT 3 FOR NO KEY UPDATE"
        ).all()
        assert other.ready("prod", "default", 3) == requests[3:]
        # Who only looks is told of all of them, and stands in nobody's way.
        assert reader.ready("prod", "default", 9) == requests
    assert other.ready("prod", "default", 3) == requests[:3]


def test_daemons_on_one_target_drain_it_between_them(open_store: Open) -> None:
    added(open_store("adder"), *(wish(number) for number in range(200)))

    def drain(name: str) -> tuple[list[int], int]:
        store, taken, lost = open_store(name), list[int](), 0
        store.beat(_sign_of(name))
        while ready := store.ready("prod", "default", 10):
            batch = batch_of(ready, f"{name}-{len(taken)}-{lost}", name)
            if store.claim(batch, PLENTY):
                taken += [one.id for one in ready]
            else:
                lost += 1
        return taken, lost

    with ThreadPoolExecutor(3) as pool:
        drained = list(pool.map(drain, ["one", "two", "three"]))
    everything = [number for taken, _ in drained for number in taken]
    assert len(everything) == len(set(everything)) == 200


def test_a_writer_that_is_frozen_loses_its_transaction_before_others_give_up(url: str) -> None:
    patience = timedelta(seconds=1)
    with (
        closing(SqlStore(url, "frozen", lock_patience=patience)) as frozen,
        closing(SqlStore(url, "other", lock_patience=patience)) as other,
    ):
        [one] = added(frozen, wish(1))
        writing = frozen._database.write()
        connection = writing.__enter__()
        connection.exec_driver_sql("UPDATE request SET priority = 1")
        assert other.apply([moved(one, State.CANCELLED)]) == ()
        with pytest.raises(DatabaseError):
            writing.__exit__(None, None, None)
        assert other.get(one.id) == moved(one, State.CANCELLED).after
