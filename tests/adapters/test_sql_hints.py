"""What PostgreSQL says of work that became ready, and how it is heard."""

import queue
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import psycopg
import pytest
import structlog

from fakes.postgres import Server, fresh_database
from fakes.wishes import ANSWERED, NOON, accepted, added, batch_of, claimed, moved, wish
from offpeakd.adapters.clock import SystemClock
from offpeakd.adapters.sql.hints import PostgresHints
from offpeakd.adapters.sql.schema import check, ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import as_claimed
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request, State

CLOCK = SystemClock()
SOON = 10.0
"""Seconds; far more than a hint takes."""

PAUSE = Stop("*", "pause", "fire drill", "ann", NOON)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "me")) as opened:
        yield opened
    _run(url, "TRUNCATE request, batch, attempt, event, control CASCADE")


def _driver_address(url: str) -> str:
    return url.replace("+psycopg", "")


def _run(url: str, statement: str) -> None:
    with psycopg.connect(_driver_address(url), autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def said(url: str) -> Iterator[list[str]]:
    """Every word that is said within, in its order."""
    words: list[str] = []
    with psycopg.connect(_driver_address(url), autocommit=True) as listener:
        listener.execute("LISTEN offpeakd")
        yield words
        # Words come in the order of their commits: what was to come has come before this.
        _run(url, "NOTIFY offpeakd, 'that was all'")
        for one in listener.notifies(timeout=SOON):
            if one.payload == "that was all":
                return
            words.append(one.payload)
    pytest.fail("the last word did not come")


def _running(store: SqlStore, *wishes: Request) -> tuple[Request, ...]:
    changes = [accepted(one, f"j{one.id}") for one in claimed(store, *wishes)]
    assert store.apply(changes) == ()
    return tuple(change.after for change in changes)


def test_an_addition_is_one_word_for_each_target_however_large_it_is(
    url: str, store: SqlStore
) -> None:
    with said(url) as words:
        added(store, *(wish(number, target=f"t{number % 3}") for number in range(3000)))

    assert sorted(words) == ["t0", "t1", "t2"]


def test_what_is_not_to_be_sent_is_not_spoken_of(url: str, store: SqlStore) -> None:
    with said(url) as words:
        added(store, wish(1, held_reason="not yet"))
        [queued] = added(store, wish(2, target="other"))
        store.apply([moved(queued, State.CANCELLED, finished_at=NOON)])
        added(store, wish(1, held_reason="again"))

    assert words == ["other"]


@pytest.mark.parametrize(
    "way",
    [(State.FAILED,), (State.UNKNOWN,), (State.UNKNOWN, State.NEEDS_REVIEW)],
    ids=lambda way: way[-1].value,
)
def test_a_request_that_is_queued_again_is_spoken_of(
    url: str, store: SqlStore, way: tuple[State, ...]
) -> None:
    [one] = claimed(store, wish(1))
    for state in way:
        change = moved(one, state)
        assert store.apply([change]) == ()
        one = change.after
    with said(url) as words:
        assert store.apply([moved(one, State.QUEUED)]) == ()

    assert words == ["prod"]


def test_the_end_of_a_hold_is_spoken_of_and_its_beginning_is_not(url: str, store: SqlStore) -> None:
    [one] = added(store, wish(1))
    hold = moved(one, State.QUEUED, held_reason="wait for ann")
    with said(url) as words:
        assert store.apply([hold]) == ()
    assert words == []
    with said(url) as words:
        assert store.apply([moved(hold.after, State.QUEUED, held_reason=None)]) == ()

    assert words == ["prod"]


def test_claims_and_their_answers_are_written_in_silence(url: str, store: SqlStore) -> None:
    one, two, three = added(store, wish(1), wish(2), wish(3))
    with said(url) as words:
        batch = batch_of([one, two, three])
        assert store.claim(batch)
        taken, refused, lost = as_claimed(batch)
        answers = [
            accepted(taken),
            moved(refused, State.QUEUED, wait_until=NOON),
            moved(lost, State.UNKNOWN, unknown_since=NOON),
        ]
        assert store.record(batch.id, ANSWERED, answers) == ()
        # What waited until now is made ready, which every daemon knows when to do.
        store.lane("prod", NOON + timedelta(hours=1))

    assert words == []


def test_room_that_an_ended_upgrade_leaves_is_spoken_of(url: str, store: SqlStore) -> None:
    one, two = _running(store, wish(1), wish(2))
    with said(url) as words:
        ends = [moved(one, State.SUCCEEDED), moved(two, State.FAILED, error_code="X")]
        assert store.apply(ends) == ()

    assert words == ["prod"]


@pytest.mark.parametrize("scope", ["*", "prod"])
def test_a_stop_that_is_lifted_is_spoken_of_and_one_that_is_set_is_not(
    url: str, store: SqlStore, scope: str
) -> None:
    with said(url) as words:
        store.put_stop(replace(PAUSE, scope=scope))
        store.put_stop(replace(PAUSE, scope=scope, reason="longer"))
        store.high_water(NOON)
    assert words == []
    with said(url) as words:
        assert store.lift_stop(scope, frozenset({"pause"}), "ann", "over") == 1
        assert store.lift_stop(scope, frozenset({"pause"}), "ann", "over") == 0

    assert words == [scope]


def test_no_name_of_a_target_is_too_long_to_be_added(url: str, store: SqlStore) -> None:
    with said(url) as words:
        added(store, wish(1, target="\N{SNOWMAN}" * 9000))

    assert words == ["\N{SNOWMAN}" * 500]


def test_a_hint_that_somebody_dropped_is_found() -> None:
    with fresh_database() as own:
        assert check(own) == ()
        _run(own, "DROP TRIGGER hint_lifted ON control")
        assert check(own) == ("the trigger hint_lifted is missing",)


class Listening:
    """Hints that are listened to, and what came of it."""

    def __init__(self, url: str, renewal: timedelta = timedelta(minutes=5)) -> None:
        self.heard = queue.Queue[str]()
        self.hints = PostgresHints(url, CLOCK, renewal)

    def __enter__(self) -> Self:
        self.hints.start(self.heard.put)
        return self

    def __exit__(self, *_: object) -> None:
        self.hints.stop()

    def hears(self, word: str, seconds: float = SOON) -> bool:
        """Whether that is the next word."""
        return self.heard.get(timeout=seconds) == word

    def hears_nothing_more(self) -> bool:
        with pytest.raises(queue.Empty):
            self.heard.get(timeout=0.3)
        return True


def test_a_hint_is_heard_at_once_and_many_at_a_time_are_one(url: str, store: SqlStore) -> None:
    with Listening(url) as listening:
        assert listening.hears("*"), "nobody knows what was said before"
        with store._database.write() as connection:
            for _ in range(5):
                connection.exec_driver_sql("NOTIFY offpeakd, 'prod'")
        for _ in range(2):
            added(store, wish(1))
        assert listening.hears("prod")
        assert listening.hears_nothing_more()
        added(store, wish(2, target="other"))
        assert listening.hears("other")


def test_a_connection_that_is_cut_is_made_anew(url: str, store: SqlStore) -> None:
    with structlog.testing.capture_logs() as logged, Listening(url) as listening:
        assert listening.hears("*")
        _run(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query = 'LISTEN offpeakd' AND datname = current_database()",
        )
        assert listening.hears("*")
        added(store, wish(1))
        assert listening.hears("prod")

    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("hints_lost", "info"),
        ("hints_are_back", "info"),
    ]


