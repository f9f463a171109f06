"""One suite for every store: each test runs in memory, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.memory_rows import Rows
from fakes.memory_store import MemoryStore
from fakes.postgres import fresh_database
from fakes.wishes import OpenStore
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.ports import Store


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens any number of stores on one database."""
    with ExitStack() as closing:
        if request.param == "memory":
            rows = Rows()
            yield lambda owner: MemoryStore(owner, rows, look_at=_real_now)
            return
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/offpeakd.db"
            ensure(url)
        else:
            url = closing.enter_context(fresh_database())

        def opened(owner: str) -> Store:
            store = SqlStore(url, owner)
            closing.callback(store.close)
            return store

        yield opened


def _real_now() -> datetime:
    """The clock that the databases' views read; tests stay years away from its edges."""
    return datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store("me")
