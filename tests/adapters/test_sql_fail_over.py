"""A daemon's database loses what was committed: nothing is claimed before it knows."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.replica import Replicated
from fakes.set_clock import SetClock
from fakes.wishes import NOON, accepted, added, batch_of, wish
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import as_claimed
from offpeakd.core.model import State
from offpeakd.ports import Claimed, DaemonRow, Filter, Limits
from offpeakd.service.recover import Recover

PLENTY = Limits(1000, 1000)
BEAT = timedelta(seconds=15)
EVERY = Filter()


def _sign(beats: int = 0) -> DaemonRow:
    return DaemonRow("me", "host", 1, "1", ("prod",), NOON, NOON + beats * BEAT, "c0ffee")


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    made = Replicated(Path(tempfile.mkdtemp(prefix="offpeakd-replica-")))
    ensure(made.server.url)
    yield made
    made.server.remove()


@contextmanager
def a_store(url: str) -> Iterator[SqlStore]:
    with closing(SqlStore(url, "me")) as store:
        assert store.beat(_sign())
        yield store


def test_a_fail_over_that_nobody_met_an_error_of_is_seen_before_the_next_claim(
    replicated: Replicated,
) -> None:
    with a_store(replicated.server.url) as store:
        requests = added(store, wish(1), wish(2))
        replicated.replicate()
        assert not store.beat(_sign(1))
        assert store.beat(_sign(1), new_term=True)
        assert store.claim(batch_of([requests[0]], "b1", "me"), PLENTY)
        replicated.fail_over()

        # What was claimed before waits again, and the cloud may have started it.
        assert requests[0] in store.ready("prod", "default", 9)
        again = batch_of([requests[0]], "b2", "me")
        assert store.claim(again, PLENTY).standing is Claimed.LEASE_LOST
        assert store.claim(again).standing is Claimed.LEASE_LOST
        assert not store.beat(_sign(2))
        assert store.claim(again, PLENTY).standing is Claimed.LEASE_LOST
        assert store.beat(_sign(3), new_term=True)
        assert store.claim(again, PLENTY)
        assert store.beat(_sign(4))


def test_an_own_claim_whose_answer_a_fail_over_lost_is_abandoned_with_the_next_term(
    replicated: Replicated,
) -> None:
    with a_store(replicated.server.url) as store:
        batch = batch_of(added(store, wish(11)), "b11", "me")
        assert store.claim(batch, PLENTY)
        replicated.replicate()
        changes = [accepted(one) for one in as_claimed(batch)]
        assert store.apply(changes) == ()
        replicated.fail_over()
        assert store.abandoned("me", 10) == ()
        assert not store.beat(_sign(1))

        assert store.beat(_sign(1), new_term=True)
        Recover("me", store, SetClock(NOON)).run_once()
        assert [one.state for one in store.page(EVERY, batch.requests[0].id - 1, 1)] == [
            State.UNKNOWN
        ]


@pytest.mark.parametrize("change", ["older", "missing"])
def test_a_sign_of_life_that_is_older_or_gone_tells_of_a_copy_that_was_put_back(
    change: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    undo = {
        "older": "UPDATE lease SET beat_at = '2026-01-01T00:00:00.000000Z'",
        "missing": "DELETE FROM lease",
    }[change]
    with a_store(url) as store:
        assert store.beat(_sign(1))
        with store._database.write() as connection:
            connection.exec_driver_sql(undo)

        assert not store.beat(_sign(2))
        assert [one.beat_at for one in store.daemons()] != [_sign(2).beat_at]
        assert store.beat(replace(_sign(3), note="again"), new_term=True)
        assert store.beat(_sign(4))


def test_a_daemon_that_left_and_is_back_has_lost_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/offpeakd.db"
    ensure(url)
    with a_store(url) as store:
        store.leave("me")

        assert store.beat(_sign(1))