def test_a_connection_that_served_long_enough_is_replaced_and_hears_as_before(
    url: str, store: SqlStore
) -> None:
    with Listening(url, renewal=timedelta(milliseconds=200)) as listening:
        for _ in range(3):
            assert listening.hears("*")
        words: list[str] = []
        for number in range(50):
            added(store, wish(number))
            words.append(listening.heard.get(timeout=SOON))
            if words[-1] == "prod":
                break

    assert words[-1] == "prod"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that a test may stop."""
    made = Server(Path(tempfile.mkdtemp(prefix="offpeakd-hints-")))
    made.start()
    ensure(made.url)
    yield made
    made.remove()


def test_a_server_that_starts_again_is_listened_to_again(server: Server) -> None:
    with (
        structlog.testing.capture_logs() as logged,
        Listening(server.url) as listening,
        closing(SqlStore(server.url, "me")) as store,
    ):
        assert listening.hears("*")
        server.stop_at_once()
        server.start()
        assert listening.hears("*", 30)
        added(store, wish(1))
        assert listening.hears("prod")

    assert [line["event"] for line in logged] == ["hints_lost", "hints_are_back"]


def test_listening_ends_at_once_whether_connected_or_not(server: Server) -> None:
    with Listening(server.url) as listening:
        assert listening.hears("*")
        began = CLOCK.boottime()
    assert CLOCK.boottime() - began < timedelta(seconds=1)
    server.stop_at_once()
    with structlog.testing.capture_logs() as logged, Listening(server.url) as listening:
        assert listening.hears_nothing_more()
        began = CLOCK.boottime()
    assert CLOCK.boottime() - began < timedelta(seconds=1)
    server.start()
    assert [line["event"] for line in logged] == ["hints_lost"]


def test_what_never_began_may_be_stopped() -> None:
    PostgresHints("postgresql://nobody@nowhere.invalid/x", CLOCK).stop()
