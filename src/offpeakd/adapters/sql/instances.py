"""Stores what was seen of instances: thousands at a time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from offpeakd.adapters.sql.kinds import instant_text, json_text
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.rows import INSTANCE_COLUMNS
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.seen import Instance

_AT_ONCE: Final = 1000
"""Instances of one statement of PostgreSQL; a page of JSON holds as many in some 300 kB."""

LATEST: Final = timedelta(minutes=10)
"""A look is stored seconds after it. What was seen so much later was seen by a clock that was wrong."""

_values_of: Final = attrgetter(*INSTANCE_COLUMNS)
_NEWS: Final = tuple(name for name in INSTANCE_COLUMNS if name != "id")


_SQLITE: Final = Prepared(
    f"INSERT INTO instance (target, {', '.join(INSTANCE_COLUMNS)})"  # noqa: S608  # our own names
    f" VALUES (:target, {', '.join(f':{name}' for name in INSTANCE_COLUMNS)})"
    " ON CONFLICT (target, id) DO UPDATE SET"
    f" {', '.join(f'{name} = excluded.{name}' for name in _NEWS)}"
    " WHERE excluded.seen_at >= instance.seen_at OR instance.seen_at > :soon"
)
# A list of rows as one value: a statement a row costs PostgreSQL five times as much.
_POSTGRESQL: Final = f"""
WITH told AS (
  INSERT INTO instance (target, id, {", ".join(_NEWS)})
  SELECT %(target)s, id, {", ".join(_NEWS)} FROM json_to_recordset(%(seen)s::json) AS seen (
    id text, seen_at timestamptz, name text, mode text, status text, actions jsonb, version text,
    whole_version text, patch_available boolean, node_states jsonb, tags jsonb)
  ON CONFLICT (target, id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _NEWS)}
  WHERE excluded.seen_at >= instance.seen_at OR instance.seen_at > %(soon)s::timestamptz
  RETURNING 1
) SELECT count(*) FROM told
"""  # noqa: S608  # names of our own columns


def see_instances(database: Database, target: str, instances: Sequence[Instance]) -> None:
    """Remember instances as they were seen, where nobody has seen them since; of distinct ids."""
    # In the order of ids: two writers then never wait for each other.
    ordered = sorted(instances, key=attrgetter("id"))
    if not ordered:
        return
    soon = max(one.seen_at for one in ordered) + LATEST
    if database.is_sqlite:
        common: dict[str, Any] = {
            "target": target,
            **_facts(ordered[0]),
            "tags": {},
            "soon": soon,
        }
        rows = [_row(one) for one in ordered]
        with database.driver_write() as connection:
            _SQLITE.each_like(connection, common, rows)
        return
    for start in range(0, len(ordered), _AT_ONCE):
        some = [_member(one) for one in ordered[start : start + _AT_ONCE]]
        values = {"target": target, "seen": json_text(some), "soon": soon}
        database.write_whole([_POSTGRESQL], values)


def _facts(one: Instance) -> dict[str, Any]:
    return dict(zip(INSTANCE_COLUMNS, _values_of(one), strict=True))


def _row(one: Instance) -> Mapping[str, Any]:
    """As SQLite's driver takes it: of what takes time to convert, thousands have the same."""
    row = _facts(one)
    row["seen_at"] = instant_text(one.seen_at)
    row["actions"] = _list_text(one.actions)
    row["node_states"] = _list_text(one.node_states)
    row["tags"] = json_text(dict(one.tags)) if one.tags else "{}"
    return row


def _member(one: Instance) -> Mapping[str, Any]:
    row = _facts(one)
    row["seen_at"] = instant_text(one.seen_at)
    row["tags"] = dict(one.tags)
    return row


@lru_cache(maxsize=256)
def _list_text(words: tuple[str, ...]) -> str:
    return json_text(words)
