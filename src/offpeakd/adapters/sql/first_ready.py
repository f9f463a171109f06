"""The first of many groups that has a ready request."""

import json
from collections.abc import Sequence
from typing import Final

from offpeakd.adapters.sql.conditions import IS_READY
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.transactions import Database

_GROWTH: Final = 16
"""Where the nearest have none, ever more are asked about at a time."""


def _first(listed: str, place: str) -> Prepared:
    # A scalar with a limit is looked up group by group, along the index of claims.
    return Prepared(
        f"SELECT listed.value FROM {listed} WHERE (SELECT 1 FROM request "  # noqa: S608  # our own words
        f"WHERE target = :target AND group_name = listed.value AND {IS_READY} LIMIT 1) "
        f"IS NOT NULL ORDER BY listed.{place} LIMIT 1"
    )


_BY_DIALECT: Final = {
    Dialect.SQLITE: _first("json_each(:names) AS listed", "key"),
    Dialect.POSTGRESQL: _first(
        "jsonb_array_elements_text(CAST(:names AS jsonb)) WITH ORDINALITY AS listed(value, place)",
        "place",
    ),
}


def first_ready(database: Database, target: str, groups: Sequence[str]) -> tuple[str, ...]:
    """The first group, in the order given, with a ready request; empty where none has one."""
    statement = _BY_DIALECT[database.dialect]
    start, size = 0, _GROWTH
    while start < len(groups):
        names = json.dumps(groups[start : start + size])
        [found] = database.ask([(statement, {"names": names, "target": target})])
        if found:
            return (found[0][0],)
        start, size = start + size, size * _GROWTH
    return ()
