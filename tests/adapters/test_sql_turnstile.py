"""Writers of one process on SQLite: each in its turn, and nobody for ever."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.installation import patiently
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.transactions import Database
from offpeakd.adapters.sql.turnstile import Turnstile
from offpeakd.core.errors import DatabaseError

WRITERS = 6
LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=50)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    with closing(Database(address_of(url))) as opened:
        yield opened


def _has_waiting(turnstile: Turnstile | None, number: int) -> bool:
    assert turnstile is not None
    return patiently(lambda: len(turnstile._waiting) == number)


def test_whoever_came_first_goes_first() -> None:
    turnstile, went = Turnstile(LONG), list[int]()

    def pass_through(number: int) -> None:
        assert turnstile.enter()
        went.append(number)
        turnstile.leave()

    assert turnstile.enter()
    threads = [threading.Thread(target=pass_through, args=(one,)) for one in range(WRITERS)]
    for place, thread in enumerate(threads, start=1):
        thread.start()
        assert _has_waiting(turnstile, place)
    turnstile.leave()
    for thread in threads:
        thread.join(20)

    assert went == list(range(WRITERS))
    assert turnstile.enter(), "nobody holds it any more"


def test_one_who_lost_patience_keeps_nobody_behind_waiting() -> None:
    turnstile = Turnstile(SHORT)

    assert turnstile.enter()
    assert not turnstile.enter()
    turnstile.leave()
    assert turnstile.enter()


def test_a_turn_that_comes_while_patience_runs_out_is_either_had_or_passed_on() -> None:
    """Whatever the two threads do at the same moment, the turn is never lost."""
    turnstile = Turnstile(timedelta(milliseconds=1))
    for _ in range(200):
        assert turnstile.enter()
        came: list[bool] = []
        other = threading.Thread(target=lambda came=came: came.append(turnstile.enter()))
        other.start()
        other.join(0.001)
        turnstile.leave()
        other.join(20)
        if came == [True]:
            turnstile.leave()
        assert not turnstile._taken


@pytest.mark.parametrize("handed_over", [False, True])
def test_one_who_is_interrupted_while_waiting_leaves_the_turn_to_others(
    *, handed_over: bool
) -> None:
    turnstile = Turnstile(LONG)

    class Interrupted:
        """Stands for the lock at which a thread waits when a signal's handler raises."""

        def acquire(self, timeout: float) -> bool:
            assert timeout == LONG.total_seconds()
            if handed_over:
                turnstile.leave()
            raise KeyboardInterrupt

        def release(self) -> None:
            assert handed_over

    waiting: Any = Interrupted()
    assert turnstile.enter()
    turnstile._waiting.append(waiting)
    with pytest.raises(KeyboardInterrupt):
        turnstile._wait_at(waiting)
    if not handed_over:
        turnstile.leave()
    assert not turnstile._taken
    assert not turnstile._waiting


def test_writers_of_one_database_write_in_the_order_in_which_they_came(
    database: Database,
) -> None:
    went: list[int] = []

    def write(number: int) -> None:
        with database.write():
            went.append(number)

    threads = [threading.Thread(target=write, args=(one,)) for one in range(WRITERS)]
    with database.write():
        for place, thread in enumerate(threads, start=1):
            thread.start()
            assert _has_waiting(database._writers, place)
    for thread in threads:
        thread.join(20)

    assert went == list(range(WRITERS))


def test_a_transaction_that_fails_gives_its_turn_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write():
        raise ZeroDivisionError
    with pytest.raises(DatabaseError), database.write() as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM turn")


def test_a_turn_that_does_not_come_ends_as_a_database_locked_by_another_program(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    told: list[str] = []
    with (
        closing(Database(address_of(url), lock_patience=SHORT)) as one,
        closing(Database(address_of(url), lock_patience=SHORT)) as other,
        one.write(),
    ):
        for impatient in (one, other):
            with pytest.raises(DatabaseError) as error, impatient.write():
                pytest.fail("two writers at once")
            told.append(str(error.value))

    assert "SQLITE_BUSY" in told[0]
    assert told[0] == told[1], "in turn, or by SQLite's own lock: it is the same to a person"


def test_readers_need_no_turn(database: Database) -> None:
    with database.write(), database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM request").scalar() == 0
