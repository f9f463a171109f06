"""What is kept as JSON can be read as such by anybody, not only by this program."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from fakes.postgres import fresh_database
from fakes.wishes import ANSWERED, NOON, accepted, claimed, wish
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.adapters.sql.tables import metadata
from offpeakd.core.lane import Stop
from offpeakd.core.seen import Instance
from offpeakd.ports import DaemonRow

_COLUMNS = [
    (table.name, column.name)
    for table in metadata.tables.values()
    for column in table.columns
    if type(column.type).__name__ == "Json"
]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/offpeakd.db"
        ensure(url)
        with closing(SqlStore(url, "me")) as opened:
            yield opened
        return
    with fresh_database() as url, closing(SqlStore(url, "me")) as opened:
        yield opened


def _fill(store: SqlStore) -> None:
    store.beat(DaemonRow("me", "host", 1, "1", ("prod",), NOON, NOON, "c0ffee"))
    store.see_instances("prod", [Instance("one", NOON, tags={"env": "prod"})])
    [one] = claimed(store, wish(1))
    store.record("b1", ANSWERED, [accepted(one)])
    store.put_stop(Stop("*", "pause", "a flood", "ann", NOON))
    assert store.lift_stop("*", frozenset({"pause"}), "ann", "over", NOON)


def test_json_is_kept_as_objects_and_lists(store: SqlStore) -> None:
    _fill(store)
    kind_of = "json_type" if store._database.is_sqlite else "jsonb_typeof"
    assert len(_COLUMNS) == 8
    with store._database.read() as connection:
        for table, column in _COLUMNS:
            asked = f"SELECT DISTINCT {kind_of}({column}) FROM {table}"  # noqa: S608  # our own names
            kinds = connection.execute(sa.text(asked))
            assert set(kinds.scalars()) <= {"object", "array"}, (table, column)


def test_a_person_finds_who_was_asked_for_what_by_the_databases_own_words(store: SqlStore) -> None:
    _fill(store)
    with store._database.read() as connection:
        asked = "SELECT detail ->> 'reason' FROM event WHERE kind = 'stopped'"
        assert connection.execute(sa.text(asked)).scalar_one() == "a flood"
