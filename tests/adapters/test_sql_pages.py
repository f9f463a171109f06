"""What a claim leaves alone on SQLite: each page that it changes is written and synced twice."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes.wishes import ANSWERED, accepted, added, batch_of, wish
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import as_claimed
from offpeakd.ports import Limits


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "offpeakd.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore]:
    ensure(f"sqlite:///{file}")
    store = SqlStore(f"sqlite:///{file}", "me")
    yield store
    store.close()


def root_page(file: Path, name: str) -> bytes:
    """The only page of a small index."""
    with closing(sqlite3.connect(file)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
        [number] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
    content = file.read_bytes()
    return content[(number - 1) * size : number * size]


@pytest.mark.parametrize(
    ("index", "stays"),
    [
        pytest.param("uq_request_live", True, id="live requests, which lie anywhere in it"),
        pytest.param("ix_request_ended", True, id="ended ones, likewise"),
        pytest.param("ix_request_claim", False, id="what is ready, in its order"),
    ],
)
def test_a_claim_and_its_answer_change_no_index_in_which_instances_lie_apart(
    store: SqlStore, file: Path, index: str, *, stays: bool
) -> None:
    requests = added(store, *(wish(number) for number in range(40)))
    before = root_page(file, index)
    batch = batch_of(requests[:10])
    assert store.claim(batch, Limits(500, 500))
    changes = [accepted(one, f"job-{one.id}") for one in as_claimed(batch)]
    assert store.record(batch.id, ANSWERED, changes) == ()

    assert (root_page(file, index) == before) is stays
